"""SQLite: a database in one file, and one more beside it for each schema.

``iris.train`` of ``data.db`` lives in ``data.iris.db``, which every session attaches as ``iris``. Files
are in WAL mode: readers and one writer do not wait for each other, and writers queue. A transaction
over several files is whole on each of them, but a power failure may keep it on some.
"""

import os
import re
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from sqlflow_dagster.engines.base import Column, RelationKind, TableName
from sqlflow_dagster.engines.sqlalchemy import SQLAlchemyEngine
from sqlflow_dagster.engines.sqlalchemy_session import SQLAlchemySession
from sqlflow_dagster.engines.sqlite_types import column_of, kind_expression, to_sqlite_array
from sqlflow_dagster.errors import StepError, TerminalError, TransientError
from sqlflow_dagster.source import Excerpt

BUSY_TIMEOUT = 30.0
"""How long a writer waits for another one, in seconds."""

_UNKNOWN_SCHEMA = re.compile(r"unknown database \"?([^\s\"]+)\"?")
_TOO_MANY_SCHEMAS = "too many attached databases"
_SYNTAX_ERROR = re.compile("syntax error|incomplete input|unrecognized token")
_NAMED = re.compile(r'no such (?:column|table|function): (?:.*\.)?(.+)|near "(.+)": syntax error')
_RESERVED_SCHEMAS = ("main", "temp")
# It gives rows, but no SELECT can stand over it.
_EXPLAIN = re.compile(r"\s*EXPLAIN\b", re.IGNORECASE)
_DESCRIBED = "sqlflow_described"


