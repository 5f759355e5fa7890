"""TO PREDICT: what a model says of rows."""

from collections.abc import Iterator, Sequence

import pyarrow as pa

from sqlflow_dagster.graph.program import Step
from sqlflow_dagster.lang.statements import PredictStatement, attribute
from sqlflow_dagster.ml.attributes import value_span
from sqlflow_dagster.ml.models.model import Model
from sqlflow_dagster.ml.models.outputs import Outputs, extra_names, outputs
from sqlflow_dagster.runtime.comments import table_comment
from sqlflow_dagster.runtime.context import RunContext
from sqlflow_dagster.runtime.inputs import (
    allows_no_rows,
    checked_columns,
    load_model,
    note_no_rows,
)
from sqlflow_dagster.runtime.lineage import step_lineage
from sqlflow_dagster.runtime.results import StepResult
from sqlflow_dagster.runtime.sql import written_tables

_EXTRA_OUTPUTS = "predict.extra_outputs"


def check_predict(statement: PredictStatement) -> None:
    """Refuse attributes that cannot work, before a model or a row is read.

    Raises:
        TerminalError: With the place of the attribute.
    """
    item = attribute(statement, _EXTRA_OUTPUTS)
    if item is not None:
        extra_names(item.value, value_span(item))
    allows_no_rows(statement)


def run_predict(step: Step, statement: PredictStatement, context: RunContext) -> StepResult:
    """Write the rows of the SELECT with what the model predicts for each.

    The table has the columns of the SELECT in their order, without the model's label and without a
    column of the prediction's own name, then the prediction and its extra outputs. Rows flow through the model in batches;
    of none, the table is made all the same if ``predict.allow_empty`` says so.
    """
    version, model = load_model(statement.model, context)
    with context.engine.session(prefix=step.prefix) as session:
        columns = checked_columns(statement, model, session)
        found, kept = _outputs(statement, model, columns)
        lineage = step_lineage(step, session, context, model)
        reader = session.read(statement.query.sql)
        if step.writes & step.reads:
            # The table that is read is the one that is replaced: it must be read to its end first.
            reader = reader.read_all().to_reader()
        counter = _Counter()
        batches = _predicted(reader, found, kept, counter)
        first = next(batches, None)
        if first is None:
            note_no_rows(statement, context, f"table {statement.into} is empty")
            rows = _with_predictions(reader.schema.empty_table(), found, kept).to_reader()
        else:
            rows = pa.RecordBatchReader.from_batches(first.schema, _chain(first, batches))
        comment = table_comment(step, context)
        session.replace_table(step.names.spelled(statement.into), rows, comment=comment)
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
    reader: pa.RecordBatchReader, found: Outputs, kept: Sequence[str], counter: _Counter
) -> Iterator[pa.RecordBatch]:
    for batch in reader:
        if batch.num_rows == 0:
            continue
        counter.rows += batch.num_rows
        result = _with_predictions(pa.Table.from_batches([batch]), found, kept)
        yield from result.combine_chunks().to_batches()


def _with_predictions(rows: pa.Table, found: Outputs, kept: Sequence[str]) -> pa.Table:
    result = rows.select(kept)
    for name, values in zip(found.names, found.of(rows), strict=True):
        result = result.append_column(name, values)
    return result


def _outputs(
    statement: PredictStatement, model: Model, columns: Sequence[str]
) -> tuple[Outputs, list[str]]:
    """What is predicted, and the columns of the SELECT that stay."""
    label = model.manifest.label
    target = statement.column or label.name
    left_out = {target.lower(), (label.column or target).lower()}
    kept = [name for name in columns if name.lower() not in left_out]
    item = attribute(statement, _EXTRA_OUTPUTS)
    extras = () if item is None else extra_names(item.value, value_span(item))
    return outputs(model, target, extras, taken=kept, span=value_span(item)), kept
