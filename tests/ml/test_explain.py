"""What drives predictions."""

from collections.abc import Callable
from dataclasses import replace
from itertools import permutations
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from sklearn.tree import DecisionTreeRegressor

from sqlflow_dagster.errors import TerminalError
from sqlflow_dagster.lang.statements import TrainStatement
from sqlflow_dagster.ml.base import Method
from sqlflow_dagster.ml.explanation.base import (
    ExplainRequest,
    Explanation,
    Subject,
    find_explainer,
)
from sqlflow_dagster.ml.explanation.columns import ColumnContributions
from sqlflow_dagster.ml.explanation.contributions import row_explanation
from sqlflow_dagster.ml.explanation.plots import PlotSettings
from sqlflow_dagster.ml.explanation.sampling import sampled
from sqlflow_dagster.ml.explanation.splits import splits_table
from sqlflow_dagster.ml.features.encode import encode
from sqlflow_dagster.ml.models.model import Model
from sqlflow_dagster.ml.tasks import Task
from sqlflow_dagster.ml.trainers import sklearn_trees
from sqlflow_dagster.ml.trainers.sklearn_trees import tree_contributions
from sqlflow_dagster.ml.training.train import train_model

Parse: TypeAlias = Callable[[str], TrainStatement]
Tables: TypeAlias = tuple[pa.Table, pa.Table]
PNG = b"\x89PNG\r\n"
estimators = pytest.mark.parametrize(
    "estimator",
    [
        pytest.param("xgboost.gbtree", id="gbtree"),
        pytest.param("xgboost.dart", id="dart"),
        pytest.param("xgboost.gblinear", id="gblinear"),
        pytest.param("DNN", marks=pytest.mark.torch, id="torch"),
    ],
)


def train(
    parse: Parse, estimator: str, rows: pa.Table, label: str | None, *, classes: int = 0
) -> Model:
    if estimator == "DNN":
        estimator = "DNNClassifier" if classes else "DNNRegressor"
    elif classes:
        estimator += f" WITH num_class={classes}"
    clause = f"LABEL {label} INTO m" if label else "INTO m"
    return train_model(statement=parse(f"TO TRAIN {estimator} {clause}"), training=rows)


def totals(rows: pa.Table, names: list[str]) -> np.ndarray:
    columns = np.stack([rows.column(name).to_numpy() for name in [*names, "base_value"]])
    return np.asarray(columns.sum(axis=0))


def summary_of(found: Explanation) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = found.details["mean absolute contribution"]
    return rows


def features_of(found: Explanation) -> list[str]:
    """The columns, those that matter most first."""
    return [row["feature"] for row in summary_of(found)]


@estimators
def test_contributions_add_up_to_a_regression(
    estimator: str, parse: Parse, diabetes: Tables
) -> None:
    training, test = diabetes
    model = train(parse, estimator, training, "target")
    found = model.explain(test)
    names = training.column_names[:-1]
    assert found.rows.column_names == ["target", *names, "base_value"]
    predicted = model.predict(test).to_numpy()
    np.testing.assert_allclose(totals(found.rows, names), predicted, rtol=1e-3, atol=1e-2)


@estimators
def test_contributions_add_up_to_the_log_odds_of_two_classes(
    estimator: str, parse: Parse, people: pa.Table
) -> None:
    model = train(parse, estimator, people, "bought", classes=2)
    found = model.explain(people)
    names = people.column_names[:-1]
    assert found.rows.column_names == ["bought", *names, "base_value"]
    probabilities = model.probabilities(people)
    assert probabilities is not None
    expected = np.log(probabilities[:, 1] / probabilities[:, 0])
    np.testing.assert_allclose(totals(found.rows, names), expected, rtol=1e-3, atol=1e-3)
    assert set(features_of(found)[:2]) == {"color", "age"}