class SQLiteSession(SQLAlchemySession):
    """One connection to a SQLite file and the files of its schemas."""

    # Without IMMEDIATE, two transactions that read and then write fail instead of waiting.
    begin_statement = "BEGIN IMMEDIATE"
    engine: "SQLiteEngine"

    def check_syntax(self, sql: str) -> None:
        """Let the engine's own parser read a statement, which is not run."""
        try:
            self._run(f"EXPLAIN {sql}").close()
        except TerminalError as error:
            # Every other error may be mended by the statements before this one.
            if _SYNTAX_ERROR.search(error.message):
                raise

    def describe(self, query: str) -> tuple[Column, ...]:
        """The columns of a SELECT, after one pass over its values.

        A SQLite column may hold a value of any type, so only the values tell what :meth:`read` must
        give. Where they are all of the declared kind (BOOLEAN, DATE, TIMESTAMP, DECIMAL), that
        decides; else integers among reals become reals, and any other mixture becomes text.
        """
        explains = _EXPLAIN.match(query) is not None
        with self._run(
            query if explains else f"SELECT a.* FROM (\n{query}\n) AS a LIMIT 0"
        ) as result:
            names = list(result.keys())
        if explains:
            return tuple(column_of(name, "", frozenset({"text"})) for name in names)
        declared = [kind.upper() for _, kind in self._declared(query)]
        aliases = [f"c{index}" for index in range(len(names))]
        kinds = ", ".join(
            f"group_concat(DISTINCT {kind_expression(alias, kind)})"
            for alias, kind in zip(aliases, declared, strict=True)
        )
        # A common table expression hides the tables of its name from the query itself.
        cte = f"{_DESCRIBED} ({', '.join(aliases)})"
        values = f"WITH {cte} AS (\n{query}\n) SELECT {kinds} FROM {_DESCRIBED}"
        with self._run(values) as result:
            found = result.one()
        return tuple(
            column_of(name, kind, frozenset((seen or "").split(",")) - {"", "null"})
            for name, kind, seen in zip(names, declared, found, strict=True)
        )

    def create_table_as(self, table: TableName, query: str, *, comment: str | None = None) -> int:
        """Replace a table by the rows of a SELECT, whole or not at all; the number of rows.

        Its columns are declared as those that they come from: a CREATE TABLE … AS would leave no trace of DATE.
        Tables have no comments.
        """
        with self._making(table) as made:
            name = self.engine.quote(made)
            columns = ", ".join(self._column(*column) for column in self._declared(query))
            self._run(f"CREATE TABLE {name} ({columns})").close()
            with self._run(f"INSERT INTO {name}\n{query}") as result:
                return result.rowcount

    def _column(self, name: str, declared: str) -> str:
        quoted = self.engine.quote((name,))
        # In a STRICT table, ANY leaves values as they are; here it would make numbers of texts.
        if declared.upper() in ("", "ANY"):
            return quoted
        return f"{quoted} {self.engine.quote((declared,))}"

    def _declared(self, query: str) -> list[tuple[str, str]]:
        """The columns of a SELECT with the types that tables declare for them; empty for an expression."""
        view = f"temp.{_DESCRIBED}"
        self._run(f"CREATE TEMP VIEW {_DESCRIBED} AS\n{query}").close()
        try:
            with self._run(f"PRAGMA temp.table_info({_DESCRIBED})") as result:
                return [(row.name, row.type) for row in result]
        finally:
            self._run(f"DROP VIEW {view}").close()

    def array(self, values: Sequence[Any], field: pa.Field) -> pa.Array:
        """The values of a column as an array of its type."""
        return to_sqlite_array(values, field)

    def relation_kind(self, table: TableName) -> RelationKind | None:
        """Whether a name is a table or a view; None where nothing has it."""
        *qualifier, name = table
        if len(qualifier) > 1:
            raise TerminalError(
                f"{'.'.join(table)!r} has {len(table)} parts",
                hint="a table of SQLite is named [schema.]table",
            )
        # SQLite looks for an unqualified name in every schema, but creates it in main: to find, and
        # then to drop, the table of another schema would be wrong.
        for schema in qualifier or ("temp", "main"):
            if schema.lower() not in {"temp", *map(str.lower, self._schemas())}:
                return None
            query = sa.text(
                f"SELECT type FROM {self.engine.quote((schema,))}.sqlite_master "
                "WHERE type IN ('table', 'view') AND lower(name) = lower(:name)"
            )
            kind = self.connection.execute(query, {"name": name}).scalar()
            if kind is not None:
                return "view" if kind == "view" else "table"
        return None

    def tables(self) -> list[tuple[str, ...]]:
        """The tables and views of a user, each as (schema, table)."""
        return sorted((schema, name) for schema in self._schemas() for name in self._names(schema))

    def _names(self, schema: str) -> Iterator[str]:
        with self._run(
            f"SELECT name FROM {self.engine.quote((schema,))}.sqlite_master "
            "WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
        ) as result:
            yield from result.scalars()

    def _schemas(self) -> list[str]:
        with self._run("PRAGMA database_list") as result:
            return [row.name for row in result if row.name != "temp"]

    def create_schema(self, name: str) -> None:
        """Make sure that the file of a schema exists and is attached."""
        if name.lower() in {schema.lower() for schema in self._schemas()}:
            return
        self.engine.attach(self.connection.connection.driver_connection, name)


