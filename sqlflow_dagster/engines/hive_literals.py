"""Python values as SQL text of Hive and Spark."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlflow_dagster.errors import TerminalError

# A dollar too: the server puts the values of its variables for ${…} before it parses.
_ESCAPES = str.maketrans(
    {"\\": "\\\\", "'": "\\'", "\n": "\\n", "\r": "\\r", "\0": "\\u0000", "$": "\\u0024"}
)


def text_literal(text: str) -> str:
    """A text in quotes."""
    return f"'{text.translate(_ESCAPES)}'"


def literal(value: Any) -> str:
    """A value as it is written in a statement.

    Raises:
        TerminalError: Values of its type cannot be.
    """
    match value:
        case None:
            return "NULL"
        case bool():
            return "TRUE" if value else "FALSE"
        case int():
            return str(value)
        case float():
            return f"CAST('{value!r}' AS DOUBLE)"
        case Decimal():
            return f"CAST('{value}' AS DECIMAL(38, {max(0, -int(value.as_tuple().exponent))}))"
        case str():
            return text_literal(value)
        case bytes():
            return f"unhex('{value.hex()}')"
        case datetime():
            return f"TIMESTAMP '{value:%Y-%m-%d %H:%M:%S.%f}'"
        case date():
            return f"DATE '{value.isoformat()}'"
    raise TerminalError(f"a value of type {type(value).__name__} cannot be written to Hive")
