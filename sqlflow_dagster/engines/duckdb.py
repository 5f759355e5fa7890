"""DuckDB: a database in one file, written and read as Arrow.

Statements run through SQLAlchemy; rows go to and from the raw connection, which speaks Arrow. A file
has one process at a time, so a session holds a lock file and, for holders that know nothing of it,
tries again. A database in memory is refused: each step opens its own connection, often in its own
process, and would find it empty.
"""

import logging
import re
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from itertools import chain, islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from sqlflow_dagster.engines.arrow_rows import check_names, checked_batches
from sqlflow_dagster.engines.base import Column, RelationKind, TableName
from sqlflow_dagster.engines.locking import Deadline, busy_error, exclusive, retrying
from sqlflow_dagster.engines.sqlalchemy import SQLAlchemyEngine
from sqlflow_dagster.engines.sqlalchemy_session import SQLAlchemySession
from sqlflow_dagster.errors import StepError, TerminalError, TransientError

_LOCKED_FILE = "Could not set lock on file"
_LOCK_HOLDER = re.compile(r"Conflicting lock is held in (.*) \(PID (\d+)\)")
_TRANSIENT = re.compile(
    rf"{_LOCKED_FILE}|TransactionContext Error:.*conflict|HTTP Error:(?!.*\b4\d\d\b)"
    # A thread whose error stopped the others may lose the race to tell it; the next attempt may win.
    r"|INTERRUPT Error",
    re.IGNORECASE,
)
_HINTS = (
    (
        re.compile(r"Schema with name (\S+) does not exist"),
        r"create it before this statement: CREATE SCHEMA \1",
    ),
    (
        re.compile(r"main key table of the table"),
        r"drop the table that refers to it first",
    ),
    (
        re.compile(r"different configuration than existing connections"),
        r"close the other connections of this process to the file first",
    ),
    (
        re.compile(r"Cannot open file \S+: No such file or directory"),
        r"create the directory of the file first",
    ),
    (
        re.compile(r"No space left on device"),
        r"make room on the disk of the file",
    ),
)
_LITTLE_MEMORY = 1024**3
_ROW_GROUP = 122_880
_GROUPS_AT_ONCE = 4
_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB", "PiB")
_INCOMING_ROWS = "sqlflow_incoming_rows"


_log = logging.getLogger(__name__)


def _holder(message: str) -> str:
    """Who has a file, as DuckDB's error tells it."""
    found = _LOCK_HOLDER.search(message)
    return f"process {found[2]} ({found[1]})" if found else "another process"


def _bytes(text: str) -> float:
    """What DuckDB writes as ``18.6 GiB``."""
    number, _, unit = text.partition(" ")
    return float(number) * float(1024 ** _UNITS.index(unit))


