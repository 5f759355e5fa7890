"""``dagster job execute`` with the default executor: each step in a process of its own."""

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from tests.dagster.home import Home, execute_command, steps, wait_for
from tests.dagster.iris import load_iris_tables
from tests.engines.processes import foreign_holder, start

Kind = dg.DagsterEventType

# Enough rounds for some seconds: both trainings are under way before either ends.
TRAININGS = """
CREATE TABLE iris.train AS
SELECT r.*, s.class FROM iris.raw AS r JOIN iris.species AS s ON r.species = s.name;

SELECT sepal_length, sepal_width, petal_length, petal_width, class FROM iris.train
TO TRAIN xgboost.gbtree
WITH objective = "multi:softprob", num_class = 3, train.num_boost_round = 8000
LABEL class INTO one;

SELECT sepal_length, sepal_width, petal_length, petal_width, class FROM iris.train
TO TRAIN xgboost.gbtree
WITH objective = "multi:softprob", num_class = 3, train.num_boost_round = 8000
LABEL class INTO other;
"""
WRITER = """
import sys, threading, time
from sqlflow_dagster.engines.base import open_engine
engine = open_engine(sys.argv[1])
stopped = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), stopped.set()), daemon=True).start()
print("ready", flush=True)
while not stopped.is_set():
    begin = time.time()
    with engine.session() as session:
        session.create_table_as(("ticks",), "SELECT 1 AS n")
    print(begin, time.time(), flush=True)
    time.sleep(0.05)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A command that has ended, with the events of its run.

    Attributes:
        output: What it printed.
        code: Its exit code.
        events: Of the run.
        writes: When another process wrote the database meanwhile, from and to.
    """

    output: str
    code: int
    events: list[dg.EventLogEntry]
    writes: list[tuple[float, float]]

    def outcomes(self) -> dict[str, str]:
        ended = {Kind.STEP_SUCCESS: "success", Kind.STEP_FAILURE: "failure"}
        return {step: word for kind, word in ended.items() for step in steps(self.events, kind)}

    def failure(self, step: str) -> str:
        for event in self.events:
            found = event.dagster_event
            if found and found.event_type is Kind.STEP_FAILURE and event.step_key == step:
                data = found.step_failure_data.user_failure_data
                assert data is not None
                return str(data.description)
        raise AssertionError(f"{step} did not fail")

    def metadata(self, *key: str) -> dict[str, Any]:
        for event in self.events:
            made = event.asset_materialization
            if made is not None and made.asset_key == dg.AssetKey(key):
                return {name: item.value for name, item in made.metadata.items()}
        raise AssertionError(f"{key} was not materialized")


@contextmanager
def writing(url: str) -> Iterator[subprocess.Popen[str]]:
    with start(WRITER, url) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n", process.communicate()[1]
            yield process
        finally:
            process.kill()


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """A run of two trainings while another process writes the same database."""
    home = Home.create(tmp_path_factory.mktemp("trained") / "home", {"pair.sql": TRAININGS})
    load_iris_tables(home.engine)
    with writing(home.url) as writer:
        done = home.execute("pair", SQLFLOW_MAX_CONCURRENT="2")
        written, errors = writer.communicate("", timeout=60)
    assert (writer.returncode, errors) == (0, "")
    writes = [(float(line.split()[0]), float(line.split()[1])) for line in written.splitlines()]
    return Finished(output=done.stdout, code=done.returncode, events=home.events(), writes=writes)


def test_a_job_succeeds(trained: Finished) -> None:
    assert trained.code == 0, trained.output
    assert trained.outcomes() == dict.fromkeys(
        ["create_iris_train", "train_one", "train_other"], "success"
    )


def test_the_default_executor_forks_its_steps(trained: Finished) -> None:
    assert "multiprocess executor" in trained.output
    assert len(steps(trained.events, Kind.STEP_WORKER_STARTED)) == 3
    pids = set(re.findall(r"Capturing logs for process \(pid: (\d+)\)", trained.output))
    assert len(pids) == 3


def both_training(run: Finished) -> tuple[float, float]:
    starts, ends = steps(run.events, Kind.STEP_START), steps(run.events, Kind.STEP_SUCCESS)
    models = ("train_one", "train_other")
    return max(starts[model] for model in models), min(ends[model] for model in models)


def test_trainings_overlap(trained: Finished) -> None:
    begin, end = both_training(trained)
    assert begin < end


def test_the_database_is_free_while_models_train(trained: Finished) -> None:
    begin, end = both_training(trained)
    assert [write for write in trained.writes if begin < write[0] and write[1] < end]


def test_no_step_meets_a_lock(trained: Finished) -> None:
    assert [line for line in trained.output.splitlines() if "still in use" in line] == []
    assert "Could not set lock" not in trained.output
    assert steps(trained.events, Kind.STEP_UP_FOR_RETRY) == {}


