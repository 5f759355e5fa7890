"""Sessions of engines whose CREATE, DROP and RENAME are kept at once, and nothing undoes them.

What is in the way of a new table is renamed, and renamed back when the new one fails. No lock tells whether
the session that did so still lives, so what a dead one has left is named in an error, and stays.
"""

import json
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import GeneratorType
from typing import Any, ClassVar
from uuid import uuid4

import pyarrow as pa
import sqlalchemy as sa

from sqlflow_dagster.engines.arrow_rows import check_names, standard_type
from sqlflow_dagster.engines.base import Column, RelationKind, TableName
from sqlflow_dagster.engines.sqlalchemy_session import (
    SessionEngine,
    SQLAlchemySession,
    plain,
    tidying_up,
)
from sqlflow_dagster.errors import StepError, TerminalError
from sqlflow_dagster.source import Excerpt

ASIDE = "sqlflow_aside_"
LEFT_AFTER = 2 * 24 * 3600
"""After how many seconds a table aside is taken for one whose session is dead."""
_FORMER = "sqlflow_former_"


class RenamingSession(SQLAlchemySession):
    """One connection to an engine without transactions over tables.

    Attributes:
        replaces: How one statement exchanges a table for the rows of a SELECT, whole or not at all; None
            where none does.
        comment_clause: What stands after that for a comment on the table.
        renames_within: Whether the new name in a RENAME is written without its schema.
    """

    begin_statement: str | None = None
    replaces: ClassVar[str | None] = None
    comment_clause: ClassVar[str] = ""
    renames_within: ClassVar[bool] = False

    def __init__(
        self, engine: SessionEngine, connection: sa.Connection, prefix: Sequence[str]
    ) -> None:
        super().__init__(engine, connection, prefix)
        self._cleared: dict[tuple[str, ...], RelationKind | None] = {}

    def end_stream(self, *arguments: object) -> None:
        """Let nobody read on what :meth:`read` gave."""
        stream = self._stream
        super().end_stream(*arguments)
        if isinstance(stream, GeneratorType):
            stream.close()

    def create_table_as(self, table: TableName, query: str, *, comment: str | None = None) -> int:
        """Replace a table by the rows of a SELECT, whole or not at all; the number of rows."""
        if self.replaces is None or self._depth or self.relation_kind(table) == "view":
            return super().create_table_as(table, query, comment=comment)
        self._check_length(table[-1])
        name = self.engine.quote(table)
        clause = "" if comment is None else self.comment_clause.format(plain(comment))
        self._run(f"{self.replaces.format(name)}{clause} AS\n{query}").close()
        return self.count(f"SELECT * FROM {name}")

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """A block whose tables are all replaced, or none; its other statements are kept one by one."""
        outermost = not self._depth
        try:
            with super().transaction():
                yield
            if outermost:
                self._forget()
        except BaseException as error:
            if outermost:
                self._put_back(error)
            raise

    @contextmanager
    def replacing(self, table: TableName) -> Iterator[None]:
        """A block in which statements of a user create ``table`` anew."""
        with self.transaction():
            self._clear(tuple(table))
            yield

    @contextmanager
    def _making(self, table: TableName) -> Iterator[TableName]:
        """A block that makes the table aside, which then takes the name."""
        self._check_length(table[-1])
        aside = (*table[:-1], f"{ASIDE}{int(time.time()):x}_{uuid4().hex[:8]}")
        try:
            yield aside
            self._put_in_place(aside, table)
        except BaseException as error:
            with tidying_up(error):
                self.drop(aside)
            raise

    def _put_in_place(self, aside: TableName, table: TableName) -> None:
        with self.replacing(table):
            self._rename("table", aside, table[-1])

    def _rename(self, kind: RelationKind, table: TableName, name: str) -> None:
        new = (name,) if self.renames_within else (*table[:-1], name)
        self._run(
            f"ALTER {kind.upper()} {self.engine.quote(table)} RENAME TO {self.engine.quote(new)}"
        ).close()

    def _clear(self, table: tuple[str, ...]) -> None:
        """Leave a name free, for the rest of the transaction."""
        if table in self._cleared:
            # What has the name now was made in this transaction.
            self.drop(table)
            return
        kind = self.relation_kind(table)
        if kind is not None:
            former = self._former(table)
            if self.relation_kind(former) is not None:
                name = ".".join(former)
                raise TerminalError(
                    f"{name} is there: another session replaces {'.'.join(table)}, or died while it did",
                    hint=f"see that none does, and drop {name}",
                )
            self._rename(kind, table, former[-1])
        self._cleared[table] = kind

    def _put_back(self, error: BaseException) -> None:
        """Drop what was made in the place of others, and give them their names back."""
        cleared, self._cleared = self._cleared, {}
        for table, kind in reversed(cleared.items()):
            with tidying_up(error):
                self.drop(table)
                if kind is not None:
                    self._rename(kind, self._former(table), table[-1])

    def _forget(self) -> None:
        """Drop what others have taken the place of."""
        for table, kind in list(self._cleared.items()):
            if kind is not None:
                self._run(f"DROP {kind.upper()} {self.engine.quote(self._former(table))}").close()
            del self._cleared[table]

    def _former(self, table: tuple[str, ...]) -> tuple[str, ...]:
        limit = self.engine.max_identifier_length
        return (*table[:-1], (_FORMER + table[-1])[:limit])

    def _check_length(self, name: str, kind: str = "table") -> None:
        limit = self.engine.max_identifier_length
        if len(name) > limit:
            raise TerminalError(
                f"the name of the {kind} {name!r} has {len(name)} characters, and {self.engine.name} "
                f"takes {limit}",
                hint="choose a shorter one",
            )

    def _column_list(self, schema: pa.Schema, types: Mapping[str, str]) -> str:
        """The columns of a CREATE TABLE; see :meth:`_column_types`."""
        pairs = zip(schema.names, self._column_types(schema, types), strict=True)
        return ", ".join(f"{self.engine.quote((name,))} {text}" for name, text in pairs)

    def _column_types(self, schema: pa.Schema, types: Mapping[str, str]) -> list[str]:
        """The types of a table's columns in the words of the engine.

        Args:
            schema: Of the rows.
            types: By the kinds of :func:`kind_of`; ``decimal`` has places for precision and scale.
        """
        check_names(schema)
        texts = []
        for field in schema:
            self._check_length(field.name, "column")
            kind = kind_of(field)
            if kind not in types:
                raise TerminalError(
                    f"column {field.name!r} of type {field.type} cannot be written to {self.engine.name}",
                    hint="turn it into numbers or text in the SELECT",
                )
            text = types[kind]
            if kind == "decimal":
                number = standard_type(field.type)
                text = text.format(number.precision, number.scale)
            texts.append(text)
        return texts

    @contextmanager
    def _raw(self, sql: str = "") -> Iterator[Any]:
        """The driver's own connection, for one statement, whose text tells the place of an error."""
        self.end_stream()
        with self._translated(sql) as connection:
            yield connection

    @contextmanager
    def _translated(self, sql: str = "") -> Iterator[Any]:
        """The driver's own connection, for a stream that goes on."""
        with self._placed(sql):
            try:
                yield self.connection.connection.driver_connection
            except Exception as error:
                dbapi = self.connection.dialect.loaded_dbapi
                if isinstance(error, dbapi.Error) or self.engine.is_of_driver(error):
                    self.engine.raise_translated(error)
                raise

    def _run(self, sql: str, **options: Any) -> sa.CursorResult[Any]:
        with self._placed(sql):
            return super()._run(sql, **options)

    @contextmanager
    def _placed(self, sql: str) -> Iterator[None]:
        try:
            yield
        except StepError as error:
            if error.excerpt is None and error.__cause__ is not None:
                error.excerpt = excerpt_at(sql, self.place_of(error.__cause__))
            raise

    def place_of(self, error: BaseException) -> tuple[int, int] | None:
        """Where in its statement an error of the driver is: line and column, from 1."""
        return None


