"""The columns that the tables have which a standard SQL statement writes.

One function for each kind of statement that changes columns or where they come from.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlglot import exp

from sqlflow_dagster.graph.column_lineage import QUERIES, Resolver, Tables
from sqlflow_dagster.graph.column_scopes import Scope, Source
from sqlflow_dagster.graph.columns import ANY, NOTHING, Column, Relation, merged, united
from sqlflow_dagster.graph.objects import Names, ObjectKind, ObjectRef
from sqlflow_dagster.graph.output_names import Naming, engine_name
from sqlflow_dagster.graph.tables import created_ref, table_ref, target_table

Written = Mapping[ObjectRef, Relation | None]
"""The columns of what a statement writes; None for what it drops."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Context:
    """What the columns of a statement are found with."""

    names: Names
    tables: Tables
    resolver: Resolver

    def ref(self, node: exp.Expr | None) -> ObjectRef | None:
        table = target_table(node)  # type: ignore[arg-type]
        return None if table is None else table_ref(table, self.names)

    def query(self, tree: exp.Expr, root: exp.Expr) -> Relation:
        """The columns of a query that is part of a statement, whose WITH it may use."""
        clause = root.args.get("with_")
        if clause is not None and not tree.args.get("with_"):
            tree.set("with_", clause)
        return self.resolver.query(tree, {}, None)


def written_columns(
    tree: exp.Expr, names: Names, tables: Tables, *, naming: Naming = engine_name
) -> Written:
    """The columns of each table that a statement writes, as they are after it.

    Args:
        tree: The statement.
        names: How its names are resolved.
        tables: What is known of the columns of a table before it.
        naming: What a column is called that its SELECT gives no name.

    Returns:
        An entry for each table whose columns, or where they come from, are changed in a way that the
        statement tells.
    """
    rule = _RULES.get(type(tree))
    if rule is None and isinstance(tree, exp.Query):
        rule = _select_into
    if rule is None:
        return {}
    resolver = Resolver(names=names, tables=tables, naming=naming)
    return rule(tree, _Context(names=names, tables=tables, resolver=resolver))


def _select_into(tree: exp.Expr, context: _Context) -> Written:
    into = tree.args.get("into")
    ref = context.ref(into.this) if into is not None else None
    return {} if ref is None else {ref: context.query(tree, tree)}


def _create(tree: exp.Expr, context: _Context) -> Written:
    ref = created_ref(tree, context.names)
    if ref is None:
        return {}
    listed = tree.this.expressions if isinstance(tree.this, exp.Schema) else []
    query = tree.args.get("expression")
    if isinstance(query, QUERIES):
        found = context.query(query, tree)
        return {ref: found.renamed([item.name for item in listed])}
    clone = tree.args.get("clone")
    source = context.ref(clone.this) if clone is not None else None
    if source is not None:
        return {ref: context.tables(source)}
    columns = tuple(_defined(listed, tree, context))
    return {ref: Relation(columns)} if columns else {}


def _defined(listed: Iterable[exp.Expr], tree: exp.Expr, context: _Context) -> Iterator[Column]:
    """The columns that a CREATE TABLE lists, those of LIKE and PARTITIONED BY included; all are empty."""
    properties = tree.args.get("properties")
    for item in (*listed, *(properties.expressions if properties is not None else ())):
        if isinstance(item, exp.ColumnDef):
            yield Column(item.name)
        elif isinstance(item, exp.LikeProperty):
            source = context.ref(item.this)
            known = context.tables(source).columns if source is not None else ()
            yield from (Column(column.name, certain=column.name != ANY) for column in known)
        elif isinstance(item, exp.PartitionedByProperty) and isinstance(item.this, exp.Schema):
            yield from (
                Column(column.name)
                for column in item.this.expressions
                if isinstance(column, exp.ColumnDef)
            )


def _insert(tree: exp.Expr, context: _Context) -> Written:
    ref = context.ref(tree.this)
    if ref is None:
        return {}
    old = context.tables(ref)
    query = tree.args.get("expression")
    found = NOTHING
    if isinstance(query, QUERIES):
        rows = context.query(query, tree)
        wanted = None if tree.args.get("by_name") else _insert_columns(tree, old)
        found = rows if wanted is None else rows.renamed(wanted)
    found = united(found, _on_conflict(tree, old, found, context))
    return {ref: united(_kept(tree, old), found)}


def _kept(tree: exp.Expr, old: Relation) -> Relation:
    """What an INSERT leaves in the table: OVERWRITE leaves the columns without their values."""
    table = target_table(tree.this)
    if not tree.args.get("overwrite") or (table is not None and table.args.get("partition")):
        return old
    return _emptied(old)


