"""Statements of the engine's own SQL."""

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pyarrow as pa

from sqlflow_dagster.engines.base import Session
from sqlflow_dagster.graph.effects import Mode
from sqlflow_dagster.graph.objects import ObjectKind
from sqlflow_dagster.graph.program import Step
from sqlflow_dagster.lang.scanner import content_start
from sqlflow_dagster.lang.statements import (
    SqlStatement,
    TransactionStatement,
)
from sqlflow_dagster.runtime.context import RunContext
from sqlflow_dagster.runtime.generated_tables import GeneratedTables
from sqlflow_dagster.runtime.lineage import step_lineage
from sqlflow_dagster.runtime.results import StepResult, WrittenTable


def run_sql(step: Step, statement: SqlStatement, context: RunContext) -> StepResult:
    """Send a statement to its engine, word for word.

    ``CREATE TABLE t …`` replaces a ``t`` that is there: an asset is made again, not added to. When the
    statement fails, what was there before is still there.
    """
    with context.engine.session(prefix=step.prefix) as session:
        if not step.effects.writes and _gives_rows(statement.sql, context.engine.dialect):
            return _shown(session, statement, context)
        lineage = step_lineage(step, session, context)
        with _made_anew(step, session):
            changed = session.execute(statement.sql)
        return StepResult(
            tables=written_tables(step, session, context),
            changed_rows=changed,
            column_lineage=lineage,
        )


def run_transaction(step: Step, statement: TransactionStatement, context: RunContext) -> StepResult:
    """Run what stands between BEGIN and COMMIT, all of it or nothing."""
    # Known as ours before they are there, see GeneratedTables.
    for table in statement.kept:
        GeneratedTables(context.engine, step.datasource).record(
            step.names.named(table), program=context.program
        )
    with context.engine.session(prefix=step.prefix) as session:
        with session.transaction(), _made_anew(step, session):
            for item in statement.statements:
                session.execute(item.sql)
        return StepResult(tables=written_tables(step, session, context))


def written_tables(step: Step, session: Session, context: RunContext) -> tuple[WrittenTable, ...]:
    """The tables that a step wrote, as they are now; those that it dropped are left out."""
    found = []
    for write in step.effects.writes:
        name = write.ref.parts
        columns = session.columns(name) if write.ref.kind is ObjectKind.TABLE else None
        if columns is None:
            continue
        query = f"SELECT * FROM {context.engine.quote(name)}"
        rows = None if write.view else session.count(query)
        found.append(WrittenTable(name=name, columns=columns, rows=rows))
    return tuple(found)


@contextmanager
def _made_anew(step: Step, session: Session) -> Iterator[None]:
    """A block in which the statements of a step create their tables in place of what was there."""
    with ExitStack() as blocks:
        for write in step.effects.writes:
            is_table = write.ref.kind is ObjectKind.TABLE
            # A statement that reads the table it creates must find it.
            if is_table and write.mode is Mode.CREATE and write.ref not in step.reads:
                blocks.enter_context(session.replacing(write.ref.parts))
        yield


_ROW_WORDS = re.compile(
    r"\(|(?:SELECT|WITH|FROM|VALUES|TABLE|SHOW|DESC|DESCRIBE|SUMMARIZE|EXPLAIN|PIVOT)\b",
    re.IGNORECASE,
)


def _gives_rows(sql: str, dialect: str) -> bool:
    return _ROW_WORDS.match(sql, content_start(sql, 0, len(sql), dialect)) is not None


def _shown(session: Session, statement: SqlStatement, context: RunContext) -> StepResult:
    """The first rows of a statement that is there to be looked at."""
    limit = context.shown_rows
    reader = session.read(statement.sql, batch_rows=limit + 1)
    batches, rows = [], 0
    for batch in reader:
        batches.append(batch)
        rows += batch.num_rows
        if rows > limit:
            break
    table = pa.Table.from_batches(batches, schema=reader.schema)
    return StepResult(rows=_showable(table.slice(0, limit)), more_rows=rows > limit)


def _showable(rows: pa.Table) -> pa.Table:
    """Rows whose every value is one of Python: those that are not, such as dates after the year 9999, as text."""
    for place, name in enumerate(rows.column_names):
        column = rows.column(place)
        try:
            column.to_pylist()
        except (OverflowError, ValueError):
            rows = rows.set_column(place, name, column.cast(pa.string()))
    return rows
