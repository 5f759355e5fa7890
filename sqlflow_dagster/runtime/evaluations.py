"""TO EVALUATE: how good a model is on rows whose label is known."""

import math

import pyarrow as pa

from sqlflow_dagster.errors import StepError, TerminalError, did_you_mean
from sqlflow_dagster.graph.columns import ANY
from sqlflow_dagster.graph.program import Step
from sqlflow_dagster.lang.expressions import Literal, Name
from sqlflow_dagster.lang.statements import Attribute, EvaluateStatement, attribute
from sqlflow_dagster.ml.attributes import check_average
from sqlflow_dagster.ml.base import Metrics
from sqlflow_dagster.ml.metrics.by_name import check_metric_name, metric_names
from sqlflow_dagster.ml.models.model import Model
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
from sqlflow_dagster.runtime.results import StepResult
from sqlflow_dagster.runtime.sql import written_tables

_METRICS = "validation.metrics"
_AVERAGE = "validation.average"


def check_evaluate(statement: EvaluateStatement) -> None:
    """Refuse attributes that cannot work, before a model or a row is read.

    Raises:
        TerminalError: With the place of the attribute.
    """
    item = attribute(statement, _METRICS)
    for name in _names(item):
        check_metric_name(name, item.span if item is not None else None)
    average = attribute(statement, _AVERAGE)
    if average is not None:
        check_average(average)
    allows_no_rows(statement)


def run_evaluate(step: Step, statement: EvaluateStatement, context: RunContext) -> StepResult:
    """Judge a model on rows whose label is known; with INTO, write one row with a column a metric.

    Rows whose label is NULL are skipped and counted; where no row is left, every metric is NULL. Rows with a
    label that the model was not trained on count as wrong predictions.
    """
    version, model = load_model(statement.model, context)
    label = _label(statement, model)
    with context.engine.session(prefix=step.prefix) as session:
        columns = checked_columns(statement, model, session)
        if label is not None and label.lower() not in {name.lower() for name in columns}:
            raise TerminalError(
                f"the label {label!r} is not among the columns of the SELECT: {', '.join(columns)}",
                statement.query.span if statement.label is None else statement.label.span,
                hint=did_you_mean(label, columns),
            )
        lineage = step_lineage(step, session, context, model)
        rows = read_all(session, statement.query, may_be_empty=True)
    if not rows.num_rows:
        note_no_rows(statement, context, "every metric is NULL")
    metrics = _judged(statement, model, rows, label)
    _note(metrics, rows, context)
    with context.engine.session(prefix=step.prefix) as session:
        if statement.into is not None:
            comment = table_comment(step, context)
            row = _as_row(metrics).to_reader()
            session.replace_table(step.names.spelled(statement.into), row, comment=comment)
        tables = written_tables(step, session, context)
    return StepResult(
        tables=tables,
        input_rows=rows.num_rows,
        model=version,
        metrics=metrics,
        judged_on="evaluation",
        column_lineage={name: lineage.get(name, lineage.get(ANY, ())) for name in metrics.values}
        if statement.into is not None
        else {},
        details={name: count for name, count in _uncommon_rows(metrics).items() if count},
    )


def _uncommon_rows(metrics: Metrics) -> dict[str, int]:
    return {
        "rows without a label": metrics.skipped,
        "rows with a label that the model was not trained on": metrics.unseen,
    }


def _note(metrics: Metrics, rows: pa.Table, context: RunContext) -> None:
    """Tell of rows that were not judged, or not as others are."""
    if metrics.skipped:
        warning, all_ = ("", "") if metrics.rows else ("warning: ", "; every metric is NULL")
        context.progress.note(
            f"{warning}skipped {metrics.skipped} of {rows.num_rows} rows: their label is NULL{all_}"
        )
    if metrics.unseen:
        context.progress.note(
            f"warning: {metrics.unseen} of {metrics.rows} rows have a label that the model was not "
            "trained on; they count as wrong predictions"
        )


def _as_row(metrics: Metrics) -> pa.Table:
    """A column for each metric; NULL where it is not defined on these rows."""
    values = metrics.values.items()
    row = {name: [None if math.isnan(value) else value] for name, value in values}
    return pa.table(row, schema=pa.schema({name: pa.float64() for name in row}))


def _label(statement: EvaluateStatement, model: Model) -> str | None:
    """The label's column; None of a model that learnt without one, where the statement has none."""
    match statement.label:
        case Name(name=name):
            return name.rsplit(".", 1)[-1]
        case Literal(value=str(name)):
            return name
        case None:
            return model.manifest.label.column
        case other:
            raise TerminalError("LABEL of TO EVALUATE must be one column", other.span)


def _judged(
    statement: EvaluateStatement, model: Model, rows: pa.Table, label: str | None
) -> Metrics:
    item, average = attribute(statement, _METRICS), attribute(statement, _AVERAGE)
    try:
        return model.evaluate(
            rows,
            label=label,
            metrics=_names(item),
            average=None if average is None else check_average(average),
        )
    except StepError as error:
        raise error.at(item.span if item is not None else statement.span) from error


def _names(item: Attribute | None) -> tuple[str, ...]:
    return () if item is None else metric_names(item.value)
