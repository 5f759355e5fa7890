"""What a URL leaves to its environment."""

from pathlib import Path

import pytest

from sqlflow_dagster.engines.base import open_engine, parse_url
from sqlflow_dagster.errors import TerminalError

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
