"""Cut each table's history into segments, one asset each.

One asset a table would make many programs cyclic (`INSERT INTO u SELECT … FROM t; INSERT INTO t SELECT …
FROM u`), one asset a statement would give tables odd keys. A segment is the run of statements that write one
table with no reader in between; contracting each segment to one node leaves the graph free of cycles.

The rule is greedy, in program order: a statement joins the open segment of the table it writes unless it
also comes after that segment by another way, through some reader of it.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush

from sqlflow_dagster.graph.dependencies import Waits
from sqlflow_dagster.graph.effects import Effects, Mode
from sqlflow_dagster.graph.generated_names import PREFIX
from sqlflow_dagster.graph.objects import ObjectKind, ObjectRef
from sqlflow_dagster.graph.program import Output, Segment, Step
from sqlflow_dagster.graph.reachability import closure

_ASSETS = frozenset({ObjectKind.TABLE, ObjectKind.MODEL})
_FRESH = frozenset({Mode.CREATE, Mode.REPLACE, Mode.OVERWRITE, Mode.TRUNCATE, Mode.DROP})


@dataclass(slots=True)
class _Draft:
    """A segment that may still grow.

    Attributes:
        refs: What it writes.
        steps: The indexes of its steps.
        modes: How they write each object, one after the other.
        before: A bit set of the drafts that must come first.
        view: Whether it makes a view.
    """

    refs: tuple[ObjectRef, ...]
    steps: list[int] = field(default_factory=list)
    modes: dict[ObjectRef, list[Mode]] = field(default_factory=dict)
    before: int = 0
    view: bool = False

    def add(self, step: Step) -> None:
        """Let a step join."""
        self.steps.append(step.index)
        for write in step.effects.writes:
            self.modes.setdefault(write.ref, []).append(write.mode)
            self.view |= write.view

    def drops(self, ref: ObjectRef) -> bool:
        """Whether it leaves nothing of an object."""
        return self.modes[ref][-1] is Mode.DROP


def segments(steps: Sequence[Step], waits: Sequence[Waits]) -> tuple[Segment, ...]:
    """The segments of a program, in an order that respects what they wait for.

    Args:
        steps: The program's steps.
        waits: What each of them waits for, index by index.
    """
    drafts = _sorted(_assign(steps, waits), waits)
    segment_of = {step: index for index, draft in enumerate(drafts) for step in draft.steps}
    content: list[frozenset[int]] = []
    before: list[frozenset[int]] = []
    for index, draft in enumerate(drafts):
        needed = {segment_of[i] for step in draft.steps for i in waits[step].content}
        others = {segment_of[i] for step in draft.steps for i in waits[step].order}
        content.append(frozenset(needed - {index}))
        before.append(frozenset((needed | others) - {index}))
    outputs = _outputs(drafts)
    names = _names(drafts, outputs, steps)
    requires = _run_together(drafts, content)
    found = []
    for index, draft in enumerate(drafts):
        refs = frozenset(draft.refs)
        adds = any(not refs.isdisjoint(drafts[i].refs) for i in content[index])
        unmade = frozenset().union(*(waits[step].unmade for step in draft.steps))
        found.append(
            Segment(
                index=index,
                name=names[index],
                steps=tuple(draft.steps),
                outputs=outputs[index],
                upstream=content[index],
                waits_for=before[index],
                inputs=unmade - refs,
                rerunnable=not adds and _starts_fresh(draft, steps),
                requires=requires[index],
            )
        )
    return tuple(found)


def _run_together(
    drafts: Sequence[_Draft], content: Sequence[frozenset[int]]
) -> list[frozenset[int]]:
    """For each segment, those without which a run of it would leave other data than the whole program.

    A table holds its last version. Who reads an earlier one needs the segment that makes it, and who makes an
    earlier one needs all that write the table after it.
    """
    writers: dict[ObjectRef, list[int]] = defaultdict(list)
    for index, draft in enumerate(drafts):
        for ref in draft.refs:
            # A generated table that is missing is computed again by whoever reads it.
            if not (ref.parts[-1].startswith(PREFIX) and draft.drops(ref)):
                writers[ref].append(index)
    direct: list[set[int]] = []
    through: dict[int, set[int]] = {}
    """For each view, what it shows that is written again later."""
    for index, draft in enumerate(drafts):
        superseded = {
            i for i in content[index] if any(writers[ref][-1:] != [i] for ref in drafts[i].refs)
        }
        superseded.update(*(through[i] for i in content[index] if i in through))
        if draft.view and superseded:
            through[index] = superseded
        found = set()
        for ref in draft.refs:
            history = writers[ref]
            # The next writer needs the one after it, and so on.
            found.update(history[(after := bisect_right(history, index)) : after + 1])
            earlier = bisect_left(history, index)
            if earlier and _needs_state(draft, ref, drafts[history[-1]]):
                found.add(history[earlier - 1])
        direct.append(superseded | found)
    return [reached - {index} for index, reached in enumerate(closure(direct))]


def _needs_state(draft: _Draft, ref: ObjectRef, last: _Draft) -> bool:
    """Whether a segment finds its table there, or not there, only after the one before."""
    first = draft.modes[ref][0]
    if first is Mode.CREATE:
        return True
    return first in {Mode.TRUNCATE, Mode.OVERWRITE} and last.drops(ref)


def _assign(steps: Sequence[Step], waits: Sequence[Waits]) -> list[_Draft]:
    drafts: list[_Draft] = []
    open_segment: dict[ObjectRef, int] = {}
    segment_of: list[int] = []
    for step in steps:
        written = (write.ref for write in step.effects.writes if write.ref.kind in _ASSETS)
        refs = tuple(dict.fromkeys(written))
        before = {segment_of[index] for index in waits[step.index].all}
        target = _joinable(refs, before, drafts, open_segment)
        if target is None:
            target = len(drafts)
            drafts.append(_Draft(refs=refs))
        for ref in refs:
            open_segment[ref] = target
        _put_after(target, before - {target}, drafts)
        drafts[target].add(step)
        segment_of.append(target)
    return drafts


def _put_after(target: int, before: set[int], drafts: list[_Draft]) -> None:
    """Take note that a segment, and with it all that comes after it, comes after others."""
    known = ahead = drafts[target].before
    for index in before:
        ahead |= drafts[index].before | 1 << index
    drafts[target].before = ahead
    if ahead != known and drafts[target].steps:  # Nothing comes after a new one yet.
        for draft in drafts:
            if draft.before >> target & 1:
                draft.before |= ahead


def _joinable(
    refs: tuple[ObjectRef, ...],
    before: set[int],
    drafts: list[_Draft],
    open_segment: dict[ObjectRef, int],
) -> int | None:
    """The open segment that a statement may join; None where it must open its own."""
    open_ones = {open_segment.get(ref) for ref in refs}
    target = open_ones.pop() if len(open_ones) == 1 else None
    if target is None or drafts[target].refs != refs:
        return None
    by_another_way = any(drafts[index].before >> target & 1 for index in before)
    return None if by_another_way else target


def _sorted(drafts: list[_Draft], waits: Sequence[Waits]) -> list[_Draft]:
    """The drafts, each after all that it waits for; else in the order in which they end."""
    segment_of = {step: index for index, draft in enumerate(drafts) for step in draft.steps}
    missing: list[int] = []
    followers: dict[int, list[int]] = defaultdict(list)
    ready: list[tuple[int, int]] = []
    for index, draft in enumerate(drafts):
        before = {segment_of[i] for step in draft.steps for i in waits[step].all} - {index}
        missing.append(len(before))
        for other in before:
            followers[other].append(index)
        if not before:
            heappush(ready, (draft.steps[-1], index))
    found: list[_Draft] = []
    while ready:
        _, index = heappop(ready)
        found.append(drafts[index])
        for other in followers[index]:
            missing[other] -= 1
            if not missing[other]:
                heappush(ready, (drafts[other].steps[-1], other))
    assert len(found) == len(drafts), "contracted segments form no cycle"
    return found


def _outputs(drafts: Sequence[_Draft]) -> list[tuple[Output, ...]]:
    """The outputs of each segment; the last one of an object has version 0."""
    history: dict[ObjectRef, list[int]] = defaultdict(list)
    for index, draft in enumerate(drafts):
        for ref in draft.refs:
            if not draft.drops(ref):
                history[ref].append(index)
    found: list[list[Output]] = [[] for _ in drafts]
    for ref, indexes in history.items():
        for number, index in enumerate(indexes, start=1):
            version = 0 if index == indexes[-1] else number
            found[index].append(Output(ref=ref, version=version))
    return [tuple(items) for items in found]


def _names(
    drafts: Sequence[_Draft], outputs: Sequence[tuple[Output, ...]], steps: Sequence[Step]
) -> list[str]:
    """The output's name; the first step's for a leaf, and for a table that is called like a model."""
    found: dict[int, str] = {}
    taken: set[str] = set()
    for index, made in enumerate(outputs):
        name = made[0].called if made else ""
        if name and name not in taken:
            found[index] = name
            taken.add(name)
    for index, draft in enumerate(drafts):
        first = steps[draft.steps[0]].name
        name, number = first, 1
        while index not in found and name in taken:
            number += 1
            name = f"{first}_{number}"
        taken.add(found.setdefault(index, name))
    return [found[index] for index in range(len(drafts))]


def _starts_fresh(draft: _Draft, steps: Sequence[Step]) -> bool:
    """Whether the statements leave the same data when they run again."""
    effects: list[Effects] = [steps[index].effects for index in draft.steps]
    if any(item.barrier for item in effects):
        return False
    for ref in draft.refs:
        modes = draft.modes[ref]
        if modes[0] not in _FRESH and set(modes) != {Mode.ENSURE}:
            return False
        if ref in effects[0].reads:
            return False
    return True
