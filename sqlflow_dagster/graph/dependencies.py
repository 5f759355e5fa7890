"""Which step must wait for which: read after write, write after read, write after write."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlflow_dagster.graph.effects import Effects, Mode
from sqlflow_dagster.graph.objects import ObjectKind, ObjectRef


@dataclass(frozen=True, slots=True, kw_only=True)
class Waits:
    """Why a step waits.

    Attributes:
        content: The steps whose output it reads.
        order: The steps that it only must not overtake.
        unmade: The objects it reads that no earlier step wrote.
    """

    content: frozenset[int]
    order: frozenset[int]
    unmade: frozenset[ObjectRef]

    @property
    def all(self) -> frozenset[int]:
        """Every step that must come first."""
        return self.content | self.order


@dataclass(slots=True)
class _State:
    writer: dict[ObjectRef, int] = field(default_factory=dict)
    readers: dict[ObjectRef, set[int]] = field(default_factory=lambda: defaultdict(set))
    views: dict[ObjectRef, frozenset[ObjectRef]] = field(default_factory=dict)
    barrier: int | None = None
    since_barrier: set[int] = field(default_factory=set)


def dependencies(effects: Sequence[Effects]) -> list[Waits]:
    """What each statement of a program waits for.

    Any order that respects the result shows each statement the data that program order shows it.

    Args:
        effects: Of the statements, in program order.
    """
    state = _State()
    return [_waits(index, item, state) for index, item in enumerate(effects)]


def _waits(index: int, effects: Effects, state: _State) -> Waits:
    reads = _reads(effects, state)
    content = {state.writer[ref] for ref in reads if ref in state.writer}
    unmade = frozenset(ref for ref in effects.reads if ref not in state.writer)
    order: set[int] = set()
    if effects.barrier:
        order |= state.since_barrier
    if state.barrier is not None:
        order.add(state.barrier)
    for write in effects.writes:
        order |= state.readers[write.ref]
        if write.ref in state.writer:
            order.add(state.writer[write.ref])
    for schema in _schemas(effects):
        if schema in state.writer:
            order.add(state.writer[schema])
        state.readers[schema].add(index)
    for ref in reads:
        state.readers[ref].add(index)
    _record_writes(index, effects, state)
    if effects.barrier:
        state.barrier, state.since_barrier = index, set()
    state.since_barrier.add(index)
    order.discard(index)
    return Waits(content=frozenset(content), order=frozenset(order - content), unmade=unmade)


def _reads(effects: Effects, state: _State) -> frozenset[ObjectRef]:
    """What is read, and the tables under the views among it."""
    under = [state.views[ref] for ref in effects.reads if ref in state.views]
    return effects.reads.union(*under)


def _schemas(effects: Effects) -> set[ObjectRef]:
    """The schemas of the tables that a statement names: they must have been created before."""
    named = {*effects.reads, *(write.ref for write in effects.writes)}
    return {
        ObjectRef.of(ObjectKind.SCHEMA, [ref.parts[-2]])
        for ref in named
        if ref.kind is ObjectKind.TABLE and "." in ref.name and len(ref.parts) > 1
    }


def _record_writes(index: int, effects: Effects, state: _State) -> None:
    for write in effects.writes:
        state.writer[write.ref] = index
        state.readers[write.ref] = set()
        if write.view and write.mode is not Mode.DROP:
            state.views[write.ref] = _reads(effects, state)
        else:
            state.views.pop(write.ref, None)
