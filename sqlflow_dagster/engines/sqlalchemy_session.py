"""The session that every SQLAlchemy dialect shares.

Connections commit each statement by themselves (AUTOCOMMIT), so that statements which refuse to run
in a transaction work, and a transaction is an explicit BEGIN and COMMIT. Text of a user is handed to
the driver untouched: no parameter style is applied to it.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import datetime
from typing import Any, ClassVar, NoReturn, Protocol

import pyarrow as pa
import sqlalchemy as sa

from sqlflow_dagster.engines.arrow_rows import checked_batches, python_rows, table_columns, to_array
from sqlflow_dagster.engines.base import Column, Engine, RelationKind, TableName
from sqlflow_dagster.errors import StepError, TerminalError

VERBATIM = {"no_parameters": True}
"""The execution option that keeps a driver from looking for parameters in a user's text."""


class SessionEngine(Engine, Protocol):
    """What a session asks of its engine; see :class:`~sqlflow_dagster.engines.sqlalchemy.SQLAlchemyEngine`."""

    @property
    def sqlalchemy_engine(self) -> sa.Engine:
        """SQLAlchemy's engine."""

    def session_on(self, connection: sa.Connection, prefix: Sequence[str]) -> "SQLAlchemySession":
        """A session on a connection that is open already."""

    def is_of_driver(self, error: BaseException) -> bool:
        """Whether an exception is of the driver, though perhaps not of its DB-API."""

    def raise_translated(self, error: BaseException) -> NoReturn:
        """Raise an error of the driver as one of this package."""


