"""The columns that PIVOT and UNPIVOT leave and make."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from sqlglot import exp

from sqlflow_dagster.graph.columns import ANY, Column, Relation, merged


def pivoted(relation: Relation, pivot: exp.Expr, value: Callable[[exp.Expr], Column]) -> Relation:
    """The columns that a pivot leaves as they are, then those that it makes.

    Args:
        relation: What is turned.
        pivot: The Pivot node, of PIVOT or of UNPIVOT.
        value: What an expression over the relation computes.
    """
    if pivot.args.get("unpivot"):
        return _unpivoted(relation, pivot, value)
    aggregates = pivot.args.get("using") or pivot.expressions
    keys = [item.this for item in _fields(pivot)] or pivot.expressions
    computed = merged(ANY, map(value, aggregates))
    # Without names the data decides how many columns there are.
    names = [item.name for item in pivot.args.get("columns") or []] or [ANY]
    group = pivot.args.get("group")
    if group is not None:
        kept: Sequence[Column] = [
            value(item).named(item.alias_or_name) for item in group.expressions
        ]
    else:
        kept = relation.without(_names_in([*keys, *aggregates])).columns
    return Relation((*kept, *map(computed.named, names)))


def _unpivoted(
    relation: Relation, pivot: exp.Expr, value: Callable[[exp.Expr], Column]
) -> Relation:
    into = pivot.args.get("into")
    if into is not None:
        turned, keys, values = pivot.expressions, [into.this], into.expressions
    else:
        turned = [item for field in _fields(pivot) for item in field.expressions]
        keys, values = [field.this for field in _fields(pivot)], pivot.expressions
    whole = merged(ANY, map(value, turned))
    kept = relation.without(_names_in(turned)).columns
    return Relation(
        (*kept, *(Column(key.name) for key in keys), *(whole.named(item.name) for item in values))
    )


def _fields(pivot: exp.Expr) -> Iterator[exp.In]:
    """The ``column IN (value, …)`` items of a pivot."""
    return (item for item in pivot.args.get("fields") or [] if isinstance(item, exp.In))


def _names_in(items: Iterable[exp.Expr]) -> set[str]:
    return {column.name for item in items for column in item.find_all(exp.Column)}
