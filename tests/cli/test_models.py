"""sqlflow models: the trained models of a store."""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pyarrow as pa
import pytest
from click.testing import CliRunner, Result

from sqlflow_dagster.cli import main
from sqlflow_dagster.compiler import compile_program
from sqlflow_dagster.engines.base import open_engine
from sqlflow_dagster.lang.clause_parser import parse_clause
from sqlflow_dagster.lang.statements import Query, TrainStatement
from sqlflow_dagster.ml.models.model import Model
from sqlflow_dagster.ml.training.train import train_model
from sqlflow_dagster.model_store.base import ModelStore
from sqlflow_dagster.model_store.opening import open_model_store
from sqlflow_dagster.model_store.settings import ModelSettings
from sqlflow_dagster.runtime.context import open_context
from sqlflow_dagster.runtime.execute import execute
from sqlflow_dagster.source import Source
from tests.cli.command import Sqlflow

Command = Callable[..., Result]
STATEMENT = (
    "SELECT * FROM people TO TRAIN xgboost.gbtree WITH train.num_boost_round=2 "
    "COLUMN age LABEL bought INTO shop.buyers"
)


@pytest.fixture(scope="module")
def model() -> Model:
    source = Source(text=STATEMENT)
    start = source.text.index("TO TRAIN")
    query = Query(sql="SELECT * FROM people", span=source.span(0, start - 1))
    span = source.span(0, len(source.text))
    statement = parse_clause(source, start, len(source.text), query, span)
    assert isinstance(statement, TrainStatement)
    ages = list(range(20, 60))
    bought = ["yes" if age > 40 else "no" for age in ages]
    city = ["Ulm" if age % 3 else "Kiel" for age in ages]
    rows = pa.table({"age": ages, "city": city, "bought": bought})
    return train_model(statement=statement, training=rows)


