"""Trino, through its own client."""

import json
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from sqlflow_dagster.engines.arrow_rows import checked_batches, standard_type, to_array, told_apart
from sqlflow_dagster.engines.base import Column, RelationKind, TableName
from sqlflow_dagster.engines.renaming import RenamingSession, is_of_ours
from sqlflow_dagster.engines.sqlalchemy import SQLAlchemyEngine
from sqlflow_dagster.engines.statement_timeout import TIMEOUT_VARIABLE, statement_timeout
from sqlflow_dagster.errors import StepError, TerminalError, TransientError

INSERT_CHARACTERS = 500_000
"""How long an INSERT gets; a server takes a million characters unless it is told otherwise."""

_SIMPLE = {
    "boolean": pa.bool_(),
    "tinyint": pa.int8(),
    "smallint": pa.int16(),
    "integer": pa.int32(),
    "bigint": pa.int64(),
    "real": pa.float32(),
    "double": pa.float64(),
    "date": pa.date32(),
    "varbinary": pa.binary(),
}
_DECIMAL = re.compile(r"decimal\((\d+), ?(\d+)\)")
_TIME = re.compile(r"(time|timestamp)(?:\(\d+\))?( with time zone)?")
_ARRAY = re.compile(r"array\((.+)\)")
_WRITTEN = {
    "boolean": "BOOLEAN",
    "int8": "TINYINT",
    "int16": "SMALLINT",
    "int32": "INTEGER",
    "int64": "BIGINT",
    "float32": "REAL",
    "float64": "DOUBLE",
    "decimal": "DECIMAL({}, {})",
    "date": "DATE",
    "time": "TIME(6)",
    "timestamp": "TIMESTAMP(6)",
    "moment": "TIMESTAMP(6) WITH TIME ZONE",
    "text": "VARCHAR",
    "bytes": "VARBINARY",
}
_NARROW = {pa.int8(): "TINYINT", pa.int16(): "SMALLINT", pa.float32(): "REAL"}
"""The types of columns that literals are too wide for."""
_FLOATS = {"nan": "nan()", "inf": "infinity()", "-inf": "-infinity()"}
_LINE = re.compile(r"^line \d+:\d+: ")
_TRANSIENT = frozenset(
    {
        "ADMINISTRATIVELY_PREEMPTED",
        "CLUSTER_OUT_OF_MEMORY",
        "NO_NODES_AVAILABLE",
        "PAGE_TRANSPORT_ERROR",
        "PAGE_TRANSPORT_TIMEOUT",
        "QUERY_QUEUE_FULL",
        "REMOTE_HOST_GONE",
        "REMOTE_TASK_ERROR",
        "REMOTE_TASK_MISMATCH",
        "SERVER_SHUTTING_DOWN",
        "SERVER_STARTING_UP",
        "TRANSACTION_CONFLICT",
    }
)
_HINTS = {
    "EXCEEDED_TIME_LIMIT": f"give it more time with {TIMEOUT_VARIABLE}, or make it faster",
    "MISSING_CATALOG_NAME": "name a catalog in the URL: trino://user@host/catalog/schema",
    "MISSING_SCHEMA_NAME": "name a schema in the URL, or write schema.table",
    "NOT_SUPPORTED": "the connector of this catalog cannot do it; write to another catalog",
    "PERMISSION_DENIED": "let an administrator grant the right to the user of the data source",
    "QUERY_TEXT_TOO_LARGE": "raise query.max-length on the server",
}
_UNAVAILABLE = frozenset({"Http502Error", "Http503Error", "Http504Error", "TrinoConnectionError"})


