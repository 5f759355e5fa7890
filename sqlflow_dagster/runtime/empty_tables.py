"""Create what a statement creates, without its rows; know which tables really get none."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from sqlglot import exp
from sqlglot.dialects.dialect import Dialect
from sqlglot.tokenizer_core import TokenType

from sqlflow_dagster.engines.base import Session
from sqlflow_dagster.errors import TerminalError
from sqlflow_dagster.graph.effects import Mode
from sqlflow_dagster.graph.generated_names import sql_name
from sqlflow_dagster.graph.objects import ObjectKind
from sqlflow_dagster.graph.program import Step
from sqlflow_dagster.graph.tables import target_table
from sqlflow_dagster.lang.dialects import lexis
from sqlflow_dagster.lang.standard import Rejection, parse_sql
from sqlflow_dagster.lang.statements import SqlStatement, TemporaryTableStatement


def define(step: Step, sql: str, tree: exp.Create, session: Session) -> None:
    """Create what a statement creates, without its rows; the engine checks the statement as it stands.

    Args:
        step: The step of the statement.
        sql: Its text.
        tree: Its syntax tree.
        session: Where to create it.
    """
    tables = [write for write in step.effects.writes if write.ref.kind is ObjectKind.TABLE]
    if any(w.mode is Mode.ENSURE and session.relation_kind(w.ref.parts) for w in tables):
        return
    with ExitStack() as blocks:
        for write in tables:
            blocks.enter_context(session.replacing(write.ref.parts))
        if not _is_filled(tree):
            session.execute(sql)
            return
        session.execute(f"EXPLAIN {sql}")
        query = _query_text(sql, step.names.dialect)
        session.create_table_as(tables[0].ref.parts, without_rows(query))


@contextmanager
def temporary_objects(step: Step, session: Session) -> Iterator[None]:
    """A block in which a step finds its TEMP tables, without rows, and its TEMP views."""
    statement = step.statement
    setup = statement.setup if isinstance(statement, TemporaryTableStatement) else ()
    with ExitStack() as made:
        for sql in (*step.views, *(item.sql for item in setup)):
            tree = parse_sql(sql, step.names.dialect)
            match tree:
                case exp.Create() if (table := target_table(tree.this)) is not None:
                    _create(sql, tree, session, step.names.dialect)
                    name = sql_name((table.name,), step.names.dialect)
                    made.callback(session.execute, f"DROP {tree.args['kind']} {name}")
                case exp.Insert() | exp.Update() | exp.Delete() | exp.Merge():
                    session.execute(f"EXPLAIN {sql}")
                case _:
                    session.execute(sql)
        yield


def _create(sql: str, tree: exp.Create, session: Session, dialect: str) -> None:
    if not _is_filled(tree):
        session.execute(sql)
        return
    session.execute(f"EXPLAIN {sql}")
    query = _query_text(sql, dialect)
    session.execute(sql.removesuffix(query) + "\n" + without_rows(query))


def _is_filled(tree: exp.Create) -> bool:
    """Whether a statement is a CREATE TABLE … AS SELECT."""
    return tree.args["kind"] == "TABLE" and isinstance(tree.expression, exp.Query)


def _query_text(sql: str, dialect: str) -> str:
    """The SELECT of a CREATE TABLE … AS, as it was written."""
    found = created_from(sql, dialect)
    if found is None:
        raise TerminalError("the SELECT of this CREATE TABLE was not found")
    return found


def created_from(sql: str, dialect: str) -> str | None:
    """What stands after the AS of a CREATE, as it was written; None where there is no AS."""
    depth = 0
    for token in Dialect.get_or_raise(lexis(dialect).sqlglot).tokenize(sql):
        depth += (token.token_type is TokenType.L_PAREN) - (token.token_type is TokenType.R_PAREN)
        if token.token_type is TokenType.ALIAS and depth == 0:
            return sql[token.end + 1 :]
    return None


_EXPENSIVE = (
    exp.AggFunc,
    exp.Group,
    exp.Distinct,
    exp.Order,
    exp.Window,
    exp.SetOperation,
    exp.With,
)


def filling_query(step: Step) -> str | None:
    """The SELECT that fills the table of a step, where its first row is found without computing all of them.

    None where there is no such SELECT.
    """
    match step.statement:
        case TemporaryTableStatement(query=query, setup=()):
            sql = query.sql
        case SqlStatement(sql=statement):
            tree = parse_sql(statement, step.names.dialect)
            if not isinstance(tree, exp.Create) or not _is_filled(tree) or step.views:
                return None
            sql = _query_text(statement, step.names.dialect)
        case _:
            return None
    query_tree = parse_sql(sql, step.names.dialect)
    if isinstance(query_tree, Rejection) or query_tree.find(*_EXPENSIVE) is not None:
        return None
    return sql


def first_row(query: str) -> str:
    """A SELECT of one row of another one."""
    return f"SELECT * FROM (\n{query}\n) AS sqlflow_rehearsed LIMIT 1"


def without_rows(query: str) -> str:
    """A SELECT with the columns of another one and no rows."""
    return f"SELECT * FROM (\n{query}\n) AS sqlflow_rehearsed LIMIT 0"
