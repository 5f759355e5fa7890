"""What a user sees of a run on a terminal: every step on its line, moving while it runs."""

import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.console import RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from sqlflow_dagster.cli.display import Row, RunDisplay, State, duration
from sqlflow_dagster.cli.output import log_console, print_table
from sqlflow_dagster.cli.results import tables_of
from sqlflow_dagster.graph.program import Program, Step
from sqlflow_dagster.runtime.results import StepResult

_MARKS = {
    State.WAITING: Text("·", style="dim"),
    State.DONE: Text("✓", style="green"),
    State.FAILED: Text("✗", style="bold red"),
    State.SKIPPED: Text("-", style="yellow"),
}
_BAR_WIDTH = 16
_MARGIN = 3


class LiveDisplay(RunDisplay):
    """A run on a terminal; what its steps have to show appears above their lines."""

    def __init__(
        self, chosen: Iterable[tuple[Program, Sequence[Step]]], *, plots: Path | None = None
    ) -> None:
        super().__init__(chosen, plots=plots)
        self._spinner = Spinner("dots")
        self._console = log_console()
        self._over = False
        self._live = Live(
            console=self._console,
            get_renderable=self._drawn,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave the lines on the screen as they are at the end."""
        self._over = True
        self._live.stop()

    def succeeded(self, step: Step, result: StepResult) -> None:
        """A step has finished."""
        self._ended(step, State.DONE, result.seconds)
        for table in tables_of(step, result):
            print_table(table, self._console)
        for path in self._written_plots(step, result):
            self._console.print(f"plot: {path}", markup=False, highlight=False)

    def say(self, line: str) -> None:
        """Nothing: the lines of the steps show it."""

    def _drawn(self) -> RenderableType:
        grid = Table.grid(padding=(0, 1))
        grid.add_column(width=1)
        grid.add_column(no_wrap=True, overflow="ellipsis", ratio=2)
        grid.add_column(justify="right", no_wrap=True)
        grid.add_column(no_wrap=True)
        grid.add_column(no_wrap=True, overflow="ellipsis", ratio=3)
        shown = self._fitting(self._console.height - _MARGIN)
        for row in shown:
            grid.add_row(*self._cells(row))
        hidden = len(self.rows) - len(shown)
        if hidden:
            grid.add_row("", Text(f"{hidden} more", style="dim"), "", "", "")
        return grid

    def _fitting(self, height: int) -> list[Row]:
        """The rows for a screen of this height: the running ones, then what ended last and waits."""
        rows = self.rows
        if len(rows) <= height or self._over:
            return rows
        rank = {State.RUNNING: 0, State.FAILED: 1, State.WAITING: 2, State.DONE: 3}
        kept = sorted(rows, key=lambda row: (rank.get(row.state, 4), -row.number))[:height]
        chosen = {id(row) for row in kept}
        return [row for row in rows if id(row) in chosen]

    def _cells(self, row: Row) -> tuple[RenderableType, ...]:
        if row.state is not State.RUNNING:
            seconds = duration(row.seconds) if row.state in {State.DONE, State.FAILED} else ""
            dim = "dim" if row.state is State.WAITING else ""
            return (_MARKS[row.state], Text(row.label, style=dim), seconds, "", _word(row))
        elapsed = duration(time.monotonic() - row.started)
        bar = ProgressBar(total=row.total, completed=row.done, width=_BAR_WIDTH)
        note = Text(row.note, style="dim")
        return (self._spinner, Text(row.label), elapsed, bar if row.total else "", note)


def _word(row: Row) -> Text:
    if row.state is State.SKIPPED:
        return Text(f"skipped: {row.note}", style="yellow")
    if row.state is State.FAILED:
        return Text("failed", style="red")
    return Text("")
