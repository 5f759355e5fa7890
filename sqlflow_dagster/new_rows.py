"""When new rows start a training: what a sensor remembers from one tick to the next, and what follows from it.

Nothing here knows Dagster: the sensor gathers the facts, this module decides.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlflow_dagster.engines.table_statistics import Value

MAX_ATTEMPTS = 3
"""How often one growth of a table is trained on in vain before the sensor waits for more rows."""


class Outcome(StrEnum):
    """How the run that a sensor asked for has ended."""

    UNKNOWN = "unknown"  # there is no such run
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    STOPPED = "stopped"  # by a person


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A table at one time.

    Attributes:
        rows: How many rows it had.
        column: Its watermark; None where its rows are counted.
        highest: The highest value of the watermark.
        changed_at: When it had been changed last, where its engine can tell.
    """

    rows: int
    column: str | None = None
    highest: Value | None = None
    changed_at: datetime | None = None

    def new_rows(self, trained: "Mark | None", above: int) -> int:
        """How many rows are new since another time; none where nothing was remembered of it.

        Args:
            trained: The table at that time.
            above: How many rows are above the watermark of that time.
        """
        if trained is None or trained.column != self.column:
            return 0
        return self.rows - trained.rows if self.column is None else above

    def differs(self, before: "Mark | None") -> bool:
        """Whether the table has changed since another time, as far as both times tell."""
        if before is None:
            return False
        same_column = before.column == self.column
        return (same_column and before.highest != self.highest) or (
            None not in (before.changed_at, self.changed_at)
            and before.changed_at != self.changed_at
        )

    def compared(self, trained: "Mark", new_rows: int) -> str:
        """What is new since another time, in words."""
        if self.column is None:
            return f"{self.rows} rows, {trained.rows} at the last training"
        if trained.highest is None:
            return f"{new_rows} rows with {self.column}, none at the last training"
        return (
            f"{new_rows} rows with {self.column} above {trained.highest}, "
            "the highest at the last training"
        )


Marks = Mapping[str, Mark]
"""The watched tables by their names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a tick finds of a table.

    Attributes:
        mark: The table now.
        above: How many rows are above the watermark of the last training.
    """

    mark: Mark
    above: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """A run that the sensor asked for and whose end it has not seen yet.

    Attributes:
        key: Of the run.
        marks: The tables at that time.
        attempt: From 1.
    """

    key: str
    marks: Marks
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What the sensor remembers.

    Attributes:
        trained: The tables at the last training.
        seen: The tables at the last tick that looked at them.
        steady: Whether that tick and the one before it found that no table had changed in between, of tables
            whose engines tell. One tick is not enough: two changes within a second may have one time.
        training: The number in the event log of the newest training that is known; None for none.
        launch: The run that is under way.
    """

    trained: Marks = field(default_factory=dict)
    seen: Marks = field(default_factory=dict)
    steady: bool = False
    training: int | None = None
    launch: Launch | None = None

    def to_json(self) -> str:
        """The memory as text."""
        return json.dumps(asdict(self), sort_keys=True, default=_as_json)

    @classmethod
    def from_json(cls, text: str | None) -> "Memory":
        """The memory of a text that :meth:`to_json` gave; an empty one for None."""
        if not text:
            return cls()
        data = json.loads(text, object_hook=_from_json)
        launch = data["launch"]
        return cls(
            trained=_marks(data["trained"]),
            seen=_marks(data["seen"]),
            steady=data["steady"],
            training=data["training"],
            launch=None
            if launch is None
            else Launch(**launch | {"marks": _marks(launch["marks"])}),
        )

    def settled(self, *, training: int | None, outcome: Outcome) -> "Memory":
        """The memory after what has happened since: a run that ended, or a training by somebody else.

        Args:
            training: The number in the event log of the model's newest training; None where there is none.
            outcome: What became of the run that was under way, which has ended.
        """
        if self.launch is None:
            if training == self.training:
                return self
            # The tables as they are now count as trained on: there is nothing to compare them with.
            return Memory(seen=self.seen, training=training)
        if outcome is Outcome.UNKNOWN or self._is_tried_again(outcome):
            return self
        return Memory(trained=self.launch.marks, seen=self.seen, training=training)

    def _is_tried_again(self, outcome: Outcome) -> bool:
        failed = outcome is Outcome.FAILED
        return failed and self.launch is not None and self.launch.attempt < MAX_ATTEMPTS


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What follows from the facts.

    Attributes:
        memory: To be remembered.
        reason: Why a run is launched, or why none is.
        launch: Whether the run of ``memory.launch`` is to be asked for.
    """

    memory: Memory
    reason: str
    launch: bool = False


