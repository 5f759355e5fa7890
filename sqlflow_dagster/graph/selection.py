"""Choose steps of a program by the tables and models they make."""

from collections.abc import Iterable

from sqlflow_dagster.errors import CompileError, Diagnostic, did_you_mean
from sqlflow_dagster.graph.program import Program, Segment


def select_steps(program: Program, selectors: Iterable[str]) -> frozenset[int]:
    """The indexes of the steps that selectors name.

    A selector is a table, a model or a step by name. ``+name`` adds all that it is made from, ``name+`` all
    that is made from it. What cannot be run again without an earlier segment of its table brings that
    segment along.

    Raises:
        CompileError: A selector names nothing of the program.
    """
    chosen: set[int] = set()
    problems = []
    for selector in selectors:
        name = selector.strip("+")
        found = [segment for segment in program.segments if name in _names(segment, program)]
        if not found:
            known = [item for segment in program.segments for item in _names(segment, program)]
            message = f"nothing of the program is called {name!r}"
            hint = did_you_mean(name, known) or f"known: {', '.join(sorted(set(known)))}"
            problems.append(Diagnostic(message=message, hint=hint))
        for segment in found:
            chosen.add(segment.index)
            if selector.startswith("+"):
                chosen |= _before(segment.index, program)
            if selector.endswith("+"):
                chosen |= _after(segment.index, program)
    if problems:
        raise CompileError(problems)
    for index in tuple(chosen):
        chosen |= _required(index, program)
    return frozenset(step for index in chosen for step in program.segments[index].steps)


def _names(segment: Segment, program: Program) -> set[str]:
    outputs = {".".join(output.parts) for output in segment.outputs}
    return outputs | {program.steps[index].name for index in segment.steps}


def _before(index: int, program: Program) -> set[int]:
    found = set(program.segments[index].upstream)
    return found.union(*(_before(other, program) for other in found))


def _after(index: int, program: Program) -> set[int]:
    found = {index}
    # Segments stand after all that they wait for: one walk is enough.
    for segment in program.segments:
        if segment.upstream & found:
            found.add(segment.index)
    return found


def _required(index: int, program: Program) -> set[int]:
    found = set(program.segments[index].requires)
    return found.union(*(_required(other, program) for other in found))
