"""The built-in parser: sqlglot."""

from collections.abc import Iterable

from sqlglot import exp

from sqlflow_dagster.errors import Diagnostic
from sqlflow_dagster.graph.effects import Effects
from sqlflow_dagster.graph.keyword_effects import keyword_effects
from sqlflow_dagster.graph.objects import Names, ObjectKind, ObjectRef
from sqlflow_dagster.graph.sql_effects import sql_effects
from sqlflow_dagster.lang.parsers import ParsedText, StatementTables
from sqlflow_dagster.lang.scanner import (
    QUERY_START,
    VERBS,
    Piece,
    clause_candidates,
    scan,
    show_train_starts,
)
from sqlflow_dagster.lang.sql_text import content_end
from sqlflow_dagster.lang.standard import Rejection, parse_sql, quiet_parser
from sqlflow_dagster.source import Source


class SqlglotParser:
    """sqlglot as an :class:`~sqlflow_dagster.lang.parsers.ExternalParser`.

    It knows the dialects of :data:`sqlflow_dagster.lang.dialects.LEXIS` and is stricter than an engine in
    some places, laxer in others.
    """

    def __init__(self, spec: str = "sqlglot") -> None:
        """Nothing is opened.

        Args:
            spec: The name that it is registered under.
        """

    def parse(self, dialect: str, text: str) -> ParsedText:
        """Parse SQL statements up to the first that is none."""
        pieces, problems = scan(Source(text=text), dialect)
        found: list[str] = []
        tables: list[StatementTables] = []
        accepted, rejection, unfinished = 0, None, False
        with quiet_parser():
            for piece in pieces[: -1 if problems else None]:
                end, answer = _accepted(text, piece, dialect)
                if isinstance(answer, Rejection):
                    rejection = answer
                    break
                whole = end == piece.end
                accepted = piece.stop if whole else end
                if answer is not None:
                    found.append(text[piece.content : accepted])
                    tables.append(answer)
                if not whole:
                    unfinished = answer is not None
                    break
            else:
                rejection = _unterminated(problems)
        return ParsedText(
            statements=tuple(found),
            accepted=accepted,
            rejection=rejection,
            tables=tuple(tables),
            unfinished_select=unfinished,
        )

    def close(self) -> None:
        """Nothing is held."""


def _accepted(
    text: str, piece: Piece, dialect: str
) -> tuple[int, StatementTables | Rejection | None]:
    """How far a piece is accepted, and its tables, why it is rejected, or None where it has no SQL."""
    start = piece.content
    if start >= piece.end:
        return piece.end, None
    if show_train_starts(text, start):
        return start, None
    end = piece.end if piece.clause is None else piece.clause
    answer = _tables(text[start : content_end(text, start, end, dialect)], dialect)
    if isinstance(answer, StatementTables):
        return end, answer
    if QUERY_START.match(text, start):
        for to, word, spelt_with_to in clause_candidates(text, start, end, dialect):
            if spelt_with_to and word.upper() in VERBS:
                before = _tables(text[start:to], dialect)
                if isinstance(before, StatementTables):
                    return to, before
    place = Rejection(message=answer.message, start=start + answer.start, end=start + answer.end)
    return start, place


def _unterminated(problems: list[Diagnostic]) -> Rejection | None:
    """Why the last piece is no statement, where something in it is never closed."""
    if not problems:
        return None
    (problem,) = problems
    assert problem.span is not None
    return Rejection(message=problem.message, start=problem.span.start, end=problem.span.end)


def _tables(sql: str, dialect: str) -> StatementTables | Rejection:
    effects = keyword_effects(sql)
    if effects is None:
        tree = parse_sql(sql, dialect)
        if isinstance(tree, Rejection):
            return tree
        if isinstance(tree, exp.Condition | exp.Alias | exp.Identifier) and not isinstance(
            tree, exp.Query
        ):
            first = len(sql.split(maxsplit=1)[0])
            return Rejection(message="this is no statement", start=0, end=first)
        effects = sql_effects(tree, Names(dialect=dialect))
    return _named(effects)


def _named(effects: Effects) -> StatementTables:
    return StatementTables(
        inputs=_table_names(effects.reads),
        outputs=_table_names(write.ref for write in effects.writes),
    )


def _table_names(refs: Iterable[ObjectRef]) -> tuple[str, ...]:
    names = (ref.name for ref in refs if ref.kind is ObjectKind.TABLE)
    return tuple(sorted(dict.fromkeys(names)))
