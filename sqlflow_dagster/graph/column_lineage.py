"""Which columns of which tables a query's columns come from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlglot import exp
from sqlglot.lineage import to_node
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import build_scope
from sqlglot.schema import MappingSchema

from sqlflow_dagster.graph.objects import Names, ObjectRef
from sqlflow_dagster.graph.tables import is_cte, table_ref
from sqlflow_dagster.lang.dialects import lexis
from sqlflow_dagster.lang.standard import Rejection, parse_sql


@dataclass(frozen=True, slots=True, order=True)
class ColumnRef:
    """A column of a table.

    Attributes:
        table: The table.
        column: The column's name.
    """

    table: ObjectRef
    column: str


Lineage = Mapping[str, tuple[ColumnRef, ...]]
"""The columns that each output column is computed from, by output column, sorted."""


def query_lineage(
    sql: str, names: Names, schema: Mapping[ObjectRef, Sequence[str]]
) -> dict[str, tuple[ColumnRef, ...]]:
    """The columns that each output column of a query is computed from.

    Columns that only filter or join rows do not count.

    Args:
        sql: A SELECT, or a statement that writes one into a table.
        names: How its names are resolved.
        schema: The columns of the tables it reads.

    Returns:
        An entry for each output column, in order; none where there is no query.

    Raises:
        sqlglot.errors.SqlglotError: The query cannot be resolved with this schema.
    """
    tree = parse_sql(sql, names.dialect)
    if isinstance(tree, Rejection):
        return {}
    query = tree if isinstance(tree, exp.Query) else tree.args.get("expression")
    if not isinstance(query, exp.Query):
        return {}
    tables = _rename_tables(query, names)
    columns = {name: dict.fromkeys(schema.get(ref, ()), "unknown") for name, ref in tables.items()}
    dialect = lexis(names.dialect).sqlglot
    known = MappingSchema(
        {name: found for name, found in columns.items() if found}, dialect=dialect
    )
    qualified = qualify(
        query,
        dialect=dialect,
        schema=known,
        validate_qualify_columns=False,
        allow_partial_qualification=True,
        identify=False,
    )
    scope = build_scope(qualified)
    if scope is None or not isinstance(scope.expression, exp.Query):
        return {}
    found: dict[str, tuple[ColumnRef, ...]] = {}
    for index, column in enumerate(scope.expression.selects):
        node = to_node(index, scope, dialect, schema=known, trim_selects=False)
        sources = {
            ColumnRef(tables[leaf.expression.name], leaf.name.rsplit(".", 1)[-1].strip('"`'))
            for leaf in node.walk()
            if isinstance(leaf.expression, exp.Table) and leaf.expression.name in tables
        }
        found[str(column.alias_or_name)] = tuple(sorted(sources))
    return found


def _rename_tables(query: exp.Query, names: Names) -> dict[str, ObjectRef]:
    """Give each table of a query a short name of its own, in place; the tables by those names.

    Names of one part need no nesting of catalogs and schemas in sqlglot's schema, and no quoting.
    """
    short: dict[ObjectRef, str] = {}
    for table in list(query.find_all(exp.Table)):
        ref = None if is_cte(table, names) else table_ref(table, names)
        if ref is None or not isinstance(table.this, exp.Identifier):
            continue
        name = short.setdefault(ref, f"sqlflow_source_{len(short)}")
        if not table.alias:
            table.set("alias", exp.TableAlias(this=table.this.copy()))
        table.set("this", exp.to_identifier(name))
        table.set("db", None)
        table.set("catalog", None)
    return {name: ref for ref, name in short.items()}
