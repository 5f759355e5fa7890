"""What each source column added to each prediction."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from sqlflow_dagster.ml.base import Contributions
from sqlflow_dagster.ml.features.labels import decode
from sqlflow_dagster.ml.features.spec import EncodedTable, FeatureSpec, LabelSpec
from sqlflow_dagster.ml.tasks import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """An explanation of predictions.

    Attributes:
        rows: One row a prediction, in the order of the input: a double for each source column,
            which is what it added, and ``base_value``. They add up to the raw prediction: a
            regression value, the log-odds of the second of two classes, or the score of the
            predicted class of more, which ``explained_class`` then names.
        summary: ``feature`` and ``mean_abs_contribution``, the greatest first.
        png: A plot of the summary, less than 100 KB.
    """

    rows: pa.Table
    summary: pa.Table
    png: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnContributions:
    """Contributions by source column.

    Attributes:
        columns: The source columns; a CROSS stands for itself.
        values: shape (n, columns).
        base_values: shape (n,).
        amounts: Encoded values that the plot may colour by, shape (n, columns); NaN for a column
            that is not one number.
    """

    columns: tuple[str, ...]
    values: FloatArray
    base_values: FloatArray
    amounts: FloatArray


def by_column(
    contributions: Contributions,
    features: EncodedTable,
    spec: FeatureSpec,
    chosen: npt.NDArray[np.int64] | None,
) -> ColumnContributions:
    """Add the contributions of slots and bags up to those of their source columns.

    Args:
        contributions: Of ``n`` rows.
        features: Those rows.
        spec: How they were encoded.
        chosen: For each row, the output to explain, shape (n,); None where there is only one.
    """
    columns = tuple(dict.fromkeys(item.explained_as for item in spec.features))
    rows = np.arange(len(features))
    outputs = np.zeros(len(features), dtype=np.int64) if chosen is None else chosen
    values = contributions.values[rows, outputs].astype(np.float64)
    owners = [columns.index(slot.column) for slot in features.slots]
    owners += [columns.index(bag.column) for bag in spec.bag_slots]
    summed = np.zeros((len(features), len(columns)))
    amounts = np.full_like(summed, np.nan)
    for index, owner in enumerate(owners):
        summed[:, owner] += values[:, index]
    for index, slot in enumerate(features.slots):
        if not slot.category_code and slot.name == slot.column:
            amounts[:, owners[index]] = features.matrix[:, index]
    base_values = contributions.base_values[rows, outputs].astype(np.float64)
    return ColumnContributions(
        columns=columns, values=summed, base_values=base_values, amounts=amounts
    )


def rows_table(
    found: ColumnContributions, prediction: FloatArray | None, label: LabelSpec
) -> pa.Table:
    """The ``rows`` of an :class:`Explanation`; ``prediction`` where each explains another class."""
    data = {name: found.values[:, index] for index, name in enumerate(found.columns)}
    data[_free_name("base_value", found.columns)] = found.base_values
    table = pa.table(data)
    if prediction is None:
        return table
    return table.append_column(
        _free_name("explained_class", found.columns), decode(prediction, label)
    )


def summary_table(found: ColumnContributions) -> pa.Table:
    """The ``summary`` of an :class:`Explanation`."""
    means = np.abs(found.values).mean(axis=0)
    order = np.argsort(-means, kind="stable")
    return pa.table(
        {
            "feature": [found.columns[index] for index in order],
            "mean_abs_contribution": means[order],
        }
    )


def _free_name(name: str, columns: tuple[str, ...]) -> str:
    taken = {item.lower() for item in columns}
    while name in taken:
        name += "_"
    return name