@estimators
def test_of_many_classes_each_is_explained(estimator: str, parse: Parse, iris: Tables) -> None:
    training, test = iris
    model = train(parse, estimator, training, "class", classes=3)
    found = model.explain(test)
    names = training.column_names[:-1]
    assert found.rows.column_names == [
        "class", "explained_class", "is_predicted", *names, "base_value",
    ]  # fmt: skip
    assert found.rows.column("explained_class").to_pylist() == [0, 1, 2] * 40
    chosen = found.rows.filter(found.rows.column("is_predicted"))
    assert chosen.column("explained_class").combine_chunks().equals(model.predict(test))
    scores = totals(found.rows, names).reshape(40, 3)
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    probabilities = powers / powers.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(probabilities, model.answers(test), atol=1e-4)
    best = features_of(found)[0]
    assert best.startswith("petal") or estimator == "DNN"


OTHERS = [
    pytest.param("KNeighborsClassifier", "class", id="probabilities of three classes"),
    pytest.param("SVC", "class", id="pairs of classes"),
    pytest.param("KNeighborsRegressor", "petal_width", id="amounts"),
    pytest.param("KMeans WITH n_clusters=3", "", id="clusters"),
    pytest.param("IsolationForest WITH n_estimators=10", "", id="outliers"),
]


@pytest.mark.parametrize(("estimator", "label"), OTHERS)
def test_what_no_library_explains_is_sampled_and_adds_up(
    estimator: str, label: str, parse: Parse, iris: Tables
) -> None:
    rows = iris[0].slice(0, 30)
    model = train_model(
        statement=parse(f"TO TRAIN {estimator} {f'LABEL {label}' if label else ''} INTO m"),
        training=rows,
    )
    found = model.explain(rows, ExplainRequest(keys=[]))
    assert found.details["explainer"] == Method.SAMPLING
    names = list(model.manifest.features.columns)
    answers = model.answers(rows)
    if model.manifest.task is Task.CLUSTERING:
        answers = answers[:, None] == np.arange(3)
    np.testing.assert_allclose(totals(found.rows, names), answers.reshape(-1), atol=1e-9)
    again = model.explain(rows, ExplainRequest(keys=[]))
    assert again.rows.equals(found.rows)


def test_sampled_contributions_are_shapley_values() -> None:
    """Of a product of two columns and a third, known exactly: each of the two gets a half."""
    rng = np.random.default_rng(0)
    rows, background = (pa.table(dict(zip("abc", rng.normal(size=(3, 8)), strict=True))),) * 2

    def predict(table: pa.Table) -> np.ndarray:
        a, b, c = (table.column(name).to_numpy() for name in "abc")
        return np.asarray(a * b + 2 * c)[:, None]

    values, _ = sampled(predict, rows, background, "abc", seed=0)
    a, b, c = (rows.column(name).to_numpy() for name in "abc")
    expected_a = [np.mean((x - a) * (y + b) / 2) for x, y in zip(a, b, strict=True)]
    np.testing.assert_allclose(values[:, 0, 0], expected_a, atol=1e-12)
    np.testing.assert_allclose(values[:, 0, 2], 2 * (c - c.mean()), atol=1e-12)


@pytest.mark.parametrize(
    ("estimator", "label"),
    [
        ("DecisionTreeClassifier", "class"),
        ("RandomForestClassifier WITH n_estimators=5", "large"),
        ("ExtraTreesRegressor WITH n_estimators=5", "petal_width"),
        ("GradientBoostingClassifier WITH n_estimators=5", "class"),
        ("GradientBoostingRegressor WITH n_estimators=5", "petal_width"),
        ("HistGradientBoostingClassifier WITH max_iter=5", "large"),
        ("HistGradientBoostingRegressor WITH max_iter=5", "petal_width"),
    ],
)
def test_trees_of_scikit_learn_have_exact_contributions(
    estimator: str, label: str, parse: Parse, iris: Tables
) -> None:
    rows = iris[0].append_column("large", pc.greater(iris[0].column("petal_width"), 1.0))
    rows = rows.select([*rows.column_names[:3], label])
    model = train_model(
        statement=parse(f"TO TRAIN {estimator} LABEL {label} INTO m"), training=rows
    )
    found = model.explain(rows)
    assert found.details["explainer"] == Method.TREES
    answers = model.answers(rows)
    if "GradientBoostingClassifier" in estimator:
        matrix = model.trained.inputs.matrix(encode(rows, model.manifest.features))  # type: ignore[attr-defined]
        answers = model.trained.estimator.decision_function(matrix)  # type: ignore[attr-defined]
    elif label == "large":
        answers = answers[:, 1]
    added = totals(found.rows, rows.column_names[:3])
    np.testing.assert_allclose(added, answers.reshape(-1), atol=1e-4)


