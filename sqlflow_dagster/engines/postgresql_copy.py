"""PostgreSQL's COPY: rows in its binary format as Arrow arrays, Arrow batches as its CSV.

A row of the binary format is a message of its own: the number of fields, then each field's length (-1
for NULL) and bytes. The fields of a batch are found and decoded column by column with NumPy, so no value
becomes a Python object. See https://www.postgresql.org/docs/current/sql-copy.html, "Binary Format".
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from sqlflow_dagster.engines.arrow_rows import to_array
from sqlflow_dagster.engines.wire_rows import (
    Bytes,
    Places,
    fixed,
    gather,
    ragged,
    row_batches,
    validity,
)
from sqlflow_dagster.errors import TerminalError

SIGNATURE = b"PGCOPY\n\xff\r\n\x00"
TRAILER = b"\xff\xff"

# PostgreSQL counts from 2000-01-01, Arrow from 1970-01-01.
EPOCH_DAYS = 10_957
EPOCH_MICROSECONDS = EPOCH_DAYS * 86_400_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class WireType:
    """How the values of a type travel.

    Attributes:
        arrow_type: What they become.
        cast: What the SELECT that is copied makes of the column ``{}``; empty where it travels as it is.
        dtype: NumPy's name of the fixed-size value on the wire; None for bytes of any length.
        epoch: What is added to a value; such a type has infinities at the ends of its range.
        parse: What turns the text of a value into the value; None where the bytes are the value.
    """

    arrow_type: pa.DataType
    cast: str = ""
    dtype: str | None = None
    epoch: int = 0
    parse: Callable[[str], Any] | None = None


def _list_of(kind: pa.DataType, element: Callable[[Any], Any]) -> WireType:
    def parse(text: str) -> list[Any]:
        return [None if item is None else element(item) for item in json.loads(text)]

    return WireType(arrow_type=pa.list_(kind), cast="array_to_json({})::text", parse=parse)


def _text(item: Any) -> str:
    if not isinstance(item, str):
        raise TypeError("an array of more than one dimension")
    return item


_TEXT = WireType(arrow_type=pa.string())
_FLOAT = WireType(arrow_type=pa.float64(), dtype=">f8")
_NUMERIC = 1700
_TYPES: dict[int, WireType] = {
    16: WireType(arrow_type=pa.bool_(), dtype="u1"),
    17: WireType(arrow_type=pa.binary()),
    20: WireType(arrow_type=pa.int64(), dtype=">i8"),
    21: WireType(arrow_type=pa.int16(), dtype=">i2"),
    23: WireType(arrow_type=pa.int32(), dtype=">i4"),
    26: WireType(arrow_type=pa.int64(), dtype=">i8", cast="{}::bigint"),
    700: WireType(arrow_type=pa.float32(), dtype=">f4"),
    701: _FLOAT,
    19: _TEXT,
    25: _TEXT,
    1042: _TEXT,
    1043: _TEXT,
    1082: WireType(arrow_type=pa.date32(), dtype=">i4", epoch=EPOCH_DAYS),
    1083: WireType(arrow_type=pa.time64("us"), dtype=">i8"),
    1114: WireType(arrow_type=pa.timestamp("us"), dtype=">i8", epoch=EPOCH_MICROSECONDS),
    1184: WireType(arrow_type=pa.timestamp("us", "UTC"), dtype=">i8", epoch=EPOCH_MICROSECONDS),
    1000: _list_of(pa.bool_(), bool),
    1005: _list_of(pa.int16(), int),
    1007: _list_of(pa.int32(), int),
    1016: _list_of(pa.int64(), int),
    1021: _list_of(pa.float32(), float),
    1022: _list_of(pa.float64(), float),
    1231: _list_of(pa.float64(), float),
    1009: _list_of(pa.string(), _text),
    1015: _list_of(pa.string(), _text),
}
"""By the object identifier of a type, which is the same on every server."""


def wire_type(oid: int, modifier: int) -> WireType:
    """How the values of a column travel; a type that is not known travels as text.

    Args:
        oid: Of the type.
        modifier: Of the column, -1 for none: precision and scale of a NUMERIC.
    """
    if oid == _NUMERIC:
        precision, scale = (modifier - 4) >> 16, (modifier - 4) & 0x7FF
        # A scale is negative in its eleventh bit.
        if modifier < 0 or precision > 38 or scale > precision:
            return WireType(arrow_type=_FLOAT.arrow_type, dtype=_FLOAT.dtype, cast="{}::float8")
        return WireType(arrow_type=pa.decimal128(precision, scale), cast="{}::text", parse=Decimal)
    return _TYPES.get(oid) or WireType(arrow_type=pa.string(), cast="{}::text")


def copy_of(query: str, types: Sequence[WireType]) -> str:
    """A COPY of the rows of a SELECT, each column as it travels."""
    if any(kind.cast for kind in types):
        # Columns may have the same name, or none that can be written.
        names = [f"c{index}" for index in range(len(types))]
        casts = [(kind.cast or "{}").format(name) for name, kind in zip(names, types, strict=True)]
        query = f"SELECT {', '.join(casts)} FROM (\n{query}\n) AS a({', '.join(names)})"
    return f"COPY (\n{query}\n) TO STDOUT (FORMAT BINARY)"


def decoded(
    arrivals: Iterable[list[Any]], schema: pa.Schema, types: Sequence[WireType], batch_rows: int
) -> Iterator[pa.RecordBatch]:
    """The messages of a COPY in the binary format as record batches.

    Args:
        arrivals: Lists of messages, bytes or memoryviews, each that of a row; the first begins with the
            header, the last may be the trailer.
        schema: Of the batches.
        types: How each column travels.
        batch_rows: The most rows of a batch.

    Raises:
        TerminalError: A value has no place in its Arrow type.
    """
    for data, starts in row_batches(_rows(arrivals), batch_rows):
        yield _batch(data, starts, schema, types)


def _rows(arrivals: Iterable[list[Any]]) -> Iterator[list[Any]]:
    """The messages without the header and the trailer."""
    first = True
    for messages in arrivals:
        if first:
            messages[0], first = _after_header(bytes(messages[0])), False
        if bytes(messages[-1]) in (TRAILER, b""):
            messages.pop()
        yield messages


def _after_header(message: bytes) -> bytes:
    start = len(SIGNATURE) + 4
    extension = int.from_bytes(message[start : start + 4], "big")
    return message[start + 4 + extension :]


def _batch(
    data: Bytes, starts: npt.NDArray[np.int64], schema: pa.Schema, types: Sequence[WireType]
) -> pa.RecordBatch:
    position = starts + 2
    arrays = []
    for field, kind in zip(schema, types, strict=True):
        sizes = gather(data, position, ">i4").astype(np.int64)
        nulls = sizes < 0
        some_nulls = bool(nulls.any())
        starts = position + 4
        if some_nulls:
            sizes[nulls] = 0
        position = starts + sizes
        # A NULL at the end of the last row has its value, which nobody looks at, behind the data.
        places = Places(starts=starts, sizes=sizes)
        arrays.append(_array(data, places, nulls if some_nulls else None, field, kind))
    return pa.record_batch(arrays, schema=schema)


def _array(
    data: Bytes,
    places: Places,
    nulls: npt.NDArray[np.bool_] | None,
    field: pa.Field,
    kind: WireType,
) -> pa.Array:
    valid = None if nulls is None else validity(nulls)
    if kind.dtype is None:
        if kind.parse is None:
            return ragged(data, places, field.type, valid)
        texts = ragged(data, places, pa.string(), valid)
        return to_array(texts.to_pylist(), field, convert=kind.parse)
    values = gather(data, places.starts, kind.dtype)
    if kind.epoch:
        _refuse_infinity(values, nulls, field)
        values += values.dtype.type(kind.epoch)
    return fixed(values, field.type, valid)


def _refuse_infinity(
    values: npt.NDArray[Any], nulls: npt.NDArray[np.bool_] | None, field: pa.Field
) -> None:
    limits = np.iinfo(values.dtype)
    infinite = (values == limits.min) | (values == limits.max)
    if nulls is not None:
        infinite &= ~nulls
    if infinite.any():
        raise TerminalError(
            f"column {field.name!r} holds an infinite date or timestamp, which has no place in "
            f"{field.type}",
            hint="turn it into NULL or text in the SELECT",
        )


def as_csv(batch: pa.RecordBatch) -> Any:
    """A batch as CSV that COPY understands: NULL is nothing, an empty text is in quotes."""
    columns = [_plain(column) for column in batch.columns]
    names = [f"c{index}" for index in range(len(columns))]
    sink = pa.BufferOutputStream()
    options = csv.WriteOptions(include_header=False, quoting_style="needed")
    csv.write_csv(pa.record_batch(columns, names=names), sink, options)
    return memoryview(sink.getvalue())


def _plain(column: pa.Array) -> pa.Array:
    """A column of a type that Arrow can write as CSV and PostgreSQL can read."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        return _plain(column.dictionary_decode())
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return pa.array([_array_literal(item) for item in column.to_pylist()], pa.string())
    if pa.types.is_null(kind):
        return column.cast(pa.string())
    if pa.types.is_float16(kind) or pa.types.is_float32(kind):
        return column.cast(pa.float64())
    if pa.types.is_timestamp(kind) and kind.unit == "ns":
        # Digits below a microsecond have no place in PostgreSQL.
        return pc.cast(column, pa.timestamp("us", kind.tz), safe=False)
    if (
        pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_fixed_size_binary(kind)
    ):
        values = [None if item is None else f"\\x{item.hex()}" for item in column.to_pylist()]
        return pa.array(values, pa.string())
    return column


def _array_literal(values: Sequence[Any] | None) -> str | None:
    if values is None:
        return None

    def element(value: Any) -> str:
        if value is None:
            return "NULL"
        if isinstance(value, bytes):
            value = f"\\x{value.hex()}"
        escaped = str(value).replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'

    return "{" + ",".join(map(element, values)) + "}"
