"""How segments, models and external tables of programs become Dagster assets.

:meth:`SqlflowTranslator.get_asset_spec` is the one method to override: keys, groups, owners, tags, automation.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg
from dagster._core.definitions.utils import is_valid_name
from dagster._utils.warnings import disable_dagster_warnings

from sqlflow_dagster.graph.objects import DEFAULT_DATASOURCE, ObjectKind, ObjectRef
from sqlflow_dagster.graph.program import Output, Program, Segment, Step
from sqlflow_dagster.lang.statements import (
    SqlStatement,
    TemporaryTableStatement,
    TrainStatement,
)
from sqlflow_dagster.registry import Group, Registry
from sqlflow_dagster.source import without_secrets

_UNSAFE = re.compile(r"[^A-Za-z0-9_]")
_LETTER = re.compile(r"[A-Za-z0-9]")
# Where the page has an icon under another name than our module's.
_KINDS = {"": "python", "sklearn": "scikitlearn", "torch": "pytorch"}
_trainers: Registry[object] = Registry(Group.TRAINERS, "estimator")


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentNode:
    """A segment of a program, as the translator sees it: one output of it, or the leaf itself.

    Attributes:
        program: The program.
        segment: The segment.
        output: The table or model; None for a statement that writes nothing.
        engine: The engine's name, such as ``duckdb``.
    """

    program: Program
    segment: Segment
    output: Output | None
    engine: str

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps of the segment."""
        return tuple(self.program.steps[index] for index in self.segment.steps)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalNode:
    """A table, model or file that programs read and none of them makes.

    Attributes:
        ref: The object.
        engine: The engine's name.
    """

    ref: ObjectRef
    engine: str


def safe_name(text: str) -> str:
    """A text as a name that Dagster allows: letters, digits and underscores.

    A text that had to be changed gets a short hash, so that ``a-b`` and ``a_b`` stay two names.
    """
    safe = _UNSAFE.sub("_", text)
    if safe == text:
        return safe
    return f"{safe}_{hashlib.sha256(text.encode()).hexdigest()[:6]}"


def program_group(name: str) -> str:
    """The group and the job of a program, by the program's name.

    It stays as readable as Dagster allows: no hash unless nothing else is left of the name. Dagster takes no
    Python keyword and no word of its own, such as ``import`` or ``config``: those get an underscore.
    """
    group = _UNSAFE.sub("_", name)
    if not _LETTER.search(group):
        return safe_name(name)
    return group if is_valid_name(group) else f"{group}_"


def op_name(program: Program, segment: Segment) -> str:
    """The op of a segment, which is also its step in a run: unique in a code location."""
    return f"{program_group(program.name)}__{program.steps[segment.steps[0]].name}"


class SqlflowTranslator:
    """Translates the nodes of programs to asset specs.

    Args:
        key_prefix: Put in front of every asset key: of tables, models and printing statements, of what
            programs only read, and of programs that cannot be loaded.
    """

    def __init__(self, *, key_prefix: Sequence[str] = ()) -> None:
        self.key_prefix = tuple(key_prefix)

    def get_asset_spec(self, node: SegmentNode | ExternalNode) -> dg.AssetSpec:
        """The spec of a node, without its dependencies: those are added from the lineage.

        Override this to change keys, groups, owners, tags or automation conditions: call ``super()`` and use
        ``spec.replace_attributes(…)``. A key that is changed here is changed everywhere.
        """
        if isinstance(node, ExternalNode):
            return self._external(node)
        with disable_dagster_warnings():
            return dg.AssetSpec(
                key=self._key(node),
                group_name=program_group(node.program.name),
                description=_description(node.steps),
                kinds=_kinds(node),
                code_version=code_version(node.steps),
                metadata=_metadata(node),
            )

    def _key(self, node: SegmentNode) -> dg.AssetKey:
        if node.output is None:
            parts: tuple[str, ...] = (program_group(node.program.name), node.segment.name)
        else:
            parts = _in_datasource(node.output.ref, node.output.parts)
            if node.output.ref.kind is ObjectKind.MODEL:
                parts = ("model", *parts)
        return dg.AssetKey([*self.key_prefix, *map(safe_name, parts)])

    def _external(self, node: ExternalNode) -> dg.AssetSpec:
        ref = node.ref
        parts = _in_datasource(ref, ref.parts)
        if ref.kind is not ObjectKind.TABLE:
            parts = (str(ref.kind), *parts)
        metadata = {"dagster/table_name": table_name(ref)} if ref.kind is ObjectKind.TABLE else {}
        return dg.AssetSpec(
            key=dg.AssetKey([*self.key_prefix, *map(safe_name, parts)]),
            description=f"{ref} is read by programs and made by none of them.",
            kinds={node.engine, str(ref.kind)},
            metadata=metadata,
        )


def _in_datasource(ref: ObjectRef, parts: tuple[str, ...]) -> tuple[str, ...]:
    """The parts of a key: first the data source, unless that is the default one."""
    return parts if ref.datasource == DEFAULT_DATASOURCE else (ref.datasource, *parts)


def table_name(ref: ObjectRef) -> str:
    """The table by which other libraries may know it: no other data source has one of that name."""
    return ".".join(_in_datasource(ref, (ref.name,)))


def code_version(steps: Sequence[Step]) -> str:
    """Changes when what the statements compute changes, as far as their text tells."""
    if len(steps) == 1:
        return steps[0].code_version
    return hashlib.sha256("".join(step.code_version for step in steps).encode()).hexdigest()[:16]


def statement_text(step: Step) -> str:
    """The SQL of a step as a reader knows it, without secrets."""
    statement = step.statement
    if isinstance(statement, TemporaryTableStatement):
        made = f"CREATE TABLE {statement.table} AS\n{statement.query.sql}"
        return without_secrets(";\n".join([*(item.sql for item in statement.setup), made]))
    if statement.span is None:
        return statement.sql if isinstance(statement, SqlStatement) else ""
    return without_secrets(statement.span.text)


def fenced(text: str, language: str) -> str:
    """A text as a block of Markdown; the fence is longer than any in the text."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"


def _description(steps: Sequence[Step]) -> str:
    return "\n\n".join(fenced(statement_text(step), "sql") for step in steps)


def _kinds(node: SegmentNode) -> set[str]:
    train = next((s.statement for s in node.steps if isinstance(s.statement, TrainStatement)), None)
    if train is not None:
        module = _trainers.module(train.estimator).rsplit(".", 1)[-1]
        return {"sqlflow", "model", _KINDS.get(module, module)}
    what = "table"
    if node.output is None:
        what = "query"
    elif any(
        w.view for step in node.steps for w in step.effects.writes if w.ref == node.output.ref
    ):
        what = "view"
    return {"sqlflow", node.engine, what}


def _metadata(node: SegmentNode) -> dict[str, Any]:
    metadata: dict[str, Any] = {"sqlflow/program": node.program.name}
    if node.output is not None:
        is_table = node.output.ref.kind is ObjectKind.TABLE
        name = table_name(node.output.ref)
        metadata["dagster/table_name" if is_table else "sqlflow/model"] = name
        if node.output.version:
            metadata["sqlflow/earlier_version"] = node.output.version
    references: list[dg.LocalFileCodeReference | dg.UrlCodeReference] = [
        dg.LocalFileCodeReference(
            file_path=node.program.source.path,
            line_number=step.statement.span.line,
            label=step.name,
        )
        for step in node.steps
        if node.program.source.path is not None and step.statement.span is not None
    ]
    if references:
        metadata["dagster/code_references"] = dg.CodeReferencesMetadataValue(
            code_references=references
        )
    return metadata
