"""What a standard SQL statement reads and writes, from its syntax tree.

One function for each kind of statement. A kind that is not listed is a barrier: it keeps its place between
all other statements of the program.
"""

from collections.abc import Callable, Iterable
from typing import Any

from sqlglot import exp

from sqlflow_dagster.graph.effects import Effects, Mode, Write
from sqlflow_dagster.graph.objects import Names, ObjectKind, ObjectRef
from sqlflow_dagster.graph.tables import identifier_parts, read_refs, table_ref
from sqlflow_dagster.lang.standard import Rejection, parse_sql

_RELATIONS = frozenset({"TABLE", "VIEW", "MATERIALIZED VIEW"})
_SESSION_COMMANDS = frozenset({"LOAD", "ADD", "RESET"})
_TRANSACTIONS = frozenset({"BEGIN", "START"})
_DISPLAYS = frozenset({"EXPLAIN", "SHOW", "DESC", "CHECKPOINT", "VACUUM"})
_DML = (exp.Insert, exp.Update, exp.Delete, exp.Merge)


def sql_effects(tree: exp.Expression, names: Names) -> Effects:
    """What a statement reads and writes.

    Args:
        tree: Its syntax tree.
        names: How its names are resolved.
    """
    rule = _RULES.get(type(tree))
    if rule is not None:
        return rule(tree, names)
    if isinstance(tree, exp.Query):
        return _query(tree, names)
    return Effects(barrier=True)


def _target(node: exp.Expression | None) -> exp.Expression | None:
    """The Table node under a target such as ``t (a, b)``."""
    while isinstance(node, exp.Schema):
        node = node.this
    return node if isinstance(node, exp.Table) else None


def _written(
    nodes: Iterable[exp.Expression | None], mode: Mode, names: Names, *, view: bool = False
) -> tuple[Write, ...]:
    refs = [table_ref(node, names) for node in nodes if node is not None]
    return tuple(Write(ref=ref, mode=mode, view=view) for ref in refs if ref is not None)


def _effects(
    tree: exp.Expression,
    targets: list[exp.Expression | None],
    writes: tuple[Write, ...],
    names: Names,
    **flags: Any,
) -> Effects:
    nodes = [target for target in targets if target is not None]
    writes += _nested_writes(tree, names, nodes)
    return Effects(reads=read_refs(tree, names, targets=nodes), writes=writes, **flags)


def _nested_writes(
    tree: exp.Expression, names: Names, targets: list[exp.Expression]
) -> tuple[Write, ...]:
    """What the data-modifying common table expressions of a statement write (PostgreSQL)."""
    clause = tree.args.get("with_")
    if not isinstance(clause, exp.With):
        return ()
    writes: tuple[Write, ...] = ()
    for item in clause.expressions:
        if isinstance(item.this, _DML):
            inner = _target(item.this.this)
            if inner is not None:
                targets.append(inner)
            writes += sql_effects(item.this, names).writes
    return writes


def _query(tree: exp.Expression, names: Names) -> Effects:
    into = tree.args.get("into")
    target = _target(into.this) if into is not None else None
    return _effects(tree, [target], _written([target], Mode.CREATE, names), names)


def _create(tree: exp.Expression, names: Names) -> Effects:
    kind = str(tree.args.get("kind") or "").upper()
    mode = Mode.REPLACE if tree.args.get("replace") else Mode.CREATE
    mode = Mode.ENSURE if tree.args.get("exists") else mode
    if kind in {"SCHEMA", "DATABASE"}:
        name = names.folded(
            tree.this.args["db"].name if tree.this.args.get("db") else tree.this.name, quoted=False
        )
        return Effects(writes=(Write(ref=ObjectRef.of(ObjectKind.SCHEMA, [name]), mode=mode),))
    if kind == "INDEX":
        table = tree.this.args.get("table")
        return Effects(writes=_written([table], Mode.MODIFY, names))
    if kind not in _RELATIONS:
        return Effects(barrier=True)
    target = _target(tree.this)
    view = kind != "TABLE"
    properties = tree.args.get("properties")
    temporary = properties is not None and properties.find(exp.TemporaryProperty) is not None
    writes = _written([target], mode, names, view=view)
    return _effects(tree, [target], writes, names, temporary=temporary)


def _cache(tree: exp.Expression, names: Names) -> Effects:
    target = _target(tree.this)
    return _effects(tree, [target], _written([target], Mode.CREATE, names), names)


