"""The dependency graph of a program as plain nodes and edges."""

from dataclasses import dataclass

from sqlflow_dagster.graph.objects import ObjectRef


@dataclass(frozen=True, slots=True, kw_only=True)
class SQLNode:
    """A statement.

    Attributes:
        index: Its place in the program, from 0.
        sql: Its text.
        reads: The tables, models and files it reads.
        writes: The tables, models and files it writes.
    """

    index: int
    sql: str
    reads: frozenset[ObjectRef]
    writes: frozenset[ObjectRef]


@dataclass(frozen=True, slots=True, kw_only=True)
class SQLGraph:
    """Statements and what must wait for what.

    Attributes:
        nodes: The statements in program order.
        edges: ``(a, b)`` where statement ``b`` must wait for statement ``a``, by index, sorted.
    """

    nodes: tuple[SQLNode, ...]
    edges: tuple[tuple[int, int], ...]
