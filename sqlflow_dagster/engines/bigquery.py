"""BigQuery, through Google's client: rows come as Arrow, and go as a Parquet file in one load job."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from sqlflow_dagster.engines.arrow_rows import standard_type, told_apart
from sqlflow_dagster.engines.base import Column, RelationKind, TableName
from sqlflow_dagster.engines.parquet_files import parquet_file
from sqlflow_dagster.engines.renaming import RenamingSession, as_announced, is_of_ours
from sqlflow_dagster.engines.sqlalchemy import SQLAlchemyEngine
from sqlflow_dagster.engines.statement_timeout import statement_timeout
from sqlflow_dagster.errors import StepError, TerminalError, TransientError

_TYPES = {
    "BOOL": pa.bool_(),
    "BOOLEAN": pa.bool_(),
    "INT64": pa.int64(),
    "INTEGER": pa.int64(),
    "FLOAT64": pa.float64(),
    "FLOAT": pa.float64(),
    "NUMERIC": pa.decimal128(38, 9),
    "BIGNUMERIC": pa.float64(),
    "STRING": pa.string(),
    "BYTES": pa.binary(),
    "DATE": pa.date32(),
    "DATETIME": pa.timestamp("us"),
    "TIMESTAMP": pa.timestamp("us", "UTC"),
    "TIME": pa.time64("us"),
}
_WRITTEN = {
    "boolean": "BOOL",
    **dict.fromkeys(("int8", "int16", "int32", "int64"), "INT64"),
    **dict.fromkeys(("float32", "float64"), "FLOAT64"),
    "decimal": "BIGNUMERIC",
    "date": "DATE",
    "time": "TIME",
    "timestamp": "DATETIME",
    "moment": "TIMESTAMP",
    "text": "STRING",
    "bytes": "BYTES",
}
_PLACE = re.compile(r"\s+at \[(\d+):(\d+)\]")
_NOT_FOUND = 404
_TRANSIENT_CODES = frozenset({408, 429, 500, 502, 503, 504})
_TRANSIENT_REASONS = frozenset(
    {
        "backendError",
        "internalError",
        "jobRateLimitExceeded",
        "rateLimitExceeded",
        "tableUnavailable",
    }
)
_HINTS = {
    401: "log in, or name a key in the URL: ?credentials_path=/run/secrets/key.json",
    403: "let an administrator grant the role to the account of the data source",
}


class BigQuerySession(RenamingSession):
    """A client of BigQuery, whose every statement is a job by itself."""

    replaces = "CREATE OR REPLACE TABLE {}"
    comment_statement = "ALTER TABLE {} SET OPTIONS (description = '{}')"
    comment_clause = " OPTIONS (description = '{}')"
    renames_within = True
    engine: "BigQueryEngine"

    def execute(self, sql: str) -> int | None:
        """Run one statement verbatim; the number of rows changed, where known."""
        with self._raw(sql) as connection:
            changed: int | None = _done(connection._client.query(sql)).num_dml_affected_rows
            return changed

    def check_syntax(self, sql: str) -> None:
        """Let the engine's own compiler read a statement, which is not run."""
        try:
            self._dry_run(sql)
        except TerminalError as error:
            # Every other error may be mended by the statements before this one.
            if error.message.startswith("Syntax error"):
                raise

    def describe(self, query: str) -> tuple[Column, ...]:
        """The columns of a SELECT, by a dry run, which costs nothing."""
        found = self._dry_run(query).schema
        names = told_apart(item.name for item in found)
        return tuple(
            Column(name=name, type=_type_text(item), arrow_type=_arrow_type(item))
            for name, item in zip(names, found, strict=True)
        )

    def _dry_run(self, sql: str) -> Any:
        from google.cloud import bigquery

        config = bigquery.QueryJobConfig(dry_run=True, use_query_cache=False)
        with self._raw(sql) as connection:
            return connection._client.query(sql, job_config=config)

    def read(self, query: str, *, batch_rows: int = 65_536) -> pa.RecordBatchReader:
        """The rows of a SELECT as a stream; the session's next statement ends it."""
        columns = self.describe(query)
        schema = pa.schema([(column.name, column.arrow_type) for column in columns])

        def batches() -> Iterator[pa.RecordBatch]:
            with self._translated(query) as connection:
                rows = _done(connection._client.query(query))
                for batch in rows.to_arrow_iterable(bqstorage_client=connection._bqstorage_client):
                    for start in range(0, batch.num_rows, batch_rows):
                        yield as_announced(batch.slice(start, batch_rows), columns, schema)

        stream = batches()
        return self._reader(schema, stream, stream)

    def relation_kind(self, table: TableName) -> RelationKind | None:
        """Whether a name is a table or a view; None where nothing has it."""
        found = self._found(table)
        return None if found is None else "view" if "VIEW" in found.table_type else "table"

    def last_change(self, table: TableName) -> datetime | None:
        """When a table was changed last; None while rows that were streamed into it are on their way."""
        found = self._found(table)
        if found is None or found.table_type != "TABLE" or found.streaming_buffer is not None:
            return None
        changed: datetime = found.modified
        return changed.astimezone(UTC)

    def _found(self, table: TableName) -> Any:
        """What the service knows of a table or view; None where nothing has the name."""
        with self._raw() as connection:
            client = connection._client
            return _if_there(client.get_table, self._reference(client, table))

    def _reference(self, client: Any, table: TableName) -> str:
        if len(table) > 3:
            raise TerminalError(
                f"{'.'.join(table)!r} has {len(table)} parts",
                hint="a table of BigQuery is named [[project.]dataset.]table",
            )
        dataset = self.engine.default_schema
        if dataset is None and len(table) == 1:
            raise TerminalError(
                f"{table[0]!r} is in no dataset",
                hint="name one in the URL, bigquery://project/dataset, or write dataset.table",
            )
        before = (self.engine.url.host or client.project, dataset or "")
        return ".".join((*before[: 3 - len(table)], *table))

    def tables(self) -> list[tuple[str, ...]]:
        """The tables and views of the project, each as (dataset, table)."""
        with self._raw() as connection:
            client = connection._client
            found = [
                (table.dataset_id, table.table_id)
                for dataset in client.list_datasets()
                for table in client.list_tables(dataset.reference)
            ]
        return sorted(parts for parts in found if not is_of_ours(parts[-1]))

    def enter_schema(self, name: str) -> None:
        """Let unqualified names mean what is in a dataset, which is made if it is not there."""
        with self._raw() as connection:
            found = _if_there(connection._client.get_dataset, name)
        if found is None:
            self.create_schema(name)

    @contextmanager
    def _making(self, table: TableName) -> Iterator[TableName]:
        if self._depth:
            with super()._making(table) as aside:
                yield aside
            return
        # A load job replaces it at its end, and as a whole.
        self._check_length(table[-1])
        if self.relation_kind(table) == "view":
            raise _not_renamed(table)
        yield table

    def _comment_on(self, table: TableName, comment: str | None) -> None:
        # What a load job has replaced is in its place: it is written, whatever became of its comment.
        if self._depth:
            super()._comment_on(table, comment)

    def _rename(self, kind: RelationKind, table: TableName, name: str) -> None:
        if kind == "view":
            raise _not_renamed(table)
        super()._rename(kind, table, name)

    def _create_from(self, table: TableName, rows: pa.RecordBatchReader) -> int:
        from google.cloud import bigquery

        fields = [
            bigquery.SchemaField(field.name, _written(field, text))
            for field, text in zip(
                rows.schema, self._column_types(rows.schema, _WRITTEN), strict=True
            )
        ]
        config = bigquery.LoadJobConfig(
            source_format="PARQUET", write_disposition="WRITE_TRUNCATE", schema=fields
        )
        with (
            parquet_file(rows) as (path, count),
            path.open("rb") as file,
            self._raw() as connection,
        ):
            client = connection._client
            target = self._reference(client, table)
            _done(client.load_table_from_file(file, target, job_config=config))
        return count

    def _run(self, sql: str, **options: Any) -> sa.CursorResult[Any]:
        # The driver halves them.
        return super()._run(sql.replace("%", "%%"), **options)

    def place_of(self, error: BaseException) -> tuple[int, int] | None:
        """Where in its statement an error of the driver is: line and column, from 1."""
        found = _PLACE.search(str(error))
        return (int(found[1]), int(found[2])) if found else None


