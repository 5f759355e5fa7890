"""The rows that a machine-learning statement works on: checked first, then read as Arrow."""

from collections.abc import Iterable

import pyarrow as pa

from sqlflow_dagster.engines.base import Column, Session
from sqlflow_dagster.errors import StepError, TerminalError
from sqlflow_dagster.lang.statements import (
    VALIDATION_SELECT,
    EvaluateStatement,
    ExplainStatement,
    ModelReference,
    PredictStatement,
    Query,
    QueryStatement,
    attribute,
)
from sqlflow_dagster.ml.models.model import Model, check_inputs
from sqlflow_dagster.model_store.base import ModelVersion
from sqlflow_dagster.runtime.context import RunContext


def query_columns(session: Session, query: Query) -> tuple[Column, ...]:
    """The columns of a SELECT, checked by the engine.

    Raises:
        TerminalError: The engine refuses the SELECT; the error has its place in the program.
    """
    try:
        return session.describe(query.sql)
    except StepError as error:
        raise error.at(query.span) from error


def checked_columns(statement: QueryStatement, model: Model, session: Session) -> list[str]:
    """The columns of a SELECT, which the engine accepts and which has what a model needs.

    Raises:
        TerminalError: The engine refuses the SELECT, or a feature column is missing.
    """
    columns = query_columns(session, statement.query)
    check_inputs(model.source_columns(), column_types(columns), span=statement.query.span)
    return [column.name for column in columns]


def validation_query(statement: QueryStatement) -> Query | None:
    """The SELECT of ``validation.select``; None without one."""
    item = attribute(statement, VALIDATION_SELECT)
    if item is None or not item.value:
        return None
    return Query(sql=str(item.value).strip().rstrip(";"), span=item.expression.span or item.span)


def column_types(columns: Iterable[Column]) -> list[tuple[str, pa.DataType]]:
    """Names and Arrow types, as the checks of :mod:`sqlflow_dagster.ml.models.model` take them."""
    return [(column.name, column.arrow_type) for column in columns]


def read_all(session: Session, query: Query, *, may_be_empty: bool = False) -> pa.Table:
    """All rows of a SELECT.

    Args:
        session: Of the data source.
        query: The SELECT.
        may_be_empty: Whether a table without rows is an answer.

    Raises:
        TerminalError: There is no row, and there must be one.
    """
    try:
        table = session.read(query.sql).read_all()
    except StepError as error:
        raise error.at(query.span) from error
    if table.num_rows == 0 and not may_be_empty:
        raise no_rows(query)
    return table


def no_rows(query: Query, statement: QueryStatement | None = None) -> TerminalError:
    """The error for a SELECT without rows; of a statement that may allow them, it says how."""
    hint = "check its WHERE and the tables it reads"
    allowing = None if statement is None else _ALLOWING.get(type(statement))
    if allowing is not None:
        hint += (
            f"; if it may give none, such as on a day without data, write WITH {allowing} = true"
        )
    return TerminalError("the SELECT gives no rows", query.span, hint=hint)


_ALLOWING: dict[type[QueryStatement], str] = {
    PredictStatement: "predict.allow_empty",
    EvaluateStatement: "validation.allow_empty",
    ExplainStatement: "explain.allow_empty",
}


def allows_no_rows(statement: QueryStatement) -> bool:
    """Whether a statement that uses a model says that its SELECT may give no rows.

    Raises:
        TerminalError: Its attribute is neither true nor false.
    """
    name = _ALLOWING.get(type(statement))
    item = None if name is None else attribute(statement, name)
    if item is None:
        return False
    if not isinstance(item.value, bool):
        raise TerminalError(f"{item.name} wants true or false, not {item.value!r}", item.span)
    return item.value


def note_no_rows(statement: QueryStatement, context: RunContext, what_follows: str) -> None:
    """Warn that a SELECT gave no rows.

    Raises:
        TerminalError: The statement does not allow it.
    """
    if not allows_no_rows(statement):
        raise no_rows(statement.query, statement)
    context.progress.note(f"warning: the SELECT gives no rows: {what_follows}")


def load_model(reference: ModelReference, context: RunContext) -> tuple[ModelVersion, Model]:
    """The model that a statement names.

    Raises:
        TerminalError: There is no such model or version, or it is damaged.
    """
    try:
        version, bundle = context.models.load(str(reference.name), reference.version)
        return version, Model.from_bundle(bundle, threads=context.threads)
    except StepError as error:
        raise error.at(reference.span) from error