@pytest.fixture(params=["database", "files"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> list[str]:
    """The options that say where the models are."""
    if request.param == "database":
        return ["--datasource", f"sqlite:///{tmp_path / 'data.db'}"]
    return ["--model-store", str(tmp_path / "models")]


@pytest.fixture
def sqlflow(place: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, answer: str | None = None) -> Result:
        environment = {"SQLFLOW_DATASOURCE": None, "SQLFLOW_MODEL_STORE": None}
        return CliRunner().invoke(
            main, ["models", *arguments, *place], env=environment, input=answer
        )

    return run


@pytest.fixture
def store(place: list[str], model: Model) -> ModelStore:
    """Three versions of one model, of which the second is accepted, and one of another."""
    option, value = place
    store = (
        open_model_store("", open_engine(value))
        if option == "--datasource"
        else open_model_store(value, None)
    )
    bundle, known = model.to_bundle(), model.manifest.to_json()
    for number in (1, 2, 3):
        store.save("shop.buyers", bundle, known, accept=number == 2)
    store.save("Other", bundle, known)
    return store


def test_a_damaged_model_is_named_beside_the_others(tmp_path: Path) -> None:
    store = open_model_store(str(tmp_path / "models"), None)
    store.save("good", b"one", {})
    store.save("bad", b"one", {})
    (tmp_path / "models/bad/1/version.json").write_text("{")
    done = CliRunner().invoke(main, ["models", "list", "--model-store", str(tmp_path / "models")])
    assert done.exit_code == 1
    assert "good" in done.stdout
    assert "bad" not in done.stdout
    assert done.stderr.startswith(f"error: {tmp_path}/models/bad/1/version.json is damaged: ")


@pytest.mark.usefixtures("store")
def test_models_are_listed(sqlflow: Command) -> None:
    lines = sqlflow("list").stdout.splitlines()
    assert lines[0].split() == [
        "model",
        "accepted",
        "latest",
        "versions",
        "estimator",
        "quality",
        "size",
    ]
    assert lines[2].split()[:5] == ["Other", "1", "1", "1", "xgboost.gbtree"]
    assert lines[3].split()[:5] == ["shop.buyers", "2", "3", "3", "xgboost.gbtree"]
    assert "training " in lines[3]
    assert lines[3].endswith("KiB")
    found = json.loads(sqlflow("list", "--format", "json").stdout)
    assert [(item["name"], item["version"], item["accepted"]) for item in found] == [
        ("Other", 1, True),
        ("shop.buyers", 1, False),
        ("shop.buyers", 2, True),
        ("shop.buyers", 3, False),
    ]


def test_an_empty_store_is_told(sqlflow: Command) -> None:
    done = sqlflow("list")
    assert (done.exit_code, done.stdout) == (0, "")
    assert "there are no models in" in done.stderr
    assert json.loads(sqlflow("list", "--format", "json").stdout) == []


@pytest.mark.usefixtures("store")
def test_a_model_is_shown(sqlflow: Command, model: Model) -> None:
    text = sqlflow("show", "shop.buyers").stdout
    assert text.startswith("shop.buyers@2 (accepted)\n")
    for part in (
        "estimator      xgboost.gbtree",
        "label          bought",
        "rows           40",
        f"data           {model.manifest.data_fingerprint}",
        f"libraries      xgboost {model.manifest.libraries['xgboost']}",
        "metrics on 40 training rows",
        "accuracy",
        "baseline",
        "age      numbers   listed",
        "city     code      derived",
        "2  accepted",
        STATEMENT,
    ):
        assert part in text, part
    assert "shop.buyers@3\n" in sqlflow("show", "shop.buyers@3").stdout
    found = json.loads(sqlflow("show", "shop.buyers@1", "--format", "json").stdout)
    assert found["metadata"]["statement"] == STATEMENT
    assert [item["accepted"] for item in found["versions"]] == [False, True, False]


def test_what_a_search_tried_is_shown(sqlflow: Command, store: ModelStore, model: Model) -> None:
    trials = [
        {"trial": 2, "estimator": "Ridge", "loss": 0.5, "seconds": 0.1, "attributes": "alpha=1"},
        {"trial": 1, "estimator": "SVR", "loss": None, "seconds": 0.2, "attributes": ""},
    ]
    search = {"metric": "loss", "best": {"estimator": "Ridge"}, "trials": trials}
    store.save("chosen", model.to_bundle(), {**model.manifest.to_json(), "search": search})
    text = sqlflow("show", "chosen").stdout
    at = text.index("trials, compared by loss\n")
    header, _, first, second = text[at:].splitlines()[1:5]
    assert header.split() == ["trial", "estimator", "loss", "seconds", "attributes"]
    assert first.split() == ["2", "Ridge", "0.5", "0.1", "alpha=1"]
    assert second.split() == ["1", "SVR", "-", "0.2"]


def test_how_far_the_folds_are_apart_is_shown(
    sqlflow: Command, store: ModelStore, model: Model
) -> None:
    judged = {"rows": 40, "values": {"accuracy": 0.9}, "spread": {"accuracy": 0.05}}
    store.save(
        "folded",
        model.to_bundle(),
        {**model.manifest.to_json(), "metrics": {"cross-validation": judged}},
    )
    lines = sqlflow("show", "folded").stdout.splitlines()
    at = lines.index("metrics on 40 cross-validation rows")
    assert lines[at + 1].split("  ")[-1] == "± over folds"
    assert lines[at + 3].split() == ["accuracy", "0.9000", "0.0500"]


def test_a_score_card_is_shown(sqlflow: Command, store: ModelStore, model: Model) -> None:
    card = [
        {"column": "", "bin": "every row", "rows": None, "points": 573.61},
        {"column": "age", "bin": "< 30", "rows": 57, "points": -2.5},
    ]
    metadata = {**model.manifest.to_json(), "parameters": {"pdo": 20.0, "card": card}}
    store.save("scored", model.to_bundle(), metadata)
    text = sqlflow("show", "scored").stdout
    header, _, first, second = text[text.index("card\n") :].splitlines()[1:5]
    assert header.split() == ["column", "bin", "rows", "points"]
    assert first.split() == ["every", "row", "-", "573.6"]
    assert second.split() == ["age", "<", "30", "57", "-2.5"]


def test_a_model_travels(sqlflow: Command, store: ModelStore, model: Model, tmp_path: Path) -> None:
    assert sqlflow("export", "shop.buyers").stdout == "shop.buyers-2.zip\n"
    assert (tmp_path / "shop.buyers-2.zip").read_bytes() == model.to_bundle()
    assert sqlflow("import", "shop.buyers-2.zip", "Other", "--no-accept").stdout == "Other@2\n"
    version, bundle = store.load("Other", 2)
    assert not version.accepted
    assert version.metadata == model.manifest.to_json()
    assert bundle == model.to_bundle()


def test_a_model_is_written_as_a_graph(sqlflow: Command, store: ModelStore, tmp_path: Path) -> None:
    assert store.names()
    assert sqlflow("export", "shop.buyers", "--onnx").stdout == "shop.buyers-2.onnx\n"
    session = onnxruntime.InferenceSession(tmp_path / "shop.buyers-2.onnx")
    (answers,) = session.run(None, {"features": np.array([[20, 0], [60, 0]], np.float32)})
    assert answers.argmax(axis=1).tolist() == [0, 1]


def test_a_model_that_was_changed_is_not_imported(
    sqlflow: Command, store: ModelStore, model: Model, tmp_path: Path
) -> None:
    (tmp_path / "good.zip").write_bytes(model.to_bundle())
    with (
        zipfile.ZipFile(tmp_path / "good.zip") as good,
        zipfile.ZipFile(tmp_path / "bad.zip", "w") as bad,
    ):
        for name in good.namelist():
            bad.writestr(name, b"cos\nsystem\n" if name.startswith("model/") else good.read(name))
    done = sqlflow("import", "bad.zip", "copy")
    assert done.exit_code == 1
    assert "error: the model bundle was damaged or changed: model/" in done.stderr
    assert "copy" not in store.names()


@pytest.mark.parametrize(
    ("named", "message"),
    [
        pytest.param("shop.nobody", "unknown model 'shop.nobody'", id="a model"),
        pytest.param("shop.buyers@9", "model 'shop.buyers' has no version 9", id="a version"),
    ],
)
def test_what_is_not_there_is_not_asked_about(
    sqlflow: Command, store: ModelStore, named: str, message: str
) -> None:
    done = sqlflow("delete", named, answer="y\n")
    assert done.exit_code == 1
    assert message in done.stderr
    assert "Remove" not in done.stderr
    assert len(store.versions("shop.buyers")) == 3


def test_removing_asks(sqlflow: Command, store: ModelStore) -> None:
    refused = sqlflow("delete", "shop.buyers", answer="n\n")
    assert refused.exit_code == 1
    assert "Remove model shop.buyers with its 3 versions from" in refused.stderr
    assert sqlflow("delete", "shop.buyers").exit_code == 1  # nobody is there to answer
    assert len(store.versions("shop.buyers")) == 3
    assert sqlflow("delete", "shop.buyers@1", answer="y\n").exit_code == 0
    assert [item.version for item in store.versions("shop.buyers")] == [2, 3]
    kept = sqlflow("delete", "shop.buyers@2", "--yes")
    assert "version 2 of model 'shop.buyers' is the accepted one" in kept.stderr
    assert sqlflow("delete", "shop.buyers", "--yes").exit_code == 0
    assert store.names() == ["Other"]


def test_a_version_is_promoted(sqlflow: Command, store: ModelStore) -> None:
    assert sqlflow("promote", "shop.buyers@3").stderr == "shop.buyers@3 is accepted\n"
    assert [item.accepted for item in store.versions("shop.buyers")] == [False, False, True]
    assert sqlflow("promote", "shop.buyers").exit_code == 2


def test_old_versions_are_pruned(sqlflow: Command, store: ModelStore) -> None:
    done = sqlflow("prune", "--keep", "1", "--dry-run")
    assert (done.stdout, done.stderr) == ("shop.buyers@1\n", "1 would be removed\n")
    assert sqlflow("prune", "--keep", "1", "Other").stdout == ""
    assert len(store.versions("shop.buyers")) == 3
    assert sqlflow("prune", "--keep", "1").stdout == "shop.buyers@1\n"
    assert [item.version for item in store.versions("shop.buyers")] == [2, 3]


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("command", ["show", "export", "promote", "delete --yes", "prune --keep 1"])
def test_a_mistyped_model_is_met_with_the_nearest(sqlflow: Command, command: str) -> None:
    name = "shop.buyer@1" if command == "promote" else "shop.buyer"
    done = sqlflow(*command.split(), name)
    assert done.exit_code == 1
    assert "error: unknown model 'shop.buyer'\nhint: did you mean 'shop.buyers'?" in done.stderr


def test_a_store_must_be_given() -> None:
    environment = {"SQLFLOW_DATASOURCE": None, "SQLFLOW_MODEL_STORE": None}
    done = CliRunner().invoke(main, ["models", "list"], env=environment)
    assert "models are kept in the data source, and none is given" in done.stderr


def test_an_export_that_cannot_be_written_leaves_nothing(
    store: ModelStore, place: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "model.zip"
    target.write_bytes(b"former")

    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", interrupted)
    arguments = ["models", "export", "Other", "--output", str(target), *place]
    assert CliRunner().invoke(main, arguments).exit_code == 130
    assert target.read_bytes() == b"former"
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".model")]


PROGRAM = """
CREATE TABLE t AS
  WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 40)
  SELECT x, x > 20 AS y FROM n;
SELECT * FROM t TO TRAIN xgboost.gbtree WITH train.num_boost_round=1 LABEL y INTO M;
SELECT * FROM t TO PREDICT p.y USING M;
"""


def test_a_program_trains_into_a_store_of_files_and_reads_it(tmp_path: Path) -> None:
    sqlflow = Sqlflow(folder=tmp_path, url="sqlite:///data.db")
    sqlflow.write("p.sql", PROGRAM)
    done = sqlflow("run", "p.sql", "--model-store", "./models")
    assert done.code == 0, done.stderr
    assert sorted(path.name for path in (tmp_path / "models/%4D").iterdir()) == [
        "1",
        "accepted",
        "latest",
    ]
    assert "sqlflow_model" not in (tmp_path / "data.db").read_bytes().decode("latin-1")


def test_a_training_removes_old_versions(tmp_path: Path) -> None:
    settings = ModelSettings(store=str(tmp_path / "models"), keep_versions=2)
    context = open_context(f"sqlite:///{tmp_path}/data.db", models=settings, threads=1)
    program = compile_program(PROGRAM, dialect="sqlite")
    for step in program.steps:
        execute(step, context)
    for _ in range(2):
        execute(program.steps[1], context)
    assert [item.version for item in context.models.versions("M")] == [2, 3]
