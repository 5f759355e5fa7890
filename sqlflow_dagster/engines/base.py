"""What the runtime asks of a SQL engine.

An engine is opened from a URL and holds no connection. A :class:`Session` is one connection, open
for one statement or a few; none is held while a model trains.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal, Protocol

import pyarrow as pa
import sqlalchemy as sa

from sqlflow_dagster.engines.original_urls import from_original
from sqlflow_dagster.engines.secrets import filled_in, whole_text
from sqlflow_dagster.errors import TerminalError
from sqlflow_dagster.registry import Group, Registry

RelationKind = Literal["table", "view"]
TableName = Sequence[str]
"""A table's name in parts, ``("iris", "train")``, as a user would write them without quotes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of a table or a query.

    Attributes:
        name: As the engine spells it.
        type: The type in the engine's own words, such as ``DECIMAL(10,2)``.
        arrow_type: The type that :meth:`Session.read` gives.
    """

    name: str
    type: str
    arrow_type: pa.DataType


class Session(Protocol):
    """One open connection.

    Every method maps the driver's errors to :class:`~sqlflow_dagster.errors.TransientError` or
    :class:`~sqlflow_dagster.errors.TerminalError`; a message never holds a password. A session
    belongs to one thread at a time.

    Attributes:
        connection: For statements built with SQLAlchemy. It commits each statement by itself,
            except inside :meth:`transaction`; its errors are mapped too.
    """

    connection: sa.Connection

    def execute(self, sql: str) -> int | None:
        """Run one statement verbatim and commit it; the number of rows changed, where known.

        Inside :meth:`transaction` or :meth:`replacing`, the end of the block commits it. The rows
        of a SELECT are computed and thrown away.
        """

    def check_syntax(self, sql: str) -> None:
        """Let the engine's own parser read a statement, which is not run.

        Nothing happens where an engine has no way to be asked.
        """

    def describe(self, query: str) -> tuple[Column, ...]:
        """The columns of a SELECT, which the engine itself checks; no row is computed needlessly."""

    def read(self, query: str, *, batch_rows: int = 65_536) -> pa.RecordBatchReader:
        """The rows of a SELECT as a stream, in batches of about ``batch_rows`` rows.

        The session's next statement ends the stream: reading on raises a ``TerminalError``, never
        gives fewer rows. Outside a transaction, :meth:`replace_table` is no such statement, so rows
        can flow from a query through a model into a table.
        """

    def count(self, query: str) -> int:
        """The number of rows of a SELECT."""

    def relation_kind(self, table: TableName) -> RelationKind | None:
        """Whether a name is a table or a view; None where nothing has it."""

    def columns(self, table: TableName) -> tuple[Column, ...] | None:
        """The columns of a table or view; None where nothing has the name."""

    def last_change(self, table: TableName) -> datetime | None:
        """When rows were put into a table or changed there last, in UTC.

        While it stays the same, the table has no new rows; rows that were taken out need not count. Two changes
        within a second may have one time.

        Returns:
            None where that is not known for certain, and for what is no table.
        """

    def tables(self) -> list[tuple[str, ...]]:
        """The tables and views of a user, each as (schema, table)."""

    def create_table_as(self, table: TableName, query: str, *, comment: str | None = None) -> int:
        """Replace a table by the rows of a SELECT, whole or not at all; the number of rows.

        Args:
            table: The table.
            query: The SELECT.
            comment: What the table says of itself, where the engine keeps such a text.
        """

    def replace_table(
        self, table: TableName, rows: pa.RecordBatchReader, *, comment: str | None = None
    ) -> int:
        """Replace a table by these rows, whole or not at all; the number of rows.

        Args:
            table: The table.
            rows: Its rows.
            comment: What the table says of itself, where the engine keeps such a text.
        """

    def replacing(self, table: TableName) -> AbstractContextManager[None]:
        """A block in which statements of a user create ``table`` anew.

        What had the name before is out of the way inside the block, and back when the block fails.
        Blocks nest: one inside another, or inside :meth:`transaction`, is part of the outer one.
        """

    def transaction(self) -> AbstractContextManager[None]:
        """A block whose statements are kept together or undone together."""

    def saving_memory(self) -> AbstractContextManager[None]:
        """A block in which an engine that runs in this process keeps little of what it reads."""

    def attempt(self) -> AbstractContextManager[None]:
        """A block of a transaction whose failed statement leaves the transaction usable.

        Whether what the block changed before it failed is undone is the engine's choice.
        """

    def drop(self, table: TableName) -> None:
        """Drop a table or a view; nothing happens where nothing has the name."""

    def create_schema(self, name: str) -> None:
        """Make sure that a schema exists."""


class Engine(Protocol):
    """A data source.

    Attributes:
        name: The engine's name in its URL, such as ``duckdb``.
        dialect: The SQL dialect of its statements.
        display_url: The URL without its password, for logs and messages.
        shared: Whether processes on other machines can reach the same data.
        max_identifier_length: The longest table name, in characters.
        default_schema: The schema of an unqualified table; None where the engine has no schemas.
        transactional_ddl: Whether the creation of a table can be undone like any other change.
        changes_rows: Whether rows of a table can be changed and deleted, and a transaction takes that back.
        typed_columns: Whether a column has its type whatever its values are.
    """

    name: str
    dialect: str
    display_url: str
    shared: bool
    max_identifier_length: int
    default_schema: str | None
    transactional_ddl: bool
    changes_rows: bool
    typed_columns: bool

    def session(self, *, prefix: Sequence[str] = ()) -> AbstractContextManager[Session]:
        """Open a connection, after running the session statements of ``prefix`` (USE, SET)."""

    def syntax_session(self) -> AbstractContextManager[Session]:
        """Open a connection for :meth:`Session.check_syntax`, which keeps nobody from the data."""

    def use_schema(self, name: str) -> None:
        """Let the sessions from now on find and make unqualified tables in a schema, which is made if need be.

        Raises:
            TerminalError: The engine has nothing of the kind.
        """

    def quote(self, table: TableName) -> str:
        """A table's name as SQL text of this engine."""


