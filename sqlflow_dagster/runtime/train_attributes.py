"""The attributes of TRAIN statements, as their trainers read them: no row and no data source is needed."""

from sqlflow_dagster.codes import Code
from sqlflow_dagster.errors import Diagnostic, PluginError, Severity, TerminalError
from sqlflow_dagster.lang.statements import TrainStatement
from sqlflow_dagster.ml.training.preparation import check_attributes


def attribute_problem(statement: TrainStatement) -> Diagnostic | None:
    """What is wrong with the attributes of a TRAIN statement; None where nothing is.

    A library that is not installed here is a warning: the statement may run elsewhere. Libraries of machine
    learning are imported.

    Args:
        statement: One whose estimator some trainer knows.
    """
    try:
        check_attributes(statement)
    except TerminalError as error:
        problem = error.at(statement.span)
        absent = isinstance(error.__cause__, PluginError)
        return Diagnostic(
            code=Code.MISSING_LIBRARY if absent else Code.INVALID_ATTRIBUTE,
            message=problem.message,
            span=problem.span,
            hint=problem.hint,
            severity=Severity.WARNING if absent else Severity.ERROR,
        )
    return None
