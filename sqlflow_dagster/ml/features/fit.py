"""Deriving a :class:`FeatureSpec` from the whole training table, never from a sample."""

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from sqlflow_dagster.errors import TerminalError
from sqlflow_dagster.ml.features.arrow_types import (
    MOMENT_PARTS,
    as_categories,
    moment_parts,
    plain,
)
from sqlflow_dagster.ml.features.columns import Treatment
from sqlflow_dagster.ml.features.spec import Feature, FeatureKind, FeatureSpec, Layout, Part

MAX_CATEGORIES = {Layout.TREES: 10_000, Layout.SCALED: 1_000}
"""More categories than this must be asked for by ``CATEGORY_ID(x, n)``: such a column is most
likely an identifier, and one-hot slots cost ``rows * categories * 4`` bytes."""


def fit_features(
    table: pa.Table, treatments: Sequence[Treatment], *, layout: Layout
) -> FeatureSpec:
    """Measure every feature column of the training rows.

    Args:
        table: All training rows.
        treatments: What becomes of which column.
        layout: How the trainer wants its features.

    Raises:
        TerminalError: A column has too many categories.
    """
    features = tuple(_fit(table.column(item.column), item, layout) for item in treatments)
    return FeatureSpec(features=features, layout=layout)


def _fit(column: pa.ChunkedArray, treatment: Treatment, layout: Layout) -> Feature:
    array = plain(column)
    match treatment.kind:
        case FeatureKind.CATEGORY:
            return _fit_category(as_categories(array), treatment, layout, str(column.type))
        case FeatureKind.MOMENT:
            names = MOMENT_PARTS[:-1] if array.type == pa.date32() else MOMENT_PARTS
            numbers = moment_parts(array, names)
        case FeatureKind.NUMERIC | FeatureKind.BOOLEAN:
            names, numbers = ("",), [_finite(array)]
    return Feature(
        column=treatment.column,
        kind=treatment.kind,
        dtype=str(column.type),
        nulls=numbers[0].null_count,
        parts=tuple(_part(name, item) for name, item in zip(names, numbers, strict=True)),
    )


def _fit_category(array: pa.Array, treatment: Treatment, layout: Layout, dtype: str) -> Feature:
    present = array.drop_null()
    counts = present.value_counts()
    order = pc.sort_indices(
        pa.table({"value": counts.field("values"), "count": counts.field("counts")}),
        sort_keys=[("count", "descending"), ("value", "ascending")],
    )
    vocabulary = counts.field("values").take(order[: treatment.size])
    limit = MAX_CATEGORIES[Layout.SCALED if treatment.one_hot else layout]
    if len(vocabulary) > limit:
        raise TerminalError(
            f"column {treatment.column!r} has {len(vocabulary)} categories; "
            f"at most {limit} are taken without being asked for",
            treatment.span,
            f"leave it out of the SELECT if it identifies rows, or write "
            f"CATEGORY_ID({treatment.column}, {limit}) to keep the most frequent",
        )
    return Feature(
        column=treatment.column,
        kind=FeatureKind.CATEGORY,
        dtype=dtype,
        nulls=array.null_count,
        vocabulary=tuple(vocabulary.take(pc.sort_indices(vocabulary)).to_pylist()),
        has_other=len(vocabulary) < len(counts),
        one_hot=treatment.one_hot,
    )


def _part(name: str, numbers: pa.Array) -> Part:
    mean = pc.mean(numbers).as_py() or 0.0
    std = pc.stddev(numbers).as_py() or 0.0
    # Equal values have a spread too, of rounding errors, which must not become the unit.
    return Part(name=name, mean=mean, std=std if std > 1e-9 * abs(mean) else 1.0)


def _finite(array: pa.Array) -> pa.Array:
    numbers = array.cast(pa.float64(), safe=False)
    return pc.if_else(pc.is_finite(numbers), numbers, pa.scalar(None, pa.float64()))