def _emptied(relation: Relation) -> Relation:
    """The columns of a table without its rows."""
    return Relation(Column(column.name) for column in relation.columns)


def _insert_columns(tree: exp.Expr, old: Relation) -> Sequence[str] | None:
    """The columns that the rows of an INSERT are for, in order; None where they are not known."""
    table = target_table(tree.this)
    listed = [item.name for item in tree.this.expressions if isinstance(tree.this, exp.Schema)]
    listed = listed or [item.name for item in tree.args.get("columns") or []]
    partition = table.args.get("partition") if table is not None else None
    parts = partition.expressions if partition is not None else []
    fixed = [item.this.name for item in parts if isinstance(item, exp.EQ)]
    dynamic = [item.name for item in parts if not isinstance(item, exp.EQ)]
    if listed:
        return [*listed, *(name for name in dynamic if name not in listed)]
    left = old.without([*fixed, *dynamic]).names()
    return None if left is None else [*left, *dynamic]


def _on_conflict(tree: exp.Expr, old: Relation, new: Relation, context: _Context) -> Relation:
    """What INSERT … ON CONFLICT DO UPDATE and ON DUPLICATE KEY UPDATE set."""
    conflict = tree.args.get("conflict")
    if conflict is None:
        return NOTHING
    table = target_table(tree.this)
    name = table.alias_or_name.lower() if table is not None else ""
    scope = Scope(sources=[Source(name, old), Source("excluded", new, shown=False)])
    return Relation(_assigned(conflict.expressions, scope, context))


def _assigned(items: Iterable[exp.Expr], scope: Scope, context: _Context) -> Iterator[Column]:
    """The columns that ``column = expression`` items set."""
    for item in items:
        if not isinstance(item, exp.EQ):
            continue
        if isinstance(item.this, exp.Tuple | exp.Paren):
            targets = item.this.expressions or [item.this.this]
            values = _tuple_values(item.expression, len(targets), scope, context)
            yield from (v.named(t.name) for t, v in zip(targets, values, strict=False))
        else:
            yield context.resolver.value(item.this.name, item.expression, scope, {})


def _tuple_values(tree: exp.Expr, width: int, scope: Scope, context: _Context) -> Sequence[Column]:
    if isinstance(tree, exp.Tuple):
        return [context.resolver.value("", item, scope, {}) for item in tree.expressions]
    if isinstance(tree, exp.Query):
        return context.resolver.query(tree, {}, scope).columns
    return [context.resolver.value("", tree, scope, {})] * width


def _updated(old: Relation, new: Iterable[Column]) -> Relation:
    """A relation some of whose rows got other values in these columns."""
    return united(old, united(NOTHING, Relation(new)))


def _update(tree: exp.Expr, context: _Context) -> Written:
    scope = Scope()
    ctes = context.resolver.common_tables(tree)
    context.resolver.add(tree.this, scope, ctes)
    source = tree.args.get("from_")
    if source is not None:
        context.resolver.add(source.this, scope, ctes)
    targets = {table.alias_or_name.lower(): table for table in tree.this.find_all(exp.Table)}
    first = target_table(tree.this)
    found: dict[ObjectRef, Relation] = {}
    for item in tree.expressions:
        qualifier = item.this.table.lower() if isinstance(item.this, exp.Column) else ""
        ref = context.ref(targets.get(qualifier, first))
        if ref is not None:
            old = found[ref] if ref in found else context.tables(ref)
            found[ref] = _updated(old, _assigned([item], scope, context))
    return found


def _merge(tree: exp.Expr, context: _Context) -> Written:
    ref = context.ref(tree.this)
    if ref is None:
        return {}
    found = old = context.tables(ref)
    ctes = context.resolver.common_tables(tree)
    scope = Scope()
    context.resolver.add(tree.this, scope, ctes)
    context.resolver.add(tree.args["using"], scope, ctes)
    given = scope.sources[-1].relation
    inserted = Scope(sources=scope.sources[1:])
    for when in tree.args["whens"].expressions:
        match when.args.get("then"):
            case exp.Update(expressions=[exp.Star(), *_]) | exp.Insert(this=exp.Star()):
                found = _updated(found, _of_same_name(given, old))
            case exp.Update(expressions=items):
                found = _updated(found, _assigned(items, scope, context))
            case exp.Insert() as action:
                found = _updated(found, _merged_rows(action, old, inserted, context))
            case _:
                pass
    return {ref: found}


def _of_same_name(given: Relation, target: Relation) -> Iterator[Column]:
    for column in given.columns:
        if target.open or target.known(column.name) is not None:
            yield column


