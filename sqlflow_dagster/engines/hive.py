"""Hive and Spark, through HiveServer2.

Rows are read by column. They are written as one Parquet file where the server reads a directory of ours, and else as
texts that the server takes apart. There are no transactions: a table is made aside and then renamed.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import pyarrow as pa
import sqlalchemy as sa

from sqlflow_dagster.engines.arrow_rows import check_names, checked_batches, told_apart
from sqlflow_dagster.engines.base import Column, RelationKind, TableName
from sqlflow_dagster.engines.hive_client import Cursor
from sqlflow_dagster.engines.hive_dialect import DRIVER
from sqlflow_dagster.engines.hive_errors import is_syntax_error, meaning, text_of
from sqlflow_dagster.engines.hive_load import column_type, fitted, inserts, parquet_file
from sqlflow_dagster.engines.hive_rows import WireColumn
from sqlflow_dagster.engines.hive_transport import Error
from sqlflow_dagster.engines.hive_url import STAGING, connect_arguments
from sqlflow_dagster.engines.renaming import ASIDE, RenamingSession, is_left, is_of_ours
from sqlflow_dagster.engines.sqlalchemy import SQLAlchemyEngine
from sqlflow_dagster.errors import StepError, TerminalError

# They give rows, but no SELECT can stand over them.
_SHOWS = re.compile(
    r"(?:\s|--[^\n]*\n|/\*.*?\*/)*(?:EXPLAIN|SHOW|DESC|DESCRIBE|SET|LIST)\b",
    re.IGNORECASE | re.DOTALL,
)
_SECRET = re.compile(r"^session\..*(?:secret|password|token|key)", re.IGNORECASE)
_END = "\n\n"
"""What ends a comment at the end of a query: in Spark a backslash continues it on the next line."""
_SETTINGS = {
    "spark.sql.session.timeZone": "UTC",
    # Else Spark's driver holds all rows of a SELECT.
    "spark.sql.thriftServer.incrementalCollect": "true",
    "hive.resultset.use.unique.column.names": "false",
}


class _Relation(NamedTuple):
    """A table or a view as the server spells it; ``schema`` is None for a temporary view."""

    schema: str | None
    name: str
    kind: RelationKind

    @property
    def parts(self) -> tuple[str, ...]:
        return (self.name,) if self.schema is None else (self.schema, self.name)


class HiveSession(RenamingSession):
    """One session of HiveServer2."""

    # Hive's own default is a text in which a line break ends a row.
    creates = "CREATE TABLE {} STORED AS PARQUET"
    comment_statement = "ALTER TABLE {} SET TBLPROPERTIES ('comment' = '{}')"
    engine: "HiveEngine"

    def check_syntax(self, sql: str) -> None:
        """Let the engine's own parser read a statement, which is not run."""
        try:
            self._run(f"EXPLAIN {sql}").close()
        except TerminalError as error:
            # Every other error may be mended by the statements before this one.
            if is_syntax_error(error.__cause__):
                raise

    def describe(self, query: str) -> tuple[Column, ...]:
        """The columns of a SELECT, of which no row is computed."""
        if not _SHOWS.match(query):
            query = f"SELECT * FROM (\n{query}{_END}) AS sqlflow_described LIMIT 0"
        with self._run(query) as result:
            return _columns(_cursor(result).columns)

    def read(self, query: str, *, batch_rows: int = 65_536) -> pa.RecordBatchReader:
        """The rows of a SELECT as a stream; the session's next statement ends it."""
        result = self._run(query)
        cursor = _cursor(result)
        schema = pa.schema(
            [(column.name, column.arrow_type) for column in _columns(cursor.columns)]
        )
        return self._reader(schema, result, self._fetched(cursor, schema, batch_rows))

    def _fetched(
        self, cursor: Cursor, schema: pa.Schema, batch_rows: int
    ) -> Iterator[pa.RecordBatch]:
        while True:
            try:
                batch = cursor.fetch(batch_rows)
            except Error as error:
                self.engine.raise_translated(error)
            if batch is None:
                return
            yield pa.record_batch(batch.columns, schema=schema)

    def count(self, query: str) -> int:
        """The number of rows of a SELECT."""
        return super().count(query + _END)

    # -- the catalogue

    def relation_kind(self, table: TableName) -> RelationKind | None:
        """Whether a name is a table or a view; None where nothing has it."""
        found = self._relation(table)
        return None if found is None else found.kind

    def _relation(self, table: TableName) -> _Relation | None:
        *qualifier, name = table
        if len(qualifier) > 1:
            raise TerminalError(
                f"{'.'.join(table)!r} has {len(table)} parts",
                hint="a table of Hive is named [database.]table",
            )
        schema = qualifier[0] if qualifier else self._current_schema()
        for found in self._catalogue(schema, _pattern(name)):
            if found.name.lower() == name.lower() and found.schema in (schema.lower(), None):
                return found
        return None

    def _current_schema(self) -> str:
        with self._run("SELECT current_database()") as result:
            return str(result.scalar_one())

    def _catalogue(self, schema: str | None, pattern: str) -> list[_Relation]:
        """The tables and views of a schema, or of all, whose names match a pattern of LIKE."""
        self.end_stream()
        cursor = self.connection.connection.driver_connection.cursor()  # type: ignore[union-attr]
        try:
            cursor.catalogue(None if schema is None else _pattern(schema), pattern)
            rows = cursor.fetchall()
        except Error as error:
            self.engine.raise_translated(error)
        finally:
            cursor.close()
        return [
            _Relation(schema or None, name, "view" if "VIEW" in kind else "table")
            for _, schema, name, kind, *_ in rows
        ]

    def tables(self) -> list[tuple[str, ...]]:
        """The tables and views of a user, each as (database, table)."""
        return sorted(
            (found.schema, found.name)
            for found in self._catalogue(None, "%")
            if found.schema is not None and not is_of_ours(found.name)
        )

    def drop(self, table: TableName) -> None:
        """Drop a table or a view; nothing happens where nothing has the name."""
        found = self._relation(table)
        if found is not None:
            self._drop(found)

    def _drop(self, relation: _Relation) -> None:
        self._run(f"DROP {relation.kind.upper()} {self.engine.quote(relation.parts)}").close()

    def enter_schema(self, name: str) -> None:
        """Let unqualified names mean what is in a database, which is made if it is not there."""
        self.create_schema(name)
        self._run(f"USE {self.engine.quote((name,))}").close()

    # -- whole or not at all

    @contextmanager
    def _making(self, table: TableName) -> Iterator[TableName]:
        """A block that makes the table aside, which then takes the name."""
        *qualifier, _ = table
        schema = qualifier[-1] if qualifier else self._current_schema()
        for left in self._catalogue(schema, f"{_pattern(ASIDE)}%"):
            if is_left(left.name):
                self._drop(left)
        with super()._making(table) as made:
            yield made

    def _clear(self, table: tuple[str, ...]) -> None:
        """Leave a name free, after what a session that died while it made the same table has left is settled."""
        if table not in self._cleared and (left := self._relation(self._former(table))) is not None:
            if self._relation(table) is None:
                self._rename(left.kind, left.parts, table[-1])
            else:
                self._drop(left)
        super()._clear(table)

    def replace_table(
        self, table: TableName, rows: pa.RecordBatchReader, *, comment: str | None = None
    ) -> int:
        """Replace a table by these rows, whole or not at all; the number of rows."""
        elsewhere = self._stream is not None and not self._depth
        count = super().replace_table(table, rows, comment=comment)
        if elsewhere:
            self._forget_files(table)
        return count

    def _create_from(self, table: TableName, rows: pa.RecordBatchReader) -> int:
        check_names(rows.schema)
        name = self.engine.quote(table)
        types = [column_type(field) for field in rows.schema]
        columns = ", ".join(
            f"{self.engine.quote((field.name,))} {kind.sql}"
            for field, kind in zip(rows.schema, types, strict=True)
        )
        self._run(f"CREATE TABLE {name} ({columns}) STORED AS PARQUET").close()
        count = 0

        def batches() -> Iterator[pa.RecordBatch]:
            nonlocal count
            for batch in checked_batches(rows):
                count += batch.num_rows
                yield fitted(batch)

        if self.engine.staging is None:
            for statement in inserts(name, batches()):
                self._run(statement).close()
            return count
        schema = pa.schema(
            [(field.name, kind.arrow) for field, kind in zip(rows.schema, types, strict=True)]
        )
        with parquet_file(self.engine.staging, schema, batches()) as load:
            if load is not None:
                self._run(f"{load} INTO TABLE {name}").close()
        return count

    def _forget_files(self, table: TableName) -> None:
        """Let Spark, which keeps the files of a table in mind for each session, look for them again."""
        cursor = self.connection.connection.driver_connection.cursor()  # type: ignore[union-attr]
        try:
            # Not through SQLAlchemy: rows may be read on.
            cursor.execute(f"REFRESH TABLE {self.engine.quote(table)}")
        except Error as error:
            # Hive knows no such statement, and keeps nothing in mind.
            if not is_syntax_error(error):
                self.engine.raise_translated(error)
        finally:
            cursor.close()


