"""TO PREDICT, TO EVALUATE and TO EXPLAIN: what a model says about rows."""

from collections.abc import Iterator

import pyarrow as pa

from sqlflow_dagster.engines.base import Session
from sqlflow_dagster.errors import StepError, TerminalError, did_you_mean
from sqlflow_dagster.graph.columns import ANY
from sqlflow_dagster.graph.program import Step
from sqlflow_dagster.lang.expressions import Literal, Name
from sqlflow_dagster.lang.statements import (
    Attribute,
    EvaluateStatement,
    ExplainStatement,
    PredictStatement,
    QueryStatement,
    attribute,
)
from sqlflow_dagster.ml.base import Metrics
from sqlflow_dagster.ml.metrics import check_metric_name, metric_names
from sqlflow_dagster.ml.model import Model, check_inputs
from sqlflow_dagster.ml.plots import check_plot_type
from sqlflow_dagster.runtime.context import RunContext
from sqlflow_dagster.runtime.inputs import (
    column_types,
    load_model,
    no_rows,
    query_columns,
    read_all,
)
from sqlflow_dagster.runtime.lineage import step_lineage
from sqlflow_dagster.runtime.results import Artifact, StepResult
from sqlflow_dagster.runtime.sql import written_tables

DEFAULT_EXPLAINED_ROWS = 10_000
DEFAULT_SHOWN_FEATURES = 20
_METRICS = "validation.metrics"
_EXPLAINED_ROWS = "explain.rows"
_PLOT_TYPE = "summary.plot_type"
_SHOWN_FEATURES = "summary.max_display"


def run_predict(step: Step, statement: PredictStatement, context: RunContext) -> StepResult:
    """Write the rows of the SELECT with what the model predicts for each.

    The table has the columns of the SELECT in their order, without the model's label and without a
    column of the prediction's own name, then the prediction. Rows flow through the model in batches.
    """
    version, model = load_model(statement.model, context)
    with context.engine.session(prefix=step.prefix) as session:
        _checked_columns(statement, model, session)
        lineage = step_lineage(step, session, context, model)
        reader = session.read(statement.query.sql)
        if step.writes & step.reads:
            # The table that is read is the one that is replaced: it must be read to its end first.
            reader = reader.read_all().to_reader()
        target = statement.column or model.manifest.label.name
        counter = _Counter()
        batches = _predicted(reader, model, target, counter)
        first = next(batches, None)
        if first is None:
            raise no_rows(statement.query)
        rows = pa.RecordBatchReader.from_batches(first.schema, _chain(first, batches))
        session.replace_table(statement.into.parts, rows)
        tables = written_tables(step, session, context)
    return StepResult(
        tables=tables,
        input_rows=counter.rows,
        model=version,
        column_lineage=lineage,
    )


class _Counter:
    """Counts the rows that came from the engine."""

    rows = 0


def _chain(first: pa.RecordBatch, rest: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    yield first
    yield from rest


def _predicted(
    reader: pa.RecordBatchReader, model: Model, target: str, counter: _Counter
) -> Iterator[pa.RecordBatch]:
    left_out = {target.lower(), (model.manifest.label.column or target).lower()}
    kept = [name for name in reader.schema.names if name.lower() not in left_out]
    for batch in reader:
        if batch.num_rows == 0:
            continue
        counter.rows += batch.num_rows
        rows = pa.Table.from_batches([batch])
        with_prediction = rows.select(kept).append_column(target, model.predict(rows))
        yield from with_prediction.combine_chunks().to_batches()


def run_evaluate(step: Step, statement: EvaluateStatement, context: RunContext) -> StepResult:
    """Judge a model on rows whose label is known; with INTO, write one row with a column a metric."""
    version, model = load_model(statement.model, context)
    label = _label(statement, model)
    with context.engine.session(prefix=step.prefix) as session:
        columns = _checked_columns(statement, model, session)
        if label.lower() not in {name.lower() for name in columns}:
            raise TerminalError(
                f"the label {label!r} is not among the columns of the SELECT: {', '.join(columns)}",
                statement.query.span,
                hint=did_you_mean(label, columns),
            )
        lineage = step_lineage(step, session, context, model)
        rows = read_all(session, statement.query)
    metrics = _judged(statement, model, rows, label)
    with context.engine.session(prefix=step.prefix) as session:
        if statement.into is not None:
            table = pa.table({name: [value] for name, value in metrics.values.items()})
            session.replace_table(statement.into.parts, table.to_reader())
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
    )


