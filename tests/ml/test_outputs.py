"""What TO PREDICT writes beside the prediction."""

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pytest

from sqlflow_dagster.errors import TerminalError
from sqlflow_dagster.lang.expressions import Value
from sqlflow_dagster.lang.statements import TrainStatement
from sqlflow_dagster.ml.features.encode import encode
from sqlflow_dagster.ml.models.model import Model
from sqlflow_dagster.ml.models.outputs import extra_names, outputs
from sqlflow_dagster.ml.training.train import train_model

Parse = Callable[[str], TrainStatement]
ALL = ("probabilities", "score", "decision")


@pytest.fixture(scope="module")
def rows() -> pa.Table:
    rng = np.random.default_rng(0)
    x = rng.normal(size=80)
    return pa.table(
        {
            "x": x,
            "two": x > 0,
            "three": np.array(["a", "A", "b"])[np.digitize(x, [-0.5, 0.5])],
            "sets": [["p"] if value > 0 else ["p", "q"] for value in x],
        }
    )


@pytest.fixture(scope="module")
def train(rows: pa.Table, parse: Parse) -> Callable[[str, str | None], Model]:
    def train_one(estimator: str, label: str | None) -> Model:
        clause = f"LABEL {label}" if label else ""
        statement = parse(f"TO TRAIN {estimator} {clause} INTO m")
        return train_model(statement=statement, training=rows.select(["x", *filter(None, [label])]))

    return train_one


def test_two_classes(train: Callable[..., Model], rows: pa.Table) -> None:
    model = train("xgboost.gbtree", "two")
    found = outputs(model, "guess", ALL, taken=["x"])
    assert found.names == (
        "guess",
        "guess_probability_false",
        "guess_probability_true",
        "guess_score",
        "guess_decision",
    )
    guess, no, yes, score, decision = (
        item.to_numpy(zero_copy_only=False) for item in found.of(rows)
    )
    np.testing.assert_array_equal(guess, yes > no)
    np.testing.assert_allclose(no + yes, 1)
    np.testing.assert_allclose(score, np.maximum(no, yes))
    margins = model.trained.contributions(encode(rows, model.manifest.features))
    assert margins is not None
    raw = margins.values.sum(axis=2)[:, 0] + margins.base_values[:, 0]
    np.testing.assert_allclose(decision, raw, rtol=1e-4)


def test_names_that_differ_in_case_only_are_numbered(
    train: Callable[..., Model], rows: pa.Table
) -> None:
    model = train("xgboost.gbtree", "three")
    found = outputs(model, "y", ["probabilities"], taken=["Y_PROBABILITY_B", "y_probability_b_2"])
    assert found.names == ("y", "y_probability_A", "y_probability_a_2", "y_probability_b_3")
    total = sum(item.to_numpy() for item in found.of(rows)[1:])
    np.testing.assert_allclose(total, 1)


def test_several_classes_a_row(train: Callable[..., Model], rows: pa.Table) -> None:
    found = outputs(train("XGBClassifier", "sets"), "y", ["probabilities", "decision"], taken=[])
    assert found.names[1:] == (
        "y_probability_p",
        "y_probability_q",
        "y_decision_p",
        "y_decision_q",
    )
    _, _, probability, _, decision = (item for item in found.of(rows))
    np.testing.assert_array_equal(probability.to_numpy() > 0.5, decision.to_numpy() > 0)


def test_the_score_of_an_outlier(train: Callable[..., Model], rows: pa.Table) -> None:
    found = outputs(train("IsolationForest", None), "odd", ["score"], taken=[])
    assert found.names == ("odd", "odd_score")
    odd, score = found.of(rows)
    np.testing.assert_array_equal(odd.to_numpy() == -1, score.to_numpy() < 0)


def test_no_rows_have_all_columns(train: Callable[..., Model], rows: pa.Table) -> None:
    found = outputs(train("xgboost.gbtree", "three"), "y", ALL, taken=[])
    none, some = found.of(rows.slice(0, 0)), found.of(rows)
    assert [len(item) for item in none] == [0] * 8
    assert [item.type for item in none] == [item.type for item in some]


def test_a_model_without_such_an_output_says_so(train: Callable[..., Model]) -> None:
    with pytest.raises(TerminalError, match="a model that does clustering has no score"):
        outputs(train("KMeans", None), "y", ["score"], taken=[])


@pytest.mark.parametrize(
    ("value", "names"),
    [
        pytest.param("probabilities, Score", ("probabilities", "score"), id="text"),
        pytest.param(("decision", "decision"), ("decision",), id="list"),
        pytest.param("", (), id="nothing"),
    ],
)
def test_names_are_read_from_text_and_lists(value: Value, names: tuple[str, ...]) -> None:
    assert extra_names(value) == names


def test_an_unknown_output_has_a_near_one() -> None:
    with pytest.raises(TerminalError, match="no extra output 'probabilites'") as caught:
        extra_names("probabilites")
    assert "probabilities" in str(caught.value.hint)
