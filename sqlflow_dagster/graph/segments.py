"""Cut each table's history into segments, one asset each.

One asset a table would make many programs cyclic (`INSERT INTO u SELECT … FROM t; INSERT INTO t SELECT …
FROM u`), one asset a statement would give tables odd keys. A segment is the run of statements that write one
table with no reader in between; contracting each segment to one node leaves the graph free of cycles.

The rule is greedy, in program order: a statement joins the open segment of the table it writes unless it
also comes after that segment by another way, through some reader of it.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlflow_dagster.graph.dependencies import Waits
from sqlflow_dagster.graph.effects import Effects, Mode
from sqlflow_dagster.graph.objects import ObjectKind, ObjectRef
from sqlflow_dagster.graph.program import Output, Segment, Step

_ASSETS = frozenset({ObjectKind.TABLE, ObjectKind.MODEL})


@dataclass(slots=True)
class _Draft:
    """A segment that may still grow; ``before`` is a bit set of the drafts that must come first."""

    refs: tuple[ObjectRef, ...]
    steps: list[int] = field(default_factory=list)
    before: int = 0


def segments(steps: Sequence[Step], waits: Sequence[Waits]) -> tuple[Segment, ...]:
    """The segments of a program, in an order that respects what they wait for.

    Args:
        steps: The program's steps.
        waits: What each of them waits for, index by index.
    """
    # A segment that something waits for never grows again: sorted by their last steps, segments stand
    # after all that they wait for.
    drafts = sorted(_assign(steps, waits), key=lambda draft: draft.steps[-1])
    segment_of = {step: index for index, draft in enumerate(drafts) for step in draft.steps}
    history = _History(
        steps=steps,
        waits=waits,
        drafts=drafts,
        segment_of=segment_of,
        outputs=_outputs(drafts, steps),
    )
    return tuple(_segment(index, history) for index in range(len(drafts)))


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
        drafts[target].steps.append(step.index)
        for index in before - {target}:
            drafts[target].before |= drafts[index].before | 1 << index
        segment_of.append(target)
    return drafts


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


def _dropped(draft: _Draft, steps: Sequence[Step], ref: ObjectRef) -> bool:
    modes = [
        write.mode
        for index in draft.steps
        for write in steps[index].effects.writes
        if write.ref == ref
    ]
    return modes[-1] is Mode.DROP


def _outputs(drafts: list[_Draft], steps: Sequence[Step]) -> list[tuple[Output, ...]]:
    """The outputs of each segment; the last one of an object has version 0."""
    history: dict[ObjectRef, list[int]] = defaultdict(list)
    for index, draft in enumerate(drafts):
        for ref in draft.refs:
            if not _dropped(draft, steps, ref):
                history[ref].append(index)
    found: list[list[Output]] = [[] for _ in drafts]
    for ref, indexes in history.items():
        for number, index in enumerate(indexes, start=1):
            version = 0 if index == indexes[-1] else number
            found[index].append(Output(ref=ref, version=version))
    return [tuple(items) for items in found]


@dataclass(frozen=True, slots=True, kw_only=True)
class _History:
    """All that is known once every statement has its segment."""

    steps: Sequence[Step]
    waits: Sequence[Waits]
    drafts: Sequence[_Draft]
    segment_of: Mapping[int, int]
    outputs: Sequence[tuple[Output, ...]]

    def waited_for(self, index: int, *, content: bool) -> set[int]:
        """The other segments that a segment waits for, or only those whose content it reads."""
        waits = [self.waits[step] for step in self.drafts[index].steps]
        steps = {i for item in waits for i in (item.content if content else item.all)}
        return {self.segment_of[i] for i in steps} - {index}


def _segment(index: int, history: _History) -> Segment:
    draft, outputs = history.drafts[index], history.outputs[index]
    effects = [history.steps[i].effects for i in draft.steps]
    waits_for = history.waited_for(index, content=False)
    upstream = history.waited_for(index, content=True)
    rerunnable = _rerunnable(effects, draft.refs)
    requires: set[int] = set()
    if not rerunnable:
        # It adds to what the earlier segment of its table left: that content is an input.
        tables = set(draft.refs)
        requires = {i for i in waits_for if tables & set(history.drafts[i].refs)}
    unmade = (history.waits[i].unmade for i in draft.steps)
    return Segment(
        index=index,
        name=".".join(outputs[0].parts) if outputs else history.steps[draft.steps[0]].name,
        steps=tuple(draft.steps),
        outputs=outputs,
        upstream=frozenset(upstream | requires),
        waits_for=frozenset(waits_for),
        inputs=frozenset().union(*unmade) - frozenset(draft.refs),
        rerunnable=rerunnable,
        requires=frozenset(requires),
    )


def _rerunnable(effects: Sequence[Effects], refs: tuple[ObjectRef, ...]) -> bool:
    """Whether the statements leave the same data when they run again."""
    if any(item.barrier for item in effects):
        return False
    for ref in refs:
        modes = [write.mode for item in effects for write in item.writes if write.ref == ref]
        fresh = modes[0] in {Mode.CREATE, Mode.REPLACE, Mode.OVERWRITE, Mode.TRUNCATE, Mode.DROP}
        if not fresh and set(modes) != {Mode.ENSURE}:
            return False
        if any(ref in item.reads for item in effects[:1]):
            return False
    return True