class DuckDBSession(SQLAlchemySession):
    """One connection to a DuckDB file."""

    comment_statement = "COMMENT ON TABLE {} IS '{}'"

    def execute(self, sql: str) -> int | None:
        """Run one statement verbatim and commit it; the number of rows changed, where known."""
        count = None
        with self._run(sql) as result:
            # Changes are told as a row with the one column Count, which a SELECT may have as well.
            counts = result.returns_rows and list(result.keys()) == ["Count"]
            for rows in result.partitions(10_000) if result.returns_rows else ():
                count = rows[0][0]
        return count if counts and not self._is_select(sql) else None

    def _is_select(self, sql: str) -> bool:
        import duckdb

        with self._raw() as connection:
            statements = connection.extract_statements(sql)
        return any(item.type == duckdb.StatementType.SELECT for item in statements)

    def check_syntax(self, sql: str) -> None:
        """Let the engine's own parser read a statement, which is not run."""
        with self._raw() as connection:
            connection.extract_statements(sql)

    @contextmanager
    def saving_memory(self) -> Iterator[None]:
        """A block in which DuckDB takes at most a gibibyte, or what the program has SET.

        By itself it would keep the file's blocks until they fill most of the machine.
        """
        with self._raw() as connection:
            (before,) = connection.execute("SELECT current_setting('memory_limit')").fetchone()
            if _bytes(before) > _LITTLE_MEMORY:
                connection.execute(f"SET memory_limit = '{_LITTLE_MEMORY}B'")
        try:
            yield
        finally:
            with self._raw() as connection:
                connection.execute(f"SET memory_limit = '{before}'")

    def describe(self, query: str) -> tuple[Column, ...]:
        """The columns of a SELECT, which the engine itself checks; no row is computed."""
        with self._raw() as connection:
            result = connection.execute(f"SELECT a.* FROM (\n{query}\n) AS a LIMIT 0")
            types = [str(item[1]) for item in result.description]
            schema = result.to_arrow_table().schema
        return tuple(
            Column(name=field.name, type=kind, arrow_type=_in_utc(field.type))
            for field, kind in zip(schema, types, strict=True)
        )

    def read(self, query: str, *, batch_rows: int = _ROW_GROUP) -> pa.RecordBatchReader:
        """The rows of a SELECT as a stream; the session's next statement ends it."""
        # An EXPLAIN gives rows, but no SELECT can stand over it.
        names = [item.name for item in self.describe(query)] if self._is_select(query) else None
        with self._raw() as connection:
            rows = connection.execute(query).to_arrow_reader(batch_rows)
        names = names or rows.schema.names
        # describe() numbers the columns of one name, so that each has a name of its own.
        schema = pa.schema(
            [(name, _in_utc(item.type)) for item, name in zip(rows.schema, names, strict=True)]
        )
        return self._reader(schema, rows, self._batches_of(rows, schema))

    def _batches_of(
        self, rows: pa.RecordBatchReader, schema: pa.Schema
    ) -> Iterator[pa.RecordBatch]:
        with self._translated():
            for batch in rows:
                columns = [
                    column.cast(kind) if column.type != kind else column
                    for column, kind in zip(batch.columns, schema.types, strict=True)
                ]
                yield pa.RecordBatch.from_arrays(columns, schema=schema)

    def relation_kind(self, table: TableName) -> RelationKind | None:
        """Whether a name is a table or a view; None where nothing has it."""
        *qualifier, name = table
        if len(qualifier) >= len(_PLACES):
            raise TerminalError(
                f"{'.'.join(table)!r} has {len(table)} parts",
                hint="a table of DuckDB is named [[database.]schema.]table",
            )
        query = sa.text(
            "SELECT table_type FROM information_schema.tables "
            f"WHERE lower(table_name) = lower(:name) AND ({_PLACES[len(qualifier)]})"
        ).bindparams(name=name, **{f"part{index}": part for index, part in enumerate(qualifier)})
        kind = self.connection.execute(query).scalar()
        return None if kind is None else "view" if "VIEW" in kind else "table"

    def tables(self) -> list[tuple[str, ...]]:
        """The tables and views of a user, each as (schema, table)."""
        with self._run(
            "SELECT table_schema, table_name FROM information_schema.tables "
            "WHERE table_catalog = current_database() "
            "AND table_schema NOT IN ('information_schema', 'pg_catalog') ORDER BY ALL"
        ) as result:
            return [tuple(row) for row in result]

    def _create_from(self, table: TableName, rows: pa.RecordBatchReader) -> int:
        check_names(rows.schema)
        name = self.engine.quote(table)
        self._create_empty(name, rows.schema)
        groups = _in_row_groups(checked_batches(rows))
        # DuckDB keeps the memory of all batches that one statement reads until it is done.
        return sum(
            self._append(name, rows.schema, chain([first], islice(groups, _GROUPS_AT_ONCE - 1)))
            for first in groups
        )

    def _create_empty(self, name: str, schema: pa.Schema) -> None:
        # Rows that are appended, in the same transaction, to a CREATE TABLE AS that gave none are not
        # seen before the file is opened anew (DuckDB 1.5.6), so the columns are written out.
        with self._raw() as connection:
            connection.register(_INCOMING_ROWS, schema.empty_table())
            found = connection.execute(f"DESCRIBE SELECT * FROM {_INCOMING_ROWS}").fetchall()
            connection.unregister(_INCOMING_ROWS)
            columns = ", ".join(
                f"{self.engine.quote((column,))} {kind}" for column, kind, *_ in found
            )
            connection.execute(f"CREATE TABLE {name} ({columns})")

    def _append(self, name: str, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> int:
        failure: list[BaseException] = []

        def watched() -> Iterator[pa.RecordBatch]:
            try:
                yield from batches
            except BaseException as error:
                failure.append(error)
                raise

        reader = pa.RecordBatchReader.from_batches(schema, watched())
        try:
            with self._raw() as connection:
                connection.register(_INCOMING_ROWS, reader)
                connection.execute(f"INSERT INTO {name} SELECT * FROM {_INCOMING_ROWS}")
                count: int = connection.fetchone()[0]
                connection.unregister(_INCOMING_ROWS)
        except StepError:
            # DuckDB tells an error of the rows' producer as a text of its own.
            if failure:
                raise failure[0] from None
            raise
        return count

    def _comment_on(self, table: TableName, comment: str | None) -> None:
        if comment is None:
            return
        # What else is attached, such as a PostgreSQL, refuses, and that would end the transaction.
        query = sa.text(
            "SELECT type FROM duckdb_databases() WHERE lower(database_name) IN "
            "(lower(:first), lower(current_database())) ORDER BY lower(database_name) = lower(:first) DESC"
        )
        if self.connection.execute(query, {"first": table[0]}).scalar() == "duckdb":
            super()._comment_on(table, comment)

    @property
    def _driver_connection(self) -> Any:
        return self.connection.connection.driver_connection

    @contextmanager
    def _raw(self) -> Iterator[Any]:
        """DuckDB's own connection, for one statement."""
        self.end_stream()
        with self._translated():
            yield self._driver_connection

    @contextmanager
    def _translated(self) -> Iterator[None]:
        import duckdb

        try:
            yield
        except (duckdb.Error, pa.ArrowException, OSError) as error:
            # Arrow tells what fails while a stream is read as an error of its own.
            self.engine.raise_translated(error)


def _in_utc(kind: pa.DataType) -> pa.DataType:
    """The type of the same moments, told in UTC: DuckDB tells them in the zone of its machine."""
    if pa.types.is_timestamp(kind) and kind.tz is not None:
        return pa.timestamp(kind.unit, "UTC")
    return kind


def _in_row_groups(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The same rows, each batch a full row group but the last.

    From smaller batches DuckDB builds every row group twice, and what is left of a larger one becomes
    a small row group.
    """
    waiting: list[pa.RecordBatch] = []
    count = 0
    for batch in batches:
        waiting.append(batch)
        count += batch.num_rows
        if count >= _ROW_GROUP:
            table = pa.Table.from_batches(waiting)
            whole = count - count % _ROW_GROUP
            for start in range(0, whole, _ROW_GROUP):
                yield from _joined(table.slice(start, _ROW_GROUP))
            waiting = table.slice(whole).to_batches()
            count -= whole
    if waiting:
        yield from _joined(pa.Table.from_batches(waiting))


def _joined(table: pa.Table) -> list[pa.RecordBatch]:
    """One batch, or as many as 2 GiB of text need; rows that lie together are not copied."""
    if max((column.num_chunks for column in table.columns), default=0) > 1:
        table = table.combine_chunks()
    batches: list[pa.RecordBatch] = table.to_batches()
    return batches


_PLACES = (
    "table_catalog = 'temp' "
    "OR table_catalog = current_database() AND table_schema = current_schema()",
    "table_catalog = current_database() AND lower(table_schema) = lower(:part0) "
    "OR lower(table_catalog) = lower(:part0) AND table_schema = 'main'",
    "lower(table_catalog) = lower(:part0) AND lower(table_schema) = lower(:part1)",
)
"""Where a table is looked for, by the number of names before its own."""


class DuckDBEngine(SQLAlchemyEngine[DuckDBSession]):
    """A DuckDB file, ``duckdb:///data.duckdb``.

    Attributes:
        file: The file; None for a database that a server holds (``md:``).

    Raises:
        TerminalError: The URL means a database in memory.
    """

    name = "duckdb"
    dialect = "duckdb"
    shared = False
    max_identifier_length = 255
    default_schema: str | None = "main"
    session_type = DuckDBSession
    secret_options = ("motherduck_token",)

    def __init__(self, url: sa.URL) -> None:
        super().__init__(url)
        database = url.database or ":memory:"
        if database.startswith(":memory:"):
            raise TerminalError(
                "a DuckDB database in memory is empty for every step that opens it",
                hint="name a file, such as duckdb:///data.duckdb",
            )
        # A single letter before the colon is a drive.
        remote = re.match(r"[a-z][a-z0-9]+:", database, re.IGNORECASE)
        self.file = None if remote else Path(database).resolve()
        self.shared = self.file is None
        if self.file is not None:
            # A later change of the working directory changes nothing.
            self.url = url.set(database=str(self.file))

    @contextmanager
    def connection(self) -> Iterator[sa.Connection]:
        """A connection that has the file for itself; see :mod:`sqlflow_dagster.engines.locking`."""
        deadline = Deadline.from_environment()
        with self._exclusive(deadline):
            # The time that statements of ours took is not that of a foreign holder.
            rest = deadline if deadline.for_ours else Deadline.from_environment()
            with self._connect(rest) as connection:
                yield connection

    @contextmanager
    def syntax_session(self) -> Iterator[DuckDBSession]:
        """A connection for :meth:`DuckDBSession.check_syntax`: DuckDB's parser needs no file, whoever has it."""
        memory = sa.create_engine("duckdb:///:memory:", poolclass=sa.NullPool)
        with memory.connect() as connection:
            yield self.session_type(self, connection, ())

    def _exclusive(self, deadline: Deadline) -> AbstractContextManager[None]:
        read_only = str(self.url.query.get("access_mode", "")).lower() == "read_only"
        if self.file is None or read_only:
            return nullcontext()
        return exclusive(self.file, deadline)

    def _connect(self, deadline: Deadline) -> sa.Connection:
        try:
            return retrying(
                self.sqlalchemy_engine.connect,
                is_busy=lambda error: _LOCKED_FILE in str(error),
                deadline=deadline,
                notice=lambda error: _log.warning(
                    "waiting for %s, which %s uses", self.file, _holder(str(error))
                ),
            )
        except TransientError as error:
            if self.file is None or _LOCKED_FILE not in error.message:
                raise
            raise busy_error(self.file, _holder(error.message), deadline) from error

    def configure(self, connection: Any) -> None:
        """Keep table names from meaning variables of the Python code that runs a statement."""
        connection.execute("SET python_enable_replacements = false")

    def step_error(self, error: BaseException, message: str) -> StepError:
        """Say what an error of DuckDB means."""
        if _TRANSIENT.search(message):
            return TransientError(message, hint="run it again")
        for pattern, hint in _HINTS:
            if found := pattern.search(message):
                return TerminalError(message, hint=found.expand(hint))
        return TerminalError(message)
