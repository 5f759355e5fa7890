"""MaxCompute, through PyODPS: rows come and go as Arrow through its tunnel."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from sqlflow_dagster.engines.arrow_rows import checked_batches, told_apart
from sqlflow_dagster.engines.base import Column, RelationKind, TableName
from sqlflow_dagster.engines.maxcompute_dialect import place
from sqlflow_dagster.engines.parquet_files import plain_batch, plain_schema
from sqlflow_dagster.engines.renaming import RenamingSession, as_announced, is_of_ours
from sqlflow_dagster.engines.sqlalchemy import SQLAlchemyEngine
from sqlflow_dagster.errors import StepError, TerminalError, TransientError

sa.dialects.registry.register(
    "maxcompute.odps", "sqlflow_dagster.engines.maxcompute_dialect", "MaxComputeDialect"
)

_TYPES = {
    "boolean": pa.bool_(),
    "tinyint": pa.int8(),
    "smallint": pa.int16(),
    "int": pa.int32(),
    "bigint": pa.int64(),
    "float": pa.float32(),
    "double": pa.float64(),
    "date": pa.date32(),
    "datetime": pa.timestamp("us"),
    "timestamp_ntz": pa.timestamp("us"),
    "timestamp": pa.timestamp("us", "UTC"),
    "binary": pa.binary(),
}
_DECIMAL = re.compile(r"decimal\((\d+), ?(\d+)\)")
_WRITTEN = {
    "boolean": "BOOLEAN",
    "int8": "TINYINT",
    "int16": "SMALLINT",
    "int32": "INT",
    "int64": "BIGINT",
    "float32": "FLOAT",
    "float64": "DOUBLE",
    "decimal": "DECIMAL({}, {})",
    "date": "DATE",
    "timestamp": "TIMESTAMP_NTZ",
    "moment": "TIMESTAMP",
    "text": "STRING",
    "bytes": "BINARY",
}
_PLACE = re.compile(r":?\[(\d+),(\d+)\]")
_TRANSIENT = frozenset(
    {
        "BadGatewayError",
        "ConnectTimeout",
        "InternalConnectionError",
        "InternalServerError",
        "RequestTimeTooSkewed",
        "SQAResourceNotEnough",
        "SQAServiceUnavailable",
    }
)
_TRANSIENT_STATUS = frozenset({408, 429, 500, 502, 503, 504})
_HINTS = {
    "NoPermission": "let an administrator grant the right to the account of the data source",
    "NoSuchProject": "correct the project in the URL: ?curr_project=…",
    "Unauthorized": "correct the id or the secret of the data source",
}


class MaxComputeSession(RenamingSession):
    """A client of a project of MaxCompute."""

    renames_within = True
    comment_statement = "ALTER TABLE {} SET COMMENT '{}'"
    engine: "MaxComputeEngine"

    def execute(self, sql: str) -> int | None:
        """Run one statement verbatim; how many rows it changed is not told."""
        with self._raw(sql) as connection:
            _done(connection, sql)
        return None

    def describe(self, query: str) -> tuple[Column, ...]:
        """The columns of a SELECT, by a job that gives no row of it: there is no other way to ask."""
        sql = f"SELECT a.* FROM (\n{query}\n) a LIMIT 0"
        with self._raw(sql) as connection:
            reader = _done(connection, sql).open_reader(tunnel=True, limit=False)
            return _columns(reader.schema)

    def read(self, query: str, *, batch_rows: int = 65_536) -> pa.RecordBatchReader:
        """The rows of a SELECT as a stream; the session's next statement ends it."""
        with self._raw(query) as connection:
            reader = _done(connection, query).open_reader(tunnel=True, limit=False, arrow=True)
            columns = _columns(reader.schema)
        schema = pa.schema([(column.name, column.arrow_type) for column in columns])

        def batches() -> Iterator[pa.RecordBatch]:
            from odps import options

            # A setting of the thread: else moments would come in the zone of this machine.
            options.local_timezone = "UTC"
            with self._translated(query):
                for batch in reader:
                    for start in range(0, batch.num_rows, batch_rows):
                        yield as_announced(batch.slice(start, batch_rows), columns, schema)

        stream = batches()
        return self._reader(schema, stream, stream)

    def relation_kind(self, table: TableName) -> RelationKind | None:
        """Whether a name is a table or a view; None where nothing has it."""
        with self._raw() as connection:
            found = _if_there(connection.odps, table)
            return None if found is None else "view" if found.is_virtual_view else "table"

    def last_change(self, table: TableName) -> datetime | None:
        """When a table was changed last."""
        with self._raw() as connection:
            found = _if_there(connection.odps, table)
            if found is None or found.is_virtual_view:
                return None
            # The client gives it in the zone of this machine, without saying so.
            changed: datetime = found.last_data_modified_time
            return changed.astimezone(UTC)

    def tables(self) -> list[tuple[str, ...]]:
        """The tables and views of the project, each as (project, table)."""
        project = self.engine.default_schema or ""
        with self._raw() as connection:
            names = [table.name for table in connection.odps.list_tables()]
        return sorted((project, name) for name in names if not is_of_ours(name))

    def create_schema(self, name: str) -> None:
        """Refuse: a schema is a project, which no statement makes."""
        raise TerminalError(
            f"MaxCompute cannot make {name!r}: what stands before a table is a project",
            hint="make the project in the console, or leave it out of the name",
        )

    def enter_schema(self, name: str) -> None:
        """Nothing: the connection is one to the project."""

    def _create_from(self, table: TableName, rows: pa.RecordBatchReader) -> int:
        columns = self._column_list(rows.schema, _WRITTEN)
        self._run(f"CREATE TABLE {self.engine.quote(table)} ({columns})").close()
        name, where = _placed_in(table)
        schema = plain_schema(rows.schema)
        count = 0
        with (
            self._raw() as connection,
            connection.odps.get_table(name, **where).open_writer(arrow=True) as writer,
        ):
            for batch in checked_batches(rows):
                writer.write(_for_tunnel(plain_batch(batch, schema)))
                count += batch.num_rows
        return count

    def place_of(self, error: BaseException) -> tuple[int, int] | None:
        """Where in its statement an error of the driver is: line and column, from 1."""
        found = _PLACE.search(str(error))
        return (int(found[1]), int(found[2])) if found else None


