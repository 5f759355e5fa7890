"""Trainings told to MLflow: into its store of files, which needs no server."""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from sqlflow_dagster.compiler import compile_program
from sqlflow_dagster.model_store.settings import ModelSettings
from sqlflow_dagster.runtime import mlflow_log
from sqlflow_dagster.runtime.context import RunContext, open_context
from sqlflow_dagster.runtime.execute import execute

TRAIN = (
    "SELECT * FROM t TO TRAIN xgboost.gbtree WITH train.num_boost_round=3, max_depth=2 "
    "LABEL y INTO m"
)


@dataclass
class Notes:
    lines: list[str] = field(default_factory=list)

    def note(self, message: str) -> None:
        self.lines.append(message)

    def advance(self, done: int, total: int, note: str) -> None:
        pass


def context(tmp_path: Path, tracking_uri: str | None, notes: Notes) -> RunContext:
    opened = open_context(
        f"sqlite:///{tmp_path}/data.db",
        models=ModelSettings(mlflow=tracking_uri),
        program="shop",
        run_id="run-7",
        progress=notes,
        threads=1,
    )
    with opened.engine.session() as session:
        session.execute(
            "CREATE TABLE t AS WITH RECURSIVE n(x) AS "
            "(SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 30) SELECT x, x > 9 AS y FROM n"
        )
    return opened


def train(context: RunContext) -> None:
    (step,) = compile_program(TRAIN, dialect="sqlite").steps
    execute(step, context)


def values(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_text().strip()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_training_is_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    notes = Notes()
    opened = context(tmp_path, f"file://{tmp_path}/mlruns", notes)
    train(opened)
    assert notes.lines[-1] == f"logged m@1 to MLflow at file://{tmp_path}/mlruns"
    (bundle,) = (tmp_path / "mlruns").rglob("artifacts/model.zip")
    version, stored = opened.models.load("m")
    assert bundle.read_bytes() == stored
    run = bundle.parents[1]
    parameters = values(run / "params")
    assert parameters["estimator"] == "xgboost.gbtree"
    assert parameters["max_depth"] == "2"
    assert parameters["rows"] == "30"
    assert parameters["features"] == "x"
    tags = values(run / "tags")
    assert tags["sqlflow.program"] == "shop"
    assert tags["sqlflow.statement"] == TRAIN
    assert tags["sqlflow.version"] == "1"
    assert tags["sqlflow.run_id"] == "run-7"
    assert tags["sqlflow.sha256"] == version.sha256
    assert tags["mlflow.runName"] == "m@1"
    metrics = values(run / "metrics")
    stated = version.metadata["metrics"]["training"]
    assert float(metrics["training.loss"].split()[1]) == pytest.approx(stated["values"]["loss"])
    assert "training.baseline.loss" in metrics
    losses = next(item for name, item in metrics.items() if name.startswith("history.train"))
    assert [line.split()[2] for line in losses.splitlines()] == ["0", "1", "2"]
    assert "mlflow" not in sys.modules


@pytest.mark.parametrize(
    ("tracking_uri", "said"),
    [
        ("http://me:secret@127.0.0.1:9", "Connection refused"),
        ("nosuch://x", "nosuch"),
    ],
)
def test_a_server_that_fails_fails_no_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tracking_uri: str, said: str
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    notes = Notes()
    opened = context(tmp_path, tracking_uri, notes)
    train(opened)
    assert notes.lines[-1].startswith("warning: the training could not be logged to MLflow at ")
    assert said in notes.lines[-1]
    assert "secret" not in notes.lines[-1]
    assert opened.models.names() == ["m"]


def test_a_server_that_does_not_answer_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mlflow_log, "TIMEOUT_SECONDS", 0.01)
    notes = Notes()
    train(context(tmp_path, "http://127.0.0.1:9", notes))
    assert "no end after 0.01 seconds" in notes.lines[-1]


def test_without_the_library_the_log_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mlflow.py").write_text("raise ImportError('No module named mlflow')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    notes = Notes()
    train(context(tmp_path, "http://127.0.0.1:9", notes))
    assert "pip install 'sqlflow-dagster[mlflow]'" in notes.lines[-1]


STORE = """
import time
from pathlib import Path


class MlflowClient:
    def __init__(self, tracking_uri: str) -> None:
        made = Path(tracking_uri.removeprefix("sqlite:///"))
        if not made.exists():
            made.with_suffix(".half").touch(exist_ok=False)
            time.sleep(0.3)
            made.touch()
        raise ValueError("the tables are there")
"""


def test_trainings_that_end_together_make_the_tables_of_a_store_once(tmp_path: Path) -> None:
    package = tmp_path / "mlflow"
    package.mkdir()
    (package / "__init__.py").write_text(STORE)
    (package / "entities.py").write_text("Metric = Param = RunTag = None")
    record = json.dumps({"tracking_uri": f"sqlite:///{tmp_path}/runs.db", "experiment": "e"})
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "TMPDIR": str(tmp_path)}

    def said(_: int) -> str:
        command = [sys.executable, "-m", "sqlflow_dagster.runtime.mlflow_process"]
        return subprocess.run(
            command, input=record, capture_output=True, text=True, env=environment, check=False
        ).stdout.strip()

    with ThreadPoolExecutor() as both:
        assert list(both.map(said, range(2))) == ["ValueError: the tables are there"] * 2


def test_nobody_is_told_by_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    notes = Notes()
    train(context(tmp_path, None, notes))
    assert notes.lines[-1] == "stored m version 1"
