"""The networks: what they learn, what their attributes do, how they are stored and explained."""

import json

import numpy as np
import pyarrow as pa
import pytest

from sqlflow_dagster.errors import TerminalError
from sqlflow_dagster.ml.features.encode import encode
from sqlflow_dagster.ml.models.model import Model
from sqlflow_dagster.ml.models.onnx_export import export_onnx
from sqlflow_dagster.ml.trainers.torch_names import ESTIMATORS
from sqlflow_dagster.ml.training.preparation import check_attributes
from sqlflow_dagster.ml.training.train import train_model
from tests.ml.conftest import Parse

pytestmark = pytest.mark.torch

SANITY = pa.table(
    {
        **{f"c{index}": [int(row == index) for row in range(5)] for index in range(5)},
        "class": range(5),
    }
)


def trained(parse: Parse, clause: str, rows: pa.Table, validation: pa.Table | None = None) -> Model:
    statement = parse(f"TO TRAIN {clause} INTO m")
    return train_model(statement=statement, training=rows, validation=validation)


def score(model: Model, rows: pa.Table) -> float:
    assert model.manifest.label.column is not None
    return model.evaluate(rows, metrics=["accuracy"]).values["accuracy"]


@pytest.fixture(scope="module")
def shops() -> pa.Table:
    """Sales follow from a number, and from pairs of 60 towns and 12 goods that go well together."""
    rng = np.random.default_rng(0)
    size = 3000
    town, good = rng.integers(0, 60, size), rng.integers(0, 12, size)
    price = rng.normal(size=size)
    luck = rng.normal(size=(60,))[town] + 0.5 * rng.normal(size=(12,))[good]
    tags = [",".join(f"t{tag}" for tag in rng.choice(8, rng.integers(0, 4))) for _ in range(size)]
    gain = luck - price + np.array(["t3" in item for item in tags])
    return pa.table(
        {
            "price": price,
            "town": [f"town{index}" for index in town],
            "good": [f"good{index}" for index in good],
            "tags": tags,
            "gain": gain,
            "sold": np.where(gain > 0.3, "yes", "no"),
        }
    )


def test_iris(parse: Parse, iris: tuple[pa.Table, pa.Table]) -> None:
    clause = "DNNClassifier WITH model.hidden_units=[16, 16], epoch=40, seed=1 LABEL class"
    assert score(trained(parse, clause, iris[0]), iris[1]) >= 0.95


def test_five_rows_of_the_original_are_all_right(parse: Parse) -> None:
    clause = """DNNClassifier WITH model.hidden_units=[42, 13], model.n_classes=5,
    model.optimizer=Adam, train.epoch=100 LABEL class"""
    assert score(trained(parse, clause, SANITY), SANITY) == 1.0


@pytest.mark.parametrize(
    "clause",
    [
        pytest.param(
            "DNNClassifier WITH epoch=4 COLUMN EMBEDDING(town, 4), EMBEDDING(tags, 4, mean)",
            id="deep",
        ),
        pytest.param("LinearClassifier WITH epoch=4, model.optimizer=Ftrl", id="linear"),
        pytest.param(
            "DNNLinearCombinedClassifier WITH epoch=3, linear_optimizer.learning_rate=0.01, "
            "dnn_optimizer.learning_rate=0.005, dnn_hidden_units=[16] "
            "COLUMN good, SPARSE(tags) FOR linear_feature_columns "
            "COLUMN price, EMBEDDING(town, 4) FOR dnn_feature_columns",
            id="deep and wide",
        ),
        pytest.param(
            "sqlflow_models.DNNLinearCombinedClassifier WITH epoch=3, dnn_hidden_units=[16]",
            id="deep and wide of everything",
        ),
    ],
)
def test_a_network_beats_the_majority(clause: str, parse: Parse, shops: pa.Table) -> None:
    rows = shops.drop_columns(["gain"])
    model = trained(parse, f"{clause} LABEL sold", rows.slice(0, 2500))
    found = model.evaluate(rows.slice(2500), metrics=["accuracy"])
    assert found.values["accuracy"] > found.baseline["accuracy"] + 0.2
    # 60 towns are vectors to look up, and the model says what each column added.
    assert "town" in {slot.column for slot in model.manifest.features.bag_slots}
    again = Model.from_bundle(model.to_bundle())
    assert again.predict(rows).equals(model.predict(rows))
    explained = again.explain(rows.slice(0, 50))
    assert {row["feature"] for row in explained.details["mean absolute contribution"][:3]} >= {
        "price",
        "town",
    }
    odds = sum(explained.rows[name].to_numpy() for name in (*rows.column_names[:4], "base_value"))
    chances = model.probabilities(rows.slice(0, 50))
    assert chances is not None
    np.testing.assert_allclose(1 / (1 + np.exp(-odds)), chances[:, 1], atol=1e-4)


