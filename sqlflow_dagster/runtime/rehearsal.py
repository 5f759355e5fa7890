"""Let the engine itself check the SELECTs of a program, before anything of it runs.

The program is gone through in one transaction that is rolled back: tables are created without rows, every other
statement is only explained. So a misspelt column in the last statement is found before the first one has changed
anything, even where its table does not exist yet.
"""

import re
from contextlib import ExitStack
from dataclasses import dataclass, field

from sqlglot import exp
from sqlglot.dialects.dialect import Dialect
from sqlglot.tokenizer_core import TokenType

from sqlflow_dagster.engines.base import Session
from sqlflow_dagster.errors import Diagnostic, StepError, TerminalError, TransientError
from sqlflow_dagster.graph.effects import Mode
from sqlflow_dagster.graph.objects import ObjectKind, ObjectRef
from sqlflow_dagster.graph.program import Program, Step
from sqlflow_dagster.graph.static_checks import unknown_columns
from sqlflow_dagster.lang.dialects import lexis
from sqlflow_dagster.lang.standard import parse_sql
from sqlflow_dagster.lang.statements import (
    QueryStatement,
    SqlStatement,
    TemporaryTableStatement,
)
from sqlflow_dagster.runtime.context import RunContext
from sqlflow_dagster.runtime.inputs import no_rows, query_columns, validation_query
from sqlflow_dagster.source import Span


class _Done(Exception):  # noqa: N818  # it ends a transaction, it is no error
    """Ends the transaction, so that nothing of it is kept."""


@dataclass(slots=True)
class _Rehearsal:
    """What is known so far.

    Attributes:
        unknown: The tables whose columns nobody can tell yet: what a model writes, what an unforeseeable
            statement may have changed. Statements that read them are not checked.
        made: The tables that the program has written so far: here they have no rows.
    """

    session: Session
    unknown: set[ObjectRef] = field(default_factory=set)
    made: set[ObjectRef] = field(default_factory=set)
    problems: list[Diagnostic] = field(default_factory=list)


def rehearse(
    program: Program,
    context: RunContext,
    steps: frozenset[int] | None = None,
    *,
    made: frozenset[ObjectRef] = frozenset(),
) -> list[Diagnostic]:
    """A diagnostic for each statement that the engine would refuse.

    Nothing is said of statements whose inputs depend on what a model writes. Engines that cannot undo the
    creation of a table are not asked.

    Args:
        program: The program; its inputs are there, see :func:`~sqlflow_dagster.runtime.preflight.missing_inputs`.
        context: The data source.
        steps: The indexes of the steps that will run; None for all.
        made: What programs that run before make; nothing is said of statements that read it.

    Raises:
        TransientError: The data source cannot be reached or is locked.
    """
    chosen = [step for step in program.steps if steps is None or step.index in steps]
    if not chosen or not context.engine.transactional_ddl:
        return []
    prefixes = {step.prefix for step in chosen}
    if len(prefixes) > 1:
        return []  # USE and SET would have to be undone between the statements.
    with context.engine.session(prefix=prefixes.pop()) as session:
        rehearsal = _Rehearsal(session=session, unknown=set(made))
        try:
            with session.transaction():
                for step in chosen:
                    if step.effects.barrier:
                        break
                    _check(step, rehearsal)
                    rehearsal.made |= step.writes
                raise _Done
        except _Done:
            return rehearsal.problems


_DATA_DECIDES = re.compile(r"\b(?:UN)?PIVOT\b", re.IGNORECASE)
_ANEW = frozenset({Mode.CREATE, Mode.REPLACE})


def _cannot_tell(step: Step, rehearsal: _Rehearsal) -> bool:
    """Whether the columns that a statement sees or makes depend on what nobody knows yet."""
    changed = {write.ref for write in step.effects.writes if write.mode not in _ANEW}
    if step.effects.loose or (step.reads | changed) & rehearsal.unknown:
        return True
    # Its table would have to be there while it is made anew.
    if step.reads & step.writes:
        return True
    # A pivot names its columns after values, and the tables of a rehearsal have no rows.
    statement = step.statement
    text = statement.span.text if statement.span is not None else ""
    return _DATA_DECIDES.search(text) is not None


