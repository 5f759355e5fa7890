"""Any order that respects the edges of a program leaves the data that program order leaves.

Programs are drawn at random, valid in program order, and executed for real.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import duckdb
import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st

from sqlflow_dagster.compiler import compile_program
from sqlflow_dagster.graph.program import Program, Segment, Step
from sqlflow_dagster.lang.statements import SqlStatement, TransactionStatement

TABLES = ("a", "b", "c", "d")
VIEWS = ("v", "w")
Data = dict[str, list[tuple[object, ...]]]


@dataclass
class Catalog:
    """What exists while a random program is written down."""

    draw: random.Random
    tables: set[str] = field(default_factory=set)
    views: dict[str, str] = field(default_factory=dict)

    def table(self) -> str:
        return self.draw.choice(sorted(self.tables))

    def relation(self) -> str:
        """A table, or a view whose table is there."""
        usable = [view for view, table in self.views.items() if table in self.tables]
        return self.draw.choice(sorted(self.tables) + sorted(usable))


def create(catalog: Catalog) -> str:
    name = catalog.draw.choice(TABLES)
    catalog.tables.add(name)
    return f"CREATE OR REPLACE TABLE {name} AS SELECT {catalog.draw.randrange(9)} AS x"


def create_from(catalog: Catalog) -> str:
    source = catalog.relation()
    name = catalog.draw.choice(TABLES)
    catalog.tables.add(name)
    return f"CREATE OR REPLACE TABLE {name} AS SELECT (x * 5 + 1) % 97 AS x FROM {source}"


def ensure(catalog: Catalog) -> str:
    name = catalog.draw.choice(TABLES)
    catalog.tables.add(name)
    return f"CREATE TABLE IF NOT EXISTS {name} AS SELECT {catalog.draw.randrange(9)} AS x"


def append(catalog: Catalog) -> str:
    return f"INSERT INTO {catalog.table()} VALUES ({catalog.draw.randrange(9)})"


def append_from(catalog: Catalog) -> str:
    return f"INSERT INTO {catalog.table()} SELECT (x * 3) % 89 FROM {catalog.relation()} LIMIT 4"


def update(catalog: Catalog) -> str:
    other = catalog.relation()
    return f"UPDATE {catalog.table()} SET x = (x * 2 + (SELECT count(*) FROM {other})) % 83"


def delete(catalog: Catalog) -> str:
    return f"DELETE FROM {catalog.table()} WHERE x % 3 = {catalog.draw.randrange(3)}"


def truncate(catalog: Catalog) -> str:
    return f"TRUNCATE {catalog.table()}"


def drop(catalog: Catalog) -> str:
    name = catalog.table()
    catalog.tables.discard(name)
    return f"DROP TABLE {name}"


def rename(catalog: Catalog) -> str:
    free = sorted(set(TABLES) - catalog.tables)
    if not free:
        return append(catalog)
    old, new = catalog.table(), catalog.draw.choice(free)
    catalog.tables = catalog.tables - {old} | {new}
    return f"ALTER TABLE {old} RENAME TO {new}"


def create_view(catalog: Catalog) -> str:
    name, table = catalog.draw.choice(VIEWS), catalog.table()
    catalog.views[name] = table
    return f"CREATE OR REPLACE VIEW {name} AS SELECT x + 1 AS x FROM {table}"


def read(catalog: Catalog) -> str:
    return f"SELECT count(*), sum(x) FROM {catalog.relation()}"


def transaction(catalog: Catalog) -> str:
    parts = [catalog.draw.choice((append_from, update, delete))(catalog) for _ in range(2)]
    return "BEGIN;\n" + ";\n".join(parts) + ";\nCOMMIT"


ANYWHERE = (create, ensure)
WITH_TABLES: tuple[Callable[[Catalog], str], ...] = (
    create, create_from, ensure, append, append_from, append_from, update, update, delete,
    truncate, drop, rename, create_view, read, read, transaction,
)  # fmt: skip


def random_program(seed: int) -> str:
    catalog = Catalog(draw=random.Random(seed))
    statements = []
    for _ in range(catalog.draw.randrange(3, 15)):
        kinds = WITH_TABLES if catalog.tables else ANYWHERE
        statements.append(catalog.draw.choice(kinds)(catalog))
    return ";\n".join(statements)


def compiled(seed: int) -> Program:
    text = random_program(seed)
    note(text)
    return compile_program(text)


def executed(steps: Sequence[Step]) -> tuple[Data, dict[int, object]]:
    """The tables after the steps ran in this order, and what each reading step saw."""
    shown: dict[int, object] = {}
    with duckdb.connect() as connection:
        for step in steps:
            match step.statement:
                case SqlStatement(sql=sql):
                    rows = connection.execute(sql).fetchall()
                    if sql.startswith("SELECT"):
                        shown[step.index] = rows
                case TransactionStatement(statements=statements):
                    for statement in statements:
                        connection.execute(statement.sql)
                case other:
                    pytest.fail(f"unexpected {other}")
        tables = connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()
        data = {
            name: connection.execute(f"SELECT * FROM {name} ORDER BY ALL").fetchall()
            for (name,) in tables
        }
    return data, shown


def any_order(waits_for: Sequence[frozenset[int]], draw: random.Random) -> Iterator[int]:
    """A random order of the nodes in which each stands after all that it waits for."""
    done: set[int] = set()
    while len(done) < len(waits_for):
        ready = [i for i, before in enumerate(waits_for) if i not in done and before <= done]
        assert ready, "the graph has a cycle"
        node = draw.choice(ready)
        done.add(node)
        yield node


def steps_in_order(program: Program, draw: random.Random) -> list[Step]:
    order = any_order([step.waits_for for step in program.steps], draw)
    return [program.steps[index] for index in order]


def segments_in_order(program: Program, draw: random.Random) -> list[Segment]:
    order = any_order([segment.waits_for for segment in program.segments], draw)
    return [program.segments[index] for index in order]


@settings(max_examples=200, deadline=None)
@given(seed=st.integers(0, 2**32), shuffle=st.integers(0, 2**32))
def test_any_order_of_steps_or_segments_leaves_the_same_data(seed: int, shuffle: int) -> None:
    program = compiled(seed)
    expected = executed(program.steps)
    draw = random.Random(shuffle)
    assert executed(steps_in_order(program, draw)) == expected
    of_segments = [
        program.steps[index]
        for segment in segments_in_order(program, draw)
        for index in segment.steps
    ]
    assert executed(of_segments) == expected


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_segments_partition_the_steps_and_stand_in_a_valid_order(seed: int) -> None:
    program = compiled(seed)
    steps = sorted(index for segment in program.segments for index in segment.steps)
    assert steps == list(range(len(program.steps)))
    for segment in program.segments:
        assert segment.upstream <= segment.waits_for
        assert all(before < segment.index for before in segment.waits_for)
    names = [segment.name for segment in program.segments]
    assert len(set(names)) == len(names)


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_no_order_only_edge_is_implied_by_others(seed: int) -> None:
    program = compiled(seed)
    reached: list[set[int]] = []
    for segment in program.segments:
        direct = [reached[before] | {before} for before in segment.waits_for]
        reached.append(set().union(*direct))
        for before in segment.waits_for - segment.upstream:
            others = [reached[other] for other in segment.waits_for - {before}]
            assert before not in set().union(*others)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_a_rerunnable_segment_leaves_the_same_data_when_it_runs_twice(seed: int) -> None:
    program = compiled(seed)
    steps: list[Step] = []
    for segment in program.segments:
        twice = segment.rerunnable and not any(step_drops(program.steps[i]) for i in segment.steps)
        steps += [program.steps[i] for i in segment.steps] * (2 if twice else 1)
    assert executed(steps) == executed(program.steps)


def step_drops(step: Step) -> bool:
    """Whether the engine refuses to run the step twice, as it does for DROP TABLE."""
    return any(write.mode == "drop" for write in step.effects.writes)
