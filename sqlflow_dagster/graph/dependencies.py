"""Which step must wait for which: read after write, write after read, write after write."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
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
    """The views of a program so far and what each one reads.

    A view that is made waits for all that it shows, so who reads it need wait for it, for the tables behind it and
    for none of the views between, unless one of these was written later: a chain of views takes time
    in proportion to its length.

    Attributes:
        under: What each view reads itself.
        over: The views that read an object themselves.
        tables: What is behind each view and no view.
        overtaken: The views under which a view was written after them.
    """

    under: dict[ObjectRef, frozenset[ObjectRef]] = field(default_factory=dict)
    over: dict[ObjectRef, set[ObjectRef]] = field(default_factory=lambda: defaultdict(set))
    tables: dict[ObjectRef, frozenset[ObjectRef]] = field(default_factory=dict)
    overtaken: set[ObjectRef] = field(default_factory=set)

    def opened(self, refs: Iterable[ObjectRef]) -> frozenset[ObjectRef]:
        """The objects themselves and, through any number of views, what they show."""
        return _reached(refs, self.under)

    def needed(self, refs: Iterable[ObjectRef]) -> set[ObjectRef]:
        """The objects themselves and what else their readers must find written."""
        found = set(refs)
        for ref in found & self.under.keys() if self.under else ():
            found |= self.opened([ref]) if ref in self.overtaken else self.tables[ref]
        return found

    def showing(self, view: ObjectRef) -> frozenset[ObjectRef]:
        """A view and the views that show it, through any number of others."""
        return _reached([view], self.over)

    def record(self, effects: Effects) -> None:
        """Take note of the views that a statement makes, renames and drops."""
        if not self.under and not any(write.view for write in effects.writes):
            return
        dropped = {write.ref for write in effects.writes if write.mode is Mode.DROP}
        renamed = effects.reads & dropped
        under = [self.under.get(ref, frozenset()) for ref in renamed]
        shown = (effects.reads - dropped).union(*under)
        if renamed and self.under:
            # In SQLite and PostgreSQL a view follows its table to the new name.
            new = {write.ref for write in effects.writes} - dropped
            for view, refs in list(self.under.items()):
                if refs & renamed:
                    self._put(view, refs | new)
                    self.overtaken |= _reached([view], self.over)
        for write in effects.writes:
            former = self.under.get(write.ref)
            if self.over and (write.view or former is not None):
                self.overtaken |= _reached([write.ref], self.over) - {write.ref}
            if former is not None and write.mode not in KEEPS_CONTENT:
                self._remove(write.ref)
            if write.view:
                self._put(write.ref, shown | self.under.get(write.ref, frozenset()))

    def _put(self, view: ObjectRef, shown: frozenset[ObjectRef]) -> None:
        self.tables[view] = frozenset(ref for ref in self.needed(shown) if ref not in self.under)
        self.under[view] = shown
        for ref in shown:
            self.over[ref].add(view)

    def _remove(self, view: ObjectRef) -> None:
        for ref in self.under.pop(view):
            self.over[ref].discard(view)
        del self.tables[view]
        self.overtaken.discard(view)


def _reached(
    refs: Iterable[ObjectRef], edges: Mapping[ObjectRef, Iterable[ObjectRef]]
) -> frozenset[ObjectRef]:
    """Objects with all that can be reached from them."""
    found = set(refs)
    pending = [ref for ref in found if ref in edges]
    while pending:
        for ref in edges[pending.pop()]:
            if ref not in found:
                found.add(ref)
                pending += [ref] if ref in edges else ()
    return frozenset(found)


@dataclass(slots=True)
class _State:
    writer: dict[ObjectRef, int] = field(default_factory=dict)
    readers: dict[ObjectRef, set[int]] = field(default_factory=lambda: defaultdict(set))
    views: Views = field(default_factory=Views)
    references: dict[ObjectRef, frozenset[ObjectRef]] = field(default_factory=dict)
    takers: dict[ObjectRef, int] = field(default_factory=dict)
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
    reads = state.views.needed(effects.reads)
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
        if write.ref in state.views.under:
            order.update(*(state.readers[ref] for ref in state.views.showing(write.ref)))
        if write.ref in state.writer:
            order.add(state.writer[write.ref])
    if state.renaming is not None and _breaks_a_view(effects, state):
        order.add(state.renaming)
    if effects.takes:
        order |= {state.takers[ref] for ref in effects.takes if ref in state.takers}
        state.takers.update(dict.fromkeys(effects.takes, index))
    needed = _needed_in_place(effects, state)
    order |= {state.writer[ref] for ref in needed if ref in state.writer}
    # Nobody may take away what stands under a view before the view has gone.
    for ref in reads | needed | _under_views(effects, state.views):
        state.readers[ref].add(index)
    _record(index, effects, state)
    return Waits(content=frozenset(content), order=frozenset(order - content), unmade=unmade)


def _under_views(effects: Effects, views: Views) -> set[ObjectRef]:
    """What stands under the views that a statement writes."""
    if not views.under:
        return set()
    written = {write.ref for write in effects.writes if write.ref in views.under}
    return views.needed(written.union(*(views.under[ref] for ref in written))) - written


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
    return any(state.views.over.get(ref) for ref in dropped)


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
