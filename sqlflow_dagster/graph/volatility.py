"""Whether a statement gives something else each time it runs, although its tables are the same."""

from collections.abc import Iterator
from typing import get_args

from sqlglot import exp

from sqlflow_dagster.graph.program import Step
from sqlflow_dagster.lang.dialects import lexis
from sqlflow_dagster.lang.standard import Rejection, parse_sql
from sqlflow_dagster.lang.statements import (
    QueryStatement,
    SqlStatement,
    TemporaryTableStatement,
    TransactionStatement,
)

_VOLATILE = (
    exp.CurrentDate,
    exp.CurrentDatetime,
    exp.CurrentTime,
    exp.CurrentTimestamp,
    exp.Rand,
    exp.Randn,
    exp.Uuid,
)
_NAMES = frozenset(
    {
        "clock_timestamp",
        "gen_random_uuid",
        "get_current_timestamp",
        "getdate",
        "newid",
        "nextval",
        "now",
        "rand",
        "random",
        "randomblob",
        "statement_timestamp",
        "sysdate",
        "today",
        "transaction_timestamp",
        "uuid",
        "uuidv4",
        "uuidv7",
    }
)


def volatile_function(step: Step) -> str | None:
    """The call of a function for whose sake a step gives something else in each run; None without one.

    A statement that cannot be parsed, and one that is annotated ``stable``, have none.
    """
    if step.stable:
        return None
    for sql in _texts(step):
        tree = parse_sql(sql, step.names.dialect)
        for node in () if isinstance(tree, Rejection) else tree.walk():
            if _is_volatile(node, step.names.dialect):
                return node.sql(dialect=lexis(step.names.dialect).sqlglot)
    return None


def _texts(step: Step) -> Iterator[str]:
    match step.statement:
        case SqlStatement(sql=sql):
            yield sql
        case TransactionStatement(statements=inside):
            yield from (item.sql for item in inside)
        case TemporaryTableStatement(query=query, setup=setup):
            yield from (item.sql for item in setup)
            yield query.sql
        case statement if isinstance(statement, get_args(QueryStatement)):
            yield statement.query.sql
        case _:
            return


def _is_volatile(node: exp.Expr, dialect: str) -> bool:
    if isinstance(node, exp.Anonymous):
        return node.name.lower() in _NAMES
    # SQLite's date('now').
    is_now = dialect == "sqlite" and isinstance(node, exp.Literal) and node.name.lower() == "now"
    return is_now or isinstance(node, _VOLATILE)
