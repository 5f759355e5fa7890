"""Models that are trained again without being asked: ticks with real runs in between."""

import json
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.sensor_definition import SensorExecutionData

from sqlflow_dagster.engines.base import open_engine
from sqlflow_dagster.project import definitions_from_sql
from sqlflow_dagster.sensors import RUN_TAG
from tests.dagster.home import Home
from tests.engines import mariadb_server

PROGRAM = """
CREATE TABLE train AS SELECT * FROM shop.raw WHERE id % 5 <> 0;
CREATE TABLE test AS SELECT * FROM shop.raw WHERE id % 5 = 0;
CREATE TABLE unrelated AS SELECT count(*) AS n FROM shop.other;

SELECT x, y FROM train
TO TRAIN xgboost.gbtree
WITH
    objective = "reg:squarederror",
    train.num_boost_round = 2,
    retrain.schedule = "30 3 * * mon-fri",
    retrain.timezone = "Europe/Berlin",
    retrain.min_new_rows = 20
LABEL y
INTO m;

SELECT * FROM test TO PREDICT p.y USING m;
"""
JOB = "shop__retrain_m"


@dataclass(slots=True)
class Daemon:
    """Does what the daemon does with the results of a sensor's ticks.

    Attributes:
        cursor: Of the sensor.
    """

    home: Home
    instance: dg.DagsterInstance
    cursor: str | None = None

    @property
    def definitions(self) -> dg.Definitions:
        return definitions_from_sql(
            self.home.programs, datasource=self.home.url, executor_kind="in_process"
        )

    def evaluate(self) -> SensorExecutionData:
        """One evaluation, of which nothing is kept."""
        sensor = self.definitions.resolve_sensor_def(f"{JOB}_sensor")
        with dg.build_sensor_context(instance=self.instance, cursor=self.cursor) as context:
            return sensor.evaluate_tick(context)

    def tick(self) -> SensorExecutionData:
        """An evaluation and what follows from it, but for the runs."""
        result = self.evaluate()
        for event in result.asset_events:
            assert isinstance(event, dg.AssetMaterialization)
            self.instance.report_runless_asset_event(event)
        if result.cursor is not None:
            self.cursor = result.cursor
        return result

    def requests(self) -> list[dg.RunRequest]:
        """The runs that a tick asks for."""
        return list(self.tick().run_requests or ())

    def changes(self) -> list[dg.AssetMaterialization]:
        """The changed tables that a tick reports."""
        events = self.tick().asset_events
        return [event for event in events if isinstance(event, dg.AssetMaterialization)]

    def launch(self, request: dg.RunRequest) -> dg.DagsterRun:
        """Create the run that was asked for, and leave it to start."""
        job = self.definitions.resolve_job_def(JOB)
        return self.instance.create_run_for_job(job, tags=request.tags)

    def run(self, job: str = JOB, tags: dict[str, str] | None = None) -> bool:
        """Run a job to its end; whether it succeeded."""
        done = self.definitions.resolve_job_def(job).execute_in_process(
            instance=self.instance, tags=tags, raise_on_error=False
        )
        return done.success

    def tick_and_run(self) -> list[bool]:
        """A tick with the runs that it asks for; which of them succeeded."""
        return [self.run(tags=dict(request.tags)) for request in self.requests()]

    def sql(self, statement: str) -> None:
        """Change the data as somebody else would."""
        with self.home.engine.session() as session:
            session.execute(statement)

    def insert(self, rows: int) -> None:
        self.sql(f"INSERT INTO shop.raw SELECT i, i, 2 * i FROM range({rows}) AS t(i)")

    def insert_from(self, first: int, rows: int) -> None:
        """Rows whose ids go on from the first one."""
        self.sql(f"INSERT INTO shop.raw SELECT {first} + i, i, 2 * i FROM range({rows}) AS t(i)")

    def rows(self, table: str) -> int:
        with self.home.engine.session() as session:
            return session.count(f"SELECT * FROM {table}")


@contextmanager
def opened(home: Home) -> Iterator[Daemon]:
    with home.instance() as instance:
        yield Daemon(home=home, instance=instance)