def _insert(tree: exp.Expression, names: Names) -> Effects:
    mode = Mode.OVERWRITE if tree.args.get("overwrite") else Mode.APPEND
    if isinstance(tree.this, exp.Directory):
        ref = ObjectRef(ObjectKind.FILE, tree.this.this.name)
        return _effects(tree, [], (Write(ref=ref, mode=mode),), names)
    target = _target(tree.this)
    return _effects(tree, [target], _written([target], mode, names), names)


def _multi_insert(tree: exp.Expression, names: Names) -> Effects:
    targets: list[exp.Expression | None] = []
    writes: tuple[Write, ...] = ()
    for insert in tree.expressions:
        target = _target(insert.this)
        mode = Mode.OVERWRITE if insert.args.get("overwrite") else Mode.APPEND
        targets.append(target)
        writes += _written([target], mode, names)
    return _effects(tree, targets, writes, names)


def _aliases(root: exp.Expression) -> dict[str, exp.Expression]:
    """The tables of an UPDATE or DELETE by the name that the statement calls them."""
    return {table.alias_or_name.lower(): table for table in root.find_all(exp.Table)}


def _update(tree: exp.Expression, names: Names) -> Effects:
    first = _target(tree.this)
    if first is None:
        return Effects(barrier=True)
    aliases = _aliases(tree.this)
    assigned = [
        aliases[item.this.table.lower()]
        for item in tree.expressions
        if isinstance(item, exp.EQ)
        and isinstance(item.this, exp.Column)
        and item.this.table.lower() in aliases
    ]
    targets = list({id(node): node for node in assigned or [first]}.values())
    # A joined table that is written is also read: its columns decide what the first one gets.
    return _effects(tree, [first], _written(targets, Mode.MODIFY, names), names)


def _delete(tree: exp.Expression, names: Names) -> Effects:
    first = _target(tree.this)
    listed = tree.args.get("tables") or []
    aliases = _aliases(tree.this) if first is not None else {}
    targets = [aliases.get(node.name.lower(), node) for node in listed] or [first]
    known: list[exp.Expression | None] = [*targets, *listed]
    return _effects(tree, known, _written(targets, Mode.MODIFY, names), names)


def _merge(tree: exp.Expression, names: Names) -> Effects:
    target = _target(tree.this)
    return _effects(tree, [target], _written([target], Mode.MODIFY, names), names)


def _truncate(tree: exp.Expression, names: Names) -> Effects:
    return Effects(writes=_written(tree.expressions, Mode.TRUNCATE, names))


def _drop(tree: exp.Expression, names: Names) -> Effects:
    kind = str(tree.args.get("kind") or "").upper()
    tables = [node for node in (tree.args.get("tables") or [tree.this]) if node is not None]
    if kind in {"SCHEMA", "DATABASE"}:
        refs = [
            ObjectRef.of(
                ObjectKind.SCHEMA, [names.folded(identifier_parts(node)[-1].name, quoted=False)]
            )
            for node in tables
        ]
        return Effects(writes=tuple(Write(ref=ref, mode=Mode.DROP) for ref in refs))
    if kind not in _RELATIONS:
        return Effects(barrier=True)
    return Effects(writes=_written(tables, Mode.DROP, names))


def _alter(tree: exp.Expression, names: Names) -> Effects:
    target = _target(tree.this)
    if target is None:
        return Effects(barrier=True)
    old = _written([target], Mode.MODIFY, names)
    for action in tree.args.get("actions") or []:
        if isinstance(action, exp.AlterRename):
            return _rename(target, action.this, names)
        if isinstance(action, exp.SwapTable):
            both = old + _written([action.this], Mode.MODIFY, names)
            return Effects(reads=frozenset(item.ref for item in both), writes=both)
    return _effects(tree, [target], old, names)


def _rename(old: exp.Expression, new: exp.Expression, names: Names) -> Effects:
    dropped = _written([old], Mode.DROP, names)
    created = _written([new], Mode.CREATE, names)
    schema = dropped[0].ref.parts[:-1]
    if created and len(created[0].ref.parts) == 1 and schema:
        ref = ObjectRef.of(ObjectKind.TABLE, [*schema, *created[0].ref.parts])
        created = (Write(ref=ref, mode=Mode.CREATE),)
    return Effects(reads=frozenset({dropped[0].ref}), writes=dropped + created)


