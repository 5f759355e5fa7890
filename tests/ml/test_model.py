"""Training, predicting and judging, from statements as users write them."""

import sys
from collections.abc import Callable
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from sqlflow_dagster.errors import TerminalError
from sqlflow_dagster.lang.statements import TrainStatement
from sqlflow_dagster.ml.metrics.by_name import metric_value
from sqlflow_dagster.ml.models.model import Model, check_inputs
from sqlflow_dagster.ml.tasks import Task
from sqlflow_dagster.ml.training.preparation import check_statement
from sqlflow_dagster.ml.training.train import train_model

Parse: TypeAlias = Callable[[str], TrainStatement]
Tables: TypeAlias = tuple[pa.Table, pa.Table]

XGBOOST_IRIS = """TO TRAIN xgboost.gbtree
WITH objective="multi:softprob", num_class=3, train.num_boost_round=30,
     validation.select="SELECT * FROM iris.test"
LABEL class INTO iris_xgb"""
DNN_IRIS = """TO TRAIN DNNClassifier
WITH model.n_classes=3, model.hidden_units=[10,10], model.optimizer=Adam,
     optimizer.learning_rate=0.01, train.batch_size=16, train.epoch=60
COLUMN sepal_length, sepal_width, petal_length, petal_width
LABEL class INTO iris_dnn"""
XGBOOST_DIABETES = """TO TRAIN xgboost.gbtree
WITH objective="reg:squarederror", eta=0.1, max_depth=3, train.num_boost_round=50
LABEL target INTO diabetes"""
DNN_DIABETES = "TO TRAIN DNNRegressor WITH model.hidden_units=[16] LABEL target INTO diabetes"
torch = pytest.mark.torch


def relabel(table: pa.Table, values: list[object]) -> pa.Table:
    """The table with class 0, 1, 2 written as other values."""
    index = table.column_names.index("class")
    return table.set_column(index, "class", pa.array(values).take(table.column("class")))


@pytest.mark.parametrize(
    "clause",
    [
        pytest.param(XGBOOST_IRIS, id="xgboost"),
        pytest.param(DNN_IRIS, marks=torch, id="torch"),
    ],
)
@pytest.mark.parametrize(
    "names",
    [
        pytest.param([0, 1, 2], id="integers"),
        pytest.param([4, 5, 7], id="integers not from 0"),
        pytest.param(["setosa", "versicolor", "virginica"], id="strings"),
        pytest.param([0.0, 1.0, 2.0], id="doubles"),
    ],
)
def test_iris_is_learnt_and_predicted_in_the_type_of_the_label(
    clause: str, names: list[Any], parse: Parse, iris: Tables
) -> None:
    training, test = (relabel(table, names) for table in iris)
    model = train_model(statement=parse(clause), training=training, validation=test)
    predicted = model.predict(test)
    assert predicted.type == pa.array(names).type
    accuracy = pc.mean(pc.equal(predicted, test.column("class").combine_chunks())).as_py()
    assert accuracy >= 0.9
    assert model.manifest.metrics["validation"].values["accuracy_score"] == accuracy
    probabilities = model.probabilities(test)
    assert probabilities is not None
    assert probabilities.shape == (40, 3)
    assert probabilities.sum(axis=1) == pytest.approx(1)


@pytest.mark.parametrize(
    "clause",
    [
        pytest.param(XGBOOST_DIABETES, id="xgboost"),
        pytest.param(DNN_DIABETES, marks=torch, id="torch"),
        pytest.param("TO TRAIN DNNRegressor LABEL target INTO m", marks=torch, id="torch defaults"),
    ],
)
def test_diabetes_is_predicted_better_than_by_the_mean(
    clause: str, parse: Parse, diabetes: Tables
) -> None:
    training, test = diabetes
    model = train_model(statement=parse(clause), training=training, validation=test)
    found = model.manifest.metrics["validation"]
    assert found.values["r2_score"] > 0.25
    assert found.values["loss"] < 0.75 * found.baseline["loss"]
    assert model.predict(test).type == pa.float64()
    assert model.probabilities(test) is None


