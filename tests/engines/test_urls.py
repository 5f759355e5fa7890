"""What a URL leaves to its environment, and the schema of unqualified tables."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from sqlflow_dagster.engines.base import open_engine, parse_url
from sqlflow_dagster.errors import TerminalError
from tests.engines.postgresql_server import new_database

SECRET = "p@ss/w:rd%"


def test_variables_are_filled_in_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PG_PASSWORD", SECRET)
    monkeypatch.setenv("PG_HOST", "db.example.com")
    url = parse_url("postgresql://etl:${PG_PASSWORD}@${PG_HOST}/d?application_name=${PG_HOST}")
    assert (url.password, url.host) == (SECRET, "db.example.com")
    assert url.query["application_name"] == "db.example.com"


def test_a_variable_may_hold_the_whole_url(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAREHOUSE", "postgresql://etl:secret@h/d")
    assert parse_url("${WAREHOUSE}").password == "secret"


def test_a_file_holds_the_password(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text(f"{SECRET}\n")
    url = parse_url(f"postgresql://etl@h/d?password_file={file}&sslmode=require")
    assert url.password == SECRET
    assert dict(url.query) == {"sslmode": "require"}
    engine = open_engine(f"postgresql://etl@h/d?password_file={file}")
    assert SECRET not in engine.display_url


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("postgresql://etl:${NOT_SET_HERE}@h/d", "the environment variable NOT_SET_HERE"),
        ("${NOT_SET_HERE}", "the environment variable NOT_SET_HERE"),
        ("postgresql://h/d?password_file=/none/there", "/none/there: No such file or directory"),
    ],
    ids=["part", "whole", "file"],
)
def test_what_is_not_there_is_told(url: str, message: str) -> None:
    with pytest.raises(TerminalError, match=message):
        parse_url(url)


def with_schema(url: str, schema: str) -> str:
    return sa.make_url(url).update_query_dict({"schema": schema}).render_as_string(False)


@pytest.mark.parametrize("engine", ["duckdb", "sqlite", "postgresql"])
def test_unqualified_names_live_in_the_schema_of_the_url(engine: str, tmp_path: Path) -> None:
    url = new_database() if engine == "postgresql" else f"{engine}:///{tmp_path / 'data.db'}"
    plain, dev = open_engine(url), open_engine(with_schema(url, "dev"))
    for number, opened in enumerate((plain, dev)):
        with opened.session() as session:
            assert session.relation_kind(("t",)) is None
            session.execute(f"CREATE TABLE t AS SELECT {number} AS x")
            session.create_table_as(("u",), "SELECT x FROM t")
    for number, opened in enumerate((plain, dev)):
        with opened.session() as session:
            assert session.read("SELECT x FROM u").read_all().to_pylist() == [{"x": number}]
            assert session.columns(("u",)) is not None
    with plain.session() as session:
        assert session.read("SELECT x FROM dev.u").read_all().to_pylist() == [{"x": 1}]
