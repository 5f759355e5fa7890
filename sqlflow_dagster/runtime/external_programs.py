"""TO RUN: a program that works on the data source by itself.

What SQL text names is never run for that reason alone: whoever runs the statement says which programs may be.
On Argo the image of the statement is the container, and nothing here is asked.
"""

import os
import shutil
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import PurePath

from sqlflow_dagster.engines.base import Session, parse_url
from sqlflow_dagster.engines.messages import redact
from sqlflow_dagster.engines.termination import ended_by_sigterm
from sqlflow_dagster.errors import ExitCode, TerminalError, TransientError, did_you_mean
from sqlflow_dagster.graph.external_programs import (
    DATASOURCE_VARIABLE,
    PYTHON_SUFFIX,
    statement_environment,
)
from sqlflow_dagster.graph.objects import ObjectKind
from sqlflow_dagster.graph.program import Step
from sqlflow_dagster.lang.statements import RunStatement
from sqlflow_dagster.runtime.context import RunContext
from sqlflow_dagster.runtime.results import StepResult
from sqlflow_dagster.runtime.sql import written_tables

_LAST_LINES = 10
_LONGEST_LINE = 2_000
_STOP_SECONDS = 3.0  # Less than what whoever ends this process gives it.


def run_external_program(step: Step, statement: RunStatement, context: RunContext) -> StepResult:
    """Run a program and look at the tables that it says it writes.

    It gets the SELECT, the tables of INTO, the image and the URL of the data source in its environment, and what
    follows its name in CMD as arguments; no shell is involved and no connection is held.

    Raises:
        TransientError: It ended with exit code 75.
        TerminalError: It may not be run, is not there, ended with another code, or did not write its tables.
    """
    entry = check_allowed(statement, context.external_programs)
    command = [*_program(entry), *statement.command[1:]]
    context.progress.note(f"running {' '.join(statement.command)}")
    _run(command, _environment(step, statement, context), context)
    with context.engine.session(prefix=step.prefix) as session:
        _check_written(step, session, statement)
        tables = written_tables(step, session, context)
    return StepResult(tables=tables)


def check_allowed(statement: RunStatement, allowed: Sequence[str]) -> str:
    """What is to be run, as it was allowed.

    Args:
        statement: The statement; the first string of its CMD names the program.
        allowed: Names and paths of programs. CMD names the program of a path by its last part.

    Raises:
        TerminalError: Nothing is named, or nothing that may be run.
    """
    if not statement.command:
        raise TerminalError(
            "TO RUN has no CMD, and only a container knows what its image runs",
            statement.span,
            hint='write CMD "program", "argument", …',
        )
    name = statement.command[0]
    for entry in allowed:
        if name in {entry, PurePath(entry).name}:
            return entry
    known = did_you_mean(name, [PurePath(entry).name for entry in allowed])
    raise TerminalError(
        f"the program {name!r} may not be run here",
        statement.span,
        hint=known or "whoever runs this program allows it: see TO RUN in docs/language.md",
    )


def _program(entry: str) -> list[str]:
    """The start of a command line: Python runs what ends in ``.py``, PATH has the rest."""
    path = PurePath(entry)
    if path.suffix == PYTHON_SUFFIX:
        return [sys.executable, *((entry,) if len(path.parts) > 1 else ("-m", path.stem))]
    found = shutil.which(entry)
    if found is None:
        raise TerminalError(
            f"the program {entry!r} is allowed and not there",
            hint="install it where PATH leads to, or allow it by its whole path",
        )
    return [found]


def _environment(step: Step, statement: RunStatement, context: RunContext) -> dict[str, str]:
    added = {"PYTHONUNBUFFERED": "1", **statement_environment(step, statement)}
    if context.datasource is not None:
        added[DATASOURCE_VARIABLE] = context.datasource
    return {**os.environ, **added}


def _run(command: list[str], environment: dict[str, str], context: RunContext) -> None:
    url = environment.get(DATASOURCE_VARIABLE)
    password = parse_url(url).password if url else None
    last: deque[str] = deque(maxlen=_LAST_LINES)
    with _started(command, environment) as process:
        assert process.stdout is not None
        for line in process.stdout:
            text = redact(line.rstrip()[:_LONGEST_LINE], password)
            last.append(text)
            context.progress.note(text)
        code = process.wait()
    if code == ExitCode.OK:
        return
    ended = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
    told = "\n".join(filter(None, last)) or "it wrote nothing"
    error = TransientError if code == ExitCode.TRANSIENT else TerminalError
    raise error(f"{PurePath(command[0]).name} {ended}\n{told}")


@contextmanager
def _started(command: list[str], environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """A block while a program runs; whatever ends the block ends the program and all that it started."""
    with ended_by_sigterm():
        try:
            process = subprocess.Popen(  # noqa: S603  # no shell, and only what was allowed
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
                errors="replace",
                start_new_session=True,
            )
        except OSError as error:
            raise TerminalError(f"{command[0]} cannot be started: {error.strerror}") from error
        with process:
            try:
                yield process
            finally:
                _stop(process)


def _stop(process: subprocess.Popen[str]) -> None:
    if process.poll() is not None:
        return
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _check_written(step: Step, session: Session, statement: RunStatement) -> None:
    missing = [
        ref.name
        for ref in sorted(step.writes)
        if ref.kind is ObjectKind.TABLE and session.relation_kind(ref.parts) is None
    ]
    if missing:
        raise TerminalError(
            f"{statement.command[0]} ended well and did not write {', '.join(missing)}",
            statement.span,
            hint="it must write the tables that INTO names, under these names",
        )
