"""Statements of the language that this version compiles and cannot run."""

from sqlflow_dagster.errors import TerminalError
from sqlflow_dagster.lang.statements import OptimizeStatement, RunStatement


def not_runnable(statement: RunStatement | OptimizeStatement) -> TerminalError:
    """The error for such a statement, with its place."""
    verb = "RUN" if isinstance(statement, RunStatement) else statement.sense
    return TerminalError(
        f"TO {verb} cannot be run by this version",
        statement.span,
        "leave the statement out, or choose the others with --select",
    )
