"""What a run of a program would do, and why."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlflow_dagster.graph.objects import ObjectKind, ObjectRef
from sqlflow_dagster.graph.program import Program, Segment, Step
from sqlflow_dagster.runtime.context import RunContext
from sqlflow_dagster.runtime.history import FinishedStep


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedStep:
    """A step and whether it has to run.

    Attributes:
        step: The step.
        stale: Whether it has to run: what it made is missing or out of date.
        reason: Why, or since when it is up to date.
    """

    step: Step
    stale: bool
    reason: str


def plan(program: Program, context: RunContext) -> tuple[PlannedStep, ...]:
    """Which steps are out of date.

    A step is up to date when it has finished with the same text, after all that it waits for, and what it
    made is still there. Tables that no statement of the program makes count as unchanged.
    """
    finished = context.history.finished(context.program) if context.history else {}
    missing = _missing(program, context)
    stale: set[int] = set()
    planned = []
    for step in program.steps:
        reason = _why_stale(step, program, finished, missing, stale)
        if reason is not None:
            stale.add(step.index)
        planned.append(
            PlannedStep(
                step=step,
                stale=reason is not None,
                reason=reason or f"up to date since {_clock(finished[step.name].finished_at)}",
            )
        )
    return tuple(planned)


def _clock(moment: datetime) -> str:
    return f"{moment.astimezone():%Y-%m-%d %H:%M:%S}"


def _missing(program: Program, context: RunContext) -> frozenset[ObjectRef]:
    """The tables and models of a program that are not there."""
    made = {ref for segment in program.segments for ref in _outputs(segment)}
    with context.engine.session() as session:
        tables = {
            ref
            for ref in made
            if ref.kind is ObjectKind.TABLE and session.relation_kind(ref.parts) is None
        }
    models = {
        ref
        for ref in made
        if ref.kind is ObjectKind.MODEL and context.models.find(ref.name) is None
    }
    return frozenset(tables | models)


def _outputs(segment: Segment) -> list[ObjectRef]:
    return [output.ref for output in segment.outputs]


def _why_stale(
    step: Step,
    program: Program,
    finished: Mapping[str, FinishedStep],
    missing: frozenset[ObjectRef],
    stale: set[int],
) -> str | None:
    """Why a step has to run; None where it is up to date."""
    last = finished.get(step.name)
    if last is None:
        return "never ran"
    if last.code_version != step.code_version:
        return "its text has changed"
    gone = sorted(str(ref) for ref in step.writes & missing)
    if gone:
        return f"{', '.join(gone)} is missing"
    for index in sorted(step.waits_for):
        before = program.steps[index]
        if index in stale:
            return f"{before.name} runs again"
        if finished[before.name].finished_at > last.finished_at:
            return f"{before.name} has run since"
    return None
