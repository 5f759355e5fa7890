"""scikit-learn behind TO TRAIN: names, parameters, tasks, weights, storage."""

import io
import json
import re
from collections.abc import Callable
from zipfile import ZIP_DEFLATED, ZipFile

import numpy as np
import pyarrow as pa
import pytest
import sklearn.preprocessing
import skops.io
from sklearn.datasets import load_wine
from sklearn.neighbors import KNeighborsClassifier

from sqlflow_dagster.errors import TerminalError
from sqlflow_dagster.lang.statements import TrainStatement
from sqlflow_dagster.ml.base import trainers
from sqlflow_dagster.ml.models.model import Model
from sqlflow_dagster.ml.trainers import sklearn_storage
from sqlflow_dagster.ml.training.preparation import check_attributes
from sqlflow_dagster.ml.training.train import train_model

Parse = Callable[[str], TrainStatement]
Tables = tuple[pa.Table, pa.Table]


def trained(parse: Parse, clause: str, rows: pa.Table, base: Model | None = None) -> Model:
    return train_model(statement=parse(f"TO TRAIN {clause} INTO m"), training=rows, base=base)


def metric(model: Model, rows: pa.Table, name: str) -> float:
    return model.evaluate(rows, metrics=[name]).values[name]


@pytest.fixture(scope="module")
def wine() -> Tables:
    data = load_wine()
    order = np.random.default_rng(0).permutation(len(data.target))
    columns = {name: data.data[order, i] for i, name in enumerate(data.feature_names)}
    table = pa.table({**columns, "cultivar": data.target[order]})
    return table.slice(0, 120), table.slice(120)


@pytest.mark.parametrize(
    "name",
    [
        "RandomForestClassifier",
        "randomforestclassifier",
        "sklearn.RandomForestClassifier",
        "sklearn.ensemble.RandomForestClassifier",
    ],
)
def test_an_estimator_by_its_names(name: str, parse: Parse) -> None:
    assert name in trainers
    check_attributes(parse(f"TO TRAIN {name} LABEL y INTO m"))


@pytest.mark.parametrize(
    ("clause", "message"),
    [
        (
            "sklearn.svm.Ridge LABEL y",
            r"no sklearn\.svm\.Ridge; write sklearn\.linear_model\.Ridge",
        ),
        ("Ridge WITH alhpa=1 LABEL y", r"no attribute 'alhpa'; did you mean 'alpha'"),
        ("Ridge WITH alpha=-1.0 LABEL y", r"'alpha' parameter of Ridge must be a float in.*Got -1"),
        ("Ridge WITH alpha=1, model.alpha=2 LABEL y", "alpha is given twice"),
        ("RFE LABEL y", r'RFE wants the parameter estimator; write model\.estimator="Logistic'),
        ('RFE WITH estimator="Rigde" LABEL y', "scikit-learn has no estimator 'Rigde'"),
        ('RFE WITH estimator="os.system" LABEL y', "scikit-learn has no estimator 'system'"),
        ("AdaBoostClassifier WITH estimator__depth=1 LABEL y", "parameter of estimator, which is"),
        ("SelectKBest WITH score_func=eval LABEL y", "score_func has no choice 'eval'.*f_classif"),
        ("KMeans LABEL y", "learns without a label"),
        ("Ridge", "learns from a label"),
        ("DBSCAN WITH eps=abc", "'eps' parameter of DBSCAN must be a float"),
        ("Birch", "cannot be trained by a statement: its tree has no format but pickle"),
    ],
)
def test_what_is_wrong_is_told(clause: str, message: str, parse: Parse) -> None:
    rows = pa.table({"x": [1.0, 2.0, 3.0], "y": [1.0, 2.0, 4.0]})
    with pytest.raises(TerminalError) as caught:
        trained(parse, clause, rows)
    error = caught.value
    assert re.search(message, f"{error.message}; {error.hint}")
    assert error.span is not None
    assert error.span.text in clause


@pytest.mark.parametrize(
    ("clause", "least"),
    [
        ("LogisticRegression", 0.95),
        ("RandomForestClassifier WITH n_estimators=20", 0.95),
        ("HistGradientBoostingClassifier WITH max_iter=20", 0.93),
        ("SVC", 0.97),
        ("KNeighborsClassifier", 0.88),
        ("GaussianNB", 0.92),
        ("LinearDiscriminantAnalysis", 0.93),
        ("RidgeClassifier", 0.95),
        ("NearestCentroid", 0.93),
        ("MultinomialNB", 0.86),
        ('BaggingClassifier WITH estimator="DecisionTreeClassifier", estimator__max_depth=3', 0.90),
        ("VotingClassifier WITH estimators=[LogisticRegression, GaussianNB]", 0.93),
    ],
)
def test_classifiers_know_wine(clause: str, least: float, parse: Parse, wine: Tables) -> None:
    model = trained(parse, f"{clause} LABEL cultivar", wine[0])
    assert metric(model, wine[1], "accuracy_score") >= least
    probabilities = model.probabilities(wine[1])
    assert probabilities is not None
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0)


