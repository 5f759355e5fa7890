"""What a run of a program would do, and why."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sqlflow_dagster.codes import Code
from sqlflow_dagster.errors import Diagnostic, Severity
from sqlflow_dagster.graph.effects import Mode, Write
from sqlflow_dagster.graph.objects import ObjectKind, ObjectRef
from sqlflow_dagster.graph.program import Program, Step
from sqlflow_dagster.graph.volatility import volatile_function
from sqlflow_dagster.lang.statements import TemporaryTableStatement
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


def plan(
    program: Program, context: RunContext, *, changed: frozenset[ObjectRef] = frozenset()
) -> tuple[PlannedStep, ...]:
    """Which steps are out of date.

    A step is up to date when it has finished with the same text, after all that it waits for, and what it
    made is still there. The steps of one table's segment run together or not at all: what a second INSERT
    would add to must be made anew. Tables that no statement of the program makes count as unchanged.

    Args:
        program: The program.
        context: Where its history and its tables are.
        changed: What is made anew before the program runs.
    """
    state = _state(program, context, changed=changed)
    for step in program.steps:
        _mark(state, step.index, _own_reason(step, state))
    while _spread(state):
        pass
    return tuple(_planned(step, state) for step in program.steps)


def taken_over(
    program: Program,
    context: RunContext,
    steps: frozenset[int],
    *,
    made: frozenset[ObjectRef] = frozenset(),
) -> list[Diagnostic]:
    """A warning for each table that a run replaces although no run of the program has made it.

    Args:
        program: The program.
        context: Where its history and its tables are.
        steps: The indexes of the steps that will run.
        made: What programs that run before make.
    """
    state = _state(program, context)
    first = {ref: min(writers) for ref, writers in state.writers.items()}
    return [
        Diagnostic(
            code=Code.REPLACES_TABLE,
            message=f"this replaces {write.ref}, which no run of this program has made",
            span=step.statement.span,
            hint="give it another name to keep the table that is there",
            severity=Severity.WARNING,
        )
        for step in program.steps
        if step.index in steps
        for write in step.effects.writes
        if first[write.ref] == step.index and write.ref not in made and _is_foreign(write, state)
    ]


def _state(
    program: Program, context: RunContext, *, changed: frozenset[ObjectRef] = frozenset()
) -> "_State":
    return _State(
        program=program,
        finished=context.history.finished(context.program) if context.history else {},
        missing=_missing(program, context),
        changed=changed,
        writers=_writers(program),
    )


@dataclass(slots=True, kw_only=True)
class _State:
    """What is known of the steps; ``reasons`` has those that are stale, and grows."""

    program: Program
    finished: Mapping[str, FinishedStep]
    missing: frozenset[ObjectRef]
    changed: frozenset[ObjectRef]
    writers: Mapping[ObjectRef, list[int]]
    reasons: dict[int, str] = field(default_factory=dict)

    def name(self, index: int) -> str:
        return self.program.steps[index].name

    def finish_of(self, index: int) -> datetime | None:
        last = self.finished.get(self.name(index))
        return last.finished_at if last else None


def _planned(step: Step, state: _State) -> PlannedStep:
    reason = state.reasons.get(step.index)
    if reason is not None:
        return PlannedStep(step=step, stale=True, reason=reason)
    since = state.finished[step.name].finished_at.astimezone()
    return PlannedStep(step=step, stale=False, reason=f"up to date since {since:%Y-%m-%d %H:%M:%S}")


def _writers(program: Program) -> dict[ObjectRef, list[int]]:
    """The indexes of the steps that write each object, in program order."""
    found: dict[ObjectRef, list[int]] = defaultdict(list)
    for step in program.steps:
        for ref in step.writes:
            found[ref].append(step.index)
    return found


def _missing(program: Program, context: RunContext) -> frozenset[ObjectRef]:
    """The tables and models that the program makes and that are not there now."""
    made = {write.ref for step in program.steps for write in step.effects.writes}
    tables = set()
    for datasource in {ref.datasource for ref in made if ref.kind is ObjectKind.TABLE}:
        with context.on(datasource).engine.session() as session:
            tables |= {
                ref
                for ref in made
                if ref.kind is ObjectKind.TABLE
                and ref.datasource == datasource
                and session.relation_kind(ref.parts) is None
            }
    models = {
        ref
        for ref in made
        if ref.kind is ObjectKind.MODEL and context.models.find(ref.name) is None
    }
    return frozenset(tables | models)


def _own_reason(step: Step, state: _State) -> str | None:
    """Why a step has to run, whatever becomes of the others; None where nothing asks for it."""
    last = state.finished.get(step.name)
    if last is None:
        foreign = sorted(write.ref for write in step.effects.writes if _is_foreign(write, state))
        return f"never ran; replaces {foreign[0]}, which is not its own" if foreign else "never ran"
    if last.code_version != step.code_version:
        return "its text has changed"
    gone = sorted(ref for ref in step.writes & state.missing if _is_kept(ref, step, state))
    if gone:
        return f"{gone[0]} is missing"
    anew = sorted(step.reads & state.changed)
    if anew:
        return f"{anew[0]} is made anew"
    volatile = volatile_function(step)
    if volatile is not None:
        return f"{volatile} gives something else in each run"
    for index in sorted(step.waits_for):
        before = state.finish_of(index)
        if before is not None and before > last.finished_at:
            return f"{state.name(index)} has run since"
    return None


def _is_foreign(write: Write, state: _State) -> bool:
    """Whether a table or model that a step makes anew is there although the program never made it."""
    made_before = any(state.finish_of(index) for index in state.writers[write.ref])
    return (
        write.mode in {Mode.CREATE, Mode.REPLACE}
        and write.ref.kind is ObjectKind.TABLE
        and write.ref not in state.missing
        and not made_before
    )


def _is_kept(ref: ObjectRef, step: Step, state: _State) -> bool:
    """Whether an object has to be there when the program has ended: nothing drops it last.

    A generated table need not: who reads it makes it again.
    """
    if isinstance(step.statement, TemporaryTableStatement):
        return False
    last = state.program.steps[state.writers[ref][-1]]
    modes = [write.mode for write in last.effects.writes if write.ref == ref]
    return modes[-1] is not Mode.DROP


def _mark(state: _State, index: int, reason: str | None) -> bool:
    """Call a step stale; whether that is news."""
    if reason is None or index in state.reasons:
        return False
    state.reasons[index] = reason
    return True


def _spread(state: _State) -> bool:
    """Call stale what has to run because other steps run; whether there was any."""
    news = [
        _mark(state, index, reason)
        for step in state.program.steps
        for index, reason in _drawn_in(step, state)
    ]
    return any(news)


def _drawn_in(step: Step, state: _State) -> Iterator[tuple[int, str]]:
    """The steps that have to run because ``step`` does, and ``step`` itself because of another."""
    for index in sorted(step.waits_for & state.reasons.keys()):
        yield step.index, f"{state.name(index)} runs again"
    if step.index not in state.reasons:
        return
    for ref in step.reads:
        maker = _maker(ref, step, state)
        if maker is None or isinstance(
            state.program.steps[maker].statement, TemporaryTableStatement
        ):
            continue  # A generated table that is missing is made by the step itself.
        if not _holds_what(maker, ref, step, state):
            yield maker, f"{step.name} needs {ref} again"
    segment = state.program.segment_of(step.index)
    together = [segment, *(state.program.segments[index] for index in segment.requires)]
    for index in (index for item in together for index in item.steps if index != step.index):
        yield index, f"{step.name} runs again"


def _maker(ref: ObjectRef, step: Step, state: _State) -> int | None:
    """The step whose output a later step reads; None for what the program does not make before."""
    before = [index for index in state.writers.get(ref, ()) if index < step.index]
    return before[-1] if before else None


def _holds_what(maker: int, ref: ObjectRef, step: Step, state: _State) -> bool:
    """Whether an object still is what ``maker`` left: it is there and no later step has written it."""
    if ref in state.missing:
        return False
    made = state.finish_of(maker)
    after = [index for index in state.writers[ref] if index >= step.index]
    later = [finish for index in after if (finish := state.finish_of(index)) is not None]
    return made is None or all(finish <= made for finish in later)
