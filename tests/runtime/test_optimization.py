"""TO MAXIMIZE and TO MINIMIZE on a real engine: problems with known answers, and what has none."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

from sqlflow_dagster.compiler import compile_program
from sqlflow_dagster.engines.base import open_engine
from sqlflow_dagster.errors import TerminalError
from sqlflow_dagster.runtime.context import RunContext, open_context
from sqlflow_dagster.runtime.execute import execute
from sqlflow_dagster.runtime.rehearsal import rehearse
from sqlflow_dagster.runtime.results import StepResult

Row = tuple[Any, ...]

TABLES = (
    "CREATE TABLE woodcarving (product TEXT, price INT, materials_cost INT, other_cost INT, "
    "finishing INT, carpentry INT, max_num INT)",
    "INSERT INTO woodcarving VALUES ('soldier',27,10,14,2,1,40), ('train',21,9,10,1,1,10000)",
    "CREATE TABLE routes (plants TEXT, markets TEXT, distance INT, capacity INT, demand INT)",
    "INSERT INTO routes VALUES ('A','A',140,100,130), ('A','B',210,100,60), "
    "('B','A',300,90,130), ('B','B',90,90,60)",
    "CREATE TABLE items (id INT, size REAL, worth REAL, open BOOLEAN, hole INT, kind TEXT)",
    "INSERT INTO items VALUES (1, 3, 5, true, NULL, 'a'), (2, 4, 6, true, 1, 'a'), "
    "(3, 5, 9.5, false, 2, 'b')",
)


@pytest.fixture(scope="module", params=["duckdb", "sqlite"])
def optimizing(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> RunContext:
    """The tables of the problems in each engine."""
    url = f"{request.param}:///{tmp_path_factory.mktemp('optimization') / 'data.db'}"
    with open_engine(url).session() as session:
        for sql in TABLES:
            session.execute(sql)
    return open_context(url, threads=1)


@dataclass(frozen=True, kw_only=True)
class Problem:
    """A statement, with INTO and a result column named ``plan`` and ``x`` where nothing else is said."""

    clause: str
    variables: str
    type: str
    table: str
    solution: list[Row]
    objective: float
    columns: tuple[str, ...]
    more: str = ""
    constraints: tuple[str, ...] = ()

    @property
    def sql(self) -> str:
        constraint = f"CONSTRAINT {', '.join(self.constraints)}" if self.constraints else ""
        return (
            f"SELECT * FROM {self.table} TO {self.clause} {constraint} "
            f'WITH variables = "{self.variables}", var_type = "{self.type}" {self.more} INTO plan'
        )


PROFIT = "MAXIMIZE SUM((price - materials_cost - other_cost) * product)"
WORK = ("SUM(finishing * product) <= 100", "SUM(carpentry * product) <= 80", "product <= max_num")
WAYS = "MINIMIZE SUM(shipment * distance * 90 / 1000)"
TRADE = ("SUM(shipment) <= capacity GROUP BY plants", "SUM(shipment) >= demand GROUP BY markets")
CARVED = partial(Problem, table="woodcarving", columns=("product", "product_value"))
SHIPPED = partial(Problem, table="routes", columns=("plants", "markets", "shipment"))
PICKED = partial(Problem, table="items", columns=("id", "x"), variables="x(id)")

PROBLEMS = {
    "two products of a workshop": CARVED(
        clause=PROFIT,
        constraints=WORK,
        variables="product(product)",
        type="NonNegativeIntegers",
        solution=[("soldier", 20), ("train", 60)],
        objective=180,
    ),
    "a variable that is its own key": CARVED(
        clause=PROFIT,
        constraints=WORK,
        variables="product",
        type="nonnegativeintegers",
        solution=[("soldier", 20), ("train", 60)],
        objective=180,
    ),
    "thousands of terms": PICKED(
        clause="MAXIMIZE " + " + ".join(["SUM(worth * x)"] * 2000),
        constraints=(
            " + ".join(["SUM(size * x)"] * 200) + " <= 1400",
            "x <= 1" + " + size - size" * 200,
            "x / 2 * 4" + " * 2 / 2" * 100 + " <= size",
        ),
        type="Binary",
        solution=[(1, 1), (2, 1), (3, 0)],
        objective=22000,
    ),
    "a variable of another name": Problem(
        clause="MAXIMIZE SUM((t.price - t.materials_cost - other_cost) * Amount)",
        constraints=(
            "SUM(finishing * amount) <= 100",
            "SUM(carpentry * AMOUNT) <= 80",
            "amount <= MAX_NUM",
        ),
        variables="amount(product)",
        type="NonNegativeReals",
        solution=[("soldier", 20.0), ("train", 60.0)],
        objective=180,
        table="woodcarving AS t",
        columns=("product", "amount"),
    ),
    "all or nothing": CARVED(
        clause=PROFIT,
        constraints=WORK,
        variables="product(product)",
        type="Binary",
        solution=[("soldier", 1), ("train", 1)],
        objective=5,
    ),
    "no constraint": CARVED(
        clause=PROFIT.replace("MAXIMIZE", "MINIMIZE"),
        variables="product(product)",
        type="PositiveIntegers",
        solution=[("soldier", 1), ("train", 1)],
        objective=5,
    ),
    "plants that supply markets": SHIPPED(
        clause=WAYS,
        constraints=TRADE,
        variables="shipment(plants,markets)",
        type="NonNegativeIntegers",
        solution=[("A", "A", 100), ("A", "B", 0), ("B", "A", 30), ("B", "B", 60)],
        objective=2556,
    ),
    "another solver": CARVED(
        clause=PROFIT,
        constraints=WORK,
        variables="product(product)",
        type="NonNegativeIntegers",
        more="USING appsi_highs",
        solution=[("soldier", 20), ("train", 60)],
        objective=180,
    ),
    "sums and rows together": SHIPPED(
        clause=WAYS,
        constraints=(*TRADE, "shipment * 100 >= demand"),
        variables="shipment(plants,markets)",
        type="NonNegativeIntegers",
        solution=[("A", "A", 99), ("A", "B", 1), ("B", "A", 31), ("B", "B", 59)],
        objective=2581.2,
    ),
    "a knapsack": PICKED(
        clause="MAXIMIZE SUM(worth * x)",
        constraints=("SUM(size * x) <= 8",),
        type="Binary",
        solution=[(1, 1), (2, 0), (3, 1)],
        objective=14.5,
    ),
    "a knapsack that can be cut": PICKED(
        clause="MAXIMIZE SUM(worth * x)",
        constraints=("SUM(size * x) <= 7",),
        type="UnitInterval",
        solution=[(1, 2 / 3), (2, 0.0), (3, 1.0)],
        objective=12 + 5 / 6,
    ),
    "constants on the left, a minus before the variable": PICKED(
        clause="MAXIMIZE 7 - SUM(-x)",
        constraints=("3 >= x", "-x >= -2 * id"),
        type="Integers",
        solution=[(1, 2), (2, 3), (3, 3)],
        objective=15,
    ),
    "negative whole numbers": PICKED(
        clause="MAXIMIZE SUM(x)",
        constraints=("SUM(x) <= -1",),
        type="NegativeIntegers",
        solution=[(1, -1), (2, -1), (3, -1)],
        objective=-3,
    ),
    "no positive numbers": PICKED(
        clause="MAXIMIZE SUM(x)",
        type="NonPositiveReals",
        solution=[(1, 0.0), (2, 0.0), (3, 0.0)],
        objective=0,
    ),
    "an equation for each group": PICKED(
        clause="MINIMIZE SUM(worth * x)",
        constraints=("SUM(x) = 10 GROUP BY kind",),
        type="NonNegativeReals",
        solution=[(1, 10.0), (2, 0.0), (3, 10.0)],
        objective=145,
    ),
    "a share of the whole": PICKED(
        clause="MAXIMIZE SUM(worth * x)",
        constraints=("SUM(x) <= 10", "x <= 0.5 * SUM(x)"),
        type="NonNegativeReals",
        solution=[(1, 0.0), (2, 5.0), (3, 5.0)],
        objective=77.5,
    ),
    "a weighted mean": PICKED(
        clause="MAXIMIZE SUM(x)",
        constraints=("SUM(size * x) / SUM(size) <= 1", "x <= 3"),
        type="NonNegativeReals",
        solution=[(1, 3.0), (2, 0.75), (3, 0.0)],
        objective=3.75,
    ),
    "a sum for each row": PICKED(
        clause="MAXIMIZE SUM(x)",
        constraints=("id * SUM(x) <= 12 GROUP BY kind", "x <= 4"),
        type="NonNegativeReals",
        solution=[],
        objective=10,
        more=", optimize.mip_gap = 0",
    ),
    "aggregates of columns": PICKED(
        clause="MAXIMIZE SUM(x) / COUNT(id)",
        constraints=("x <= MAX(size) - MIN(size)", "x <= AVG(id)"),
        type="Reals",
        solution=[(1, 2.0), (2, 2.0), (3, 2.0)],
        objective=2,
    ),
    "the tightest of several bounds": PICKED(
        clause="MAXIMIZE SUM(x)",
        constraints=("SUM(x) <= size",),
        type="Reals",
        solution=[],
        objective=3,
    ),
    "whole numbers that are divided": PICKED(
        clause="MAXIMIZE SUM(x)",
        constraints=("x <= id / 2",),
        type="Reals",
        solution=[(1, 0.5), (2, 1.0), (3, 1.5)],
        objective=3,
    ),
    "truth as a number": PICKED(
        clause="MAXIMIZE SUM(x)",
        constraints=('x <= 4 * "open"',),
        type="Reals",
        solution=[(1, 4.0), (2, 4.0), (3, 0.0)],
        objective=8,
    ),
}


def run(sql: str, context: RunContext) -> StepResult:
    [step] = compile_program(sql, dialect=context.engine.dialect).steps
    return execute(step, context)


def written(context: RunContext, table: str = "plan") -> tuple[list[str], list[Row]]:
    with context.engine.session() as session:
        rows = session.read(f"SELECT * FROM {table} ORDER BY 1, 2").read_all()
    return rows.column_names, list(
        zip(*(column.to_pylist() for column in rows.columns), strict=True)
    )


@pytest.mark.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS.keys())
def test_known_answers(problem: Problem, optimizing: RunContext) -> None:
    result = run(problem.sql, optimizing)
    assert result.details["objective value"] == pytest.approx(problem.objective)
    assert result.details["solver status"] == "optimal"
    assert result.details["variables"] == result.input_rows
    names, rows = written(optimizing)
    assert tuple(names) == problem.columns
    for row, wanted in zip(rows, problem.solution, strict=False):
        assert row == pytest.approx(wanted)
        assert [type(value) for value in row] == [type(value) for value in wanted]
    assert len(rows) == result.input_rows
    assert len(problem.solution) in {0, len(rows)}


def test_an_expression_may_be_a_name_in_quotes(optimizing: RunContext) -> None:
    run(
        'SELECT id, worth AS "the-worth" FROM items TO MAXIMIZE SUM(x * "the-worth") '
        "CONSTRAINT x <= 1 WITH variables = x(id), var_type = Reals INTO plan",
        optimizing,
    )
    assert written(optimizing)[1] == [(1, 1.0), (2, 1.0), (3, 1.0)]


FAILURES = {
    "infeasible": (
        "SELECT * FROM items TO MAXIMIZE SUM(x) CONSTRAINT x >= 3, SUM(x) <= 8",
        "Reals",
        "no values of the variables obey all constraints",
    ),
    "infeasible whole numbers": (
        "SELECT * FROM items TO MAXIMIZE SUM(x) CONSTRAINT 3 * SUM(x) = 7, x <= 3, x >= 0",
        "Integers",
        "no values of the variables obey all constraints",
    ),
    "unbounded above": (
        "SELECT * FROM items TO MAXIMIZE SUM(x) CONSTRAINT x >= 3",
        "Reals",
        "the objective has no bound above",
    ),
    "unbounded below": (
        "SELECT * FROM items TO MINIMIZE SUM(x) CONSTRAINT SUM(x) <= 3",
        "Integers",
        "the objective has no bound below",
    ),
    "no constraint and no bound": (
        "SELECT * FROM items TO MAXIMIZE SUM(x)",
        "PositiveIntegers",
        "the objective has no bound above",
    ),
    "two equations for a group": (
        "SELECT * FROM items TO MAXIMIZE SUM(x) CONSTRAINT SUM(x) = size GROUP BY kind",
        "Reals",
        "SUM(x) = size GROUP BY kind asks for both 3 and 4 where kind is 'a'",
    ),
    "a coefficient that is NULL": (
        "SELECT * FROM items TO MAXIMIZE SUM(x) CONSTRAINT SUM(x * hole) <= 3",
        "Reals",
        "column 'hole' is NULL in 1 row",
    ),
    "NULL in an aggregate": (
        "SELECT * FROM items TO MAXIMIZE SUM(x) CONSTRAINT x <= SUM(hole)",
        "Reals",
        "column 'hole' is NULL in 1 row",
    ),
    "a division by zero": (
        "SELECT * FROM items TO MAXIMIZE SUM(x) CONSTRAINT x <= size / (id - 1)",
        "Reals",
        "a coefficient of x <= size / (id - 1) is not a finite number in 1 row",
    ),
    "a text": (
        "SELECT * FROM items TO MAXIMIZE SUM(x * kind)",
        "Binary",
        "and a number is wanted",
    ),
    "no rows": (
        "SELECT * FROM items WHERE id > 3 TO MAXIMIZE SUM(x)",
        "Binary",
        "the SELECT gives no rows",
    ),
    "a column that is not there": (
        "SELECT * FROM items TO MAXIMIZE SUM(x * sise)",
        "Binary",
        "column 'sise' is not among the columns of the SELECT: id, size, worth, open, hole, kind",
    ),
}


@pytest.mark.parametrize(
    ("clause", "place"),
    [
        pytest.param("CONSTRAINT SUM(x) <= 3 GROUP BY kindd", "kindd", id="group"),
        pytest.param("CONSTRAINT SUM(x) <= sise", "sise", id="column"),
    ],
)
def test_a_misspelt_column_over_a_generated_table_has_its_place(
    clause: str, place: str, optimizing: RunContext
) -> None:
    sql = (
        f"SELECT i.* FROM items i JOIN items j ON i.id = j.id TO MAXIMIZE SUM(x) {clause} "
        "WITH variables = 'x(id)', var_type = Binary INTO plan"
    )
    program = compile_program(sql, dialect=optimizing.engine.dialect)
    execute(program.steps[0], optimizing)
    with pytest.raises(TerminalError, match=f"column '{place}' is not among") as caught:
        execute(program.steps[1], optimizing)
    assert caught.value.span is not None
    assert caught.value.span.text == place


@pytest.mark.parametrize(("clause", "kind", "message"), FAILURES.values(), ids=FAILURES.keys())
def test_what_has_no_answer(clause: str, kind: str, message: str, optimizing: RunContext) -> None:
    with optimizing.engine.session() as session:
        session.create_table_as(("plan",), "SELECT 'as before' AS x, 1 AS y")
    with pytest.raises(TerminalError) as caught:
        run(f"{clause} WITH variables = x(id), var_type = {kind} INTO plan", optimizing)
    assert message in caught.value.message
    assert caught.value.span is not None
    assert written(optimizing)[1] == [("as before", 1)]


def test_a_misspelt_column_has_its_place(optimizing: RunContext) -> None:
    clause = "SELECT * FROM items TO MAXIMIZE SUM(x * sise)"
    with pytest.raises(TerminalError) as caught:
        run(f"{clause} WITH variables = x(id), var_type = Binary INTO plan", optimizing)
    assert caught.value.span is not None
    assert caught.value.span.text == "sise"


def test_a_time_limit_without_a_solution(context: RunContext) -> None:
    # A knapsack of many almost equal things, which no heuristic fills exactly.
    sql = (
        "SELECT range AS id, 1000003 + (range * 7919) % 99991 AS size FROM range(400) "
        "TO MAXIMIZE SUM(size * x) CONSTRAINT SUM(size * x) = 123456789 "
        "WITH variables = x(id), var_type = Binary, optimize.time_limit = 0.000001 INTO plan"
    )
    table, plan = compile_program(sql).steps
    execute(table, context)
    with pytest.raises(TerminalError, match="no solution was found in 1e-06 seconds"):
        execute(plan, context)


def test_a_table_that_it_reads_may_be_the_one_it_writes(optimizing: RunContext) -> None:
    with optimizing.engine.session() as session:
        session.create_table_as(("plan",), "SELECT id, worth FROM items")
    run(
        "SELECT * FROM plan TO MAXIMIZE SUM(worth * x) "
        "WITH variables = x(id), var_type = Binary INTO plan",
        optimizing,
    )
    assert written(optimizing) == (["id", "x"], [(1, 1), (2, 1), (3, 1)])


def test_a_key_without_a_value_stays_as_it_is(optimizing: RunContext) -> None:
    run(
        "SELECT * FROM items TO MAXIMIZE SUM(x) CONSTRAINT SUM(x) <= 2 GROUP BY hole "
        "WITH variables = x(hole), var_type = NonNegativeReals INTO plan",
        optimizing,
    )
    assert sorted(written(optimizing)[1], key=str) == [(1, 2.0), (2, 2.0), (None, 2.0)]


def test_the_solution_knows_where_its_columns_come_from(context: RunContext) -> None:
    with context.engine.session() as session:
        for sql in TABLES[:2]:
            session.execute(sql)
    result = run(PROBLEMS["two products of a workshop"].sql, context)
    sources = {
        name: [source.column for source in found] for name, found in result.column_lineage.items()
    }
    assert sources == {
        "product": ["product"],
        "product_value": [
            *("carpentry", "finishing", "materials_cost", "max_num", "other_cost", "price"),
        ],
    }


@pytest.mark.parametrize(
    ("objective", "message"),
    [
        pytest.param("SUM(v * z)", "column 'z' is not among the columns", id="a column"),
        pytest.param("SUM(v * name)", "a number is wanted", id="a type"),
        pytest.param("SUM(y * name)", "the variable 'y' has the name", id="a hidden column"),
        pytest.param("SUM(v * y)", None, id="nothing"),
    ],
)
def test_the_rehearsal_checks_columns(
    objective: str, message: str | None, context: RunContext
) -> None:
    program = compile_program(
        "CREATE TABLE goods AS SELECT *, 'n' AS name FROM numbers;"
        f"SELECT * FROM goods TO MAXIMIZE {objective} "
        f"WITH variables = {objective[4]}(x), var_type = Binary INTO plan;"
    )
    found = [item.message for item in rehearse(program, context)]
    assert len(found) == (message is not None)
    assert all(message is not None and message in item for item in found)
