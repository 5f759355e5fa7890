"""The surface of a database driver, written from its documentation, for engines whose servers cannot be had.

It keeps the statements that it is sent, answers them as it was told, and knows which tables there are.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine.default import DefaultDialect

_CREATE = re.compile(r"CREATE (?:OR REPLACE )?(TABLE|VIEW) (\S+)", re.IGNORECASE)
_RENAME = re.compile(r"ALTER (?:TABLE|VIEW) (\S+) RENAME TO (\S+)", re.IGNORECASE)
_DROP = re.compile(r"DROP (?:TABLE|VIEW) (\S+)", re.IGNORECASE)


class Error(Exception):
    """The base of a driver's exceptions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a statement gives."""

    names: Sequence[Any] = ()
    rows: Sequence[Sequence[Any]] = ()
    changed: int = -1


@dataclass(slots=True, kw_only=True)
class FakeDriver:
    """A driver's module.

    Attributes:
        tables: What there is, by the last part of its name.
        statements: What was sent.
        answers: By pattern, what a statement gives, or the error that it ends with.
        arguments: Of ``connect``.
    """

    paramstyle: str = "pyformat"
    tables: dict[str, str] = field(default_factory=dict)
    statements: list[str] = field(default_factory=list)
    answers: list[tuple[re.Pattern[str], Any]] = field(default_factory=list)
    arguments: dict[str, Any] = field(default_factory=dict)
    Error: type[Exception] = Error
    make_connection: Callable[["FakeDriver"], Any] | None = None

    def connect(self, *_: Any, **arguments: Any) -> Any:
        """A connection."""
        self.arguments = arguments
        return (self.make_connection or FakeConnection)(self)

    def on(self, pattern: str, answer: Any) -> None:
        """Answer the statements that a pattern is found in; what was told last comes first."""
        self.answers.insert(0, (re.compile(pattern, re.DOTALL), answer))

    def tell_kinds(self, pattern: str) -> None:
        """Answer the look-up of a table's kind, whose name is the pattern's group, from the tables there are."""

        def kind(found: re.Match[str]) -> Answer:
            known = self.tables.get(found[1])
            rows = [["VIEW" if known == "view" else "BASE TABLE"]] if known else []
            return Answer(names=["table_type"], rows=rows)

        self.on(pattern, kind)

    def run(self, sql: str) -> Answer:
        """What a statement gives, after what it does to the tables."""
        self.statements.append(sql)
        for pattern, answer in self.answers:
            if found := pattern.search(sql):
                given = answer(found) if callable(answer) else answer
                if isinstance(given, Exception):
                    raise given
                self._change(sql)
                return given if isinstance(given, Answer) else Answer()
        self._change(sql)
        return Answer()

    def _change(self, sql: str) -> None:
        if found := _RENAME.match(sql):
            self.tables[_plain(found[2])] = self.tables.pop(_plain(found[1]))
        elif found := _CREATE.match(sql):
            self.tables[_plain(found[2])] = found[1].lower()
        elif found := _DROP.match(sql):
            del self.tables[_plain(found[1])]


def _plain(name: str) -> str:
    return name.rsplit(".", 1)[-1].strip('"`')


class FakeCursor:
    """What a driver's cursor has."""

    def __init__(self, driver: FakeDriver) -> None:
        self.driver = driver
        self.closed = False
        self._answer: Answer | None = None
        self._rows: list[Any] = []

    def execute(self, sql: str, parameters: Any = None, **_: Any) -> None:
        if parameters:
            sql = f"{sql} -- {parameters}"
        self._answer = self.driver.run(sql)
        self._rows = list(self._answer.rows)

    @property
    def description(self) -> list[tuple[Any, ...]] | None:
        names = self._answer.names if self._answer else ()
        return [(name, None, None, None, None, None, None) for name in names] or None

    @property
    def rowcount(self) -> int:
        return self._answer.changed if self._answer else -1

    def fetchmany(self, size: int | None = None) -> list[Any]:
        rows, self._rows = self._rows[: size or 1], self._rows[size or 1 :]
        return rows

    def fetchone(self) -> Any:
        return self._rows.pop(0) if self._rows else None

    def fetchall(self) -> list[Any]:
        rows, self._rows = self._rows, []
        return rows

    def close(self) -> None:
        self.closed = True


class FakeConnection:
    """What a driver's connection has."""

    cursor_type: type[FakeCursor] = FakeCursor

    def __init__(self, driver: FakeDriver) -> None:
        self.driver = driver

    def cursor(self) -> FakeCursor:
        return self.cursor_type(self.driver)

    def commit(self) -> None: ...

    def rollback(self) -> None: ...

    def close(self) -> None: ...


class FakeDialect(DefaultDialect):
    """A dialect of SQLAlchemy over a fake driver."""

    fake: FakeDriver
    supports_statement_cache = True

    @classmethod
    def import_dbapi(cls) -> Any:
        return cls.fake

    def create_connect_args(self, url: sa.URL) -> Any:
        return (), {}

    def get_isolation_level_values(self, dbapi_conn: Any) -> Any:
        return ["AUTOCOMMIT"]

    def get_default_isolation_level(self, dbapi_conn: Any) -> Any:
        return "AUTOCOMMIT"

    def set_isolation_level(self, dbapi_connection: Any, level: Any) -> None: ...


def install(
    monkeypatch: pytest.MonkeyPatch, drivername: str, connection: type[FakeConnection]
) -> FakeDriver:
    """Let SQLAlchemy find a fake driver behind the URLs of a name."""
    fake = FakeDriver(make_connection=connection)
    dialect = type("Dialect", (FakeDialect,), {"fake": fake, "supports_statement_cache": True})
    monkeypatch.setitem(sa.dialects.registry.impls, drivername, lambda: dialect)
    return fake


def changes(statements: Iterable[str]) -> list[str]:
    """The statements that change something, with the numbers of tables aside left out."""
    return [
        re.sub(r"(sqlflow_aside_)\w+", r"\1…", sql, flags=re.IGNORECASE)
        for sql in statements
        if not sql.startswith(("SELECT", "PREPARE", "DEALLOCATE"))
    ]
