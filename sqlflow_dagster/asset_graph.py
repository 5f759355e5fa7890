"""The asset specs of a set of programs, linked to each other: the graph before anything can run.

A program that does not fit in with the others (an asset key is taken, a circle through several files) is set
apart like one that does not compile: the others still load.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import dagster as dg
from dagster._utils.warnings import disable_dagster_warnings

from sqlflow_dagster.codes import Code
from sqlflow_dagster.errors import Diagnostic
from sqlflow_dagster.graph.objects import DEFAULT_DATASOURCE, ObjectKind, ObjectRef
from sqlflow_dagster.graph.program import Program, Segment
from sqlflow_dagster.program_files import ProgramFile, errors_only, set_apart
from sqlflow_dagster.translator import (
    ExternalNode,
    SegmentNode,
    SqlflowTranslator,
    fenced,
    op_name,
    program_group,
)

TABLE_NAME = "dagster/table_name"


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentSpecs:
    """A segment with the specs of its assets.

    Attributes:
        program: The program.
        segment: The segment.
        specs: One for each output, or one for a leaf; with their dependencies.
        requires: The names of the ops that must be in the same run, with the keys of their assets.
        keys: The keys of what its statements read.
    """

    program: Program
    segment: Segment
    specs: tuple[dg.AssetSpec, ...]
    requires: Mapping[str, tuple[dg.AssetKey, ...]] = field(default_factory=dict)
    keys: Mapping[ObjectRef, dg.AssetKey] = field(default_factory=dict)

    @property
    def op_name(self) -> str:
        """The op that runs the segment."""
        return op_name(self.program, self.segment)


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetGraph:
    """The assets of a set of programs.

    Attributes:
        segments: In the order of the programs.
        external: What the programs read and none of them makes.
        broken: A placeholder for each program that cannot be loaded.
        errors: What is wrong with each of those.
    """

    segments: tuple[SegmentSpecs, ...]
    external: tuple[dg.AssetSpec, ...]
    broken: tuple[dg.AssetSpec, ...]
    errors: tuple[str, ...]

    @property
    def specs(self) -> list[dg.AssetSpec]:
        """All specs."""
        own = [spec for segment in self.segments for spec in segment.specs]
        return [*own, *self.external, *self.broken]


@dataclass(slots=True)
class _Links:
    """The keys of all segments, and who makes what."""

    translator: SqlflowTranslator
    engines: Mapping[str, str]
    specs: dict[tuple[str, int], tuple[dg.AssetSpec, ...]] = field(default_factory=dict)
    makers: dict[ObjectRef, tuple[str, dg.AssetKey]] = field(default_factory=dict)
    external: dict[ObjectRef, dg.AssetSpec] = field(default_factory=dict)


def asset_graph(
    files: Sequence[ProgramFile],
    *,
    engine: str,
    translator: SqlflowTranslator | None = None,
    declare_external: bool = True,
    others: Mapping[str, str] | None = None,
) -> AssetGraph:
    """The specs of the assets of compiled programs.

    Args:
        files: The programs, in the order in which they own names.
        engine: The engine's name, which the page shows on tables.
        translator: How nodes become specs.
        declare_external: Whether what no program makes gets specs of its own.
        others: The names of the engines of the data sources that statements may name, by their names.
    """
    translator = translator or SqlflowTranslator()
    engines = {**(others or {}), DEFAULT_DATASOURCE: engine}
    files = _with_own_names(files, engines, translator)
    while True:
        links, segments = _linked(files, engines, translator)
        found = _circle(segments)
        if found is None:
            made = {spec.key for item in segments for spec in item.specs}
            external = {spec.key: spec for spec in links.external.values() if spec.key not in made}
            broken = [file for file in files if file.program is None]
            return AssetGraph(
                segments=tuple(segments),
                external=tuple(external.values()) if declare_external else (),
                broken=tuple(_placeholders(broken, translator, {*made, *external})),
                errors=tuple(f"{file.path} cannot be loaded\n{_errors(file)}" for file in broken),
            )
        in_circle, problem = found
        files = [set_apart(f, problem) if f.program is in_circle else f for f in files]


def _nodes(program: Program, segment: Segment, engines: Mapping[str, str]) -> list[SegmentNode]:
    outputs = segment.outputs or (None,)
    engine = engines[program.steps[segment.steps[0]].datasource]
    return [
        SegmentNode(program=program, segment=segment, output=output, engine=engine)
        for output in outputs
    ]


def _with_own_names(
    files: Sequence[ProgramFile], engines: Mapping[str, str], translator: SqlflowTranslator
) -> list[ProgramFile]:
    """The files, those set apart whose group or one of whose asset keys something else has."""
    groups: dict[str, str] = {}
    owners: dict[dg.AssetKey, SegmentNode] = {}
    found = []
    for file in files:
        program = file.program
        if program is None:
            found.append(file)
            continue
        problems = []
        group = program_group(program.name)
        if group in groups:
            problems.append(_taken_group(group, groups[group], file.path))
        own: dict[dg.AssetKey, SegmentNode] = {}
        for segment in program.segments:
            for node in _nodes(program, segment, engines):
                key = translator.get_asset_spec(node).key
                other = owners.get(key) or own.setdefault(key, node)
                if other is not node:
                    problems.append(_taken_key(key, node, other))
        if problems:
            found.append(set_apart(file, *problems))
            continue
        groups[group] = file.path
        owners |= own
        found.append(file)
    return found


def _taken_group(group: str, owner: str, path: str) -> Diagnostic:
    return Diagnostic(
        code=Code.NAME_TAKEN,
        message=f"two programs would have the job and the group {group!r}: {owner} and {path}",
        hint="rename one of the files",
    )


def _taken_key(key: dg.AssetKey, node: SegmentNode, other: SegmentNode) -> Diagnostic:
    return Diagnostic(
        code=Code.NAME_TAKEN,
        message=f"{_what(node)} would have the asset key {key.to_user_string()!r} "
        f"of {_what(other)} at {other.steps[0].statement.span}",
        span=node.steps[0].statement.span,
        hint="rename one of the two, or give it another key in the translator",
    )


def _what(node: SegmentNode) -> str:
    if node.output is None:
        return f"statement {node.segment.name!r}"
    return f"{node.output.ref.kind} {node.output.called!r}"


def _linked(
    files: Sequence[ProgramFile], engines: Mapping[str, str], translator: SqlflowTranslator
) -> tuple[_Links, list[SegmentSpecs]]:
    links = _Links(translator=translator, engines=engines)
    programs = [program for file in files if (program := file.program) is not None]
    for program in programs:
        for segment in program.segments:
            nodes = _nodes(program, segment, engines)
            specs = tuple(translator.get_asset_spec(node) for node in nodes)
            links.specs[program.name, segment.index] = specs
            for output, spec in zip(segment.outputs, specs, strict=False):
                if output.version == 0:
                    links.makers[output.ref] = (program.name, spec.key)
    found = []
    for program in programs:
        found += [_linked_segment(program, segment, links) for segment in program.segments]
    return links, found


def _linked_segment(program: Program, segment: Segment, links: _Links) -> SegmentSpecs:
    own = links.specs[program.name, segment.index]
    inputs = _input_keys(program, segment, links)
    keys = {key for index in segment.waits_for for key in _keys(program, segment, index, links)}
    keys |= set(inputs.values())
    keys -= {spec.key for spec in own}
    deps = [_dep(key, links) for key in sorted(keys)]
    return SegmentSpecs(
        program=program,
        segment=segment,
        specs=tuple(_with_deps(spec, deps) for spec in own),
        requires={
            op_name(program, program.segments[index]): tuple(
                spec.key for spec in links.specs[program.name, index]
            )
            for index in sorted(segment.requires)
        },
        keys={**inputs, **_upstream_keys(program, segment, links)},
    )


def _dep(key: dg.AssetKey, links: _Links) -> dg.AssetDep:
    """A dependency; on an external table by its name too, which finds the asset of another library."""
    external = next((spec for spec in links.external.values() if spec.key == key), None)
    name = external.metadata.get(TABLE_NAME) if external is not None else None
    return dg.AssetDep(key, metadata={TABLE_NAME: name} if name is not None else None)


def _with_deps(spec: dg.AssetSpec, deps: Sequence[dg.AssetDep]) -> dg.AssetSpec:
    """The spec with further dependencies; a translator may have added one of them already."""
    known = {dep.asset_key for dep in spec.deps}
    with disable_dagster_warnings():
        return spec.merge_attributes(deps=[dep for dep in deps if dep.asset_key not in known])


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
                node = ExternalNode(ref=ref, engine=links.engines[ref.datasource])
                links.external[ref] = links.translator.get_asset_spec(node)
            key = links.external[ref].key
        found[ref] = key
    return found


def _circle(segments: Sequence[SegmentSpecs]) -> tuple[Program, Diagnostic] | None:
    """The last program of a circle of assets, and what is wrong with it; None without a circle."""
    program_of: dict[dg.AssetKey, Program] = {}
    upstream: dict[dg.AssetKey, set[dg.AssetKey]] = {}
    for item in segments:
        # The assets of one segment are made together: each waits for what any of them waits for.
        for spec in item.specs:
            program_of[spec.key] = item.program
            upstream[spec.key] = {dep.asset_key for dep in spec.deps}
    try:
        TopologicalSorter(upstream).prepare()
    except CycleError as error:
        circle: list[dg.AssetKey] = error.args[1]
        order = [item.program for item in segments]
        way = " -> ".join(f"{key.to_user_string()} ({program_of[key].name})" for key in circle)
        problem = Diagnostic(
            code=Code.CIRCLE,
            message=f"tables of several programs are made from each other in a circle: {way}",
            hint="move the statements of the circle into one program",
        )
        return max((program_of[key] for key in circle), key=order.index), problem
    return None


def _errors(file: ProgramFile) -> str:
    return "\n\n".join(item.render() for item in errors_only(file.diagnostics))


def _placeholders(
    files: Sequence[ProgramFile], translator: SqlflowTranslator, taken: set[dg.AssetKey]
) -> Iterator[dg.AssetSpec]:
    """An asset that nobody can materialize for each bad program: it shows what is wrong with it."""
    taken = set(taken)
    for file in files:
        group = program_group(Path(file.path).stem)
        number, name = 1, "compile_error"
        while (key := dg.AssetKey([*translator.key_prefix, group, name])) in taken:
            number += 1
            name = f"compile_error_{number}"
        taken.add(key)
        spans = (item.span for item in errors_only(file.diagnostics))
        line = next((span.line for span in spans if span is not None), 1)
        with disable_dagster_warnings():  # code references are in beta
            reference = dg.LocalFileCodeReference(file_path=file.path, line_number=line)
            yield dg.AssetSpec(
                key=key,
                group_name=group,
                description=f"This program cannot be loaded.\n\n{fenced(_errors(file), 'text')}",
                kinds={"sqlflow", "error"},
                metadata={
                    "sqlflow/program": Path(file.path).stem,
                    "sqlflow/path": file.path,
                    "dagster/code_references": dg.CodeReferencesMetadataValue(
                        code_references=[reference]
                    ),
                },
            )
