"""What the columns of a query are called that it gives no name."""

from collections.abc import Callable
from typing import TypeAlias

from sqlglot import exp

from sqlflow_dagster.graph.columns import ANY
from sqlflow_dagster.lang.dialects import lexis

Naming: TypeAlias = Callable[[exp.Expr | None, int, str], str]
"""The name of a column, from its expression (None for a column of VALUES), its place and the dialect."""

_NUMBERED = {"hive": "_c{}", "spark": "_c{}", "trino": "_col{}", "bigquery": "f{}_"}


def engine_name(item: exp.Expr | None, index: int, dialect: str) -> str:
    """What an engine calls a column, as far as that can be foreseen."""
    if item is None:
        return f"col{index}"
    if dialect in _NUMBERED:
        return _NUMBERED[dialect].format(index)
    if dialect == "postgres":
        return _postgres_name(item)
    if dialect == "duckdb" and isinstance(item, exp.Count) and isinstance(item.this, exp.Star):
        return "count_star()"
    return item.sql(dialect=lexis(dialect).sqlglot)


def _postgres_name(item: exp.Expr) -> str:
    if isinstance(item, exp.Cast) and item.output_name:
        return str(item.output_name)
    if isinstance(item, exp.Anonymous):
        return item.name.lower()
    return item.sql_name().lower() if isinstance(item, exp.Func) else "?column?"


def unknown_name(item: exp.Expr | None, index: int, dialect: str) -> str:
    """The name of a column of which nothing can be said."""
    return ANY
