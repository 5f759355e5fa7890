"""The names of the columns of a table that a program makes, where its text leaves no doubt of them."""

from collections.abc import Iterator, Mapping

from sqlglot import exp

from sqlflow_dagster.graph.objects import Names, ObjectRef
from sqlflow_dagster.graph.tables import table_ref

ColumnNames = Mapping[str, str]
"""The columns of a table as they were written, by their names in lower case."""

_PLAIN_PROPERTIES = frozenset(
    {
        exp.CharacterSetProperty,
        exp.CollateProperty,
        exp.EngineProperty,
        exp.FileFormatProperty,
        exp.OnCommitProperty,
        exp.SchemaCommentProperty,
        exp.StrictProperty,
        exp.TemporaryProperty,
        exp.TransientProperty,
        exp.UnloggedProperty,
    }
)
"""What a CREATE TABLE may say that gives the table no columns."""
_CONSTRAINTS = (
    exp.CheckColumnConstraint,
    exp.Constraint,
    exp.ForeignKey,
    exp.PrimaryKey,
    exp.UniqueColumnConstraint,
)
_SELECT_PARTS_WITH_SOURCES = ("joins", "laterals", "pivots")


def created_columns(
    tree: exp.Expr, names: Names, tables: Mapping[ObjectRef, ColumnNames]
) -> ColumnNames | None:
    """The columns of the table that a statement makes; None where it does not tell them all.

    Args:
        tree: The statement.
        names: How its names are resolved.
        tables: The columns of the tables that it may read, as far as they are known.
    """
    if not isinstance(tree, exp.Create) or str(tree.args.get("kind")).upper() != "TABLE":
        return None
    properties = tree.args.get("properties")
    marks = properties.expressions if properties is not None else ()
    if not all(type(item) in _PLAIN_PROPERTIES for item in marks) or tree.args.get("clone"):
        return None
    listed = tree.this.expressions if isinstance(tree.this, exp.Schema) else []
    query = tree.args.get("expression")
    if query is None:
        found = _listed(listed)
    elif listed:
        return None  # Names for some of the columns, or in MySQL more of them.
    else:
        found = _selected(query, names, tables)
    if found is None or not found:
        return None
    folded = {name.lower(): name for name in found}
    return folded if len(folded) == len(found) else None


def _listed(items: list[exp.Expr]) -> list[str] | None:
    if not all(isinstance(item, (exp.ColumnDef, *_CONSTRAINTS)) for item in items):
        return None
    return [item.name for item in items if isinstance(item, exp.ColumnDef)]


def _selected(
    query: exp.Expr, names: Names, tables: Mapping[ObjectRef, ColumnNames]
) -> list[str] | None:
    while isinstance(query, exp.SetOperation):
        # A set operation is named by its first member.
        if query.args.get("by_name"):
            return None
        query = query.this
    if not isinstance(query, exp.Select) or query.args.get("kind") or query.args.get("into"):
        return None
    found: list[str] = []
    for item in query.expressions:
        kind = type(item)
        if kind is exp.Alias:
            found.append(item.args["alias"].name)
        elif kind is exp.Column and type(item.args["this"]) is exp.Identifier:
            found.append(item.args["this"].name)
        else:
            starred = _starred(item, query, names, tables) if item.is_star else None
            if starred is None:
                return None
            found += starred
    return found


def _starred(
    item: exp.Expr, query: exp.Select, names: Names, tables: Mapping[ObjectRef, ColumnNames]
) -> list[str] | None:
    """What ``*`` stands for in a SELECT over one table; None where it is not just the table's columns."""
    star, of = (item.this, item.table.lower()) if isinstance(item, exp.Column) else (item, None)
    source = query.args.get("from_")
    table = source.this if source is not None else None
    more = any(query.args.get(part) for part in (*_SELECT_PARTS_WITH_SOURCES, "with_"))
    if more or any(star.args.values()) or not isinstance(table, exp.Table):
        return None
    if any(table.args.get(part) for part in _SELECT_PARTS_WITH_SOURCES):
        return None
    alias = table.args.get("alias")
    if (alias is not None and alias.args.get("columns")) or of not in {
        None,
        table.alias_or_name.lower(),
    }:
        return None
    ref = table_ref(table, names)
    known = tables.get(ref) if ref is not None else None
    return None if known is None else list(known.values())


def target_columns(tree: exp.Expr) -> Iterator[exp.Identifier]:
    """The columns that an INSERT lists."""
    if isinstance(tree, exp.Insert) and isinstance(tree.this, exp.Schema):
        yield from (item for item in tree.this.expressions if isinstance(item, exp.Identifier))
