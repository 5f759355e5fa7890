"""What the statements that define tables read and write, from their syntax trees."""

from collections.abc import Callable, Sequence
from typing import Any

from sqlglot import exp

from sqlflow_dagster.graph.effects import Effects, Mode, Write
from sqlflow_dagster.graph.objects import Names, ObjectKind, ObjectRef
from sqlflow_dagster.graph.tables import (
    created_ref,
    nodes_of,
    read_refs,
    table_ref,
    target_table,
    written,
)

_RELATIONS = frozenset({"TABLE", "VIEW", "MATERIALIZED VIEW"})
_SCHEMAS = frozenset({"SCHEMA", "DATABASE"})


def _kind(tree: exp.Expression) -> str:
    return str(tree.args.get("kind") or "").upper()


def _schemas(tables: Sequence[exp.Expression], mode: Mode, names: Names) -> Effects:
    """CREATE or DROP SCHEMA, whose names stand in Table nodes; nobody knows what a variable names."""
    parts = [table.args.get("this") or table.args.get("db") for table in tables]
    known = [part for part in parts if isinstance(part, exp.Identifier)]
    refs = (names.schema_ref(part.name, quoted=bool(part.quoted)) for part in known)
    return Effects(
        writes=tuple(Write(ref=ref, mode=mode) for ref in refs), barrier=len(known) < len(parts)
    )


def _create(tree: exp.Expression, names: Names) -> Effects:
    kind = _kind(tree)
    mode = Mode.REPLACE if tree.args.get("replace") else Mode.CREATE
    mode = Mode.ENSURE if tree.args.get("exists") else mode
    if kind in _SCHEMAS:
        return _schemas([tree.this], mode, names)
    if kind == "INDEX":
        return Effects(writes=written([tree.this.args.get("table")], Mode.MODIFY, names))
    if kind not in _RELATIONS:
        return Effects(barrier=True)
    target = target_table(tree.this)
    properties = tree.args.get("properties")
    marks = {type(item) for item in properties.expressions} if properties is not None else set()
    # What a materialized view shows is what it read when it was last refreshed.
    view = kind == "VIEW" and exp.MaterializedProperty not in marks
    reads, references = _defining_effects(tree, target, names)
    made = created_ref(tree, names)
    return Effects(
        reads=reads | _file_of_view(tree, properties),
        writes=() if made is None else (Write(ref=made, mode=mode, view=view),),
        temporary=made is not None and made.kind is ObjectKind.TEMPORARY,
        references=references,
    )


def _referenced_tables(tree: exp.Expression) -> list[exp.Expression]:
    """The Table nodes that foreign keys point to; only a list of columns or an ALTER has any."""
    places = [tree.this] if isinstance(tree.this, exp.Schema) else tree.args.get("actions") or []
    found = (
        target_table(node.this) for place in places for node in nodes_of(place, {exp.Reference})
    )
    return [table for table in found if table is not None]


def _dropped_parts(tree: exp.Expression) -> list[exp.Expression]:
    """The Table nodes under which an ALTER TABLE … DROP INDEX names the index."""
    drops = [item for item in tree.args.get("actions") or [] if isinstance(item, exp.Drop)]
    return [table for drop in drops for table in drop.find_all(exp.Table)]


def _defining_effects(
    tree: exp.Expression, target: exp.Expression | None, names: Names
) -> tuple[frozenset[ObjectRef], frozenset[ObjectRef]]:
    """What a definition takes rows or columns from, and what its foreign keys point to."""
    others = _referenced_tables(tree)
    targets = [*others, *_dropped_parts(tree)] + ([] if target is None else [target])
    reads = read_refs(tree, names, targets=targets)
    if not others:
        return reads, frozenset()
    found = {table_ref(table, names) for table in others}
    if target is not None:
        found.discard(table_ref(target, names))
    return reads, frozenset(ref for ref in found if ref is not None)


def _file_of_view(tree: exp.Expression, properties: exp.Expression | None) -> frozenset[ObjectRef]:
    """The file of Spark's ``CREATE VIEW v USING csv OPTIONS (path 'f')``."""
    if properties is None or tree.args.get("expression") is not None:
        return frozenset()
    return frozenset(
        ObjectRef(ObjectKind.FILE, item.args["value"].name)
        for options in properties.find_all(exp.OptionsProperty)
        for item in options.expressions
        if item.this.name.lower() == "path"
    )


