"""TO EXPLAIN: why a model predicts what it predicts."""

from typing import Any

import pyarrow as pa

from sqlflow_dagster.engines.base import Session
from sqlflow_dagster.errors import PluginError, StepError, TerminalError
from sqlflow_dagster.graph.model_lineage import key_columns
from sqlflow_dagster.graph.program import Step
from sqlflow_dagster.lang.statements import Attribute, ExplainStatement, attribute
from sqlflow_dagster.ml.explanation.base import (
    ExplainRequest,
    Explanation,
    find_explainer,
)
from sqlflow_dagster.ml.explanation.contributions import best
from sqlflow_dagster.ml.explanation.plots import PlotSettings, check_plot_type
from sqlflow_dagster.runtime.comments import table_comment
from sqlflow_dagster.runtime.context import RunContext
from sqlflow_dagster.runtime.inputs import (
    allows_no_rows,
    checked_columns,
    load_model,
    note_no_rows,
    read_all,
)
from sqlflow_dagster.runtime.lineage import step_lineage
from sqlflow_dagster.runtime.results import Artifact, StepResult
from sqlflow_dagster.runtime.sql import written_tables

_ROWS = "explain.rows"
_PLOT_PREFIXES = ("summary.", "shap_summary.")


def check_explain(statement: ExplainStatement) -> None:
    """Refuse attributes that cannot work, before a model or a row is read.

    Raises:
        TerminalError: With the place of the attribute.
    """
    if (count := attribute(statement, _ROWS)) is not None:
        _count(count)
    _plot_settings(statement)
    allows_no_rows(statement)


def run_explain(step: Step, statement: ExplainStatement, context: RunContext) -> StepResult:
    """Say how much each column adds to each prediction: a plot and, with INTO, a table of rows.

    Where the SELECT gives no rows and ``explain.allow_empty`` says that it may, the table is empty and there is no plot.
    """
    check_explain(statement)
    version, model = load_model(statement.model, context)
    named = statement.explainer
    explainer = best if named is None else find_explainer(named, statement.explainer_span)
    with context.engine.session(prefix=step.prefix) as session:
        checked_columns(statement, model, session)
        lineage = step_lineage(step, session, context, model)
        reads = explainer.reads_rows
        rows = read_all(session, statement.query, may_be_empty=True) if reads else None
    if rows is not None and not rows.num_rows:
        note_no_rows(statement, context, "nothing is explained")
    try:
        explanation = model.explain(rows, _request(statement, context), explainer)
    except PluginError as error:
        raise TerminalError(error.message, statement.explainer_span, error.hint) from error
    except StepError as error:
        raise error.at(statement.explainer_span or statement.span) from error
    _note_limit(explanation, rows, context)
    with context.engine.session(prefix=step.prefix) as session:
        tables = _write(explanation.rows, statement, step, session, context)
    return StepResult(
        tables=tables,
        input_rows=None if rows is None else rows.num_rows,
        model=version,
        artifacts=()
        if explanation.png is None
        else (Artifact(name="explanation", media_type="image/png", data=explanation.png),),
        column_lineage=lineage,
        details=explanation.details,
    )


def _write(
    table: pa.Table,
    statement: ExplainStatement,
    step: Step,
    session: Session,
    context: RunContext,
) -> tuple[Any, ...]:
    if statement.into is not None:
        comment = table_comment(step, context)
        session.replace_table(
            step.names.spelled(statement.into), table.to_reader(), comment=comment
        )
    return written_tables(step, session, context)


def _request(statement: ExplainStatement, context: RunContext) -> ExplainRequest:
    limit = attribute(statement, _ROWS)
    keys = key_columns(statement)
    return ExplainRequest(
        keys=None if keys is None else [key.name for key in keys],
        limit=None if limit is None else _count(limit),
        plot=_plot_settings(statement),
        seed=context.seed,
        progress=context.progress.advance,
    )


def _note_limit(explanation: Explanation, rows: pa.Table | None, context: RunContext) -> None:
    if rows is None or explanation.explained is None:
        return
    if explanation.explained < rows.num_rows:
        context.progress.note(
            f"explained the first {explanation.explained} of {rows.num_rows} rows; "
            "WITH explain.rows=… changes how many"
        )


def _plot_settings(statement: ExplainStatement) -> PlotSettings:
    """What ``summary.*`` says."""
    settings: dict[str, Any] = {}
    for name, read in _PLOT.items():
        for prefix in _PLOT_PREFIXES:
            if (item := attribute(statement, prefix + name)) is not None:
                settings[name] = read(item)
    return PlotSettings(**settings)


def _plot_type(item: Attribute) -> str:
    check_plot_type(str(item.value), item.expression.span or item.span)
    return str(item.value)


def _count(item: Attribute) -> int:
    """The value of an attribute that counts something."""
    value = item.value
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise _wrong(item, "a whole number from 1")
    return value


def _truth(item: Attribute) -> bool:
    if not isinstance(item.value, bool):
        raise _wrong(item, "true or false")
    return item.value


def _share(item: Attribute) -> float:
    value = item.value
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise _wrong(item, "a number from 0 to 1")
    return float(value)


def _wrong(item: Attribute, wanted: str) -> TerminalError:
    return TerminalError(f"{item.name} must be {wanted}, and is {item.value!r}", item.span)


_PLOT = {"plot_type": _plot_type, "max_display": _count, "sort": _truth, "alpha": _share}
