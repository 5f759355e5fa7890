"""TO TRAIN and SHOW TRAIN."""

import json
import math
from contextlib import ExitStack
from typing import Any

import pyarrow as pa

from sqlflow_dagster.engines.base import Session
from sqlflow_dagster.errors import StepError, TerminalError
from sqlflow_dagster.graph.program import Step
from sqlflow_dagster.lang.statements import (
    Query,
    ShowTrainStatement,
    TrainStatement,
)
from sqlflow_dagster.ml.attributes import read_common
from sqlflow_dagster.ml.base import Metrics
from sqlflow_dagster.ml.manifest import Manifest
from sqlflow_dagster.ml.models.model import Model
from sqlflow_dagster.ml.training.preparation import check_base, check_statement
from sqlflow_dagster.ml.training.spool import Spool, spooled
from sqlflow_dagster.ml.training.train import train_model
from sqlflow_dagster.model_store.pruning import prune
from sqlflow_dagster.runtime.context import RunContext
from sqlflow_dagster.runtime.inputs import (
    column_types,
    load_model,
    no_rows,
    query_columns,
    read_all,
    validation_query,
)
from sqlflow_dagster.runtime.lineage import step_lineage
from sqlflow_dagster.runtime.mlflow_log import log_model
from sqlflow_dagster.runtime.results import StepResult


def run_train(step: Step, statement: TrainStatement, context: RunContext) -> StepResult:
    """Train a model and store it as the next version of its name.

    The rows are read, then the connection is closed: none is held while the model trains.
    """
    base = load_model(statement.base_model, context)[1] if statement.base_model else None
    if base is not None:
        check_base(statement, base.manifest)
    with ExitStack() as stack:
        return _train(step, statement, context, base, stack)


def _train(
    step: Step,
    statement: TrainStatement,
    context: RunContext,
    base: Model | None,
    spools: ExitStack,
) -> StepResult:
    with context.engine.session(prefix=step.prefix) as session:
        check_statement(statement, column_types(query_columns(session, statement.query)))
        select = validation_query(statement)
        if select is not None:
            _check_validation(session, select, statement)
        lineage = step_lineage(step, session, context, base)
        training = _read(session, statement, spools)
        validation = read_all(session, select) if select is not None else None
    rows = len(training)
    context.progress.note(f"training {statement.estimator} on {rows} rows")
    try:
        model = train_model(
            statement=statement,
            training=training,
            validation=validation,
            threads=context.threads,
            progress=context.progress.advance,
            note=context.progress.note,
            seed=context.seed,
            base=base,
        )
    except StepError as error:
        raise error.at(statement.estimator_span) from error
    manifest = model.manifest
    for name in manifest.features.keys:
        context.progress.note(f"feature {name} looks like a key: its value differs in every row")
    bundle = model.to_bundle()
    version = context.models.save(str(statement.into), bundle, manifest.to_json())
    context.progress.note(f"stored {version.name} version {version.version}")
    _prune(version.name, context)
    if context.mlflow is not None:
        told = log_model(
            context.mlflow,
            version=version,
            manifest=manifest,
            bundle=bundle,
            program=context.program,
            run_id=context.run_id,
        )
        context.progress.note(told)
    judged_on, metrics = next(iter(manifest.metrics.items()), (None, None))
    return StepResult(
        input_rows=rows,
        model=version,
        metrics=metrics,
        judged_on=judged_on,
        column_lineage=lineage,
        details=_details(manifest),
    )


def _details(manifest: Manifest) -> dict[str, Any]:
    """What is worth a table: the trials of a search, and what a model says in rows, such as a score card."""
    tables = {
        name: value
        for name, value in manifest.parameters.items()
        if isinstance(value, list) and value and all(isinstance(item, dict) for item in value)
    }
    return tables if manifest.search is None else {**tables, "trials": manifest.search["trials"]}


def _prune(name: str, context: RunContext) -> None:
    if context.keep_versions is None:
        return
    try:
        removed = prune(context.models, name, context.keep_versions)
    except StepError as error:
        # The model is trained and stored; the next training tidies up.
        context.progress.note(
            f"warning: old versions of {name} could not be removed: {error.message}"
        )
        return
    if removed:
        numbers = ", ".join(str(item.version) for item in removed)
        context.progress.note(f"removed old versions of {name}: {numbers}")


def _read(session: Session, statement: TrainStatement, spools: ExitStack) -> pa.Table | Spool:
    """The rows to learn from, in memory or in a file."""
    if not read_common(statement.attributes)["train.external_memory"]:
        return read_all(session, statement.query)
    try:
        with session.saving_memory():
            spool = spools.enter_context(spooled(session.read(statement.query.sql)))
    except StepError as error:
        raise error.at(statement.query.span) from error
    if not len(spool):
        raise no_rows(statement.query)
    return spool


def _check_validation(session: Session, select: Query, statement: TrainStatement) -> None:
    """The validation rows must have the columns that the training rows have."""
    wanted = {column.name.lower(): column.name for column in session.describe(statement.query.sql)}
    there = {column.name.lower() for column in query_columns(session, select)}
    missing = [name for folded, name in wanted.items() if folded not in there]
    if missing:
        raise TerminalError(
            f"validation.select lacks columns of the training SELECT: {', '.join(missing)}",
            select.span,
            hint="select the same columns from the validation table",
        )


def run_show_train(step: Step, statement: ShowTrainStatement, context: RunContext) -> StepResult:
    """The statement that trained a model, as a table of one row."""
    version, model = load_model(statement.model, context)
    manifest = model.manifest
    judged_on, metrics = next(iter(manifest.metrics.items()), (None, None))
    rows = pa.table(
        {
            "Model": [version.name],
            "Train Statement": [manifest.statement or ""],
            "Version": [version.version],
            "Created": [manifest.created_at],
            "Rows": [manifest.rows],
            "Judged On": pa.array([judged_on], pa.string()),
            "Metrics": pa.array([_as_json(metrics)], pa.string()),
        }
    )
    return StepResult(rows=rows, model=version)


def _as_json(metrics: Metrics | None) -> str | None:
    """The values of metrics, to six digits; null for one that is not defined."""
    if metrics is None:
        return None
    return json.dumps(
        {
            name: None if math.isnan(value) else float(f"{value:.6g}")
            for name, value in metrics.values.items()
        }
    )