def test_contributions_of_a_tree_are_shapley_values() -> None:
    """By their definition, with an unknown column taking both branches by their training rows."""
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(60, 3)).astype(np.float32)
    matrix[rng.random((60, 3)) < 0.1] = np.nan
    estimator = DecisionTreeRegressor(max_depth=6, random_state=0)
    estimator.fit(matrix, np.nan_to_num(matrix) @ [1.0, 2.0, 3.0] + np.isnan(matrix[:, 0]))
    tree = estimator.tree_

    def expected(known: set[int], row: np.ndarray, node: int = 0) -> float:
        children = (tree.children_left[node], tree.children_right[node])
        if children[0] < 0:
            return float(tree.value[node, 0, 0])
        slot = tree.feature[node]
        if slot not in known:
            counts = [tree.weighted_n_node_samples[child] for child in children]
            return float(np.average([expected(known, row, c) for c in children], weights=counts))
        left = row[slot] <= tree.threshold[node]
        if np.isnan(row[slot]):
            left = tree.missing_go_to_left[node]
        return expected(known, row, children[0 if left else 1])

    found = tree_contributions(estimator, matrix)
    assert found is not None
    for row, values, base in zip(
        matrix[:20], found.values[:20, 0], found.base_values, strict=False
    ):
        assert base[0] == pytest.approx(expected(set(), row))
        for slot in range(3):
            gains = []
            for order in permutations(range(3)):
                before = set(order[: order.index(slot)])
                gains.append(expected(before | {slot}, row) - expected(before, row))
            assert values[slot] == pytest.approx(np.mean(gains), abs=1e-5)


