"""Which data sources a user has: options, environment, settings of the project."""

from pathlib import Path

import dagster as dg
import pytest

from sqlflow_dagster import definitions_from_sql
from sqlflow_dagster.datasources import datasources_of, dialects, schemas
from sqlflow_dagster.errors import TerminalError

SETTINGS = """
[tool.sqlflow_dagster]
target = "dev"

[tool.sqlflow_dagster.datasources]
archive = "sqlite:///archive.db"

[tool.sqlflow_dagster.targets.dev]
default = "duckdb:///dev.duckdb"
pg = { url = "postgresql://me@localhost/lab", schema = "dev_me" }

[tool.sqlflow_dagster.targets.prod]
default = "postgresql://etl:${PASSWORD}@db/warehouse"
pg = { url = "postgresql://etl@db/shop?sslmode=require", schema = "shop" }
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "pyproject.toml").write_text(SETTINGS)
    (tmp_path / "sql").mkdir()
    return tmp_path


def found(
    *options: str, folder: Path, target: str | None = None, **variables: str
) -> dict[str, str | None]:
    answer = datasources_of(options, target=target, environment=variables, folders=[folder])
    return {"default": answer.default, **answer.others}


def test_options_name_data_sources(tmp_path: Path) -> None:
    assert found("duckdb:///a=b.duckdb", "PG=postgresql://h/d", folder=tmp_path) == {
        "default": "duckdb:///a=b.duckdb",
        "pg": "postgresql://h/d",
    }


@pytest.mark.parametrize("option", ["my-pg=postgresql://h/d", "=postgresql://h/d", "1=${URL}"])
def test_what_cannot_be_a_name_is_told(option: str, tmp_path: Path) -> None:
    with pytest.raises(TerminalError, match="cannot be the name of a data source"):
        found(option, folder=tmp_path)


def test_a_name_of_python_is_as_one_of_statements(tmp_path: Path) -> None:
    program = tmp_path / "p.sql"
    program.write_text("-- sqlflow: datasource=pg\nCREATE TABLE t AS SELECT 1 AS a;")
    urls = {"PG": f"sqlite:///{tmp_path / 'pg.db'}"}
    found = definitions_from_sql(str(program), datasource="duckdb:///d", datasources=urls)
    assert dg.AssetKey(["pg", "t"]) in found.resolve_all_asset_keys()
    with pytest.raises(TerminalError, match="'p-g' cannot be the name of a data source"):
        definitions_from_sql(str(program), datasource="duckdb:///d", datasources={"p-g": ""})


@pytest.mark.parametrize("url", ["${URL}", "postgresql:///d?host=h", "${URL}?schema=dev"])
def test_a_url_with_an_equals_sign_names_nothing(url: str, tmp_path: Path) -> None:
    assert found(url, folder=tmp_path) == {"default": url}


def test_variables_name_data_sources(tmp_path: Path) -> None:
    named = found(
        folder=tmp_path, SQLFLOW_DATASOURCE="sqlite:///d", SQLFLOW_DATASOURCE_PG="postgresql://h/d"
    )
    assert named == {"default": "sqlite:///d", "pg": "postgresql://h/d"}


def test_the_project_names_those_of_its_target(project: Path) -> None:
    assert found(folder=project / "sql") == {
        "default": f"duckdb:///{project / 'dev.duckdb'}",
        "pg": "postgresql://me@localhost/lab?schema=dev_me",
        "archive": f"sqlite:///{project / 'archive.db'}",
    }


def test_a_target_is_chosen(project: Path) -> None:
    prod = found(folder=project, target="prod")
    assert prod == found(folder=project, SQLFLOW_TARGET="prod")
    assert prod["default"] == "postgresql://etl:${PASSWORD}@db/warehouse"
    assert prod["pg"] == "postgresql://etl@db/shop?sslmode=require&schema=shop"


def test_what_is_said_first_counts(project: Path) -> None:
    variable = {"SQLFLOW_DATASOURCE": "duckdb:///variable"}
    assert found(folder=project, **variable)["default"] == "duckdb:///variable"
    prod = found(folder=project, target="prod", **variable)
    assert prod["default"] == "postgresql://etl:${PASSWORD}@db/warehouse"
    option = found("duckdb:///option", folder=project, target="prod", **variable)
    assert option["default"] == "duckdb:///option"


@pytest.mark.parametrize(
    ("settings", "target", "message"),
    [
        (SETTINGS, "prd", "there is no target 'prd'"),
        ("", "prod", "there is no target 'prod'"),
        ("[tool.sqlflow_dagster]\ntargts = 1", None, "unknown setting 'targts'"),
        ("[tool.sqlflow_dagster]\ndatasources = 1", None, "datasources is no table"),
        ("[tool.sqlflow_dagster.datasources]\npg = 1", None, "the data source 'pg' of datasources"),
        ("[tool.sqlflow_dagster.datasources]\na-b = 'x'", None, "'a-b' cannot be the name"),
        ("[tool", None, "cannot be read"),
    ],
    ids=["target", "no-settings", "setting", "table", "url", "name", "toml"],
)
def test_what_is_wrong_with_the_settings_is_told(
    tmp_path: Path, settings: str, target: str | None, message: str
) -> None:
    (tmp_path / "pyproject.toml").write_text(settings)
    with pytest.raises(TerminalError, match=message):
        found(folder=tmp_path, target=target)


def test_a_compile_needs_no_password() -> None:
    urls = {"pg": "postgresql://etl:${NOT_SET_HERE}@h/d", "lab": "postgresql://h/d?schema=lab"}
    assert dialects(urls) == {"pg": "postgres", "lab": "postgres"}
    assert schemas(urls) == {"lab": "lab"}


def test_a_url_without_an_engine_is_told_with_its_name() -> None:
    with pytest.raises(TerminalError, match="data source 'pg': unknown engine 'postgre'"):
        dialects({"pg": "postgre://h/d"})
