"""What a user sees of a run that no terminal shows: one line for each step that ends."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Self

import click

from sqlflow_dagster.cli.output import print_table
from sqlflow_dagster.cli.results import tables_of, write_plots
from sqlflow_dagster.errors import StepError
from sqlflow_dagster.graph.formats import step_label
from sqlflow_dagster.graph.program import Program, Step
from sqlflow_dagster.runtime.results import StepResult


class State(StrEnum):
    """Where a step stands."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(slots=True)
class Row:
    """One step of a run as it is shown.

    Attributes:
        label: Such as ``TRAIN iris_xgb``.
        state: Where it stands.
        number: Its place in the order of start, from 1; 0 before it starts.
        started: When it started, on the monotonic clock.
        seconds: How long it ran.
        note: The last that it told.
        done: How many rounds of a training are done.
        total: Of how many; 0 where nothing is trained.
    """

    label: str
    state: State = State.WAITING
    number: int = 0
    started: float = 0.0
    seconds: float = 0.0
    note: str = ""
    done: int = 0
    total: int = 0


def duration(seconds: float) -> str:
    """A length of time for people: ``3.1 s``, ``2 min 5 s``, ``1 h 3 min``."""
    if seconds < 100:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 100:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


class RunDisplay:
    """Keeps account of the steps of a run and prints a line for each that ends.

    It is the :class:`~sqlflow_dagster.runtime.local.Observer` of the programs of a command, one program
    after the other.

    Args:
        chosen: The steps of each program that will run.
        plots: The folder that plots are written to; None to leave them out.
    """

    def __init__(
        self, chosen: Iterable[tuple[Program, Sequence[Step]]], *, plots: Path | None = None
    ) -> None:
        self._plots = plots
        self._rows = {
            (program.source.name, step.index): Row(label=step_label(step))
            for program, steps in chosen
            for step in steps
        }
        self._program = ""
        self._numbered = 0
        self._began = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Nothing is held."""

    def begin(self, program: Program) -> None:
        """The steps of ``program`` come next."""
        self._program = program.source.name

    @property
    def rows(self) -> list[Row]:
        """All steps of the run."""
        return list(self._rows.values())

    def row(self, step: Step) -> Row:
        """The row of a step of the program that is running."""
        return self._rows[self._program, step.index]

    def started(self, step: Step) -> None:
        """A step starts."""
        row = self._number(step)
        row.state = State.RUNNING
        row.started = time.monotonic()

    def noted(self, step: Step, message: str) -> None:
        """A step has something for the log."""
        self.row(step).note = message
        self.say(f"{self.prefix(self.row(step))}: {message}")

    def advanced(self, step: Step, done: int, total: int, note: str) -> None:
        """A training has come to ``done`` of ``total`` rounds."""
        row = self.row(step)
        row.done, row.total, row.note = done, total, note

    def succeeded(self, step: Step, result: StepResult) -> None:
        """A step has finished."""
        self._ended(step, State.DONE, result.seconds)
        self.say(f"{self.prefix(self.row(step))} … {duration(result.seconds)}")
        for table in tables_of(step, result):
            print_table(table)
            click.echo()
        for path in self._written_plots(step, result):
            self.say(f"plot: {path}")
        if self._plots is None and result.artifacts:
            self.say("plot: --plots DIR writes it to a file")

    def failed(self, step: Step, error: StepError) -> None:
        """A step has failed; what went wrong is told at the end of the run."""
        row = self._ended(step, State.FAILED)
        row.note = error.message
        self.say(f"{self.prefix(row)} … failed after {duration(row.seconds)}")

    def skipped(self, step: Step, because: Step) -> None:
        """A step does not run because one that it waits for has failed or was skipped."""
        end = "was skipped" if self.row(because).state is State.SKIPPED else "failed"
        self.left_out(step, f"{step_label(because)} {end}")

    def left_out(self, step: Step, reason: str) -> None:
        """A step does not run."""
        row = self._number(step)
        row.state = State.SKIPPED
        row.note = reason
        self.say(f"{self.prefix(row)} … skipped: {reason}")

    def summary(self) -> str:
        """How many steps came to which end, in one line."""
        rows = self.rows
        counts = {state: sum(row.state is state for row in rows) for state in State}
        ends = [f"{count} {state}" for state, count in counts.items() if count]
        seconds = duration(time.monotonic() - self._began)
        noun = "step" if len(rows) == 1 else "steps"
        return f"{len(rows)} {noun}: {', '.join(ends)} in {seconds}"

    def prefix(self, row: Row) -> str:
        """``[2/7] TRAIN iris_xgb``."""
        return f"[{row.number}/{len(self._rows)}] {row.label}"

    def say(self, line: str) -> None:
        """Print a line of progress."""
        click.echo(line, err=True)

    def _written_plots(self, step: Step, result: StepResult) -> list[Path]:
        if self._plots is None:
            return []
        return write_plots(self._plots, Path(self._program).stem, step, result)

    def _number(self, step: Step) -> Row:
        row = self.row(step)
        self._numbered += 1
        row.number = self._numbered
        return row

    def _ended(self, step: Step, state: State, seconds: float | None = None) -> Row:
        row = self.row(step)
        row.state = state
        row.seconds = time.monotonic() - row.started if seconds is None else seconds
        row.note, row.done, row.total = "", 0, 0
        return row
