"""Choose steps of programs by the tables and models they make."""

from collections.abc import Collection, Iterable, Sequence

from sqlflow_dagster.codes import Code
from sqlflow_dagster.errors import CompileError, Diagnostic, did_you_mean
from sqlflow_dagster.graph.effects import Mode
from sqlflow_dagster.graph.generated_names import PREFIX
from sqlflow_dagster.graph.objects import ObjectRef
from sqlflow_dagster.graph.program import Program, Segment
from sqlflow_dagster.graph.reachability import reachable


def select_steps(program: Program, selectors: Iterable[str]) -> frozenset[int]:
    """The indexes of the steps that selectors name.

    A selector is a table, a model or a step by name. ``+name`` adds all that it is made from, ``name+`` all
    that is made from it. What cannot be run again without other versions of a table brings the segments
    that make them along.

    Raises:
        CompileError: A selector names nothing of the program.
    """
    return select_from([program], selectors)[0]


def select_from(programs: Sequence[Program], selectors: Iterable[str]) -> list[frozenset[int]]:
    """The indexes of the steps that selectors name, for each of several programs.

    ``+name`` and ``name+`` stay within the program that has the name.

    Raises:
        CompileError: A selector names nothing of any program.
    """
    chosen: list[set[int]] = [set() for _ in programs]
    problems = []
    for selector in selectors:
        found = [_selected(program, selector) for program in programs]
        if not any(found):
            problems.append(_unknown(selector.strip("+"), programs))
        for of_program, new in zip(chosen, found, strict=True):
            of_program.update(new)
    if problems:
        raise CompileError(problems)
    return [
        frozenset(step for index in indexes for step in program.segments[index].steps)
        for program, indexes in zip(programs, chosen, strict=True)
    ]


def _selected(program: Program, selector: str) -> set[int]:
    """The segments of a program that a selector names."""
    name = selector.strip("+")
    named = {item.index for item in program.segments if name in _names(item, program)}
    chosen = set(named)
    if selector.startswith("+"):
        chosen |= reachable(named, [item.upstream for item in program.segments])
    if selector.endswith("+"):
        chosen |= _after(named, program)
    chosen = chosen.union(*(program.segments[index].requires for index in chosen))
    return chosen | clean_ups(program, chosen)


def clean_ups(program: Program, chosen: Collection[int]) -> frozenset[int]:
    """The segments that drop the generated tables of those chosen.

    A chosen one makes its table where that is missing, so it has to be dropped again.
    """
    steps = [program.steps[step] for index in chosen for step in program.segments[index].steps]
    used = frozenset().union(*(step.reads | step.writes for step in steps))
    return frozenset(
        segment.index
        for segment in program.segments
        if not segment.outputs and _generated_and_dropped(segment, program) & used
    )


def _generated_and_dropped(segment: Segment, program: Program) -> frozenset[ObjectRef]:
    return frozenset(
        write.ref
        for index in segment.steps
        for write in program.steps[index].effects.writes
        if write.mode is Mode.DROP and write.ref.parts[-1].startswith(PREFIX)
    )


def _unknown(name: str, programs: Sequence[Program]) -> Diagnostic:
    known = {
        item
        for program in programs
        for segment in program.segments
        for item in _names(segment, program)
    }
    what = "the program" if len(programs) == 1 else "the programs"
    return Diagnostic(
        code=Code.UNKNOWN_SELECTOR,
        message=f"nothing of {what} is called {name!r}",
        hint=did_you_mean(name, known) or f"known: {', '.join(sorted(known))}",
    )


def _names(segment: Segment, program: Program) -> set[str]:
    outputs = {output.called for output in segment.outputs}
    return outputs | {program.steps[index].name for index in segment.steps}


def _after(start: set[int], program: Program) -> set[int]:
    found = set(start)
    # Segments stand after all that they wait for: one walk is enough.
    for segment in program.segments:
        if segment.upstream & found:
            found.add(segment.index)
    return found