def test_what_takes_long_is_told_and_bounded(
    parse: Parse, diabetes: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    statement = parse("TO TRAIN RandomForestRegressor WITH n_estimators=3 LABEL target INTO m")
    model = train_model(statement=statement, training=diabetes[0])
    told: list[tuple[int, int, str]] = []
    request = ExplainRequest(progress=lambda *item: told.append(item))
    assert model.explain(diabetes[0], request).explained == 342
    assert told == [(342, 342, "rows")]
    monkeypatch.setattr(sklearn_trees, "_NUMBERS_IN_SECONDS", 200_000)
    told.clear()
    explained = model.explain(diabetes[0], request).explained
    assert explained is not None
    assert 5 < explained < 100
    assert len(told) >= 10
    assert told[-1] == (explained, explained, "rows")
    assert model.explain(diabetes[0], replace(request, limit=120)).explained == 120


class Sizes:
    """An explainer of somebody else: each column adds its own size."""

    reads_rows = True

    def explain(self, subject: Subject, request: ExplainRequest) -> Explanation:
        assert subject.rows is not None
        features = encode(subject.rows.slice(0, request.limit), subject.manifest.features)
        columns = ColumnContributions(
            columns=subject.manifest.features.columns,
            values=np.abs(features.matrix)[:, None, :],
            base_values=np.zeros((len(features), 1)),
            amounts=features.matrix,
        )
        answers = subject.trained.predict(features)
        return row_explanation(
            subject, request, columns, answers, explainer="Sizes", total="nothing"
        )


def test_an_explainer_of_ones_own_leaves_keys_tables_and_plots_to_the_package(
    parse: Parse, diabetes: Tables
) -> None:
    model = train(parse, "xgboost.gbtree", diabetes[0], "target")
    found = model.explain(diabetes[1], ExplainRequest(limit=7), Sizes())
    assert found.explained == found.rows.num_rows == 7
    assert found.rows.column_names == [
        "target",
        *model.manifest.features.columns,
        "base_value",
    ]
    assert found.details["explainer"] == "Sizes"
    assert found.png is not None
    assert found.png.startswith(PNG)
    assert features_of(found)


def test_columns_that_are_no_features_stay_beside_the_contributions(
    parse: Parse, people: pa.Table
) -> None:
    model = train(parse, "xgboost.gbtree", people, "bought")
    rows = people.append_column("ID", pa.array(range(200)))
    features = people.column_names[:-1]
    found = model.explain(rows).rows
    assert found.column_names == ["bought", "ID", *features, "base_value"]
    assert found.column("ID").to_pylist() == list(range(200))
    found = model.explain(rows, ExplainRequest(keys=["id", "age"])).rows
    contributions = ["color", "age_contribution", *features[2:], "base_value"]
    assert found.column_names == ["ID", "age", *contributions]
    assert found.column("age").equals(people.column("age"))
    with pytest.raises(TerminalError, match="'idd'"):
        model.explain(rows, ExplainRequest(keys=["idd"]))


def test_a_cross_is_shared_by_its_columns(parse: Parse) -> None:
    a, b = np.meshgrid([0, 1], [0, 1])
    rows = pa.table({"a": np.tile(a.reshape(-1), 20), "b": np.tile(b.reshape(-1), 20)})
    rows = rows.append_column("y", pa.array(pc.bit_wise_xor(rows["a"], rows["b"]).cast("double")))
    statement = parse(
        "TO TRAIN Ridge WITH train.columns=listed "
        "COLUMN CROSS([CATEGORY_ID(a, 2), CATEGORY_ID(b, 2)], 50) LABEL y INTO m"
    )
    model = train_model(statement=statement, training=rows)
    found = model.explain(rows)
    assert found.rows.column_names == ["y", "a", "b", "base_value"]
    assert found.rows["a"].equals(found.rows["b"])
    added = totals(found.rows, ["a", "b"])
    np.testing.assert_allclose(added, model.predict(rows).to_numpy(), atol=1e-5)


@pytest.mark.parametrize(
    ("estimator", "explainer", "message"),
    [
        ("xgboost.gbtree", "LinearExplainer", "LinearExplainer does not know models of xgboost"),
        ("xgboost.gblinear", "TreeExplainer", "TreeExplainer does not know"),
    ],
)
def test_an_explainer_of_other_models_is_refused(
    estimator: str, explainer: str, message: str, parse: Parse, people: pa.Table
) -> None:
    model = train(parse, estimator, people, "bought")
    with pytest.raises(TerminalError, match=message):
        model.explain(people, explainer=find_explainer(explainer))


def test_a_model_without_splits_has_no_gains(parse: Parse, people: pa.Table) -> None:
    model = train(parse, "xgboost.gblinear", people, "bought")
    with pytest.raises(TerminalError, match="has no splits"):
        splits_table(model.trained, model.manifest.features, "xgboost.gblinear")


def test_gains_of_splits_are_those_of_the_library(parse: Parse, people: pa.Table) -> None:
    model = train(parse, "xgboost.gbtree", people, "bought")
    found = splits_table(model.trained, model.manifest.features, "xgboost.gbtree")
    assert found.column_names == ["feature", "fscore", "gain", "cover"]
    gains = found.column("gain").to_pylist()
    assert gains == sorted(gains, reverse=True)
    place = model.manifest.features.columns.index("age")
    booster = model.trained.booster  # type: ignore[attr-defined]
    [row] = [row for row in found.to_pylist() if row["feature"] == "age"]
    for name, kind in (("fscore", "weight"), ("gain", "gain"), ("cover", "cover")):
        score = booster.get_score(importance_type=kind)[f"f{place}"]
        assert row[name] == pytest.approx(score, rel=1e-5)


def test_components_are_not_explained(parse: Parse, iris: Tables) -> None:
    rows = iris[0].drop(["class"])
    model = train_model(statement=parse("TO TRAIN PCA INTO m"), training=rows)
    with pytest.raises(TerminalError, match="decomposition predicts nothing"):
        model.explain(rows)


def test_the_summary_is_sorted_by_size(parse: Parse, diabetes: Tables) -> None:
    found = train(parse, "xgboost.gbtree", diabetes[0], "target").explain(diabetes[1])
    sizes = [row["mean_abs_contribution"] for row in summary_of(found)]
    assert sizes == sorted(sizes, reverse=True)
    name = features_of(found)[0]
    assert sizes[0] == pytest.approx(np.abs(found.rows.column(name).to_numpy()).mean())


@pytest.fixture(scope="module")
def model(parse: Parse, people: pa.Table) -> Model:
    return train(parse, "xgboost.gbtree", people, "bought")


@pytest.mark.parametrize("plot_type", ["bar", "dot", "beeswarm", "violin", "decision", "BAR"])
def test_plots_are_small_pictures(plot_type: str, model: Model, people: pa.Table) -> None:
    many = pa.concat_tables([people] * 20)
    for rows in (many, people.slice(0, 1)):
        plot = PlotSettings(plot_type=plot_type, max_display=3)
        png = model.explain(rows, ExplainRequest(plot=plot)).png
        assert png is not None
        assert png.startswith(PNG)
        assert 2_000 < len(png) < 100_000


def test_a_plot_of_many_columns_can_be_read(parse: Parse) -> None:
    values = np.random.default_rng(0).normal(size=(400, 21))
    rows = pa.table({f"x{index}": column for index, column in enumerate(values.T)})
    model = train(parse, "Ridge", rows, "x20")
    png = model.explain(rows, ExplainRequest(plot=PlotSettings(plot_type="dot"))).png
    assert png is not None
    assert len(png) < 100_000
    assert int.from_bytes(png[16:20], "big") >= 700  # the width in dots


@pytest.mark.parametrize("plot_type", ["bar", "dot", "violin", "decision"])
def test_names_are_shown_whatever_is_in_them(plot_type: str, parse: Parse) -> None:
    classes = ["_hidden", "$x_{$", "two\nlines"] * 20
    x = np.arange(60) % 3 + 0.1
    rows = pa.table({"a$b^$": x, "_c": -x, "nothing": pa.nulls(60, pa.float64()), "$y$": classes})
    model = train(parse, "xgboost.gbtree", rows, '"$y$"')
    assert model.explain(rows, ExplainRequest(plot=PlotSettings(plot_type=plot_type))).png


@pytest.mark.parametrize(
    ("plot_type", "max_display", "message"),
    [
        pytest.param("bars", 20, "unknown plot type 'bars'", id="plot type"),
        pytest.param("bar", 0, "one column or more, not 0", id="no column"),
    ],
)
def test_an_explanation_that_cannot_be_is_refused(
    plot_type: str, max_display: int, message: str, model: Model, people: pa.Table
) -> None:
    plot = PlotSettings(plot_type=plot_type, max_display=max_display)
    with pytest.raises(TerminalError, match=message):
        model.explain(people, ExplainRequest(plot=plot))


@pytest.mark.parametrize(
    ("clause", "label"),
    [
        pytest.param("xgboost.gbtree", "bought", id="trees"),
        pytest.param("xgboost.gbtree", "color", id="classes"),
        pytest.param("LogisticRegression", "bought", id="linear"),
        pytest.param("KNeighborsClassifier", "bought", id="sampled"),
        pytest.param("KMeans", None, id="clusters"),
    ],
)
def test_an_explanation_of_no_rows_has_the_columns_of_any(
    clause: str, label: str | None, parse: Parse, people: pa.Table
) -> None:
    rows = people.filter(people["color"].is_valid()) if label == "color" else people
    model = train(parse, clause, rows, label)
    keyed = people.append_column("id", pa.array(range(len(people))))
    found, usual = model.explain(keyed.slice(0, 0)), model.explain(keyed.slice(0, 3))
    assert (found.rows.num_rows, found.explained, found.png) == (0, 0, None)
    assert found.rows.schema == usual.rows.schema
    assert found.details["explainer"] == usual.details["explainer"]
    assert "mean absolute contribution" not in found.details


def test_a_column_named_as_a_result_keeps_its_name(parse: Parse) -> None:
    rows = pa.table({"base_value": [1.0, 2.0, 3.0], "y": [1.0, 2.0, 3.0]})
    model = train(parse, "xgboost.gbtree", rows, "y")
    assert model.explain(rows).rows.column_names == ["y", "base_value", "base_value_"]