def _cache(tree: exp.Expression, names: Names) -> Effects:
    target = target_table(tree.this)
    reads = read_refs(tree, names, targets=[] if target is None else [target])
    return Effects(reads=reads, writes=written([target], Mode.CREATE, names))


def _uncache(tree: exp.Expression, names: Names) -> Effects:
    return Effects(writes=written([tree.this], Mode.DROP, names))


def _truncate(tree: exp.Expression, names: Names) -> Effects:
    return Effects(writes=written(tree.expressions, Mode.TRUNCATE, names))


def _drop(tree: exp.Expression, names: Names) -> Effects:
    kind = _kind(tree)
    tables = [node for node in (tree.args.get("tables") or [tree.this]) if node is not None]
    if kind in _SCHEMAS:
        return _schemas(tables, Mode.DROP, names)
    place = tree.args.get("cluster")
    if kind == "INDEX" and isinstance(place, exp.OnProperty):
        return Effects(writes=written([place.this], Mode.MODIFY, names))
    if kind not in _RELATIONS:
        return Effects(barrier=True)
    return Effects(writes=written(tables, Mode.DROP, names))


def _alter(tree: exp.Expression, names: Names) -> Effects:
    if _kind(tree) == "SESSION":
        return Effects(session=True)
    target = target_table(tree.this)
    old = written([target], Mode.MODIFY, names)
    if target is None or not old or _kind(tree) not in _RELATIONS:
        return Effects(barrier=True)
    for action in tree.args.get("actions") or []:
        if isinstance(action, exp.Query):
            reads = read_refs(action, names)
            return Effects(reads=reads, writes=written([target], Mode.REPLACE, names, view=True))
        if isinstance(action, exp.AlterRename) and tree.args.get("options"):
            return Effects(writes=old)  # Flink's RENAME a TO b of a column.
        if isinstance(action, exp.AlterRename):
            return _renamed(old[0].ref, action.this, names, view=_kind(tree) == "VIEW")
        if isinstance(action, exp.SwapTable):
            other = written([target_table(action.this)], Mode.MODIFY, names)
            return exchanged(old + other) if other else Effects(barrier=True)
    reads, references = _defining_effects(tree, target, names)
    return Effects(reads=reads, writes=old, references=references)


def _renamed(old: ObjectRef, table: exp.Expression, names: Names, *, view: bool) -> Effects:
    """A table under another name; without a schema of its own it stays in the old one's."""
    writes = [Write(ref=old, mode=Mode.DROP)]
    made = written([table], Mode.CREATE, names.without_temporary())
    writes += (Write(ref=item.ref.beside(old), mode=Mode.CREATE, view=view) for item in made)
    return Effects(reads=frozenset({old}), writes=tuple(writes))


def exchanged(tables: tuple[Write, ...]) -> Effects:
    """Tables that swap their content."""
    return Effects(reads=frozenset(item.ref for item in tables), writes=tables)


def _undrop(tree: exp.Expression, names: Names) -> Effects:
    if _kind(tree) not in _RELATIONS:
        return Effects(barrier=True)
    return Effects(writes=written([tree.this], Mode.CREATE, names))


def _comment(tree: exp.Expression, names: Names) -> Effects:
    match _kind(tree):
        case "COLUMN":
            column = tree.this
            parts = [column.args.get(key) for key in ("catalog", "db", "table")]
            table = [part for part in parts if isinstance(part, exp.Identifier)]
            if not table:
                return Effects(barrier=True)
            ref = names.table([p.name for p in table], quoted=[bool(p.quoted) for p in table])
            return Effects(writes=(Write(ref=ref, mode=Mode.MODIFY),))
        case kind if kind in _RELATIONS:
            return Effects(writes=written([target_table(tree.this)], Mode.MODIFY, names))
        case _:
            return Effects(barrier=True)


DDL_RULES: dict[type[exp.Expression], Callable[[Any, Names], Effects]] = {
    exp.Alter: _alter,
    exp.Cache: _cache,
    exp.Comment: _comment,
    exp.Create: _create,
    exp.Drop: _drop,
    exp.TruncateTable: _truncate,
    exp.Uncache: _uncache,
    exp.Undrop: _undrop,
}