SCHEMA_PARAMETER = "schema"
"""What names the schema of unqualified tables in the query of a URL."""

# libpq's own spelling, which hosting services hand out, SQLAlchemy's for servers of the same kind, PyODPS's.
_ALIASES = {
    "postgres": "postgresql",
    "mariadb": "mysql",
    "spark": "hive",
    "odps": "maxcompute",
}

_AS_IT_IS_WRITTEN = "write @ : / % in a password as %40 %3A %2F %25, and the port as a number"

engines: Registry[type[Engine]] = Registry(Group.ENGINES, "engine")


def parse_url(url: str) -> sa.URL:
    """The parts of a URL, with the values of its ``${VARIABLE}`` and its ``password_file``.

    It is written as SQLAlchemy or as the original SQLFlow writes it.

    Raises:
        TerminalError: The text is not a URL, which is not shown: it may hold a password. Or what it leaves
            to its environment is not there.
    """
    return filled_in(_parsed(whole_text(url)))


def _parsed(url: str) -> sa.URL:
    try:
        parsed = from_original(url) or sa.make_url(url)
    except sa.exc.ArgumentError:
        hint = "write it as engine://user:password@host/database, or duckdb:///file.duckdb"
    except ValueError:  # What stands for the port is no number; SQLAlchemy would quote it.
        hint = _AS_IT_IS_WRITTEN
    else:
        # Else the end of a password would be taken for a part of the host, and shown.
        if "@" not in (parsed.host or ""):
            return parsed
        hint = _AS_IT_IS_WRITTEN
    raise TerminalError("the data source is not a URL", hint=hint)


def open_engine(url: str) -> Engine:
    """The engine of a SQLAlchemy URL; no connection is opened.

    Args:
        url: Such as ``duckdb:///data.duckdb``; the part before ``+`` or ``:`` names the engine. With
            ``?schema=dev`` that is the schema of unqualified names.

    Raises:
        TerminalError: The text is not a URL, or no engine has the name.
    """
    parsed = parse_url(url)
    factory = _engine_type(parsed)
    schema = parsed.query.get(SCHEMA_PARAMETER)
    without = parsed.difference_update_query([SCHEMA_PARAMETER])
    engine: Engine = factory(without)  # type: ignore[call-arg]  # a Protocol declares no constructor
    if isinstance(schema, str) and schema:
        engine.use_schema(schema)
    return engine


def dialect_of(url: str) -> str:
    """The SQL dialect of a data source; what its URL leaves to the environment need not be there.

    Raises:
        TerminalError: The text is not a URL, or no engine has the name.
    """
    return _engine_type(_parsed(whole_text(url))).dialect


def _engine_type(url: sa.URL) -> type[Engine]:
    backend = url.get_backend_name()
    backend = _ALIASES.get(backend, backend)
    if backend not in engines:
        raise TerminalError(
            f"unknown engine {backend!r} in the data source", hint=engines.hint(backend)
        )
    return engines.get(backend)


def absolute_url(url: str, folder: Path | None = None) -> str:
    """The URL of a database file with an absolute path; any other URL as it is.

    Args:
        url: The URL.
        folder: Where a relative path starts; None for the working directory.
    """
    try:
        # Nothing is filled in: a URL is shown and handed on as it was written.
        parsed = _parsed(url)
    except TerminalError:
        return url  # Opening it gives the error, with what to write instead.
    is_file = parsed.host is None and parsed.database and parsed.database != ":memory:"
    if not is_file or parsed.get_backend_name() not in {"duckdb", "sqlite"}:
        return url
    database = str(parsed.database)
    if database.startswith("${"):
        return url
    path = (folder or Path.cwd()) / database
    return parsed.set(database=str(path)).render_as_string(hide_password=False)