def test_steps_share_the_cores(trained: Finished) -> None:
    share = max(1, (os.cpu_count() or 1) // 2)
    assert trained.metadata("model", "one")["threads"] == share
    assert trained.metadata("model", "other")["threads"] == share


@pytest.fixture(scope="module")
def failed(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """A run in which one statement fails."""
    text = (
        # Which columns it has, only the engine knows.
        "CREATE TABLE a AS SELECT * FROM range(1);\n"
        "CREATE TABLE b AS SELECT m FROM a;\n"
        "CREATE TABLE c AS SELECT * FROM b;\n"
        "CREATE TABLE d AS SELECT * FROM a;\n"
    )
    home = Home.create(tmp_path_factory.mktemp("failed") / "home", {"my-failing.sql": text})
    done = home.execute("my_failing")
    return Finished(output=done.stdout, code=done.returncode, events=home.events(), writes=[])


def test_a_failed_statement_takes_down_only_what_waits_for_it(failed: Finished) -> None:
    assert failed.code == 1
    # A step that is skipped has no event of its own.
    assert failed.outcomes() == {
        "create_a": "success",
        "create_b": "failure",
        "create_d": "success",
    }
    assert "Dependencies for step my_failing__create_c failed" in failed.output


def test_a_failed_statement_is_shown_with_its_place(failed: Finished) -> None:
    first, line, caret, *_ = failed.failure("my_failing__create_b").splitlines()
    assert "my-failing.sql:2:26: error: " in first
    assert '"m" not found' in first
    assert line == "2 | CREATE TABLE b AS SELECT m FROM a;"
    assert caret == " " * (len("2 | ") + 25) + "^"
    assert line in failed.output


def test_an_error_of_the_statement_is_not_retried(failed: Finished) -> None:
    assert steps(failed.events, Kind.STEP_UP_FOR_RETRY) == {}


@pytest.fixture(scope="module")
def edited(tmp_path_factory: pytest.TempPathFactory) -> tuple[Finished, Home]:
    """A run whose first step meets a lock and is retried; meanwhile its program is edited."""
    texts = [
        f"CREATE TABLE first AS SELECT '{word}' AS word;\n"
        f"CREATE TABLE second AS SELECT word, '{word}' AS own FROM first;\n"
        for word in ("old", "new")
    ]
    home = Home.create(tmp_path_factory.mktemp("edited") / "home", {"p.sql": texts[0]})
    with (
        foreign_holder(str(home.database)) as holder,
        home.start(*execute_command("p"), SQLFLOW_LOCK_TIMEOUT="0.5") as process,
    ):
        wait_for(
            lambda: steps(home.events(), Kind.STEP_UP_FOR_RETRY),
            what="the failure of the first attempt",
            process=process,
        )
        (home.programs / "p.sql").write_text(texts[1])
        holder.kill()
        output, _ = process.communicate(timeout=300)
    run = Finished(output=output, code=process.returncode, events=home.events(), writes=[])
    return run, home


def test_a_lock_that_is_released_only_costs_a_retry(edited: tuple[Finished, Home]) -> None:
    run, _ = edited
    assert run.code == 0, run.output
    assert set(steps(run.events, Kind.STEP_UP_FOR_RETRY)) == {"create_first"}
    assert run.outcomes() == {"create_first": "success", "create_second": "success"}
    # The engine does not always find out which process it is; the event has the error, whatever was printed.
    told = run.output + str(run.events)
    assert re.search(r"data\.duckdb was still in use by (another )?process", told), told


def test_a_run_executes_the_text_it_was_launched_with(edited: tuple[Finished, Home]) -> None:
    run, home = edited
    with home.engine.session() as session:
        rows = session.read("FROM second").read_all().to_pylist()
    assert rows == [{"word": "old", "own": "old"}]
    assert "'old' AS own" in run.metadata("second")["sql"]


MINE = {
    "function": "@dg.definitions\ndef defs():\n    return dg.Definitions(assets=assets(), jobs=jobs)\n",
    "module": "defs = dg.Definitions(assets=assets(), jobs=jobs)\n",
}


def run_edited(folder: Path, definitions: str) -> tuple[Home, int, str]:
    """A run of the user's own definitions, whose program is edited before its step loads them."""
    home = Home.create(folder / "home", {"p.sql": "CREATE TABLE t AS SELECT 'old' AS word"})
    (home.root / "mine.py").write_text(
        "import multiprocessing, pathlib, time\n"
        "import dagster as dg\n"
        "from sqlflow_dagster import assets_from_sql\n"
        "while multiprocessing.parent_process() and not pathlib.Path('edited').exists():\n"
        "    time.sleep(0.05)\n"
        "def assets():\n"
        f"    return assets_from_sql('programs/*.sql', datasource={home.url!r})\n"
        "jobs = [dg.define_asset_job('all', selection='t')]\n"
        f"{definitions}"
    )
    command = ("dagster", "job", "execute", "-f", "mine.py", "-j", "all")
    with home.start(*command) as process:
        wait_for(
            lambda: steps(home.events(), Kind.STEP_WORKER_STARTING),
            what="the start of the step",
            process=process,
        )
        (home.programs / "p.sql").write_text("CREATE TABLE t AS SELECT 'new' AS word")
        (home.root / "edited").touch()
        output, _ = process.communicate(timeout=300)
    return home, process.returncode, output


def test_a_definitions_function_pins_its_programs(tmp_path: Path) -> None:
    home, code, output = run_edited(tmp_path, MINE["function"])
    assert code == 0, output
    with home.engine.session() as session:
        assert session.read("FROM t").read_all().to_pylist() == [{"word": "old"}]


def test_a_definitions_object_refuses_what_was_edited(tmp_path: Path) -> None:
    """Dagster hands a module's own Definitions no text of the first load."""
    home, code, output = run_edited(tmp_path, MINE["module"])
    assert code == 1
    assert "t was edited after its run was launched. Nothing was changed." in output
    with home.engine.session() as session:
        assert session.relation_kind(("t",)) is None
