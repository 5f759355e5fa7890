"""PostgreSQL, through psycopg 3; rows are read and written by COPY.

COPY runs on the session's own connection, so that what is read includes temporary tables and what its
transaction has changed, which a second connection of a faster client would not see.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from types import GeneratorType
from typing import Any
from uuid import uuid4

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from sqlflow_dagster.engines.arrow_rows import (
    check_names,
    checked_batches,
    sql_type,
    told_apart,
)
from sqlflow_dagster.engines.base import Column, RelationKind, TableName
from sqlflow_dagster.engines.postgresql_cancel import cancel, is_active
from sqlflow_dagster.engines.postgresql_copy import (
    TRAILER,
    WireType,
    as_csv,
    copy_of,
    decoded,
    wire_type,
)
from sqlflow_dagster.engines.postgresql_errors import meaning
from sqlflow_dagster.engines.postgresql_rows import HEADER, as_binary, has_binary_form
from sqlflow_dagster.engines.sqlalchemy import SQLAlchemyEngine
from sqlflow_dagster.engines.sqlalchemy_session import SQLAlchemySession
from sqlflow_dagster.engines.statement_timeout import statement_timeout
from sqlflow_dagster.errors import StepError, TerminalError, TransientError

# It gives rows, but COPY takes no such statement.
_NOT_COPIED = re.compile(
    r"(?:\s|--[^\n]*\n|/\*.*?\*/)*(?:EXPLAIN|SHOW|CALL|EXECUTE|FETCH)\b", re.IGNORECASE | re.DOTALL
)
CONNECT_TIMEOUT = 10
"""How long a server may take to answer, in seconds, where the URL does not say."""

_SAVEPOINT = "sqlflow_attempt"


class PostgreSQLSession(SQLAlchemySession):
    """One connection to a PostgreSQL server."""

    comment_statement = "COMMENT ON TABLE {} IS '{}'"
    engine: "PostgreSQLEngine"

    def check_syntax(self, sql: str) -> None:
        """Let the engine's own parser read a statement, which is not run."""
        import psycopg

        try:
            self._prepared(sql)
        except TerminalError as error:
            # Every other error may be mended by the statements before this one.
            if isinstance(error.__cause__, psycopg.errors.SyntaxError):
                raise

    def describe(self, query: str) -> tuple[Column, ...]:
        """The columns of a SELECT, which the server prepares and does not run."""
        return self._described(query)[0]

    def _described(self, query: str) -> tuple[tuple[Column, ...], list[WireType]]:
        result = self._prepared(query)
        names = told_apart(result.fname(index).decode() for index in range(result.nfields))
        oids = [(result.ftype(index), result.fmod(index)) for index in range(len(names))]
        types = [wire_type(*oid) for oid in oids]
        columns = tuple(
            Column(name=name, type=text, arrow_type=kind.arrow_type)
            for name, text, kind in zip(names, self._type_names(oids), types, strict=True)
        )
        return columns, types

    def _prepared(self, sql: str) -> Any:
        """What the server says of a statement that it parsed: the columns of its result."""
        import psycopg
        from psycopg.generators import execute

        with self._raw() as connection:
            connection.pgconn.send_prepare(b"", sql.encode())
            (result,) = connection.wait(execute(connection.pgconn))
            if result.status == psycopg.pq.ExecStatus.COMMAND_OK:
                connection.pgconn.send_describe_prepared(b"")
                (result,) = connection.wait(execute(connection.pgconn))
            if result.status != psycopg.pq.ExecStatus.COMMAND_OK:
                raise psycopg.errors.error_from_result(result, "utf-8")
            return result

    def _type_names(self, oids: Sequence[tuple[int, int]]) -> list[str]:
        """The server's own words for types, from their identifiers and modifiers."""
        if not oids:
            return []
        names = ", ".join(f"format_type({oid}, {modifier})" for oid, modifier in oids)
        with self._run(f"SELECT ARRAY[{names}]") as result:
            return list(result.scalar_one())

    def read(self, query: str, *, batch_rows: int = 65_536) -> pa.RecordBatchReader:
        """The rows of a SELECT as a stream; the session's next statement ends it."""
        if _NOT_COPIED.match(query):
            schema = _schema_of(self.describe(query))
            result = self._run(query)
            return self._reader(schema, result, self._batches(result, schema, batch_rows))
        batches = self._copied(query, batch_rows)
        schema = next(batches)
        return self._reader(schema, batches, batches)

    def _copied(self, query: str, batch_rows: int) -> Iterator[Any]:
        """The schema of the rows of a SELECT, then the rows.

        A COPY looks at the tables as they were before it waits for their locks: of one that is replaced
        meanwhile it would give no rows. In one transaction, the description has the locks by then.
        """
        with (
            self._translated(),
            nullcontext() if self._depth else self._driver_connection.transaction(),
        ):
            columns, types = self._described(query)
            schema = _schema_of(columns)
            yield schema
            with (
                self._driver_connection.cursor() as cursor,
                cursor.copy(copy_of(query, types)) as copy,
            ):
                try:
                    yield from decoded(_messages(copy), schema, types, batch_rows)
                except GeneratorExit:
                    if self._depth and is_active(self._driver_connection):
                        # Cancelling would fail the whole transaction.
                        for _ in copy:
                            pass
                    raise

    def end_stream(self, *arguments: object) -> None:
        """Let nobody read on what :meth:`read` gave."""
        stream = self._stream
        super().end_stream(*arguments)
        if isinstance(stream, GeneratorType):
            stream.close()

    def relation_kind(self, table: TableName) -> RelationKind | None:
        """Whether a name is a table or a view; None where nothing has it."""
        found = self._relation(table)
        if found is None:
            return None
        return "view" if found.relkind in ("v", "m") else "table"

    def _relation(self, table: TableName) -> Any:
        *qualifier, name = table
        if len(qualifier) > 1:
            raise TerminalError(
                f"{'.'.join(table)!r} has {len(table)} parts",
                hint="a table of PostgreSQL is named [schema.]table",
            )
        # An unqualified name is looked up where a CREATE TABLE puts it, so that replacing a table
        # never drops that of another schema.
        schema = (
            "n.nspname = :schema OR (:schema = 'pg_temp' AND n.oid = pg_my_temp_schema())"
            if qualifier
            else "n.nspname = current_schema() OR n.oid = pg_my_temp_schema()"
        )
        query = sa.text(
            "SELECT c.relkind, n.nspname, c.relname FROM pg_class c "
            "JOIN pg_namespace n ON n.oid = c.relnamespace "
            "WHERE c.relkind IN ('r', 'p', 'f', 'v', 'm') "
            f"AND ({schema}) AND lower(c.relname) = lower(:name) "
            "ORDER BY c.relname = :name DESC, n.oid = pg_my_temp_schema() DESC LIMIT 1"
        ).bindparams(name=name, **({"schema": qualifier[0]} if qualifier else {}))
        return self.connection.execute(query).one_or_none()

    def columns(self, table: TableName) -> tuple[Column, ...] | None:
        """The columns of a table or view; None where nothing has the name."""
        found = self._relation(table)
        if found is None:
            return None
        name = self.engine.quote((found.nspname, found.relname))
        return self.describe(f"SELECT * FROM {name}")

    def tables(self) -> list[tuple[str, ...]]:
        """The tables and views of a user, each as (schema, table)."""
        with self._run(
            "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n "
            "ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p', 'f', 'v', 'm') "
            "AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'"
        ) as result:
            return sorted(tuple(row) for row in result)

    def drop(self, table: TableName) -> None:
        """Drop a table or a view; nothing happens where nothing has the name."""
        found = self._relation(table)
        if found is not None:
            kind = {"v": "VIEW", "m": "MATERIALIZED VIEW", "f": "FOREIGN TABLE"}
            name = self.engine.quote((found.nspname, found.relname))
            self._run(f"DROP {kind.get(found.relkind, 'TABLE')} {name}").close()

    def create_schema(self, name: str) -> None:
        """Make sure that a schema exists."""
        try:
            super().create_schema(name)
        except TransientError:
            # Another session made it between the server's look and its own attempt.
            if self._depth:
                raise
            super().create_schema(name)

    def enter_schema(self, name: str) -> None:
        """Let unqualified names mean what is in a schema, which is made if it is not there."""
        there = sa.text("SELECT 1 FROM pg_namespace WHERE nspname = :name")
        if self.connection.execute(there, {"name": name}).first() is None:
            self.create_schema(name)
        # Not public, too: what is missing in one schema would be read from the other.
        self._run(f"SET search_path TO {self.engine.quote((name,))}").close()

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """A block of a transaction whose failed statement leaves the transaction usable."""
        if not self._depth:
            yield
            return
        self._run(f"SAVEPOINT {_SAVEPOINT}").close()
        try:
            yield
        except StepError as error:
            self._roll_back(
                error, f"ROLLBACK TO SAVEPOINT {_SAVEPOINT}; RELEASE SAVEPOINT {_SAVEPOINT}"
            )
            raise
        self._run(f"RELEASE SAVEPOINT {_SAVEPOINT}").close()

    @contextmanager
    def _making(self, table: TableName) -> Iterator[TableName]:
        """A block that makes the table aside: readers of the former one wait for the swap only."""
        _check_length(table[-1], "table")
        aside = (*table[:-1], f"sqlflow_aside_{uuid4().hex[:16]}")
        with self.transaction():
            yield aside
            self.drop(table)
            new_name = self.engine.quote(table[-1:])
            self._run(f"ALTER TABLE {self.engine.quote(aside)} RENAME TO {new_name}").close()

    def _create_from(self, table: TableName, rows: pa.RecordBatchReader) -> int:
        name = self.engine.quote(table)
        self._run(f"CREATE TABLE {name} ({self._column_list(rows.schema)})").close()
        binary = has_binary_form(rows.schema)
        form = "BINARY" if binary else "CSV"
        count = 0
        with (
            self._raw() as connection,
            connection.cursor() as cursor,
            cursor.copy(f"COPY {name} FROM STDIN (FORMAT {form})") as copy,
        ):
            if binary:
                copy.write(HEADER)
            for batch in checked_batches(rows):
                copy.write(as_binary(batch) if binary else as_csv(batch))
                count += batch.num_rows
            if binary:
                copy.write(TRAILER)
        return count

    def _column_list(self, schema: pa.Schema) -> str:
        check_names(schema)
        for name in schema.names:
            _check_length(name, "column")
        dialect = self.connection.dialect
        return ", ".join(
            f"{self.engine.quote((field.name,))} {_column_type(field).compile(dialect)}"
            for field in schema
        )

    @property
    def _driver_connection(self) -> Any:
        return self.connection.connection.driver_connection

    @contextmanager
    def _raw(self) -> Iterator[Any]:
        """The driver's own connection, for one statement."""
        self.end_stream()
        with self._translated():
            yield self._driver_connection

    @contextmanager
    def _translated(self) -> Iterator[None]:
        import psycopg

        try:
            yield
        except psycopg.Error as error:
            if self._driver_connection.broken:
                # Else the end of the session would fail, too, at its rollback.
                self.connection.invalidate(error)
            self.engine.raise_translated(error)
        except BaseException as error:
            # Ctrl-C cancels a COPY on the server, but leaves its connection in the midst of it.
            if is_active(self._driver_connection):
                cancel(self._driver_connection, error)
                self.connection.invalidate(error)
            raise


