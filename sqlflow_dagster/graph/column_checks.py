"""What can be said against the columns of machine-learning statements, as far as the program tells them.

The columns of a table are known where the program makes it, from a list of columns or from tables whose columns
are known.
"""

import re
from collections.abc import Iterable, Iterator, Sequence

from sqlglot import exp

from sqlflow_dagster.codes import Code
from sqlflow_dagster.errors import Diagnostic, Severity, did_you_mean
from sqlflow_dagster.graph.analyzed import AnalyzedQuery, AnalyzedStatement
from sqlflow_dagster.graph.column_tracker import ColumnTracker
from sqlflow_dagster.graph.columns import Relation, bare
from sqlflow_dagster.graph.effects import Mode
from sqlflow_dagster.graph.model_lineage import column_names, meant_columns, trained
from sqlflow_dagster.graph.objects import ObjectRef
from sqlflow_dagster.graph.output_names import unknown_name
from sqlflow_dagster.graph.queries import query_shape
from sqlflow_dagster.graph.static_checks import unknown_columns
from sqlflow_dagster.graph.unknown_columns import ALWAYS_THERE
from sqlflow_dagster.lang.standard import parse_sql
from sqlflow_dagster.lang.statements import (
    EvaluateStatement,
    QueryStatement,
    SqlStatement,
    TrainStatement,
)

_KEY = re.compile(r"(?:.*_)?(?:id|uuid|guid)|rowid", re.IGNORECASE)


def column_problems(statements: Sequence[AnalyzedStatement]) -> Iterator[Diagnostic]:
    """A diagnostic for each column that is not there, for a label among the features, and for keys as features.

    Args:
        statements: The statements of a program, without generated ones.
    """
    followed = _followed(statements)
    # Which name an engine gives is too uncertain for an error.
    tracker = ColumnTracker(naming=unknown_name)
    for index, item in enumerate(statements):
        if item.effects.barrier:
            tracker.made.clear()  # Whatever it did may have changed any table.
        if isinstance(item.statement, QueryStatement) and item.query is not None:
            with tracker.at(item, owner=index):
                yield from _problems(item, item.statement, item.query, tracker)
        if index not in followed:
            continue
        before = set(tracker.made)
        tracker.follow(item, owner=index)
        for write in item.effects.writes:
            guessed = isinstance(item.statement, EvaluateStatement)
            if guessed or (write.mode is Mode.ENSURE and write.ref not in before):
                # A table that was there already may have other columns.
                tracker.made.pop(write.ref, None)


def _followed(statements: Sequence[AnalyzedStatement]) -> set[int]:
    """The statements that tell what columns those tables and models have that machine learning reads."""
    followed: set[int] = set()
    wanted: set[ObjectRef] = set()
    for index in range(len(statements) - 1, -1, -1):
        item = statements[index]
        writes = item.effects.writes
        if any(write.ref in wanted and write.mode not in _SAME_COLUMNS for write in writes):
            followed.add(index)
        if isinstance(item.statement, QueryStatement) or (
            index in followed and not _names_its_columns(item)
        ):
            wanted |= item.effects.reads
    return followed


_SAME_COLUMNS = frozenset({Mode.APPEND, Mode.OVERWRITE, Mode.TRUNCATE})
"""The modes in which a statement writes rows and leaves the columns that there are."""


def _names_its_columns(item: AnalyzedStatement) -> bool:
    """Whether a statement makes a table of a SELECT that says what each column is called."""
    if not isinstance(item.statement, SqlStatement):
        return False
    tree = parse_sql(item.statement.sql, item.names.dialect)
    query = tree.args.get("expression") if isinstance(tree, exp.Create) else None
    return isinstance(query, exp.Query) and query_shape(query).columns is not None


def _problems(
    item: AnalyzedStatement,
    statement: QueryStatement,
    query: AnalyzedQuery,
    tracker: ColumnTracker,
) -> Iterator[Diagnostic]:
    unknown: list[exp.Column] = []
    rows = tracker.query(query.query, item.names, unknown=unknown)
    if not query.shape.complex:
        yield from _not_there(unknown, item, query, tracker)
    names = rows.names()
    if names is None:
        names = query.shape.columns
    if names is not None:
        yield from unknown_columns(statement, names)
    if isinstance(statement, TrainStatement):
        yield from label_among_features(statement)
        yield from keys_as_features(statement, rows)


def _not_there(
    unknown: Sequence[exp.Column],
    item: AnalyzedStatement,
    query: AnalyzedQuery,
    tracker: ColumnTracker,
) -> Iterator[Diagnostic]:
    """The columns of a SELECT over one table that the table does not have."""
    table = next(iter(query.reads))
    known = tracker.columns(table).names() or ()
    span = query.query.span
    for column in unknown:
        # SQLite takes a quoted name that no column has for a string.
        text = column.this.args.get("quoted") and item.names.dialect == "sqlite"
        if text or column.name.lower() in ALWAYS_THERE:
            continue
        start, end = (column.this.meta.get(key) for key in ("start", "end"))
        where = span or item.statement.span
        if span is not None and start is not None and end is not None:
            where = span.source.span(span.start + start, span.start + end + 1)
        yield Diagnostic(
            code=Code.UNKNOWN_COLUMN,
            message=f"column {column.name!r} is not among the columns of {table}: "
            + ", ".join(known),
            span=where,
            hint=did_you_mean(column.name, known),
        )


def label_among_features(statement: TrainStatement) -> Iterator[Diagnostic]:
    """A diagnostic for each place where COLUMN names the label."""
    labels = {bare(name.name).lower() for name in column_names(statement.label)}
    for clause in statement.columns:
        for column in clause.columns:
            for name in column_names(column):
                if bare(name.name).lower() in labels:
                    yield Diagnostic(
                        code=Code.LABEL_AS_FEATURE,
                        message=f"COLUMN names {name.name!r}, which is the label",
                        span=name.span or clause.span,
                        hint="a model cannot learn the label from itself: leave it out",
                    )


def keys_as_features(statement: TrainStatement, rows: Relation) -> Iterator[Diagnostic]:
    """A warning about features whose names say that they are keys, and that COLUMN does not ask for."""
    features = [column.name for column in trained(statement, rows, None).features.columns]
    keys = derived_keys(statement, features)
    if keys:
        yield key_warning(statement, keys)


def derived_keys(statement: TrainStatement, features: Iterable[str]) -> list[str]:
    """The features whose names say that they are keys, and that COLUMN does not name."""
    keys = [name for name in features if is_key_name(name)]
    listed = {
        meant
        for clause in statement.columns
        for column in clause.columns
        for name in column_names(column)
        for meant in meant_columns(name, keys)
    }
    return [name for name in keys if name not in listed]


def is_key_name(name: str) -> bool:
    """Whether a column is by its name a key: ``id``, ``user_id``, ``uuid`` and the like."""
    return _KEY.fullmatch(name) is not None


def key_warning(statement: TrainStatement, keys: Sequence[str]) -> Diagnostic:
    """The warning about a model that learns from keys."""
    return Diagnostic(
        code=Code.KEY_AS_FEATURE,
        message=f"model {statement.into} learns from what looks like a key: {', '.join(keys)}; "
        "a key tells rows apart and says nothing of new ones",
        span=statement.query.span,
        hint="leave it out of the SELECT, or list it in COLUMN if it is a feature",
        severity=Severity.WARNING,
    )