def _copy(tree: exp.Expression, names: Names) -> Effects:
    files = [
        ObjectRef(ObjectKind.FILE, item.name)
        for item in tree.args.get("files") or []
        if isinstance(item, exp.Literal)
    ]
    if tree.args.get("kind"):
        target = _target(tree.this)
        return Effects(reads=frozenset(files), writes=_written([target], Mode.APPEND, names))
    writes = tuple(Write(ref=ref, mode=Mode.REPLACE) for ref in files)
    return Effects(reads=read_refs(tree, names), writes=writes)


def _load_data(tree: exp.Expression, names: Names) -> Effects:
    mode = Mode.OVERWRITE if tree.args.get("overwrite") else Mode.APPEND
    path = tree.args.get("inpath")
    reads = frozenset({ObjectRef(ObjectKind.FILE, path.name)}) if path else frozenset()
    return Effects(reads=reads, writes=_written([_target(tree.this)], mode, names))


def _comment(tree: exp.Expression, names: Names) -> Effects:
    return Effects(writes=_written([_target(tree.this)], Mode.MODIFY, names))


def _display(tree: exp.Expression, names: Names) -> Effects:
    return Effects(reads=read_refs(tree, names))


def _use(tree: exp.Expression, names: Names) -> Effects:
    parts = identifier_parts(tree.this) if tree.this is not None else []
    return Effects(session=True, schema=parts[-1].name if parts else None)


def _set(tree: exp.Expression, names: Names) -> Effects:
    for item in tree.expressions:
        pair = item.this
        if isinstance(pair, exp.EQ) and pair.this.name.lower() in {"schema", "search_path"}:
            first = pair.expression.name.split(",")[0].strip()
            return Effects(session=True, schema=first)
    return Effects(session=True)


def _session(tree: exp.Expression, names: Names) -> Effects:
    return Effects(session=True)


def _begin(tree: exp.Expression, names: Names) -> Effects:
    return Effects(transaction="begin")


def _end(tree: exp.Expression, names: Names) -> Effects:
    return Effects(transaction="end")


def _command(tree: exp.Expression, names: Names) -> Effects:
    """Statements that sqlglot keeps as a first word and a text."""
    word, rest = str(tree.this).upper(), tree.expression
    text = rest.name if isinstance(rest, exp.Expression) else str(rest or "")
    if word in _SESSION_COMMANDS:
        return Effects(session=True)
    if word in _TRANSACTIONS:
        return Effects(transaction="begin")
    if word == "REPLACE":
        return _parsed(f"INSERT {text}", names)
    if word == "RENAME":
        return _rename_table(text, names)
    if word in _DISPLAYS:
        inner = _parsed(text.removeprefix("ANALYZE ").strip(), names) if text.strip() else Effects()
        return Effects(reads=inner.reads)
    return Effects(barrier=True)


def _parsed(sql: str, names: Names) -> Effects:
    tree = parse_sql(sql, names.dialect)
    return Effects(barrier=True) if isinstance(tree, Rejection) else sql_effects(tree, names)


def _rename_table(text: str, names: Names) -> Effects:
    """MySQL's ``RENAME TABLE a TO b, c TO d``."""
    reads: set[ObjectRef] = set()
    writes: tuple[Write, ...] = ()
    for pair in text.strip().removeprefix("TABLE").split(","):
        old, _, new = pair.partition(" TO ")
        effects = _parsed(f"ALTER TABLE {old} RENAME TO {new}", names)
        if effects.barrier:
            return effects
        reads |= effects.reads
        writes += effects.writes
    return Effects(reads=frozenset(reads), writes=writes)


_RULES: dict[type[exp.Expression], Callable[[Any, Names], Effects]] = {
    exp.Create: _create,
    exp.Cache: _cache,
    exp.Insert: _insert,
    exp.MultitableInserts: _multi_insert,
    exp.Update: _update,
    exp.Delete: _delete,
    exp.Merge: _merge,
    exp.TruncateTable: _truncate,
    exp.Drop: _drop,
    exp.Alter: _alter,
    exp.Copy: _copy,
    exp.LoadData: _load_data,
    exp.Comment: _comment,
    exp.Describe: _display,
    exp.Summarize: _display,
    exp.Analyze: _display,
    exp.Pivot: _display,
    exp.Values: _query,
    exp.Pragma: _session,
    exp.Attach: _session,
    exp.Detach: _session,
    exp.Install: _session,
    exp.Use: _use,
    exp.Set: _set,
    exp.Transaction: _begin,
    exp.Commit: _end,
    exp.Rollback: _end,
    exp.Command: _command,
}
