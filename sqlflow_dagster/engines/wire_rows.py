"""Rows of a wire protocol, whose values lie behind one another, taken apart by column with NumPy.

No value becomes a Python object.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Bytes: TypeAlias = bytes | bytearray

MAX_BATCH_BYTES = 64 << 20
"""Rows with long texts are cut into smaller batches than asked for: Arrow's offsets have 31 bits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where the values of a column are: first byte and number of bytes of each row's."""

    starts: npt.NDArray[np.int64]
    sizes: npt.NDArray[np.int64]


def row_batches(
    arrivals: Iterable[Sequence[Bytes | memoryview]], batch_rows: int
) -> Iterator[tuple[Bytes, npt.NDArray[np.int64]]]:
    """Rows as batches: the bytes of each, and where each of its rows begins.

    Behind the last row are zeros, so that no value that is looked at begins or ends outside.

    Args:
        arrivals: As many rows at a time as have arrived.
        batch_rows: The most rows of a batch.
    """
    data = bytearray()
    lengths: list[int] = []
    for rows in arrivals:
        # Copied at once: objects that live for a whole batch cost more than their bytes.
        data += b"".join(rows)
        lengths += map(len, rows)
        while len(lengths) >= batch_rows or len(data) >= MAX_BATCH_BYTES:
            taken = lengths[:batch_rows]
            left = data[sum(taken) :]
            del data[sum(taken) :], lengths[:batch_rows]
            yield _padded(data, taken)
            data = left
    if lengths:
        yield _padded(data, lengths)


def _padded(rows: bytearray, lengths: Sequence[int]) -> tuple[Bytes, npt.NDArray[np.int64]]:
    rows += bytes(16)
    sizes = np.array(lengths, np.int64)
    return rows, np.cumsum(sizes) - sizes


def gather(data: Bytes, starts: npt.NDArray[np.int64], dtype: str) -> npt.NDArray[Any]:
    """The values of a fixed size that begin at these places, aligned or not, in this machine's order."""
    size = np.dtype(dtype).itemsize
    step = even_step(starts)
    values: npt.NDArray[Any]
    if step is not None:
        values = np.ndarray((len(starts),), dtype, buffer=data, offset=starts[0], strides=(step,))
        return values.astype(values.dtype.newbyteorder("="))
    values = np.ndarray((len(data) - size + 1,), dtype, buffer=data, strides=(1,))[starts]
    return values.astype(values.dtype.newbyteorder("="), copy=False)


def even_step(places: npt.NDArray[np.int64]) -> int | None:
    """How far each place is from the one before; None for places that differ in that, and for none.

    Values in rows of one length, which those without NULL and text are, need not be looked up one by one.
    """
    if len(places) < 2:
        return None if len(places) == 0 else 0
    steps = np.diff(places)
    return int(steps[0]) if (steps == steps[0]).all() else None


def ragged(data: Bytes, places: Places, kind: pa.DataType, valid: pa.Buffer | None) -> pa.Array:
    """Values of any length, texts or bytes, as an array; those that are NULL have the size 0."""
    starts, sizes = places.starts, places.sizes
    offsets = np.zeros(len(sizes) + 1, np.int32)
    np.cumsum(sizes, out=offsets[1:])
    indices = np.arange(offsets[-1]) + np.repeat(starts - offsets[:-1], sizes)
    content = np.frombuffer(data, np.uint8)[indices]
    buffers = [valid, pa.py_buffer(offsets), pa.py_buffer(content)]
    return pa.Array.from_buffers(kind, len(sizes), buffers)


def validity(nulls: npt.NDArray[np.bool_]) -> pa.Buffer | None:
    """Which values are not NULL, as Arrow keeps it; None where all are."""
    return pa.py_buffer(np.packbits(~nulls, bitorder="little")) if nulls.any() else None


def fixed(values: npt.NDArray[Any], kind: pa.DataType, valid: pa.Buffer | None) -> pa.Array:
    """Values of a fixed size as an array of a type that keeps them so, or of truth values."""
    count = len(values)
    if pa.types.is_boolean(kind):
        values = np.packbits(values.astype(bool), bitorder="little")
    return pa.Array.from_buffers(kind, count, [valid, pa.py_buffer(values)])
