"""Statements that the parser does not know as statements, told by their first words."""

import re
from dataclasses import replace

from sqlflow_dagster.graph.effects import Effects
from sqlflow_dagster.graph.objects import Names
from sqlflow_dagster.lang.bodies import BODY_START

_END = r"(?:\s+(?:WORK|TRANSACTION))?\s*\Z"
_KEYWORDS = re.compile(
    r"(?P<begin>START\s+TRANSACTION\b)"
    rf"|(?P<commit>END{_END})"
    rf"|(?P<rollback>ABORT{_END})"
    rf"|(?P<body>{BODY_START.pattern})"
    r"|(?P<anything>COPY\s+FROM\s+DATABASE\b|REFRESH\s+MATERIALIZED\s+VIEW\b)"
    r"|(?P<session>RESET\b|ADD\s+(?:JAR|FILE|ARCHIVE)S?\b)"
    r"|(?P<nothing>SAVEPOINT\b|RELEASE\b|ROLLBACK\s+(?:WORK\s+|TRANSACTION\s+)?TO\b|CHECKPOINT\b)",
    re.IGNORECASE,
)
_SET = re.compile(r"SET\b", re.IGNORECASE)
_SCHEMA = re.compile(
    r"SET\s+(?:SESSION\s+)?(?:search_path|schema)\b\s*(?:=|TO\b)?\s*"
    r"""(?:'(?P<text>\w+)'?|"(?P<quoted>[^"]+)"|(?P<plain>\w+))""",
    re.IGNORECASE,
)


def keyword_effects(sql: str) -> Effects | None:
    """The effects of a statement that its first words tell; None for any other statement."""
    match = _KEYWORDS.match(sql)
    if match is None:
        return None
    match match.lastgroup:
        case "nothing":
            return Effects()
        case "session":
            return Effects(session=True)
        case "anything":
            return Effects(barrier=True)
        case "body":
            # What a procedure or trigger does shows when it is called.
            return Effects(barrier=True)
        case edge:
            return Effects(transaction=edge)


def set_effects(sql: str, parsed: Effects | None, names: Names) -> Effects | None:
    """The effects of a SET, whatever it sets; None for any other statement.

    Args:
        sql: The statement.
        parsed: What its syntax tree tells; None where it could not be parsed.
        names: How its names are resolved.
    """
    if _SET.match(sql) is None:
        return None
    effects = parsed if parsed is not None and parsed.session else Effects(session=True)
    schema = _SCHEMA.match(sql)
    if schema is None:
        return effects
    text = schema["quoted"] or schema["text"] or schema["plain"]
    return replace(effects, schema=names.folded(text, quoted=schema["quoted"] is not None))
