"""Types of SQLite values, which a column declares but does not enforce."""

import re
from collections.abc import Callable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa

from sqlflow_dagster.engines.arrow_rows import to_array
from sqlflow_dagster.engines.base import Column

_DECIMAL = re.compile(r"(?:DECIMAL|NUMERIC)\s*\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\)")
_MOST_DIGITS = 38
_NUMBERS = {"integer", "real"}


def kind_expression(column: str, declared: str) -> str:
    """SQL that names the kind of a value: the declared kind, or else its storage class.

    Args:
        column: A name as SQL text.
        declared: The declared type, in upper case; empty for an expression.
    """
    kind = _declared_kind(declared)
    match kind:
        case "boolean":
            complies = f"{column} IN (0, 1)"
        case "date":
            complies = f"date({column}, '+0 days') = {column}"
        case "timestamp":
            complies = (
                # Without the fraction: SQLite rounds it, up to the next second.
                f"datetime(substr({column}, 1, 19), '+0 days') "
                f"= replace(substr({column}, 1, 19), 'T', ' ') AND length({column}) <= 26 "
                f"AND substr({column} || '.0', 20) GLOB '.[0-9]*' "
                f"AND substr({column}, 21) NOT GLOB '*[^0-9]*'"
            )
        case "decimal":
            precision, scale = _digits(declared)
            complies = (
                f"typeof({column}) IN ('integer', 'real') AND round({column}, {scale}) = {column} "
                f"AND abs({column}) < 1e{precision - scale}"
            )
        case _:
            return f"typeof({column})"
    return f"CASE WHEN {complies} THEN '{kind}' ELSE typeof({column}) END"


def column_of(name: str, declared: str, kinds: frozenset[str]) -> Column:
    """A column of a query.

    Args:
        name: The column's name.
        declared: The declared type, in upper case; empty for an expression.
        kinds: The kinds of its values, as :func:`kind_expression` names them, without NULL.
    """
    arrow_type = _arrow_type(declared, kinds)
    return Column(name=name, type=declared or _WORDS[arrow_type], arrow_type=arrow_type)


def to_sqlite_array(values: Sequence[Any], field: pa.Field) -> pa.Array:
    """The values of a column as an array of the type that :func:`column_of` gave it.

    Raises:
        TerminalError: A value does not fit; the query gave others when it was described.
    """
    if pa.types.is_decimal(field.type):
        unit = Decimal(1).scaleb(-field.type.scale)
        return to_array(values, field, convert=lambda value: Decimal(str(value)).quantize(unit))
    return to_array(values, field, convert=_CONVERSIONS.get(field.type))


def _declared_kind(declared: str) -> str:
    """What a declared type asks of values; beyond four types, SQLite's own affinity."""
    if "BOOL" in declared:
        return "boolean"
    if declared == "DATE":
        return "date"
    if declared.startswith(("TIMESTAMP", "DATETIME")):
        return "timestamp"
    if _DECIMAL.fullmatch(declared) and _digits(declared)[0] <= _MOST_DIGITS:
        return "decimal"
    for words, affinity in _AFFINITIES:
        if any(word in declared for word in words):
            return affinity
    return "number" if declared else "any"


def _digits(declared: str) -> tuple[int, int]:
    """Precision and scale of a DECIMAL type."""
    found = _DECIMAL.fullmatch(declared)
    assert found is not None
    return int(found[1]), int(found[2] or 0)


def _arrow_type(declared: str, kinds: frozenset[str]) -> pa.DataType:
    kind = _declared_kind(declared)
    if kind in _DECLARED and kinds <= {kind}:
        return pa.decimal128(*_digits(declared)) if kind == "decimal" else _DECLARED[kind]
    if not kinds:
        return _EMPTY[kind]
    storage = {_STORAGE.get(item, item) for item in kinds}
    if storage == {"integer"} and kind != "real":
        return pa.int64()
    if storage <= _NUMBERS:
        return pa.float64()
    return pa.binary() if storage == {"blob"} else pa.string()


def _to_text(value: object) -> str:
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)


_AFFINITIES = (
    (("INT",), "integer"),
    (("CHAR", "CLOB", "TEXT"), "text"),
    (("BLOB",), "blob"),
    (("REAL", "FLOA", "DOUB"), "real"),
)
"""SQLite's rules, in its order."""

_DECLARED = {
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us"),
    "decimal": pa.decimal128(_MOST_DIGITS),
}
_STORAGE = {"boolean": "integer", "decimal": "real", "date": "text", "timestamp": "text"}
"""How SQLite stores the values of a declared kind."""

_EMPTY = {
    "integer": pa.int64(),
    "real": pa.float64(),
    "number": pa.float64(),
    "text": pa.string(),
    "blob": pa.binary(),
    "any": pa.null(),
}
"""The types of columns without values, beside the declared kinds."""

_WORDS = {
    pa.int64(): "INTEGER",
    pa.float64(): "REAL",
    pa.string(): "TEXT",
    pa.binary(): "BLOB",
    pa.null(): "NULL",
}
_CONVERSIONS: dict[pa.DataType, Callable[[Any], Any]] = {
    pa.bool_(): bool,
    pa.date32(): date.fromisoformat,
    pa.timestamp("us"): datetime.fromisoformat,
    pa.float64(): float,
    pa.string(): _to_text,
}
