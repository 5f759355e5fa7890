"""Which rows a model learns from, and which it is judged on."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from zlib import crc32

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from sqlflow_dagster.errors import TerminalError
from sqlflow_dagster.lang.statements import Attribute
from sqlflow_dagster.ml.attributes import find, value_span
from sqlflow_dagster.ml.features.arrow_types import column_index, plain
from sqlflow_dagster.ml.features.ids import mixed
from sqlflow_dagster.source import Span

SELECT, SPLIT, SPLIT_BY, SPLIT_KEY, FOLDS = (
    "validation.select",
    "validation.split",
    "validation.split_by",
    "validation.split_key",
    "validation.folds",
)
_NAMES = (SELECT, SPLIT, SPLIT_BY, SPLIT_KEY, FOLDS)
DEFAULT_SHARE = 0.2
_CONTRADICTIONS = (
    (SELECT, SPLIT),
    (SELECT, SPLIT_BY),
    (SELECT, SPLIT_KEY),
    (SELECT, FOLDS),
    (SPLIT, FOLDS),
    (SPLIT_BY, FOLDS),
    (SPLIT_KEY, FOLDS),
    (SPLIT_BY, SPLIT_KEY),
)
_NULL = -0x5D1E_A5E0_0F0F_0F0F
"""Stands for NULL where values are hashed; no number of everyday use has these bits."""


class Way(StrEnum):
    """Where the rows to validate on come from."""

    NONE = "none"
    SELECT = "another SELECT"
    SHARE = "a share of the rows, by their hash"
    LATEST = "the latest of the rows"
    FOLDS = "each of some parts of the rows, in turn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Splitting:
    """How rows are put on two sides.

    Attributes:
        way: Where the rows to validate on come from.
        share: How much of the rows of the SELECT validates.
        column: What is hashed, the whole row where None; of :attr:`Way.LATEST`, the time.
        folds: How many parts.
        span: Where the statement asks for it.
    """

    way: Way = Way.NONE
    share: float = DEFAULT_SHARE
    column: str | None = None
    folds: int = 0
    span: Span | None = None

    @property
    def validates(self) -> bool:
        """Whether the final model has rows that it does not learn from, to validate on."""
        return self.way in (Way.SELECT, Way.SHARE, Way.LATEST)


def read_splitting(
    attributes: Sequence[Attribute],
    values: Mapping[str, Any],
    columns: Sequence[str] | None,
    *,
    group: str | None = None,
) -> Splitting:
    """What a statement says of the rows to validate on.

    Args:
        attributes: Of the statement.
        values: What :func:`~sqlflow_dagster.ml.attributes.read_common` gave.
        columns: What the SELECT gives; None where that is not known, and names are taken as they are.
        group: The column of the groups of a ranking, which are not torn apart.

    Raises:
        TerminalError: Two attributes contradict each other, or a column is not there.
    """
    given = {
        name: found
        for name in _NAMES
        if values[name] and (found := find(attributes, name)) is not None
    }
    _check_share(find(attributes, SPLIT))
    for first, second in _CONTRADICTIONS:
        if first in given and second in given:
            raise TerminalError(
                f"{first} and {second} both say which rows validate",
                given[second].span,
                "leave one of them out",
            )

    def column(name: str) -> str:
        item = given[name]
        if columns is None:
            return str(item.value)
        return columns[column_index(str(item.value), columns, value_span(item), name)]

    share = values[SPLIT] or DEFAULT_SHARE
    match given:
        case {"validation.select": item}:
            return Splitting(way=Way.SELECT, span=item.span)
        case {"validation.folds": item}:
            return Splitting(way=Way.FOLDS, folds=values[FOLDS], span=item.span)
        case {"validation.split_by": item}:
            return Splitting(way=Way.LATEST, share=share, column=column(SPLIT_BY), span=item.span)
        case {"validation.split_key": item}:
            return Splitting(way=Way.SHARE, share=share, column=column(SPLIT_KEY), span=item.span)
        case {"validation.split": item}:
            return Splitting(way=Way.SHARE, share=share, column=group, span=item.span)
    return Splitting()


def validation_rows(rows: pa.Table, splitting: Splitting) -> npt.NDArray[np.bool_]:
    """Which rows validate, shape (n,), of :attr:`Way.SHARE` and :attr:`Way.LATEST`.

    By a share, a row is judged by its values alone: it stays on its side when others come or go,
    and equal rows are on one side.

    Raises:
        TerminalError: One of the sides has no row, or a row has no time.
    """
    if splitting.way is Way.LATEST:
        chosen = _latest(rows, splitting)
    else:
        hashed = rows.columns if splitting.column is None else [rows.column(splitting.column)]
        limit = np.uint64(splitting.share * 2.0**64)
        chosen = mixed([_bits(column) for column in hashed]) < limit
    found = int(chosen.sum())
    if found in (0, len(chosen)):
        raise TerminalError(
            f"of {len(chosen)} rows {found} validate: none is left "
            f"to {'learn from' if found else 'validate on'}",
            splitting.span,
            "give more rows, another share, or a validation.select",
        )
    return chosen


def fold_numbers(
    rows: int, splitting: Splitting, strata: npt.NDArray[Any] | None, *, seed: int
) -> npt.NDArray[np.int64]:
    """The fold of each row, from 0, shape (n,).

    Args:
        rows: How many there are.
        splitting: How many folds.
        strata: Whole numbers, shape (n,): rows of one number are spread evenly over the folds.
        seed: Of the order in which they are dealt out.

    Raises:
        TerminalError: There are fewer rows than folds.
    """
    if rows < splitting.folds:
        raise TerminalError(
            f"{FOLDS} is {splitting.folds}, but the SELECT gives {rows} rows", splitting.span
        )
    order = np.random.default_rng(seed).permutation(rows)
    if strata is not None:
        order = order[np.argsort(strata[order], kind="stable")]
    folds = np.empty(rows, dtype=np.int64)
    folds[order] = np.arange(rows) % splitting.folds
    return folds


def _check_share(item: Attribute | None) -> None:
    if item is not None and item.value == 0:
        raise TerminalError(
            f"attribute {item.name} must be more than 0, but its value is 0",
            value_span(item),
            "leave it out to train on all rows",
        )


def _latest(rows: pa.Table, splitting: Splitting) -> npt.NDArray[np.bool_]:
    name = splitting.column or ""
    times = plain(rows.column(name))
    if times.null_count:
        raise TerminalError(
            f"column {name!r} of {SPLIT_BY} is NULL in {times.null_count} of {len(times)} rows",
            splitting.span,
            f"add WHERE {name} IS NOT NULL to the SELECT",
        )
    # Rows of one time are on one side.
    place = min(len(times) - 1, int(len(times) * (1 - splitting.share)))
    first = times[pc.sort_indices(times)[place].as_py()]
    chosen: npt.NDArray[np.bool_] = pc.greater_equal(times, first).to_numpy(zero_copy_only=False)
    return chosen


def _bits(column: pa.ChunkedArray) -> npt.NDArray[np.int64]:
    """Equal values as equal numbers, shape (n,)."""
    array = plain(column)
    nulls = array.is_null().to_numpy(zero_copy_only=False)
    if pa.types.is_floating(array.type):
        # Two zeros are one, and so are all that are no numbers.
        floats = array.to_numpy(zero_copy_only=False) + 0.0
        bits = np.where(np.isnan(floats), np.nan, floats).view(np.int64)
    elif pa.types.is_integer(array.type) or pa.types.is_boolean(array.type):
        bits = array.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False)
    elif pa.types.is_temporal(array.type) and array.type.bit_width in (32, 64):
        whole = pa.int32() if array.type.bit_width == 32 else pa.int64()
        bits = array.cast(whole).cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False)
    else:
        bits = _text_bits(array)
    return np.where(nulls, _NULL, bits)


def _text_bits(array: pa.Array) -> npt.NDArray[np.int64]:
    if not pa.types.is_large_string(array.type):
        # Lists and other types that have no order of bits.
        array = pa.array([None if item is None else repr(item) for item in array.to_pylist()])
    encoded = array.dictionary_encode()
    texts: Iterable[str] = encoded.dictionary.to_pylist()
    hashes = np.array([crc32(text.encode()) for text in texts] or [0], dtype=np.int64)
    places = encoded.indices.fill_null(0).to_numpy(zero_copy_only=False)
    return np.asarray(hashes[places])
