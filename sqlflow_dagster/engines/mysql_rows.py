"""The rows of a prepared statement of MySQL as Arrow arrays.

Prepared statements give rows in a binary form: a zero, a bit for each NULL, then the values. Numbers have a fixed
size; texts, decimals and bytes stand behind their length. They are decoded column by column, so no value becomes a
Python object. See https://mariadb.com/kb/en/result-set-packets/, "Binary Resultset Row".
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

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

Form = Literal["fixed", "text", "number in text", "bits", "moment", "time"]

_UNSIGNED, _ENUM, _SET = 0x20, 0x100, 0x800
_BINARY = 63
"""The character set of what is no text."""
_BYTES_OF_A_CHARACTER = 4
_DAY = 86_400_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class WireType:
    """How the values of a column travel.

    Attributes:
        name: The type in MySQL's own words.
        arrow_type: What they become.
        form: How they are written.
        dtype: NumPy's name of a value of a fixed size.
    """

    name: str
    arrow_type: pa.DataType
    form: Form = "fixed"
    dtype: str = ""


_INTEGERS = {
    1: ("tinyint", 8),
    2: ("smallint", 16),
    9: ("mediumint", 32),
    3: ("int", 32),
    8: ("bigint", 64),
}
_SIZES = {255: "tiny", 65_535: "", 16_777_215: "medium"}
"""By the bytes of its longest value, what a type of texts or bytes has before its name."""
_MOST_DIGITS = 38
_NULL, _JSON, _GEOMETRY = 6, 245, 255


def wire_type(field: Any) -> WireType:
    """How the values of a column travel.

    Args:
        field: The driver's description of a column: type, length in bytes, digits, flags, character set.
    """
    code, length, digits = field.type_code, field.length, field.scale
    unsigned = bool(field.flags & _UNSIGNED)
    if code in _INTEGERS:
        return _integer(*_INTEGERS[code], length=length, unsigned=unsigned)
    match code:
        case 4:
            return WireType(name="float", arrow_type=pa.float32(), dtype="<f4")
        case 5:
            return WireType(name="double", arrow_type=pa.float64(), dtype="<f8")
        case 0 | 246:
            return _decimal(length - (digits > 0) - (not unsigned), digits)
        case 10:
            return WireType(name="date", arrow_type=pa.date32(), form="moment")
        case 12:
            return WireType(
                name=f"datetime{_digits(digits)}", arrow_type=pa.timestamp("us"), form="moment"
            )
        case 7:
            kind = pa.timestamp("us", "UTC")
            return WireType(name=f"timestamp{_digits(digits)}", arrow_type=kind, form="moment")
        case 11:
            return WireType(name=f"time{_digits(digits)}", arrow_type=pa.time64("us"), form="time")
        case 13:
            return WireType(name="year", arrow_type=pa.int16(), dtype="<i2")
        case 16:
            kind = pa.bool_() if length == 1 else pa.uint64()
            return WireType(name=f"bit({length})", arrow_type=kind, form="bits")
        case _:
            return _of_any_length(field)


def _integer(name: str, bits: int, *, length: int, unsigned: bool) -> WireType:
    if name == "tinyint" and length == 1 and not unsigned:
        return WireType(name="tinyint(1)", arrow_type=pa.bool_(), dtype="i1")
    sign, arrow_sign = ("u", "uint") if unsigned else ("i", "int")
    return WireType(
        name=f"{name} unsigned" if unsigned else name,
        arrow_type=pa.type_for_alias(f"{arrow_sign}{bits}"),
        dtype=f"<{sign}{bits // 8}",
    )


def _decimal(precision: int, scale: int) -> WireType:
    name = f"decimal({precision},{scale})"
    if precision > _MOST_DIGITS:
        return WireType(name=name, arrow_type=pa.float64(), form="number in text")
    kind = pa.decimal128(max(precision, 1), scale)
    return WireType(name=name, arrow_type=kind, form="number in text")


def _digits(count: int) -> str:
    # 31 stands for as many as the value has.
    return f"({count})" if 0 < count <= 6 else ""


def _of_any_length(field: Any) -> WireType:
    code, length = field.type_code, field.length
    if code == _NULL:
        return WireType(name="null", arrow_type=pa.string(), form="text")
    binary = field.charsetnr == _BINARY
    kind = pa.binary() if binary and code != _JSON else pa.string()
    characters = length if binary else length // _BYTES_OF_A_CHARACTER
    if code == _JSON:
        name = "json"
    elif code == _GEOMETRY:
        name = "geometry"
    elif field.flags & _ENUM or code == 247:
        name = "enum"
    elif field.flags & _SET or code == 248:
        name = "set"
    elif code in (249, 250, 251, 252):
        name = _SIZES.get(length if binary else characters, "long") + ("blob" if binary else "text")
    elif code == 254:
        name = f"{'binary' if binary else 'char'}({characters})"
    else:
        name = f"{'varbinary' if binary else 'varchar'}({characters})"
    return WireType(name=name, arrow_type=kind, form="text")


def decoded(
    rows: Iterable[bytes], schema: pa.Schema, types: Sequence[WireType], batch_rows: int
) -> Iterator[pa.RecordBatch]:
    """Rows in the binary form as record batches.

    Args:
        rows: Each as it arrived.
        schema: Of the batches.
        types: How each column travels.
        batch_rows: The most rows of a batch.

    Raises:
        TerminalError: A value has no place in its Arrow type.
    """
    for data, starts in row_batches(([row] for row in rows), batch_rows):
        yield _batch(data, starts, schema, types)


def _batch(
    data: Bytes, starts: npt.NDArray[np.int64], schema: pa.Schema, types: Sequence[WireType]
) -> pa.RecordBatch:
    content = _bytes(data)
    # The bits of NULL begin with the third one of the second byte.
    position = starts + 1 + (len(types) + 9) // 8
    arrays = []
    for index, (field, kind) in enumerate(zip(schema, types, strict=True)):
        byte, bit = divmod(index + 2, 8)
        nulls = (content[starts + 1 + byte] >> bit & 1).astype(bool)
        places, position = _places(data, position, nulls, kind)
        arrays.append(_array(data, places, nulls, field, kind))
    return pa.record_batch(arrays, schema=schema)


def _bytes(data: Bytes) -> npt.NDArray[np.uint8]:
    return np.frombuffer(data, np.uint8)


def _places(
    data: Bytes,
    position: npt.NDArray[np.int64],
    nulls: npt.NDArray[np.bool_],
    kind: WireType,
) -> tuple[Places, npt.NDArray[np.int64]]:
    """Where the values of a column are, and where those of the next one begin."""
    if kind.form == "fixed":
        sizes = np.where(nulls, 0, np.dtype(kind.dtype).itemsize)
        return Places(starts=position, sizes=sizes), position + sizes
    sizes = _bytes(data)[position].astype(np.int64)
    heads = np.ones(len(position), np.int64)
    if kind.form not in ("moment", "time"):
        for mark, dtype, mask in ((252, "<u2", -1), (253, "<u4", 0xFFFFFF), (254, "<u8", -1)):
            long = (sizes == mark) & ~nulls
            if long.any():
                lengths = gather(data, position[long] + 1, dtype).astype(np.int64)
                heads[long] = 1 + {252: 2, 253: 3, 254: 8}[mark]
                sizes[long] = -(lengths & mask) - 1
        # Negative until now: a length may be equal to one of the marks.
        sizes = np.where(sizes < 0, -sizes - 1, sizes)
    sizes[nulls] = 0
    heads[nulls] = 0
    starts = position + heads
    return Places(starts=starts, sizes=sizes), starts + sizes


def _array(
    data: Bytes,
    places: Places,
    nulls: npt.NDArray[np.bool_],
    field: pa.Field,
    kind: WireType,
) -> pa.Array:
    valid = validity(nulls)
    match kind.form:
        case "fixed":
            values = gather(data, places.starts, kind.dtype)
            if pa.types.is_boolean(field.type):
                _refuse(
                    ((values < 0) | (values > 1)) & ~nulls, field, "another number than 0 and 1"
                )
            return fixed(values, field.type, valid)
        case "text":
            return ragged(data, places, field.type, valid)
        case "number in text":
            return pc.cast(ragged(data, places, pa.string(), valid), field.type)
        case "bits":
            content, numbers = _bytes(data), np.zeros(len(nulls), np.uint64)
            for index in range(int(places.sizes.max(initial=0))):
                more = index < places.sizes
                numbers[more] = numbers[more] << 8 | content[places.starts[more] + index]
            return fixed(numbers, field.type, valid)
        case "moment":
            return fixed(_moments(data, places, nulls, field), field.type, valid)
        case "time":
            return fixed(_times(data, places, nulls, field), field.type, valid)


def _moments(
    data: Bytes,
    places: Places,
    nulls: npt.NDArray[np.bool_],
    field: pa.Field,
) -> npt.NDArray[Any]:
    """Days (int32) of a date and microseconds (int64) of a moment since 1970."""
    content, starts = _bytes(data), places.starts
    year = gather(data, starts, "<u2").astype(np.int64)
    month = content[starts + 2].astype(np.int64)
    day = content[starts + 3].astype(np.int64)
    empty = (places.sizes < 4) | (month == 0) | (day == 0)
    _refuse(empty & ~nulls, field, "a date whose year, month or day is zero")
    months = ((year - 1970) * 12 + month - 1).astype("datetime64[M]")
    days = months.astype("datetime64[D]").astype(np.int64) + day - 1
    if pa.types.is_date(field.type):
        return days.astype(np.int32)
    return days * _DAY + _clock(data, starts + 4, places.sizes - 4)


def _times(
    data: Bytes,
    places: Places,
    nulls: npt.NDArray[np.bool_],
    field: pa.Field,
) -> npt.NDArray[np.int64]:
    """Microseconds since midnight."""
    starts, some = places.starts, places.sizes >= 8
    elsewhere = some & ((_bytes(data)[starts] != 0) | (gather(data, starts + 1, "<u4") > 0))
    _refuse(elsewhere & ~nulls, field, "a time below zero or of more than a day")
    return np.where(some, _clock(data, starts + 5, places.sizes - 5), 0)


def _clock(
    data: Bytes, starts: npt.NDArray[np.int64], sizes: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """The microseconds of hour, minute, second and, where there is room for them, microsecond."""
    content = _bytes(data)
    hours, minutes, seconds = (content[starts + place].astype(np.int64) for place in range(3))
    whole = ((hours * 60 + minutes) * 60 + seconds) * 1_000_000
    exact = whole + gather(data, starts + 3, "<u4")
    return np.where(sizes >= 7, exact, np.where(sizes >= 3, whole, 0))


def _refuse(wrong: npt.NDArray[np.bool_], field: pa.Field, what: str) -> None:
    if wrong.any():
        raise TerminalError(
            f"column {field.name!r} holds {what}, which has no place in {field.type}",
            hint="cast the column in the SELECT, or turn such values into NULL",
        )
