"""When generated tables are dropped, and what is done where one is missing."""

import time
from datetime import timedelta
from pathlib import Path

import pytest

from sqlflow_dagster.argo.step_text import step_text
from sqlflow_dagster.compiler import compile_program
from sqlflow_dagster.engines.base import Engine
from sqlflow_dagster.graph.program import Program
from sqlflow_dagster.graph.retraining import retraining_scope
from sqlflow_dagster.graph.selection import select_steps
from sqlflow_dagster.lang.statements import TemporaryTableStatement
from sqlflow_dagster.runtime.context import RunContext, open_context
from sqlflow_dagster.runtime.execute import execute
from sqlflow_dagster.runtime.generated_tables import GeneratedTables
from sqlflow_dagster.runtime.plan import plan
from sqlflow_dagster.temp_tables import TableLife, parse_duration
from tests.dagster.home import Home

PROGRAM = """
SELECT r.a, r.y FROM raw AS r JOIN raw AS s ON r.a = s.a TO TRAIN xgboost.gbtree LABEL y INTO m;
CREATE TEMP TABLE t AS SELECT max(a) AS a FROM raw GROUP BY y;
SELECT * FROM t TO PREDICT p.y USING m;
"""
GENERATED = ["sqlflow_temporary_train_m", "sqlflow_temporary_life_t"]


def load(engine: Engine) -> None:
    with engine.session() as session:
        session.execute("CREATE TABLE raw AS SELECT range AS a, range % 3 AS y FROM range(30)")


@pytest.fixture
def context(tmp_path: Path) -> RunContext:
    found = open_context(f"duckdb:///{tmp_path / 'data.duckdb'}", program="life", threads=1)
    load(found.engine)
    return found


def program(life: str = "keep", text: str = PROGRAM) -> Program:
    return compile_program(text, path="life.sql", temp_tables_life=life)


def run(program: Program, context: RunContext, *names: str) -> None:
    for step in program.steps:
        if not names or step.name in names:
            execute(step, context)


def generated(engine: Engine) -> list[str]:
    with engine.session() as session:
        return [name for _, name in session.tables() if name.startswith("sqlflow_temporary_")]


def test_kept_by_default(context: RunContext) -> None:
    run(program(), context)
    assert generated(context.engine) == sorted(GENERATED)


def test_dropped_after_the_last_reader(context: RunContext) -> None:
    compiled = program("drop_after_run")
    names = [step.name for step in compiled.steps]
    for table in GENERATED:
        reader = next(s for s in compiled.steps if any(t.name == table for t in s.temporary_tables))
        dropping = compiled.steps[names.index(f"drop_{table}")]
        assert reader.index in dropping.waits_for
    run(compiled, context)
    assert generated(context.engine) == []


def test_a_model_alone_is_made_again_although_its_table_was_dropped(context: RunContext) -> None:
    compiled = program("drop_after_run")
    run(compiled, context)
    run(compiled, context, "train_m")
    assert [item.version for item in context.models.versions("m")] == [1, 2]


def test_whoever_chooses_the_model_alone_drops_its_table_too() -> None:
    compiled = program("drop_after_run")
    chosen = [compiled.steps[index].name for index in sorted(select_steps(compiled, ["m"]))]
    assert chosen == ["train_m", "drop_sqlflow_temporary_train_m"]


def test_a_retraining_drops_the_tables_of_its_model() -> None:
    compiled = program("drop_after_run")
    (model,) = (item for item in compiled.segments if item.name == "m")
    scope = retraining_scope(compiled, model)
    chosen = {compiled.segments[index].name for index in scope.segments}
    assert {f"drop_{table}" for table in GENERATED} < chosen


@pytest.mark.parametrize("life", ["keep", "drop_after_run", "ttl=1h"])
def test_the_life_is_no_part_of_what_a_statement_computes(life: str) -> None:
    versions = {step.name: step.code_version for step in program(life).steps}
    assert {item: versions[item] for item in GENERATED} == {
        step.name: step.code_version for step in program().steps if step.name in GENERATED
    }


