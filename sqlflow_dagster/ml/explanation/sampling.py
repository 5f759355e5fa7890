"""Shapley values of any model, by sampling the order in which columns become known.

A column's contribution is how the prediction changes when its value is put into a row of the
training, averaged over orders of the columns and over such rows (Štrumbelj and Kononenko, 2014,
"Explaining prediction models and individual predictions with feature contributions"). Each order is
used backwards too, which takes most of the noise out (Mitchell et al., 2022, "Sampling Permutations
for Shapley Value Estimation"). However few orders there are, contributions add up exactly.
"""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from sqlflow_dagster.ml.base import ProgressCallback, no_progress
from sqlflow_dagster.ml.features.arrow_types import column_index, plain
from sqlflow_dagster.ml.tasks import FloatArray

_PREDICTED_AT_ONCE = 20_000


def sampled(
    predict: Callable[[pa.Table], FloatArray],
    rows: pa.Table,
    background: pa.Table,
    columns: Sequence[str],
    *,
    seed: int,
    progress: ProgressCallback = no_progress,
) -> tuple[FloatArray, FloatArray]:
    """What each column added to what a model predicts.

    Two orders a background row are sampled; a row and a column cost twice as many predictions as
    there are background rows.

    Args:
        predict: Outputs of rows, shape (n, outputs).
        rows: ``n`` rows to explain.
        background: Rows of the training.
        columns: The columns that the model reads.
        seed: Of the orders.
        progress: Told after each background row.

    Returns:
        Contributions, shape (n, outputs, columns), and the mean outputs of the background rows,
        shape (n, outputs).
    """
    states = _States(predict, rows, background, columns)
    known, unknown = states.ends()
    values = np.zeros((*known.shape, len(columns)))
    random = np.random.default_rng(seed)
    for place in range(background.num_rows):
        order = random.permutation(len(columns))
        for direction in (order, order[::-1]):
            start = np.broadcast_to(unknown[place], known.shape)
            path = [start, *states.along(place, direction), known]
            for index, column in enumerate(direction):
                values[:, :, column] += path[index + 1] - path[index]
        progress(place + 1, background.num_rows, "background rows")
    values /= 2 * background.num_rows
    return values, np.tile(unknown.mean(axis=0), (len(known), 1))


class _States:
    """Predictions of rows whose columns are partly those of a background row."""

    def __init__(
        self,
        predict: Callable[[pa.Table], FloatArray],
        rows: pa.Table,
        background: pa.Table,
        columns: Sequence[str],
    ) -> None:
        self._predict = predict
        self._rows = rows.num_rows
        self._names = list(columns)
        self._arrays = [
            _joined(*(plain(table.column(_place(name, table))) for table in (rows, background)))
            for name in columns
        ]

    def ends(self) -> tuple[FloatArray, FloatArray]:
        """The outputs of the rows and of the background rows as they are."""
        everything = np.arange(len(self._arrays[0]))
        found = self._outputs([everything] * len(self._names))
        return found[: self._rows], found[self._rows :]

    def along(self, place: int, order: npt.NDArray[np.int64]) -> list[FloatArray]:
        """The outputs after each column of an order but the last has become known."""
        own = np.arange(self._rows)
        other = np.full(self._rows, self._rows + place)
        ranks = np.argsort(order)
        steps = len(order) - 1
        at_once = max(1, _PREDICTED_AT_ONCE // self._rows)
        found: list[FloatArray] = []
        for start in range(0, steps, at_once):
            part = range(start, min(start + at_once, steps))
            indexes = [
                np.concatenate([own if rank <= step else other for step in part]) for rank in ranks
            ]
            found += np.split(self._outputs(indexes), len(part))
        return found

    def _outputs(self, indexes: Sequence[npt.NDArray[np.int64]]) -> FloatArray:
        columns = [
            array.take(pa.array(index)) for array, index in zip(self._arrays, indexes, strict=True)
        ]
        return self._predict(pa.table(columns, names=self._names))


def _place(name: str, table: pa.Table) -> int:
    return column_index(name, table.column_names, None, "the model")


def _joined(first: pa.Array, second: pa.Array) -> pa.Array:
    """Both after each other, in a type that keeps the values of both."""
    types = {first.type, second.type} - {pa.null()}
    if len(types) > 1:
        numbers = all(item in (pa.int64(), pa.float64(), pa.bool_()) for item in types)
        moments = (pa.date32(), pa.timestamp("us"))
        times = all(item in moments for item in types)
        types = {pa.float64() if numbers else pa.timestamp("us") if times else pa.large_string()}
    wanted = types.pop() if types else pa.null()
    return pa.concat_arrays([first.cast(wanted), second.cast(wanted)])