def _messages(copy: Any) -> Iterator[list[Any]]:
    """The messages of a COPY: what has arrived already is taken without the driver's waiting."""
    import psycopg
    from psycopg.generators import fetch_many

    connection = copy.connection
    arrived = connection.pgconn.get_copy_data
    while message := copy.read():
        messages = [message]
        while (found := arrived(1))[0] > 0:
            messages.append(found[1])
        yield messages
        if found[0] < 0:
            # All rows are here; a result tells whether the statement succeeded.
            for result in connection.wait(fetch_many(connection.pgconn)):
                if result.status != psycopg.pq.ExecStatus.COMMAND_OK:
                    raise psycopg.errors.error_from_result(result, "utf-8")
            return


def _schema_of(columns: Sequence[Column]) -> pa.Schema:
    return pa.schema([(column.name, column.arrow_type) for column in columns])


def _column_type(field: pa.Field) -> sa.types.TypeEngine[Any]:
    if pa.types.is_list(field.type) or pa.types.is_large_list(field.type):
        return postgresql.ARRAY(sql_type(field.type.value_field.with_name(field.name)))
    return sql_type(field)


def _check_length(name: str, kind: str) -> None:
    length = len(name.encode())
    if length > PostgreSQLEngine.max_identifier_length:
        # The server would cut it, and two names might become one.
        raise TerminalError(
            f"the name of the {kind} {name!r} has {length} bytes, and PostgreSQL takes "
            f"{PostgreSQLEngine.max_identifier_length}",
            hint="choose a shorter one",
        )


