"""What is wrong with a statement whatever stands before it."""

from dataclasses import replace

from sqlflow_dagster.engines.base import Session
from sqlflow_dagster.errors import Diagnostic, Severity, TerminalError
from sqlflow_dagster.graph.program import Step
from sqlflow_dagster.lang.statements import (
    EvaluateStatement,
    ExplainStatement,
    PredictStatement,
    RunStatement,
    SqlStatement,
    TrainStatement,
)
from sqlflow_dagster.runtime.context import RunContext
from sqlflow_dagster.runtime.evaluations import check_evaluate
from sqlflow_dagster.runtime.explanations import check_explain
from sqlflow_dagster.runtime.external_programs import check_allowed
from sqlflow_dagster.runtime.predictions import check_predict
from sqlflow_dagster.runtime.train_attributes import attribute_problem


def refusal(step: Step, session: Session, context: RunContext) -> Diagnostic | None:
    """What the engine's parser, the trainers and the explainers have against a statement; None for nothing.

    Args:
        step: The statement.
        session: Of its data source, as the statement finds it.
        context: What it is to run with.
    """
    statement = step.statement
    try:
        match statement:
            case SqlStatement(sql=sql):
                session.check_syntax(sql)
            case TrainStatement():
                problem = attribute_problem(statement)
                # Here it is to run: a library that is not installed is no mere warning.
                return None if problem is None else replace(problem, severity=Severity.ERROR)
            case PredictStatement():
                check_predict(statement)
            case EvaluateStatement():
                check_evaluate(statement)
            case ExplainStatement():
                check_explain(statement)
            case RunStatement():
                check_allowed(statement, context.external_programs)
            case _:
                pass
    except TerminalError as error:
        return error.at(statement.span).diagnostic
    return None
