"""The shape of a SELECT: is it more than columns of one table, and what does it give."""

from dataclasses import dataclass

from sqlglot import exp

from sqlflow_dagster.graph.tables import identifier_parts


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryShape:
    """What is known of a SELECT without a database.

    Attributes:
        complex: Whether it is more than columns and a WHERE over one table.
        columns: The names of its output columns; None where a ``*`` or an expression without a name
            leaves them open.
    """

    complex: bool
    columns: tuple[str, ...] | None


UNKNOWN_SHAPE = QueryShape(complex=True, columns=None)


def query_shape(tree: exp.Expr) -> QueryShape:
    """The shape of a query's syntax tree."""
    return QueryShape(complex=not _is_simple(tree), columns=_columns(tree))


_SIMPLE_PARTS = frozenset({"expressions", "from_", "where", "kind", "hint"})


def _is_simple(tree: exp.Expr) -> bool:
    if not isinstance(tree, exp.Select):
        return False
    if any(value and key not in _SIMPLE_PARTS for key, value in tree.args.items()):
        return False
    source = tree.args.get("from_")
    if source is None or not isinstance(source.this, exp.Table):
        return False
    table = source.this
    if not identifier_parts(table) or table.args.get("joins") or table.args.get("pivots"):
        return False
    where = tree.args.get("where")
    if where is not None and where.find(exp.Query) is not None:
        return False
    return all(isinstance(item.unalias(), exp.Column | exp.Star) for item in tree.expressions)


def _columns(tree: exp.Expr) -> tuple[str, ...] | None:
    if not isinstance(tree, exp.Query):
        return None
    first: exp.Query = tree
    while not isinstance(first, exp.Select):
        # A set operation is named by its first member.
        if not isinstance(first.this, exp.Query):
            return None
        first = first.this
    names = []
    for item in first.expressions:
        if item.is_star or not item.alias_or_name:
            return None
        names.append(str(item.alias_or_name))
    return tuple(names) or None
