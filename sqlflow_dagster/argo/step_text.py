"""A step of a program as a text that compiles to that step and nothing else.

A pod knows nothing of the program: all it is given is a text, the session statements in force and one
statement. A statement over a generated table reads that table, and the table's own step is a CREATE TABLE,
so that the pods compute it once.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from sqlglot import exp

from sqlflow_dagster.codes import Code
from sqlflow_dagster.compiler import compile_program
from sqlflow_dagster.errors import CompileError, Diagnostic
from sqlflow_dagster.graph.effects import Mode
from sqlflow_dagster.graph.objects import DEFAULT_DATASOURCE
from sqlflow_dagster.graph.program import Program, Step
from sqlflow_dagster.graph.resources import annotation_comments
from sqlflow_dagster.lang.clause_lexer import TokenKind, tokenize_clause
from sqlflow_dagster.lang.dialects import lexis
from sqlflow_dagster.lang.expressions import ListExpression, Literal, Name, expression_text
from sqlflow_dagster.lang.printer import print_statement
from sqlflow_dagster.lang.statements import (
    VALIDATION_SELECT,
    EvaluateStatement,
    QualifiedName,
    QueryStatement,
    SqlStatement,
    Statement,
    TemporaryTableStatement,
    TrainStatement,
    TransactionStatement,
    attribute,
)
from sqlflow_dagster.source import Span
from sqlflow_dagster.temp_tables import TemporaryTables

_BARE = re.compile(r"[a-z_][a-z0-9_]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class StepText:
    """One step for a process of its own.

    Attributes:
        sql: The session statements in force and the statement.
        temp_tables: How the process must compile it: ``auto``, or ``never`` for a complex SELECT that
            is to be read without a table of its own.
        generated_by: The program, where the statement makes one of its generated tables.
        time_to_live: How long that table is there; None where that has no end.
    """

    sql: str
    temp_tables: TemporaryTables
    generated_by: str | None = None
    time_to_live: timedelta | None = None


def step_text(step: Step, program: Program) -> StepText:
    """The text by which a process of its own runs one step.

    It is compiled again here: a text that would run anything else is refused, not rendered.

    Args:
        step: The step.
        program: Its program.

    Raises:
        CompileError: No text means this step.
    """
    statement = _statement_text(step.statement, step.names.dialect)
    for text in (statement, _annotated(step.statement, statement)):
        sql = _head(step) + ";\n".join((*step.prefix, text))
        for mode in (TemporaryTables.AUTO, TemporaryTables.NEVER):
            if _means(sql, step, program, mode):
                if not isinstance(step.statement, TemporaryTableStatement):
                    return StepText(sql=sql, temp_tables=mode)
                return StepText(
                    sql=sql,
                    temp_tables=mode,
                    generated_by=program.name,
                    time_to_live=step.statement.time_to_live,
                )
    problem = Diagnostic(
        code=Code.NOT_FOR_ARGO,
        message="this statement cannot be run by a pod of its own: "
        "alone, its text means something else than in the program",
        span=step.statement.span,
        hint="write it as one statement that ends in a semicolon",
    )
    raise CompileError([problem])


def _means(sql: str, step: Step, program: Program, mode: TemporaryTables) -> bool:
    """Whether a text compiles to a step and nothing else."""
    try:
        compiled = compile_program(
            sql, dialect=program.dialect, temp_tables=mode, datasources=program.datasources
        )
    except CompileError:
        return False
    if len(compiled.steps) != 1:
        return False
    found = compiled.steps[0]
    modes = [write.mode for write in found.effects.writes]
    if found.prefix != step.prefix or found.datasource != step.datasource:
        return False
    if isinstance(step.statement, TemporaryTableStatement):
        made = TransactionStatement if step.statement.setup else SqlStatement
        return isinstance(found.statement, made) and modes == [Mode.CREATE]
    # How a statement writes decides whether what was there before is replaced.
    wanted = [write.mode for write in step.effects.writes]
    return found.statement == step.statement and modes == wanted


def _head(step: Step) -> str:
    """What says for the session statements, too, which data source they are for."""
    if step.datasource == DEFAULT_DATASOURCE:
        return ""
    return f"-- sqlflow: program.datasource={step.datasource}\n"


def _annotated(statement: Statement, text: str) -> str:
    """The text with the comments above it that say what the statement reads and writes."""
    if statement.span is None or isinstance(statement, TemporaryTableStatement):
        return text
    return "\n".join([*(item.text for item in annotation_comments(statement.span)), text])


def _statement_text(statement: Statement, dialect: str) -> str:
    match statement:
        case TemporaryTableStatement(table=table, query=query, setup=setup):
            made = f"CREATE TABLE {_table_text(table, dialect)} AS\n{query.sql}"
            inside = ["BEGIN", *(item.sql for item in setup), made, "COMMIT"]
            return ";\n".join(inside) if setup else made
        case statement if isinstance(statement, QueryStatement):
            return statement.query.sql + _clause_text(statement)
        case SqlStatement(sql=sql):
            return sql
        case TransactionStatement(statements=inside) if any(item.span is None for item in inside):
            return print_statement(statement)
        case _:
            assert statement.span is not None, "a compiled statement has its place"
            return statement.span.text


def _table_text(table: QualifiedName, dialect: str) -> str:
    parts = (exp.to_identifier(part, quoted=not _BARE.fullmatch(part)) for part in table.parts)
    return ".".join(part.sql(dialect=lexis(dialect).sqlglot) for part in parts)


def _clause_text(statement: QueryStatement) -> str:
    """What follows the SELECT, as written but for what means something else over a generated table."""
    assert statement.span is not None
    assert statement.query.span is not None
    source, position = statement.span.source, statement.query.span.end
    parts = []
    rewritten = (*_rewritten_label(statement), *_rewritten_validation(statement))
    for span, text in sorted(rewritten, key=lambda item: item[0].start):
        parts += [source.text[position : span.start], text]
        position = span.end
    return "".join([*parts, source.text[position : statement.span.end]])


def _rewritten_label(statement: QueryStatement) -> Iterator[tuple[Span, str]]:
    """The names of LABEL that stand for other ones, as ``t.y`` does for ``target``."""
    if not isinstance(statement, TrainStatement | EvaluateStatement):
        return
    label = statement.label
    for item in label.items if isinstance(label, ListExpression) else (label,):
        if isinstance(item, Name | Literal) and item.span is not None:
            name = item.name if isinstance(item, Name) else item.value
            # In quotes it may be written in another way, and is the same.
            if item.span.text.strip("'\"") != name:
                yield item.span, expression_text(item)


def _rewritten_validation(statement: QueryStatement) -> Iterator[tuple[Span, str]]:
    """The ``validation.select`` that got a table."""
    select = attribute(statement, VALIDATION_SELECT)
    if select is None or select.span is None:
        return
    assert statement.span is not None
    _, value, *_ = tokenize_clause(statement.span.source, select.span.end, statement.span.end)
    if value.kind is TokenKind.STRING and value.value != select.value:
        yield value.span, expression_text(Literal(value=str(select.value)))