@pytest.mark.parametrize(
    "clause",
    ["LinearRegression", "Ridge", "RandomForestRegressor WITH n_estimators=20", "SVR WITH C=50"],
)
def test_regressors_are_better_than_the_mean(clause: str, parse: Parse, diabetes: Tables) -> None:
    model = trained(parse, f"{clause} LABEL target", diabetes[0])
    assert metric(model, diabetes[1], "r2_score") > 0.3


def test_clusters_are_the_species(parse: Parse, iris: Tables) -> None:
    rows = iris[0].drop_columns(["class"])
    for clause in ("KMeans WITH n_clusters=3", "GaussianMixture WITH n_components=3"):
        found = trained(parse, clause, rows).predict(iris[1]).to_numpy()
        species = iris[1].column("class").to_numpy()
        most = [np.bincount(species[found == item]).max() for item in np.unique(found)]
        assert sum(most) >= 0.8 * len(species)


def test_dbscan_puts_its_own_rows_where_it_had_them(parse: Parse, iris: Tables) -> None:
    rows = iris[0].drop_columns(["class"])
    model = trained(parse, "DBSCAN WITH eps=0.6", rows)
    labels = model.trained.estimator.labels_  # type: ignore[attr-defined]
    found = model.predict(rows).to_numpy()
    core = model.trained.estimator.core_sample_indices_  # type: ignore[attr-defined]
    assert (found[core] == labels[core]).all()
    assert (found[labels == -1] == -1).all()
    far = pa.table({name: [1e6] for name in rows.column_names})
    assert model.predict(far).to_pylist() == [-1]


@pytest.mark.parametrize(
    "clause",
    [
        "IsolationForest WITH n_estimators=20",
        "OneClassSVM WITH nu=0.1",
        "LocalOutlierFactor",
        "EllipticEnvelope",
    ],
)
def test_outliers_are_found(clause: str, parse: Parse) -> None:
    rng = np.random.default_rng(0)
    rows = pa.table({"x": rng.normal(size=100), "y": rng.normal(size=100)})
    model = trained(parse, clause, rows)
    odd = pa.table({"x": [0.0, 9.0], "y": [0.1, -9.0]})
    assert model.predict(odd).to_pylist() == [1, -1]
    assert model.manifest.label.name == "outlier"


def test_components_are_a_list_of_numbers(parse: Parse, iris: Tables) -> None:
    model = trained(parse, "PCA WITH n_components=2", iris[0].drop_columns(["class"]))
    first = model.predict(iris[1])[0].as_py()
    assert len([float(item) for item in first.split(",")]) == 2


def test_a_transformer_may_learn_from_a_label(parse: Parse, iris: Tables) -> None:
    model = trained(parse, "SelectKBest WITH k=2 LABEL class", iris[0])
    assert model.manifest.label.column is None
    without = iris[1].drop_columns(["class"])
    assert len(model.predict(without)[0].as_py().split(",")) == 2


@pytest.mark.parametrize(
    "clause",
    [
        "RandomForestClassifier WITH n_estimators=10",
        "KNeighborsClassifier",
        "MLPClassifier WITH hidden_layer_sizes=[20], max_iter=500",
        "RidgeClassifier",
        'OneVsRestClassifier WITH estimator="LogisticRegression"',
        'MultiOutputClassifier WITH estimator="LogisticRegression"',
    ],
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_several_classes_a_row(clause: str, parse: Parse) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=200), rng.normal(size=200)
    tags = [
        [name for name, there in (("a", a > 0), ("b", b > 0)) if there]
        for a, b in zip(x, y, strict=True)
    ]
    model = trained(parse, f"{clause} LABEL tags", pa.table({"x": x, "y": y, "tags": tags}))
    found = model.predict(pa.table({"x": [2.0, -2.0, 2.0], "y": [2.0, 2.0, -2.0]})).to_pylist()
    assert found == [["a", "b"], ["b"], ["a"]]


