"""When new rows start a training: what a sensor remembers from one tick to the next, and what follows from it.

Nothing here knows Dagster: the sensor gathers the facts, this module decides.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum

MAX_ATTEMPTS = 3
"""How often one growth of a table is trained on in vain before the sensor waits for more rows."""

Counts = Mapping[str, int]
"""The number of rows of each watched table, by its name."""


class Outcome(StrEnum):
    """How the run that a sensor asked for has ended."""

    UNKNOWN = "unknown"  # there is no such run
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    STOPPED = "stopped"  # by a person


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """A run that the sensor asked for and whose end it has not seen yet.

    Attributes:
        key: Of the run.
        counts: The rows there were at that time.
        attempt: From 1.
    """

    key: str
    counts: Counts
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What the sensor remembers.

    Attributes:
        trained: The rows there were at the last training.
        training: The number in the event log of the newest training that is known; None for none.
        launch: The run that is under way.
    """

    trained: Counts = field(default_factory=dict)
    training: int | None = None
    launch: Launch | None = None

    def to_json(self) -> str:
        """The memory as text."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str | None) -> "Memory":
        """The memory of a text that :meth:`to_json` gave; an empty one for None."""
        if not text:
            return cls()
        data = json.loads(text)
        launch = data["launch"]
        return cls(
            trained=data["trained"],
            training=data["training"],
            launch=None if launch is None else Launch(**launch),
        )


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
    counts: Counts,
    training: int | None,
    outcome: Outcome,
    min_new_rows: int,
    new_key: str,
) -> Decision:
    """Whether to train now.

    A training that somebody else started counts too: rows are new when they came after the last training,
    whoever asked for it. A table that has shrunk has no new rows before it is larger than it was then.

    Args:
        memory: Of the tick before.
        counts: The rows of the watched tables.
        training: The number in the event log of the model's newest training; None where there is none.
        outcome: What became of the run of ``memory.launch``, which has ended.
        min_new_rows: The growth that starts a training.
        new_key: A key that no run has had yet.
    """
    launch = memory.launch
    if launch is not None:
        match outcome:
            case Outcome.UNKNOWN:
                # The run got lost on its way: the key keeps it from being started twice.
                return Decision(memory=memory, reason="the run was never started", launch=True)
            case Outcome.FAILED if launch.attempt < MAX_ATTEMPTS:
                again = Launch(key=new_key, counts=counts, attempt=launch.attempt + 1)
                reason = f"the run failed: attempt {again.attempt} of {MAX_ATTEMPTS}"
                return Decision(memory=replace(memory, launch=again), reason=reason, launch=True)
            case Outcome.SUCCEEDED | Outcome.FAILED | Outcome.STOPPED:
                memory = Memory(trained=launch.counts, training=training)
    elif training != memory.training:
        memory = Memory(trained=counts, training=training)
    if training is None and launch is None:
        return Decision(memory=memory, reason="the model has not been trained yet: run its program")
    # A table that the program did not read before has no new rows.
    trained = {table: memory.trained.get(table, rows) for table, rows in counts.items()}
    memory = replace(memory, trained=trained)
    growth = {table: rows - trained[table] for table, rows in counts.items()}
    reason = ", ".join(
        f"{table} has {rows} rows, {trained[table]} at the last training"
        for table, rows in counts.items()
    )
    if max(growth.values(), default=0) < min_new_rows:
        return Decision(memory=memory, reason=reason)
    new = Launch(key=new_key, counts=counts, attempt=1)
    return Decision(memory=replace(memory, launch=new), reason=reason, launch=True)
