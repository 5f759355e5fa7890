"""TO RUN on Argo: the image of the statement is the container, with nothing of ours in it."""

from pathlib import PurePath
from typing import Any

from sqlflow_dagster.argo.arguments import fits
from sqlflow_dagster.codes import Code
from sqlflow_dagster.errors import CompileError, Diagnostic
from sqlflow_dagster.graph.external_programs import PYTHON_SUFFIX, statement_environment
from sqlflow_dagster.graph.program import Step
from sqlflow_dagster.lang.statements import RunStatement


def program_container(step: Step, statement: RunStatement) -> dict[str, Any]:
    """The command, the arguments and the environment of a container that runs a program.

    Args:
        step: The step.
        statement: Its statement.

    Raises:
        CompileError: It names no program, or holds what cannot be handed over.
    """
    if not statement.command:
        raise _refused(statement, "has no CMD, and Argo does not look into an image")
    name, *arguments = statement.command
    path = PurePath(name)
    # As on this machine: Python finds a module, PATH anything else.
    command = ["python", "-m", path.stem] if path.suffix == PYTHON_SUFFIX else [name]
    environment = statement_environment(step, statement)
    for text in (*command, *arguments, *environment.values()):
        if not fits(_kept(text)):
            raise _refused(statement, "holds '{{', which Argo would replace, or over 100 KiB")
    container: dict[str, Any] = {"command": [_kept(word) for word in command]}
    if arguments:
        container["args"] = [_kept(word) for word in arguments]
    container["env"] = [
        {"name": name, "value": _kept(value)} for name, value in environment.items()
    ]
    return container


def _kept(text: str) -> str:
    """A text that the kubelet leaves as it was: it makes one dollar of two."""
    return text.replace("$", "$$")


def _refused(statement: RunStatement, why: str) -> CompileError:
    problem = Diagnostic(
        code=Code.NOT_FOR_ARGO,
        message=f"TO RUN {statement.image} {why}",
        span=statement.span,
        hint="keep the SELECT as a table or a view, and name the program in CMD",
    )
    return CompileError([problem])
