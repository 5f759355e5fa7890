"""What every registered estimator must do: the suite runs once for each entry point."""

import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from textwrap import dedent

import numpy as np
import pyarrow as pa
import pytest
from _pytest.mark import ParameterSet

from sqlflow_dagster.errors import TerminalError
from sqlflow_dagster.lang.expressions import Name
from sqlflow_dagster.lang.statements import (
    Attribute,
    ModelReference,
    QualifiedName,
    Query,
    TrainStatement,
)
from sqlflow_dagster.ml.base import trainers
from sqlflow_dagster.ml.models.model import Model, check_inputs
from sqlflow_dagster.ml.search_attributes import attributes_of
from sqlflow_dagster.ml.tasks import Task
from sqlflow_dagster.ml.training.preparation import check_statement
from sqlflow_dagster.ml.training.train import train_model
from tests.conformance.conftest import ATTRIBUTES, FAMILIES

LABELS = ("number", "two", "three")
NO_LABEL = ("KMeans", "IsolationForest", "PCA")


def labels(estimator: str) -> tuple[str, ...]:
    """A regressor predicts no text, a classifier no fractions, and some learn without a label."""
    if estimator == "ScoreCard":
        return ("two",)
    if estimator in NO_LABEL:
        return ("",)
    if estimator.endswith(("Classifier", "LogisticRegression")):
        return ("two", "three")
    return ("number", "three") if estimator.endswith(("Regressor", "Ridge")) else LABELS


def estimators() -> list[str]:
    """Every registered name; of a family, those that stand for it."""
    return [
        name
        for registered in trainers.registered()
        for name in FAMILIES.get(registered, [registered])
    ]


def marks(estimator: str) -> list[pytest.MarkDecorator]:
    return [pytest.mark.torch] if estimator in FAMILIES["sqlflow_models.*"] else []


def parameters(estimators: Iterable[str]) -> list[ParameterSet]:
    return [pytest.param(name, marks=marks(name), id=name) for name in estimators]


def cases(*, supervised: bool) -> list[ParameterSet]:
    return [
        pytest.param((name, label), marks=marks(name), id=f"{name}-{label or 'alone'}")
        for name in estimators()
        for label in labels(name)
        if label or not supervised
    ]


@pytest.fixture(scope="module")
def rows() -> pa.Table:
    """Each kind of feature, some NULLs, and a label of each kind."""
    rng = np.random.default_rng(0)
    size = 120
    amount = rng.normal(size=size)
    color = rng.choice(["red", "green", "blue"], size)
    number = 3 * amount + 2 * (color == "red")
    return pa.table(
        {
            "Amount": pa.array(amount, mask=rng.random(size) < 0.1),
            "color": pa.array(color.astype(object), mask=rng.random(size) < 0.1),
            "flag": pa.array(rng.random(size) < 0.5),
            "day": pa.array(np.datetime64("2024-01-01") + rng.integers(0, 300, size)),
            "number": number,
            "two": np.where(number > 0, "high", "low"),
            "three": np.digitize(number, [-1.0, 1.5]) * 10,
        }
    )