class PostgreSQLEngine(SQLAlchemyEngine[PostgreSQLSession]):
    """A PostgreSQL database, ``postgresql://user:password@host:5432/database``.

    What libpq understands goes into the query: ``?sslmode=verify-full&sslrootcert=ca.pem``. What the
    URL leaves out comes from libpq's own variables and files (``PGPASSWORD``, ``~/.pgpass``).
    """

    name = "postgresql"
    dialect = "postgres"
    max_identifier_length = 63
    default_schema: str | None = "public"
    session_type = PostgreSQLSession
    secret_options = ("password", "sslpassword")

    def __init__(self, url: sa.URL) -> None:
        super().__init__(url)
        # However the URL names its driver, there is one.
        self.url = url.set(drivername="postgresql+psycopg")

    def quote(self, table: TableName) -> str:
        """A table's name as SQL text of this engine."""
        # SQLAlchemy doubles percent signs for the driver, which a verbatim statement keeps.
        return ".".join('"' + part.replace('"', '""') + '"' for part in table)

    def connect_arguments(self) -> dict[str, Any]:
        """Speak UTF-8, and prepare nothing by name: a pooler may change the server's process."""
        defaults = {"application_name": "sqlflow", "connect_timeout": CONNECT_TIMEOUT}
        wanted = {key: value for key, value in defaults.items() if key not in self.url.query}
        return {"client_encoding": "utf8", "prepare_threshold": None, **wanted}

    def configure(self, connection: Any) -> None:
        """Bound the time of statements where the environment says so."""
        milliseconds = statement_timeout()
        if milliseconds is not None:
            connection.execute(f"SET statement_timeout = {milliseconds}")

    def _translate(self, context: sa.ExceptionContext) -> None:
        error = context.original_exception
        if context.connection is not None and not isinstance(error, Exception):
            # The driver cancels for Ctrl-C, but not for what Dagster raises.
            driver = context.connection.connection.driver_connection
            if is_active(driver):
                cancel(driver, error)
        super()._translate(context)

    def step_error(self, error: BaseException, message: str) -> StepError:
        """Say what an error of PostgreSQL means."""
        return meaning(error, message, self.display_url)
