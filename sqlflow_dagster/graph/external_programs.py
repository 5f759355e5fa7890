"""What the program of a TO RUN is told, wherever it runs."""

from sqlflow_dagster.graph.program import Step
from sqlflow_dagster.lang.statements import RunStatement

DATASOURCE_VARIABLE = "SQLFLOW_DATASOURCE"
PYTHON_SUFFIX = ".py"


def statement_environment(step: Step, statement: RunStatement) -> dict[str, str]:
    """The environment variables that tell a program its statement.

    The data source, which holds a password, is no part of them.
    """
    told = {
        "SQLFLOW_TO_RUN_SELECT": statement.query.sql,
        "SQLFLOW_TO_RUN_INTO": ",".join(map(str, statement.into)),
        "SQLFLOW_TO_RUN_IMAGE": statement.image,
    }
    if step.prefix:
        # Its connection is another one: USE and SET hold there only when it says them itself.
        told["SQLFLOW_TO_RUN_SESSION"] = ";\n".join(step.prefix)
    return told