@pytest.fixture(scope="module", params=parameters(estimators()))
def estimator(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module", params=cases(supervised=False))
def case(request: pytest.FixtureRequest) -> tuple[str, str]:
    """An estimator and a label that it can predict; an empty one where it learns without."""
    names: tuple[str, str] = request.param
    return names


def statement_of(estimator: str, label: str) -> TrainStatement:
    return TrainStatement(
        query=Query(sql="SELECT * FROM t"),
        estimator=estimator,
        attributes=attributes_of(ATTRIBUTES.get(estimator, {})),
        label=Name(name=label) if label else None,
        into=QualifiedName(parts=("m",)),
    )


def features_and(rows: pa.Table, label: str) -> pa.Table:
    return rows.select(["Amount", "color", "flag", "day", *filter(None, [label])])


@pytest.fixture(scope="module")
def train(rows: pa.Table) -> Callable[[str, str], Model]:
    known: dict[tuple[str, str], Model] = {}

    def train_once(estimator: str, label: str) -> Model:
        if (estimator, label) not in known:
            known[estimator, label] = train_model(
                statement=statement_of(estimator, label), training=features_and(rows, label)
            )
        return known[estimator, label]

    return train_once


@pytest.fixture(scope="module")
def model(train: Callable[[str, str], Model], case: tuple[str, str]) -> Model:
    return train(*case)


def answers(model: Model, rows: pa.Table) -> np.ndarray:
    probabilities = model.probabilities(rows)
    if probabilities is not None:
        return probabilities
    predicted = model.predict(rows)
    if pa.types.is_string(predicted.type):
        return np.array(
            [[float(item) for item in text.split(",")] for text in predicted.to_pylist()]
        )
    return np.asarray(predicted.to_numpy())


def test_a_statement_is_accepted_before_any_row_is_read(
    case: tuple[str, str], rows: pa.Table
) -> None:
    estimator, label = case
    table = features_and(rows, label)
    schema = list(zip(table.column_names, table.schema.types, strict=True))
    check_statement(statement_of(estimator, label), schema)


@pytest.mark.parametrize("case", cases(supervised=True), indirect=True)
def test_the_model_is_better_than_its_baseline(model: Model) -> None:
    [found] = model.manifest.metrics.values()
    assert found.values["loss"] < found.baseline["loss"]


def test_training_again_gives_the_same_model(
    model: Model, case: tuple[str, str], rows: pa.Table
) -> None:
    estimator, label = case
    again = train_model(
        statement=statement_of(estimator, label), training=features_and(rows, label)
    )
    assert again.trained.files() == model.trained.files()


def test_progress_counts_to_its_total(estimator: str, rows: pa.Table) -> None:
    told: list[tuple[int, int]] = []
    label = labels(estimator)[-1]
    model = train_model(
        statement=statement_of(estimator, label),
        training=features_and(rows, label),
        progress=lambda done, total, note: told.append((done, total)),
    )
    total = told[-1][1]
    if model.manifest.search is not None:
        # Of several trainings, each tells how many are done.
        assert told == sorted(told)
        assert {done for done, _ in told} == set(range(total))
        return
    assert told == [(done, total) for done in range(1, total + 1)]


def refusal(act: Callable[[], object]) -> str | None:
    """The message of what is refused; None where nothing is."""
    try:
        act()
    except TerminalError as error:
        return error.message
    return None


def test_training_goes_on_from_a_model_or_starts_afresh(
    train: Callable[[str, str], Model], estimator: str, rows: pa.Table
) -> None:
    label = labels(estimator)[-1]
    base, table = train(estimator, label), features_and(rows, label)
    statement = replace(
        statement_of(estimator, label),
        base_model=ModelReference(name=QualifiedName(parts=("old",))),
    )
    columns = list(zip(table.column_names, table.schema.types, strict=True))
    refused = refusal(lambda: check_statement(statement, columns))
    if refused is not None:
        assert "cannot go on from a model" in refused
        return
    more = train_model(statement=statement, training=table, base=base)
    assert more.trained.files() != base.trained.files()
    assert more.manifest.features == base.manifest.features
    again = Model.from_bundle(base.to_bundle())
    assert again.predict(rows).equals(base.predict(rows)), "the base is as it was"


def test_rows_have_weights_or_the_estimator_says_that_it_has_none(
    train: Callable[[str, str], Model], estimator: str, rows: pa.Table
) -> None:
    label = labels(estimator)[-1]
    table = features_and(rows, label)
    weights = np.where(np.arange(len(table)) % 3 == 0, 10.0, 0.1)
    statement = statement_of(estimator, label)
    weight = Attribute(name="train.weight_column", expression=Name(name="w"))
    statement = replace(statement, attributes=(*statement.attributes, weight))
    weighted = table.append_column("w", pa.array(weights))
    models: list[Model] = []
    refused = refusal(lambda: models.append(train_model(statement=statement, training=weighted)))
    if refused is not None:
        assert "weigh" in refused
        return
    [model] = models
    assert model.source_columns() == train(estimator, label).source_columns()
    assert model.trained.files() != train(estimator, label).trained.files()


def test_a_saved_model_answers_as_before(model: Model, rows: pa.Table) -> None:
    again = Model.from_bundle(model.to_bundle())
    assert again.manifest == model.manifest
    assert again.predict(rows).equals(model.predict(rows))


def test_order_case_and_other_columns_do_not_matter(model: Model, rows: pa.Table) -> None:
    other = rows.select(rows.column_names[::-1]).append_column("id", pa.array(range(len(rows))))
    other = other.rename_columns([name.upper() for name in other.column_names])
    check_inputs(
        model.source_columns(), list(zip(other.column_names, other.schema.types, strict=True))
    )
    assert model.predict(other).equals(model.predict(rows))


@pytest.mark.parametrize("size", [1, 7, 50])
def test_predicting_in_batches_equals_predicting_at_once(
    size: int, model: Model, rows: pa.Table
) -> None:
    batches = [answers(model, rows.slice(start, size)) for start in range(0, len(rows), size)]
    at_once = answers(model, rows)
    scale = np.abs(at_once).max()
    np.testing.assert_allclose(np.concatenate(batches) / scale, at_once / scale, atol=1e-6)


def test_no_row_gives_no_prediction(model: Model, rows: pa.Table) -> None:
    predicted = model.predict(rows.slice(0, 0))
    assert len(predicted) == 0
    assert predicted.type == model.predict(rows).type


def test_unknown_categories_and_nulls_are_predicted(model: Model) -> None:
    odd = pa.table(
        {
            "Amount": pa.array([None, 1.0]),
            "color": ["violet", None],
            "flag": pa.array([None, None], pa.bool_()),
            "day": pa.array([None, None], pa.date32()),
        }
    )
    assert np.isfinite(answers(model, odd)).all()


def test_contributions_add_up_to_the_same_for_every_row_order(model: Model, rows: pa.Table) -> None:
    if model.manifest.task is Task.DECOMPOSITION:
        with pytest.raises(TerminalError, match="predicts nothing"):
            model.explain(rows)
        return
    rows = rows.slice(0, 20).select(["Amount", "color", "flag", "day"])
    found = model.explain(rows)
    backwards = model.explain(rows.take(pa.array(range(len(rows)))[::-1]))
    names = ["Amount", "color", "flag", "day", "base_value"]
    assert found.rows.column_names[-5:] == names
    shape = (len(rows), -1)
    for name in names:
        np.testing.assert_allclose(
            found.rows.column(name).to_numpy().reshape(shape),
            backwards.rows.column(name).to_numpy().reshape(shape)[::-1],
            rtol=1e-3,
            atol=1e-4,
        )


def test_no_file_of_a_model_is_a_pickle(model: Model) -> None:
    files = model.trained.files()
    assert files
    assert not any(data.startswith(b"\x80") for data in files.values())


@pytest.mark.parametrize("estimator", parameters(["xgboost.gbtree", "DNNClassifier"]))
def test_a_new_process_answers_the_same(
    train: Callable[[str, str], Model], estimator: str, rows: pa.Table, tmp_path: Path
) -> None:
    model = train(estimator, "three")
    (tmp_path / "model.zip").write_bytes(model.to_bundle())
    with pa.ipc.new_file(str(tmp_path / "rows.arrow"), rows.schema) as writer:
        writer.write_table(rows)
    script = dedent(
        """
        import sys
        from pathlib import Path
        import pyarrow as pa
        from sqlflow_dagster.ml.models.model import Model
        model = Model.from_bundle(Path(sys.argv[1], "model.zip").read_bytes())
        with pa.OSFile(str(Path(sys.argv[1], "rows.arrow"))) as source:
            print(model.predict(pa.ipc.open_file(source).read_all()).to_pylist())
        """
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    assert done.stdout.strip() == str(model.predict(rows).to_pylist())
