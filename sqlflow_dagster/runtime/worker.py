"""One step in a process of its own, and what it tells the process that started it.

This module is what a fork server preloads: it imports what every step needs and nothing that starts threads.
"""

import signal
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import TypeAlias

import sqlalchemy  # noqa: F401  # imported here so that a forked step has it already

from sqlflow_dagster.errors import SqlflowError, StepError, TerminalError
from sqlflow_dagster.graph.program import Step
from sqlflow_dagster.model_store.settings import ModelSettings
from sqlflow_dagster.runtime.context import open_context
from sqlflow_dagster.runtime.execute import execute
from sqlflow_dagster.runtime.results import StepResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A step with all that another process needs to run it.

    Attributes:
        step: The step.
        datasource: The data source's URL.
        models: Where models are kept.
        datasources: The URLs of the data sources that statements may name, by their names.
        program: The program's name.
        run_id: Of the run.
        threads: How many threads a library may use.
        external_programs: What TO RUN may start.
    """

    step: Step
    datasource: str
    models: ModelSettings
    program: str
    run_id: str
    threads: int
    external_programs: tuple[str, ...] = ()
    datasources: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A line for the log."""

    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Advance:
    """How far a training has come."""

    done: int
    total: int
    note: str


Message: TypeAlias = Note | Advance | StepResult | StepError


class _Told:
    """Sends progress to the process that started this one."""

    def __init__(self, parent: Connection) -> None:
        self._parent = parent

    def note(self, message: str) -> None:
        self._parent.send(Note(message=message))

    def advance(self, done: int, total: int, note: str) -> None:
        self._parent.send(Advance(done=done, total=total, note=note))


def run_job(job: Job, parent: Connection) -> None:
    """Run a step and send what becomes of it: notes, then a result or an error.

    Ctrl-C reaches every process of a terminal; the one that started this decides what becomes of it.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    outcome: StepResult | StepError
    try:
        context = open_context(
            job.datasource,
            models=job.models,
            datasources=job.datasources,
            program=job.program,
            run_id=job.run_id,
            threads=job.threads,
            progress=_Told(parent),
            external_programs=job.external_programs,
        )
        outcome = execute(job.step, context)
    except StepError as error:
        outcome = error
    except SqlflowError as error:
        outcome = TerminalError(str(error), job.step.statement.span)
    except Exception:
        outcome = TerminalError(
            f"unexpected error\n{traceback.format_exc()}", job.step.statement.span
        )
    parent.send(outcome)
    parent.close()
