"""A program with its machine-learning clauses in canonical form.

The engine's own SQL and every comment stay as they are, character for character. Clauses between which
comments stand keep their order; one that holds a comment in its midst is left as it is.
"""

import re
from collections import defaultdict
from collections.abc import Iterable

from sqlflow_dagster.lang.clause_lexer import TokenKind, comments, tokenize_clause
from sqlflow_dagster.lang.clause_parser import clause_starts
from sqlflow_dagster.lang.printer import print_clauses, print_statement
from sqlflow_dagster.lang.scanner import content_start
from sqlflow_dagster.lang.statements import QueryStatement, ShowTrainStatement, Statement
from sqlflow_dagster.source import Source, Span

_BLANKS_BEFORE_END = re.compile(r"\s+(?=;)")


def format_program(source: Source, statements: Iterable[Statement], dialect: str) -> str:
    """The text of a program, formatted.

    Args:
        source: The program.
        statements: Its statements in their order, with their places.
        dialect: Its SQL dialect.
    """
    text, position = source.text, 0
    formatted: list[str] = []
    for statement in statements:
        span = statement.span
        match statement:
            case ShowTrainStatement() if span and not comments(source, span.start, span.end):
                new = print_statement(statement)
            case _ if span and isinstance(statement, QueryStatement):
                new = _formatted(statement, span, dialect)
            case _:
                continue
        formatted += (text[position : span.start], new)
        blanks = _BLANKS_BEFORE_END.match(text, span.end)
        position = blanks.end() if blanks else span.end
    return "".join([*formatted, text[position:]])


def _formatted(statement: QueryStatement, span: Span, dialect: str) -> str:
    query = statement.query.span
    assert query is not None, "a statement of a program has its places"
    source, text = span.source, span.source.text
    start = content_start(text, query.end, span.end, dialect)
    head = text[span.start : query.end] + _line_end(text[query.end : start])
    if comments(source, start, span.end):
        return head + _with_comments(statement, source.span(start, span.end))
    return head + "\n".join(clause for _, clause in print_clauses(statement))


def _with_comments(statement: QueryStatement, span: Span) -> str:
    """The clauses of a statement in their order, each followed by the comments that follow it."""
    source, text = span.source, span.source.text
    canonical: defaultdict[str, list[str]] = defaultdict(list)
    for keyword, clause in print_clauses(statement):
        canonical[keyword].append(clause)
    starts = clause_starts(source, span.start, span.end)
    lines = []
    for index, (keyword, start) in enumerate(starts):
        stop = starts[index + 1][1] if index + 1 < len(starts) else span.end
        last = max(
            token.span.end
            for token in tokenize_clause(source, start, stop)
            if token.kind is not TokenKind.END
        )
        clause = canonical[keyword].pop(0)
        lines.append(text[start:last] if comments(source, start, last) else clause)
        lines.append(_line_end(text[last:stop]) if stop < span.end else text[last:stop])
    return "".join(lines)


def _line_end(gap: str) -> str:
    """What stands between two clauses: its comments, and the end of the line."""
    return gap.rstrip() + "\n"