@pytest.mark.parametrize("life", ["keep", "drop_after_run"])
def test_a_missing_generated_table_makes_nothing_stale(context: RunContext, life: str) -> None:
    compiled = program(life)
    run(compiled, context)
    GeneratedTables(context.engine).drop([ref for step in compiled.steps for ref in step.writes])
    assert [item.step.name for item in plan(compiled, context) if item.stale] == []


def test_a_table_whose_time_is_over_goes_when_the_next_one_is_made(context: RunContext) -> None:
    run(program("ttl=1s"), context, "sqlflow_temporary_train_m")
    assert generated(context.engine) == ["sqlflow_temporary_train_m"]
    time.sleep(1)
    run(program("ttl=1h"), context, "sqlflow_temporary_life_t")
    assert generated(context.engine) == ["sqlflow_temporary_life_t"]


def test_a_table_of_a_user_is_never_dropped(context: RunContext) -> None:
    with context.engine.session() as session:
        session.execute("CREATE TABLE sqlflow_temporary_mine AS SELECT 1 AS a")
    tables = GeneratedTables(context.engine)
    tables.drop(
        [
            ref
            for step in compile_program("DROP TABLE sqlflow_temporary_mine").steps
            for ref in step.writes
        ]
    )
    assert generated(context.engine) == ["sqlflow_temporary_mine"]


def test_a_time_to_live_is_carried_by_the_statement() -> None:
    lives = {
        step.statement.time_to_live
        for step in program("ttl=36h").steps
        if isinstance(step.statement, TemporaryTableStatement)
    }
    assert lives == {timedelta(hours=36)}


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("90s", timedelta(seconds=90)),
        ("15m", timedelta(minutes=15)),
        ("12h", timedelta(hours=12)),
        ("7D", timedelta(days=7)),
        ("2 w", timedelta(weeks=2)),
    ],
)
def test_times(text: str, time: timedelta) -> None:
    assert parse_duration(text) == time


@pytest.mark.parametrize("text", ["forever", "ttl=", "ttl=7", "ttl=-1d", "ttl=0d", "drop", ""])
def test_an_unknown_life_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"none of|no time"):
        TableLife.parse(text)


def test_argo_drops_in_a_pod_of_its_own() -> None:
    compiled = program("drop_after_run")
    texts = [step_text(step, compiled).sql for step in compiled.steps]
    assert texts[-1] == "DROP TABLE IF EXISTS sqlflow_temporary_life_t"


@pytest.mark.parametrize("way", ["sqlflow run", "dagster job execute"])
def test_a_whole_run_leaves_no_generated_table(tmp_path: Path, way: str) -> None:
    home = Home.create(tmp_path / "home", {"life.sql": PROGRAM})
    load(home.engine)
    life = {"SQLFLOW_TEMP_TABLES_LIFE": "drop_after_run"}
    if way == "sqlflow run":
        done = home.run("sqlflow", "run", str(home.programs / "life.sql"), **life)
    else:
        done = home.execute("life", **life)
    assert done.returncode == 0, done.stdout
    assert generated(home.engine) == []
    with home.engine.session() as session:
        assert session.count("SELECT * FROM p") == 3


def test_dagster_makes_a_model_alone_although_its_table_was_dropped(tmp_path: Path) -> None:
    home = Home.create(tmp_path / "home", {"life.sql": PROGRAM})
    load(home.engine)
    life = {"SQLFLOW_TEMP_TABLES_LIFE": "drop_after_run"}
    select = ("dagster", "asset", "materialize", "-m", "sqlflow_dagster.definitions", "--select")
    assert home.execute("life", **life).returncode == 0
    done = home.run(*select, "model/m", **life)
    assert done.returncode == 0, done.stdout
    versions = open_context(home.url).models.versions("m")
    assert [item.version for item in versions] == [1, 2]
