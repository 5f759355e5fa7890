"""Ctrl-C, as a terminal sends it: to every process of the command."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from sqlflow_dagster.engines.base import open_engine
from tests.cli.command import Finished, Sqlflow
from tests.cli.conftest import Ask
from tests.engines.postgresql_server import new_database

TRAINING = """
CREATE TABLE a AS SELECT x, y FROM numbers;
SELECT * FROM a TO TRAIN xgboost.gbtree
WITH objective = "reg:squarederror", train.num_boost_round = ${SIZE}
LABEL y INTO m;
SELECT * FROM a TO PREDICT result.y USING m;
"""
STATEMENT = """
CREATE TABLE a AS SELECT x, y FROM numbers;
CREATE TABLE result AS
SELECT count(*) AS n FROM a, range(${SIZE}) AS b, range(${SIZE}) AS c
WHERE (x + b.range * c.range) % 7 = 3;
"""
FOREVER = "SIZE=3000000"


def interrupted(sqlflow: Sqlflow, *, sign: str) -> tuple[Finished, int]:
    """Run the program, press Ctrl-C once ``sign`` shows; what came of it, and the process group."""
    process = sqlflow.start("run", "p.sql", "--variable", FOREVER)
    assert process.stderr is not None
    seen = ""
    while sign not in seen:
        line = process.stderr.readline()
        assert line, seen
        seen += line
    os.killpg(process.pid, signal.SIGINT)
    stdout, rest = process.communicate()
    return Finished(code=process.returncode, stdout=stdout, stderr=seen + rest), process.pid


def alive(group: int) -> list[str]:
    """The processes of a group that still run."""
    listed = subprocess.run(
        ["ps", "-A", "-o", "pgid=,stat=,args="], capture_output=True, text=True, check=True
    )
    lines = [line.split(None, 2) for line in listed.stdout.splitlines()]
    return [
        " ".join(line) for line in lines if line[0] == str(group) and not line[1].startswith("Z")
    ]


def wait_until_none_is_alive(group: int) -> None:
    # The fork server ends by itself when it sees that its starter has gone.
    deadline = time.monotonic() + 20
    while alive(group):
        assert time.monotonic() < deadline, alive(group)
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("program", "sign"),
    [
        pytest.param(TRAINING, "training xgboost.gbtree", id="a training"),
        pytest.param(STATEMENT, "CREATE a …", id="a statement of the engine"),
    ],
)
def test_ctrl_c_stops_everything_and_breaks_nothing(
    sqlflow: Sqlflow, ask: Ask, program: str, sign: str
) -> None:
    sqlflow.write("p.sql", program)
    assert sqlflow("run", "p.sql", "--variable", "SIZE=3").code == 0
    before = ask("SELECT * FROM result ORDER BY ALL")

    done, group = interrupted(sqlflow, sign=sign)

    assert done.code == 130
    assert done.stderr.splitlines()[-1] == (
        "interrupted; finished steps are kept, continue with --resume"
    )
    assert "Traceback" not in done.stderr
    wait_until_none_is_alive(group)
    assert ask("SELECT * FROM result ORDER BY ALL") == before

    resumed = sqlflow("run", "p.sql", "--resume", "--variable", "SIZE=4")
    assert resumed.code == 0, resumed.stderr
    assert "CREATE a" not in resumed.stderr
    assert sqlflow("run", "p.sql", "--resume", "--variable", "SIZE=4").stderr == (
        "everything is up to date\n"
    )


def test_ctrl_c_stops_the_statement_on_the_server(tmp_path: Path) -> None:
    url = new_database()
    sqlflow = Sqlflow(folder=tmp_path, url=url)
    sqlflow.write("p.sql", "CREATE TABLE a AS SELECT pg_sleep(60) IS NULL AS x;")
    running = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'"
    process = sqlflow.start("run", "p.sql")
    with open_engine(url).session() as session:
        while not session.count(running):
            assert process.poll() is None
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGINT)
        process.communicate()
        assert process.returncode == 130
        deadline = time.monotonic() + 10
        while session.count(running):
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_ctrl_c_right_at_the_start_shows_no_traceback(sqlflow: Sqlflow) -> None:
    sqlflow.write("p.sql", TRAINING)
    process = sqlflow.start("run", "p.sql", "--variable", FOREVER)
    # The lock of the data source appears when the command has been read and its checks begin.
    while not (sqlflow.folder / "data.duckdb.lock").exists():
        assert process.poll() is None
    os.killpg(process.pid, signal.SIGINT)
    _, stderr = process.communicate()
    assert process.returncode == 130
    assert "interrupted" in stderr
    assert "Traceback" not in stderr
    wait_until_none_is_alive(process.pid)
