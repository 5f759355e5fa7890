"""Every estimator of scikit-learn trains, is stored, and answers the same in another process; or is refused."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from textwrap import dedent

import numpy as np
import pyarrow as pa
import pytest
from sklearn.utils import all_estimators

from sqlflow_dagster.errors import TerminalError
from sqlflow_dagster.lang.expressions import Name
from sqlflow_dagster.lang.statements import TrainStatement
from sqlflow_dagster.ml.base import trainers
from sqlflow_dagster.ml.tasks import Task
from sqlflow_dagster.ml.trainers.sklearn_estimators import REFUSED
from sqlflow_dagster.ml.trainers.sklearn_names import MODULE_OF
from sqlflow_dagster.ml.training.preparation import check_attributes
from sqlflow_dagster.ml.training.train import train_model
from tests.ml.conftest import Parse

MOST_REFUSED = 0.15
# Parameters that a library's default leaves out, or that make it fit the tiny table faster.
ATTRIBUTES: dict[str, str] = {
    "BaggingClassifier": "n_estimators=3",
    "BaggingRegressor": "n_estimators=3",
    "CalibratedClassifierCV": "cv=2, ensemble=false",
    "CCA": "n_components=1",
    "ClassifierChain": 'estimator="LogisticRegression"',
    "DictionaryLearning": "n_components=2, max_iter=5",
    "FastICA": "n_components=2",
    "FixedThresholdClassifier": 'estimator="LogisticRegression"',
    "GaussianRandomProjection": "n_components=2",
    "KBinsDiscretizer": "n_bins=3",
    "KNeighborsTransformer": "n_neighbors=3",
    "LatentDirichletAllocation": "n_components=2",
    "LogisticRegressionCV": "Cs=2, cv=2",
    "MLPClassifier": "hidden_layer_sizes=[5]",
    "MLPRegressor": "hidden_layer_sizes=[5]",
    "MultiOutputClassifier": 'estimator="DecisionTreeClassifier"',
    "MultiOutputRegressor": 'estimator="Ridge"',
    "OneVsOneClassifier": 'estimator="LinearSVC"',
    "OneVsRestClassifier": 'estimator="LogisticRegression"',
    "OutputCodeClassifier": 'estimator="LogisticRegression"',
    "PLSCanonical": "n_components=1",
    "PLSSVD": "n_components=1",
    "QuadraticDiscriminantAnalysis": "reg_param=0.1",
    "QuantileTransformer": "n_quantiles=10",
    "RFE": 'estimator="LogisticRegression"',
    "RFECV": 'estimator="LogisticRegression", cv=2',
    "RadiusNeighborsClassifier": "radius=9.0",
    "RadiusNeighborsRegressor": "radius=9.0",
    "RadiusNeighborsTransformer": "radius=9.0",
    "RegressorChain": 'estimator="Ridge"',
    "SelectFromModel": 'estimator="LogisticRegression"',
    "SelectKBest": "k=2",
    "SelfTrainingClassifier": 'estimator="LogisticRegression"',
    "SequentialFeatureSelector": 'estimator="LogisticRegression", cv=2',
    "SparseRandomProjection": "n_components=2",
    "StackingClassifier": "estimators=[LogisticRegression, GaussianNB], cv=2",
    "StackingRegressor": "estimators=[Ridge, LinearRegression], cv=2",
    "TargetEncoder": "cv=2",
    "TunedThresholdClassifierCV": 'estimator="LogisticRegression", cv=2',
    "VotingClassifier": "estimators=[LogisticRegression, GaussianNB]",
    "VotingRegressor": "estimators=[Ridge, LinearRegression]",
}
FASTER = ("AdaBoost", "ExtraTrees", "GradientBoosting", "RandomForest", "RandomTrees", "Isolation")
LABELS = {
    "ClassifierChain": "some",
    "FixedThresholdClassifier": "two",
    "MultiOutputClassifier": "some",
    "MultiOutputRegressor": "vector",
    "MultiTask": "vector",
    "RegressorChain": "vector",
    "TunedThresholdClassifierCV": "two",
}
"""What estimators learn from that want a label of a certain kind; by the start of their names."""
COLUMNS = {
    "CategoricalNB": ["color", "kind"],
    "GraphicalLassoCV": ["x", "y"],
    "IsotonicRegression": ["x"],
}


def statement_of(name: str, parse: Parse) -> TrainStatement:
    """A statement that trains an estimator on the rows of this test."""
    given = "n_estimators=5" if name.startswith(FASTER) else ATTRIBUTES.get(name, "")
    if name.startswith("Hist"):
        given = "max_iter=5"
    statement = parse(f"TO TRAIN {name} {given and f'WITH {given}'} INTO m")
    label = next((item for start, item in LABELS.items() if name.startswith(start)), None)
    if label is None:
        plan = trainers.get(name).plan(name, statement.attributes, "int64")
        label = {Task.REGRESSION: "amount", Task.CLASSIFICATION: "three"}.get(plan.task)
        label = "three" if plan.label_task is not None else label
    return replace(statement, label=None if label is None else Name(name=label))


@pytest.fixture(scope="module")
def rows() -> pa.Table:
    rng = np.random.default_rng(0)
    size = 60
    x, y = rng.random(size), rng.normal(size=size)
    color = rng.choice(["red", "green"], size)
    amount = 2 * x + y + (color == "red") + 5
    classes = np.digitize(amount, [5.5, 7.0])
    return pa.table(
        {
            "x": x,
            "y": pa.array(y, mask=rng.random(size) < 0.1),
            "color": color.astype(object),
            "kind": rng.choice(["a", "b", "c"], size).astype(object),
            "amount": amount,
            "two": np.where(amount > 6, "high", "low").astype(object),
            "three": classes,
            "some": [["p"] if c == 0 else ["p", "q"] if c == 1 else ["r"] for c in classes],
            "vector": [[float(a), float(-a)] for a in amount],
        }
    )


FEATURES = ["x", "y", "color", "kind"]
GROUPS = 4


def in_group(number: int) -> list[str]:
    return sorted(set(MODULE_OF) - set(REFUSED))[number::GROUPS]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("number", range(GROUPS))
def test_a_new_process_answers_the_same(
    number: int, parse: Parse, rows: pa.Table, tmp_path: Path
) -> None:
    """Each estimator of a group; one process loads all their models."""
    answers = {}
    for name in in_group(number):
        statement = statement_of(name, parse)
        label = [statement.label.name] if isinstance(statement.label, Name) else []
        table = rows.select(COLUMNS.get(name, FEATURES) + label)
        model = train_model(statement=statement, training=table)
        assert not any(data.startswith(b"\x80") for data in model.trained.files().values())
        (tmp_path / f"{name}.zip").write_bytes(model.to_bundle())
        answers[name] = model.predict(rows).to_pylist()
    with pa.ipc.new_file(str(tmp_path / "rows.arrow"), rows.schema) as writer:
        writer.write_table(rows)
    script = dedent(
        """
        import json, sys
        from pathlib import Path
        import pyarrow as pa
        from sqlflow_dagster.ml.models.model import Model
        folder = Path(sys.argv[1])
        with pa.OSFile(str(folder / "rows.arrow")) as source:
            rows = pa.ipc.open_file(source).read_all()
        found = {
            path.stem: Model.from_bundle(path.read_bytes()).predict(rows).to_pylist()
            for path in folder.glob("*.zip")
        }
        print(json.dumps(found))
        """
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == answers


def test_the_list_of_names_is_that_of_the_library() -> None:
    there = {name: class_.__module__ for name, class_ in all_estimators()}
    assert set(MODULE_OF) == set(there)
    assert all(there[name].startswith(module) for name, module in MODULE_OF.items())


def test_few_are_refused_and_each_has_its_reason(parse: Parse) -> None:
    assert set(REFUSED) <= set(MODULE_OF)
    assert len(REFUSED) <= MOST_REFUSED * len(MODULE_OF)
    for name, reason in REFUSED.items():
        with pytest.raises(TerminalError, match=f"{name} cannot be trained .*{reason}"):
            check_attributes(parse(f"TO TRAIN {name} LABEL y INTO m"))
