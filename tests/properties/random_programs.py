"""Random SQL programs that are valid in program order, and what they leave in a real database."""

import random
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field

import duckdb
import pytest

from sqlflow_dagster.graph.program import Step
from sqlflow_dagster.lang.statements import SqlStatement, TransactionStatement

TABLES = ("a", "b", "c", "d")
VIEWS = ("v", "w")
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

    def table(self) -> str:
        return self.draw.choice(sorted(self.tables))

    def relation(self) -> str:
        """A table, or a view whose table is there."""
        usable = [view for view, table in self.views.items() if table in self.tables]
        return self.draw.choice(sorted(self.tables) + sorted(usable))

    def made(self, kind: str, name: str, query: str) -> str:
        """The statements that make a table or view, whether it is there or not."""
        if self.dialect == "sqlite":
            return f"DROP {kind} IF EXISTS {name};\nCREATE {kind} {name} AS {query}"
        return f"CREATE OR REPLACE {kind} {name} AS {query}"


def create(catalog: Catalog) -> str:
    name = catalog.draw.choice(TABLES)
    catalog.tables.add(name)
    return catalog.made("TABLE", name, f"SELECT {catalog.draw.randrange(9)} AS x")


def create_from(catalog: Catalog) -> str:
    source = catalog.relation()
    name = catalog.draw.choice(sorted({*TABLES} - {source, catalog.views.get(source)}))
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
    return f"DROP TABLE IF EXISTS {name}"


def rename(catalog: Catalog) -> str:
    broken = any(table not in catalog.tables for table in catalog.views.values())
    old, new = catalog.table(), catalog.draw.choice(TABLES)
    if old == new or new in catalog.views.values() or (broken and catalog.dialect == "sqlite"):
        return append(catalog)  # SQLite renames nothing while a view is broken.
    if catalog.dialect == "sqlite":
        # There, views follow.
        catalog.views.update({view: new for view, over in catalog.views.items() if over == old})
    catalog.tables = catalog.tables - {old} | {new}
    return f"DROP TABLE IF EXISTS {new};\nALTER TABLE {old} RENAME TO {new}"


def create_view(catalog: Catalog) -> str:
    name, table = catalog.draw.choice(VIEWS), catalog.table()
    catalog.views[name] = table
    return catalog.made("VIEW", name, f"SELECT x + 1 AS x FROM {table}")


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


def random_program(draw: random.Random, dialect: str) -> str:
    """A program of 3 to 14 statements or so."""
    catalog = Catalog(draw=draw, dialect=dialect)
    statements = []
    for _ in range(draw.randrange(3, 15)):
        kinds = _LATER if catalog.tables else _FIRST
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


def any_order(waits_for: dict[int, frozenset[int]], draw: random.Random) -> Iterator[int]:
    """A random order of the nodes in which each stands after all those of them that it waits for."""
    left = dict(waits_for)
    while left:
        ready = [node for node, before in left.items() if not before & left.keys()]
        assert ready, "the graph has a cycle"
        node = draw.choice(ready)
        del left[node]
        yield node