class SQLAlchemySession(ABC):
    """One open connection; see :class:`~sqlflow_dagster.engines.base.Session`."""

    begin_statement: str | None = "BEGIN"
    """None where there are no transactions: each statement stands by itself."""
    creates: ClassVar[str] = "CREATE TABLE {}"
    """What stands before the AS of a CREATE TABLE … AS."""
    comment_statement: ClassVar[str | None] = None
    """The statement that gives a table a comment; None where tables have none."""

    def __init__(
        self, engine: SessionEngine, connection: sa.Connection, prefix: Sequence[str]
    ) -> None:
        self.engine = engine
        self.connection = connection
        self._prefix = tuple(prefix)
        self._depth = 0
        self._undone = False
        self._stream: object | None = None
        sa.event.listen(connection, "before_cursor_execute", self.end_stream)

    def execute(self, sql: str) -> int | None:
        """Run one statement verbatim and commit it; the number of rows changed, where known."""
        with self._run(sql) as result:
            if result.returns_rows:
                # Some engines compute a SELECT only as far as it is read.
                for _ in result.partitions(10_000):
                    pass
                return None
            return result.rowcount if result.rowcount >= 0 else None

    def check_syntax(self, sql: str) -> None:  # noqa: B027  # not every engine can be asked
        """Let the engine's own parser read a statement, which is not run."""

    def saving_memory(self) -> AbstractContextManager[None]:
        """A block in which an engine that runs in this process keeps little of what it reads."""
        return nullcontext()

    @abstractmethod
    def describe(self, query: str) -> tuple[Column, ...]:
        """The columns of a SELECT, which the engine itself checks; no row is computed needlessly."""

    def read(self, query: str, *, batch_rows: int = 65_536) -> pa.RecordBatchReader:
        """The rows of a SELECT as a stream; the session's next statement ends it."""
        columns = self.describe(query)
        schema = pa.schema([(column.name, column.arrow_type) for column in columns])
        result = self._run(query, stream_results=True)
        return self._reader(schema, result, self._batches(result, schema, batch_rows))

    def _batches(
        self, result: sa.CursorResult[Any], schema: pa.Schema, batch_rows: int
    ) -> Iterator[pa.RecordBatch]:
        for rows in result.partitions(batch_rows):
            arrays = [
                self.array(values, field)
                for values, field in zip(zip(*rows, strict=True), schema, strict=True)
            ]
            yield pa.record_batch(arrays, schema=schema)

    def array(self, values: Sequence[Any], field: pa.Field) -> pa.Array:
        """The values of a column as an array of its type."""
        return to_array(values, field)

    def _reader(
        self, schema: pa.Schema, stream: object, batches: Iterator[pa.RecordBatch]
    ) -> pa.RecordBatchReader:
        """Batches as a reader that fails when another statement took their place."""
        self._stream = stream

        def guarded() -> Iterator[pa.RecordBatch]:
            while True:
                if self._stream is not stream:
                    raise TerminalError(
                        "the rows of a query were read on after another statement of its session",
                        hint="read them to the end first, or use a session for each",
                    )
                batch = next(batches, None)
                if batch is None:
                    self._stream = None
                    return
                yield batch

        return pa.RecordBatchReader.from_batches(schema, guarded())

    def end_stream(self, *_: object) -> None:
        """Let nobody read on what :meth:`read` gave."""
        stream, self._stream = self._stream, None
        if isinstance(stream, sa.CursorResult):
            # An unread result keeps its tables from being dropped.
            stream.close()

    def count(self, query: str) -> int:
        """The number of rows of a SELECT."""
        with self._run(f"SELECT count(*) FROM (\n{query}\n) AS a") as result:
            return int(result.scalar_one())

    @abstractmethod
    def relation_kind(self, table: TableName) -> RelationKind | None:
        """Whether a name is a table or a view; None where nothing has it."""

    def columns(self, table: TableName) -> tuple[Column, ...] | None:
        """The columns of a table or view; None where nothing has the name."""
        if self.relation_kind(table) is None:
            return None
        return self.describe(f"SELECT * FROM {self.engine.quote(table)}")

    def last_change(self, table: TableName) -> datetime | None:
        """When rows were put into a table or changed there last: most engines cannot tell."""
        return None

    @abstractmethod
    def tables(self) -> list[tuple[str, ...]]:
        """The tables and views of a user, each as (schema, table)."""

    def create_table_as(self, table: TableName, query: str, *, comment: str | None = None) -> int:
        """Replace a table by the rows of a SELECT, whole or not at all; the number of rows."""
        with self._making(table) as made:
            name = self.engine.quote(made)
            self._run(f"{self.creates.format(name)} AS\n{query}").close()
            self._comment_on(made, comment)
            return self.count(f"SELECT * FROM {name}")

    def replace_table(
        self, table: TableName, rows: pa.RecordBatchReader, *, comment: str | None = None
    ) -> int:
        """Replace a table by these rows, whole or not at all; the number of rows."""
        if self._stream is not None and not self._depth:
            # The rows may come from the open stream, which a statement here would end.
            with self.engine.sqlalchemy_engine.connect() as connection:
                other = self.engine.session_on(connection, self._prefix)
                return other.replace_table(table, rows, comment=comment)
        with self._making(table) as made:
            count = self._create_from(made, rows)
            self._comment_on(made, comment)
            return count

    def _comment_on(self, table: TableName, comment: str | None) -> None:
        """Let a table that was just made, and is not in its place yet, say something of itself."""
        if comment is not None and self.comment_statement is not None:
            name = self.engine.quote(table)
            self._run(self.comment_statement.format(name, plain(comment))).close()

    @contextmanager
    def _making(self, table: TableName) -> Iterator[TableName]:
        """A block that creates the table of the name it is given, which then takes its place."""
        with self.replacing(table):
            yield table

    def _create_from(self, table: TableName, rows: pa.RecordBatchReader) -> int:
        """Create a table that does not exist from these rows; the number of rows."""
        *schema, name = table
        target = sa.Table(
            name,
            sa.MetaData(),
            *table_columns(rows.schema),
            schema=".".join(schema) or None,
        )
        target.create(self.connection, checkfirst=False)
        count = 0
        for batch in checked_batches(rows):
            if batch.num_rows:
                self.connection.execute(target.insert(), python_rows(batch))
                count += batch.num_rows
        return count

    @contextmanager
    def replacing(self, table: TableName) -> Iterator[None]:
        """A block in which statements of a user create ``table`` anew."""
        with self.transaction():
            self.drop(table)
            yield

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """A block whose statements are kept together or undone together."""
        if not self._depth:
            if self.begin_statement is not None:
                self._run(self.begin_statement).close()
            self._undone = False
        self._depth += 1
        try:
            yield
            if self._depth == 1:
                self._commit()
        except BaseException as error:
            if self._depth == 1:
                self._roll_back(error)
            self._undone = True
            raise
        finally:
            self._depth -= 1

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """A block of a transaction whose failed statement leaves the transaction usable."""
        yield

    def _commit(self) -> None:
        if self._undone:
            raise TerminalError(
                "a transaction was to be committed after one of its parts had failed",
                hint="let the error of the inner block end the outer one too",
            )
        if self.begin_statement is not None:
            self._run("COMMIT").close()

    def _roll_back(self, error: BaseException, statement: str = "ROLLBACK") -> None:
        if self.begin_statement is None:
            return
        try:
            self._run(statement).close()
        except (StepError, sa.exc.PendingRollbackError) as failure:
            # Engines end some failed transactions by themselves, and a lost connection ends all;
            # ``error`` says what went wrong.
            error.add_note(f"the transaction was not rolled back again: {failure}")

    def drop(self, table: TableName) -> None:
        """Drop a table or a view; nothing happens where nothing has the name."""
        kind = self.relation_kind(table)
        if kind is not None:
            self._run(f"DROP {kind.upper()} {self.engine.quote(table)}").close()

    def create_schema(self, name: str) -> None:
        """Make sure that a schema exists."""
        self._run(f"CREATE SCHEMA IF NOT EXISTS {self.engine.quote((name,))}").close()

    def enter_schema(self, name: str) -> None:
        """Let unqualified names mean what is in a schema, which is made if it is not there."""
        there = sa.text("SELECT 1 FROM information_schema.schemata WHERE schema_name = :name")
        if self.connection.execute(there, {"name": name}).first() is None:
            self.create_schema(name)
        self._run(f"USE {self.engine.quote((name,))}").close()

    def _run(self, sql: str, **options: Any) -> sa.CursorResult[Any]:
        return self.connection.exec_driver_sql(sql, execution_options={**VERBATIM, **options})


def plain(comment: str) -> str:
    """A comment that is the same text of SQL for every engine: they escape quotes and backslashes in different ways."""
    return comment.replace("'", "\N{RIGHT SINGLE QUOTATION MARK}").replace("\\", "/")


@contextmanager
def tidying_up(error: BaseException) -> Iterator[None]:
    """A block of tidying up after an error, which is not to hide it."""
    try:
        yield
    except (StepError, sa.exc.PendingRollbackError) as failure:
        error.add_note(f"it was not tidied up: {failure}")
