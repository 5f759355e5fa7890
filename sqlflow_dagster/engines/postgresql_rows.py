"""Arrow batches in the binary format of PostgreSQL's COPY, for columns of simple types.

The mirror of :mod:`sqlflow_dagster.engines.postgresql_copy`: where each value of a batch begins is computed
first, then the values of a column are put there at once. It spares the server parsing numbers.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from sqlflow_dagster.engines.arrow_rows import standard_type
from sqlflow_dagster.engines.postgresql_copy import EPOCH_DAYS, EPOCH_MICROSECONDS, SIGNATURE
from sqlflow_dagster.engines.wire_rows import even_step
from sqlflow_dagster.errors import TerminalError

HEADER = SIGNATURE + bytes(8)
"""What comes before the first row: no flags, no extension."""

_BYTES = pa.large_binary()
_TEXTS = (
    pa.types.is_string,
    pa.types.is_large_string,
    pa.types.is_string_view,
    pa.types.is_null,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Form:
    """How the values of an Arrow type are written.

    Attributes:
        casts: The types that the column is cast to, one after the other.
        dtype: NumPy's name of the value on the wire; None for bytes of any length.
        epoch: What is taken off a value.
    """

    casts: tuple[pa.DataType, ...]
    dtype: str | None = None
    epoch: int = 0


# The server knows no whole numbers of 8 bits.
_NUMBERS = {
    pa.bool_(): _Form(casts=(pa.uint8(),), dtype="u1"),
    pa.int8(): _Form(casts=(pa.int16(),), dtype=">i2"),
    pa.int16(): _Form(casts=(pa.int16(),), dtype=">i2"),
    pa.int32(): _Form(casts=(pa.int32(),), dtype=">i4"),
    pa.int64(): _Form(casts=(pa.int64(),), dtype=">i8"),
    pa.float32(): _Form(casts=(pa.float32(),), dtype=">f4"),
    pa.float64(): _Form(casts=(pa.float64(),), dtype=">f8"),
}


def _form(kind: pa.DataType) -> _Form | None:
    """How values of a type are written; None where only the server's own text parser knows."""
    kind = standard_type(kind)
    if kind in _NUMBERS:
        return _NUMBERS[kind]
    if pa.types.is_date(kind):
        return _Form(casts=(pa.date32(), pa.int32()), dtype=">i4", epoch=EPOCH_DAYS)
    if pa.types.is_timestamp(kind):
        casts = (pa.timestamp("us", kind.tz), pa.int64())
        return _Form(casts=casts, dtype=">i8", epoch=EPOCH_MICROSECONDS)
    if pa.types.is_time(kind):
        return _Form(casts=(pa.time64("us"), pa.int64()), dtype=">i8")
    if any(is_text(kind) for is_text in _TEXTS):
        return _Form(casts=(pa.large_string(), _BYTES))
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return _Form(casts=(_BYTES,))
    return None


def has_binary_form(schema: pa.Schema) -> bool:
    """Whether :func:`as_binary` can write rows of a schema."""
    return all(_form(field.type) is not None for field in schema)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Values:
    """The values of a column.

    Attributes:
        sizes: The bytes of each, -1 for NULL.
        fixed: Values of a fixed size, as they are on the wire; None where ``data`` has them.
        starts: Where each begins in ``data``.
        data: Bytes.
    """

    sizes: npt.NDArray[np.int64]
    fixed: npt.NDArray[Any] | None
    starts: npt.NDArray[np.int64]
    data: npt.NDArray[np.uint8]


def as_binary(batch: pa.RecordBatch) -> memoryview:
    """The rows of a batch, each the number of its fields, then the length and bytes of each.

    Raises:
        TerminalError: A date or timestamp is earlier than PostgreSQL can count.
    """
    columns = [
        _values(column, name)
        for column, name in zip(batch.columns, batch.schema.names, strict=True)
    ]
    lengths = np.full(batch.num_rows, 2, np.int64)
    for column in columns:
        lengths += 4 + np.maximum(column.sizes, 0)
    position = np.cumsum(lengths) - lengths
    out = np.empty(int(lengths.sum()), np.uint8)
    _put(out, position, np.array(len(columns), ">i2"))
    position += 2
    for column in columns:
        _put(out, position, column.sizes.astype(">i4"))
        position += 4
        present = column.sizes > 0
        sizes = column.sizes[present]
        if column.fixed is not None:
            _put(out, position[present], column.fixed[present])
        else:
            within = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
            source = within + np.repeat(column.starts[present], sizes)
            out[within + np.repeat(position[present], sizes)] = column.data[source]
        position += np.maximum(column.sizes, 0)
    return out.data


def _put(
    out: npt.NDArray[np.uint8], starts: npt.NDArray[np.int64], values: npt.NDArray[Any]
) -> None:
    """Put values of a fixed size where they begin, aligned or not."""
    size = values.dtype.itemsize
    step = even_step(starts)
    if step is not None:
        evenly: npt.NDArray[Any] = np.ndarray(
            (len(starts),), values.dtype, buffer=out, offset=starts[0], strides=(step,)
        )
        evenly[:] = values
        return
    everywhere: npt.NDArray[Any] = np.ndarray(
        (max(len(out) - size + 1, 0),), values.dtype, buffer=out, strides=(1,)
    )
    everywhere[starts] = values


def _values(column: pa.Array, name: str) -> _Values:
    form = _form(column.type)
    assert form is not None, "has_binary_form() tells"
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    # Digits below a microsecond have no place in PostgreSQL.
    cut = getattr(column.type, "unit", "") == "ns"
    for kind in form.casts:
        column = pc.cast(column, kind, safe=not cut)
    nulls = column.is_null().to_numpy(zero_copy_only=False)
    empty = np.empty(0, np.int64)
    if form.dtype is None:
        offsets = np.frombuffer(column.buffers()[1], np.int64)
        offsets = offsets[column.offset : column.offset + len(column) + 1]
        content = column.buffers()[2]
        data = np.frombuffer(content, np.uint8) if content else np.empty(0, np.uint8)
        sizes = np.where(nulls, -1, np.diff(offsets))
        return _Values(sizes=sizes, fixed=None, starts=offsets[:-1], data=data)
    numbers = column.fill_null(0).to_numpy(zero_copy_only=False)
    if form.epoch:
        if (numbers < np.iinfo(numbers.dtype).min + form.epoch).any():
            raise TerminalError(f"column {name!r} holds a time that PostgreSQL cannot count")
        numbers = numbers - numbers.dtype.type(form.epoch)
    wire = numbers.astype(form.dtype)
    sizes = np.where(nulls, -1, wire.dtype.itemsize)
    return _Values(sizes=sizes, fixed=wire, starts=empty, data=empty.view(np.uint8))
