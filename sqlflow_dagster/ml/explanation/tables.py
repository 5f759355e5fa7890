"""Explanations as tables."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from sqlflow_dagster.ml.explanation.columns import ColumnContributions
from sqlflow_dagster.ml.explanation.outputs import Outputs
from sqlflow_dagster.ml.features.arrow_types import column_index

IS_PREDICTED, BASE_VALUE = "is_predicted", "base_value"


def rows_table(found: ColumnContributions, outputs: Outputs | None, keys: pa.Table) -> pa.Table:
    """A row for each row that is explained, and for each output of a model that has several.

    Args:
        found: The contributions.
        outputs: Of a model that has several.
        keys: Columns that go before, of the rows that are explained.

    Returns:
        The keys, the output and ``is_predicted``, a double for each source column and
        ``base_value``. A source column that is a key too is called ``…_contribution``.
    """
    rows, count, _ = found.values.shape
    data = dict(zip(keys.column_names, keys.columns, strict=True))
    if count > 1:
        repeated = pa.array(np.repeat(np.arange(rows), count))
        data = {name: column.take(repeated) for name, column in data.items()}
    if outputs is not None:
        places = pa.array(np.tile(np.arange(count), rows))
        data[_free(outputs.name, data, found.columns)] = outputs.names.take(places)
        if outputs.chosen is not None:
            data[_free(IS_PREDICTED, data, found.columns)] = pa.array(outputs.chosen.reshape(-1))
    taken = {name.lower() for name in keys.column_names}
    for index, name in enumerate(found.columns):
        added = (
            _free(f"{name}_contribution", data, found.columns) if name.lower() in taken else name
        )
        data[added] = pa.array(found.values[:, :, index].reshape(-1))
    data[_free(BASE_VALUE, data, found.columns)] = pa.array(found.base_values.reshape(-1))
    return pa.table(data)


def key_table(rows: pa.Table, names: Sequence[str] | None, sources: Sequence[str]) -> pa.Table:
    """The columns that tell explained rows apart.

    Args:
        rows: What the SELECT gives.
        names: The columns to keep; None for all that the model does not read.
        sources: The columns that the model reads.

    Raises:
        TerminalError: The rows have no such column.
    """
    if names is None:
        folded = {name.lower() for name in sources}
        return rows.select([name for name in rows.column_names if name.lower() not in folded])
    places = [column_index(name, rows.column_names, None, "explain.key_columns") for name in names]
    return rows.select(list(dict.fromkeys(places)))


def summary_table(found: ColumnContributions) -> pa.Table:
    """``feature`` and ``mean_abs_contribution``, summed over the outputs, the greatest first."""
    sizes = found.mean_sizes.sum(axis=0)
    order = np.argsort(-sizes, kind="stable")
    return pa.table(
        {
            "feature": [found.columns[index] for index in order],
            "mean_abs_contribution": sizes[order],
        }
    )


def _free(name: str, data: dict[str, pa.Array], columns: Sequence[str]) -> str:
    taken = {item.lower() for item in (*data, *columns)}
    while name.lower() in taken:
        name += "_"
    return name
