"""A program's graph as text to read, as JSON, and as Mermaid or DOT to draw."""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, assert_never

from sqlflow_dagster.graph.objects import DEFAULT_DATASOURCE, ObjectKind, ObjectRef, in_datasource
from sqlflow_dagster.graph.program import Output, Program, Segment, Step
from sqlflow_dagster.graph.reachability import reachable
from sqlflow_dagster.lang.statements import (
    EvaluateStatement,
    ExplainStatement,
    OptimizeStatement,
    PredictStatement,
    RunStatement,
    ShowTrainStatement,
    SqlStatement,
    TemporaryTableStatement,
    TrainStatement,
    TransactionStatement,
)

JSON_FORMAT = 1
"""The number of the layout that :func:`to_json` writes; it changes when a reader would break."""


def step_label(step: Step) -> str:
    """What a step is to its reader: a verb and an object, such as ``TRAIN iris_xgb``."""
    match step.statement:
        case TrainStatement(into=into):
            return f"TRAIN {into}"
        case PredictStatement(into=into):
            return f"PREDICT {in_datasource(str(into), step.datasource)}"
        case EvaluateStatement(model=model):
            return f"EVALUATE {model}"
        case ExplainStatement(model=model):
            return f"EXPLAIN {model}"
        case RunStatement(image=image):
            return f"RUN {image}"
        case OptimizeStatement(sense=sense, into=into):
            return f"{sense} {in_datasource(str(into), step.datasource)}"
        case ShowTrainStatement(model=model):
            return f"SHOW TRAIN {model}"
        case TemporaryTableStatement(table=table):
            return f"COMPUTE {in_datasource(str(table), step.datasource)}"
        case TransactionStatement():
            return " ".join(["TRANSACTION", *_about(step)])
        case SqlStatement():
            # The name of a plain statement starts with its first word.
            return " ".join([step.name.split("_", 1)[0].upper(), *_about(step)])
        case _:
            assert_never(step.statement)


def _about(step: Step) -> list[str]:
    """The object that a plain statement is about, in a list; an empty one where it has none."""
    if step.effects.writes:
        return [step.effects.writes[0].ref.called]
    return [min(step.reads).called] if step.reads else []


def to_text(program: Program) -> str:
    """A list of the assets in an order in which they can be made, each with what it reads."""
    outside = sorted(program.inputs)
    lines = [f"{program.name}: {_count(len(program.segments), 'asset')}, {program.dialect}"]
    if outside:
        lines += ["", "made elsewhere", *(f"  {ref.kind} {ref.called}" for ref in outside)]
    for segment in program.segments:
        lines += ["", *_text_of(segment, program)]
    return "\n".join(lines) + "\n"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _text_of(segment: Segment, program: Program) -> Iterator[str]:
    steps = [program.steps[index] for index in segment.steps]
    yield f"{_title(segment)}  (line {_line(steps[0])})"
    yield from (f"  {step_label(step)}" for step in steps)
    made = [_title(program.segments[index]) for index in sorted(segment.upstream)]
    reads = [*made, *(f"{ref.kind} {ref.called}" for ref in sorted(segment.inputs))]
    if reads:
        yield f"  reads {', '.join(reads)}"
    after = [_title(program.segments[index]) for index in sorted(_order_only(segment, program))]
    if after:
        yield f"  after {', '.join(after)}"
    if not segment.rerunnable:
        yield "  adds to what is there: running it twice is not the same as running it once"


def _title(segment: Segment) -> str:
    names = [f"{output.ref.kind} {output.called}" for output in segment.outputs]
    return ", ".join(names) or f"statement {segment.name}"


def _output_name(output: Output) -> str:
    return ".".join(output.parts)


def _line(step: Step) -> int | None:
    return step.statement.span.line if step.statement.span else None


def _order_only(segment: Segment, program: Program) -> frozenset[int]:
    """What a segment only must come after, without what those that it waits for come after themselves."""
    edges = [item.waits_for for item in program.segments]
    implied = reachable(set().union(*(edges[index] for index in segment.waits_for)), edges)
    return segment.waits_for - segment.upstream - implied


def to_json(program: Program) -> str:
    """The whole graph as JSON.

    An object with these keys; within a number of ``format`` keys may be added, never changed or removed:

    * ``format``: the number of this layout.
    * ``program``, ``path``, ``dialect``: of the program; ``path`` is null for text that came from no file.
    * ``inputs``: the objects that the program reads and does not make first, ``{kind, name}`` each.
    * ``segments``: the assets. ``index``; ``name``; ``outputs`` (``{kind, name, object}``: ``name`` is
      ``t__v1`` for an earlier version of the object ``t``); ``steps``, ``upstream`` and ``waits_for``,
      lists of indexes; ``inputs``; ``rerunnable``; ``requires``, the indexes of the segments that a run
      of it must include; ``line`` of its first statement, from 1.
    * ``steps``: the statements. ``index``; ``name``; ``label``; ``line`` and ``column``, from 1; ``sql``;
      ``reads`` (``{kind, name}``); ``writes`` (``{kind, name, mode}``); ``waits_for``, a list of indexes;
      ``code_version``, which changes when the statement's meaning does.
    * ``warnings``: of the compile, ``{message, hint, line, column}`` each.

    An object that is in another data source than the default one also has ``datasource``, its name. Indexes count from 0 and are the places in the lists ``segments`` and ``steps``.
    """
    data = {
        "format": JSON_FORMAT,
        "program": program.name,
        "path": program.source.path,
        "dialect": program.dialect,
        "inputs": _objects(program.inputs),
        "segments": [_json_segment(segment, program) for segment in program.segments],
        "steps": [_json_step(step) for step in program.steps],
        "warnings": [
            {
                "message": item.message,
                "hint": item.hint,
                "line": item.span.line if item.span else None,
                "column": item.span.column if item.span else None,
            }
            for item in program.diagnostics
        ],
    }
    return json.dumps(data, indent=2, ensure_ascii=False) + "\n"