def _label(statement: EvaluateStatement, model: Model) -> str:
    match statement.label:
        case Name(name=name):
            return name.rsplit(".", 1)[-1]
        case Literal(value=str(name)):
            return name
        case None:
            return model.manifest.label.name
        case other:
            raise TerminalError("LABEL of TO EVALUATE must be one column", other.span)


def check_use(statement: EvaluateStatement | ExplainStatement) -> None:
    """Refuse attributes that cannot work, before a model or a row is read.

    Raises:
        TerminalError: With the place of the attribute.
    """
    match statement:
        case EvaluateStatement():
            item = attribute(statement, _METRICS)
            for name in metric_names(item.value) if item is not None else ():
                check_metric_name(name, item.span if item is not None else None)
        case ExplainStatement():
            for name in (_EXPLAINED_ROWS, _SHOWN_FEATURES):
                if (count := attribute(statement, name)) is not None:
                    _count(count)
            if (kind := attribute(statement, _PLOT_TYPE)) is not None:
                check_plot_type(str(kind.value), kind.span)


def _judged(statement: EvaluateStatement, model: Model, rows: pa.Table, label: str) -> Metrics:
    item = attribute(statement, _METRICS)
    names = metric_names(item.value) if item is not None else ()
    try:
        return model.evaluate(rows, label=label, metrics=names)
    except StepError as error:
        raise error.at(item.span if item is not None else statement.span) from error


def run_explain(step: Step, statement: ExplainStatement, context: RunContext) -> StepResult:
    """Say how much each feature adds to each prediction: a plot and, with INTO, a table of rows."""
    version, model = load_model(statement.model, context)
    with context.engine.session(prefix=step.prefix) as session:
        _checked_columns(statement, model, session)
        lineage = step_lineage(step, session, context, model)
        rows = read_all(session, statement.query)
    limit = attribute(statement, _EXPLAINED_ROWS)
    limited = rows.slice(0, _count(limit) if limit else DEFAULT_EXPLAINED_ROWS)
    if limited.num_rows < rows.num_rows:
        context.progress.note(
            f"explaining the first {limited.num_rows} of {rows.num_rows} rows; "
            "WITH explain.rows=… changes how many"
        )
    kind = attribute(statement, _PLOT_TYPE)
    display = attribute(statement, _SHOWN_FEATURES)
    try:
        explanation = model.explain(
            limited,
            plot_type=str(kind.value) if kind else "bar",
            max_display=_count(display) if display else DEFAULT_SHOWN_FEATURES,
        )
    except StepError as error:
        raise error.at(kind.span if kind else statement.span) from error
    with context.engine.session(prefix=step.prefix) as session:
        if statement.into is not None:
            session.replace_table(statement.into.parts, explanation.rows.to_reader())
        tables = written_tables(step, session, context)
    plot = Artifact(name="explanation", media_type="image/png", data=explanation.png)
    return StepResult(
        tables=tables,
        input_rows=rows.num_rows,
        model=version,
        artifacts=(plot,),
        column_lineage=lineage,
        details={"mean absolute contribution": explanation.summary.to_pylist()},
    )


def _count(item: Attribute) -> int:
    """The value of an attribute that counts something."""
    value = item.value
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        message = f"{item.name} must be a whole number from 1, and is {value!r}"
        raise TerminalError(message, item.span)
    return value


def _checked_columns(statement: QueryStatement, model: Model, session: Session) -> list[str]:
    """The columns of the SELECT, which the engine accepts and which has what the model needs."""
    columns = query_columns(session, statement.query)
    check_inputs(model.source_columns(), column_types(columns), span=statement.query.span)
    return [column.name for column in columns]
