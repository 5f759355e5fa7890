"""One set of programs on DuckDB and PostgreSQL: by the command, under Dagster, on Argo."""

import json
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import psycopg
import pytest
import sqlalchemy as sa

from sqlflow_dagster import definitions, definitions_from_sql
from sqlflow_dagster.argo.render import render_yaml
from sqlflow_dagster.compiler import compile_program
from sqlflow_dagster.engines.base import open_engine
from sqlflow_dagster.graph.objects import ObjectKind, ObjectRef
from sqlflow_dagster.leftovers import SENSOR
from sqlflow_dagster.runtime.generated_tables import GeneratedTables
from tests.cli.command import Sqlflow
from tests.engines.postgresql_server import new_database

SECRET = "Tr0ub4dor"

HERE = """
CREATE SCHEMA IF NOT EXISTS shop;
CREATE TABLE orders AS SELECT range AS id, range % 7 AS x, (range % 2)::INTEGER AS y FROM range(60);
CREATE TABLE marks AS SELECT id, x * 2 AS z FROM orders;

SELECT o.x, m.z, o.y FROM orders o JOIN marks m ON o.id = m.id
TO TRAIN xgboost.gbtree WITH objective = "binary:logistic", train.num_boost_round = 3 LABEL y INTO m;
"""
THERE = """
-- sqlflow: program.datasource=pg
CREATE SCHEMA IF NOT EXISTS lab;
SET search_path TO lab, public;
CREATE TEMP TABLE picked AS SELECT id, x FROM public.source WHERE id < 20;
CREATE TABLE orders AS SELECT id, x, x * 2 AS z FROM picked;

SELECT p.id, p.x, p.z FROM orders p JOIN public.source s ON s.id = p.id
TO PREDICT predicted.y USING m;

SELECT count(*) AS rows FROM predicted;
"""
WITH_ROWS = "CREATE TABLE source AS SELECT i AS id, i % 7 AS x FROM generate_series(0, 39) AS i"


@dataclass(frozen=True)
class Place:
    """Two data sources and a folder of programs that use both.

    Attributes:
        folder: Holds the programs.
        here: The default data source, a DuckDB file.
        there: The data source ``pg``, whose URL holds a password.
    """

    folder: Path
    here: str
    there: str

    @property
    def programs(self) -> list[str]:
        return [str(self.folder / name) for name in ("there.sql", "here.sql")]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    url = new_database()
    with open_engine(url).session() as session:
        session.execute(WITH_ROWS)
    (tmp_path / "here.sql").write_text(HERE)
    (tmp_path / "there.sql").write_text(THERE)
    # The server trusts everybody: whatever the password is, it is right.
    there = sa.make_url(url).set(password=SECRET).render_as_string(hide_password=False)
    return Place(folder=tmp_path, here=f"duckdb:///{tmp_path / 'data.duckdb'}", there=there)


def predicted(place: Place) -> list[tuple[int, object]]:
    """The keys and the predictions, on PostgreSQL alone."""
    with open_engine(place.there).session() as session:
        rows = session.read("SELECT id, y FROM lab.predicted ORDER BY id").read_all().to_pylist()
        assert ("lab", "orders") in session.tables()
    with open_engine(place.here).session() as session:
        assert session.relation_kind(("predicted",)) is None
        assert session.count("SELECT * FROM orders") == 60
    return [(row["id"], row["y"]) for row in rows]


def test_the_command_runs_each_statement_where_it_belongs(place: Place) -> None:
    sqlflow = Sqlflow(folder=place.folder, url=place.here)
    environment = {"SQLFLOW_DATASOURCE_PG": place.there}
    checked = sqlflow("check", *place.programs, "--datasource", place.here, environment=environment)
    assert checked.code == 0, checked.stdout
    done = sqlflow("run", *place.programs, "--datasource", f"pg={place.there}")
    assert done.code == 0, done.stderr
    rows = predicted(place)
    assert [key for key, _ in rows] == list(range(20))
    assert {value for _, value in rows} <= {0, 1}
    again = sqlflow("run", *place.programs, "--resume", environment=environment)
    assert "everything is up to date" in again.stderr, again.stderr
    listed = sqlflow("temp-tables", "list", *place.programs, environment=environment)
    assert "sqlflow_temporary_train_m" in listed.stdout
    assert "pg:lab.sqlflow_temporary_predict_predicted" in listed.stdout
    assert "leftover" not in listed.stdout
    for finished in (checked, done, again, listed):
        assert SECRET not in finished.stdout + finished.stderr


