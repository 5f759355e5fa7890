"""The code location that environment variables set up, and one of a user's own."""

import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

import sqlflow_dagster
from sqlflow_dagster import (
    DatasourceResource,
    SegmentNode,
    SqlflowTranslator,
    TerminalError,
    definitions,
    definitions_from_sql,
    open_engine,
    specs_from_sql,
)
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


def test_relative_settings_are_resolved_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A step's process may have another working directory; it inherits the environment."""
    home = Home.create(tmp_path / "home", {"chain.sql": PROGRAM})
    monkeypatch.chdir(home.root)
    monkeypatch.setenv("SQLFLOW_PROGRAMS", "programs/*.sql")
    monkeypatch.setenv("SQLFLOW_DATASOURCE", "duckdb:///data.duckdb")
    monkeypatch.setenv("SQLFLOW_EXECUTOR", "")
    for directory in (home.root, tmp_path):
        monkeypatch.chdir(directory)
        assert len(definitions.defs().resolve_all_asset_keys()) == 2
        assert os.environ["SQLFLOW_PROGRAMS"] == f"{home.programs}/*.sql"
        assert os.environ["SQLFLOW_DATASOURCE"] == home.url
        assert os.environ["SQLFLOW_EXECUTOR"] == "multiprocess"


def test_the_target_of_a_project_is_resolved_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home.create(tmp_path / "home", {"chain.sql": PROGRAM})
    (home.root / "pyproject.toml").write_text(
        """
        [tool.sqlflow_dagster.targets.prod]
        default = "duckdb:///prod.duckdb"
        archive = "sqlite:///archive.db"
        """
    )
    monkeypatch.setenv("SQLFLOW_PROGRAMS", f"{home.programs}/*.sql")
    for name in ("SQLFLOW_DATASOURCE", "SQLFLOW_DATASOURCE_ARCHIVE", "SQLFLOW_EXECUTOR"):
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("SQLFLOW_TARGET", "prod")
    for directory in (home.root, tmp_path):
        monkeypatch.chdir(directory)
        assert len(definitions.defs().resolve_all_asset_keys()) == 2
        assert os.environ["SQLFLOW_DATASOURCE"] == f"duckdb:///{home.root / 'prod.duckdb'}"
        assert os.environ["SQLFLOW_DATASOURCE_ARCHIVE"] == f"sqlite:///{home.root / 'archive.db'}"


def test_steps_in_the_process_of_the_run_keep_models_where_the_environment_says(
    tmp_path: Path,
) -> None:
    train = (
        "CREATE TABLE t AS SELECT range AS x, range > 9 AS y FROM range(20);"
        "SELECT * FROM t TO TRAIN xgboost.gbtree WITH train.num_boost_round=1 LABEL y INTO m;"
    )
    home = Home.create(tmp_path / "home", {"p.sql": train})
    done = home.execute(
        "p",
        SQLFLOW_EXECUTOR="in_process",
        SQLFLOW_MODEL_STORE="./models",
        SQLFLOW_KEEP_VERSIONS="1",
        SQLFLOW_MLFLOW="nosuch://me:secret@h",
    )
    assert done.returncode == 0, done.stdout
    assert (home.root / "models/m/accepted").read_text() == "1\n"
    assert "could not be logged to MLflow at nosuch://me:***@h" in done.stdout
    assert "secret" not in done.stdout
    with home.engine.session() as session:
        assert session.relation_kind(("sqlflow_models",)) is None
    processes = {
        event.dagster_event.pid
        for event in home.events()
        if event.dagster_event and event.dagster_event.is_step_start
    }
    assert len(processes) == 1


def test_kubernetes_without_its_launcher_says_what_is_missing(tmp_path: Path) -> None:
    home = Home.create(tmp_path / "home", {"chain.sql": PROGRAM})
    done = home.execute("chain", SQLFLOW_EXECUTOR="k8s")
    assert done.returncode == 1
    assert "SQLFLOW_EXECUTOR=k8s needs the K8sRunLauncher" in done.stdout


def test_an_unknown_executor_is_an_error_that_names_the_known_ones(tmp_path: Path) -> None:
    (tmp_path / "a.sql").write_text(PROGRAM)
    message = (
        r"unknown executor 'nonsense' \(SQLFLOW_EXECUTOR\); known: multiprocess, in_process, k8s"
    )
    with pytest.raises(ValueError, match=message):
        definitions_from_sql(tmp_path, datasource="duckdb:///none.duckdb", executor_kind="nonsense")


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


def assert_hidden(home: Home, output: str) -> None:
    """No file of the run and nothing that was printed has the password."""
    assert PASSWORD not in output
    files = [path for path in home.root.rglob("*") if path.is_file()]
    assert any(path.suffix == ".db" for path in files)
    assert [path for path in files if PASSWORD.encode() in path.read_bytes()] == []


@pytest.mark.parametrize(
    ("url", "told"),
    [
        pytest.param(f"sqlite://me:{PASSWORD}@nowhere/data.db", "Invalid SQLite URL", id="refused"),
        # The driver's own error tells it.
        pytest.param(f"duckdb://me:{PASSWORD}@nowhere//data.db", "***", id="told_by_the_driver"),
        pytest.param(f"postgresql://me:an@{PASSWORD}:{PASSWORD}@h/db", "%40", id="not_encoded"),
    ],
)
def test_a_password_is_never_shown(tmp_path: Path, url: str, told: str) -> None:
    home = Home.create(tmp_path / "home", {"chain.sql": PROGRAM})
    done = home.execute("chain", SQLFLOW_DATASOURCE=url)
    assert done.returncode != 0
    assert told in done.stdout
    assert_hidden(home, done.stdout)