@pytest.mark.parametrize(
    ("clause", "task", "objective"),
    [
        pytest.param("LABEL name INTO m", Task.CLASSIFICATION, "multi:softprob", id="text"),
        pytest.param("LABEL flag INTO m", Task.CLASSIFICATION, "binary:logistic", id="boolean"),
        pytest.param("LABEL two INTO m", Task.CLASSIFICATION, "binary:logistic", id="two texts"),
        pytest.param("LABEL number INTO m", Task.REGRESSION, "reg:squarederror", id="number"),
        pytest.param(
            "WITH num_class=3 LABEL number INTO m",
            Task.CLASSIFICATION,
            "multi:softprob",
            id="number and num_class",
        ),
    ],
)
def test_xgboost_takes_the_objective_from_the_label(
    clause: str, task: Task, objective: str, parse: Parse
) -> None:
    rows = pa.table(
        {
            "x": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
            "name": ["a", "b", "c", "a", "b", "c"],
            "two": ["a", "b", "a", "b", "a", "b"],
            "flag": [True, False] * 3,
            "number": [0, 1, 2, 0, 1, 2],
        }
    )
    model = train_model(statement=parse(f"TO TRAIN xgboost.gbtree {clause}"), training=rows)
    assert model.manifest.task is task
    assert model.manifest.parameters["objective"] == objective


def test_a_declared_class_that_no_row_has_is_kept(parse: Parse) -> None:
    rows = pa.table({"x": [0.0, 1.0] * 10, "digit": [0, 8] * 10})
    clause = (
        'TO TRAIN xgboost.gbtree WITH objective="multi:softprob", num_class=10 LABEL digit INTO m'
    )
    model = train_model(statement=parse(clause), training=rows)
    probabilities = model.probabilities(rows)
    assert probabilities is not None
    assert probabilities.shape == (20, 10)
    assert model.predict(rows).to_pylist() == [0, 8] * 10


def test_the_manifest_tells_how_the_model_came_about(parse: Parse, iris: Tables) -> None:
    training, test = iris
    statement = parse(XGBOOST_IRIS)
    manifest = train_model(
        statement=statement, training=training, validation=test, threads=2, seed=7
    ).manifest
    assert statement.span is not None
    assert manifest.statement == statement.span.text
    assert (manifest.seed, manifest.threads, manifest.rows) == (7, 2, 110)
    assert manifest.parameters["num_class"] == 3
    assert set(manifest.libraries) == {"xgboost"}
    assert len(manifest.history["train-mlogloss"]) == 30
    assert len(manifest.data_fingerprint) == 64


def test_without_validation_rows_the_training_rows_are_judged(parse: Parse, iris: Tables) -> None:
    clause = """TO TRAIN xgboost.gbtree
    WITH num_class=3, validation.metrics="f1_score,AUC" LABEL class INTO m"""
    model = train_model(statement=parse(clause), training=iris[0])
    assert set(model.manifest.metrics) == {"training"}
    assert set(model.manifest.metrics["training"].values) == {"loss", "f1_score", "AUC"}


@pytest.mark.parametrize(
    "clause",
    [
        pytest.param(
            "TO TRAIN xgboost.gbtree WITH num_class=3, subsample=0.5 LABEL class INTO m",
            id="xgboost",
        ),
        pytest.param(
            "TO TRAIN DNNClassifier WITH dropout=0.2, train.epoch=3 LABEL class INTO m",
            marks=torch,
            id="torch",
        ),
    ],
)
def test_a_seed_decides_every_random_choice(clause: str, parse: Parse, iris: Tables) -> None:
    def files(clause: str, seed: int = 0) -> dict[str, bytes]:
        return train_model(statement=parse(clause), training=iris[0], seed=seed).trained.files()

    assert files(clause) == files(clause)
    assert files(clause) != files(clause, seed=1)
    assert files(clause.replace("WITH ", "WITH seed=1, ")) == files(clause, seed=1)


