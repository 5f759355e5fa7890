"""Before anything of a program runs: is everything there that it reads but does not make?"""

from collections.abc import Iterator, Mapping

from sqlflow_dagster.errors import Diagnostic, did_you_mean
from sqlflow_dagster.graph.objects import ObjectKind, ObjectRef
from sqlflow_dagster.graph.program import Program, Step
from sqlflow_dagster.runtime.context import RunContext


def missing_inputs(
    program: Program, context: RunContext, steps: frozenset[int] | None = None
) -> list[Diagnostic]:
    """A diagnostic for each table or model that the program needs and that nobody made.

    Args:
        program: The program.
        context: Where to look.
        steps: The indexes of the steps that will run; None for all. What the others make must be there.
    """
    chosen = [step for step in program.steps if steps is None or step.index in steps]
    made: set[ObjectRef] = set()
    wanted: dict[ObjectRef, Step] = {}
    for step in chosen:
        if step.effects.loose or step.effects.barrier:
            made |= step.writes
            continue  # A guess from keywords is no ground to refuse a program.
        generated = {item.table.parts for item in step.temporary_tables}
        for ref in step.reads - made:
            if ref.parts not in generated:
                wanted.setdefault(ref, step)
        made |= step.writes
    return [*_missing_tables(wanted, context), *_missing_models(wanted, context)]


def _missing_tables(wanted: Mapping[ObjectRef, Step], context: RunContext) -> Iterator[Diagnostic]:
    engine = context.engine
    tables = {ref: step for ref, step in wanted.items() if ref.kind is ObjectKind.TABLE}
    for prefix in dict.fromkeys(step.prefix for step in tables.values()):
        with engine.session(prefix=prefix) as session:
            missing = [
                (ref, step)
                for ref, step in tables.items()
                if step.prefix == prefix and session.relation_kind(ref.parts) is None
            ]
            there = session.tables() if missing else []
        known = [".".join(part for part in name if part != engine.default_schema) for name in there]
        for ref, step in missing:
            hint = did_you_mean(ref.name, known) or f"the data source is {engine.display_url}"
            message = f"there is no table {ref.name!r} in the data source"
            yield Diagnostic(message=message, span=step.statement.span, hint=hint)


def _missing_models(wanted: Mapping[ObjectRef, Step], context: RunContext) -> Iterator[Diagnostic]:
    for ref, step in wanted.items():
        if ref.kind is ObjectKind.MODEL and context.models.find(ref.name) is None:
            hint = did_you_mean(ref.name, context.models.names()) or "train it first"
            message = f"there is no model {ref.name!r}"
            yield Diagnostic(message=message, span=step.statement.span, hint=hint)
