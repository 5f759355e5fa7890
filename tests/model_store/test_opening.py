"""Which store a user's words mean."""

from pathlib import Path

import pytest

from sqlflow_dagster.engines.base import open_engine
from sqlflow_dagster.errors import TerminalError
from sqlflow_dagster.model_store.opening import absolute, open_model_store
from sqlflow_dagster.model_store.settings import ModelSettings


@pytest.mark.parametrize(
    ("store", "location"),
    [
        ("", "sqlite:////data/data.db"),
        ("database", "sqlite:////data/data.db"),
        ("duckdb:////srv/models.duckdb", "duckdb:////srv/models.duckdb"),
        ("database:duckdb:////srv/models.duckdb", "duckdb:////srv/models.duckdb"),
        ("/srv/models", "/srv/models"),
        ("file:///srv/models", "/srv/models"),
        ("files:/srv/models", "/srv/models"),
        ("memory://models", "memory://models"),
    ],
)
def test_a_store_is_named_by_its_place(store: str, location: str) -> None:
    engine = open_engine("sqlite:////data/data.db")
    assert open_model_store(store, engine).location == location


@pytest.mark.parametrize(
    ("store", "message", "hint"),
    [
        ("databse", "there is no model store 'databse'", "did you mean 'database'?"),
        ("models", "there is no model store 'models'", "for a folder, write ./models"),
        ("files", "the model store 'files' needs a place", "write the folder or URI instead"),
    ],
)
def test_a_word_that_means_no_store_is_refused(store: str, message: str, hint: str) -> None:
    with pytest.raises(TerminalError, match=message) as caught:
        open_model_store(store, open_engine("sqlite:////data/data.db"))
    assert hint in str(caught.value.hint)


def test_a_folder_is_the_same_one_from_everywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert absolute("./models") == f"{tmp_path}/models"
    assert absolute("files:models") == f"{tmp_path}/models"
    assert absolute("sqlite:///m.db") == f"sqlite:///{tmp_path}/m.db"
    assert absolute("s3://bucket/models") == "s3://bucket/models"
    assert absolute("database") == "database"


def test_settings_are_read_from_the_environment() -> None:
    environment = {
        "SQLFLOW_MODEL_STORE": "/a",
        "SQLFLOW_KEEP_VERSIONS": "3",
        "SQLFLOW_MLFLOW": "http://mlflow:5000",
    }
    found = ModelSettings.from_environment(environment)
    assert found == ModelSettings(store="/a", keep_versions=3, mlflow="http://mlflow:5000")
    assert ModelSettings.from_environment(environment, store="/b").store == "/b"
    assert ModelSettings.from_environment({}) == ModelSettings()


@pytest.mark.parametrize("text", ["0", "-1", "many", "1.5"])
def test_a_number_of_versions_is_from_one(text: str) -> None:
    with pytest.raises(TerminalError, match="SQLFLOW_KEEP_VERSIONS must be a number from 1"):
        ModelSettings.from_environment({"SQLFLOW_KEEP_VERSIONS": text})
