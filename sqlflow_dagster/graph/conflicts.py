"""What does not go together: two programs that write one table, a statement that seems to read another data source."""

from collections.abc import Sequence

from sqlflow_dagster.codes import Code
from sqlflow_dagster.errors import Diagnostic, Severity
from sqlflow_dagster.graph.effects import Mode
from sqlflow_dagster.graph.objects import DEFAULT_DATASOURCE, ObjectKind, ObjectRef
from sqlflow_dagster.graph.program import Program, Step


def conflicting_writers(programs: Sequence[Program]) -> list[tuple[int, Diagnostic]]:
    """The tables and models that two programs write.

    Args:
        programs: In the order in which they own what they write.

    Returns:
        For each such object, the index of the later program and a diagnostic at its statement.
    """
    owners: dict[ObjectRef, tuple[int, Step]] = {}
    problems = []
    for index, program in enumerate(programs):
        reported: set[ObjectRef] = set()
        for step in program.steps:
            for ref in sorted(step.writes):
                if ref.kind is ObjectKind.SCHEMA:
                    continue  # Any number of programs may make sure that a schema exists.
                owner, first = owners.setdefault(ref, (index, step))
                if owner != index and ref not in reported:
                    reported.add(ref)
                    problems.append((index, _conflict(ref, step, first)))
    return problems


def _conflict(ref: ObjectRef, step: Step, first: Step) -> Diagnostic:
    return Diagnostic(
        code=Code.TWO_WRITERS,
        message=f"{ref.kind} {ref.called!r} is written by two programs, here and at "
        f"{first.statement.span}",
        span=step.statement.span,
        hint="let one program write it and the others read it",
    )


def read_across(steps: Sequence[Step]) -> list[Diagnostic]:
    """Warnings for the statements that read a table of a name that the program makes on another data source.

    Their own data source may have a table of that name, too; whether it has is told before a run.

    Args:
        steps: Those of a program.
    """
    if all(step.datasource == DEFAULT_DATASOURCE for step in steps):
        return []
    made: dict[ObjectRef, Step] = {}
    for step in steps:
        for write in step.effects.writes:
            if write.ref.kind is ObjectKind.TABLE and write.mode is not Mode.DROP:
                made.setdefault(write.ref, step)
    elsewhere = {ref.name.lower(): step for ref, step in made.items()}
    return [
        _read_elsewhere(ref, step, maker)
        for step in steps
        if not step.effects.loose  # What is guessed from words is no ground to warn.
        for ref in sorted(step.reads - made.keys())
        if ref.kind is ObjectKind.TABLE and (maker := elsewhere.get(ref.name.lower())) is not None
    ]


def _read_elsewhere(ref: ObjectRef, step: Step, maker: Step) -> Diagnostic:
    return Diagnostic(
        code=Code.READS_ACROSS,
        message=f"this statement reads the table {ref.name!r} of the data source {step.datasource!r}, and not the "
        f"one that is made on {maker.datasource!r}, at {maker.statement.span}",
        span=step.statement.span,
        hint="if that one is meant, let both run on one data source: only models are there for all of them",
        severity=Severity.WARNING,
    )
