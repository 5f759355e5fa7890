"""From values to ids: vocabularies, hashes and buckets."""

from collections.abc import Sequence
from zlib import crc32

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from sqlflow_dagster.ml.features.arrow_types import as_categories
from sqlflow_dagster.ml.features.feature import IdMethod, IdRule


def to_ids(values: pa.Array, rule: IdRule) -> npt.NDArray[np.int64]:
    """The id of each value, from 0; ``rule.count`` for an unknown category and for NULL.

    Args:
        values: Plain, shape (n,).
        rule: How values become ids.
    """
    match rule.method:
        case IdMethod.VOCABULARY:
            return _places(values, rule)
        case IdMethod.HASH:
            return _hashes(values, rule)
        case IdMethod.BUCKET:
            numbers = values.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
            return bucket_ids(numbers, rule)


def bucket_ids(numbers: npt.NDArray[np.float64], rule: IdRule) -> npt.NDArray[np.int64]:
    """The bucket of each number, of the same shape; those of the last axis follow each other.

    ``rule.count`` for NaN.
    """
    ids = np.searchsorted(np.array(rule.boundaries), numbers, side="right").astype(np.int64)
    if rule.positions > 1:
        ids += np.arange(rule.positions) * (len(rule.boundaries) + 1)
    ids[np.isnan(numbers)] = rule.count
    return ids


def crossed(ids: Sequence[npt.NDArray[np.int64]], size: int) -> npt.NDArray[np.int64]:
    """One id below ``size`` for each combination of ids, each shape (n,)."""
    return (mixed(ids) % np.uint64(size)).astype(np.int64)


def mixed(ids: Sequence[npt.NDArray[np.int64]]) -> npt.NDArray[np.uint64]:
    """A hash of each combination of whole numbers, each shape (n,); spread over all 64 bits.

    Each number is added to the hash of those before it and the bits are mixed with the finalizer of
    SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).
    """
    bits = np.zeros(len(ids[0]), np.uint64)
    for item in ids:
        bits = (bits ^ item.view(np.uint64)) + np.uint64(0x9E3779B97F4A7C15)
        bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        bits ^= bits >> np.uint64(31)
    return bits


def _places(values: pa.Array, rule: IdRule) -> npt.NDArray[np.int64]:
    if not rule.vocabulary:
        return np.zeros(len(values), dtype=np.int64)
    categories = as_categories(values, rule.vocabulary)
    found = pc.index_in(categories, pa.array(rule.vocabulary, categories.type))
    return _int64(found.fill_null(rule.count))


def _hashes(values: pa.Array, rule: IdRule) -> npt.NDArray[np.int64]:
    encoded = as_categories(values).cast(pa.large_string()).dictionary_encode()
    texts = encoded.dictionary.to_pylist()
    hashes = [crc32(text.encode()) % rule.size for text in texts]
    found = pa.array([*hashes, rule.count], pa.int64()).take(encoded.indices.fill_null(len(texts)))
    return _int64(found)


def _int64(array: pa.Array) -> npt.NDArray[np.int64]:
    result: npt.NDArray[np.int64] = array.cast(pa.int64()).to_numpy(
        zero_copy_only=False, writable=True
    )
    return result