def test_a_password_in_python_stays_out_of_the_run(tmp_path: Path) -> None:
    """Neither a URL nor a resource made of one reaches the configuration that Dagster keeps."""
    home = Home.create(tmp_path / "home", {"chain.sql": PROGRAM})
    (home.root / "mine.py").write_text(
        "import dagster as dg\n"
        "from sqlflow_dagster import DatasourceResource, definitions_from_sql\n"
        "@dg.definitions\n"
        "def defs():\n"
        f"    url = 'sqlite://me:' + '{PASSWORD[:3]}' + '{PASSWORD[3:]}' + '@nowhere/data.db'\n"
        "    return definitions_from_sql(\n"
        "        'programs', datasource=DatasourceResource(url=url), executor_kind='in_process'\n"
        "    )\n"
    )
    done = home.run("dagster", "job", "execute", "-f", "mine.py", "-j", "chain")
    assert "Invalid SQLite URL" in done.stdout
    assert_hidden(home, done.stdout)


def test_nothing_shown_is_derived_from_a_password() -> None:
    first, second, again = (
        DatasourceResource.from_url(f"postgresql://me:{password}@host/db").url
        for password in ("one", "two", "one")
    )
    assert isinstance(first, dg.EnvVar)
    assert isinstance(second, dg.EnvVar)
    assert isinstance(again, dg.EnvVar)
    assert second.env_var_name == f"{first.env_var_name}_2"
    assert again.env_var_name == first.env_var_name
    assert second.get_value() == "postgresql://me:two@host/db"


def test_a_variable_that_is_not_set_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.sql").write_text(PROGRAM)
    datasource = DatasourceResource(url=dg.EnvVar("NO_SUCH_DATABASE"))
    with pytest.raises(TerminalError, match=r"environment variable NO_SUCH_DATABASE .* is not set"):
        definitions_from_sql(tmp_path, datasource=datasource)


def test_a_forked_step_finds_numpy_and_pyarrow_imported_and_no_thread(tmp_path: Path) -> None:
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
    assert done.stdout.strip() == "1 ['numpy', 'pyarrow']"


def test_a_forked_step_has_the_threads_of_numpy_back(tmp_path: Path) -> None:
    script = (
        "import os, sqlflow_dagster.preload\n"
        "from threadpoolctl import ThreadpoolController\n"
        "def threads():\n"
        "    pools = ThreadpoolController().select(user_api='blas').info()\n"
        "    return {pool['num_threads'] for pool in pools}\n"
        "print(threads(), flush=True)\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    print(threads(), flush=True)\n"
        "    os._exit(0)\n"
        "os.waitpid(child, 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "2"},
    )
    assert done.stdout.split() == ["{1}", "{2}"]


def test_a_step_does_not_import_dagster_again(tmp_path: Path) -> None:
    home = Home.create(tmp_path / "home", {})
    script = (
        "import sys, sqlflow_dagster.preload, dagster\n"
        "there = set(sys.modules)\n"
        "with dagster.DagsterInstance.get() as instance:\n"
        "    instance.get_runs()\n"
        "    instance.all_logs('none')\n"
        "import dagster._cli, sqlflow_dagster.definitions\n"
        "slow = {'dagster', 'dagster_shared', 'sqlalchemy', 'alembic', 'grpc', 'pydantic'}\n"
        "print([name for name in set(sys.modules) - there if name.split('.')[0] in slow])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env=home.environment(),
        cwd=tmp_path,
    )
    assert done.stdout == "[]\n"


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


@pytest.mark.parametrize(
    ("key", "metadata"),
    [
        pytest.param(["outside"], {}, id="by_its_key"),
        pytest.param(["lake", "bronze"], {"dagster/table_name": "outside"}, id="by_its_table"),
    ],
)
def test_a_users_asset_makes_what_a_program_reads(
    tmp_path: Path, key: list[str], metadata: dict[str, str]
) -> None:
    (tmp_path / "a.sql").write_text("CREATE TABLE t AS SELECT * FROM outside")

    @dg.asset(key=key, metadata=metadata)
    def made_elsewhere() -> None:
        """What another library makes."""

    assets = sqlflow_dagster.assets_from_sql(
        tmp_path,
        datasource=f"duckdb:///{tmp_path / 'x.duckdb'}",
        declare_external=False,
    )
    graph = dg.Definitions(assets=[*assets, made_elsewhere]).resolve_asset_graph()
    assert graph.get_all_asset_keys() == {dg.AssetKey("t"), dg.AssetKey(key)}
    assert graph.get(dg.AssetKey("t")).parent_keys == {dg.AssetKey(key)}


def test_a_code_location_can_have_two_data_sources(tmp_path: Path) -> None:
    urls = [f"duckdb:///{tmp_path / name}.duckdb" for name in "ab"]
    assets = []
    for name, url in zip("ab", urls, strict=True):
        (tmp_path / f"{name}.sql").write_text(f"CREATE TABLE of_{name} AS SELECT 1 AS n")
        assets += sqlflow_dagster.assets_from_sql(tmp_path / f"{name}.sql", datasource=url)
    assert dg.materialize(assets).success
    for name, url in zip("ab", urls, strict=True):
        with open_engine(url).session() as session:
            made = {table for _, table in session.tables() if table.startswith("of_")}
        assert made == {f"of_{name}"}


def test_a_translator_has_its_own_prefix(tmp_path: Path) -> None:
    (tmp_path / "a.sql").write_text(PROGRAM)
    (first, _) = specs_from_sql(tmp_path, translator=SqlflowTranslator(key_prefix=["x"]))
    assert first.key == dg.AssetKey(["x", "t"])
    with pytest.raises(ValueError, match="give key_prefix to the translator"):
        specs_from_sql(tmp_path, translator=SqlflowTranslator(), key_prefix=["x"])
