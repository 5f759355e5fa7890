"""Parse the engine's own SQL with sqlglot.

The engine is the judge of its own SQL; this parser only finds out what a statement reads and writes. What
it cannot parse is still sent to the engine.
"""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import cast

from sqlglot import exp
from sqlglot.dialects.dialect import Dialect
from sqlglot.errors import ErrorLevel, ParseError, TokenError

from sqlflow_dagster.lang.dialects import lexis
from sqlflow_dagster.lang.sql_text import executed_sql


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """Why a text was not parsed.

    Attributes:
        message: In the parser's words.
        start: Offset of the offending token in the text.
        end: One past its last character.
    """

    message: str
    start: int
    end: int


@contextmanager
def quiet_parser() -> Iterator[None]:
    """Keep sqlglot from logging each statement that it takes as an opaque command."""
    logger = logging.getLogger("sqlglot")

    def drop(record: logging.LogRecord) -> bool:
        return record.levelno >= logging.ERROR

    logger.addFilter(drop)
    try:
        yield
    finally:
        logger.removeFilter(drop)


@cache
def _rules(dialect: str) -> Dialect:
    return Dialect.get_or_raise(lexis(dialect).sqlglot)


def parse_sql(sql: str, dialect: str) -> exp.Expression | Rejection:
    """The syntax tree of one statement, or why there is none.

    Args:
        sql: One statement without a semicolon.
        dialect: A name of :data:`sqlflow_dagster.lang.dialects.LEXIS`.
    """
    rules = _rules(dialect)
    sql = executed_sql(sql, dialect)
    try:
        tokens = rules.tokenize(sql)
        trees = rules.parser(error_level=ErrorLevel.IMMEDIATE).parse(tokens, sql)
    except ParseError as error:
        return _rejection(error, sql)
    except TokenError as error:
        cause = str(error.__cause__ or error).splitlines()[0]
        return Rejection(message=cause[0].lower() + cause[1:], start=0, end=len(sql))
    except RecursionError:
        return Rejection(message="nested too deeply for this parser", start=0, end=len(sql))
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        # On some texts that are no SQL sqlglot trips over its own tree instead of refusing them.
        return Rejection(message=f"the parser gave up: {error}", start=0, end=len(sql))
    found = [tree for tree in trees if tree is not None]
    if len(found) != 1:
        return Rejection(message="this is not one statement", start=0, end=len(sql))
    return cast(exp.Expression, found[0])


def _rejection(error: ParseError, sql: str) -> Rejection:
    if not error.errors:
        return Rejection(message=str(error).splitlines()[0], start=0, end=len(sql))
    first = error.errors[0]
    # sqlglot gives the line and the column of the token's last character.
    lines = sql.split("\n")
    end = sum(len(line) + 1 for line in lines[: first["line"] - 1]) + first["col"]
    end = min(end, len(sql))
    start = max(0, end - len(first.get("highlight") or ""))
    return Rejection(
        message=_message(str(first["description"]), sql[start:end]), start=start, end=end
    )


_TOKEN = re.compile(
    r"<Token token_type: (?P<kind>\S+), text: (?P<text>.*?), line: \d+.*>", re.DOTALL
)
_INCOMPLETE = re.compile(r"Required keyword: '\w+' missing for <class '[\w.]+\.(\w+)'>")


def _message(description: str, offending: str) -> str:
    """The parser's words, without the names of its classes."""
    if description.startswith("Invalid expression"):
        return f"unexpected {offending!r}"
    incomplete = _INCOMPLETE.search(description)
    if incomplete:
        return f"something is missing in {incomplete[1].upper()} near {offending!r}"
    text = _TOKEN.sub(_token_text, description).rstrip(".")
    return text[0].lower() + text[1:]


def _token_text(token: re.Match[str]) -> str:
    return "the end of the text" if token["kind"].endswith("SENTINEL") else f"{token['text']!r}"