def _objects(refs: Iterable[ObjectRef]) -> list[dict[str, str]]:
    return [
        {"kind": str(ref.kind), "name": ref.name, **json_datasource(ref)} for ref in sorted(refs)
    ]


def json_datasource(ref: ObjectRef) -> dict[str, str]:
    """What the JSON of an object says of its data source: nothing where that is the default one."""
    return {} if ref.datasource == DEFAULT_DATASOURCE else {"datasource": ref.datasource}


def _json_segment(segment: Segment, program: Program) -> dict[str, Any]:
    return {
        "index": segment.index,
        "name": segment.name,
        "outputs": [
            {
                "kind": str(output.ref.kind),
                "name": _output_name(output),
                "object": output.ref.name,
                **json_datasource(output.ref),
            }
            for output in segment.outputs
        ],
        "steps": list(segment.steps),
        "upstream": sorted(segment.upstream),
        "waits_for": sorted(segment.waits_for),
        "inputs": _objects(segment.inputs),
        "rerunnable": segment.rerunnable,
        "requires": sorted(segment.requires),
        "line": _line(program.steps[segment.steps[0]]),
    }


def _json_step(step: Step) -> dict[str, Any]:
    span = step.statement.span
    return {
        "index": step.index,
        "name": step.name,
        "label": step_label(step),
        "line": span.line if span else None,
        "column": span.column if span else None,
        "sql": span.text if span else None,
        "reads": _objects(step.reads),
        "writes": [
            {
                "kind": str(write.ref.kind),
                "name": write.ref.name,
                "mode": str(write.mode),
                **json_datasource(write.ref),
            }
            for write in step.effects.writes
        ],
        "waits_for": sorted(step.waits_for),
        "code_version": step.code_version,
    }


def to_mermaid(program: Program) -> str:
    """A Mermaid flowchart: tables are cylinders, models hexagons, other statements rounded boxes.

    A dotted arrow is an order without data: the second must not overtake the first.
    """
    shapes = {ObjectKind.TABLE: ('[("', '")]'), ObjectKind.MODEL: ('{{"', '"}}')}
    lines = ["flowchart LR"]
    for key, name, kind in _nodes(program):
        left, right = shapes.get(kind, ('("', '")')) if kind else ('("', '")')
        lines.append(f"    {key}{left}{mermaid_text(name)}{right}")
    for source, target, ordered in _edges(program):
        lines.append(f"    {source} {'-.->' if ordered else '-->'} {target}")
    return "\n".join(lines) + "\n"


def mermaid_text(text: str) -> str:
    """A text as it stands between double quotes in Mermaid."""
    return re.sub(r"[^\w .,:()-]", lambda found: f"#{ord(found[0])};", text)


def to_dot(program: Program) -> str:
    """A Graphviz digraph: tables are cylinders, models hexagons, other statements rounded boxes.

    A dotted edge is an order without data: the second must not overtake the first.
    """
    shapes = {ObjectKind.TABLE: "cylinder", ObjectKind.MODEL: "hexagon"}
    lines = [f"digraph {_dot_text(program.name)} {{", "    rankdir=LR;"]
    for key, name, kind in _nodes(program):
        look = f"shape={shapes[kind]}" if kind in shapes else "shape=box, style=rounded"
        lines.append(f"    {key} [label={_dot_text(name)}, {look}];")
    for source, target, ordered in _edges(program):
        lines.append(f"    {source} -> {target}{' [style=dotted]' if ordered else ''};")
    return "\n".join([*lines, "}"]) + "\n"


def _dot_text(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _nodes(program: Program) -> Iterator[tuple[str, str, ObjectKind | None]]:
    """Key, name and kind of each node: first what is made elsewhere, then the segments."""
    for number, ref in enumerate(_outside(program)):
        yield f"i{number}", ref.called, ref.kind
    for segment in program.segments:
        names = [output.called for output in segment.outputs]
        kind = segment.outputs[0].ref.kind if segment.outputs else None
        yield f"s{segment.index}", ", ".join(names) or segment.name, kind


def _edges(program: Program) -> Iterator[tuple[str, str, bool]]:
    """Source, target and whether it is only an order."""
    keys = {ref: f"i{number}" for number, ref in enumerate(_outside(program))}
    for segment in program.segments:
        target = f"s{segment.index}"
        yield from ((keys[ref], target, False) for ref in sorted(segment.inputs & keys.keys()))
        yield from ((f"s{index}", target, False) for index in sorted(segment.upstream))
        yield from ((f"s{index}", target, True) for index in sorted(_order_only(segment, program)))


def _outside(program: Program) -> list[ObjectRef]:
    return sorted(program.inputs)
