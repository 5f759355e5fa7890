"""Random SQL programs that are valid in program order, and what they leave in a real database."""

import random
import sqlite3
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field

import duckdb
import pytest

from sqlflow_dagster.graph.program import Step
from sqlflow_dagster.lang.statements import (
    SqlStatement,
    TemporaryTableStatement,
    TransactionStatement,
)

TABLES = ("a", "b", "c", "d")
VIEWS = ("v", "w", "z")
TEMPORARY_TABLES = ("p", "q")
TEMPORARY_VIEWS = ("s",)
Row = tuple[object, ...]
Data = dict[str, list[Row]]
Shown = dict[int, list[Row]]


@dataclass
class Catalog:
    """What exists while a random program is written down."""

    draw: random.Random
    dialect: str
    tables: set[str] = field(default_factory=set)
    views: dict[str, str] = field(default_factory=dict)
    temporary: set[str] = field(default_factory=set)

    def table(self) -> str:
        """A table, TEMP or not."""
        return self.draw.choice(sorted(self.tables | self.temporary))

    def lasting(self) -> str:
        return self.draw.choice(sorted(self.tables))

    def behind(self, name: str) -> list[str]:
        """What a view shows, through any number of views; the table comes last."""
        found: list[str] = []
        while name in self.views:
            name = self.views[name]
            found.append(name)
        return found

    def usable(self, there: set[str]) -> list[str]:
        """The views whose table is one of these."""
        return sorted(view for view in self.views if self.behind(view)[-1] in there)

    def relation(self) -> str:
        """A table, or a view whose table is there."""
        there = self.tables | self.temporary
        return self.draw.choice(sorted(there) + self.usable(there))

    def made(self, kind: str, name: str, query: str) -> str:
        """The statements that make a table or view, whether it is there or not."""
        if self.dialect == "sqlite":
            return f"DROP {kind.rsplit(maxsplit=1)[-1]} IF EXISTS {name};\nCREATE {kind} {name} AS {query}"
        return f"CREATE OR REPLACE {kind} {name} AS {query}"


def create(catalog: Catalog) -> str:
    name = catalog.draw.choice(TABLES)
    catalog.tables.add(name)
    return catalog.made("TABLE", name, f"SELECT {catalog.draw.randrange(9)} AS x")


def create_from(catalog: Catalog) -> str:
    source = catalog.relation()
    name = catalog.draw.choice(sorted({*TABLES} - {source, *catalog.behind(source)}))
    catalog.tables.add(name)
    return catalog.made("TABLE", name, f"SELECT (x * 5 + 1) % 97 AS x FROM {source}")


def ensure(catalog: Catalog) -> str:
    name = catalog.draw.choice(TABLES)
    catalog.tables.add(name)
    return f"CREATE TABLE IF NOT EXISTS {name} AS SELECT {catalog.draw.randrange(9)} AS x"


def append(catalog: Catalog) -> str:
    return f"INSERT INTO {catalog.table()} VALUES ({catalog.draw.randrange(9)})"


def append_from(catalog: Catalog) -> str:
    rows = f"SELECT (x * 3) % 89 AS x FROM {catalog.relation()} ORDER BY x LIMIT 4"
    return f"INSERT INTO {catalog.table()} {rows}"


def update(catalog: Catalog) -> str:
    other = catalog.relation()
    return f"UPDATE {catalog.table()} SET x = (x * 2 + (SELECT count(*) FROM {other})) % 83"


def delete(catalog: Catalog) -> str:
    return f"DELETE FROM {catalog.table()} WHERE x % 3 = {catalog.draw.randrange(3)}"


def empty(catalog: Catalog) -> str:
    return f"{'DELETE FROM' if catalog.dialect == 'sqlite' else 'TRUNCATE'} {catalog.table()}"


def drop(catalog: Catalog) -> str:
    name = catalog.table()
    catalog.tables.discard(name)
    catalog.temporary.discard(name)
    return f"DROP TABLE IF EXISTS {name}"


