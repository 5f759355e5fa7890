"""What a step is run with: a data source, a model store, threads and somebody to tell about progress."""

import os
import uuid
from dataclasses import dataclass, field
from typing import Protocol

from sqlflow_dagster.engines.base import Engine, open_engine
from sqlflow_dagster.model_store.base import ModelStore, model_stores
from sqlflow_dagster.runtime.history import History


class Progress(Protocol):
    """Told what a step is doing; raises to stop it."""

    def note(self, message: str) -> None:
        """One line for the log."""

    def advance(self, done: int, total: int, note: str) -> None:
        """``done`` of ``total`` rounds or epochs of a training, with a line about the last one."""


class SilentProgress:
    """A :class:`Progress` that tells nobody."""

    def note(self, message: str) -> None:
        """Drop the line."""

    def advance(self, done: int, total: int, note: str) -> None:
        """Drop the line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunContext:
    """What a step is run with.

    Attributes:
        engine: The data source.
        models: The model store.
        history: Where finished steps are recorded; None to record nothing.
        program: The program's name, for the history.
        run_id: Of the run that the step belongs to.
        threads: How many threads a library may use.
        seed: Of every random choice that no ``seed`` attribute decides.
        progress: Told what the step is doing.
        shown_rows: How many rows of a printing SELECT are kept to be shown.
    """

    engine: Engine
    models: ModelStore
    history: History | None = None
    program: str = "program"
    run_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    threads: int = field(default_factory=lambda: os.cpu_count() or 1)
    seed: int = 0
    progress: Progress = field(default_factory=SilentProgress)
    shown_rows: int = 1000


def open_context(datasource: str, **settings: object) -> RunContext:
    """A context for a data source given by its URL; models are kept in the data source itself.

    Args:
        datasource: Such as ``duckdb:///demo.duckdb``.
        settings: Further fields of :class:`RunContext`.

    Raises:
        TerminalError: The URL names no engine.
    """
    engine = open_engine(datasource)
    store = model_stores.get("database")
    models = store(engine)  # type: ignore[call-arg]  # a Protocol has no constructor to declare
    return RunContext(engine=engine, models=models, history=History(engine), **settings)  # type: ignore[arg-type]
