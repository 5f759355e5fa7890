"""One connection to a server of MySQL or MariaDB."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from types import GeneratorType
from typing import Any, NoReturn
from uuid import uuid4

import pyarrow as pa
import sqlalchemy as sa

from sqlflow_dagster.engines.arrow_rows import check_names, checked_batches
from sqlflow_dagster.engines.base import Column, RelationKind, TableName
from sqlflow_dagster.engines.mysql_errors import (
    INTERRUPTED,
    NO_LOCAL_DATA,
    SYNTAX_ERRORS,
    number_of,
)
from sqlflow_dagster.engines.mysql_former_tables import ASIDE, HIDDEN, FormerTables
from sqlflow_dagster.engines.mysql_load import (
    as_lines,
    column_type,
    load_statement,
    python_rows,
    send,
)
from sqlflow_dagster.engines.mysql_relations import Relation, Relations
from sqlflow_dagster.engines.mysql_rows import decoded
from sqlflow_dagster.engines.mysql_statements import described, prepared, rows_of, started
from sqlflow_dagster.engines.sqlalchemy_session import SessionEngine, SQLAlchemySession, tidying_up
from sqlflow_dagster.errors import StepError, TerminalError


class MySQLSession(SQLAlchemySession):
    """One connection to a server of MySQL or MariaDB."""

    # Not BEGIN: a CREATE commits, and what follows it is to be one transaction again.
    begin_statement = "SET autocommit = 0"
    comment_statement = "ALTER TABLE {} COMMENT = '{}'"

    def __init__(
        self, engine: SessionEngine, connection: sa.Connection, prefix: Sequence[str]
    ) -> None:
        super().__init__(engine, connection, prefix)
        self._relations = Relations(connection, run=lambda sql: self._run(sql).close())
        self._former = FormerTables(self._relations)

    def execute(self, sql: str) -> int | None:
        """Run one statement verbatim and commit it; the number of rows changed, where known."""
        with self._raw() as connection:
            changed: int = connection.query(sql, unbuffered=True)
            result = connection._result
            gives_rows = result.unbuffered_active
            # The server computes a SELECT only as far as it is read.
            for _ in rows_of(connection, result):
                pass
            while connection._result.has_next:
                connection.next_result()
            return None if gives_rows else changed

    def check_syntax(self, sql: str) -> None:
        """Let the engine's own parser read a statement, which is not run."""
        try:
            with self._prepared(sql):
                pass
        except TerminalError as error:
            # Every other error may be mended by the statements before this one.
            if error.__cause__ is not None and number_of(error.__cause__) in SYNTAX_ERRORS:
                raise

    def describe(self, query: str) -> tuple[Column, ...]:
        """The columns of a SELECT, which the server prepares and does not run."""
        with self._prepared(query) as (_, fields):
            return described(fields)[0]

    def read(self, query: str, *, batch_rows: int = 65_536) -> pa.RecordBatchReader:
        """The rows of a SELECT as a stream; the session's next statement ends it."""
        batches = self._streamed(query, batch_rows)
        schema = next(batches)
        return self._reader(schema, batches, batches)

    def _streamed(self, query: str, batch_rows: int) -> Iterator[Any]:
        """The schema of the rows of a SELECT, then the rows."""
        with self._prepared(query) as (statement, _):
            connection = self._driver_connection
            result = started(connection, statement)
            try:
                columns, types = described(result.fields)
                schema = pa.schema([(column.name, column.arrow_type) for column in columns])
                yield schema
                yield from decoded(rows_of(connection, result), schema, types, batch_rows)
            finally:
                if result.unbuffered_active and connection.open:
                    self._abandon(connection, result)

    def _abandon(self, connection: Any, result: Any) -> None:
        """Let the server end a statement whose rows nobody wants any more."""
        import pymysql

        self._kill(connection, "QUERY")
        try:
            for _ in rows_of(connection, result):
                pass
        except pymysql.Error as error:
            if number_of(error) not in INTERRUPTED:
                raise

    @contextmanager
    def _prepared(self, sql: str) -> Iterator[tuple[int, list[Any]]]:
        with self._raw() as connection, prepared(connection, sql) as statement:
            yield statement

    def end_stream(self, *arguments: object) -> None:
        """Let nobody read on what :meth:`read` gave."""
        stream = self._stream
        super().end_stream(*arguments)
        if isinstance(stream, GeneratorType):
            stream.close()

    def relation_kind(self, table: TableName) -> RelationKind | None:
        """Whether a name is a table or a view; None where nothing has it."""
        found = self._relation(table)
        return None if found is None else found.kind

    def _relation(self, table: TableName) -> Relation | None:
        schema, name = self._key(table)
        found = self._relations.find(schema, name)
        if found is None and self._former.restored(schema, name):
            return self._relations.find(schema, name)
        return found

    def _key(self, table: TableName) -> tuple[str | None, str]:
        *qualifier, name = table
        if len(qualifier) > 1:
            raise TerminalError(
                f"{'.'.join(table)!r} has {len(table)} parts",
                hint="a table of MySQL is named [database.]table",
            )
        return (qualifier[0] if qualifier else None), name

    def last_change(self, table: TableName) -> datetime | None:
        """When rows were put into a table or changed there last, if the server has it in memory since."""
        found = self._relation(table)
        return None if found is None else self._relations.last_change(found)

    def tables(self) -> list[tuple[str, ...]]:
        """The tables and views of a user, each as (database, table)."""
        with self._run(
            "SELECT table_schema, table_name FROM information_schema.tables WHERE table_schema "
            "NOT IN ('information_schema', 'mysql', 'performance_schema', 'sys') "
            f"AND NOT ({HIDDEN})"
        ) as result:
            return sorted(tuple(row) for row in result)

    def drop(self, table: TableName) -> None:
        """Drop a table or a view; nothing happens where nothing has the name."""
        found = self._relation(table)
        if found is not None:
            self._relations.drop(found)

    # -- whole or not at all

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """A block whose statements are kept together or undone together.

        Each CREATE, DROP and ALTER of a user commits what was changed before it.
        """
        outermost = not self._depth
        try:
            with super().transaction():
                yield
            if outermost:
                self._former.forget()
        except BaseException as error:
            if outermost:
                self._former.put_back(error)
            raise

    def _commit(self) -> None:
        super()._commit()
        self._run("SET autocommit = 1").close()

    def _roll_back(self, error: BaseException, statement: str = "ROLLBACK") -> None:
        super()._roll_back(error, statement)
        super()._roll_back(error, "SET autocommit = 1")

    @contextmanager
    def replacing(self, table: TableName) -> Iterator[None]:
        """A block in which statements of a user create ``table`` anew."""
        with self.transaction():
            self._former.clear(*self._key(table))
            yield

    @contextmanager
    def _making(self, table: TableName) -> Iterator[TableName]:
        """A block that makes the table aside, which then takes the name in one step."""
        schema, name = self._key(table)
        self._check_length(name, "table")
        aside = Relation(schema, f"{ASIDE}{uuid4().hex[:16]}", "table")
        self._former.lock(schema, aside.name)
        try:
            # Found first: what a dead session had renamed gets its name back.
            self._relation(table)
            self._former.drop_leftovers(schema, name)
            yield aside.parts
            if self._depth:
                self._former.clear(schema, name)
                self._relations.rename((aside, name))
            else:
                with self._former.kept(schema, name):
                    self._swap(aside, self._relations.find(schema, name), name)
        except BaseException as error:
            with tidying_up(error):
                self.drop(aside.parts)
            raise
        finally:
            with suppress(sa.exc.PendingRollbackError, StepError):
                # A lost connection has lost its locks.
                self._former.unlock(schema, aside.name)

    def _swap(self, aside: Relation, former: Relation | None, name: str) -> None:
        if former is None:
            self._relations.rename((aside, name))
            return
        between = aside.named(f"{aside.name}_")
        exchange = (
            (former, between.name),
            (aside, former.name),
            (former.named(between.name), aside.name),
        )
        self._relations.rename(*exchange)
        left = former.named(aside.name)
        try:
            self._relations.drop(left)
        except StepError as error:
            # Something depends on the former table.
            with tidying_up(error):
                self._relations.rename(
                    (former, between.name),
                    (left, former.name),
                    (aside.named(between.name), aside.name),
                )
            raise

    def _create_from(self, table: TableName, rows: pa.RecordBatchReader) -> int:
        check_names(rows.schema)
        for column in rows.schema.names:
            self._check_length(column, "column")
        name = self.engine.quote(table)
        columns = ", ".join(
            f"{self.engine.quote((field.name,))} {column_type(field)}" for field in rows.schema
        )
        self._run(f"CREATE TABLE {name} ({columns}) DEFAULT CHARACTER SET utf8mb4").close()
        count = 0

        def batches() -> Iterator[pa.RecordBatch]:
            nonlocal count
            for batch in checked_batches(rows):
                count += batch.num_rows
                yield batch

        self._fill(name, len(rows.schema), batches())
        return count

    def _fill(self, name: str, columns: int, batches: Iterator[pa.RecordBatch]) -> None:
        import pymysql

        with self._raw() as connection:
            try:
                warnings = send(connection, load_statement(name), map(as_lines, batches))[1]
            except pymysql.Error as error:
                if number_of(error) not in NO_LOCAL_DATA:
                    raise
            else:
                if warnings:
                    self._refuse_warnings()
                return
        values = ", ".join(["%s"] * columns)
        insert = f"INSERT INTO {name.replace('%', '%%')} VALUES ({values})"
        with self.transaction(), self._raw() as connection, connection.cursor() as cursor:
            for batch in batches:
                if batch.num_rows:
                    cursor.executemany(insert, python_rows(batch))

    def _refuse_warnings(self) -> NoReturn:
        # LOAD DATA LOCAL makes a warning of every error in the rows.
        with self._run("SHOW WARNINGS LIMIT 1") as result:
            warning = result.one()
        raise TerminalError(
            f"the rows were changed while they were written: {warning.Message} ({warning.Code})"
        )

    # -- the driver's connection

    @property
    def _driver_connection(self) -> Any:
        return self.connection.connection.driver_connection

    def _run(self, sql: str, **options: Any) -> sa.CursorResult[Any]:
        with self._stopped_when_interrupted():
            return super()._run(sql, **options)

    @contextmanager
    def _raw(self) -> Iterator[Any]:
        """The driver's own connection, for one statement."""
        import pymysql

        self.end_stream()
        connection = self._driver_connection
        try:
            with self._stopped_when_interrupted():
                yield connection
        except pymysql.Error as error:
            if not connection.open:
                # Else the end of the session would fail, too, at its rollback.
                self.connection.invalidate(error)
            self.engine.raise_translated(error)

    @contextmanager
    def _stopped_when_interrupted(self) -> Iterator[None]:
        connection = self._driver_connection
        try:
            yield
        except RuntimeError as error:
            if "LOAD_LOCAL" not in str(error):
                raise
            # The server waits for rows that the driver does not send.
            self.connection.invalidate(error)
            raise TerminalError(
                "LOAD DATA LOCAL may read no file of this machine",
                hint="write ?local_infile=1 at the end of the data source",
            ) from error
        except (Exception, GeneratorExit):
            raise
        except BaseException as error:
            # Ctrl-C: the server would go on with the statement without anybody who waits for it.
            with tidying_up(error):
                self._kill(connection, "CONNECTION")
            if not self.connection.invalidated:
                self.connection.invalidate(error)
            raise

    def _kill(self, connection: Any, what: str) -> None:
        """End the statement (``QUERY``) or the whole of a connection of the driver, from another one."""
        with self.engine.sqlalchemy_engine.connect() as other:
            other.exec_driver_sql(f"KILL {what} {connection.thread_id():d}")

    def _check_length(self, name: str, kind: str) -> None:
        limit = self.engine.max_identifier_length
        if len(name) > limit:
            raise TerminalError(
                f"the name of the {kind} {name!r} has {len(name)} characters, and MySQL takes {limit}",
                hint="choose a shorter one",
            )
