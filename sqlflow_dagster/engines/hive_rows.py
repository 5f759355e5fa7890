"""The columns of a result of HiveServer2 as Arrow arrays.

A server sends each column as a list of values and a bit for each NULL, the lowest bit of a byte first. Decimals,
dates and moments are texts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sqlflow_dagster.errors import TerminalError

_TYPES: dict[str, pa.DataType] = {
    "boolean": pa.bool_(),
    "tinyint": pa.int8(),
    "smallint": pa.int16(),
    "int": pa.int32(),
    "bigint": pa.int64(),
    "float": pa.float32(),
    "double": pa.float64(),
    "binary": pa.binary(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us"),
}
_IN_TEXT = frozenset({"date", "timestamp", "decimal"})
_LENGTH, _PRECISION, _SCALE = "characterMaximumLength", "precision", "scale"


@dataclass(frozen=True, slots=True, kw_only=True)
class WireColumn:
    """A column of a result.

    Attributes:
        name: As the server spells it.
        type: The type in the server's own words.
        arrow_type: What its values become.
        in_text: Whether its values are sent as texts that are to be read.
    """

    name: str
    type: str
    arrow_type: pa.DataType
    in_text: bool


def wire_column(described: Any) -> WireColumn:
    """A column as ``GetResultSetMetadata`` describes it, a ``TColumnDesc``.

    Types within types are sent as texts, and so are the types that the protocol does not know.
    """
    from impala._thrift_gen.TCLIService.ttypes import TTypeId

    entry = described.typeDesc.types[0].primitiveEntry
    number = None if entry is None else entry.type
    name = TTypeId._VALUES_TO_NAMES.get(number, "STRING_TYPE").removesuffix("_TYPE").lower()
    qualifiers = entry.typeQualifiers.qualifiers if entry and entry.typeQualifiers else {}
    sizes = {key: value.i32Value for key, value in qualifiers.items()}
    arrow_type, text = _TYPES.get(name, pa.string()), name
    if name == "decimal":
        precision, scale = sizes.get(_PRECISION, 38), sizes.get(_SCALE, 0)
        arrow_type, text = pa.decimal128(precision, scale), f"decimal({precision},{scale})"
    elif _LENGTH in sizes:
        text = f"{name}({sizes[_LENGTH]})"
    return WireColumn(
        name=described.columnName, type=text, arrow_type=arrow_type, in_text=name in _IN_TEXT
    )


def arrays(columns: Sequence[Any], types: Sequence[WireColumn]) -> list[pa.Array]:
    """The values of the columns of a ``TRowSet``.

    Raises:
        TerminalError: A value has no place in the type of its column.
    """
    return [_array(column, kind) for column, kind in zip(columns, types, strict=True)]


def _array(column: Any, kind: WireColumn) -> pa.Array:
    sent = next(item for item in vars(column).values() if item is not None)
    bits = np.unpackbits(np.frombuffer(sent.nulls, np.uint8), bitorder="little")
    nulls = np.zeros(len(sent.values), bool)
    # Bytes without a NULL at the end may be left out.
    nulls[: len(bits)] = bits[: len(nulls)]
    try:
        values = pa.array(sent.values, pa.string() if kind.in_text else kind.arrow_type, mask=nulls)
        return pc.cast(values, kind.arrow_type) if kind.in_text else values
    except (pa.ArrowException, TypeError) as error:
        raise TerminalError(
            f"column {kind.name!r} holds a value that has no place in {kind.arrow_type}: {error}",
            hint="cast the column in the SELECT",
        ) from error
