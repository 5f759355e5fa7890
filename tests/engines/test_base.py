from pathlib import Path

import pytest

from sqlflow_dagster.engines.base import Engine, open_engine
from sqlflow_dagster.errors import TerminalError


@pytest.mark.parametrize(
    ("url", "message", "hint"),
    [
        ("geheim", "not a URL", "engine://user:password@host/database"),
        ("//user:geheim@host/db", "not a URL", "engine://user:password@host/database"),
        ("duckdv:///data.duckdb", "unknown engine 'duckdv'", "did you mean 'duckdb'?"),
        ("duckdv://user:geheim@host/db", "unknown engine 'duckdv'", "did you mean 'duckdb'?"),
    ],
)
def test_a_bad_url_is_explained_without_its_password(url: str, message: str, hint: str) -> None:
    with pytest.raises(TerminalError, match=message) as caught:
        open_engine(url)
    assert hint in str(caught.value)
    assert "geheim" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "duckdb://",
        "duckdb:///:memory:",
        "duckdb:///:memory:shared",
        "sqlite://",
        "sqlite:///:memory:",
    ],
)
def test_a_database_in_memory_is_refused(url: str) -> None:
    with pytest.raises(TerminalError, match="in memory is empty for every step") as caught:
        open_engine(url)
    assert "name a file" in str(caught.value.hint)


def test_the_password_is_not_displayed(tmp_path: Path) -> None:
    engine = open_engine(f"duckdb://user:geheim@/{tmp_path}/data.duckdb")
    assert "geheim" not in engine.display_url


@pytest.mark.parametrize("name", ["duckdb", "sqlite"])
def test_a_missing_directory_is_named(tmp_path: Path, name: str) -> None:
    engine = open_engine(f"{name}:///{tmp_path}/nowhere/data.db")
    with pytest.raises(TerminalError, match="nowhere") as caught, engine.session():
        pass
    assert "correct the path" in str(caught.value.hint)
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("name", ["duckdb", "sqlite"])
def test_a_relative_path_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    engine: Engine = open_engine(f"{name}:///data.db")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    with engine.session() as session:
        session.execute("CREATE TABLE t AS SELECT 1 AS n")
    assert (tmp_path / "data.db").exists()