@pytest.fixture(scope="module")
def untrained_home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A hundred rows that no model has been trained on."""
    home = Home.create(tmp_path_factory.mktemp("untrained") / "home", {"shop.sql": PROGRAM})
    with opened(home) as daemon:
        daemon.sql("CREATE SCHEMA shop")
        daemon.sql("CREATE TABLE shop.raw (id INTEGER, x DOUBLE, y DOUBLE)")
        daemon.sql("CREATE TABLE shop.other AS SELECT 1 AS n")
        daemon.insert(100)
    return home


@pytest.fixture(scope="module")
def trained_home(untrained_home: Home, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """The same after the program has run."""
    home = copied(untrained_home, tmp_path_factory.mktemp("trained"))
    with opened(home) as daemon:
        assert daemon.run("shop")
    return home


def copied(home: Home, directory: Path) -> Home:
    return Home(root=Path(shutil.copytree(home.root, directory / "home")))


@pytest.fixture
def untrained(untrained_home: Home, tmp_path: Path) -> Iterator[Daemon]:
    with opened(copied(untrained_home, tmp_path)) as daemon:
        yield daemon


@pytest.fixture
def trained(trained_home: Home, tmp_path: Path) -> Iterator[Daemon]:
    """A program that has run, and a tick that has seen that."""
    with opened(copied(trained_home, tmp_path)) as daemon:
        assert daemon.tick_and_run() == []
        yield daemon


def test_an_untrained_model_waits_for_its_program(untrained: Daemon) -> None:
    untrained.insert(1000)
    result = untrained.tick()
    assert result.run_requests == []
    assert result.skip_message == "the model has not been trained yet: run its program"


def test_no_change_no_run(trained: Daemon) -> None:
    assert trained.tick_and_run() == []
    result = trained.tick()
    assert result.run_requests == []
    assert result.skip_message == "shop.raw has 100 rows, 100 at the last training"


def test_new_rows_start_exactly_one_run(trained: Daemon) -> None:
    trained.insert(19)
    assert trained.tick_and_run() == []
    trained.insert(1)
    assert trained.tick_and_run() == [True]
    assert trained.tick_and_run() == []
    assert trained.tick_and_run() == []
    trained.insert(20)
    assert trained.tick_and_run() == [True]
    assert trained.tick_and_run() == []


def test_a_retraining_uses_the_new_rows_and_leaves_the_rest(trained: Daemon) -> None:
    trained.insert(50)
    trained.sql("INSERT INTO shop.other VALUES (2)")
    assert trained.tick_and_run() == [True]
    assert (trained.rows("train"), trained.rows("p")) == (120, 30)
    record = trained.instance.fetch_materializations(dg.AssetKey("unrelated"), limit=2).records
    assert len(record) == 1


def test_a_run_says_why_it_was_started(trained: Daemon) -> None:
    trained.insert(20)
    (request,) = trained.requests()
    assert request.tags["sqlflow/because"] == "shop.raw has 120 rows, 100 at the last training"


def test_a_failed_run_is_tried_again(trained: Daemon) -> None:
    trained.insert(20)
    trained.sql("ALTER TABLE shop.raw RENAME y TO z")
    assert trained.tick_and_run() == [False]
    assert trained.tick_and_run() == [False]
    trained.sql("ALTER TABLE shop.raw RENAME z TO y")
    assert trained.tick_and_run() == [True]
    assert trained.tick_and_run() == []


def test_after_three_failures_it_waits_for_more_rows(trained: Daemon) -> None:
    trained.insert(20)
    trained.sql("ALTER TABLE shop.raw RENAME y TO z")
    assert [trained.tick_and_run() for _ in range(5)] == [[False], [False], [False], [], []]
    trained.sql("ALTER TABLE shop.raw RENAME z TO y")
    trained.insert(19)
    assert trained.tick_and_run() == []
    trained.insert(1)
    assert trained.tick_and_run() == [True]


def test_a_run_that_somebody_stopped_is_not_tried_again(trained: Daemon) -> None:
    trained.insert(20)
    (request,) = trained.requests()
    trained.instance.report_run_canceled(trained.launch(request))
    assert trained.tick_and_run() == []
    trained.insert(20)
    assert trained.tick_and_run() == [True]


def test_rows_that_come_back_are_not_new(trained: Daemon) -> None:
    trained.sql("CREATE TABLE aside AS SELECT * FROM shop.raw WHERE id >= 50")
    trained.sql("DELETE FROM shop.raw WHERE id >= 50")
    assert trained.tick_and_run() == []
    trained.sql("INSERT INTO shop.raw FROM aside")
    assert trained.tick_and_run() == []
    trained.insert(20)
    assert trained.tick_and_run() == [True]


def test_a_run_that_is_under_way_is_waited_for(trained: Daemon) -> None:
    trained.insert(20)
    (request,) = trained.requests()
    run = trained.launch(request)
    trained.insert(20)
    result = trained.tick()
    assert result.run_requests == []
    assert result.skip_message == f"m is being trained by run {run.run_id}"


def test_a_training_by_somebody_else_is_waited_for(trained: Daemon) -> None:
    job = trained.definitions.resolve_job_def("shop")
    run = trained.instance.create_run_for_job(job)
    trained.insert(20)
    assert trained.tick().skip_message == f"m is being trained by run {run.run_id}"


def test_a_training_by_somebody_else_counts(trained: Daemon) -> None:
    trained.insert(20)
    assert trained.run("shop")
    assert trained.tick_and_run() == []
    trained.insert(20)
    assert trained.tick_and_run() == [True]


def test_a_run_that_got_lost_is_asked_for_again_under_its_key(trained: Daemon) -> None:
    trained.insert(20)
    (lost,) = trained.requests()
    (again,) = trained.requests()
    assert (again.run_key, again.tags[RUN_TAG]) == (lost.run_key, lost.run_key)


def test_a_table_that_is_gone_starts_nothing(trained: Daemon) -> None:
    trained.sql("DROP TABLE shop.raw")
    assert trained.tick().skip_message == "there is no table shop.raw"


@pytest.fixture
def marked(trained: Daemon) -> Daemon:
    """A program that has run, and then was told the watermark of its table; a tick has seen that."""
    text = PROGRAM.replace("retrain.min", 'retrain.watermark = "ID", retrain.min')
    (trained.home.programs / "shop.sql").write_text(text)
    assert trained.tick_and_run() == []
    return trained


def test_a_watermark_tells_new_rows_where_old_ones_go(marked: Daemon) -> None:
    marked.sql("DELETE FROM shop.raw WHERE id < 50")
    marked.insert_from(100, 19)
    assert marked.tick_and_run() == []
    marked.insert_from(119, 1)
    assert marked.tick_and_run() == [True]
    assert marked.tick_and_run() == []
    marked.sql("DELETE FROM shop.raw WHERE id < 100")
    marked.insert_from(120, 20)
    (request,) = marked.requests()
    told = "shop.raw has 20 rows with id above 119, the highest at the last training"
    assert request.tags["sqlflow/because"] == told


def test_rows_below_the_watermark_are_not_new(marked: Daemon) -> None:
    marked.insert_from(0, 90)
    marked.sql("INSERT INTO shop.raw SELECT NULL, 1, 1 FROM range(90)")
    assert marked.tick_and_run() == []
    marked.sql("UPDATE shop.raw SET id = id + 1000 WHERE id < 10")
    assert marked.tick_and_run() == [True]


def test_a_table_that_was_empty_has_new_rows_only(marked: Daemon) -> None:
    marked.sql("DELETE FROM shop.raw")
    assert marked.run("shop") is False
    marked.instance.report_runless_asset_event(dg.AssetMaterialization(["model", "m"]))
    assert marked.tick_and_run() == []
    marked.insert_from(0, 20)
    (request,) = marked.requests()
    told = "shop.raw has 20 rows with id, none at the last training"
    assert request.tags["sqlflow/because"] == told


def test_a_table_without_the_watermark_counts_by_its_rows(marked: Daemon) -> None:
    program = marked.home.programs / "shop.sql"
    other = "WHERE id % 5 <> 0 AND (SELECT count(*) FROM shop.other) > 0"
    program.write_text(program.read_text().replace("WHERE id % 5 <> 0", other))
    assert marked.tick_and_run() == []
    marked.sql("INSERT INTO shop.other SELECT 1 FROM range(20)")
    assert marked.tick_and_run() == [True]


def test_a_watermark_that_no_table_has_is_told_at_its_place(marked: Daemon) -> None:
    program = marked.home.programs / "shop.sql"
    program.write_text(program.read_text().replace('"ID"', '"idd"'))
    marked.insert_from(100, 20)
    result = marked.tick()
    assert result.run_requests == []
    told = result.skip_message or ""
    assert f"{program}:13:" in told
    assert "no table that model m is made from has a column 'idd'" in told
    assert "shop.raw has id, x, y" in told
    assert "did you mean 'id'?" in told


def test_the_watermark_is_reported_with_the_rows(marked: Daemon) -> None:
    marked.sql("UPDATE shop.raw SET id = 500 WHERE id = 99")
    (event,) = marked.changes()
    found = {name: item.value for name, item in event.metadata.items()}
    assert found == {"dagster/row_count": 100, "highest id": "500"}
    assert marked.changes() == []


def test_a_table_that_has_not_changed_is_not_counted(tmp_path: Path) -> None:
    """On an engine that tells when a table was changed last."""
    url = mariadb_server.new_database()
    with open_engine(url).session() as session:
        session.execute("CREATE TABLE raw (x DOUBLE, y DOUBLE)")
        session.execute("INSERT INTO raw VALUES (1, 2)")
    attributes = "WITH retrain.min_new_rows = 1 LABEL y INTO m"
    program = f"SELECT * FROM raw TO TRAIN xgboost.gbtree {attributes}"
    (tmp_path / "p.sql").write_text(program)
    sensor = definitions_from_sql(tmp_path, datasource=url).resolve_sensor_def(
        "p__retrain_m_sensor"
    )
    cursor = None
    with dg.DagsterInstance.ephemeral() as instance:
        instance.report_runless_asset_event(dg.AssetMaterialization(["model", "m"]))

        def tick() -> SensorExecutionData:
            nonlocal cursor
            with dg.build_sensor_context(instance=instance, cursor=cursor) as context:
                result = sensor.evaluate_tick(context)
            cursor = result.cursor or cursor
            return result

        (event,) = tick().asset_events
        assert isinstance(event, dg.AssetMaterialization)
        told = event.metadata["dagster/last_updated_timestamp"]
        assert isinstance(told, dg.TimestampMetadataValue)
        assert told.value == pytest.approx(time.time(), abs=30)
        counted = "raw has 1 rows, 1 at the last training"
        assert tick().skip_message == counted
        assert tick().skip_message == "no table has changed since its rows were counted"
        time.sleep(1.1)  # The server's times are whole seconds.
        with open_engine(url).session() as session:
            session.execute("INSERT INTO raw VALUES (1, 2)")
        assert len(tick().run_requests or ()) == 1


EVALUATE = """
import json, sys
import dagster as dg
from sqlflow_dagster.definitions import defs
sensor = defs().resolve_sensor_def(sys.argv[1])
with dg.DagsterInstance.get() as instance:
    with dg.build_sensor_context(instance=instance, cursor=sys.argv[2]) as context:
        result = sensor.evaluate_tick(context)