def test_what_pg_lacks_is_told_before_anything_runs(place: Place) -> None:
    with open_engine(place.there).session() as session:
        session.execute("ALTER TABLE source RENAME TO sources")
    sqlflow = Sqlflow(folder=place.folder, url=place.here)
    done = sqlflow("run", *place.programs, "--datasource", f"pg={place.there}")
    assert done.code == 1
    assert "there is no table 'source' in the data source 'pg'" in done.stderr
    assert "did you mean 'sources'?" in done.stderr
    assert SECRET not in done.stderr
    with open_engine(place.here).session() as session:
        assert session.tables() == []


def test_a_lost_data_source_is_told_without_its_password(place: Place) -> None:
    gone = sa.make_url(place.there).set(port=1).render_as_string(hide_password=False)
    sqlflow = Sqlflow(folder=place.folder, url=place.here)
    done = sqlflow("run", *place.programs, "--datasource", f"pg={gone}")
    assert done.code == 75
    assert "***" in done.stderr
    assert SECRET not in done.stdout + done.stderr


def test_dagster_tells_the_assets_of_data_sources_apart(place: Place) -> None:
    defs = definitions_from_sql(
        place.programs, datasource=place.here, datasources={"pg": place.there}
    )
    specs = {spec.key.to_user_string(): spec for spec in defs.resolve_all_asset_specs()}
    assert specs.keys() >= {"orders", "model/m", "pg/lab/orders", "pg/lab/predicted", "pg/source"}
    assert specs["pg/lab/predicted"].kinds == {"sqlflow", "postgresql", "table"}
    assert specs["pg/lab/orders"].metadata["dagster/table_name"] == "pg.lab.orders"
    assert specs["orders"].kinds == {"sqlflow", "duckdb", "table"}
    repository = defs.get_repository_def()
    needed = {
        key: {name for name in node.required_resource_keys if name.startswith("sqlflow_datasource")}
        for key in ("orders", "pg/lab/orders")
        for node in [repository.asset_graph.get(dg.AssetKey(key.split("/"))).assets_def]
    }
    assert [len(keys) for keys in needed.values()] == [1, 2]
    for resource in repository.get_top_level_resources().values():
        assert SECRET not in str(resource)


