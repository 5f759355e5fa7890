"""Which step must wait for which: read after write, write after read, write after write."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from sqlflow_dagster.graph.effects import KEEPS_CONTENT, Effects, Mode
from sqlflow_dagster.graph.objects import ObjectKind, ObjectRef


@dataclass(frozen=True, slots=True, kw_only=True)
class Waits:
    """Why a step waits.

    Attributes:
        content: The steps whose output it reads or adds to.
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
class Views:
    """The views of a program so far and what each one reads."""

    under: dict[ObjectRef, frozenset[ObjectRef]] = field(default_factory=dict)

    def opened(self, refs: Iterable[ObjectRef]) -> frozenset[ObjectRef]:
        """The objects themselves and, through any number of views, what they show."""
        found = set(refs)
        pending = [ref for ref in found if ref in self.under]
        while pending:
            new = self.under[pending.pop()] - found
            found |= new
            pending += [ref for ref in new if ref in self.under]
        return frozenset(found)

    def record(self, effects: Effects) -> None:
        """Take note of the views that a statement makes, renames and drops."""
        dropped = {write.ref for write in effects.writes if write.mode is Mode.DROP}
        renamed = effects.reads & dropped
        under = [self.under.get(ref, frozenset()) for ref in renamed]
        shown = (effects.reads - dropped).union(*under)
        if renamed:
            # In SQLite and PostgreSQL a view follows its table to the new name.
            new = {write.ref for write in effects.writes} - dropped
            self.under = {
                view: refs | new if refs & renamed else refs for view, refs in self.under.items()
            }
        for write in effects.writes:
            if write.mode not in KEEPS_CONTENT:
                self.under.pop(write.ref, None)
            if write.view:
                self.under[write.ref] = shown | self.under.get(write.ref, frozenset())


@dataclass(slots=True)
class _State:
    writer: dict[ObjectRef, int] = field(default_factory=dict)
    readers: dict[ObjectRef, set[int]] = field(default_factory=lambda: defaultdict(set))
    views: Views = field(default_factory=Views)
    references: dict[ObjectRef, frozenset[ObjectRef]] = field(default_factory=dict)
    renaming: int | None = None
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
    reads = state.views.opened(effects.reads)
    kept = {write.ref for write in effects.writes if write.mode in KEEPS_CONTENT}
    content = {state.writer[ref] for ref in reads | kept if ref in state.writer}
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
    if state.renaming is not None and _breaks_a_view(effects, state):
        order.add(state.renaming)
    needed = _needed_in_place(effects, state)
    order |= {state.writer[ref] for ref in needed if ref in state.writer}
    # Nobody may take away what stands under a view before the view has gone.
    under = state.views.opened(write.ref for write in effects.writes)
    written = {write.ref for write in effects.writes}
    for ref in reads | needed | (under - written):
        state.readers[ref].add(index)
    _record(index, effects, state)
    return Waits(content=frozenset(content), order=frozenset(order - content), unmade=unmade)


def _needed_in_place(effects: Effects, state: _State) -> set[ObjectRef]:
    """What a statement does not read but must find as it was: nobody may overtake it there.

    The schemas of its tables, and the tables that foreign keys of what it writes point to.
    """
    needed = {
        ObjectRef.of(ObjectKind.SCHEMA, [ref.parts[-2]], ref.datasource)
        for ref in _named(effects)
        if ref.kind is ObjectKind.TABLE and "." in ref.name and len(ref.parts) > 1
    }
    written = [write.ref for write in effects.writes]
    for ref in written:
        needed |= state.references.get(ref, frozenset())
    if _renames(effects):
        # SQLite renames nothing while what some view shows is gone.
        needed.update(*state.views.under.values(), state.views.under)
    return (needed | effects.references).difference(written)


def _renames(effects: Effects) -> bool:
    return any(write.mode is Mode.DROP and write.ref in effects.reads for write in effects.writes)


def _breaks_a_view(effects: Effects, state: _State) -> bool:
    dropped = {write.ref for write in effects.writes if write.mode is Mode.DROP}
    return bool(dropped) and any(dropped & refs for refs in state.views.under.values())


def _named(effects: Effects) -> set[ObjectRef]:
    return {*effects.reads, *(write.ref for write in effects.writes)}


def _record(index: int, effects: Effects, state: _State) -> None:
    references = effects.references
    for write in effects.writes:
        state.writer[write.ref] = index
        state.readers[write.ref] = set()
        known: frozenset[ObjectRef] = frozenset()
        if write.mode in KEEPS_CONTENT:
            known = state.references.get(write.ref, known)
        elif write.mode is Mode.DROP and write.ref in effects.reads:
            # Renamed: its foreign keys go with it.
            references |= state.references.get(write.ref, known)
        if write.mode is not Mode.DROP and (known or references):
            state.references[write.ref] = known | references
        else:
            state.references.pop(write.ref, None)
    state.views.record(effects)
    if _renames(effects):
        state.renaming = index
    if effects.barrier:
        state.barrier, state.since_barrier = index, set()
    state.since_barrier.add(index)
