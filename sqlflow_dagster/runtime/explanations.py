"""TO EXPLAIN: why a model predicts what it predicts."""

from sqlflow_dagster.errors import StepError, TerminalError
from sqlflow_dagster.graph.program import Step
from sqlflow_dagster.lang.statements import Attribute, ExplainStatement, attribute
from sqlflow_dagster.ml.plots import check_plot_type
from sqlflow_dagster.runtime.context import RunContext
from sqlflow_dagster.runtime.inputs import checked_columns, load_model, read_all
from sqlflow_dagster.runtime.lineage import step_lineage
from sqlflow_dagster.runtime.results import Artifact, StepResult
from sqlflow_dagster.runtime.sql import written_tables

DEFAULT_EXPLAINED_ROWS = 10_000
DEFAULT_SHOWN_FEATURES = 20
_EXPLAINED_ROWS = "explain.rows"
_PLOT_TYPE = "summary.plot_type"
_SHOWN_FEATURES = "summary.max_display"


def check_explain(statement: ExplainStatement) -> None:
    """Refuse attributes that cannot work, before a model or a row is read.

    Raises:
        TerminalError: With the place of the attribute.
    """
    for name in (_EXPLAINED_ROWS, _SHOWN_FEATURES):
        if (count := attribute(statement, name)) is not None:
            _count(count)
    if (kind := attribute(statement, _PLOT_TYPE)) is not None:
        check_plot_type(str(kind.value), kind.span)


def run_explain(step: Step, statement: ExplainStatement, context: RunContext) -> StepResult:
    """Say how much each feature adds to each prediction: a plot and, with INTO, a table of rows."""
    version, model = load_model(statement.model, context)
    with context.engine.session(prefix=step.prefix) as session:
        checked_columns(statement, model, session)
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
