"""Before anything of a program runs: is everything there that it reads but does not make?"""

from collections.abc import Iterator, Mapping

from sqlflow_dagster.engines.base import Engine, Session
from sqlflow_dagster.errors import Diagnostic, TerminalError, did_you_mean
from sqlflow_dagster.graph.effects import Mode
from sqlflow_dagster.graph.objects import ObjectKind, ObjectRef
from sqlflow_dagster.graph.program import Program, Step
from sqlflow_dagster.lang.statements import TemporaryTableStatement
from sqlflow_dagster.runtime.context import RunContext

_FILLS = frozenset({Mode.APPEND, Mode.OVERWRITE, Mode.TRUNCATE})
"""The modes that want the table to be there; ALTER TABLE IF EXISTS, which modifies, does not."""


def missing_inputs(
    program: Program,
    context: RunContext,
    steps: frozenset[int] | None = None,
    *,
    made: frozenset[ObjectRef] = frozenset(),
) -> list[Diagnostic]:
    """A diagnostic for each table or model that the program needs and that nobody made.

    Args:
        program: The program.
        context: Where to look.
        steps: The indexes of the steps that will run; None for all. What the others make must be there.
        made: What programs that run before make.
    """
    chosen = [step for step in program.steps if steps is None or step.index in steps]
    wanted = _wanted(program, chosen, made)
    return [*_missing_tables(wanted, context), *_missing_models(wanted, context)]


def _wanted(
    program: Program, chosen: list[Step], made: frozenset[ObjectRef]
) -> dict[ObjectRef, Step]:
    """What must be there when the chosen steps begin, and the first step that needs it."""
    sources = _sources_of_generated(program)
    there = set(made)
    wanted: dict[ObjectRef, Step] = {}
    for step in chosen:
        if step.effects.barrier:
            break  # It may have made anything, attached a database for example.
        if not step.effects.loose:  # A guess from words is no ground to refuse a program.
            for ref in sorted(_needs(step) - there):
                # A generated table that is missing is computed again from what it is made of.
                for source in sources.get(ref, {ref}) - there:
                    wanted.setdefault(source, step)
        there |= step.writes
    return wanted


def _needs(step: Step) -> frozenset[ObjectRef]:
    filled = {write.ref for write in step.effects.writes if write.mode in _FILLS}
    return step.reads | filled


def _sources_of_generated(program: Program) -> dict[ObjectRef, frozenset[ObjectRef]]:
    return {
        write.ref: step.reads
        for step in program.steps
        if isinstance(step.statement, TemporaryTableStatement)
        for write in step.effects.writes
    }


def _missing_tables(wanted: Mapping[ObjectRef, Step], context: RunContext) -> Iterator[Diagnostic]:
    engine = context.engine
    tables = {ref: step for ref, step in wanted.items() if ref.kind is ObjectKind.TABLE}
    for prefix in dict.fromkeys(step.prefix for step in tables.values()):
        with engine.session(prefix=prefix) as session:
            missing = [
                (ref, step)
                for ref, step in tables.items()
                if step.prefix == prefix and not _is_there(ref, session, engine)
            ]
            there = session.tables() if missing else []
        known = [".".join(part for part in name if part != engine.default_schema) for name in there]
        for ref, step in missing:
            hint = did_you_mean(ref.name, known) or f"the data source is {engine.display_url}"
            message = f"there is no table {ref.name!r} in the data source"
            yield Diagnostic(message=message, span=step.statement.span, hint=hint)


def _is_there(ref: ObjectRef, session: Session, engine: Engine) -> bool:
    if session.relation_kind(ref.parts) is not None:
        return True
    try:
        # The views of an engine's own catalogue are in no list of tables.
        session.describe(f"SELECT * FROM {engine.quote(ref.parts)}")
    except TerminalError:
        return False
    return True


def _missing_models(wanted: Mapping[ObjectRef, Step], context: RunContext) -> Iterator[Diagnostic]:
    for ref, step in wanted.items():
        if ref.kind is ObjectKind.MODEL and context.models.find(ref.name) is None:
            hint = did_you_mean(ref.name, context.models.names()) or "train it first"
            message = f"there is no model {ref.name!r}"
            yield Diagnostic(message=message, span=step.statement.span, hint=hint)
