"""Columns that a statement uses and that none of its tables has.

A column is said to be unknown only where the columns of every table of the statement are known, wherever in the
statement the table stands, none of them has that name, and nothing else in the statement can give it. So
it does not matter which of the tables a subquery or a join sees.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlglot import exp

from sqlflow_dagster.codes import Code
from sqlflow_dagster.errors import Diagnostic, did_you_mean
from sqlflow_dagster.graph.created_columns import ColumnNames, target_columns
from sqlflow_dagster.graph.effects import Effects
from sqlflow_dagster.graph.objects import Names, ObjectRef
from sqlflow_dagster.graph.tables import identifier_parts, nodes_of, table_ref, target_table
from sqlflow_dagster.source import Span

CHECKED = (exp.Query, exp.Insert, exp.Update, exp.Delete, exp.Create)
"""The kinds of statements whose columns are looked at."""
ALWAYS_THERE = frozenset(
    {
        *("rowid", "_rowid_", "oid", "ctid", "xmin", "xmax", "cmin", "cmax", "tableoid"),
        *("rownum", "level", "filename", "file_row_number", "my_row_id", "input__file__name"),
        *("block__offset__inside__file", "row__id", "ora_rowscn", "object_value"),
        *("column_value", "connect_by_isleaf", "connect_by_iscycle", "user", "uid"),
        *("current_user", "session_user", "system_user", "current_role", "current_schema"),
        *("current_catalog", "current_database", "current_date", "current_time"),
        *("current_timestamp", "localtime", "localtimestamp", "sysdate", "systimestamp"),
        *("sessiontimezone", "dbtimezone", "utc_date", "utc_time", "utc_timestamp"),
        *("nextval", "currval", "proctime", "rowtime", "_metadata", "_partitiontime"),
        *("_partitiondate", "_table_suffix", "_file_name"),
    }
)
"""Columns that a table has without having been given them, and words that are no columns."""
_KEYWORDS = frozenset(
    {
        *("true", "false", "null", "unknown", "default", "value", "values", "excluded"),
        *("new", "old", "all", "maxvalue", "minvalue", "rank", "none", "both", "microsecond"),
        *("millisecond", "second", "minute", "hour", "day", "dayofweek", "dayofyear", "week"),
        *("isoweek", "month", "quarter", "year", "isoyear", "decade", "century"),
        *("millennium", "epoch", "dow", "doy", "isodow", "timezone", "julian", "nanosecond"),
        *("leading", "trailing", "signed", "unsigned"),
    }
)
"""Words that stand where a column can and mean something else."""
_SUPPLYING = frozenset(
    {
        *(exp.Lateral, exp.Unnest, exp.Explode, exp.ExplodeOuter, exp.Posexplode, exp.PosexplodeOuter),
        *(exp.Inline, exp.Pivot, exp.Values, exp.Lambda, exp.MatchRecognize, exp.JSONTable, exp.XMLTable),
        *(exp.OpenJSON, exp.Connect, exp.PropertyEQ, exp.Kwarg, exp.Comprehension, exp.Hint, exp.Into),
        *(exp.Columns, exp.Aliases, exp.Command, exp.QueryTransform, exp.Merge),
    }
)  # fmt: skip
"""Syntax that brings names of its own."""
_WANTED = _SUPPLYING | {exp.Alias, exp.Column, exp.Select, exp.Table, exp.TableAlias}
_AFTER_OUTPUT = (
    exp.Order,
    exp.Group,
    exp.Having,
    exp.Qualify,
    exp.Sort,
    exp.Cluster,
    exp.Distribute,
)
_NAMED = (exp.Alias, exp.Column, exp.Star)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Used:
    """What a statement names.

    Attributes:
        columns: The columns.
        given: The names, in lower case, that it gives to columns and tables itself.
        tables: The tables by what it calls them, in lower case.
        nameless: Whether a SELECT has an output column that the engine names.
    """

    columns: Sequence[exp.Column]
    given: frozenset[str]
    tables: Mapping[str, frozenset[ObjectRef]]
    nameless: bool


def unknown_columns(
    tree: exp.Expr,
    effects: Effects,
    names: Names,
    known: Mapping[ObjectRef, ColumnNames],
    span: Span,
) -> Sequence[Diagnostic]:
    """A diagnostic for each column that a statement uses and that is not there.

    Args:
        tree: The statement, of a kind in :data:`CHECKED`.
        effects: What it reads and writes.
        names: How its names are resolved.
        known: The columns of those of its tables whose columns are all known.
        span: Its text.
    """
    used = _used(tree, effects, names)
    found: list[tuple[exp.Identifier, Sequence[ObjectRef]]] = []
    if used is not None:
        seen = _seen(tree, effects)
        for column in used.columns:
            tables = _without(column, used, seen, known)
            text = column.this.args.get("quoted") and names.dialect == "sqlite"
            if tables and not text:  # SQLite takes a quoted name that no column has for a string.
                found.append((column.this, tables))
    target = effects.writes[0].ref if effects.writes else None
    if target in known:
        assert target is not None
        listed = [item for item in target_columns(tree) if not _known(item.name, known[target])]
        found += ((item, [target]) for item in listed)
    return [_diagnostic(item, tables, known, span) for item, tables in found]


def _seen(tree: exp.Expr, effects: Effects) -> frozenset[ObjectRef]:
    """The tables whose columns the expressions of a statement may use."""
    reads = effects.reads
    if isinstance(tree, exp.Insert) and not (
        tree.args.get("conflict") or tree.args.get("returning")
    ):
        return reads
    return reads if isinstance(tree, exp.Create) else reads.union(w.ref for w in effects.writes)


def _used(tree: exp.Expr, effects: Effects, names: Names) -> _Used | None:
    """What a statement names; None where it has syntax that brings names of its own."""
    nodes = nodes_of(tree, _WANTED)
    if any(type(node) in _SUPPLYING for node in nodes):
        return None
    selects = [node for node in nodes if isinstance(node, exp.Select)]
    nameless = [
        item for item in selects if not all(isinstance(e, _NAMED) for e in item.expressions)
    ]
    if any(_is_source(item) for item in nameless):
        return None
    tables = _tables(tree, nodes, effects, names)
    if tables is None:
        return None
    return _Used(
        columns=[node for node in nodes if isinstance(node, exp.Column)],
        given=frozenset(_given(nodes)).union(tables),
        tables=tables,
        nameless=bool(nameless),
    )


def _is_source(select: exp.Select) -> bool:
    """Whether others use the output columns of a SELECT."""
    node = select.parent
    while isinstance(node, exp.SetOperation | exp.Subquery | exp.Paren):
        if isinstance(node, exp.Subquery) and isinstance(node.parent, exp.From | exp.Join):
            return True
        node = node.parent
    return isinstance(node, exp.CTE)


def _tables(
    tree: exp.Expr, nodes: Iterable[exp.Expr], effects: Effects, names: Names
) -> dict[str, frozenset[ObjectRef]] | None:
    """The tables of a statement by what it calls them; None where it has rows of something else."""
    created = target_table(tree.this) if isinstance(tree, exp.Create) else None
    there = effects.reads.union(write.ref for write in effects.writes)
    found: dict[str, set[ObjectRef]] = defaultdict(set)
    for node in nodes:
        if not isinstance(node, exp.Table) or node is created:
            continue
        ref = table_ref(node, names) if identifier_parts(node) else None
        if ref not in there:
            if ref is None or len(ref.parts) > 1 or not _common(node):
                return None  # Such as a function, or BigQuery's FROM t, t.items.
            continue
        alias = node.args.get("alias")
        if alias is None or not alias.args.get("columns"):
            found[node.alias_or_name.lower()].add(ref)
    return {name: frozenset(refs) for name, refs in found.items()}


def _common(table: exp.Table) -> bool:
    """Whether a common table expression somewhere around a table has its name."""
    node: exp.Expr | None = table
    while node is not None:
        clause = node.args.get("with_")
        if isinstance(clause, exp.With) and any(
            item.alias.lower() == table.name.lower() for item in clause.expressions
        ):
            return True
        node = node.parent
    return False


def _given(nodes: Iterable[exp.Expr]) -> Iterator[str]:
    """The names that a statement gives to columns, and to tables that it makes itself."""
    for node in nodes:
        if isinstance(node, exp.Alias):
            yield node.alias.lower()
        elif isinstance(node, exp.TableAlias):
            if not isinstance(node.parent, exp.Table):
                yield node.name.lower()
            yield from (item.name.lower() for item in node.args.get("columns") or ())


def _without(
    column: exp.Column,
    used: _Used,
    seen: frozenset[ObjectRef],
    known: Mapping[ObjectRef, ColumnNames],
) -> Sequence[ObjectRef]:
    """The tables of which a column would have to be one and is not; none where it may be there."""
    name, qualifier = column.name.lower(), column.table.lower()
    if not isinstance(column.this, exp.Identifier) or column.args.get("db"):
        return ()
    if name in _KEYWORDS or name in ALWAYS_THERE or name.startswith("_") or "$" in name:
        return ()
    if qualifier:
        # Of a.b, a may be a column too and b a field of it.
        tables = used.tables.get(qualifier, frozenset())
        columns = frozenset().union(*known.values())
        if qualifier in columns or qualifier in used.given - used.tables.keys():
            return ()
    else:
        tables = seen
        if name in used.given or not _stands_for_a_column(column, used):
            return ()
    if not tables <= known.keys() or any(name in known[ref] for ref in tables):
        return ()
    return sorted(tables)


def _stands_for_a_column(column: exp.Column, used: _Used) -> bool:
    """Whether a bare name can mean nothing but a column of a table."""
    parent: exp.Expr | None = column.parent
    # Nobody knows whether an unknown function wants a value or a word.
    if isinstance(parent, exp.Anonymous | exp.Collate | exp.Interval):
        return False
    while parent is not None:
        if isinstance(parent, exp.Property | exp.Properties):
            return False
        # Here an output column can be meant by the name that the engine gives it.
        if used.nameless and isinstance(parent, _AFTER_OUTPUT):
            return False
        parent = parent.parent
    return True


def _known(name: str, columns: ColumnNames) -> bool:
    return name.lower() in columns or name.lower() in ALWAYS_THERE or name.startswith("_")


def _diagnostic(
    item: exp.Identifier,
    tables: Sequence[ObjectRef],
    known: Mapping[ObjectRef, ColumnNames],
    span: Span,
) -> Diagnostic:
    columns = [name for ref in tables for name in known[ref].values()]
    start, end = (item.meta.get(key) for key in ("start", "end"))
    if start is not None and end is not None:
        span = span.source.span(span.start + start, span.start + end + 1)
    listed = f": {', '.join(columns)}" if len(tables) == 1 else ""
    return Diagnostic(
        code=Code.UNKNOWN_COLUMN,
        message=f"column {item.name!r} is not among the columns of "
        f"{' and '.join(str(ref) for ref in tables)}{listed}",
        span=span,
        hint=did_you_mean(item.name, columns),
    )