class TrinoSession(RenamingSession):
    """One client of a Trino cluster."""

    comment_statement = "COMMENT ON TABLE {} IS '{}'"
    engine: "TrinoEngine"

    def execute(self, sql: str) -> int | None:
        """Run one statement verbatim; the number of rows changed, where known."""
        with self._raw(sql) as connection:
            cursor = connection.cursor()
            try:
                cursor.execute(sql)
                while cursor.fetchmany(10_000):
                    pass
                # A CREATE TABLE … AS and an INSERT give a row, too: their count.
                changed = cursor.update_type is not None and cursor.rowcount >= 0
                return cursor.rowcount if changed else None
            finally:
                # It cancels what still runs, as after Ctrl-C.
                cursor.close()

    def check_syntax(self, sql: str) -> None:
        """Let the engine's own parser read a statement, which is not run."""
        try:
            self._run(f"PREPARE sqlflow_syntax FROM\n{sql}").close()
        except TerminalError as error:
            if getattr(error.__cause__, "error_name", None) == "SYNTAX_ERROR":
                raise
            return
        self._run("DEALLOCATE PREPARE sqlflow_syntax").close()

    def describe(self, query: str) -> tuple[Column, ...]:
        """The columns of a SELECT, which the server prepares and does not run."""
        # On a line of its own, so that the driver's PREPARE before it moves no column.
        with self._raw(f"\n{query}") as connection:
            found = connection.cursor().describe(f"\n{query}")
        names = told_apart(item.name for item in found)
        return tuple(
            Column(name=name, type=item.type, arrow_type=arrow_type(item.type))
            for name, item in zip(names, found, strict=True)
        )

    def array(self, values: Sequence[Any], field: pa.Field) -> pa.Array:
        """The values of a column as an array of its type."""
        return to_array(values, field, convert=_as_text if field.type == pa.string() else None)

    def relation_kind(self, table: TableName) -> RelationKind | None:
        """Whether a name is a table or a view; None where nothing has it."""
        *qualifier, name = table
        if len(qualifier) > 2:
            raise TerminalError(
                f"{'.'.join(table)!r} has {len(table)} parts",
                hint="a table of Trino is named [[catalog.]schema.]table",
            )
        schema = literal(qualifier[-1].lower()) if qualifier else "current_schema"
        catalog = f"{self.engine.quote(qualifier[:1])}." if len(qualifier) == 2 else ""
        with self._run(
            f"SELECT table_type FROM {catalog}information_schema.tables "
            f"WHERE table_schema = {schema} AND table_name = {literal(name.lower())}"
        ) as result:
            kind = result.scalar()
        return None if kind is None else "view" if kind == "VIEW" else "table"

    def tables(self) -> list[tuple[str, ...]]:
        """The tables and views of a user in the catalog, each as (schema, table)."""
        with self._run(
            "SELECT table_schema, table_name FROM information_schema.tables "
            "WHERE table_schema <> 'information_schema'"
        ) as result:
            found = [tuple(row) for row in result]
        return sorted(parts for parts in found if not is_of_ours(parts[-1]))

    def _create_from(self, table: TableName, rows: pa.RecordBatchReader) -> int:
        columns = self._column_list(rows.schema, _WRITTEN)
        name = self.engine.quote(table)
        self._run(f"CREATE TABLE {name} ({columns})").close()
        count = 0
        for batch in checked_batches(rows):
            for values in _inserted(batch):
                self.execute(f"INSERT INTO {name} VALUES {values}")
            count += batch.num_rows
        return count

    def _comment_on(self, table: TableName, comment: str | None) -> None:
        try:
            super()._comment_on(table, comment)
        except TerminalError as error:
            # Tables of many connectors have no comments.
            if getattr(error.__cause__, "error_name", None) != "NOT_SUPPORTED":
                raise

    def place_of(self, error: BaseException) -> tuple[int, int] | None:
        """Where in its statement an error of the driver is: line and column, from 1."""
        place: tuple[int, int] | None = getattr(error, "error_location", None)
        return place


