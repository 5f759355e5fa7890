"""Snowflake, through its connector: rows come as Arrow, and go as a Parquet file that is copied into a table."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from sqlflow_dagster.engines.arrow_rows import told_apart
from sqlflow_dagster.engines.base import Column, RelationKind, TableName
from sqlflow_dagster.engines.parquet_files import parquet_file
from sqlflow_dagster.engines.renaming import RenamingSession, as_announced, is_of_ours
from sqlflow_dagster.engines.sqlalchemy import SQLAlchemyEngine
from sqlflow_dagster.engines.statement_timeout import TIMEOUT_VARIABLE, statement_timeout
from sqlflow_dagster.errors import StepError, TerminalError, TransientError

_REGULAR = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*")
_UPPER = re.compile(r"[A-Z_][A-Z0-9_$]*")
_TEXT = pa.string()
# By the number that the connector gives a type.
_TYPES: dict[int, tuple[str, pa.DataType]] = {
    1: ("FLOAT", pa.float64()),
    2: ("VARCHAR", _TEXT),
    3: ("DATE", pa.date32()),
    4: ("TIMESTAMP", pa.timestamp("us")),
    5: ("VARIANT", _TEXT),
    6: ("TIMESTAMP_LTZ", pa.timestamp("us", "UTC")),
    7: ("TIMESTAMP_TZ", pa.timestamp("us", "UTC")),
    8: ("TIMESTAMP_NTZ", pa.timestamp("us")),
    9: ("OBJECT", _TEXT),
    10: ("ARRAY", _TEXT),
    11: ("BINARY", pa.binary()),
    12: ("TIME", pa.time64("us")),
    13: ("BOOLEAN", pa.bool_()),
    14: ("GEOGRAPHY", _TEXT),
    15: ("GEOMETRY", _TEXT),
}
_NUMBER = 0
_WRITTEN = {
    "boolean": "BOOLEAN",
    **dict.fromkeys(("int8", "int16", "int32", "int64"), "NUMBER(19, 0)"),
    **dict.fromkeys(("float32", "float64"), "FLOAT"),
    "decimal": "NUMBER({}, {})",
    "date": "DATE",
    "time": "TIME(6)",
    "timestamp": "TIMESTAMP_NTZ(6)",
    "moment": "TIMESTAMP_TZ(6)",
    "text": "VARCHAR",
    "bytes": "BINARY",
}
_FORMAT = "TYPE = PARQUET BINARY_AS_TEXT = FALSE USE_LOGICAL_TYPE = TRUE"
_PLACE = re.compile(r"line (\d+) at position (\d+)")
_PLACE_IN_WORDS = re.compile(r"^error line \d+ at position \d+\s*|\s+line \d+ at position \d+")
_SYNTAX = 1003
_TRANSIENT = frozenset({625, 253003, 253006, 290404, 290503, 390114, 390195})
_HINTS = {
    606: "name a warehouse in the URL: ?warehouse=…",
    630: f"give it more time with {TIMEOUT_VARIABLE}, or make it faster",
    90105: "name a database and a schema in the URL: snowflake://user@account/database/schema",
    3001: "let an administrator grant the right to the role of the data source",
}
_REFUSED = re.compile(r"incorrect username or password|authenticat|JWT|not found\b.*account", re.I)


class SnowflakeSession(RenamingSession):
    """One session of Snowflake."""

    # It holds for rows: a CREATE, DROP or RENAME commits what was changed before it.
    begin_statement = "BEGIN"
    replaces = "CREATE OR REPLACE TABLE {} COPY GRANTS"
    comment_statement = "COMMENT ON TABLE {} IS '{}'"
    comment_clause = " COMMENT = '{}'"
    engine: "SnowflakeEngine"

    def check_syntax(self, sql: str) -> None:
        """Let the engine's own compiler read a statement, which is not run."""
        try:
            with self._raw(sql) as connection:
                connection.cursor().describe(sql)
        except TerminalError as error:
            # Every other error may be mended by the statements before this one.
            if getattr(error.__cause__, "errno", None) == _SYNTAX:
                raise

    def describe(self, query: str) -> tuple[Column, ...]:
        """The columns of a SELECT, which the server compiles and does not run."""
        with self._raw(query) as connection:
            found = connection.cursor().describe(query) or []
        names = told_apart(known_name(item.name) for item in found)
        return tuple(_column(name, item) for name, item in zip(names, found, strict=True))

    def read(self, query: str, *, batch_rows: int = 65_536) -> pa.RecordBatchReader:
        """The rows of a SELECT as a stream; the session's next statement ends it."""
        columns = self.describe(query)
        schema = pa.schema([(column.name, column.arrow_type) for column in columns])

        def batches() -> Iterator[pa.RecordBatch]:
            with self._translated(query) as connection:
                cursor = connection.cursor()
                try:
                    cursor.execute(query)
                    for table in cursor.fetch_arrow_batches():
                        for batch in table.to_batches(max_chunksize=batch_rows):
                            yield as_announced(batch, columns, schema)
                finally:
                    cursor.close()

        stream = batches()
        return self._reader(schema, stream, stream)

    def relation_kind(self, table: TableName) -> RelationKind | None:
        """Whether a name is a table or a view; None where nothing has it."""
        kind = self._of_catalogue("table_type", table)
        return None if kind is None else "view" if "VIEW" in kind else "table"

    def last_change(self, table: TableName) -> datetime | None:
        """When a table was changed last, be it by Snowflake's own upkeep."""
        if self.relation_kind(table) != "table":
            return None
        changed: datetime = self._of_catalogue("last_altered", table)
        return changed.astimezone(UTC)

    def _of_catalogue(self, column: str, table: TableName) -> Any:
        """What a column of the catalogue says of a table or view; None where nothing has the name."""
        *qualifier, name = map(stored_name, table)
        if len(qualifier) > 2:
            raise TerminalError(
                f"{'.'.join(table)!r} has {len(table)} parts",
                hint="a table of Snowflake is named [[database.]schema.]table",
            )
        database = f"{self.engine.quote(table[:1])}." if len(qualifier) == 2 else ""
        query = sa.text(
            f"SELECT {column} FROM {database}information_schema.tables WHERE table_name = :name "
            "AND table_schema = COALESCE(:schema, CURRENT_SCHEMA())"
        ).bindparams(name=name, schema=qualifier[-1] if qualifier else None)
        return self.connection.execute(query).scalar()

    def tables(self) -> list[tuple[str, ...]]:
        """The tables and views of a user in the database, each as (schema, table)."""
        with self._run(
            "SELECT table_schema, table_name FROM information_schema.tables "
            "WHERE table_schema <> 'INFORMATION_SCHEMA'"
        ) as result:
            found = [tuple(map(known_name, row)) for row in result]
        return sorted(parts for parts in found if not is_of_ours(parts[-1]))

    def _put_in_place(self, aside: TableName, table: TableName) -> None:
        if self._depth or self.relation_kind(table) != "table":
            super()._put_in_place(aside, table)
            return
        new, former = self.engine.quote(aside), self.engine.quote(table)
        # Not SWAP WITH: the rights to the former table would go with it.
        self._run(f"CREATE OR REPLACE TABLE {former} CLONE {new} COPY GRANTS").close()
        self.drop(aside)

    def _create_from(self, table: TableName, rows: pa.RecordBatchReader) -> int:
        columns = self._column_list(rows.schema, _WRITTEN)
        name = self.engine.quote(table)
        *schema, last = map(self.engine.quote, [(part,) for part in table])
        # Every table has a stage of its own, which is dropped with it.
        stage = f"@{''.join(f'{part}.' for part in schema)}%{last}"
        with parquet_file(rows) as (path, count):
            self._run(f"CREATE TABLE {name} ({columns})").close()
            if count:
                self.execute(f"PUT 'file://{path.as_posix()}' {stage} AUTO_COMPRESS = FALSE")
                self.execute(
                    f"COPY INTO {name} FROM {stage} FILE_FORMAT = ({_FORMAT}) "
                    "MATCH_BY_COLUMN_NAME = CASE_INSENSITIVE PURGE = TRUE"
                )
        return count

    def place_of(self, error: BaseException) -> tuple[int, int] | None:
        """Where in its statement an error of the driver is: line and column, from 1."""
        found = _PLACE.search(str(error))
        return (int(found[1]), int(found[2]) + 1) if found else None


