"""Clusters in what an autoencoder makes of rows."""

import numpy as np
import pyarrow as pa
import pytest
from sklearn.datasets import load_digits
from sklearn.metrics import normalized_mutual_info_score

from sqlflow_dagster.errors import TerminalError
from sqlflow_dagster.ml.models.model import Model
from sqlflow_dagster.ml.tasks import Task
from sqlflow_dagster.ml.training.train import train_model
from tests.ml.conftest import Parse

pytestmark = pytest.mark.torch
CLAUSE = """TO TRAIN DeepEmbeddingClusterModel WITH model.n_clusters=5, pretrain_dims=[32, 8],
model.pretrain_epochs=15, model.pretrain_batch_size=64, model.train_max_iters=60,
model.update_interval=20, model.kmeans_init=3 INTO m"""


@pytest.fixture(scope="module")
def digits() -> tuple[pa.Table, np.ndarray]:
    """Pictures of 0 to 4, 8 x 8 numbers each, and what they are."""
    data = load_digits(n_class=5)
    chosen = slice(0, 450)
    columns = {f"p{index}": data.data[chosen, index] for index in range(64)}
    return pa.table(columns), data.target[chosen]


def test_digits_are_told_apart(parse: Parse, digits: tuple[pa.Table, np.ndarray]) -> None:
    rows, truth = digits
    told: list[str] = []
    model = train_model(
        statement=parse(CLAUSE), training=rows, progress=lambda done, total, note: told.append(note)
    )
    assert model.manifest.task is Task.CLUSTERING
    found = model.predict(rows)
    assert found.type == pa.int64()
    # Of clusters drawn by lot it is about 0.02.
    assert normalized_mutual_info_score(truth, found.to_numpy()) > 0.5
    assert told[0].startswith("reconstruction-loss")
    assert told[-1].startswith("cluster-loss")
    again = Model.from_bundle(model.to_bundle())
    assert again.predict(rows).equals(found)
    twin = train_model(statement=parse(CLAUSE), training=rows)
    assert twin.trained.files() == model.trained.files()


@pytest.mark.parametrize(
    ("clause", "message"),
    [
        (CLAUSE.replace("=5", "=500", 1), "looks for 500 clusters, but there are 450 rows"),
        (CLAUSE.replace("[32, 8]", "[]"), "model.pretrain_dims is empty"),
        (CLAUSE.replace("n_clusters", "clusters"), "has no attribute 'model.clusters'"),
        (CLAUSE.replace("INTO", "LABEL p1 INTO"), "learns without a label"),
    ],
)
def test_what_cannot_work_is_told(
    clause: str, message: str, parse: Parse, digits: tuple[pa.Table, np.ndarray]
) -> None:
    with pytest.raises(TerminalError, match=message):
        train_model(statement=parse(clause), training=digits[0])