def rename(catalog: Catalog) -> str:
    broken = len(catalog.usable(catalog.tables)) < len(catalog.views)
    old, new = catalog.lasting(), catalog.draw.choice(TABLES)
    if old == new or new in catalog.views.values() or (broken and catalog.dialect == "sqlite"):
        return append(catalog)  # SQLite renames nothing while a view is broken.
    if catalog.dialect == "sqlite":
        # There, views follow.
        catalog.views.update({view: new for view, over in catalog.views.items() if over == old})
    catalog.tables = catalog.tables - {old} | {new}
    return f"DROP TABLE IF EXISTS {new};\nALTER TABLE {old} RENAME TO {new}"


def create_view(catalog: Catalog) -> str:
    name = catalog.draw.choice(VIEWS)
    lasting = {*catalog.usable(catalog.tables)}.intersection(VIEWS) - {name}
    others = {view for view in lasting if name not in catalog.behind(view)}
    shown = catalog.draw.choice(sorted(catalog.tables | others))
    catalog.views[name] = shown
    return catalog.made("VIEW", name, f"SELECT x + 1 AS x FROM {shown}")


def read(catalog: Catalog) -> str:
    return f"SELECT count(*), sum(x) FROM {catalog.relation()}"


def transaction(catalog: Catalog) -> str:
    parts = [catalog.draw.choice((append_from, update, delete))(catalog) for _ in range(2)]
    return "BEGIN;\n" + ";\n".join(parts) + ";\nCOMMIT"


_FIRST = (create, ensure)
_LATER: tuple[Callable[[Catalog], str], ...] = (
    create, create_from, ensure, append, append_from, append_from, update, update, delete,
    empty, drop, rename, create_view, read, read, transaction,
)  # fmt: skip


def create_temporary(catalog: Catalog) -> str:
    source = catalog.relation()
    name = catalog.draw.choice(sorted({*TEMPORARY_TABLES} - {source, *catalog.behind(source)}))
    catalog.temporary.add(name)
    return catalog.made("TEMP TABLE", name, f"SELECT (x * 7 + 1) % 79 AS x FROM {source}")


def define_temporary(catalog: Catalog) -> str:
    name = catalog.draw.choice(TEMPORARY_TABLES)
    catalog.temporary.add(name)
    return (
        f"DROP TABLE IF EXISTS {name};\nCREATE TEMP TABLE {name} (x BIGINT DEFAULT 5);\n"
        f"INSERT INTO {name} DEFAULT VALUES"
    )


def append_default(catalog: Catalog) -> str:
    return f"INSERT INTO {catalog.table()} DEFAULT VALUES"


def create_temporary_view(catalog: Catalog) -> str:
    name, table = catalog.draw.choice(TEMPORARY_VIEWS), catalog.table()
    catalog.views[name] = table
    return catalog.made("TEMP VIEW", name, f"SELECT x + 2 AS x FROM {table}")


def wide_transaction(catalog: Catalog) -> str:
    kinds = (append_from, update, delete, create_from, create_temporary, create_temporary_view)
    parts = [catalog.draw.choice(kinds)(catalog) for _ in range(catalog.draw.randrange(1, 4))]
    return "BEGIN;\n" + ";\n".join(parts) + ";\nCOMMIT"


_WITH_TEMPORARY: tuple[Callable[[Catalog], str], ...] = (
    create, create_from, create_from, ensure, append, append_default, append_from, append_from, update, update,
    delete, empty, drop, create_view, read, create_temporary, create_temporary, define_temporary,
    create_temporary_view, wide_transaction, wide_transaction,
)  # fmt: skip


def random_program(draw: random.Random, dialect: str, *, temporary: bool = False) -> str:
    """A program of 3 to 14 statements or so, with or without TEMP tables."""
    catalog = Catalog(draw=draw, dialect=dialect)
    later = _WITH_TEMPORARY if temporary else _LATER
    statements = []
    for _ in range(draw.randrange(3, 15)):
        kinds = later if catalog.tables else _FIRST
        statements.append(draw.choice(kinds)(catalog))
    return ";\n".join(statements)


