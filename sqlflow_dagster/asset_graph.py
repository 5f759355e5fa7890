"""The asset specs of a set of programs, linked to each other: the graph before anything can run.

A program that does not fit in with the others (an asset key is taken, a circle through several files) is set
apart like one that does not compile: the others still load.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import dagster as dg

from sqlflow_dagster.errors import Diagnostic
from sqlflow_dagster.graph.objects import ObjectKind, ObjectRef
from sqlflow_dagster.graph.program import Program, Segment
from sqlflow_dagster.program_files import ProgramFile, errors_only
from sqlflow_dagster.translator import ExternalNode, SegmentNode, SqlflowTranslator, safe_name


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentSpecs:
    """A segment with the specs of its assets.

    Attributes:
        program: The program.
        segment: The segment.
        specs: One for each output, or one for a leaf; with their dependencies.
        requires: The keys that must be materialized in the same run.
        keys: The keys of what its statements read.
    """

    program: Program
    segment: Segment
    specs: tuple[dg.AssetSpec, ...]
    requires: frozenset[dg.AssetKey] = frozenset()
    keys: Mapping[ObjectRef, dg.AssetKey] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetGraph:
    """The assets of a set of programs.

    Attributes:
        segments: In the order of the programs.
        external: What the programs read and none of them makes.
        broken: A placeholder for each program that cannot be loaded.
    """

    segments: tuple[SegmentSpecs, ...]
    external: tuple[dg.AssetSpec, ...]
    broken: tuple[dg.AssetSpec, ...]

    @property
    def specs(self) -> list[dg.AssetSpec]:
        """All specs."""
        own = [spec for segment in self.segments for spec in segment.specs]
        return [*own, *self.external, *self.broken]


@dataclass(slots=True)
class _Links:
    """The keys of all segments, and who makes what."""

    translator: SqlflowTranslator
    engine: str
    specs: dict[tuple[str, int], tuple[dg.AssetSpec, ...]] = field(default_factory=dict)
    makers: dict[ObjectRef, tuple[str, dg.AssetKey]] = field(default_factory=dict)
    external: dict[ObjectRef, dg.AssetSpec] = field(default_factory=dict)


def asset_graph(
    files: Sequence[ProgramFile], *, engine: str, translator: SqlflowTranslator | None = None
) -> AssetGraph:
    """The specs of the assets of compiled programs.

    Args:
        files: The programs, in the order in which they own names.
        engine: The engine's name, which the page shows on tables.
        translator: How nodes become specs.
    """
    translator = translator or SqlflowTranslator()
    files = _with_own_names(files, engine, translator)
    while True:
        graph = _linked(files, engine, translator)
        in_circle = _last_in_circle(graph)
        if in_circle is None:
            return graph
        problem = Diagnostic(
            message="its tables and those of another program are made from each other in a circle",
            hint="move the statements of the circle into one program",
        )
        files = [_set_apart(f, problem) if f.program is in_circle else f for f in files]


def _set_apart(file: ProgramFile, problem: Diagnostic) -> ProgramFile:
    return replace(file, program=None, diagnostics=(*file.diagnostics, problem))


def _nodes(program: Program, segment: Segment, engine: str) -> list[SegmentNode]:
    outputs = segment.outputs or (None,)
    return [
        SegmentNode(program=program, segment=segment, output=output, engine=engine)
        for output in outputs
    ]


def _with_own_names(
    files: Sequence[ProgramFile], engine: str, translator: SqlflowTranslator
) -> list[ProgramFile]:
    """The files, those set apart whose group or asset keys an earlier one has."""
    groups: dict[str, str] = {}
    keys: dict[dg.AssetKey, str] = {}
    found = []
    for file in files:
        program = file.program
        if program is None:
            found.append(file)
            continue
        own = [
            translator.get_asset_spec(node).key
            for segment in program.segments
            for node in _nodes(program, segment, engine)
        ]
        clash = groups.get(translator.group_name(program)) or next(
            (keys[key] for key in own if key in keys), None
        )
        if clash is not None:
            message = f"its name or one of its asset keys is that of another program: {clash}"
            problem = Diagnostic(message=message, hint="rename the file or the table")
            found.append(_set_apart(file, problem))
            continue
        groups[translator.group_name(program)] = file.path
        keys.update(dict.fromkeys(own, file.path))
        found.append(file)
    return found


def _linked(files: Sequence[ProgramFile], engine: str, translator: SqlflowTranslator) -> AssetGraph:
    links = _Links(translator=translator, engine=engine)
    programs = [program for file in files if (program := file.program) is not None]
    for program in programs:
        for segment in program.segments:
            nodes = _nodes(program, segment, engine)
            specs = tuple(translator.get_asset_spec(node) for node in nodes)
            links.specs[program.name, segment.index] = specs
            for output, spec in zip(segment.outputs, specs, strict=False):
                if output.version == 0:
                    links.makers[output.ref] = (program.name, spec.key)
    segments = [
        _linked_segment(program, segment, links)
        for program in programs
        for segment in program.segments
    ]
    broken = [file for file in files if file.program is None]
    return AssetGraph(
        segments=tuple(segments),
        external=tuple(links.external.values()),
        broken=tuple(_placeholders(broken, translator)),
    )


def _linked_segment(program: Program, segment: Segment, links: _Links) -> SegmentSpecs:
    own = links.specs[program.name, segment.index]
    keys = {key for index in segment.waits_for for key in _keys(program, segment, index, links)}
    inputs = _input_keys(program, segment, links)
    keys |= set(inputs.values())
    deps = sorted(keys - {spec.key for spec in own})
    return SegmentSpecs(
        program=program,
        segment=segment,
        specs=tuple(spec.merge_attributes(deps=deps) for spec in own),
        requires=frozenset(
            spec.key for index in segment.requires for spec in links.specs[program.name, index]
        ),
        keys={**inputs, **_upstream_keys(program, segment, links)},
    )


def _upstream_keys(
    program: Program, segment: Segment, links: _Links
) -> dict[ObjectRef, dg.AssetKey]:
    """The keys of what other segments of the program make."""
    return {
        output.ref: spec.key
        for index in segment.upstream
        for output, spec in zip(
            program.segments[index].outputs, links.specs[program.name, index], strict=False
        )
    }


def _keys(program: Program, reader: Segment, index: int, links: _Links) -> Iterator[dg.AssetKey]:
    """The keys of what a segment reads of another one; all of them where it only must come later."""
    read = {ref for step in reader.steps for ref in program.steps[step].reads}
    specs = links.specs[program.name, index]
    outputs = program.segments[index].outputs
    chosen = [spec for output, spec in zip(outputs, specs, strict=False) if output.ref in read]
    for spec in chosen or specs:
        yield spec.key


def _input_keys(program: Program, segment: Segment, links: _Links) -> dict[ObjectRef, dg.AssetKey]:
    """The keys of what comes from other programs or from outside.

    What the program reads before it writes it itself has no key: the table's own asset comes later.
    """
    found: dict[ObjectRef, dg.AssetKey] = {}
    for ref in sorted(segment.inputs):
        maker, key = links.makers.get(ref, (None, None))
        if ref.kind is ObjectKind.SCHEMA or maker == program.name:
            continue
        if key is None:
            if ref not in links.external:
                node = ExternalNode(ref=ref, engine=links.engine)
                links.external[ref] = links.translator.get_asset_spec(node)
            key = links.external[ref].key
        found[ref] = key
    return found


def _last_in_circle(graph: AssetGraph) -> Program | None:
    """The last program of a circle of assets; None where there is no circle."""
    program_of: dict[dg.AssetKey, Program] = {}
    upstream: dict[dg.AssetKey, set[dg.AssetKey]] = {}
    for item in graph.segments:
        # The assets of one segment are made together: each waits for what any of them waits for.
        for spec in item.specs:
            program_of[spec.key] = item.program
            upstream[spec.key] = {dep.asset_key for dep in spec.deps}
    try:
        TopologicalSorter(upstream).prepare()
    except CycleError as error:
        circle = [program_of[key] for key in error.args[1]]
        order = [item.program for item in graph.segments]
        return max(circle, key=order.index)
    return None


def _placeholders(
    files: Sequence[ProgramFile], translator: SqlflowTranslator
) -> Iterator[dg.AssetSpec]:
    """An asset that nobody can materialize for each bad program: it shows what is wrong with it."""
    taken: dict[str, int] = {}
    for file in files:
        group = safe_name(Path(file.path).stem)
        taken[group] = taken.get(group, 0) + 1
        suffix = "" if taken[group] == 1 else f"_{taken[group]}"
        errors = "\n\n".join(item.render() for item in errors_only(file.diagnostics))
        yield dg.AssetSpec(
            key=dg.AssetKey([*translator.key_prefix, group, f"compile_error{suffix}"]),
            group_name=group,
            description=f"This program cannot be loaded.\n\n```text\n{errors}\n```",
            kinds={"sqlflow", "error"},
            metadata={"sqlflow/program": Path(file.path).stem, "sqlflow/path": file.path},
        )
