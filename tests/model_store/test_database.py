from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from sqlflow_dagster.engines.base import Engine, open_engine
from sqlflow_dagster.engines.sqlite import SQLiteEngine, SQLiteSession
from sqlflow_dagster.errors import TerminalError
from sqlflow_dagster.model_store.database import CHUNK_BYTES, DatabaseModelStore


@pytest.fixture(params=["duckdb", "sqlite"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Engine:
    return open_engine(f"{request.param}:///{tmp_path}/data.db")


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM sqlflow_model_chunks WHERE chunk = 1",
        "UPDATE sqlflow_model_chunks SET chunk = chunk + 10 WHERE chunk = 0",
        "DELETE FROM sqlflow_model_chunks",
    ],
    ids=["a chunk is missing", "chunks are swapped", "nothing is left"],
)
def test_a_corrupt_model_is_not_loaded(engine: Engine, damage: str) -> None:
    store = DatabaseModelStore(engine)
    store.save("m", b"a" * CHUNK_BYTES + b"b" * 10, {})
    with engine.session() as session:
        session.execute(damage)
    with pytest.raises(TerminalError, match="model 'm' version 1 is corrupt"):
        store.load("m")


@pytest.mark.parametrize("text", ["", "{", "[]"])
def test_damaged_metadata_hide_no_model(engine: Engine, text: str) -> None:
    store = DatabaseModelStore(engine)
    for name in ("a", "m"):
        store.save(name, b"one", {"rows": 1})
    with engine.session() as session:
        session.execute(f"UPDATE sqlflow_model_versions SET metadata = '{text}' WHERE name = 'm'")
    assert store.load("m")[1] == b"one"
    assert [store.versions(name)[0].metadata for name in store.names()] == [{"rows": 1}, {}]
    (told,) = store.damage()
    assert "the metadata of model 'm' version 1" in told
    store.delete("m")
    assert (store.names(), store.damage()) == (["a"], [])


def test_a_failed_save_leaves_nothing(engine: Engine) -> None:
    store = DatabaseModelStore(engine)
    store.save("m", b"one", {})
    with engine.session() as session:
        session.execute("DROP TABLE sqlflow_model_chunks")
        session.execute("CREATE VIEW sqlflow_model_chunks AS SELECT 1 AS name")
    with pytest.raises(TerminalError):
        store.save("m", b"two", {})
    assert [(item.version, item.accepted) for item in store.versions("m")] == [(1, True)]


def test_models_live_in_their_own_tables(engine: Engine) -> None:
    DatabaseModelStore(engine).save("m", b"x" * (2 * CHUNK_BYTES + 1), {})
    with engine.session() as session:
        assert {table[-1] for table in session.tables()} == {
            "sqlflow_models",
            "sqlflow_model_versions",
            "sqlflow_model_chunks",
        }
        assert session.count("SELECT * FROM sqlflow_model_chunks") == 3


class _OptimisticSession(SQLiteSession):
    # As on a server: a transaction does not lock what it reads.
    begin_statement = "BEGIN"


class _OptimisticEngine(SQLiteEngine):
    session_type = _OptimisticSession


def test_a_save_that_lost_its_number_takes_the_next_one(tmp_path: Path) -> None:
    engine = _OptimisticEngine(sa.make_url(f"sqlite:///{tmp_path}/data.db"))
    store = DatabaseModelStore(engine)
    store.save("m", b"first", {})
    rival = DatabaseModelStore(open_engine(f"sqlite:///{tmp_path}/data.db"))
    rivals = [lambda: rival.save("m", b"second", {})]

    def save_before(*arguments: Any) -> None:
        if "INSERT INTO sqlflow_model_versions" in arguments[2] and rivals:
            rivals.pop()()

    sa.event.listen(engine.sqlalchemy_engine, "before_cursor_execute", save_before)
    assert store.save("m", b"third", {}).version == 3
    assert [store.load("m", version)[1] for version in (1, 2, 3)] == [b"first", b"second", b"third"]