def _cursor(result: sa.CursorResult[Any]) -> Cursor:
    cursor: Cursor | None = result.cursor  # type: ignore[assignment]  # SQLAlchemy knows only PEP 249
    if cursor is None or not cursor.columns:
        raise TerminalError("the statement gives no rows", hint="write a SELECT")
    return cursor


def _columns(columns: Sequence[WireColumn]) -> tuple[Column, ...]:
    names = told_apart(column.name for column in columns)
    return tuple(
        Column(name=name, type=column.type, arrow_type=column.arrow_type)
        for name, column in zip(names, columns, strict=True)
    )


def _pattern(name: str) -> str:
    """A pattern of LIKE for a name."""
    return re.sub(r"([%_\\])", r"\\\1", name)


class HiveEngine(SQLAlchemyEngine[HiveSession]):
    """A database of HiveServer2 or of Spark's thrift server, ``hive://user@host:10000/database``.

    Attributes:
        staging: A directory that this process writes and the server reads, under the name that both know; None
            where there is none.
    """

    name = "hive"
    dialect = "hive"
    max_identifier_length = 128
    transactional_ddl = False
    changes_rows = False
    session_type = HiveSession

    def __init__(self, url: sa.URL) -> None:
        # A setting may be the key of a store of files.
        self.secret_options = tuple(key for key in url.query if _SECRET.search(key))
        super().__init__(url)
        self._arguments = connect_arguments(url)
        staging = url.query.get(STAGING)
        self.staging = None if staging is None else str(staging)
        self.default_schema = url.database or "default"
        self.url = url.set(drivername=DRIVER)

    def quote(self, table: TableName) -> str:
        """A table's name as SQL text of this engine."""
        return ".".join("`" + part.replace("`", "``") + "`" for part in table)

    def connect_arguments(self) -> dict[str, Any]:
        """What the URL says."""
        return {key: value for key, value in self._arguments.items() if key != "settings"}

    def configure(self, connection: Any) -> None:
        """Enter the database; count moments in UTC; SET what the URL says."""
        cursor = connection.cursor()
        try:
            for key, value in {**_SETTINGS, **self._arguments["settings"]}.items():
                cursor.execute(f"SET {key}={value}")
            if self.url.database:
                cursor.execute(f"USE {self.quote((self.url.database,))}")
        except Error as error:
            self.raise_translated(error)
        finally:
            cursor.close()

    def message_of(self, error: BaseException) -> str:
        """What an error of the server says."""
        return text_of(error)

    def step_error(self, error: BaseException, message: str) -> StepError:
        """Say what an error of the server means."""
        return meaning(error, message, self.display_url)