class Database:
    """An empty database that lives in memory."""

    def __init__(self, run: Callable[[str], list[Row]], catalog: str) -> None:
        self._run, self._catalog = run, catalog

    def run(self, steps: Sequence[Step]) -> Shown:
        """Run steps in this order: the rows that each printing one shows."""
        shown: Shown = {}
        for step in steps:
            match step.statement:
                case SqlStatement(sql=sql):
                    rows = self._run(sql)
                    if sql.startswith("SELECT"):
                        shown[step.index] = rows
                case TransactionStatement(statements=statements):
                    for statement in statements:
                        self._run(statement.sql)
                case other:
                    pytest.fail(f"unexpected {other}")
        return shown

    def data(self) -> Data:
        """The rows of each table."""
        tables = [str(name) for (name,) in self._run(self._catalog)]
        return {name: self._run(f"SELECT x FROM {name} ORDER BY x") for name in tables}


@contextmanager
def database(dialect: str) -> Iterator[Database]:
    """An empty database of an engine."""
    if dialect == "sqlite":
        with closing(sqlite3.connect(":memory:", isolation_level=None)) as lite:
            yield Database(
                lambda sql: lite.execute(sql).fetchall(),
                "SELECT name FROM sqlite_schema WHERE type = 'table'",
            )
        return
    with duckdb.connect(config={"threads": 1}) as duck:
        yield Database(
            lambda sql: duck.execute(sql).fetchall(), "SELECT table_name FROM duckdb_tables()"
        )


def executed(dialect: str, steps: Sequence[Step]) -> tuple[Data, Shown]:
    """The tables after the steps ran in this order, and what each printing step saw."""
    with database(dialect) as db:
        shown = db.run(steps)
        return db.data(), shown


@contextmanager
def connections(dialect: str) -> Iterator[Callable[[], Callable[[str], list[Row]]]]:
    """An empty database: what opens a connection of its own to it, through which statements run."""
    with ExitStack() as opened:
        if dialect == "sqlite":
            place = f"file:{uuid.uuid4().hex}?mode=memory&cache=shared"

            def connect() -> Callable[[str], list[Row]]:
                lite = sqlite3.connect(place, uri=True, isolation_level=None)
                opened.enter_context(closing(lite))
                return lambda sql: lite.execute(sql).fetchall()
        else:
            first = opened.enter_context(duckdb.connect(config={"threads": 1}))

            def connect() -> Callable[[str], list[Row]]:
                duck = opened.enter_context(first.cursor())
                return lambda sql: duck.execute(sql).fetchall()

        yield connect


def lasting_data(run: Callable[[str], list[Row]], dialect: str) -> Data:
    """The rows of each table that is neither TEMP nor generated."""
    catalog = (
        "SELECT name FROM sqlite_schema WHERE type = 'table'"
        if dialect == "sqlite"
        else "SELECT table_name FROM duckdb_tables() WHERE NOT temporary"
    )
    tables = {str(name) for (name,) in run(catalog)}.intersection(TABLES)
    return {name: run(f"SELECT x FROM {name} ORDER BY x") for name in sorted(tables)}


def run_alone(step: Step, run: Callable[[str], list[Row]]) -> None:
    """Run a step on a connection that nothing has run on."""
    match step.statement:
        case SqlStatement(sql=sql):
            statements = [sql]
        case TransactionStatement(statements=inside, kept=kept):
            dropped = [f"DROP TABLE IF EXISTS {table}" for table in kept]
            statements = ["BEGIN", *dropped, *(item.sql for item in inside), "COMMIT"]
        case TemporaryTableStatement(table=table, query=query, setup=setup):
            made = f"CREATE TABLE {table} AS {query.sql}"
            dropped = [f"DROP TABLE IF EXISTS {table}"]
            statements = [*dropped, *(item.sql for item in setup), made]
        case other:
            pytest.fail(f"unexpected {other}")
    for sql in (*step.prefix, *statements):
        run(sql)


def any_order(waits_for: dict[int, frozenset[int]], draw: random.Random) -> Iterator[int]:
    """A random order of the nodes in which each stands after all those of them that it waits for."""
    left = dict(waits_for)
    while left:
        ready = [node for node, before in left.items() if not before & left.keys()]
        assert ready, "the graph has a cycle"
        node = draw.choice(ready)
        del left[node]
        yield node