def decide(
    memory: Memory,
    *,
    found: Mapping[str, Found],
    outcome: Outcome,
    min_new_rows: int,
    new_key: str,
) -> Decision:
    """Whether to train now.

    A training that somebody else started counts too: rows are new when they came after the last training,
    whoever asked for it. A table that has shrunk has no new rows before it is larger than it was then, unless a
    watermark tells which of its rows are new.

    Args:
        memory: Of the tick before, settled.
        found: The watched tables.
        outcome: What became of the run of ``memory.launch``, which has ended.
        min_new_rows: The growth that starts a training.
        new_key: A key that no run has had yet.
    """
    marks = {table: item.mark for table, item in found.items()}
    memory = replace(memory, seen=marks, steady=_is_steady(memory.seen, marks))
    if (launch := memory.launch) is not None:
        if outcome is Outcome.UNKNOWN:
            # The run got lost on its way: the key keeps it from being started twice.
            return Decision(memory=memory, reason="the run was never started", launch=True)
        again = Launch(key=new_key, marks=marks, attempt=launch.attempt + 1)
        reason = f"the run failed: attempt {again.attempt} of {MAX_ATTEMPTS}"
        return Decision(memory=replace(memory, launch=again), reason=reason, launch=True)
    growth = {
        table: item.mark.new_rows(memory.trained.get(table), item.above)
        for table, item in found.items()
    }
    # A table that the program did not read before, or not by this watermark, has no new rows.
    trained = {
        table: before
        if (before := memory.trained.get(table)) is not None and before.column == mark.column
        else mark
        for table, mark in marks.items()
    }
    memory = replace(memory, trained=trained)
    if memory.training is None:
        return Decision(memory=memory, reason="the model has not been trained yet: run its program")
    reason = ", ".join(
        f"{table} has {mark.compared(trained[table], growth[table])}"
        for table, mark in marks.items()
    )
    if max(growth.values(), default=0) < min_new_rows:
        return Decision(memory=memory, reason=reason)
    new = Launch(key=new_key, marks=marks, attempt=1)
    return Decision(memory=replace(memory, launch=new), reason=reason, launch=True)


def changes(marks: Marks) -> dict[str, datetime | None]:
    """When tables had been changed last."""
    return {table: mark.changed_at for table, mark in marks.items()}


def _is_steady(before: Marks, now: Marks) -> bool:
    times = changes(now)
    return None not in times.values() and times == changes(before)


def _marks(data: Mapping[str, Any]) -> Marks:
    return {table: Mark(**item) for table, item in data.items()}


_READ: dict[str, Callable[[str], Value]] = {
    "decimal": Decimal,
    "date": date.fromisoformat,
    "timestamp": datetime.fromisoformat,
}


def _as_json(value: Value) -> dict[str, str]:
    """What JSON has no kind of value for."""
    match value:
        case datetime():
            return {"timestamp": value.isoformat()}
        case date():
            return {"date": value.isoformat()}
        case _:
            return {"decimal": str(value)}


def _from_json(data: dict[str, Any]) -> Any:
    for kind, read in _READ.items():
        # A table may be called the same.
        if isinstance(text := data.get(kind), str):
            return read(text)
    return data