def _check(step: Step, rehearsal: _Rehearsal) -> None:
    if _cannot_tell(step, rehearsal):
        rehearsal.unknown |= step.writes
        return
    rehearsal.unknown -= step.writes
    try:
        match step.statement:
            case SqlStatement(sql=sql):
                _check_sql(step, sql, rehearsal)
            case TemporaryTableStatement(table=table, query=query):
                rehearsal.session.create_table_as(table.parts, _without_rows(query.sql))
            case statement if isinstance(statement, QueryStatement):
                rehearsal.unknown |= step.writes
                columns = [item.name for item in rehearsal.session.describe(statement.query.sql)]
                rehearsal.problems += unknown_columns(statement, columns)
                if not step.reads & rehearsal.made:
                    first_row = (
                        f"SELECT * FROM (\n{statement.query.sql}\n) AS sqlflow_rehearsed LIMIT 1"
                    )
                    if rehearsal.session.count(first_row) == 0:
                        raise no_rows(statement.query)
                select = validation_query(statement)
                if select is not None:
                    query_columns(rehearsal.session, select)
            case _:
                rehearsal.unknown |= step.writes
    except TransientError:
        raise
    except StepError as error:
        rehearsal.problems.append(error.at(_place(step)).diagnostic)
        rehearsal.unknown |= step.writes


def _place(step: Step) -> Span | None:
    statement = step.statement
    if isinstance(statement, QueryStatement | TemporaryTableStatement):
        return statement.query.span or statement.span
    return statement.span


def _check_sql(step: Step, sql: str, rehearsal: _Rehearsal) -> None:
    session = rehearsal.session
    tree = parse_sql(sql, step.names.dialect)
    match tree:
        case exp.Create() if tree.args.get("kind") in {"TABLE", "VIEW", "SCHEMA"}:
            _define(step, sql, tree, session)
        case exp.Drop() | exp.Alter():
            session.execute(sql)
        case exp.Query() | exp.Insert() | exp.Update() | exp.Delete() | exp.Merge():
            session.execute(f"EXPLAIN {sql}")
        case _:
            rehearsal.unknown |= step.writes


def _define(step: Step, sql: str, tree: exp.Create, session: Session) -> None:
    """Create what the statement creates, without its rows."""
    tables = [write for write in step.effects.writes if write.ref.kind is ObjectKind.TABLE]
    if any(w.mode is Mode.ENSURE and session.relation_kind(w.ref.parts) for w in tables):
        return
    if tree.args["kind"] != "TABLE" or not isinstance(tree.expression, exp.Query):
        with ExitStack() as blocks:
            for write in tables:
                blocks.enter_context(session.replacing(write.ref.parts))
            session.execute(sql)
        return
    # The engine checks the statement as it stands; then a table with its columns takes its place.
    session.execute(f"EXPLAIN {sql}")
    session.create_table_as(tables[0].ref.parts, _without_rows(_query_text(sql, step)))


def _query_text(sql: str, step: Step) -> str:
    """The SELECT of a CREATE TABLE … AS, as it was written."""
    depth = 0
    for token in Dialect.get_or_raise(lexis(step.names.dialect).sqlglot).tokenize(sql):
        depth += (token.token_type is TokenType.L_PAREN) - (token.token_type is TokenType.R_PAREN)
        if token.token_type is TokenType.ALIAS and depth == 0:
            return sql[token.end + 1 :]
    raise TerminalError("the SELECT of this CREATE TABLE was not found")


def _without_rows(query: str) -> str:
    return f"SELECT * FROM (\n{query}\n) AS sqlflow_rehearsed LIMIT 0"
