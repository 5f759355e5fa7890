"""What does not go together: two programs that write one table, a statement that reads another data source."""

from collections.abc import Iterable, Sequence

from sqlflow_dagster.codes import Code
from sqlflow_dagster.errors import Diagnostic
from sqlflow_dagster.graph.effects import Mode
from sqlflow_dagster.graph.objects import DEFAULT_DATASOURCE, ObjectKind, ObjectRef
from sqlflow_dagster.graph.program import Program, Step


def conflicts_between(programs: Sequence[Program]) -> list[tuple[int, Diagnostic]]:
    """What keeps programs from being run together.

    Args:
        programs: In the order in which they own what they write.

    Returns:
        For each problem, the index of the program that is to be changed and a diagnostic at its statement.
    """
    return conflicting_writers(programs) + read_across([program.steps for program in programs])


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


def read_across(programs: Sequence[Iterable[Step]]) -> list[tuple[int, Diagnostic]]:
    """The statements that read what a statement of another data source makes.

    Args:
        programs: The steps of each.

    Returns:
        For each such statement, the index of its program and a diagnostic.
    """
    steps = [(index, step) for index, program in enumerate(programs) for step in program]
    if all(step.datasource == DEFAULT_DATASOURCE for _, step in steps):
        return []
    made: dict[ObjectRef, Step] = {}
    for _, step in steps:
        for write in step.effects.writes:
            if write.ref.kind is ObjectKind.TABLE and write.mode is not Mode.DROP:
                made.setdefault(write.ref, step)
    elsewhere = {ref.name.lower(): step for ref, step in made.items()}
    return [
        (index, _read_elsewhere(ref, step, maker))
        for index, step in steps
        if not step.effects.loose  # A guess from words is no ground to refuse a program.
        for ref in sorted(step.reads - made.keys())
        if ref.kind is ObjectKind.TABLE and (maker := elsewhere.get(ref.name.lower())) is not None
    ]


def _read_elsewhere(ref: ObjectRef, step: Step, maker: Step) -> Diagnostic:
    return Diagnostic(
        code=Code.READS_ACROSS,
        message=f"this statement runs on the data source {step.datasource!r}, and the table {ref.name!r} is "
        f"made on {maker.datasource!r}, at {maker.statement.span}: no statement reads across data sources",
        span=step.statement.span,
        hint="let both run on one data source; only models are there for all of them",
    )