class SnowflakeEngine(SQLAlchemyEngine[SnowflakeSession]):
    """A database of Snowflake, ``snowflake://user:password@account/database/schema?warehouse=w&role=r``.

    The query of the URL takes the parameters of the connector: ``authenticator``, ``private_key_file``, ….
    """

    name = "snowflake"
    dialect = "snowflake"
    max_identifier_length = 255
    transactional_ddl = False
    session_type = SnowflakeSession
    secret_options = ("token", "passcode", "private_key_file_pwd", "private_key_passphrase")

    def __init__(self, url: sa.URL) -> None:
        super().__init__(url)
        _, slash, schema = (url.database or "").partition("/")
        self.default_schema = known_name(schema) if slash else "public"

    def quote(self, table: TableName) -> str:
        """A table's name as SQL text of this engine, which means what it means without quotes."""
        return ".".join('"' + stored_name(part).replace('"', '""') + '"' for part in table)

    def connect_arguments(self) -> dict[str, Any]:
        """Let NUMBER come as decimals, not as floats."""
        return {"arrow_number_to_decimal": True}

    def configure(self, connection: Any) -> None:
        """Count moments in UTC; bound the time of statements where the environment says so."""
        settings = ["TIMEZONE = 'UTC'"]
        milliseconds = statement_timeout()
        if milliseconds is not None:
            settings.append(f"STATEMENT_TIMEOUT_IN_SECONDS = {max(1, milliseconds // 1000)}")
        connection.cursor().execute(f"ALTER SESSION SET {' '.join(settings)}")

    def message_of(self, error: BaseException) -> str:
        """What an error of the driver says, without its numbers."""
        text = str(getattr(error, "raw_msg", None) or error)
        return _PLACE_IN_WORDS.sub("", text.removeprefix("SQL compilation error:").strip())

    def step_error(self, error: BaseException, message: str) -> StepError:
        """Say what an error of Snowflake means, by its number, or else by its class."""
        number = getattr(error, "errno", None)
        if number in _HINTS:
            return TerminalError(message, hint=_HINTS[number])
        if _REFUSED.search(message):
            return TerminalError(
                f"{self.display_url}: {message}",
                hint="correct the user, the password or the account of the data source",
            )
        if number in _TRANSIENT:
            return TransientError(message, hint="run it again")
        if type(error).__name__ == "OperationalError":
            return TransientError(
                f"{self.display_url}: {message}", hint="see that the account is reached from here"
            )
        return TerminalError(message)


def stored_name(name: str) -> str:
    """A name as Snowflake keeps it: in capitals, where it needs no quotes."""
    return name.upper() if _REGULAR.fullmatch(name) else name


def known_name(name: str) -> str:
    """A name that Snowflake keeps in capitals as other engines, and the models of programs, have it."""
    return name.lower() if _UPPER.fullmatch(name) else name


def _column(name: str, item: Any) -> Column:
    if item.type_code == _NUMBER:
        text = f"NUMBER({item.precision},{item.scale})"
        # A NUMBER without digits after the point is what Snowflake's INTEGER is.
        kind = pa.decimal128(item.precision, item.scale) if item.scale else pa.int64()
        return Column(name=name, type=text, arrow_type=kind)
    text, kind = _TYPES.get(item.type_code, (f"type {item.type_code}", _TEXT))
    return Column(name=name, type=text, arrow_type=kind)
