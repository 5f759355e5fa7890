"""Deriving a :class:`FeatureSpec` from the whole training table, never from a sample.

A sample misses rare categories, and the one cell that is no number. The rows are in memory anyway,
to be learnt from: what Arrow counts here takes less time than asking the engine once more.
"""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from sqlflow_dagster.errors import TerminalError
from sqlflow_dagster.ml.features.arrow_types import MOMENT_PARTS, moment_parts, plain
from sqlflow_dagster.ml.features.cell_formats import (
    category_format,
    declared_format,
    derived_format,
    is_vector,
)
from sqlflow_dagster.ml.features.cells import read_lists, read_vectors
from sqlflow_dagster.ml.features.columns import read_type
from sqlflow_dagster.ml.features.feature import (
    CellFormat,
    ColumnType,
    Encoding,
    Feature,
    IdMethod,
    IdRule,
    Part,
    SourceColumn,
)
from sqlflow_dagster.ml.features.fit_categories import (
    encoded,
    fit_boundaries,
    fit_ids,
    looks_like_key,
)
from sqlflow_dagster.ml.features.spec import FeatureSpec, Layout
from sqlflow_dagster.ml.features.treatments import (
    Buckets,
    Categories,
    Cells,
    Cross,
    Derived,
    Numbers,
    Reading,
    Treatment,
)

_RAW_HASH = 2**32
_MAX_PARTS = 10_000


def fit_features(
    table: pa.Table, treatments: Sequence[Treatment], *, layout: Layout
) -> FeatureSpec:
    """Measure every feature column of the training rows.

    Args:
        table: All training rows.
        treatments: What becomes of which column.
        layout: How the trainer wants its features.

    Raises:
        TerminalError: A column has too many categories, or cells that are not what COLUMN says.
    """
    return FeatureSpec(
        features=tuple(_fit(table, item, layout) for item in treatments), layout=layout
    )


def _fit(table: pa.Table, treatment: Treatment, layout: Layout) -> Feature:
    try:
        if isinstance(treatment.content, Cross):
            return _fit_cross(table, treatment.content, treatment, layout)
        (cells,) = treatment.cells
        source = _source(cells, treatment)
        array = table.column(cells.column)
        # Trees take numbers as they are: nothing but NULLs is to be counted, and no copy is worth it.
        numbers = isinstance(treatment.content, Derived | Numbers)
        if layout is not Layout.TREES or source.type is not ColumnType.NUMBER or not numbers:
            array = plain(array)
        match treatment.content:
            case Derived():
                return _fit_derived(array, source, treatment, layout)
            case Numbers():
                source = declared_format(array, source, cells)
                return _fit_numbers(array, source, treatment, layout, shape=cells.shape)
            case Buckets() as buckets:
                source = declared_format(array, source, cells)
                return _fit_buckets(array, source, buckets, treatment, layout)
            case Categories() as categories:
                source = _format(array, source, cells)
                return _fit_categories(array, source, categories, treatment, layout)
    except TerminalError as error:
        raise error.at(treatment.span) from error


def _source(cells: Cells, treatment: Treatment) -> SourceColumn:
    return SourceColumn(
        column=cells.column, dtype=str(cells.type), type=read_type(treatment, cells)
    )


def _format(array: pa.Array, source: SourceColumn, cells: Cells) -> SourceColumn:
    if cells.reading is Reading.PLAIN:
        return category_format(array, source)
    return declared_format(array, source, cells)


def _fit_derived(
    array: pa.Array, source: SourceColumn, treatment: Treatment, layout: Layout
) -> Feature:
    if source.type in (ColumnType.NUMBER, ColumnType.MOMENT):
        return _fit_numbers(array, source, treatment, layout)
    source = derived_format(array, source, treatment.span)
    if source.cells is CellFormat.LIST and is_vector(array, source):
        return _fit_numbers(array, source, treatment, layout)
    (cells,) = treatment.cells
    categories = Categories(cells=cells, weighted=True)
    return _fit_categories(array, source, categories, treatment, layout)


def _fit_numbers(
    array: pa.Array,
    source: SourceColumn,
    treatment: Treatment,
    layout: Layout,
    *,
    shape: tuple[int, ...] = (),
) -> Feature:
    scaled = layout is not Layout.TREES
    if source.cells is CellFormat.LIST:
        names, vectors = _vectors(array, source, shape)
        nulls = int(np.isnan(vectors).any(axis=1).sum())
        numbers = [pa.array(item, from_pandas=True) for item in vectors.T] if scaled else []
    elif source.type is ColumnType.MOMENT:
        names = MOMENT_PARTS[:-1] if array.type == pa.date32() else MOMENT_PARTS
        numbers, nulls = [*map(_finite, moment_parts(array, names))], array.null_count
    else:
        _check_single(source, shape)
        names, numbers = ("",), [_finite(array)] if scaled else []
        nulls = numbers[0].null_count if scaled else array.null_count
    parts = (
        tuple(_part(name, item) for name, item in zip(names, numbers, strict=True))
        if scaled
        else tuple(Part(name=name) for name in names)
    )
    return Feature(
        name=treatment.name,
        sources=(source,),
        encoding=Encoding.SCALED if scaled else Encoding.NUMBERS,
        input=treatment.input,
        listed=treatment.listed,
        nulls=nulls,
        null_flag=scaled and nulls > 0,
        parts=parts,
        looks_like_key=not treatment.listed and looks_like_key(array, source.column),
    )


