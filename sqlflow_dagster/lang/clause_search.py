"""Find the machine-learning clauses that do not show at a glance: both sides must parse.

These are the old spelling without TO, misspelt verbs, and a TO that is the name of a table.
"""

import re

from sqlflow_dagster.errors import did_you_mean
from sqlflow_dagster.lang.clause_parser import ClauseError, parse_clause
from sqlflow_dagster.lang.scanner import QUERY_START, VERBS, clause_candidates
from sqlflow_dagster.lang.standard import Rejection, parse_sql
from sqlflow_dagster.lang.statements import Query
from sqlflow_dagster.source import Source, Span

_DANGLING_AS = re.compile(r"\bAS\s*\Z", re.IGNORECASE)


def late_clause(span: Span, dialect: str) -> int | None:
    """Where a clause starts in a statement that is no SQL; None where there is none.

    Args:
        span: The statement.
        dialect: Its SQL dialect.

    Raises:
        ClauseError: It is misspelt.
    """
    source, misspelt = span.source, None
    if not QUERY_START.match(source.text, span.start):
        return None
    for start, word, spelt_with_to in clause_candidates(source.text, span.start, span.end, dialect):
        if word.upper() not in VERBS and not (spelt_with_to and did_you_mean(word, VERBS)):
            continue
        if not _is_sql(source, span.start, start, dialect):
            continue
        try:
            parse_clause(source, start, span.end, Query(sql=""), span)
        except ClauseError as error:
            misspelt = misspelt or (error if spelt_with_to else None)
            continue
        return start
    if misspelt is not None:
        raise misspelt
    return None


def needs_a_name(sql: str) -> bool:
    """Whether a text can be no query because it ends with AS; sqlglot takes it for one."""
    return _DANGLING_AS.search(sql) is not None


def clause_after(span: Span, clause: int, dialect: str) -> int | None:
    """Where the clause starts if its TO is a name, as in ``SELECT * FROM to TRAIN e INTO m``.

    Args:
        span: The statement, whose part before TO is no query.
        clause: The offset of TO.
        dialect: Its SQL dialect.
    """
    end = clause + len("TO")
    return end if _is_sql(span.source, span.start, end, dialect) else None


def is_sql(span: Span, dialect: str) -> bool:
    """Whether a whole statement parses as SQL."""
    return _is_sql(span.source, span.start, span.end, dialect)


def _is_sql(source: Source, start: int, end: int, dialect: str) -> bool:
    sql = source.text[start:end]
    return not needs_a_name(sql) and not isinstance(parse_sql(sql, dialect), Rejection)
