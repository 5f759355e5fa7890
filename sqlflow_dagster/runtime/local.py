"""Run a whole program on this machine: each step in a process of its own, in parallel as allowed.

No orchestrator is involved. A failed step takes what waits for it down with it and lets the rest finish.
"""

import multiprocessing
import os
import signal
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Protocol

from sqlflow_dagster.errors import StepError, TerminalError
from sqlflow_dagster.graph.program import Program, Step
from sqlflow_dagster.model_store.settings import ModelSettings
from sqlflow_dagster.runtime.context import allowed_programs
from sqlflow_dagster.runtime.results import StepResult
from sqlflow_dagster.runtime.worker import Advance, Job, Message, Note, run_job

MAX_CONCURRENT_VARIABLE = "SQLFLOW_MAX_CONCURRENT"
_STOP_SECONDS = 5.0


class Outcome(StrEnum):
    """What became of a step."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SKIPPED = "skipped"


class Observer(Protocol):
    """Told what happens during a run, in the process that started it."""

    def started(self, step: Step) -> None:
        """A step starts."""

    def noted(self, step: Step, message: str) -> None:
        """A step has something for the log."""

    def advanced(self, step: Step, done: int, total: int, note: str) -> None:
        """A training has come to ``done`` of ``total`` rounds."""

    def succeeded(self, step: Step, result: StepResult) -> None:
        """A step has finished."""

    def failed(self, step: Step, error: StepError) -> None:
        """A step has failed."""

    def skipped(self, step: Step, because: Step) -> None:
        """A step does not run because one that it waits for has failed or was skipped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """What became of the steps of a run.

    Attributes:
        run_id: Of the run.
        outcomes: By step index.
        results: Of the steps that succeeded, by step index.
        errors: Of the steps that failed, by step index.
    """

    run_id: str
    outcomes: dict[int, Outcome]
    results: dict[int, StepResult]
    errors: dict[int, StepError]

    @property
    def succeeded(self) -> bool:
        """Whether every step succeeded."""
        return all(outcome is Outcome.SUCCEEDED for outcome in self.outcomes.values())


def max_concurrent() -> int:
    """How many steps run at once: SQLFLOW_MAX_CONCURRENT, else two to four, as the machine has cores.

    Raises:
        TerminalError: SQLFLOW_MAX_CONCURRENT is not a number from 1.
    """
    given = os.environ.get(MAX_CONCURRENT_VARIABLE)
    if not given:
        return max(2, min(4, os.cpu_count() or 1))
    if not given.isdecimal() or int(given) < 1:
        raise TerminalError(f"{MAX_CONCURRENT_VARIABLE} must be a number from 1, and is {given!r}")
    return int(given)