@pytest.mark.parametrize(
    "estimator", ["xgboost.gbtree", pytest.param("DNNClassifier", marks=torch)]
)
def test_progress_is_told_and_its_exception_stops_the_training(
    estimator: str, parse: Parse, iris: Tables
) -> None:
    told = []

    def stop_at_third(done: int, total: int, note: str) -> None:
        told.append((done, total, note.split(maxsplit=1)[0]))
        if done == 3:
            raise KeyboardInterrupt

    attribute = "num_class=3" if "xgboost" in estimator else "n_classes=3"
    statement = parse(f"TO TRAIN {estimator} WITH {attribute} LABEL class INTO m")
    with pytest.raises(KeyboardInterrupt):
        train_model(statement=statement, training=iris[0], progress=stop_at_third)
    assert [done for done, _, _ in told] == [1, 2, 3]
    assert told[0][1] > 3
    assert told[0][2] in ("train-mlogloss", "train-loss")


def test_early_stopping_keeps_the_best_rounds(parse: Parse, diabetes: Tables) -> None:
    training, test = diabetes
    clause = """TO TRAIN xgboost.gbtree
    WITH train.num_boost_round=200, train.early_stopping_rounds=3, validation.select="SELECT 1"
    LABEL target INTO m"""
    model = train_model(statement=parse(clause), training=training, validation=test)
    losses = model.manifest.history["validate-rmse"]
    assert len(losses) < 200
    found = model.manifest.metrics["validation"].values["root_mean_squared_error"]
    assert found == pytest.approx(min(losses), rel=1e-5)


@pytest.mark.parametrize(
    ("estimator", "attributes"),
    [
        ("xgboost.gbtree", "num_class=3"),
        pytest.param("DNNClassifier", "train.epoch=3", marks=torch),
    ],
)
def test_training_goes_on_from_another_model(
    estimator: str, attributes: str, parse: Parse, iris: Tables
) -> None:
    training, test = iris
    first = train_model(
        statement=parse(f"TO TRAIN {estimator} WITH {attributes} LABEL class INTO m"),
        training=training,
        validation=test,
    )
    second = train_model(
        statement=parse(f"TO TRAIN {estimator} WITH {attributes} LABEL class USING m INTO m"),
        training=training,
        validation=test,
        base=first,
    )
    history = "train-mlogloss" if "xgboost" in estimator else "train-loss"
    assert second.manifest.history[history][-1] < first.manifest.history[history][-1]


@pytest.mark.parametrize(
    ("clause", "message"),
    [
        pytest.param(
            "TO TRAIN xgboost.dart WITH num_class=3 LABEL class USING m INTO m",
            "xgboost.dart cannot go on from a model of DNNClassifier",
            id="another estimator",
        ),
        pytest.param(
            "TO TRAIN DNNClassifier WITH hidden_units=[3] LABEL class USING m INTO m",
            "DNNClassifier cannot go on from a model of another shape",
            id="another shape",
        ),
    ],
)
@pytest.mark.torch
def test_training_goes_on_only_from_a_model_of_its_kind(
    clause: str, message: str, parse: Parse, iris: Tables
) -> None:
    base = train_model(
        statement=parse("TO TRAIN DNNClassifier WITH train.epoch=1 LABEL class INTO m"),
        training=iris[0],
    )
    with pytest.raises(TerminalError, match=message):
        train_model(statement=parse(clause), training=iris[0], base=base)


@pytest.mark.parametrize(
    ("clause", "told"),
    [
        pytest.param("LABEL y", [], id="the same"),
        pytest.param("COLUMN BUCKET(b, 2) LABEL y", [], id="other treatment"),
        pytest.param(
            "WITH train.columns=listed COLUMN a LABEL y",
            ["the features are those of m: a, b"],
            id="fewer",
        ),
    ],
)
def test_a_model_that_goes_on_tells_of_the_features_it_keeps(
    clause: str, told: list[str], parse: Parse
) -> None:
    rows = pa.table({"a": [1.0, 2.0, 3.0, 4.0], "b": [0, 1, 0, 1], "y": ["u", "v", "u", "v"]})
    base = train_model(statement=parse("TO TRAIN xgboost.gbtree LABEL y INTO m"), training=rows)
    notes: list[str] = []
    again = parse(f"TO TRAIN xgboost.gbtree {clause} USING m INTO m")
    model = train_model(statement=again, training=rows, base=base, note=notes.append)
    assert notes == told
    assert model.manifest.features == base.manifest.features


