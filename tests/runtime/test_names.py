"""Tables of machine-learning clauses are called what the engine's own SQL would call them."""

import pytest

from sqlflow_dagster.compiler import compile_program
from sqlflow_dagster.runtime.context import open_context
from sqlflow_dagster.runtime.execute import execute
from tests.engines.postgresql_server import new_database


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        pytest.param("Guessed", "guessed", id="folded"),
        pytest.param('"Guessed It"', "Guessed It", id="in quotes"),
        pytest.param('"My Lab".Guessed', "guessed", id="a schema in quotes"),
    ],
)
def test_case_counts_in_quotes_alone(written: str, meant: str) -> None:
    context = open_context(new_database(), threads=1)
    program = compile_program(
        f"""
        SELECT x, y FROM points TO TRAIN GaussianNB LABEL y INTO m;
        SELECT DISTINCT x FROM points TO PREDICT {written}.y USING m;
        SELECT * FROM {written};
        """,
        dialect="postgres",
    )
    with context.engine.session() as session:
        session.create_schema("My Lab")
        session.execute("CREATE TABLE points AS SELECT x, x > 3 AS y FROM generate_series(1, 6) x")
    results = [execute(step, context) for step in program.steps]
    assert results[-1].rows is not None
    assert results[-1].rows.num_rows == 6
    with context.engine.session() as session:
        assert any(name == meant for _, name in session.tables())
    assert program.steps[-2].writes <= program.steps[-1].reads