print(json.dumps({"cursor": result.cursor, "requests": len(result.run_requests)}))
"""


def test_the_cursor_is_all_that_a_new_process_needs(trained: Daemon) -> None:
    def in_a_new_process(cursor: str | None) -> tuple[int, str]:
        assert cursor is not None
        done = trained.home.run("python", "-c", EVALUATE, f"{JOB}_sensor", cursor)
        answer = json.loads(done.stdout.splitlines()[-1])
        return answer["requests"], answer["cursor"]

    requests, cursor = in_a_new_process(trained.cursor)
    assert requests == 0
    trained.insert(20)
    requests, cursor = in_a_new_process(cursor)
    assert requests == 1
    assert trained.run(tags={RUN_TAG: json.loads(cursor)["launch"]["key"]})
    requests, cursor = in_a_new_process(cursor)
    assert requests == 0


def test_a_changed_table_is_reported_once(trained: Daemon) -> None:
    key = dg.AssetKey(["shop", "raw"])
    reported = trained.instance.fetch_materializations(key, limit=5).records
    assert len(reported) == 1
    assert trained.changes() == []
    trained.insert(1)
    (event,) = trained.changes()
    assert event.asset_key == key
    assert event.metadata["dagster/row_count"].value == 101
    assert trained.changes() == []


def test_the_schedule_trains_at_its_times(trained: Daemon) -> None:
    schedule = trained.definitions.resolve_schedule_def(f"{JOB}_schedule")
    assert schedule.cron_schedule == "30 3 * * mon-fri"
    assert schedule.execution_timezone == "Europe/Berlin"
    assert schedule.job_name == JOB
    now = datetime(2026, 3, 2, 2, 30, tzinfo=UTC)
    with dg.build_schedule_context(trained.instance, scheduled_execution_time=now) as context:
        (request,) = schedule.evaluate_tick(context).run_requests or []
        run = trained.launch(request)
        skipped = schedule.evaluate_tick(context)
    assert skipped.run_requests == []
    assert skipped.skip_message == f"m is being trained by run {run.run_id}"


def test_both_are_listed_and_run_by_default(tmp_path: Path) -> None:
    home = Home.create(tmp_path / "home", {"shop.sql": PROGRAM})
    place = ("-m", "sqlflow_dagster.definitions")
    sensors = home.run("dagster", "sensor", "list", *place)
    schedules = home.run("dagster", "schedule", "list", *place)
    assert f"Sensor: {JOB}_sensor [RUNNING]" in sensors.stdout
    assert f"Schedule: {JOB}_schedule [RUNNING]" in schedules.stdout
