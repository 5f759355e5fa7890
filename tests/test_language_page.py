"""docs/language.md: every example compiles and runs."""

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from sqlflow_dagster.cli.demo_data import demo_tables
from sqlflow_dagster.compiler import compile_program
from sqlflow_dagster.engines.base import open_engine
from sqlflow_dagster.graph.program import Program
from sqlflow_dagster.runtime.context import RunContext, open_context
from sqlflow_dagster.runtime.execute import execute

PAGE = (Path(__file__).parents[1] / "docs" / "language.md").read_text(encoding="utf-8")
VARIABLES = {"TABLE": "iris.raw", "BIZDATE": "2026-01-31"}


@dataclass(frozen=True)
class Example:
    """One block of SQL; its number and the heading that it stands under."""

    number: int
    heading: str
    sql: str

    def compiled(self) -> Program:
        return compile_program(self.sql, variables=VARIABLES, datasources={"archive": "sqlite"})

    @property
    def needs_torch(self) -> bool:
        return "DNN" in self.sql


def examples() -> list[Example]:
    found: list[Example] = []
    heading = ""
    for match in re.finditer(
        r"^## (?P<heading>[^\n]+)$|^```sql\n(?P<sql>.*?)^```$", PAGE, re.M | re.S
    ):
        heading = match["heading"] or heading
        if match["sql"]:
            found.append(Example(number=len(found), heading=heading, sql=match["sql"]))
    return found


EXAMPLES = examples()
ALL = pytest.mark.parametrize(
    "example", EXAMPLES, ids=lambda item: f"{item.number} {item.heading}".rstrip()
)


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> RunContext:
    """The demo tables, and the program that TO RUN may start."""
    folder = tmp_path_factory.mktemp("page")
    url = f"duckdb:///{folder / 'data.duckdb'}"
    with open_engine(url).session() as session:
        for name, rows in demo_tables():
            session.create_schema(name[0])
            session.replace_table(name, rows.to_reader())
    program = re.search(r"^```python\n# extract.py\n(.*?)^```$", PAGE, re.M | re.S)
    assert program is not None
    (folder / "extract.py").write_text(program[1])
    return open_context(
        url,
        datasources={"archive": f"sqlite:///{folder / 'archive.db'}"},
        threads=1,
        external_programs=(str(folder / "extract.py"),),
    )


@ALL
def test_compiles_without_a_warning(example: Example) -> None:
    assert [item.message for item in example.compiled().diagnostics] == []


def test_runs(context: RunContext) -> None:
    """In the order of the page: later examples read what earlier ones make."""
    for example in EXAMPLES:
        if not example.needs_torch:
            run(example, context)
    with context.engine.session() as session:
        for table in ("iris.predict", "guesses", "old_guesses"):
            assert session.count(f"SELECT * FROM {table}") == 30
        assert session.count("SELECT * FROM iris.explanation") == 90
        assert session.count("SELECT * FROM iris.features") == 5
        plan = session.read("SELECT * FROM plan ORDER BY product").read_all()
        assert plan.to_pydict() == {"product": ["soldier", "train"], "product_value": [20, 60]}
        shipments = session.read("SELECT * FROM shipments ORDER BY plant, market").read_all()
        assert shipments["shipment"].to_pylist() == [100, 0, 30, 60]


@pytest.mark.torch
def test_runs_networks(context: RunContext) -> None:
    run(EXAMPLES[0], context)
    for example in EXAMPLES:
        if example.needs_torch:
            run(example, context)


def run(example: Example, context: RunContext) -> None:
    for step in example.compiled().steps:
        execute(step, context)


def test_every_kind_of_statement_has_an_example() -> None:
    kinds = {type(step.statement).__name__ for item in EXAMPLES for step in item.compiled().steps}
    assert kinds >= {
        "SqlStatement",
        "TrainStatement",
        "PredictStatement",
        "EvaluateStatement",
        "ExplainStatement",
        "ShowTrainStatement",
        "RunStatement",
        "OptimizeStatement",
    }
