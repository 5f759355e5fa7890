"""The lineage of columns as text to read, as JSON, and as Mermaid to draw."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any

from sqlflow_dagster.graph.columns import Column, ColumnRef
from sqlflow_dagster.graph.formats import json_datasource, mermaid_text
from sqlflow_dagster.graph.objects import ObjectKind, ObjectRef
from sqlflow_dagster.graph.program_lineage import ProgramLineage, TracedObject

JSON_FORMAT = 1
"""The number of the layout that :func:`lineage_json` writes; it changes when a reader would break."""

_UNKNOWN = "* stands for columns whose names the program does not tell."
_UNCERTAIN = (
    "? marks what is not certain: it depends on columns whose names the program does not tell."
)


def lineage_text(lineage: ProgramLineage, column: ColumnRef | None = None) -> str:
    """The columns of everything that a program makes, each with what it is computed from.

    Args:
        lineage: Of a program.
        column: The one column to show, with all it comes from and all that come from it.
    """
    lines = list(_listing(lineage) if column is None else _trees(lineage, column))
    shown = "\n".join(lines)
    notes = [_UNKNOWN] if any(f"{left}*" in shown for left in " .") else []
    notes += [_UNCERTAIN] if any(line.endswith("?") for line in lines) else []
    return "\n".join([*lines, *([""] if notes else []), *notes]) + "\n"


def _listing(lineage: ProgramLineage) -> Iterator[str]:
    for number, item in enumerate(lineage.objects):
        if number:
            yield ""
        yield f"{item.ref.kind} {item.ref.called}"
        width = max((len(column.name) for column in item.columns), default=0)
        for column in item.columns:
            yield f"  {column.name:{width}}  {_sources(column)}".rstrip()


def _sources(column: Column) -> str:
    doubt = "" if column.certain else " ?"
    return ", ".join(_of_one_table(sorted(column.sources))) + doubt


def _of_one_table(sources: Sequence[ColumnRef]) -> Iterator[str]:
    for table, group in groupby(sources, key=lambda ref: ref.table):
        names = [ref.column for ref in group]
        yield f"{table}.{names[0]}" if len(names) == 1 else f"{table} ({', '.join(names)})"


def _trees(lineage: ProgramLineage, column: ColumnRef) -> Iterator[str]:
    def above(ref: ColumnRef) -> Sequence[ColumnRef]:
        found = lineage.column(ref)
        return sorted(found.sources) if found is not None else ()

    yield f"{column.table}.{column.column}{_doubt(lineage, column)}"
    yield from _branches(lineage, column, above, "", set())
    users = list(_branches(lineage, column, lineage.users, "", set()))
    if users:
        yield ""
        yield "used by"
        yield from users


def _branches(
    lineage: ProgramLineage,
    ref: ColumnRef,
    near: Callable[[ColumnRef], Sequence[ColumnRef]],
    indent: str,
    shown: set[ColumnRef],
) -> Iterator[str]:
    """The tree below a column; what was shown before is not unfolded again."""
    shown.add(ref)
    for number, item in enumerate(below := near(ref)):
        last = number == len(below) - 1
        more = " …" if item in shown and near(item) else ""
        yield f"{indent}{'└─' if last else '├─'} {item.table}.{item.column}{_doubt(lineage, item)}{more}"
        if item not in shown:
            yield from _branches(lineage, item, near, f"{indent}{'  ' if last else '│ '} ", shown)


def _doubt(lineage: ProgramLineage, ref: ColumnRef) -> str:
    found = lineage.column(ref)
    return "" if found is None or found.certain else " ?"


def lineage_json(lineage: ProgramLineage, column: ColumnRef | None = None) -> str:
    """The lineage as JSON.

    An object with these keys; within a number of ``format`` keys may be added, never changed or removed:

    * ``format``: the number of this layout.
    * ``objects``: what the program makes, in the order of the text. ``kind`` and ``name``, as in the graph;
      ``columns``, in order: ``name``, which is ``*`` for columns whose names are not known; ``sources``, the
      columns it is computed from, ``{kind, object, column}`` each; ``certain``, whether these are all and
      each of them is one.
    * ``column``: the column that was asked for, ``{kind, object, column}``; null without one. With one,
      ``objects`` holds only the columns that it comes from or that come from it.

    An object that is in another data source than the default one also has ``datasource``, its name.

    Args:
        lineage: Of a program.
        column: The one column to show.
    """
    data = {
        "format": JSON_FORMAT,
        "column": None if column is None else _json_ref(column),
        "objects": [
            {
                "kind": str(item.ref.kind),
                "name": item.ref.name,
                **json_datasource(item.ref),
                "columns": [
                    {
                        "name": one.name,
                        "sources": [_json_ref(source) for source in sorted(one.sources)],
                        "certain": one.certain,
                    }
                    for one in item.columns
                ],
            }
            for item in _shown(lineage, column)
        ],
    }
    return json.dumps(data, indent=2, ensure_ascii=False) + "\n"


def _json_ref(ref: ColumnRef) -> dict[str, Any]:
    return {
        "kind": str(ref.table.kind),
        "object": ref.table.name,
        **json_datasource(ref.table),
        "column": ref.column,
    }


def _shown(lineage: ProgramLineage, column: ColumnRef | None) -> Iterable[TracedObject]:
    """The objects with the columns that have to do with a column; all of them without one."""
    if column is None:
        return lineage.objects
    wanted: dict[ObjectRef, dict[str, Column]] = {}
    for ref in (*lineage.upstream(column), column, *lineage.downstream(column)):
        found = lineage.column(ref)
        if found is not None:
            wanted.setdefault(ref.table, {})[found.name.lower()] = found
    return [
        TracedObject(ref=item.ref, columns=tuple(wanted[item.ref].values()))
        for item in lineage.objects
        if item.ref in wanted
    ]


def lineage_mermaid(lineage: ProgramLineage, column: ColumnRef | None = None) -> str:
    """A Mermaid flowchart: a box for each table and model, with its columns in it.

    A dotted arrow is a source that is not certain.

    Args:
        lineage: Of a program.
        column: The one column to show, with all it comes from and all that come from it.
    """
    objects = _shown(lineage, column)
    boxes: dict[ObjectRef, dict[str, ColumnRef]] = {}
    arrows: list[tuple[ColumnRef, ColumnRef, bool]] = []
    for item in objects:
        for one in item.columns:
            target = ColumnRef(item.ref, one.name)
            for source in sorted(one.sources):
                boxes.setdefault(source.table, {}).setdefault(source.column.lower(), source)
                arrows.append((source, target, one.certain))
            boxes.setdefault(item.ref, {}).setdefault(one.name.lower(), target)
    keys: dict[tuple[ObjectRef, str], str] = {}
    lines = ["flowchart LR"]
    for number, (ref, columns) in enumerate(boxes.items()):
        kind = "" if ref.kind is ObjectKind.TABLE else f"{ref.kind} "
        lines.append(f'    subgraph t{number}["{mermaid_text(kind + ref.called)}"]')
        for folded, one_ref in columns.items():
            key = keys[ref, folded] = f"c{len(keys)}"
            lines.append(f'        {key}["{mermaid_text(one_ref.column)}"]')
        lines.append("    end")
    for source, target, certain in arrows:
        left = keys[source.table, source.column.lower()]
        right = keys[target.table, target.column.lower()]
        lines.append(f"    {left} {'-->' if certain else '-.->'} {right}")
    return "\n".join(lines) + "\n"
