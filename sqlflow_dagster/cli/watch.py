"""What a user sees of a run on a server: a table, moving on a terminal, lines elsewhere."""

import time
from typing import TYPE_CHECKING

import click

from sqlflow_dagster.cli.display import duration
from sqlflow_dagster.cli.output import log_console
from sqlflow_dagster.cli.tables import TextTable, rich_table
from sqlflow_dagster.client.run_log import LogLine, failures
from sqlflow_dagster.client.runs import RunState, RunStatus, StepState, watched
from sqlflow_dagster.client.server import Server
from sqlflow_dagster.errors import ExitCode

if TYPE_CHECKING:
    from rich.console import RenderableType


def exit_code(status: RunStatus) -> ExitCode:
    """0 while a run goes on and when it has succeeded."""
    bad = status.state in {RunState.FAILED, RunState.CANCELED, RunState.CANCELING}
    return ExitCode.FAILED if bad else ExitCode.OK


def status_line(status: RunStatus) -> str:
    """A run in one line: ``iris: running, 3 of 7 steps, 3.1 s``."""
    done = sum(step.state is StepState.SUCCEEDED for step in status.steps)
    parts = [f"{status.job}: {status.state}", f"{done} of {len(status.steps)} steps"]
    if status.seconds is not None:
        parts.append(duration(status.seconds))
    return ", ".join(parts)


def status_table(status: RunStatus) -> TextTable:
    """The steps of a run."""
    return TextTable(
        header=("step", "state", "started", "duration"),
        rows=tuple(
            (
                step.name,
                str(step.state),
                "" if step.started is None else clock(step.started),
                "" if step.seconds is None else duration(step.seconds),
            )
            for step in status.steps
        ),
        right=frozenset({3}),
    )


def clock(moment: float) -> str:
    """A time of day, here, of a moment in seconds since 1970."""
    return time.strftime("%H:%M:%S", time.localtime(moment))


def log_text(line: LogLine) -> str:
    """A line of the log of a run: when, which step, what, and below it an error."""
    # Notes of a step may start with its name.
    named = line.step is None or line.message.startswith(line.step)
    head = line.message if named else f"{line.step}: {line.message}"
    return "\n".join([f"{clock(line.time)} {head}", *([line.error] if line.error else [])])


def watch_run(server: Server, run_id: str) -> RunStatus:
    """Show a run on standard error until it is over, then its errors; how it ended.

    Raises:
        UnknownRunError: There is no such run.
        ServerError: The server cannot be asked.
    """
    console = log_console()
    live = console.is_terminal and not console.is_dumb_terminal
    try:
        status = _drawn(server, run_id) if live else _told(server, run_id)
    except KeyboardInterrupt:
        click.echo(f"the run goes on; end it with: sqlflow cancel {run_id}", err=True)
        raise
    if status.state is RunState.FAILED:
        print_failures(server, run_id)
    return status


def print_failures(server: Server, run_id: str) -> None:
    """Print the errors of a run to standard error."""
    for line in failures(server, run_id):
        click.echo(f"\n{line.step or 'the run'} failed\n{line.error}", err=True)


def _told(server: Server, run_id: str) -> RunStatus:
    """A line for each step that starts or ends."""
    former: dict[str, StepState] = {}
    state: RunState | None = None
    for status in watched(server, run_id):
        for step in status.steps:
            if step.state is not former.get(step.name, StepState.WAITING):
                click.echo(f"{step.name}: {step.state}{_after(step.seconds, step.state)}", err=True)
            former[step.name] = step.state
        if status.state is not state:
            click.echo(status_line(status), err=True)
        state = status.state
    return status


def _after(seconds: float | None, state: StepState) -> str:
    return "" if seconds is None or state is StepState.RUNNING else f", {duration(seconds)}"


def _drawn(server: Server, run_id: str) -> RunStatus:
    """A table that moves; it is gone when the run is over."""
    from rich.live import Live

    with Live(console=log_console(), transient=True) as live:
        for status in watched(server, run_id):
            live.update(_picture(status), refresh=True)
    return status


def _picture(status: RunStatus) -> "RenderableType":
    from rich.console import Group
    from rich.text import Text

    return Group(Text(status_line(status)), rich_table(status_table(status)))
