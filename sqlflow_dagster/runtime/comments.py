"""What a table that a statement has made says of itself."""

from pathlib import PurePath
from textwrap import shorten

from sqlflow_dagster.graph.program import Step
from sqlflow_dagster.lang.printer import print_clauses
from sqlflow_dagster.lang.statements import QueryStatement, TemporaryTableStatement
from sqlflow_dagster.runtime.context import RunContext
from sqlflow_dagster.source import without_secrets

MAX_LENGTH = 250
"""No engine takes less than this: MaxCompute has 1024 bytes for it."""
_TOLD = ("TO", "USING", "INTO")


def table_comment(step: Step, context: RunContext) -> str:
    """Which statement of which program has made a table, such as ``sqlflow: made by iris.sql:12, SELECT … TO PREDICT p.y USING m``.

    Attributes are left out: they are for who runs the program.
    """
    statement = step.statement
    if isinstance(statement, QueryStatement):
        clauses = [text for keyword, text in print_clauses(statement) if keyword in _TOLD]
        said = " ".join(["SELECT …", *clauses])
    elif isinstance(statement, TemporaryTableStatement) and statement.setup:
        said = "the rows of its TEMP table"
    else:
        said = "the rows of its SELECT"
    span = statement.span
    if span is None:
        place = context.program
    else:
        name = PurePath(span.source.path).name if span.source.path else context.program
        place = f"{name}:{span.line}"
    return shorten(
        without_secrets(f"sqlflow: made by {place}, {said}"), MAX_LENGTH, placeholder=" …"
    )
