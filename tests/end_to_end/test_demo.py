"""The demo of the README, in a folder of its own."""

import os
import re
import runpy
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import dagster as dg
import pytest

from sqlflow_dagster import compile_program
from tests.dagster.iris import EXAMPLES

ROOT = EXAMPLES.parent


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the instance settings that the set-up writes."""
    folder = tmp_path_factory.mktemp("demo")
    (folder / ".dagster").mkdir()
    shutil.copy(ROOT / "deploy" / "local" / "dagster.yaml", folder / ".dagster")
    return folder


@pytest.fixture(scope="module")
def made(folder: Path) -> subprocess.CompletedProcess[str]:
    """The demo, run once."""
    return subprocess.run(
        [sys.executable, str(EXAMPLES / "demo.py"), "--folder", str(folder)],
        # A reader's own settings do not lead the demo astray.
        env={**os.environ, "SQLFLOW_PROGRAMS": "/nowhere", "SQLFLOW_DATASOURCE": "sqlite:///x.db"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_page_that_is_named_shows_what_the_demo_made(
    made: subprocess.CompletedProcess[str], folder: Path
) -> None:
    assert made.returncode == 0, made.stdout + made.stderr
    assert "accuracy_score" in made.stdout
    assert "/asset-groups/iris/lineage" in made.stdout
    said = re.search(r"^  cd .*dagster dev -w workspace\.yaml$", made.stdout, re.MULTILINE)
    assert said is not None
    variables = dict(re.findall(r"(\w+)=(\S+)", said[0]))
    assert variables["SQLFLOW_DATASOURCE"] == f"duckdb:///{folder / 'sqlflow.duckdb'}"
    with dg.DagsterInstance.from_config(variables["DAGSTER_HOME"]) as instance:
        assert not instance.telemetry_enabled
        keys = {key.to_user_string() for key in instance.all_asset_keys()}
    models = {"model/iris_xgb"} | ({"model/iris_dnn"} if find_spec("torch") else set())
    assert keys >= {"iris/train", "iris/test", "iris/predict", "iris/evaluation"} | models


def test_a_model_that_learnt_nothing_fails_the_demo(
    made: subprocess.CompletedProcess[str],
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What the demo has made is judged once more, and not made again."""
    assert made.returncode == 0
    script = runpy.run_path(str(EXAMPLES / "demo.py"))
    monkeypatch.setitem(script["main"].__globals__, "run", lambda *_, **__: None)
    arguments = ["demo.py", "--folder", str(folder), "--lowest-accuracy", "1.1"]
    monkeypatch.setattr(sys, "argv", arguments)
    with pytest.raises(SystemExit, match=r"the accuracy is 0\.9\d\d, below 1\.1"):
        script["main"]()
    assert "dagster dev" not in capsys.readouterr().out


def test_the_program_without_a_network_is_the_same_otherwise() -> None:
    """It trains no DNN, and what the DNN is used for is done by XGBoost."""
    full = (EXAMPLES / "iris.sql").read_text(encoding="utf-8")
    without = (EXAMPLES / "no_torch" / "iris.sql").read_text(encoding="utf-8")
    expected = [step for step in compile_program(full).steps if step.name != "train_iris_dnn"]
    given = compile_program(without).steps
    assert [step.name for step in given] == [step.name for step in expected]
    texts = [
        [
            step.statement.span.text.replace("iris_dnn", "iris_xgb")
            for step in steps
            if step.statement.span
        ]
        for steps in (expected, given)
    ]
    assert texts[0] == texts[1]