class MaxComputeEngine(SQLAlchemyEngine[MaxComputeSession]):
    """A project of MaxCompute, ``maxcompute://id:secret@host/api?curr_project=project``.

    Raises:
        TerminalError: The URL names no project.
    """

    name = "maxcompute"
    dialect = "maxcompute"
    max_identifier_length = 128
    transactional_ddl = False
    session_type = MaxComputeSession
    isolation_level = None
    driver_packages = ("odps", "requests")

    def __init__(self, url: sa.URL) -> None:
        super().__init__(url)
        _, self.default_schema = place(url)
        # However the URL names its driver, there is one.
        self.url = url.set(drivername="maxcompute+odps")

    def use_schema(self, name: str) -> None:
        """Let the sessions from now on work in a project, which must be there."""
        super().use_schema(name)
        self.url = self.url.update_query_dict({"curr_project": name})

    def quote(self, table: TableName) -> str:
        """A table's name as SQL text of this engine."""
        return ".".join("`" + part.replace("`", "``") + "`" for part in table)

    def message_of(self, error: BaseException) -> str:
        """What an error of the driver says, without the numbers of its request."""
        return _PLACE.sub("", str(error.args[0]) if error.args else str(error))

    def step_error(self, error: BaseException, message: str) -> StepError:
        """Say what an error of MaxCompute means, by its class and its status."""
        kind = type(error).__name__
        if type(error).__module__.startswith("requests"):
            return TransientError(
                f"{self.display_url}: {message}", hint="see that the service is reached from here"
            )
        if kind in _TRANSIENT or getattr(error, "status_code", None) in _TRANSIENT_STATUS:
            return TransientError(message, hint="run it again")
        return TerminalError(message, hint=_HINTS.get(kind))


def _done(connection: Any, sql: str) -> Any:
    """The instance of a statement, when it has ended."""
    instance = connection.odps.run_sql(sql, hints=connection._hints)
    try:
        instance.wait_for_success()
    except Exception:
        raise
    except BaseException:
        # Ctrl-C: the service would go on with it.
        instance.stop()
        raise
    return instance


def _if_there(odps: Any, table: TableName) -> Any:
    name, where = _placed_in(table)
    return odps.get_table(name, **where) if odps.exist_table(name, **where) else None


def _columns(schema: Any) -> tuple[Column, ...]:
    names = told_apart(item.name for item in schema.columns)
    types = [str(item.type).lower() for item in schema.columns]
    return tuple(
        Column(name=name, type=text, arrow_type=_arrow_type(text))
        for name, text in zip(names, types, strict=True)
    )


def _arrow_type(text: str) -> pa.DataType:
    found = _DECIMAL.fullmatch(text)
    if found is None:
        return _TYPES.get(text, pa.string())
    precision, scale = int(found[1]), int(found[2])
    return pa.decimal128(precision, scale) if precision <= 38 else pa.float64()


def _for_tunnel(batch: pa.RecordBatch) -> pa.RecordBatch:
    """A batch with moments in nanoseconds, which is what the tunnel takes."""
    fields = [
        pa.field(field.name, pa.timestamp("ns", field.type.tz))
        if pa.types.is_timestamp(field.type)
        else field
        for field in batch.schema
    ]
    try:
        return batch.cast(pa.schema(fields))
    except pa.ArrowException as error:
        raise TerminalError(
            f"a timestamp cannot be written to MaxCompute: {error}",
            hint="turn what is before 1677 or after 2262 into NULL or text in the SELECT",
        ) from error


def _placed_in(table: TableName) -> tuple[str, dict[str, str]]:
    *project, name = table
    if len(project) > 1:
        raise TerminalError(
            f"{'.'.join(table)!r} has {len(table)} parts",
            hint="a table of MaxCompute is named [project.]table",
        )
    return name, {"project": project[0]} if project else {}