@pytest.mark.parametrize("name", ["DNNRegressor", "LinearRegressor", "DNNLinearCombinedRegressor"])
def test_a_network_beats_the_mean(name: str, parse: Parse, shops: pa.Table) -> None:
    rows = shops.drop_columns(["sold"])
    model = trained(parse, f"{name} WITH epoch=4 LABEL gain", rows.slice(0, 2500))
    found = model.evaluate(rows.slice(2500), metrics=["rmse"])
    assert found.values["rmse"] < 0.6 * found.baseline["rmse"]
    told = model.manifest.history["train-rmse"]
    assert told[-1] < 0.5 * told[0] < 0.5 * found.baseline["rmse"]


@pytest.mark.parametrize(
    "clause",
    ["LinearClassifier", "DNNLinearCombinedClassifier COLUMN price FOR linear_feature_columns "
     "COLUMN good, price FOR dnn_feature_columns"],
    ids=["linear", "deep and wide"],
)  # fmt: skip
def test_a_graph_of_onnx_answers_as_the_network_does(
    clause: str, parse: Parse, shops: pa.Table
) -> None:
    import onnxruntime

    rows = shops.select(["price", "good", "sold"])
    name, _, columns = clause.partition(" ")
    model = trained(parse, f"{name} WITH epoch=1 {columns} LABEL sold", rows)
    features = encode(rows, model.manifest.features)
    session = onnxruntime.InferenceSession(export_onnx(model))
    (answers,) = session.run(None, {"features": features.matrix})
    np.testing.assert_allclose(answers, model.trained.predict(features), atol=1e-5)


def test_several_classes_a_row(parse: Parse) -> None:
    x = np.linspace(-1, 1, 200)
    labels = [",".join(n for n, on in (("low", v < 0), ("edge", abs(v) > 0.5)) if on) for v in x]
    rows = pa.table({"x": x, "y": labels})
    clause = 'DNNClassifier WITH epoch=60, train.label_separator="," LABEL y'
    model = trained(parse, clause, rows)
    found = model.predict(rows).to_pylist()
    right = [set(a.split(",")) == set(b.split(",")) for a, b in zip(found, labels, strict=True)]
    assert np.mean(right) > 0.9
    assert Model.from_bundle(model.to_bundle()).predict(rows).to_pylist() == found


def test_a_vector_of_amounts(parse: Parse) -> None:
    x = np.linspace(-1, 1, 200)
    rows = pa.table({"x": x, "y": [f"{v},{10 * v * v}" for v in x]})
    clause = """DNNRegressor WITH epoch=60, model.label_dimension=2, train.label_separator=","
    LABEL y"""
    model = trained(parse, clause, rows)
    found = np.array(
        [[float(n) for n in item.split(",")] for item in model.predict(rows).to_pylist()]
    )
    assert np.abs(found - np.stack([x, 10 * x * x], axis=1)).mean(axis=0).max() < 0.6
    with pytest.raises(TerminalError, match="label_dimension is 3, but label 'y' has 2 amounts"):
        trained(parse, clause.replace("=2", "=3"), rows)


def test_rows_that_weigh_nothing_are_not_learnt_from(parse: Parse) -> None:
    x = np.tile(np.linspace(-1, 1, 50), 2)
    rows = pa.table({"x": x, "y": np.repeat([1, -1], 50) * x, "w": np.repeat([1.0, 0.0], 50)})
    clause = "LinearRegressor WITH epoch=40, optimizer.learning_rate=0.05{} LABEL y"
    told = trained(parse, clause.format(", train.weight_column=w"), rows).predict(rows)
    np.testing.assert_allclose(told.to_numpy(), x, atol=0.1)


def test_training_ends_when_validation_gets_no_better(parse: Parse) -> None:
    rng = np.random.default_rng(0)
    rows = pa.table(
        {**{f"x{i}": rng.normal(size=60) for i in range(8)}, "y": rng.integers(0, 2, 60)}
    )
    clause = """DNNClassifier WITH epoch=200, patience=3, optimizer.learning_rate=0.02,
    validation.select="SELECT 1" LABEL y"""
    told: list[str] = []
    model = train_model(
        statement=parse(f"TO TRAIN {clause} INTO m"),
        training=rows.slice(0, 40),
        validation=rows.slice(40),
        progress=lambda done, total, note: told.append(note),
    )
    losses = model.manifest.history["validate-loss"]
    assert len(told) == len(losses) < 200
    assert losses.index(min(losses)) == len(losses) - 4
    assert "validate-accuracy" in told[-1]
    assert model.manifest.metrics["validation"].values["loss"] == pytest.approx(min(losses), 1e-4)


