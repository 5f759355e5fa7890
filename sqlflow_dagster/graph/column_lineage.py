"""Which columns of which tables a query's columns come from.

sqlglot has a lineage of its own. It costs several times the parse, has no answer for an unqualified column of
a correlated subquery whose tables are not known, and cannot say which part of an answer is a guess. This one
goes through the tree once.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

from sqlglot import exp

from sqlflow_dagster.graph.column_scopes import Scope, Source
from sqlflow_dagster.graph.columns import (
    ANY,
    NOTHING,
    Column,
    ColumnRef,
    Relation,
    merged,
    stacked,
    united,
)
from sqlflow_dagster.graph.objects import Names, ObjectRef
from sqlflow_dagster.graph.output_names import Naming, engine_name
from sqlflow_dagster.graph.pivots import pivoted
from sqlflow_dagster.graph.select_list import SelectList
from sqlflow_dagster.graph.tables import identifier_parts, read_refs, table_ref
from sqlflow_dagster.lang.standard import parse_sql

Tables: TypeAlias = Callable[[ObjectRef], Relation]
"""What is known of the columns of a table."""

QUERIES = (exp.Query, exp.Values, exp.Pivot)
"""The kinds of syntax trees that give rows."""

CommonTables: TypeAlias = Mapping[str, Relation]


def query_lineage(
    sql: str, names: Names, schema: Mapping[ObjectRef, Sequence[str]]
) -> dict[str, tuple[ColumnRef, ...]]:
    """The columns that each output column of a query is computed from.

    Columns that only filter or join rows do not count.

    Args:
        sql: A SELECT.
        names: How its names are resolved.
        schema: The columns of the tables it reads, as far as they are known.

    Returns:
        An entry for each output column, in order; none where there is no query.
    """
    tree = parse_sql(sql, names.dialect)
    if not isinstance(tree, QUERIES):
        return {}
    return query_columns(tree, names, lambda ref: Relation.of(ref, schema.get(ref))).lineage()


def query_columns(
    tree: exp.Expr,
    names: Names,
    tables: Tables,
    *,
    naming: Naming = engine_name,
    unknown: list[exp.Column] | None = None,
) -> Relation:
    """The output columns of a query.

    Args:
        tree: The query.
        names: How its names are resolved.
        tables: What is known of the tables it reads.
        naming: What a column is called that it gives no name.
        unknown: Gets the columns of its output and of its WHERE that none of its tables has.
    """
    resolver = Resolver(names=names, tables=tables, naming=naming, unknown=unknown)
    return resolver.query(tree, {}, None)


class Resolver:
    """Finds the columns of queries; knows the tables and how names are compared."""

    def __init__(
        self,
        *,
        names: Names,
        tables: Tables,
        naming: Naming = engine_name,
        unknown: list[exp.Column] | None = None,
    ) -> None:
        self._names = names
        self._tables = tables
        self._list = SelectList(dialect=names.dialect, naming=naming)
        self._unknown = unknown

    def query(self, tree: exp.Expr, ctes: CommonTables, outer: Scope | None) -> Relation:
        """The output columns of a query.

        Args:
            tree: The query.
            ctes: The common table expressions that it sees, by folded name.
            outer: The scope around it, if it may use columns of it.
        """
        clause = tree.args.get("with_")
        if isinstance(clause, exp.With):
            ctes = self._with(clause, ctes, outer)
        match tree:
            case exp.Select():
                return self._select(tree, ctes, outer)
            case exp.SetOperation():
                return self._set_operation(tree, ctes, outer)
            case exp.Values():
                return self._values(tree, ctes, outer)
            case exp.Subquery() | exp.Paren():
                return self.query(tree.this, ctes, outer)
            case exp.Insert() | exp.Update() | exp.Delete() | exp.Merge():
                return self._returning(tree, ctes)
            case _:
                # TABLE t, and DuckDB's PIVOT t.
                scope = Scope(outer=outer)
                self.add(tree, scope, ctes)
                return Relation(self._list.everything(scope))

    def common_tables(self, tree: exp.Expr) -> CommonTables:
        """The common table expressions of a statement that is no query."""
        clause = tree.args.get("with_")
        return self._with(clause, {}, None) if isinstance(clause, exp.With) else {}

    def _with(self, clause: exp.With, ctes: CommonTables, outer: Scope | None) -> CommonTables:
        visible = dict(ctes)
        for item in clause.expressions:
            alias = item.args["alias"]
            name = self._folded(alias.this)
            aliases = [column.name for column in alias.args.get("columns") or []]
            if clause.args.get("recursive") and isinstance(item.this, exp.SetOperation):
                visible[name] = self._recursive(item.this, name, aliases, visible, outer)
            else:
                visible[name] = self.query(item.this, visible, outer).renamed(aliases)
        return visible

    def _recursive(
        self,
        tree: exp.SetOperation,
        name: str,
        aliases: Sequence[str],
        ctes: CommonTables,
        outer: Scope | None,
    ) -> Relation:
        """A query that reads itself: its columns once another round adds no source."""
        found = self.query(tree.this, {**ctes, name: NOTHING}, outer).renamed(aliases)
        for _ in range(len(found.columns) + 1):
            again = self.query(tree, {**ctes, name: found}, outer).renamed(aliases)
            if again.columns == found.columns:
                break
            found = again
        return found

    def _set_operation(
        self, tree: exp.SetOperation, ctes: CommonTables, outer: Scope | None
    ) -> Relation:
        # UNION ALL of thousands of SELECTs is a tree as deep as they are many.
        operations: list[exp.SetOperation] = []
        first: exp.Expr = tree
        while isinstance(first, exp.SetOperation) and (
            first is tree or not first.args.get("with_")
        ):
            operations.append(first)
            first = first.this
        found = self.query(first, ctes, outer)
        for operation in reversed(operations):
            if isinstance(operation, exp.Except):
                continue  # What is taken away only filters.
            other = self.query(operation.expression, ctes, outer)
            found = (united if operation.args.get("by_name") else stacked)(found, other)
        return found

    def _values(self, tree: exp.Values, ctes: CommonTables, outer: Scope | None) -> Relation:
        scope = outer or Scope()
        rows = [
            row.expressions if isinstance(row, exp.Tuple) else [row] for row in tree.expressions
        ]
        width = len(rows[0]) if rows else 0
        return Relation(
            merged(
                self._list.naming(None, index, self._names.dialect),
                (self.value("", row[index], scope, ctes) for row in rows if index < len(row)),
            )
            for index in range(width)
        )

    def _returning(self, tree: exp.Expr, ctes: CommonTables) -> Relation:
        """The rows that a data-modifying common table expression gives back."""
        returning = tree.args.get("returning")
        if returning is None:
            return NOTHING
        scope = Scope()
        target = tree.this.this if isinstance(tree.this, exp.Schema) else tree.this
        self.add(target, scope, ctes)
        return Relation(self._outputs(returning.expressions, scope, ctes))

    def _select(self, tree: exp.Select, ctes: CommonTables, outer: Scope | None) -> Relation:
        scope = Scope(outer=outer)
        source = tree.args.get("from_")
        if source is not None:
            self.add(source.this, scope, ctes)
        self.add_joins(tree, scope, ctes)
        found = Relation(self._outputs(tree.expressions, scope, ctes))
        where = tree.args.get("where")
        if self._unknown is not None and where is not None:
            # Some engines let WHERE use the names that the SELECT gives.
            scope.aliases |= {c.alias.lower(): Column(c.alias) for c in tree.expressions if c.alias}
            self.value("", where, scope, ctes)
        return found

    def add_joins(self, tree: exp.Expr, scope: Scope, ctes: CommonTables) -> None:
        """Put what a query or a table is joined with into a scope."""
        for join in tree.args.get("joins") or []:
            self._add_join(join, scope, ctes)
        for lateral in tree.args.get("laterals") or []:
            self.add(lateral, scope, ctes)

    def _add_join(self, join: exp.Join, scope: Scope, ctes: CommonTables) -> None:
        shown = join.kind not in {"SEMI", "ANTI"} and join.side not in {"SEMI", "ANTI"}
        before = len(scope.sources)
        self.add(join.this, scope, ctes, shown=shown, pivots=join.args.get("pivots") or ())
        natural = str(join.args.get("method") or "").upper() == "NATURAL"
        using = [identifier.name for identifier in join.args.get("using") or []]
        scope.merge(scope.common(before) if natural else using, before)

    def add(
        self,
        item: exp.Expr,
        scope: Scope,
        ctes: CommonTables,
        *,
        shown: bool = True,
        pivots: Sequence[exp.Expr] = (),
    ) -> None:
        """Put an item of FROM into a scope, with what it is joined with."""
        alias = item.args.get("alias")
        inner = item.this if isinstance(item, exp.Subquery) and alias is None else None
        if isinstance(inner, exp.Table | exp.Subquery):
            self.add(inner, scope, ctes, shown=shown)  # (a JOIN b ON …)
        else:
            relation = self._relation(item, scope, ctes)
            for pivot in (*(item.args.get("pivots") or ()), *pivots):
                relation = self._pivoted(relation, pivot, ctes)
                alias = pivot.args.get("alias") or alias
            names: list[str] = []
            if isinstance(alias, exp.TableAlias):
                names = [column.name for column in alias.args.get("columns") or []]
            name = alias.name if alias is not None else item.name
            scope.sources.append(Source(name.lower(), relation.renamed(names), shown))
        self.add_joins(item, scope, ctes)

    def _relation(self, item: exp.Expr, scope: Scope, ctes: CommonTables) -> Relation:
        match item:
            case exp.Table():
                return self._table(item, scope, ctes)
            case exp.Lateral(this=exp.Subquery() as query):
                return self.query(query, ctes, scope)
            case exp.Pivot():
                inner = Scope(outer=scope)
                self.add(item.this, inner, ctes)
                return self._pivoted(Relation(self._list.everything(inner)), item, ctes)
            case exp.Query():
                return self.query(item, ctes, scope.outer)
            case _:
                return self._rows_of(item, scope, ctes)

    def _table(self, item: exp.Table, scope: Scope, ctes: CommonTables) -> Relation:
        parts = identifier_parts(item)
        if len(parts) == 1 and (found := ctes.get(self._folded(parts[0]))) is not None:
            return found
        if len(parts) > 1 and any(parts[0].name.lower() == item.name for item in scope.sources):
            # BigQuery's FROM t, t.items.
            column = exp.Column(this=parts[1].copy(), table=parts[0].copy())
            return self._rows_of(column, scope, ctes)
        if parts:
            ref = table_ref(item, self._names)
            return NOTHING if ref is None else self._tables(ref)
        files = read_refs(item, self._names)
        if files:
            return Relation([merged(ANY, (self._tables(file).column(ANY) for file in files))])
        return self._rows_of(item.this, scope, ctes)

    def _rows_of(self, item: exp.Expr, scope: Scope, ctes: CommonTables) -> Relation:
        """The columns of a table function: whatever they are called, they come from its arguments."""
        value = self.value(ANY, item, scope, ctes)
        alias = item.args.get("alias")
        columns = alias.args.get("columns") if isinstance(alias, exp.TableAlias) else None
        found = [value.named(column.name) for column in columns or []] or [value]
        offset = item.args.get("offset")
        if isinstance(offset, exp.Identifier):
            found.append(Column(offset.name))
        return Relation(found)

    def _pivoted(self, relation: Relation, pivot: exp.Expr, ctes: CommonTables) -> Relation:
        scope = Scope(sources=[Source("", relation)])
        return pivoted(relation, pivot, lambda item: self.value("", item, scope, ctes))

    def _outputs(
        self, items: Iterable[exp.Expr], scope: Scope, ctes: CommonTables
    ) -> Iterator[Column]:
        return self._list.columns(
            items, scope, lambda name, tree: self.value(name, tree, scope, ctes)
        )

    def value(self, name: str, tree: exp.Expr, scope: Scope, ctes: CommonTables) -> Column:
        """The column that an expression computes."""
        found: list[Column] = []
        pending: list[tuple[exp.Expr, frozenset[str]]] = [(tree, frozenset())]
        while pending:
            node, bound = pending.pop()
            if isinstance(node, exp.Column):
                if node.name.lower() not in bound and not isinstance(node.this, exp.Star):
                    found.append(self._column(node, scope))
                continue
            if isinstance(node, exp.Exists):
                continue  # It only says whether there are rows.
            if isinstance(node, exp.Query):
                found += self.query(node, ctes, scope).columns
                continue
            if isinstance(node, exp.Lambda):
                bound |= {item.name.lower() for item in node.expressions}
            pending += ((child, bound) for child in node.iter_expressions())
        if len(found) == 1:
            return found[0].named(name)
        return merged(name, found)

    def _column(self, node: exp.Column, scope: Scope) -> Column:
        parts = [node.args.get(key) for key in ("catalog", "db", "table", "this")]
        names = [part.name for part in parts if part is not None]
        column = scope.dotted(names)
        if column is None:
            if self._unknown is not None:
                self._unknown.append(node)
            return Column(names[-1])
        return column

    def _folded(self, identifier: exp.Expr) -> str:
        return self._names.folded(identifier.name, quoted=bool(identifier.args.get("quoted")))