def is_of_ours(name: str) -> bool:
    """Whether a table is one that is not in its place yet, or not any more."""
    return name.lower().startswith((ASIDE, _FORMER))


def is_left(name: str) -> bool:
    """Whether a table was made aside so long ago that its session must be dead."""
    found = re.fullmatch(rf"{ASIDE}([0-9a-f]+)_[0-9a-f]+", name)
    return found is not None and time.time() - int(found[1], 16) > LEFT_AFTER


def excerpt_at(sql: str, place: tuple[int, int] | None) -> Excerpt | None:
    """The line of a statement that an error is in.

    Args:
        sql: As it was sent.
        place: Line and column, from 1.
    """
    if place is None:
        return None
    (line, column), lines = place, sql.split("\n")
    if not (1 <= line <= len(lines) and 1 <= column <= len(lines[line - 1])):
        return None
    return Excerpt(text=lines[line - 1], column=column - 1)


_KINDS = (
    ("boolean", pa.types.is_boolean),
    ("int8", pa.types.is_int8),
    ("int16", pa.types.is_int16),
    ("int32", pa.types.is_int32),
    ("int64", pa.types.is_int64),
    ("float32", pa.types.is_float32),
    ("float64", pa.types.is_float64),
    ("decimal", pa.types.is_decimal),
    ("date", pa.types.is_date),
    ("time", pa.types.is_time),
    ("text", pa.types.is_string),
    ("text", pa.types.is_large_string),
    ("text", pa.types.is_string_view),
    ("text", pa.types.is_null),
    ("bytes", pa.types.is_binary),
    ("bytes", pa.types.is_large_binary),
    ("bytes", pa.types.is_fixed_size_binary),
)


def kind_of(field: pa.Field) -> str:
    """What an Arrow field is called in the table of types of an engine; empty for what no engine takes."""
    kind = standard_type(field.type)
    if pa.types.is_timestamp(kind):
        return "timestamp" if kind.tz is None else "moment"
    return next((name for name, is_kind in _KINDS if is_kind(kind)), "")


def as_announced(
    batch: pa.RecordBatch, columns: Sequence[Column], schema: pa.Schema
) -> pa.RecordBatch:
    """A batch of a driver with the types that were announced for it.

    Raises:
        TerminalError: A value does not fit.
    """
    arrays = []
    for array, column in zip(batch.columns, columns, strict=True):
        try:
            # Digits below a microsecond are cut.
            is_time = pa.types.is_temporal(column.arrow_type)
            plain = _flat(array) if pa.types.is_string(column.arrow_type) else array
            arrays.append(plain.cast(column.arrow_type, safe=not is_time))
        except pa.ArrowException as error:
            raise TerminalError(
                f"column {column.name!r} of type {column.type} holds a value that {column.arrow_type} "
                f"does not: {error}",
                hint="cast the column in the SELECT",
            ) from error
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _flat(array: pa.Array) -> pa.Array:
    """Values of a nested type as JSON; any others as they are."""
    if not pa.types.is_nested(array.type):
        return array
    values = array.to_pylist()
    texts = [None if item is None else json.dumps(item, default=str) for item in values]
    return pa.array(texts, pa.string())