@pytest.mark.parametrize(
    ("attributes", "message", "hint"),
    [
        ("train.device=cuda", "train.device is cuda, but PyTorch finds no GPU", "leave train.dev"),
        ("model.loss=huber", "has no choice 'huber'", "known: cross_entropy, focal"),
        ("loss.gamma=2.0", "loss cross_entropy has no option 'gamma'", "known: label_smoothing"),
        ("dnn_hidden_units=[3]", "has no attribute 'dnn_hidden_units'", "did you mean 'model.hid"),
        ("optimiser=Adam", "has no attribute 'optimiser'", "did you mean 'model.optimizer'"),
        ("model.weight_column=x", "has no attribute 'model.weight", "did you mean 'train.weight"),
        (
            "optimizer.learning_rate=0.1, optimizer.lr=0.2",
            "attribute optimizer.lr is given twice",
            "keep one",
        ),
        ("model.optimizer=Ftrl, optimizer.l1=0.1", "Ftrl has no option 'l1'", "known: "),
    ],
)
def test_what_cannot_work_is_told(
    attributes: str, message: str, hint: str, parse: Parse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(TerminalError, match=message) as caught:
        trained(parse, f"DNNClassifier WITH {attributes} LABEL class", SANITY)
    assert (caught.value.hint or "").startswith(hint)


def test_a_typo_of_the_estimator(parse: Parse) -> None:
    with pytest.raises(TerminalError) as caught:
        trained(parse, "sqlflow_models.DNNClasifier LABEL class", SANITY)
    assert "DNNClassifier" in (caught.value.hint or "")


@pytest.mark.parametrize(
    "attributes",
    [
        "model.loss=focal, loss.gamma=1.0",
        "model.loss=categorical_crossentropy, loss.label_smoothing=0.1",
        "train.clip_norm=0.5",
        "model.optimizer=Nadam, optimizer.beta_1=0.8",
    ],
)
def test_attributes_that_change_the_training(attributes: str, parse: Parse) -> None:
    model = trained(parse, f"DNNClassifier WITH epoch=60, {attributes} LABEL class", SANITY)
    assert score(model, SANITY) == 1.0


@pytest.mark.parametrize("loss", ["mae", "mse", "huber", "quantile, loss.quantile=0.9"])
def test_losses_of_amounts(loss: str, parse: Parse, diabetes: tuple[pa.Table, pa.Table]) -> None:
    clause = f"DNNRegressor WITH epoch=30, model.loss={loss} LABEL target"
    rows = diabetes[0]
    model = trained(parse, clause, rows)
    below = np.mean(rows["target"].to_numpy() <= model.predict(rows).to_numpy())
    low, high = (0.8, 0.97) if "quantile" in loss else (0.3, 0.7)
    assert low < below < high


def test_a_model_is_data_alone(parse: Parse, shops: pa.Table) -> None:
    from safetensors.numpy import load  # It comes with PyTorch.

    clause = "DNNRegressor WITH epoch=1 COLUMN EMBEDDING(town, 3) LABEL gain"
    files = trained(parse, clause, shops.select(["town", "gain"])).trained.files()
    info = json.loads(files["network.json"])
    assert info["kind"] == "feed-forward"
    assert load(files["network.safetensors"])["deep.tables.0.weight"].shape == (62, 3)


def test_going_on_from_a_model(parse: Parse, shops: pa.Table) -> None:
    rows = shops.select(["price", "town", "gain"])
    clause = "TO TRAIN DNNRegressor WITH epoch=1 COLUMN EMBEDDING(town, 3) LABEL gain"
    first = train_model(statement=parse(f"{clause} INTO m"), training=rows)
    on = train_model(statement=parse(f"{clause} USING m INTO n"), training=rows, base=first)
    assert on.manifest.history["train-loss"][0] < 0.7 * first.manifest.history["train-loss"][0]
    with pytest.raises(TerminalError, match="a model of another shape"):
        train_model(
            statement=parse(f"{clause.replace('epoch=1', 'hidden_units=[3]')} USING m INTO n"),
            training=rows,
            base=first,
        )


def test_a_rare_class_may_count_more(parse: Parse) -> None:
    rng = np.random.default_rng(0)
    y = rng.random(400) < 0.1
    rows = pa.table({"x": rng.normal(size=400) + y, "y": y})
    found = {
        weight: trained(parse, f"LinearClassifier WITH epoch=20{weight} LABEL y", rows)
        .predict(rows)
        .to_pylist()
        .count(True)
        for weight in ("", ", train.class_weight=balanced", ", train.class_weight=[1, 3]")
    }
    few, balanced, some = found.values()
    assert few < some < balanced


def test_every_name_has_its_estimator(parse: Parse) -> None:
    for name in ESTIMATORS:
        statement = parse(f"TO TRAIN {name} {'' if 'Cluster' in name else 'LABEL class'} INTO m")
        check_attributes(statement)
