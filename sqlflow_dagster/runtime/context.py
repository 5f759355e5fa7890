"""What a step is run with: a data source, a model store, threads and somebody to tell about progress."""

import os
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from sqlflow_dagster.engines.base import Engine, open_engine
from sqlflow_dagster.errors import TerminalError, did_you_mean
from sqlflow_dagster.graph.datasources import variable_of
from sqlflow_dagster.graph.objects import DEFAULT_DATASOURCE
from sqlflow_dagster.model_store.base import ModelStore
from sqlflow_dagster.model_store.opening import open_model_store
from sqlflow_dagster.model_store.settings import ModelSettings
from sqlflow_dagster.runtime.history import History

EXTERNAL_PROGRAMS_VARIABLE = "SQLFLOW_TO_RUN_ALLOWED"


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


def allowed_programs() -> tuple[str, ...]:
    """The programs of SQLFLOW_TO_RUN_ALLOWED, names or paths that the path separator (``:``) sets apart."""
    return tuple(filter(None, os.environ.get(EXTERNAL_PROGRAMS_VARIABLE, "").split(os.pathsep)))


@dataclass(frozen=True, slots=True, kw_only=True)
class RunContext:
    """What a step is run with.

    Attributes:
        engine: The data source.
        models: The model store.
        keep_versions: How many of a model's newest versions a training leaves there; None for all.
        mlflow: The tracking URI of the MLflow server that is told about trainings; None for none.
        history: Where finished steps are recorded; None to record nothing.
        program: The program's name, for the history.
        run_id: Of the run that the step belongs to.
        threads: How many threads a library may use.
        seed: Of every random choice that no ``seed`` attribute decides.
        progress: Told what the step is doing.
        own_classes: The classes of the user's own that programs may name, see
            :func:`~sqlflow_dagster.own_classes.allowing`; None for what is in force.
        shown_rows: How many rows of a printing SELECT are kept to be shown.
        external_programs: What TO RUN may start: names and paths.
        datasource: The URL of the engine, for such programs; None leaves them to their environment.
        datasources: The URLs of the data sources that statements may name, by their names.
    """

    engine: Engine
    models: ModelStore
    keep_versions: int | None = None
    mlflow: str | None = None
    history: History | None = None
    program: str = "program"
    run_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    threads: int = field(default_factory=lambda: os.cpu_count() or 1)
    seed: int = 0
    progress: Progress = field(default_factory=SilentProgress)
    own_classes: tuple[str, ...] | None = None
    shown_rows: int = 1000
    external_programs: Sequence[str] = field(default_factory=allowed_programs)
    datasource: str | None = field(default=None, repr=False)
    datasources: Mapping[str, str] = field(default_factory=dict, repr=False)

    def on(self, datasource: str) -> "RunContext":
        """The same for what runs on a data source; models and the history stay where they are.

        Args:
            datasource: The data source's name.

        Raises:
            TerminalError: There is no such data source, or its URL names no engine.
        """
        if datasource == DEFAULT_DATASOURCE:
            return self
        url = self.datasources.get(datasource)
        if url is None:
            raise TerminalError(
                f"there is no data source {datasource!r}",
                hint=did_you_mean(datasource, self.datasources)
                or f"name it with --datasource {datasource}=URL or {variable_of(datasource)}",
            )
        return replace(self, engine=open_engine(url), datasource=url)


def open_context(
    datasource: str,
    *,
    models: ModelSettings | None = None,
    datasources: Mapping[str, str] | None = None,
    **settings: object,
) -> RunContext:
    """A context for a data source given by its URL.

    Args:
        datasource: Such as ``duckdb:///demo.duckdb``.
        models: Where models are kept; by default in the data source itself.
        datasources: The URLs of the data sources that statements may name, by their names.
        settings: Further fields of :class:`RunContext`.

    Raises:
        TerminalError: The URL names no engine, or there is no such model store.
    """
    engine = open_engine(datasource)
    models = models or ModelSettings()
    return RunContext(
        engine=engine,
        models=open_model_store(models.store, engine),
        keep_versions=models.keep_versions,
        mlflow=models.mlflow,
        history=History(engine),
        datasource=datasource,
        datasources=datasources or {},
        **settings,  # type: ignore[arg-type]
    )