def test_dagster_runs_each_asset_where_it_belongs(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = sa.make_url(place.there).set(password="hidden").render_as_string(hide_password=False)
    for name, value in {
        "SQLFLOW_PROGRAMS": ":".join(place.programs),
        "SQLFLOW_DATASOURCE": place.here,
        "SQLFLOW_DATASOURCE_PG": named.replace("hidden", "${PG_PASSWORD}"),
        "SQLFLOW_EXECUTOR": "in_process",
        "PG_PASSWORD": SECRET,
    }.items():
        monkeypatch.setenv(name, value)
    loaded = definitions.defs()
    with dg.DagsterInstance.ephemeral() as instance:
        for name in ("here", "there"):
            job = loaded.resolve_job_def(name)
            result = job.execute_in_process(instance=instance, raise_on_error=False)
            told = [event.message or "" for event in result.all_events]
            assert result.success, told
            run = instance.get_run_by_id(result.run_id)
            entries = [dg.serialize_value(entry) for entry in instance.all_logs(result.run_id)]
            for text in (*told, *entries, dg.serialize_value(run)):
                assert SECRET not in text
        checks = result.get_asset_check_evaluations()
        assert [check.passed for check in checks] == [True]
    assert [key for key, _ in predicted(place)] == list(range(20))


def test_argo_gives_each_pod_the_data_source_of_its_statement(place: Place) -> None:
    for path, entries in zip(place.programs, ({"", "-pg"}, {""}), strict=True):
        program = compile_program(Path(path).read_text(), path=path, datasources={"pg": "postgres"})
        text = render_yaml(program)
        assert {f"key: datasource{entry}" for entry in entries} == {
            line.strip() for line in text.splitlines() if line.strip().startswith("key: datasource")
        }
        assert ("SQLFLOW_DATASOURCE_PG" in text) == ("-pg" in entries)
        assert SECRET not in text


def test_a_target_has_data_sources_of_its_own(place: Place) -> None:
    url = sa.make_url(place.there).set(password=None).render_as_string()
    (place.folder / "password").write_text(SECRET)
    (place.folder / "pyproject.toml").write_text(
        "[tool.sqlflow_dagster.targets.dev]\n"
        'default = "duckdb:///data.duckdb"\n'
        "[tool.sqlflow_dagster.targets.dev.pg]\n"
        f"url = {json.dumps(url.replace('@', ':${PG_PASSWORD}@'))}\n"
        'schema = "dev"\n'
        "[tool.sqlflow_dagster.targets.prod]\n"
        'default = "duckdb:///data.duckdb"\n'
        f"pg = {json.dumps(f'{url}?password_file={place.folder}/password')}\n"
    )
    (place.folder / "p.sql").write_text(
        "-- sqlflow: program.datasource=pg\n"
        "CREATE TABLE t AS SELECT * FROM public.source; SELECT count(*) AS rows FROM t"
    )
    sqlflow = Sqlflow(folder=place.folder, url=None)
    for target in ("dev", "prod"):
        done = sqlflow("run", "p.sql", "--target", target, environment={"PG_PASSWORD": SECRET})
        assert done.code == 0, done.stderr
        assert SECRET not in done.stdout + done.stderr
    with psycopg.connect(place.there) as connection:
        found = connection.execute(
            "SELECT schemaname FROM pg_tables WHERE tablename = 't' ORDER BY 1"
        ).fetchall()
    assert found == [("dev",), ("public",)]
    for arguments, variables in ((["--target", "prd"], {}), ([], {"SQLFLOW_TARGET": "prd"})):
        done = sqlflow(*arguments, "graph", "p.sql", environment=variables)
        assert done.code == 2
        assert "there is no target 'prd'\nhint: did you mean 'prod'?" in done.stderr


def test_sensors_look_at_the_data_source_of_their_tables(tmp_path: Path) -> None:
    archive = f"sqlite:///{tmp_path / 'archive.db'}"
    with open_engine(archive).session() as session:
        session.execute("CREATE TABLE raw AS SELECT 1 AS x, 2 AS y")
        session.execute("CREATE TABLE sqlflow_temporary_old AS SELECT 1 AS x")
    (tmp_path / "p.sql").write_text(
        "-- sqlflow: program.datasource=archive\n"
        "SELECT x, y FROM raw TO TRAIN xgboost.gbtree WITH retrain.min_new_rows = 1 LABEL y INTO m"
    )
    ref = ObjectRef(ObjectKind.TABLE, "sqlflow_temporary_old", "archive")
    GeneratedTables(open_engine(archive), "archive").record(ref, program="p")
    with open_engine(archive).session() as session:
        session.execute("UPDATE sqlflow_generated_tables SET made_at = '2026-01-01T00:00:00+00:00'")
    defs = definitions_from_sql(
        tmp_path / "p.sql",
        datasource=f"duckdb:///{tmp_path / 'data.duckdb'}",
        datasources={"archive": archive},
        prune_temp_tables=True,
    )
    with dg.DagsterInstance.ephemeral() as instance, dg.build_sensor_context(instance) as context:
        new_rows = defs.resolve_sensor_def("p__retrain_m_sensor").evaluate_tick(context)
        (reported,) = new_rows.asset_events
        assert isinstance(reported, dg.AssetMaterialization)
        assert reported.asset_key == dg.AssetKey(["archive", "raw"])
        assert reported.metadata["dagster/row_count"].value == 1
        leftovers = defs.resolve_sensor_def(SENSOR).evaluate_tick(context)
        assert leftovers.skip_message == "dropped archive:sqlflow_temporary_old"
