"""The ids of a feature's rows, and what becomes of them: codes, one-hot slots, bags."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from sqlflow_dagster.ml.features.cells import null_mask, read_lists, read_vectors
from sqlflow_dagster.ml.features.feature import (
    NULL_ID,
    RESERVED_IDS,
    UNKNOWN_ID,
    CellFormat,
    Feature,
    IdMethod,
)
from sqlflow_dagster.ml.features.ids import bucket_ids, crossed, to_ids
from sqlflow_dagster.ml.features.spec import Bag


@dataclass(frozen=True, slots=True, kw_only=True)
class RowIds:
    """The ids of each row: of row ``i``, those from ``offsets[i]`` up to ``offsets[i + 1]``.

    Attributes:
        ids: int64, shape (ids,); the feature's ``id_count`` for an unknown category.
        offsets: int64, shape (n + 1,); None where each row has one id.
        nulls: Which rows have no value, shape (n,); their ids do not count.
        weights: float32, shape (ids,); None where each id weighs 1.
    """

    ids: npt.NDArray[np.int64]
    nulls: npt.NDArray[np.bool_]
    offsets: npt.NDArray[np.int64] | None = None
    weights: npt.NDArray[np.float32] | None = None


def row_ids(arrays: Sequence[pa.Array], feature: Feature) -> RowIds:
    """The ids of rows.

    Args:
        arrays: The feature's sources, plain, shape (n,) each.
        feature: One of categories.

    Raises:
        TerminalError: A cell has another format than at training.
    """
    if feature.cross_size:
        ids = [to_ids(array, rule) for array, rule in zip(arrays, feature.ids, strict=True)]
        nulls = np.any(np.stack([_missing(array) for array in arrays]), axis=0)
        return RowIds(ids=crossed(ids, feature.cross_size), nulls=nulls)
    (array,), (source,), (rule,) = arrays, feature.sources, feature.ids
    if source.cells is CellFormat.SINGLE:
        return RowIds(ids=to_ids(array, rule), nulls=_missing(array))
    if rule.method is IdMethod.BUCKET:
        numbers = read_vectors(array, source, rule.positions)
        return RowIds(
            ids=bucket_ids(numbers, rule).reshape(-1),
            nulls=np.logical_and.reduce(np.isnan(numbers), axis=1),
            offsets=np.arange(len(array) + 1) * rule.positions,
        )
    lists = read_lists(array, source)
    return RowIds(
        ids=to_ids(lists.values, rule),
        nulls=lists.nulls,
        offsets=lists.offsets,
        weights=lists.weights if feature.weighted else None,
    )


def fill_codes(found: RowIds, into: npt.NDArray[np.float32]) -> None:
    """Fill one slot, shape (n, 1), with the id of each row; NaN where it has no value."""
    into[:, 0] = found.ids
    into[found.nulls, 0] = np.nan


def fill_one_hot(found: RowIds, feature: Feature, into: npt.NDArray[np.float32]) -> None:
    """Fill the slots of a feature, shape (n, slots); a value that a row has twice counts twice."""
    into[:] = 0.0
    rows = np.arange(len(found.nulls))
    if found.offsets is not None:
        rows = np.repeat(rows, np.diff(found.offsets))
    known = ~found.nulls[rows] & ((found.ids < feature.id_count) | feature.has_other)
    places = rows[known], found.ids[known]
    if found.offsets is None:
        into[places] = 1.0
    else:
        np.add.at(into, places, 1.0 if found.weights is None else found.weights[known])
    if feature.null_flag:
        into[:, -1] = found.nulls


def to_bag(found: RowIds, feature: Feature) -> Bag:
    """The bag of a feature; a row without a value has the id of NULL."""
    slot = feature.bag_slot
    assert slot is not None
    ids = np.where(found.ids < feature.id_count, found.ids + RESERVED_IDS, UNKNOWN_ID)
    weights = found.weights
    if slot.weighted and weights is None:
        weights = np.ones(len(ids), np.float32)
    if found.offsets is None:
        ids[found.nulls] = NULL_ID
        return Bag(slot=slot, ids=ids, offsets=np.arange(len(ids) + 1), weights=weights)
    # A row that is NULL had as many ids as it had positions: none, or those of a vector.
    keep = ~np.repeat(found.nulls, np.diff(found.offsets))
    lengths = np.where(found.nulls, 1, np.diff(found.offsets))
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    filled = np.full(offsets[-1], NULL_ID, np.int64)
    own = ~np.repeat(found.nulls, lengths)
    filled[own] = ids[keep]
    if weights is not None:
        spread = np.ones(offsets[-1], np.float32)
        spread[own] = weights[keep]
        weights = spread
    return Bag(slot=slot, ids=filled, offsets=offsets, weights=weights)


def _missing(array: pa.Array) -> npt.NDArray[np.bool_]:
    """Which values are NULL or NaN."""
    nulls = null_mask(array)
    if not pa.types.is_floating(array.type):
        return nulls
    missing: npt.NDArray[np.bool_] = np.isnan(array.to_numpy(zero_copy_only=False))
    return missing