def _merged_rows(
    action: exp.Insert, old: Relation, scope: Scope, context: _Context
) -> Iterator[Column]:
    """The columns of WHEN NOT MATCHED THEN INSERT (…) VALUES (…)."""
    values = action.args.get("expression")
    if values is None:
        yield from _of_same_name(scope.sources[0].relation, old)
        return
    listed = action.this.expressions if isinstance(action.this, exp.Tuple) else []
    names = [item.name for item in listed] or old.names() or ()
    items = values.expressions if isinstance(values, exp.Tuple) else [values]
    for name, item in zip(names, items, strict=False):
        yield context.resolver.value(name, item, scope, {})


def _drop(tree: exp.Expr, context: _Context) -> Written:
    if str(tree.args.get("kind")).upper() not in {"TABLE", "VIEW"}:
        return {}
    refs = map(context.ref, tree.args.get("tables") or [tree.this])
    return {ref: None for ref in refs if ref is not None}


def _truncate(tree: exp.Expr, context: _Context) -> Written:
    refs = [ref for table in tree.expressions if (ref := context.ref(table)) is not None]
    return {ref: _emptied(context.tables(ref)) for ref in refs}


def _alter(tree: exp.Expr, context: _Context) -> Written:
    ref = context.ref(tree.this)
    if ref is None:
        return {}
    found: dict[ObjectRef, Relation | None] = {}
    for action in tree.args.get("actions") or []:
        old = found.get(ref) or context.tables(ref)
        match action:
            case exp.Query():
                found[ref] = context.query(action, tree)
            case exp.AlterRename():
                other = context.ref(action.this)
                if other is not None:
                    found[ref], found[_beside(ref, other)] = None, old
            case exp.SwapTable():
                other = context.ref(action.this)
                if other is not None:
                    found[ref], found[other] = context.tables(other), old
            case _:
                found[ref] = _altered(old, action)
    return found


def _beside(old: ObjectRef, new: ObjectRef) -> ObjectRef:
    """A new name without a schema stays in the old one's."""
    return new if len(new.parts) > 1 else new.beside(old)._replace(kind=old.kind)


def _altered(old: Relation, action: exp.Expr) -> Relation:
    match action:
        case exp.ColumnDef():
            return Relation((*old.columns, Column(action.name)))
        case exp.Schema():
            return Relation((*old.columns, *(Column(item.name) for item in action.expressions)))
        case exp.Drop() if str(action.args.get("kind")).upper() == "COLUMN":
            return old.without(item.name for item in action.args.get("tables") or [action.this])
        case exp.RenameColumn():
            name, to = action.this.name.lower(), action.args["to"].name
            return Relation(c.named(to) if c.name.lower() == name else c for c in old.columns)
        case _:
            return old


def _multi_insert(tree: exp.Expr, context: _Context) -> Written:
    found: dict[ObjectRef, Relation | None] = {}
    source = tree.args.get("source")
    for insert in tree.expressions:
        query = insert.args.get("expression")
        if isinstance(query, exp.Select) and source is not None and not query.args.get("from_"):
            query.set("from_", exp.From(this=source.copy()))
        for ref, relation in _insert(insert, context).items():
            former = found.get(ref)
            found[ref] = united(former, relation) if former and relation else relation
    return found


def _copy(tree: exp.Expr, context: _Context) -> Written:
    """COPY of a file into a table, or of a table or a query into a file."""
    files = [_file(item) for item in tree.args.get("files") or []]
    if not tree.args.get("kind"):
        query = tree.this
        ref = context.ref(query)
        rows = context.tables(ref) if ref is not None else context.query(query, query)
        return {file: rows for file in files if file is not None}
    ref = context.ref(tree.this)
    if ref is None:
        return {}
    value = merged(
        ANY, (context.tables(f).column(ANY) for f in files if f is not None), certain=False
    )
    old = context.tables(ref)
    return {ref: united(old, Relation(value.named(column.name) for column in old.columns))}


def _file(node: exp.Expr) -> ObjectRef | None:
    table = target_table(node)  # type: ignore[arg-type]
    place = node if table is None else table.this
    named = isinstance(place, exp.Literal | exp.Var)
    return ObjectRef(ObjectKind.FILE, place.name) if named else None


_RULES: dict[type[exp.Expr], Callable[[Any, _Context], Written]] = {
    exp.Create: _create,
    exp.Insert: _insert,
    exp.Update: _update,
    exp.Merge: _merge,
    exp.Alter: _alter,
    exp.MultitableInserts: _multi_insert,
    exp.Copy: _copy,
    exp.Drop: _drop,
    exp.TruncateTable: _truncate,
}