class BigQueryEngine(SQLAlchemyEngine[BigQuerySession]):
    """A project of BigQuery, ``bigquery://project/dataset``.

    The query of the URL takes what the dialect of Google takes: ``credentials_path``, ``location``, ….
    """

    name = "bigquery"
    dialect = "bigquery"
    max_identifier_length = 300
    transactional_ddl = False
    session_type = BigQuerySession
    isolation_level = None
    driver_packages = ("google", "requests")
    secret_options = ("credentials_base64",)

    def __init__(self, url: sa.URL) -> None:
        super().__init__(url)
        self.default_schema = url.database or None

    def use_schema(self, name: str) -> None:
        """Let the sessions from now on find and make unqualified tables in a dataset."""
        super().use_schema(name)
        self.url = self.url.set(database=name)

    def quote(self, table: TableName) -> str:
        """A table's name as SQL text of this engine."""
        return ".".join(
            "`" + part.replace("\\", "\\\\").replace("`", "\\`") + "`" for part in table
        )

    def configure(self, connection: Any) -> None:
        """Bound the time of statements where the environment says so."""
        milliseconds = statement_timeout()
        if milliseconds is not None:
            from google.cloud import bigquery

            client = connection._client
            config = client.default_query_job_config or bigquery.QueryJobConfig()
            config.job_timeout_ms = milliseconds
            client.default_query_job_config = config

    def message_of(self, error: BaseException) -> str:
        """What an error of the driver says, without the address that was asked."""
        origin = _origin(error)
        return _PLACE.sub("", str(getattr(origin, "message", None) or origin))

    def step_error(self, error: BaseException, message: str) -> StepError:
        """Say what an error of BigQuery means, by its status and its reason."""
        origin = _origin(error)
        code = getattr(origin, "code", None)
        reasons = {item.get("reason") for item in getattr(origin, "errors", None) or []}
        if code in _TRANSIENT_CODES or reasons & _TRANSIENT_REASONS:
            return TransientError(message, hint="run it again")
        kind, module = type(origin).__name__, type(origin).__module__
        if kind == "TransportError" or module.startswith("requests"):
            return TransientError(
                f"{self.display_url}: {message}", hint="see that the service is reached from here"
            )
        if module.startswith("google.auth"):
            code = 401
        return TerminalError(message, hint=_HINTS.get(code or 0))