def _vectors(
    array: pa.Array, source: SourceColumn, shape: tuple[int, ...]
) -> tuple[tuple[str, ...], npt.NDArray[np.float64]]:
    """The names of the parts of vectors, and their numbers, shape (n, parts)."""
    if not shape:
        lengths = np.diff(read_lists(array, source).offsets)
        shape = (int(lengths.max(initial=1)),)
    length = math.prod(shape)
    if length > _MAX_PARTS:
        raise TerminalError(
            f"column {source.column!r} has cells of {length} numbers; "
            f"at most {_MAX_PARTS} can be features"
        )
    names = tuple(",".join(map(str, place)) for place in np.ndindex(shape))
    return names, read_vectors(array, source, length)


def _check_single(source: SourceColumn, shape: tuple[int, ...]) -> None:
    if math.prod(shape) != 1:
        raise TerminalError(
            f"column {source.column!r} is one number, but COLUMN declares {math.prod(shape)}",
            hint="leave the shape out",
        )


def _fit_buckets(
    array: pa.Array,
    source: SourceColumn,
    buckets: Buckets,
    treatment: Treatment,
    layout: Layout,
) -> Feature:
    rule, nulls = _bucket_rule(array, source, buckets)
    return encoded(
        Feature(
            name=treatment.name,
            sources=(source,),
            encoding=Encoding.ORDINAL,
            nulls=nulls,
            ids=(rule,),
        ),
        treatment,
        layout,
        asked=True,
    )


def _bucket_rule(array: pa.Array, source: SourceColumn, buckets: Buckets) -> tuple[IdRule, int]:
    """How numbers become buckets, and how many rows have none."""
    if source.cells is CellFormat.LIST:
        _, numbers = _vectors(array, source, buckets.cells.shape)
    else:
        _check_single(source, buckets.cells.shape)
        numbers = array.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)[:, None]
    rule = IdRule(
        method=IdMethod.BUCKET,
        boundaries=fit_boundaries(numbers, buckets.boundaries),
        positions=numbers.shape[1],
    )
    return rule, int(np.isnan(numbers).all(axis=1).sum())


def _fit_categories(
    array: pa.Array,
    source: SourceColumn,
    categories: Categories,
    treatment: Treatment,
    layout: Layout,
) -> Feature:
    values = array if source.cells is CellFormat.SINGLE else read_lists(array, source).values
    rule, has_other = fit_ids(values, categories)
    derived = isinstance(treatment.content, Derived)
    return encoded(
        Feature(
            name=treatment.name,
            sources=(source,),
            encoding=Encoding.CODE,
            nulls=array.null_count,
            ids=(rule,),
            has_other=has_other,
            weighted=categories.weighted and source.cells is CellFormat.PAIRS,
            looks_like_key=derived
            and not treatment.listed
            and looks_like_key(array, source.column),
        ),
        treatment,
        layout,
        asked=categories.size is not None,
    )


def _fit_cross(table: pa.Table, cross: Cross, treatment: Treatment, layout: Layout) -> Feature:
    sources, rules = [], []
    missing = np.zeros(table.num_rows, dtype=bool)
    for key, cells in zip(cross.keys, treatment.cells, strict=True):
        array, source = plain(table.column(cells.column)), _source(cells, treatment)
        sources.append(source)
        match key:
            case Cells():
                rules.append(IdRule(method=IdMethod.HASH, size=_RAW_HASH))
            case Buckets() as buckets:
                rules.append(_bucket_rule(array, source, buckets)[0])
            case Categories() as categories:
                rules.append(fit_ids(array, categories)[0])
        missing |= array.is_null().to_numpy(zero_copy_only=False)
    return encoded(
        Feature(
            name=treatment.name,
            sources=tuple(sources),
            encoding=Encoding.CODE,
            nulls=int(missing.sum()),
            ids=tuple(rules),
            cross_size=cross.size,
        ),
        treatment,
        layout,
        asked=True,
    )


def _part(name: str, numbers: pa.Array) -> Part:
    mean = pc.mean(numbers).as_py() or 0.0
    std = pc.stddev(numbers).as_py() or 0.0
    # Equal values have a spread too, of rounding errors, which must not become the unit.
    return Part(name=name, mean=mean, std=std if std > 1e-9 * abs(mean) else 1.0)


def _finite(array: pa.Array) -> pa.Array:
    numbers = array.cast(pa.float64(), safe=False)
    return pc.if_else(pc.is_finite(numbers), numbers, pa.scalar(None, pa.float64()))
