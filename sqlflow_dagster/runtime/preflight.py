"""Before anything of a program runs: what is missing that it reads but does not make, and what the engine refuses."""

import re
from collections.abc import Mapping, Sequence

from sqlflow_dagster.codes import Code
from sqlflow_dagster.engines.base import Engine, Session
from sqlflow_dagster.errors import Diagnostic, TerminalError, did_you_mean
from sqlflow_dagster.graph.effects import Mode
from sqlflow_dagster.graph.objects import DEFAULT_DATASOURCE, ObjectKind, ObjectRef
from sqlflow_dagster.graph.program import Program, Step
from sqlflow_dagster.lang.statements import TemporaryTableStatement
from sqlflow_dagster.runtime.context import RunContext
from sqlflow_dagster.runtime.model_inputs import FeaturesCallback, tell_nobody
from sqlflow_dagster.runtime.rehearsal import rehearse
from sqlflow_dagster.runtime.watermarks import missing_watermarks
from sqlflow_dagster.source import Span

_BEFORE_NAME = r"\b(?:FROM|JOIN|INTO|TABLE|USING|EVALUATE|EXPLAIN|TRAIN)"
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
    missing, _ = _missing(program, context, steps, made)
    return _diagnostics(missing, program, context)


def problems_before(
    program: Program,
    context: RunContext,
    steps: frozenset[int] | None = None,
    *,
    made: frozenset[ObjectRef] = frozenset(),
    learns: FeaturesCallback = tell_nobody,
) -> list[Diagnostic]:
    """What stands against a program in a data source: what is missing, and what the engine refuses.

    Nothing more is said of statements that read what is missing.

    Args:
        program: The program.
        context: The data source.
        steps: The indexes of the steps that will run; None for all.
        made: What programs that run before make.
        learns: Told what each model will learn from, where that can be told.

    Raises:
        TransientError: The data source cannot be reached or is locked.
    """
    missing, computed_again = _missing(program, context, steps, made)
    if steps is not None:
        steps |= computed_again
    refused = rehearse(program, context, steps, made=made.union(missing), learns=learns)
    wrong = missing_watermarks(program, context, steps)
    return _diagnostics(missing, program, context) + refused + wrong


def _missing(
    program: Program,
    context: RunContext,
    steps: frozenset[int] | None,
    made: frozenset[ObjectRef],
) -> tuple[dict[ObjectRef, Step], frozenset[int]]:
    """What nobody made, with its first reader, and the steps that compute missing generated tables again."""
    chosen = [step for step in program.steps if steps is None or step.index in steps]
    missing = _not_there(_wanted(chosen, made), context)
    makers = _makers_of_generated(program)
    generated = {ref: missing.pop(ref) for ref in makers.keys() & missing.keys()}
    needed = {
        source: step for ref, step in generated.items() for source in makers[ref].reads - made
    }
    missing = _not_there(needed, context) | missing
    return missing, frozenset(makers[ref].index for ref in generated)


def _wanted(chosen: Sequence[Step], made: frozenset[ObjectRef]) -> dict[ObjectRef, Step]:
    """What must be there when the chosen steps begin, and the first step that needs it."""
    there = set(made)
    wanted: dict[ObjectRef, Step] = {}
    for step in chosen:
        if step.effects.barrier:
            break  # It may have made anything.
        if not step.effects.loose:  # A guess from words is no ground to refuse a program.
            filled = {write.ref for write in step.effects.writes if write.mode in _FILLS}
            # A transaction may fill what it makes.
            filled -= {write.ref for write in step.effects.writes if write.mode not in _FILLS}
            for ref in (step.reads | filled) - there:
                wanted.setdefault(ref, step)
        there |= step.writes
    return wanted


def _makers_of_generated(program: Program) -> dict[ObjectRef, Step]:
    return {
        write.ref: step
        for step in program.steps
        if isinstance(step.statement, TemporaryTableStatement)
        for write in step.effects.writes
    }


def _not_there(wanted: Mapping[ObjectRef, Step], context: RunContext) -> dict[ObjectRef, Step]:
    """Those of some tables and models that are missing."""
    missing = {
        ref: step
        for ref, step in wanted.items()
        if ref.kind is ObjectKind.MODEL and not context.models.versions(ref.name)
    }
    tables = {ref: step for ref, step in wanted.items() if ref.kind is ObjectKind.TABLE}
    for datasource, settings in {(step.datasource, step.settings) for step in tables.values()}:
        engine = context.on(datasource).engine
        with engine.session(prefix=settings) as session:
            missing |= {
                ref: step
                for ref, step in tables.items()
                if (step.datasource, step.settings) == (datasource, settings)
                and not _has_table(ref, session, engine)
            }
    return missing


def _has_table(ref: ObjectRef, session: Session, engine: Engine) -> bool:
    if session.relation_kind(ref.parts) is not None:
        return True
    try:
        # The views of an engine's own catalogue are in no list of tables.
        session.describe(f"SELECT * FROM {engine.quote(ref.parts)}")
    except TerminalError:
        return False
    return True


def _diagnostics(
    missing: Mapping[ObjectRef, Step], program: Program, context: RunContext
) -> list[Diagnostic]:
    makers = {ref: step for step in program.steps for ref in step.writes}
    names: dict[tuple[ObjectKind, str], list[str]] = {}
    found = []
    for ref, step in sorted(missing.items(), key=lambda item: (item[1].index, item[0])):
        maker = makers.get(ref)
        engine = context.on(ref.datasource).engine
        if (ref.kind, ref.datasource) not in names:
            names[ref.kind, ref.datasource] = _names_there(ref.kind, engine, context)
        hint = did_you_mean(ref.name, names[ref.kind, ref.datasource])
        if maker is not None:
            hint = f"{maker.statement.span} makes it; run that first"
        elif hint is None:
            hint = f"the data source is {engine.display_url}"
        found.append(
            Diagnostic(
                code=Code.MISSING_INPUT,
                message=f"there is no {ref.kind} {ref.name!r} in the data source{_named(ref)}",
                span=_place(ref, step),
                hint=hint,
            )
        )
    return found


def _names_there(kind: ObjectKind, engine: Engine, context: RunContext) -> list[str]:
    """What the models, or the tables of a data source, are called."""
    if kind is ObjectKind.MODEL:
        return context.models.names()
    with engine.session() as session:
        tables = session.tables()
    return [".".join(part for part in name if part != engine.default_schema) for name in tables]


def _named(ref: ObjectRef) -> str:
    return "" if ref.datasource == DEFAULT_DATASOURCE else f" {ref.datasource!r}"


def _place(ref: ObjectRef, step: Step) -> Span | None:
    """Where a statement names a table or model; the whole statement where that is not plain to see."""
    span = step.statement.span
    if span is None:
        return None
    name = r"\s*\.\s*".join(rf'["`]?{re.escape(part)}["`]?' for part in ref.parts)
    found = re.search(rf"{_BEFORE_NAME}\s+({name})(?![\w.])", span.text, re.IGNORECASE)
    if found is None:
        return span
    return span.source.span(span.start + found.start(1), span.start + found.end(1))
