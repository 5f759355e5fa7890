"""Any small problem in SQL has the answer that trying every plan gives."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sqlflow_dagster.compiler import compile_program
from sqlflow_dagster.errors import TerminalError
from sqlflow_dagster.runtime.context import RunContext, open_context
from sqlflow_dagster.runtime.execute import execute

Plan = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """What is known of a variable."""

    id: int
    a: int
    b: int
    g: str


@dataclass(frozen=True, slots=True)
class Rule:
    """A constraint in SQL, and whether a plan obeys it in one of its rows."""

    sql: str
    holds: Callable[["Case"], bool]


@dataclass(frozen=True, slots=True)
class Case:
    """A row of a plan.

    Attributes:
        k: The number in the constraint.
        x: The value of the variable.
        rows: The rows that sums are over, with their values.
    """

    k: int
    row: Row
    x: int
    rows: list[tuple[Row, int]]

    @property
    def total(self) -> int:
        return sum(x for _, x in self.rows)


RULES = [
    Rule("x <= {k}", lambda c: c.x <= c.k),
    Rule("{k} - a * x >= b - 4", lambda c: c.k - c.row.a * c.x >= c.row.b - 4),
    Rule("-x / 2 >= -{k} * a", lambda c: -c.x / 2 >= -c.k * c.row.a),
    Rule("SUM(a * x) <= {k}", lambda c: sum(r.a * x for r, x in c.rows) <= c.k),
    Rule("SUM(x) = {k}", lambda c: c.total == c.k),
    Rule("SUM(x) >= b GROUP BY g", lambda c: c.total >= c.row.b),
    Rule("b * SUM(x) <= {k} GROUP BY g", lambda c: c.row.b * c.total <= c.k),
    Rule("{k} * x >= SUM(x) - 2 GROUP BY g", lambda c: c.k * c.x >= c.total - 2),
    Rule(
        "SUM(a * x + b) <= {k} * COUNT(a) GROUP BY g",
        lambda c: sum(r.a * x + r.b for r, x in c.rows) <= c.k * len(c.rows),
    ),
    Rule(
        "SUM(x) - MAX(a) <= {k} + MIN(b)",
        lambda c: c.total - max(r.a for r, _ in c.rows) <= c.k + min(r.b for r, _ in c.rows),
    ),
]


def obeys(rule: Rule, k: int, rows: list[Row], plan: Plan) -> bool:
    pairs = list(zip(rows, plan, strict=True))
    grouped = "GROUP BY" in rule.sql
    return all(
        rule.holds(Case(k, row, x, [p for p in pairs if not grouped or p[0].g == row.g]))
        for row, x in pairs
    )


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> RunContext:
    path: Path = tmp_path_factory.mktemp("optimization") / "data.duckdb"
    return open_context(f"duckdb:///{path}", threads=1)


NUMBER = st.integers(-3, 3)
ROWS = st.lists(st.tuples(NUMBER, NUMBER, st.sampled_from("pq")), min_size=1, max_size=4)
CONSTRAINTS = st.lists(st.tuples(st.sampled_from(RULES), st.integers(0, 6)), max_size=3)


@given(drawn=ROWS, constraints=CONSTRAINTS, sense=st.sampled_from(["MAXIMIZE", "MINIMIZE"]))
@settings(max_examples=25, deadline=None)
def test_any_problem(
    context: RunContext,
    drawn: list[tuple[int, int, str]],
    constraints: list[tuple[Rule, int]],
    sense: str,
) -> None:
    rows = [Row(number, *values) for number, values in enumerate(drawn)]
    table = {name: [getattr(row, name) for row in rows] for name in ("id", "a", "b", "g")}
    with context.engine.session() as session:
        session.replace_table(("rows",), pa.table(table).to_reader())
    written = ", ".join(["x <= 2", *(rule.sql.format(k=k) for rule, k in constraints)])
    [step] = compile_program(
        f"SELECT * FROM rows TO {sense} SUM((a - b) * x) - 1 CONSTRAINT {written} "
        "WITH variables = x(id), var_type = NonNegativeIntegers INTO plan"
    ).steps
    plans = [
        plan
        for plan in product(range(3), repeat=len(rows))
        if all(obeys(rule, k, rows, plan) for rule, k in constraints)
    ]
    if not plans:
        with pytest.raises(TerminalError, match=r"obey all constraints|asks for both"):
            execute(step, context)
        return
    worth = [
        sum((row.a - row.b) * x for row, x in zip(rows, plan, strict=True)) - 1 for plan in plans
    ]
    best = max(worth) if sense == "MAXIMIZE" else min(worth)
    assert execute(step, context).details["objective value"] == pytest.approx(best)
    with context.engine.session() as session:
        found = session.read("SELECT x FROM plan ORDER BY id").read_all()["x"].to_pylist()
    assert tuple(found) in plans