class SQLiteEngine(SQLAlchemyEngine[SQLiteSession]):
    """A SQLite file, ``sqlite:///data.db``.

    Attributes:
        file: The file of the schema ``main``.

    Raises:
        TerminalError: The URL means a database in memory.
    """

    name = "sqlite"
    dialect = "sqlite"
    shared = False
    max_identifier_length = 255
    default_schema: str | None = "main"
    typed_columns = False
    session_type = SQLiteSession

    def __init__(self, url: sa.URL) -> None:
        super().__init__(url)
        if not url.database or ":memory:" in url.database:
            raise TerminalError(
                "a SQLite database in memory is empty for every step that opens it",
                hint="name a file, such as sqlite:///data.db",
            )
        self.file = Path(url.database).resolve()
        # A later change of the working directory changes nothing.
        self.url = url.set(database=str(self.file))

    def use_schema(self, name: str) -> None:
        """Let the sessions from now on use the file of a schema as their main one."""
        self.file = self.schema_file(name)
        self.url = self.url.set(database=str(self.file))

    def connect_arguments(self) -> dict[str, Any]:
        """Wait for other writers; let a session move between threads."""
        return {"timeout": BUSY_TIMEOUT, "check_same_thread": False}

    def configure(self, connection: Any) -> None:
        """Turn WAL on and attach the files of the schemas."""
        try:
            _use_wal(connection, "main")
        except sqlite3.Error as error:
            self.raise_translated(error, about=str(self.file))
        for schema in self._schemas_on_disk():
            self.attach(connection, schema)

    def attach(self, connection: Any, schema: str) -> None:
        """Attach the file of a schema, and create it where there is none.

        Raises:
            TerminalError: The name cannot be a part of a file's name, or too many are attached.
        """
        if not schema or {os.sep, "/", "\0", "."} & set(schema):
            raise TerminalError(
                f"{schema!r} cannot be a schema of SQLite, where it is part of a file's name",
                hint="use letters, digits and underscores",
            )
        try:
            connection.execute(
                f"ATTACH DATABASE ? AS {self.quote((schema,))}", (str(self.schema_file(schema)),)
            )
            _use_wal(connection, schema)
        except sqlite3.Error as error:
            self.raise_translated(error, about=str(self.schema_file(schema)))

    def schema_file(self, schema: str) -> Path:
        """The file that holds a schema, ``data.iris.db`` beside ``data.db``."""
        return self.file.with_name(f"{self.file.stem}.{schema}{self.file.suffix}")

    def _schemas_on_disk(self) -> list[str]:
        pattern = re.compile(
            rf"{re.escape(self.file.stem)}\.([^.]+){re.escape(self.file.suffix)}", re.IGNORECASE
        )
        matches = (pattern.fullmatch(item.name) for item in self.file.parent.iterdir())
        found = sorted(match[1] for match in matches if match)
        return [schema for schema in found if schema.lower() not in _RESERVED_SCHEMAS]

    def step_error(self, error: BaseException, message: str) -> StepError:
        """Say what an error of SQLite means."""
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return TransientError(
                f"{self.file} was still being written by another connection after "
                f"{BUSY_TIMEOUT:g} seconds: {message}",
                hint="run it again",
            )
        if code == sqlite3.SQLITE_CANTOPEN:
            return TerminalError(
                f"{self.file}: {message}",
                hint="its directory must exist and be writable; create it, or correct the path",
            )
        if code == sqlite3.SQLITE_FULL:
            return TerminalError(
                f"{self.file}: {message}",
                hint="make room on its disk; what is sorted lies on that of SQLITE_TMPDIR or /tmp",
            )
        if code == sqlite3.SQLITE_IOERR:
            return TerminalError(message, hint="see that the disk of the file works and has room")
        if _TOO_MANY_SCHEMAS in message:
            return TerminalError(message, hint="use fewer schemas, or another engine")
        if found := _UNKNOWN_SCHEMA.search(message):
            return TerminalError(
                message,
                hint=f"the schema {found[1]} is the file {self.schema_file(found[1]).name}; "
                "there is none yet",
            )
        told = TerminalError(message)
        if named := _NAMED.fullmatch(message):
            told.excerpt = Excerpt(text=named[1] or named[2])
        return told


def _use_wal(connection: Any, schema: str) -> None:
    name = '"' + schema.replace('"', '""') + '"'
    # The mode stays with the file, and a change of it needs the file for itself.
    if connection.execute(f"PRAGMA {name}.journal_mode").fetchone() != ("wal",):
        connection.execute(f"PRAGMA {name}.journal_mode = WAL").fetchone()
    connection.execute(f"PRAGMA {name}.synchronous = NORMAL")