def threads_per_step(concurrent: int) -> int:
    """The threads of one step when ``concurrent`` of them share the machine."""
    return max(1, (os.cpu_count() or 1) // concurrent)


@dataclass(slots=True)
class _Running:
    step: Step
    process: BaseProcess
    messages: Connection


@dataclass(slots=True)
class _Run:
    """The state of one run."""

    program: Program
    datasource: str
    models: ModelSettings
    observer: Observer
    concurrent: int
    waiting: dict[int, Step]
    datasources: Mapping[str, str] = field(default_factory=dict)
    run_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    running: dict[int, _Running] = field(default_factory=dict)
    outcomes: dict[int, Outcome] = field(default_factory=dict)
    results: dict[int, StepResult] = field(default_factory=dict)
    errors: dict[int, StepError] = field(default_factory=dict)


def run_program(
    program: Program,
    *,
    datasource: str,
    observer: Observer,
    models: ModelSettings | None = None,
    steps: frozenset[int] | None = None,
    concurrent: int | None = None,
    datasources: Mapping[str, str] | None = None,
) -> RunSummary:
    """Run a program's steps, as many at once as their dependencies and ``concurrent`` allow.

    Args:
        program: The program.
        datasource: The URL of the data source.
        observer: Told what happens.
        models: Where models are kept; by default in the data source itself.
        steps: The indexes of the steps to run; None for all.
        concurrent: The most steps at once; None for :func:`max_concurrent`.
        datasources: The URLs of the data sources that statements may name, by their names.

    Raises:
        KeyboardInterrupt: Ctrl-C was pressed; every process has ended by then and no table is half written.
    """
    chosen = [step for step in program.steps if steps is None or step.index in steps]
    run = _Run(
        program=program,
        datasource=datasource,
        models=models or ModelSettings(),
        observer=observer,
        concurrent=concurrent or max_concurrent(),
        waiting={step.index: step for step in chosen},
        datasources=datasources or {},
    )
    with _stopped_at_the_end(run):
        while run.waiting or run.running:
            _skip(run)
            _start(run)
            if run.running:
                _listen(run)
    return RunSummary(
        run_id=run.run_id, outcomes=run.outcomes, results=run.results, errors=run.errors
    )


def _skip(run: _Run) -> None:
    """Take out the steps that wait for one that will never succeed."""
    for step in tuple(run.waiting.values()):
        bad = (Outcome.FAILED, Outcome.SKIPPED)
        lost = [index for index in sorted(step.waits_for) if run.outcomes.get(index) in bad]
        if lost:
            del run.waiting[step.index]
            run.outcomes[step.index] = Outcome.SKIPPED
            run.observer.skipped(step, run.program.steps[lost[0]])


def _start(run: _Run) -> None:
    """Start the steps that wait for nothing any more."""
    unfinished = {*run.waiting, *run.running}
    for step in tuple(run.waiting.values()):
        if len(run.running) >= run.concurrent:
            return
        if not step.waits_for & unfinished:
            del run.waiting[step.index]
            run.observer.started(step)
            run.running[step.index] = _spawn(step, run)


def _spawn(step: Step, run: _Run) -> _Running:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([run_job.__module__])
    messages, child_end = context.Pipe(duplex=False)
    job = Job(
        step=step,
        datasource=run.datasource,
        models=run.models,
        datasources=run.datasources,
        program=run.program.name,
        run_id=run.run_id,
        threads=threads_per_step(run.concurrent),
        # A fork server has the environment of the time when it was started.
        external_programs=allowed_programs(),
    )
    process = context.Process(target=run_job, args=(job, child_end), name=step.name, daemon=True)
    with _interrupts_held_back():
        process.start()
    child_end.close()
    return _Running(step=step, process=process, messages=messages)


@contextmanager
def _interrupts_held_back() -> Iterator[None]:
    """A block whose new processes Ctrl-C never reaches, not even while they import their modules."""
    # The tracker lets SIGINT through again when it starts, so it must have started before.
    resource_tracker.ensure_running()
    former = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, former)


def _listen(run: _Run) -> None:
    """Wait until some step has something to tell, and take it."""
    by_connection = {item.messages: item for item in run.running.values()}
    for connection in wait(list(by_connection)):
        item = by_connection[connection]  # type: ignore[index]  # wait() gives back what it was given
        try:
            message: Message = item.messages.recv()
        except EOFError:
            item.process.join()
            message = TerminalError(
                f"the process of this step ended without a word, exit code {item.process.exitcode}",
                item.step.statement.span,
                "a negative code is a signal: -9 is what the system does when memory runs out",
            )
        _take(message, item, run)


def _take(message: Message, item: _Running, run: _Run) -> None:
    step = item.step
    match message:
        case Note(message=text):
            run.observer.noted(step, text)
            return
        case Advance(done=done, total=total, note=note):
            run.observer.advanced(step, done, total, note)
            return
        case StepResult():
            run.outcomes[step.index] = Outcome.SUCCEEDED
            run.results[step.index] = message
            run.observer.succeeded(step, message)
        case StepError():
            run.outcomes[step.index] = Outcome.FAILED
            run.errors[step.index] = message
            run.observer.failed(step, message)
    del run.running[step.index]
    item.messages.close()
    item.process.join()


@contextmanager
def _stopped_at_the_end(run: _Run) -> Iterator[None]:
    """Leave no process behind, whatever ends the run."""
    try:
        yield
    finally:
        for item in run.running.values():
            item.process.terminate()
        for item in run.running.values():
            item.process.join(_STOP_SECONDS)
            if item.process.is_alive():
                item.process.kill()
                item.process.join()
