"""Arrow tables to matrices: the one function that training, prediction and explanation share."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from sqlflow_dagster.errors import TerminalError
from sqlflow_dagster.ml.features.arrow_types import (
    column_index,
    column_type,
    fits,
    moment_parts,
    plain,
)
from sqlflow_dagster.ml.features.categories import fill_codes, fill_one_hot, row_ids, to_bag
from sqlflow_dagster.ml.features.cells import read_vectors
from sqlflow_dagster.ml.features.feature import (
    CellFormat,
    ColumnType,
    Encoding,
    Feature,
    SourceColumn,
)
from sqlflow_dagster.ml.features.spec import EncodedTable, FeatureSpec

_BLOCK_ROWS = 16_384
"""Rows of the matrix that stay in a processor's cache while their columns are filled."""


def encode(table: pa.Table, spec: FeatureSpec) -> EncodedTable:
    """Encode rows as a specification says; rows encoded in parts are those encoded at once.

    Columns are found by name, in any order; other columns do not matter. What becomes of NULL and
    of a category that training did not know stands at
    :class:`~sqlflow_dagster.ml.features.feature.Encoding`.

    Args:
        table: ``n`` rows, with at least the columns of the specification.
        spec: What the model knows of its inputs.

    Raises:
        TerminalError: A column is missing, has another kind of type, holds an infinite number, or
            cells that are not as at training.
    """
    columns = {item: _column(table, item) for item in spec.sources}
    slots = spec.slots
    matrix = np.empty((table.num_rows, len(slots)), dtype=np.float32)
    bags, start, numbers = [], 0, []
    for feature in spec.features:
        into = matrix[:, start : start + len(feature.slots)]
        start += into.shape[1]
        if _is_plain_number(feature):
            numbers.append((columns[feature.sources[0]], feature, into))
            continue
        arrays = [plain(columns[item]) for item in feature.sources]
        match feature.encoding:
            case Encoding.NUMBERS | Encoding.SCALED:
                _fill_numbers(_parts(arrays[0], feature), feature, into)
            case Encoding.CODE | Encoding.ORDINAL:
                fill_codes(row_ids(arrays, feature), into)
            case Encoding.ONE_HOT:
                fill_one_hot(row_ids(arrays, feature), feature, into)
            case Encoding.BAG:
                bags.append(to_bag(row_ids(arrays, feature), feature))
    _fill_plain_numbers(numbers)
    _refuse_infinite(matrix, spec)
    return EncodedTable(matrix=matrix, slots=slots, bags=tuple(bags))


def wrong_type(source: SourceColumn, type_: pa.DataType) -> TerminalError:
    """The error for a column whose type is not that of the training."""
    return TerminalError(
        f"column {source.column!r} has type {type_}, but the model was trained with {source.dtype}",
        hint="CAST it in the SELECT",
    )


def _column(table: pa.Table, source: SourceColumn) -> pa.ChunkedArray:
    index = column_index(source.column, table.column_names, None, "the model")
    column = table.column(index)
    if not fits(source, column.type):
        raise wrong_type(source, column.type)
    if source.type is ColumnType.MOMENT and column_type(column.type) is ColumnType.TEXT:
        return _moments(column, source)
    return column


def _moments(column: pa.ChunkedArray, source: SourceColumn) -> pa.ChunkedArray:
    """Texts such as ``2024-02-29`` or ``2024-02-29 12:00:00`` as timestamps."""
    try:
        return pa.chunked_array([plain(column).cast(pa.timestamp("us"))])
    except pa.ArrowInvalid as error:
        raise TerminalError(
            f"column {source.column!r} was {source.dtype} when the model was trained, "
            f"and now holds a text that is no such: {error}",
            hint="write dates as 2024-02-29 and timestamps as 2024-02-29 12:00:00",
        ) from error


def _is_plain_number(feature: Feature) -> bool:
    source = feature.sources[0]
    return (
        feature.encoding in (Encoding.NUMBERS, Encoding.SCALED)
        and source.type is ColumnType.NUMBER
        and source.cells is CellFormat.SINGLE
    )


def _fill_plain_numbers(
    items: Sequence[tuple[pa.ChunkedArray, Feature, npt.NDArray[np.float32]]],
) -> None:
    """Fill the slots of number columns, a block of rows at a time.

    Each column of a matrix is spread over all its memory: filling whole columns one after the
    other would bring all of it into the cache once for each of them.
    """
    if not items:
        return
    columns = {str(index): item[0] for index, item in enumerate(items)}
    start = 0
    for batch in pa.table(columns).to_batches(max_chunksize=_BLOCK_ROWS):
        end = start + batch.num_rows
        for array, (_, feature, into) in zip(batch.columns, items, strict=True):
            _fill_numbers([_floats(array)], feature, into[start:end])
        start = end


def _floats(array: pa.Array) -> npt.NDArray[np.floating]:
    """Numbers as they lie in memory; NaN for NULL."""
    if not (pa.types.is_integer(array.type) or pa.types.is_floating(array.type)):
        array = plain(array).cast(pa.float64(), safe=False)
    values: npt.NDArray[np.floating] = array.to_numpy(zero_copy_only=False)
    return values


def _parts(array: pa.Array, feature: Feature) -> Sequence[npt.NDArray[np.floating]]:
    """The numbers of each part of a moment or of a vector."""
    if feature.sources[0].type is ColumnType.MOMENT:
        numbers = moment_parts(array, [part.name for part in feature.parts])
        return [item.to_numpy(zero_copy_only=False) for item in numbers]
    if feature.sources[0].cells is CellFormat.LIST:
        return list(read_vectors(array, feature.sources[0], len(feature.parts)).T)
    return [_floats(array)]


def _fill_numbers(
    numbers: Sequence[npt.NDArray[np.floating]],
    feature: Feature,
    into: npt.NDArray[np.float32],
) -> None:
    # What is too large for 32 bits becomes infinite, and is refused by its name later.
    with np.errstate(over="ignore", invalid="ignore"):
        if feature.encoding is Encoding.NUMBERS:
            for index, values in enumerate(numbers):
                into[:, index] = values
            return
        missing = [np.isnan(values) for values in numbers]
        for index, (part, values) in enumerate(zip(feature.parts, numbers, strict=True)):
            into[:, index] = (values - part.mean) / part.std
            into[missing[index], index] = 0.0
    if feature.null_flag:
        into[:, -1] = np.logical_or.reduce(missing)


def _refuse_infinite(matrix: npt.NDArray[np.float32], spec: FeatureSpec) -> None:
    for start in range(0, len(matrix), _BLOCK_ROWS):
        if np.isinf(matrix[start : start + _BLOCK_ROWS]).any():
            break
    else:
        return
    counts = np.isinf(matrix).sum(axis=0)
    slot = spec.slots[int(counts.argmax())]
    raise TerminalError(
        f"column {slot.column!r} is infinite or larger than "
        f"{float(np.finfo(np.float32).max):.1e} in {counts.max()} of {len(matrix)} rows",
        hint="filter them out in the SELECT, or turn them into NULL",
    )