@pytest.mark.parametrize("clause", ["LinearRegression", "MultiTaskLasso WITH alpha=0.01"])
def test_amounts_that_are_vectors(clause: str, parse: Parse) -> None:
    x = np.linspace(0, 1, 50)
    pairs = [f"{a},{2 * a + 1}" for a in x]
    with_label = f'{clause}{" ," if "WITH" in clause else " WITH"} train.label_separator=","'
    model = trained(parse, f"{with_label} LABEL pair", pa.table({"x": x, "pair": pairs}))
    first, second = map(float, model.predict(pa.table({"x": [0.5]}))[0].as_py().split(","))
    assert (first, second) == pytest.approx((0.5, 2.0), abs=0.05)


def test_rows_that_weigh_nothing_do_not_count(parse: Parse) -> None:
    rows = pa.table({"x": [0.0, 1.0, 2.0, 3.0], "y": [0.0, 1.0, 2.0, 99.0], "w": [1, 1, 1, 0]})
    model = trained(parse, 'LinearRegression WITH train.weight_column="w" LABEL y', rows)
    assert model.predict(pa.table({"x": [10.0]})).to_pylist() == pytest.approx([10.0])


def test_going_on_from_a_model(parse: Parse, iris: Tables) -> None:
    clause = "SGDClassifier LABEL class"
    one = trained(parse, clause, iris[0])
    more = trained(parse, f"{clause} USING one", iris[0], base=one)
    assert more.trained.files() != one.trained.files()
    assert metric(more, iris[1], "accuracy_score") >= 0.8


def test_categories_are_split_as_such(parse: Parse, people: pa.Table) -> None:
    model = trained(parse, "HistGradientBoostingClassifier LABEL bought", people)
    assert model.trained.estimator.is_categorical_.sum() == 1  # type: ignore[attr-defined]
    assert metric(model, people, "accuracy_score") > 0.95


def test_linear_models_are_explained(parse: Parse, diabetes: Tables) -> None:
    model = trained(parse, "LinearRegression LABEL target", diabetes[0])
    rows = model.explain(diabetes[1]).rows
    total = sum(rows.column(name).to_numpy() for name in rows.column_names if name != "target")
    np.testing.assert_allclose(total, model.predict(diabetes[1]).to_numpy())


def test_what_the_library_warns_of_is_told(parse: Parse, iris: Tables) -> None:
    notes: list[str] = []
    train_model(
        statement=parse("TO TRAIN LogisticRegression WITH max_iter=1 LABEL class INTO m"),
        training=iris[0],
        progress=lambda done, total, note: notes.append(note),
    )
    assert "failed to converge" in notes[0]


def test_another_seed_is_another_model(parse: Parse, iris: Tables) -> None:
    files = [
        trained(parse, f"RandomForestClassifier WITH n_estimators=3{more} LABEL class", iris[0])
        for more in ("", ", seed=1", ", random_state=1")
    ]
    first, second, third = (item.trained.files() for item in files)
    assert first != second
    assert second == third


def hostile(kind: str) -> bytes:
    """A file that wants more than data, or is none."""
    fitted = KNeighborsClassifier(n_neighbors=1).fit([[0.0], [1.0]], [0, 1])
    good = sklearn_storage.to_bytes(fitted)
    if kind == "function":
        function = sklearn.preprocessing.FunctionTransformer(np.save)
        return bytes(skops.io.dumps(function))
    if kind == "code":
        return good.replace(b"_kd_tree", b"_kd_tr33").replace(
            b"KNeighborsClassifier", b"KNeighborsClassifieR"
        )
    if kind == "system":
        with ZipFile(io.BytesIO(good)) as file:
            members = {name: file.read(name) for name in file.namelist()}
        schema = json.loads(members["schema.json"])
        schema["__class__"], schema["__module__"] = "Popen", "subprocess"
        into = io.BytesIO()
        with ZipFile(into, "w") as file:
            for name, data in (members | {"schema.json": json.dumps(schema)}).items():
                file.writestr(name, data)
        return into.getvalue()
    if kind == "packed":
        into = io.BytesIO()
        with ZipFile(into, "w", ZIP_DEFLATED) as file:
            file.writestr("schema.json", "0" * 10_000)
        return into.getvalue()
    return good[: len(good) // 2]


@pytest.mark.parametrize("kind", ["function", "code", "system", "packed", "half"])
def test_a_hostile_file_is_refused(kind: str) -> None:
    with pytest.raises(TerminalError, match=r"no model of scikit-learn|not trusted"):
        sklearn_storage.from_bytes(hostile(kind))


def test_a_file_of_another_estimator_is_refused(parse: Parse, iris: Tables) -> None:
    files = trained(parse, "GaussianNB LABEL class", iris[0]).trained.files()
    other = trained(parse, "SVC LABEL class", iris[0]).trained.files()
    with pytest.raises(TerminalError, match="should be GaussianNB, but is SVC"):
        trainers.get("sklearn.GaussianNB").load(files | {"model.skops": other["model.skops"]})
