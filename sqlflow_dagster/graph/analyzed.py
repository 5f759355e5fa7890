"""Statements with what they read and write, before they become steps."""

from dataclasses import dataclass

from sqlflow_dagster.graph.annotations import NO_ANNOTATIONS, Annotations
from sqlflow_dagster.graph.effects import Effects
from sqlflow_dagster.graph.objects import Names, ObjectRef
from sqlflow_dagster.graph.queries import UNKNOWN_SHAPE, QueryShape
from sqlflow_dagster.lang.statements import Query, Statement, TemporaryTableStatement


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalyzedQuery:
    """A SELECT of a machine-learning statement with what is known of it.

    Attributes:
        query: The SELECT.
        reads: What it reads.
        shape: How complex it is and what it gives.
    """

    query: Query
    reads: frozenset[ObjectRef]
    shape: QueryShape = UNKNOWN_SHAPE


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalyzedStatement:
    """A statement with its effects, before it becomes a step.

    Attributes:
        statement: The statement.
        effects: What it reads and writes.
        names: How its names are resolved.
        prefix: The session statements in force.
        views: Those of ``prefix`` that stand for TEMP tables and views.
        query: Its SELECT; None for a statement without one.
        validation: Its ``validation.select``; None without one.
        temporary_tables: The generated tables that it reads.
        annotations: What the comments above it say of it.
        parts: What each statement of a transaction reads and writes; empty for any other statement.
    """

    statement: Statement
    effects: Effects
    names: Names
    prefix: tuple[str, ...] = ()
    views: tuple[str, ...] = ()
    query: AnalyzedQuery | None = None
    validation: AnalyzedQuery | None = None
    temporary_tables: tuple[TemporaryTableStatement, ...] = ()
    annotations: Annotations = NO_ANNOTATIONS
    parts: tuple[Effects, ...] = ()
