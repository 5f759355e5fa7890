"""The code location that environment variables set up, and one of a user's own."""

import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

import sqlflow_dagster
from sqlflow_dagster import SegmentNode, SqlflowTranslator, definitions_from_sql
from sqlflow_dagster.executor import ExecutorKind, executor
from sqlflow_dagster.translator import ExternalNode
from tests.dagster.home import Home

PROGRAM = "CREATE TABLE t AS SELECT 1 AS a; CREATE TABLE u AS SELECT a + 1 AS b FROM t;"
PASSWORD = "Xyzzy-never-shown"


def test_relative_settings_mean_the_same_in_every_process(tmp_path: Path) -> None:
    home = Home.create(tmp_path / "home", {"chain.sql": PROGRAM})
    done = home.execute(
        "chain", SQLFLOW_PROGRAMS="programs/*.sql", SQLFLOW_DATASOURCE="duckdb:///data.duckdb"
    )
    assert done.returncode == 0, done.stdout
    with home.engine.session() as session:
        assert session.read("SELECT b FROM u").read_all().to_pylist() == [{"b": 2}]


@pytest.mark.parametrize("kind", ["in_process", "multiprocess"])
def test_the_executor_is_chosen_by_a_variable(tmp_path: Path, kind: str) -> None:
    home = Home.create(tmp_path / "home", {"chain.sql": PROGRAM})
    done = home.execute("chain", SQLFLOW_EXECUTOR=kind)
    assert done.returncode == 0, done.stdout
    processes = {
        event.dagster_event.pid
        for event in home.events()
        if event.dagster_event and event.dagster_event.is_step_start
    }
    assert len(processes) == (1 if kind == "in_process" else 2)


def test_kubernetes_without_its_launcher_says_what_is_missing(tmp_path: Path) -> None:
    home = Home.create(tmp_path / "home", {"chain.sql": PROGRAM})
    done = home.execute("chain", SQLFLOW_EXECUTOR="k8s")
    assert done.returncode == 1
    assert "SQLFLOW_EXECUTOR=k8s needs the K8sRunLauncher" in done.stdout


def test_an_unknown_executor_is_an_error_that_names_the_known_ones(tmp_path: Path) -> None:
    home = Home.create(tmp_path / "home", {"chain.sql": PROGRAM})
    done = home.execute("chain", SQLFLOW_EXECUTOR="nonsense")
    assert done.returncode != 0
    assert "'nonsense'" in done.stdout


def test_definitions_share_one_executor(tmp_path: Path) -> None:
    assert executor(ExecutorKind.MULTIPROCESS) is executor("multiprocess")
    (tmp_path / "a.sql").write_text(PROGRAM)
    (tmp_path / "b.sql").write_text("CREATE TABLE v AS SELECT b FROM u")
    url = f"duckdb:///{tmp_path / 'data.duckdb'}"
    merged = dg.Definitions.merge(
        definitions_from_sql(tmp_path / "a.sql", datasource=url, key_prefix=["one"]),
        definitions_from_sql(tmp_path / "b.sql", datasource=url, key_prefix=["two"]),
    )
    keys = {key.to_user_string() for key in merged.resolve_asset_graph().get_all_asset_keys()}
    assert keys == {"one/t", "one/u", "two/v", "two/u"}


def test_a_password_is_never_shown(tmp_path: Path) -> None:
    home = Home.create(tmp_path / "home", {"chain.sql": PROGRAM})
    url = f"sqlite://someone:{PASSWORD}@nowhere/data.db"
    done = home.execute("chain", SQLFLOW_DATASOURCE=url)
    assert done.returncode != 0
    assert PASSWORD not in done.stdout
    for path in home.root.rglob("*"):
        if path.is_file():
            assert PASSWORD.encode() not in path.read_bytes(), path


def test_a_forked_step_finds_everything_imported_and_no_thread(tmp_path: Path) -> None:
    script = (
        "import os, sys, sqlflow_dagster.preload; "
        "print(len(os.listdir('/proc/self/task')), "
        "[name for name in ('torch', 'xgboost', 'sklearn', 'duckdb', 'numpy', 'pyarrow') "
        "if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    assert done.stdout.strip() == "1 []"


class Owned(SqlflowTranslator):
    """Puts everything under "lake" and names an owner."""

    def get_asset_spec(self, node: SegmentNode | ExternalNode) -> dg.AssetSpec:
        spec = super().get_asset_spec(node)
        return spec.replace_attributes(key=spec.key.with_prefix("lake"), owners=["team:models"])


def test_a_translator_is_honoured_everywhere(tmp_path: Path) -> None:
    (tmp_path / "a.sql").write_text("CREATE TABLE t AS SELECT * FROM outside;" + PROGRAM[32:])
    defs = definitions_from_sql(
        tmp_path, datasource=f"duckdb:///{tmp_path / 'x.duckdb'}", translator=Owned()
    )
    graph = defs.resolve_asset_graph()
    edges = {
        (parent.to_user_string(), key.to_user_string())
        for key in graph.get_all_asset_keys()
        for parent in graph.get(key).parent_keys
    }
    assert edges == {("lake/outside", "lake/t"), ("lake/t", "lake/u")}
    assert all(graph.get(key).owners == ["team:models"] for key in graph.get_all_asset_keys())


def test_assets_stand_beside_a_users_own(tmp_path: Path) -> None:
    (tmp_path / "a.sql").write_text(PROGRAM)

    @dg.asset(deps=["u"])
    def report() -> None:
        """What is made from a table of the program."""

    assets = sqlflow_dagster.assets_from_sql(
        tmp_path / "a.sql", datasource=f"duckdb:///{tmp_path / 'x.duckdb'}"
    )
    done = dg.materialize([*assets, report])
    assert done.success
    made = [
        event.asset_key.to_user_string()
        for event in done.get_asset_materialization_events()
        if event.asset_key
    ]
    assert made == ["t", "u", "report"]
    assert "SQLFLOW_PROGRAMS" not in os.environ
