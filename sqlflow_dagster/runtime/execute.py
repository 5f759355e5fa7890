"""Run one step. Dagster ops, pods and ``sqlflow run`` all come through here."""

import time
from dataclasses import replace
from typing import assert_never

from sqlflow_dagster.errors import StepError
from sqlflow_dagster.graph.program import Step
from sqlflow_dagster.lang.statements import (
    EvaluateStatement,
    ExplainStatement,
    OptimizeStatement,
    PredictStatement,
    RunStatement,
    ShowTrainStatement,
    SqlStatement,
    TemporaryTableStatement,
    TrainStatement,
    TransactionStatement,
)
from sqlflow_dagster.own_classes import allowing
from sqlflow_dagster.runtime.context import RunContext
from sqlflow_dagster.runtime.evaluations import run_evaluate
from sqlflow_dagster.runtime.explanations import run_explain
from sqlflow_dagster.runtime.external_programs import run_external_program
from sqlflow_dagster.runtime.models import run_show_train, run_train
from sqlflow_dagster.runtime.optimization import run_optimize
from sqlflow_dagster.runtime.predictions import run_predict
from sqlflow_dagster.runtime.results import StepResult
from sqlflow_dagster.runtime.sql import run_sql, run_transaction
from sqlflow_dagster.runtime.temp_tables import rebuild_missing_tables, run_temporary_table


def execute(step: Step, context: RunContext) -> StepResult:
    """Run one step of a program.

    Args:
        step: From :attr:`Program.steps <sqlflow_dagster.graph.program.Program.steps>`.
        context: What to run it with.

    Raises:
        TransientError: A later attempt may succeed.
        TerminalError: No attempt can succeed. What the step would have written is as it was before.
    """
    started = time.monotonic()
    try:
        context = context.on(step.datasource)
        with allowing(context.own_classes):
            rebuild_missing_tables(step, context)
            result = _run(step, context)
    except StepError as error:
        raise error.at(step.statement.span) from error
    seconds = time.monotonic() - started
    if context.history is not None:
        context.history.record(
            program=context.program,
            step=step.name,
            code_version=step.code_version,
            run_id=context.run_id,
            seconds=seconds,
        )
    return replace(result, seconds=seconds)


def _run(step: Step, context: RunContext) -> StepResult:
    match step.statement:
        case SqlStatement() as statement:
            return run_sql(step, statement, context)
        case TransactionStatement() as statement:
            return run_transaction(step, statement, context)
        case TemporaryTableStatement() as statement:
            return run_temporary_table(step, statement, context)
        case TrainStatement() as statement:
            return run_train(step, statement, context)
        case PredictStatement() as statement:
            return run_predict(step, statement, context)
        case EvaluateStatement() as statement:
            return run_evaluate(step, statement, context)
        case ExplainStatement() as statement:
            return run_explain(step, statement, context)
        case ShowTrainStatement() as statement:
            return run_show_train(step, statement, context)
        case OptimizeStatement() as statement:
            return run_optimize(step, statement, context)
        case RunStatement() as statement:
            return run_external_program(step, statement, context)
        case _:
            assert_never(step.statement)