class TrinoEngine(SQLAlchemyEngine[TrinoSession]):
    """A catalog of a Trino cluster, ``trino://user:password@host:443/catalog/schema``.

    The query of the URL takes what the dialect of its client takes: ``access_token``, ``verify``, ``roles``, ….
    """

    name = "trino"
    dialect = "trino"
    max_identifier_length = 128
    transactional_ddl = False
    session_type = TrinoSession
    driver_packages = ("trino", "requests")
    secret_options = ("access_token", "extra_credential", "http_headers")

    def __init__(self, url: sa.URL) -> None:
        super().__init__(url)
        _, slash, schema = (url.database or "").partition("/")
        self.default_schema = schema if slash else None

    def quote(self, table: TableName) -> str:
        """A table's name as SQL text of this engine."""
        return ".".join('"' + part.replace('"', '""') + '"' for part in table)

    def connect_arguments(self) -> dict[str, Any]:
        """Name ourselves; count moments in UTC; bound the time of statements where the environment says so."""
        arguments: dict[str, Any] = {"timezone": "UTC"}
        if "source" not in self.url.query:
            arguments["source"] = "sqlflow"
        secrets = {"access_token", "cert"} & self.url.query.keys()
        if (self.url.password or secrets) and "allow_insecure_auth" not in self.url.query:
            # Nobody is told a secret without TLS, whatever the port.
            arguments["http_scheme"] = "https"
        milliseconds = statement_timeout()
        if milliseconds is not None:
            given = json.loads(str(self.url.query.get("session_properties", "{}")))
            arguments["session_properties"] = {"query_max_run_time": f"{milliseconds}ms"} | given
        return arguments

    def message_of(self, error: BaseException) -> str:
        """What an error of the driver says."""
        message = getattr(error, "message", None)
        return _LINE.sub("", message) if isinstance(message, str) else str(error)

    def step_error(self, error: BaseException, message: str) -> StepError:
        """Say what an error of Trino means, by its name."""
        name = getattr(error, "error_name", None)
        if name is not None:
            if name in _TRANSIENT:
                return TransientError(message, hint="run it again")
            return TerminalError(message, hint=_HINTS.get(name))
        kind = type(error).__name__
        if kind in _UNAVAILABLE or type(error).__module__.startswith("requests"):
            return TransientError(
                f"{self.display_url}: {message}",
                hint="see that the server runs and is reached from here",
            )
        if kind == "TrinoAuthError" or "401" in message:
            return TerminalError(
                f"{self.display_url}: {message}",
                hint="correct the user or the password of the data source",
            )
        return TerminalError(message)


def arrow_type(text: str) -> pa.DataType:
    """The Arrow type for a type as Trino writes it; text for one that Arrow has no like of."""
    if text in _SIMPLE:
        return _SIMPLE[text]
    if found := _DECIMAL.fullmatch(text):
        return pa.decimal128(int(found[1]), int(found[2]))
    if found := _TIME.fullmatch(text):
        if found[1] == "time":
            return pa.string() if found[2] else pa.time64("us")
        return pa.timestamp("us", "UTC" if found[2] else None)
    if found := _ARRAY.fullmatch(text):
        inner = arrow_type(found[1])
        if found[1].startswith("varchar") or inner != pa.string():
            return pa.list_(inner)
    return pa.string()


def _as_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    nested = isinstance(value, list | tuple | dict)
    return json.dumps(value, default=str, ensure_ascii=False) if nested else str(value)


def literal(value: Any) -> str:
    """A value of Python as a literal of Trino."""
    match value:
        case None:
            return "NULL"
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float():
            return _FLOATS.get(repr(value), f"DOUBLE '{value!r}'")
        case Decimal():
            return f"DECIMAL '{value:f}'"
        case bytes():
            return f"X'{value.hex()}'"
        case datetime(tzinfo=None):
            return f"TIMESTAMP '{value.isoformat(' ', 'microseconds')}'"
        case datetime():
            moment = value.astimezone(UTC).replace(tzinfo=None)
            return f"TIMESTAMP '{moment.isoformat(' ', 'microseconds')} UTC'"
        case date():
            return f"DATE '{value.isoformat()}'"
        case time():
            return f"TIME '{value.isoformat('microseconds')}'"
        case _:
            return "'" + str(value).replace("'", "''") + "'"


def _inserted(batch: pa.RecordBatch) -> Iterator[str]:
    """The rows of a batch as the VALUES of statements that are not too long."""
    columns = [_literals(column) for column in batch.columns]
    rows: list[str] = []
    size = 0
    for row in zip(*columns, strict=True):
        text = f"({', '.join(row)})"
        if rows and size + len(text) > INSERT_CHARACTERS:
            yield ", ".join(rows)
            rows, size = [], 0
        rows.append(text)
        size += len(text) + 2
    if rows:
        yield ", ".join(rows)


def _literals(column: pa.Array) -> Iterator[str]:
    column = column.cast(standard_type(column.type))
    if pa.types.is_timestamp(column.type) and column.type.unit == "ns":
        # Python's datetime counts microseconds.
        column = pc.cast(column, pa.timestamp("us", column.type.tz), safe=False)
    texts = map(literal, column.to_pylist())
    narrow = _NARROW.get(column.type)
    return texts if narrow is None else (f"CAST({text} AS {narrow})" for text in texts)
