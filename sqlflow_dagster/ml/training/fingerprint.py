"""The fingerprint of rows: whether two models learnt from the same data."""

import hashlib

import numpy as np
import pyarrow as pa

from sqlflow_dagster.ml.features.arrow_types import plain
from sqlflow_dagster.ml.training.spool import Spool, table_of


def fingerprint(rows: pa.Table | Spool) -> str:
    """The sha256 of a table's names, values and row order, in hexadecimal.

    It does not depend on how the rows are cut into chunks, nor on how Arrow encodes text.
    """
    table = table_of(rows)
    digest = hashlib.sha256()
    for name, column in zip(table.column_names, table.columns, strict=True):
        array = plain(column)
        digest.update(f"{len(name)}:{name}:{array.type}:{len(array)}".encode())
        digest.update(np.packbits(array.is_null().to_numpy(zero_copy_only=False)).tobytes())
        for part in _bytes(array.drop_null()):
            digest.update(part)
        if isinstance(rows, Spool):
            rows.release()
    return digest.hexdigest()


def _bytes(array: pa.Array) -> list[bytes | memoryview]:
    if pa.types.is_null(array.type) or not len(array):
        return []
    if pa.types.is_boolean(array.type):
        return [np.packbits(array.to_numpy(zero_copy_only=False)).tobytes()]
    if pa.types.is_date32(array.type):
        array = array.cast(pa.int32())
    elif pa.types.is_timestamp(array.type):
        array = array.cast(pa.int64())
    if pa.types.is_integer(array.type) or pa.types.is_floating(array.type):
        return [memoryview(array.to_numpy())]
    if not pa.types.is_large_string(array.type):
        # Times, lists and other types that no model reads.
        array = pa.array(map(repr, array.to_pylist()), pa.large_string())
    _, offsets, text = array.buffers()
    ends = np.frombuffer(offsets, np.int64)[array.offset : array.offset + len(array) + 1]
    lengths = np.diff(ends).tobytes()
    return [lengths, memoryview(text)[ends[0] : ends[-1]] if text else b""]