@pytest.mark.parametrize(
    "objective", ["binary:logistic", "binary:hinge", "binary:logitraw", "multi:softmax"]
)
def test_every_objective_of_classes_answers_with_a_class(
    objective: str, parse: Parse, people: pa.Table
) -> None:
    clause = (
        f'TO TRAIN xgboost.gbtree WITH objective="{objective}", num_class=2 LABEL bought INTO m'
    )
    model = train_model(statement=parse(clause), training=people)
    found = model.evaluate(people, metrics=["accuracy"])
    assert found.values["accuracy"] > 0.95
    assert set(model.predict(people).to_pylist()) == {"yes", "no"}


@pytest.mark.parametrize(
    "estimator",
    ["xgboost.gbtree", "xgboost.gblinear", pytest.param("DNNClassifier", marks=torch)],
)
def test_every_kind_of_column_is_learnt_from(
    estimator: str, parse: Parse, people: pa.Table
) -> None:
    epochs = "WITH train.epoch=30" if estimator.startswith("DNN") else ""
    model = train_model(
        statement=parse(f"TO TRAIN {estimator} {epochs} LABEL bought INTO m"), training=people
    )
    assert [item.type for item in model.source_columns()] == [
        "text",
        "number",
        "number",
        "moment",
        "number",
    ]
    found = model.manifest.metrics["training"]
    assert found.values["accuracy_score"] > found.baseline["accuracy_score"] + 0.2


def test_evaluation_takes_a_label_of_another_name(parse: Parse, iris: Tables) -> None:
    training, test = iris
    model = train_model(statement=parse(XGBOOST_IRIS), training=training, validation=test)
    renamed = test.rename_columns([*test.column_names[:-1], "truth"])
    found = model.evaluate(renamed, label="truth", metrics=["Accuracy", "roc_auc_score"])
    assert found.rows == 40
    assert found.values["Accuracy"] >= 0.9
    assert found.baseline["Accuracy"] < 0.5
    assert metric_value(found, "accuracy_score") == found.values["Accuracy"]
    assert found.confusion is not None
    assert sum(sum(row.values()) for row in found.confusion.values()) == 40


@pytest.mark.parametrize(
    ("clause", "place", "message"),
    [
        pytest.param(
            "TO TRAIN xgboost.gbtre LABEL class INTO m",
            "xgboost.gbtre",
            "unknown estimator 'xgboost.gbtre'",
            id="estimator",
        ),
        pytest.param(
            "TO TRAIN xgboost.gbtree LABEL clas INTO m",
            "clas",
            "LABEL names column 'clas', which the SELECT does not give",
            id="label",
        ),
        pytest.param(
            "TO TRAIN xgboost.gbtree INTO m",
            "xgboost.gbtree",
            "learns from a label, but the statement has no LABEL clause",
            id="no label",
        ),
        pytest.param(
            "TO TRAIN xgboost.gbtree LABEL LOG(class) INTO m",
            "LOG",
            "LABEL wants the name of a column, but got LOG(class)",
            id="label expression",
        ),
        pytest.param(
            "TO TRAIN xgboost.gbtree COLUMN sepal_len LABEL class INTO m",
            "sepal_len",
            "COLUMN names column 'sepal_len', which the SELECT does not give",
            id="column",
        ),
        pytest.param(
            "TO TRAIN xgboost.gbtree WITH train.early_stopping_rounds=3 LABEL class INTO m",
            "train.early_stopping_rounds",
            "wants rows to validate on, but the statement names none",
            id="early stopping without validation",
        ),
        pytest.param(
            'TO TRAIN xgboost.gbtree WITH validation.metrics="accuracy" LABEL class INTO m',
            '"accuracy"',
            "metric accuracy is for classification",
            id="metric of another task",
        ),
    ],
)
def test_a_statement_that_cannot_work_is_refused_at_its_place(
    clause: str, place: str, message: str, parse: Parse, iris: Tables
) -> None:
    columns = list(zip(iris[0].column_names, iris[0].schema.types, strict=True))
    with pytest.raises(TerminalError) as caught:
        check_statement(parse(clause), columns)
    assert message in caught.value.message
    assert caught.value.span is not None
    assert caught.value.span.text == place
    assert caught.value.hint


