"""What the rows of a column tell about its cells: single values, lists, or keys with weights.

All rows count, never a sample: one cell of another form makes another feature.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sqlflow_dagster.errors import TerminalError
from sqlflow_dagster.ml.features.cells import NUMBER, read_lists
from sqlflow_dagster.ml.features.feature import CellFormat, ColumnType, SourceColumn
from sqlflow_dagster.ml.features.treatments import Cells, Reading
from sqlflow_dagster.source import Span

_FIRST_LOOK = 1_000
_VECTOR = rf"^\s*{NUMBER}(?:\s*,\s*{NUMBER})+\s*,?\s*$"
_IDS = r"^\s*\d+(?:\s*,\s*\d+)*\s*,?\s*$"
_SEVERAL_IDS = r"\d\s*,\s*\d"
# How keys with weights are written without being declared: LIBSVM's form, and one with commas.
_PAIRS = {
    " ": rf"^\s*\d+:{NUMBER}(?:\s+\d+:{NUMBER})*\s*$",
    ",": rf"^\s*\d+\s*:\s*{NUMBER}(?:\s*,\s*\d+\s*:\s*{NUMBER})*\s*,?\s*$",
}
_SEVERAL_PAIRS = r":.*:"


def derived_format(array: pa.Array, source: SourceColumn, span: Span | None) -> SourceColumn:
    """How cells are read about which nothing was said.

    Texts are lists where every cell has two numbers or more, and pairs where every cell is a key
    with a weight or more; arrays are lists.

    Args:
        array: All training rows, plain.
        source: The column.
        span: Where COLUMN speaks of it.

    Raises:
        TerminalError: Lists of fractions differ in length, so that they are neither vectors nor
            lists of categories.
    """
    if source.type is ColumnType.ARRAY:
        found = replace(source, cells=CellFormat.LIST)
    elif source.type is ColumnType.TEXT and _all_match(array, _VECTOR):
        found = replace(source, cells=CellFormat.LIST, delimiter=",")
    else:
        return _pairs_format(array, source) or source
    lists = read_lists(array, found)
    lengths = np.diff(lists.offsets)
    lengths = np.unique(lengths[lengths > 0])
    if len(lengths) > 1 and not has_ids(lists.values):
        raise TerminalError(
            f"column {source.column!r} has lists of {lengths[0]} to {lengths[-1]} numbers, "
            "but a vector has equally many in every row",
            span,
            "make them equally long in the SELECT, or leave the column out",
        )
    return found


def is_vector(array: pa.Array, source: SourceColumn) -> bool:
    """Whether lists are vectors: numbers, of one length in all rows that have any."""
    lists = read_lists(array, source)
    lengths = np.diff(lists.offsets)
    numbers = source.type is ColumnType.TEXT or not pa.types.is_large_string(lists.values.type)
    return numbers and len(np.unique(lengths[lengths > 0])) <= 1


def has_ids(values: pa.Array) -> bool:
    """Whether the values of lists may be ids: texts that are no fractions, or whole numbers."""
    if pa.types.is_floating(values.type):
        return False
    if not pa.types.is_large_string(values.type):
        return True
    return not _any_match(values, r"^[-+]?(?:\d*\.\d*|\d+\.?\d*[eE].*)$")


def category_format(array: pa.Array, source: SourceColumn) -> SourceColumn:
    """How cells of categories are read about which nothing was said.

    Texts are lists where every cell has whole numbers with commas between, and pairs as in
    :func:`derived_format`; arrays are lists.
    """
    if source.type is ColumnType.ARRAY:
        return replace(source, cells=CellFormat.LIST)
    if source.type is not ColumnType.TEXT:
        return source
    if _all_match(array, _IDS) and _any_match(array, _SEVERAL_IDS):
        return replace(source, cells=CellFormat.LIST, delimiter=",")
    return _pairs_format(array, source) or source


def declared_format(array: pa.Array, source: SourceColumn, cells: Cells) -> SourceColumn:
    """How the cells of DENSE and SPARSE are read: as declared, else as rows tell."""
    if source.type is ColumnType.NUMBER:
        return source
    if source.type is ColumnType.ARRAY:
        return replace(source, cells=CellFormat.LIST)
    if cells.reading is Reading.SPARSE:
        if cells.pair_delimiter is not None:
            return replace(
                source,
                cells=CellFormat.PAIRS,
                delimiter=cells.delimiter or ",",
                pair_delimiter=cells.pair_delimiter,
            )
        if cells.delimiter is None and (found := _pairs_format(array, source)):
            return found
    return replace(source, cells=CellFormat.LIST, delimiter=cells.delimiter or ",")


def _pairs_format(array: pa.Array, source: SourceColumn) -> SourceColumn | None:
    if source.type is not ColumnType.TEXT:
        return None
    for delimiter, pattern in _PAIRS.items():
        # 12:30 alone is a time rather than a key with a weight.
        if _all_match(array, pattern) and _any_match(array, _SEVERAL_PAIRS):
            return replace(source, cells=CellFormat.PAIRS, delimiter=delimiter, pair_delimiter=":")
    return None


def _all_match(array: pa.Array, pattern: str) -> bool:
    return _match(array, pattern, pc.all)


def _any_match(array: pa.Array, pattern: str) -> bool:
    return _match(array, pattern, pc.any)


def _match(array: pa.Array, pattern: str, of: Callable[..., pa.Scalar]) -> bool:
    """Whether all or any texts match; blank ones say nothing."""
    if not pa.types.is_large_string(array.type):
        return False
    first = _written(array[:_FIRST_LOOK])
    found = bool(of(pc.match_substring_regex(first, pattern), min_count=0).as_py())
    # All is false, or any is true, as soon as the first rows tell.
    if (len(first) and found is (of is pc.any)) or len(array) <= _FIRST_LOOK:
        return found and len(first) > 0
    rest = _written(array.unique())
    return len(rest) > 0 and bool(of(pc.match_substring_regex(rest, pattern)).as_py())


def _written(texts: pa.Array) -> pa.Array:
    """The texts that are neither NULL nor blank."""
    return texts.filter(pc.match_substring_regex(texts, r"\S"))
