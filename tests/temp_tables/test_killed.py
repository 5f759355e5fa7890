"""A process that dies while it computes a generated table."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from sqlflow_dagster.compiler import compile_program
from sqlflow_dagster.engines.base import Engine
from sqlflow_dagster.runtime.context import open_context
from sqlflow_dagster.runtime.execute import execute
from sqlflow_dagster.runtime.generated_tables import GeneratedTables

# Hours of work with 3,000 loads, none without.
PROGRAM = """
SELECT r.a, r.y, count(x.n + y.n + z.n) AS work
FROM raw AS r LEFT JOIN load AS x ON x.n > 0 LEFT JOIN load AS y ON y.n > x.n LEFT JOIN load AS z ON z.n > y.n
GROUP BY r.a, r.y
TO TRAIN xgboost.gbtree LABEL y INTO m;
"""
RUN_FIRST_STEP = """
import sys
from sqlflow_dagster.compiler import compile_program
from sqlflow_dagster.runtime.context import open_context
from sqlflow_dagster.runtime.execute import execute
context = open_context(sys.argv[1], threads=1)
program = compile_program(sys.stdin.read(), dialect=context.engine.dialect)
print("computing", flush=True)
execute(program.steps[0], context)
"""
NUMBERS = "WITH RECURSIVE k(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM k WHERE n < {}) SELECT"


def rows(engine: Engine, sql: str) -> int:
    with engine.session() as session:
        return session.count(sql)


def kill_while_computing(url: str) -> None:
    """Kill a process in the middle of its first step."""
    with subprocess.Popen(
        [sys.executable, "-c", RUN_FIRST_STEP, url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(PROGRAM)
        process.stdin.close()
        assert process.stdout.readline() == "computing\n"
        time.sleep(2)
        assert process.poll() is None, "it was done before it could be killed"
        process.kill()


def load(engine: Engine, count: int) -> None:
    with engine.session() as session:
        session.execute("DELETE FROM load")
        if count:
            session.execute(f"INSERT INTO load {NUMBERS.format(count)} n FROM k")


@pytest.mark.parametrize("before", [True, False], ids=["it was there before", "it was not"])
@pytest.mark.parametrize("kind", ["duckdb", "sqlite"])
def test_nothing_half_built_is_seen_and_the_next_run_succeeds(
    tmp_path: Path, kind: str, before: bool
) -> None:
    url = f"{kind}:///{tmp_path / 'data.db'}"
    context = open_context(url, threads=1)
    engine = context.engine
    with engine.session() as session:
        session.execute(f"CREATE TABLE raw AS {NUMBERS.format(30)} n AS a, n % 3 AS y FROM k")
        session.execute("CREATE TABLE load (n INTEGER)")
    program = compile_program(PROGRAM, dialect=engine.dialect)
    if before:
        execute(program.steps[0], context)
        with engine.session() as session:
            session.execute("DELETE FROM raw WHERE a > 20")
    load(engine, 3000)
    kill_while_computing(url)
    left = [item.table.name for item in GeneratedTables(engine).found()]
    assert left == (["sqlflow_temporary_train_m"] if before else [])
    if before:
        assert rows(engine, "SELECT * FROM sqlflow_temporary_train_m") == 30
    load(engine, 0)
    for step in program.steps:
        execute(step, context)
    assert rows(engine, "SELECT * FROM sqlflow_temporary_train_m") == rows(
        engine, "SELECT * FROM raw"
    )
    assert _tables(engine) == {"raw", "load", "sqlflow_temporary_train_m"}


def _tables(engine: Engine) -> set[str]:
    """The tables but those of the history, the models and the owners."""
    with engine.session() as session:
        names = {name for _, name in session.tables()}
    own = ("sqlflow_step", "sqlflow_model", "sqlflow_generated")
    return {name for name in names if not name.startswith(own)}
