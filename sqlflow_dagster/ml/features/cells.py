"""Reading cells that hold several values: ``1,2,3``, ``3:0.5 7:1`` and arrays."""

import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from sqlflow_dagster.errors import TerminalError
from sqlflow_dagster.ml.features.arrow_types import is_array, plain
from sqlflow_dagster.ml.features.feature import CellFormat, SourceColumn

NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
"""A number as a cell may have it, as a regular expression."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lists:
    """Cells of several values: row ``i`` has those from ``offsets[i]`` up to ``offsets[i + 1]``.

    Attributes:
        values: Of all rows, shape (values,).
        offsets: int64, shape (n + 1,).
        nulls: Which rows are NULL, shape (n,); such a row has no values.
        weights: Of the values, float32; None where a cell has none.
    """

    values: pa.Array
    offsets: npt.NDArray[np.int64]
    nulls: npt.NDArray[np.bool_]
    weights: npt.NDArray[np.float32] | None = None

    def rows(self) -> npt.NDArray[np.int64]:
        """The row of each value, shape (values,)."""
        return np.repeat(np.arange(len(self.nulls)), np.diff(self.offsets))


def read_lists(array: pa.Array, source: SourceColumn) -> Lists:
    """The values of cells that are lists or pairs; a blank text has none.

    Args:
        array: Plain text or arrays, shape (n,).
        source: Its format.

    Raises:
        TerminalError: A cell has no such format.
    """
    nulls = null_mask(array)
    if pa.types.is_null(array.type):
        return _lists(pa.nulls(0, pa.large_string()), np.zeros(len(array), np.int64), nulls)
    if is_array(array.type):
        lengths = pc.list_value_length(array).fill_null(0).to_numpy(zero_copy_only=False)
        return _lists(plain(array.flatten()), lengths, nulls)
    items = _split(array, source.delimiter)
    lengths = pc.list_value_length(items).fill_null(0).to_numpy(zero_copy_only=False)
    values = pc.utf8_trim_whitespace(items.flatten())
    if source.cells is not CellFormat.PAIRS:
        return _lists(values, lengths, nulls)
    keys, weights = _pairs(values, source)
    return _lists(keys, lengths, nulls, weights)


def read_vectors(array: pa.Array, source: SourceColumn, length: int) -> npt.NDArray[np.float64]:
    """Cells of equally many numbers, shape (n, length); NaN where a cell is NULL or blank.

    Raises:
        TerminalError: A cell has another number of values, or one that is no number.
    """
    lists = read_lists(array, source)
    lengths = np.diff(lists.offsets)
    present = lengths > 0
    wrong = np.flatnonzero(present & (lengths != length))
    if len(wrong):
        raise TerminalError(
            f"column {source.column!r} has cells of {length} number{'' if length == 1 else 's'}, "
            f"but one has {lengths[wrong[0]]}: {_shown(array[int(wrong[0])])}",
            hint="make them equally long in the SELECT",
        )
    numbers = read_numbers(lists.values, source)
    if present.all():
        return numbers.reshape(len(array), length)
    result = np.full((len(array), length), np.nan)
    result[present] = numbers.reshape(-1, length)
    return result


def read_numbers(values: pa.Array, source: SourceColumn) -> npt.NDArray[np.float64]:
    """Texts or numbers as float64; NaN for NULL.

    Raises:
        TerminalError: A text is no number.
    """
    try:
        numbers = values.cast(pa.float64(), safe=False)
    except pa.ArrowInvalid as error:
        wrong = values.filter(pc.invert(pc.match_substring_regex(values, f"^{NUMBER}$")))
        shown = _shown(wrong[0]) if len(wrong) else str(error)
        raise TerminalError(
            f"column {source.column!r} has numbers in its cells, but one has {shown}",
            hint="mend it in the SELECT",
        ) from error
    result: npt.NDArray[np.float64] = numbers.to_numpy(zero_copy_only=False)
    return result


def null_mask(array: pa.Array) -> npt.NDArray[np.bool_]:
    """Which values are NULL, shape (n,)."""
    nulls: npt.NDArray[np.bool_] = array.is_null().to_numpy(zero_copy_only=False)
    return nulls


def _lists(
    values: pa.Array,
    lengths: npt.NDArray[np.int64],
    nulls: npt.NDArray[np.bool_],
    weights: npt.NDArray[np.float32] | None = None,
) -> Lists:
    offsets = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return Lists(values=values, offsets=offsets, nulls=nulls, weights=weights)


def _split(texts: pa.Array, delimiter: str) -> pa.Array:
    """Lists of texts; NULL for a blank one, which would have one empty value."""
    trimmed = pc.utf8_trim_whitespace(texts)
    if delimiter.isspace() and delimiter != "\t":
        items = pc.utf8_split_whitespace(trimmed)
    else:
        end = rf"\s*{re.escape(delimiter)}$"
        items = pc.split_pattern(pc.replace_substring_regex(trimmed, end, ""), delimiter)
    return pc.if_else(pc.equal(trimmed, ""), pa.scalar(None, items.type), items)


def _pairs(items: pa.Array, source: SourceColumn) -> tuple[pa.Array, npt.NDArray[np.float32]]:
    """Keys and weights; a key without a weight weighs 1."""
    delimiter = source.pair_delimiter
    alone = pc.invert(pc.match_substring(items, delimiter))
    complete = pc.if_else(
        alone, pc.binary_join_element_wise(items, *_weight_of_one(delimiter)), items
    )
    halves = pc.split_pattern(complete, delimiter, max_splits=1)
    texts = pc.utf8_trim_whitespace(halves.flatten())
    weights = read_numbers(texts.take(np.arange(1, len(texts), 2)), source)
    return texts.take(np.arange(0, len(texts), 2)), weights.astype(np.float32)


def _weight_of_one(delimiter: str) -> tuple[pa.Scalar, pa.Scalar]:
    return pa.scalar("1", pa.large_string()), pa.scalar(delimiter, pa.large_string())


def _shown(value: pa.Scalar) -> str:
    text = repr(value.as_py())
    return text if len(text) <= 60 else f"{text[:60]}…"
