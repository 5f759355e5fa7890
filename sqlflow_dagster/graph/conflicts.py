"""Two programs that write one table or model."""

from collections.abc import Sequence

from sqlflow_dagster.codes import Code
from sqlflow_dagster.errors import Diagnostic
from sqlflow_dagster.graph.objects import ObjectKind, ObjectRef
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
        message=f"{ref.kind} {ref.name!r} is written by two programs, here and at "
        f"{first.statement.span}",
        span=step.statement.span,
        hint="let one program write it and the others read it",
    )
