"""What a ``%%sqlflow`` cell shows while it runs and what its statements have to show."""

import base64
import sys
from typing import TYPE_CHECKING, Any

from sqlflow_dagster.errors import StepError
from sqlflow_dagster.graph.formats import step_label
from sqlflow_dagster.graph.program import Program, Step
from sqlflow_dagster.lang.statements import TemporaryTableStatement
from sqlflow_dagster.ml.base import Metrics
from sqlflow_dagster.runtime.results import StepResult

if TYPE_CHECKING:
    import pandas as pd
    from IPython.core.display_functions import DisplayHandle

_PERCENT = 100


def say(line: str) -> None:
    """Show a line below the cell."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


class CellOutput:
    """The :class:`~sqlflow_dagster.runtime.local.Observer` of the statements of a cell.

    Args:
        program: The statements.

    Attributes:
        value: The rows of the last statement as a DataFrame; None where it has none.
    """

    def __init__(self, program: Program) -> None:
        self._last = program.steps[-1].index if program.steps else None
        self._written = [
            step.index
            for step in program.steps
            if not isinstance(step.statement, TemporaryTableStatement)
        ]
        self._progress: DisplayHandle | None = None
        self._percent = -1
        self.value: pd.DataFrame | None = None

    def started(self, step: Step) -> None:
        """A statement starts."""
        self._progress, self._percent = None, -1
        if step.index not in self._written:
            say(f"running the SELECT of the next statement: {step_label(step)} …")
            return
        number = self._written.index(step.index) + 1
        say(f"start running statement {number} of {len(self._written)}: {step_label(step)} …")

    def noted(self, step: Step, message: str) -> None:
        """A statement has something for the log."""
        say(message)

    def advanced(self, step: Step, done: int, total: int, note: str) -> None:
        """A training has come to ``done`` of ``total`` rounds: one line that changes."""
        from IPython.display import display

        percent = done * _PERCENT // max(total, 1)
        if percent == self._percent:
            return
        self._percent = percent
        line = {"text/plain": f"{done} of {total}: {note}"}
        if self._progress is None:
            self._progress = display(line, raw=True, display_id=True)
        else:
            self._progress.update(line, raw=True)

    def succeeded(self, step: Step, result: StepResult) -> None:
        """A statement has finished."""
        say(f"finished, {result.summary}")
        if result.metrics is not None:
            _show(_metrics_frame(result.metrics))
        for name, records in result.details.items():
            if isinstance(records, list) and records:
                say(f"{name}:")
                _show(_frame(records))
        for artifact in result.artifacts:
            _show_raw(artifact.media_type, artifact.data)
        if result.rows is None:
            return
        if result.more_rows:
            say(f"the first {result.rows.num_rows} rows:")
        rows = result.rows.to_pandas()
        if step.index == self._last:
            self.value = rows  # IPython shows what a cell returns.
        else:
            _show(rows)

    def failed(self, step: Step, error: StepError) -> None:
        """A statement has failed; the error of the cell says how."""
        say("failed")

    def skipped(self, step: Step, because: Step) -> None:
        """Never told: a cell ends at its first error."""


def _show(frame: "pd.DataFrame") -> None:
    from IPython.display import display

    display(frame)


def _show_raw(media_type: str, data: bytes) -> None:
    from IPython.display import display

    display({media_type: base64.b64encode(data).decode()}, raw=True)


def _frame(records: list[dict[str, Any]]) -> "pd.DataFrame":
    import pandas as pd

    return pd.DataFrame(records)


def _metrics_frame(metrics: Metrics) -> "pd.DataFrame":
    """The metrics, beside them those of a model that always answers the same."""
    import pandas as pd

    columns: dict[str, list[float | None]] = {"value": list(metrics.values.values())}
    if metrics.spread:
        columns["±"] = [metrics.spread.get(name) for name in metrics.values]
    if metrics.baseline:
        columns["baseline"] = [metrics.baseline.get(name) for name in metrics.values]
    return pd.DataFrame(columns, index=pd.Index(list(metrics.values), name="metric"))