@pytest.mark.parametrize(
    ("clause", "place", "message"),
    [
        pytest.param(
            """TO TRAIN xgboost.gbtree
            WITH objective="multi:softprob", num_class=2 LABEL class INTO m""",
            "2",
            "num_class is 2, but label 'class' has 3 classes: 0, 1, 2",
            id="too few classes",
        ),
        pytest.param(
            'TO TRAIN xgboost.gbtree WITH objective="binary:logistic" LABEL class INTO m',
            '"binary:logistic"',
            "objective binary:logistic wants two classes, but label 'class' has 3",
            id="binary objective",
        ),
        pytest.param(
            "TO TRAIN DNNClassifier WITH n_classes=2 LABEL class INTO m",
            "2",
            "n_classes is 2, but label 'class' has 3 classes",
            marks=torch,
            id="torch",
        ),
        pytest.param(
            """TO TRAIN xgboost.gbtree
            WITH num_class=3, validation.metrics="TruePositives" LABEL class INTO m""",
            '"TruePositives"',
            "metric TruePositives wants two classes, but the model has 3",
            id="binary metric",
        ),
    ],
)
def test_attributes_that_contradict_the_data_are_refused(
    clause: str, place: str, message: str, parse: Parse, iris: Tables
) -> None:
    with pytest.raises(TerminalError) as caught:
        train_model(statement=parse(clause), training=iris[0])
    assert message in caught.value.message
    assert caught.value.span is not None
    assert caught.value.span.text == place


def test_weights_that_are_text_are_told_so(parse: Parse, people: pa.Table) -> None:
    clause = "TO TRAIN xgboost.gbtree WITH train.weight_column=color LABEL bought INTO m"
    with pytest.raises(TerminalError, match="wants numbers, but column 'color' is text"):
        train_model(statement=parse(clause), training=people)


def test_training_on_nothing_is_refused(parse: Parse, iris: Tables) -> None:
    with pytest.raises(TerminalError, match="the SELECT gives none"):
        train_model(statement=parse(XGBOOST_IRIS), training=iris[0].slice(0, 0))


@pytest.fixture(scope="module")
def iris_model(parse: Parse, iris: Tables) -> Model:
    clause = "TO TRAIN xgboost.gbtree WITH num_class=3 LABEL class INTO m"
    return train_model(statement=parse(clause), training=iris[0])


def test_inputs_may_come_in_any_order_and_case_with_other_columns(
    iris_model: Model, iris: Tables
) -> None:
    test = iris[1]
    shuffled = test.select(test.column_names[::-1]).append_column("id", pa.array(range(40)))
    shouting = shuffled.rename_columns([name.upper() for name in shuffled.column_names])
    check_inputs(
        iris_model.source_columns(),
        list(zip(shouting.column_names, shouting.schema.types, strict=True)),
    )
    assert iris_model.predict(shouting).equals(iris_model.predict(test))


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        pytest.param(
            [("sepal_length", pa.float64()), ("id", pa.int64())],
            "needs columns 'sepal_width', 'petal_length', 'petal_width'",
            id="missing",
        ),
        pytest.param(
            [
                ("sepal_length", pa.string()),
                ("sepal_width", pa.float64()),
                ("petal_length", pa.float64()),
                ("petal_width", pa.float64()),
            ],
            "column 'sepal_length' has type string, but the model was trained with double",
            id="wrong type",
        ),
    ],
)
def test_inputs_that_do_not_fit_are_refused(
    columns: list[tuple[str, pa.DataType]], message: str, iris_model: Model
) -> None:
    with pytest.raises(TerminalError, match=message) as caught:
        check_inputs(iris_model.source_columns(), columns)
    assert caught.value.hint


def test_missing_pytorch_is_told_with_the_cure(
    parse: Parse, iris: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(TerminalError, match="DNNClassifier needs PyTorch") as caught:
        train_model(statement=parse(DNN_IRIS), training=iris[0])
    assert caught.value.hint == "pip install 'sqlflow-dagster[torch]'"
    assert caught.value.span is not None
    assert caught.value.span.text == "DNNClassifier"