def _origin(error: BaseException) -> BaseException:
    """The error of the client, which that of its DB-API stands for."""
    inner = (*error.args, error.__context__)
    return next((item for item in inner if isinstance(item, Exception)), error)


def _done(job: Any) -> Any:
    """The rows of a job when it has ended."""
    try:
        return job.result()
    except Exception:
        raise
    except BaseException:
        # Ctrl-C: the service would go on with it.
        job.cancel()
        raise


def _if_there(get: Any, name: str) -> Any:
    try:
        return get(name)
    except Exception as error:
        if getattr(error, "code", None) == _NOT_FOUND:
            return None
        raise


def _not_renamed(table: TableName) -> TerminalError:
    return TerminalError(
        f"{'.'.join(table)} is a view, which BigQuery cannot put out of the way of a table",
        hint="drop it first, or write to a table of another name",
    )


def _type_text(item: Any) -> str:
    digits = [str(number) for number in (item.precision, item.scale) if number is not None]
    text = f"{item.field_type}({', '.join(digits)})" if digits else str(item.field_type)
    return f"ARRAY<{text}>" if item.mode == "REPEATED" else text


def _arrow_type(item: Any) -> pa.DataType:
    kind = _TYPES.get(item.field_type)
    if item.mode == "REPEATED":
        return pa.string() if kind is None else pa.list_(kind)
    return kind or pa.string()


def _written(field: pa.Field, text: str) -> str:
    """NUMERIC for a decimal that it has the digits for."""
    kind = standard_type(field.type)
    fits = pa.types.is_decimal(kind) and kind.scale <= 9 and kind.precision - kind.scale <= 29
    return "NUMERIC" if fits else text
