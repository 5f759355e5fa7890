"""A whole program on Kubernetes: the run is a Job, every statement is one."""

import json
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import dagster as dg
import pytest

from tests.dagster.home import Home
from tests.dagster.iris import EXAMPLES, load_iris_tables
from tests.kubernetes.cluster import Cluster
from tests.kubernetes.conftest import IMAGE, end_of, launched, on_kubernetes
from tests.kubernetes.objects import Object

PROGRAM = EXAMPLES / ("iris.sql" if find_spec("torch") else "no_torch/iris.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run that has ended.

    Attributes:
        text: Of the program.
        status: How.
        jobs: The Jobs of its steps, by the step's name without its program.
    """

    home: Home
    text: str
    status: dg.DagsterRunStatus
    jobs: dict[str, Object]

    def container(self, step: str) -> dict[str, Any]:
        (container,) = self.pod(step)["containers"]
        return dict(container)

    def pod(self, step: str) -> dict[str, Any]:
        return dict(self.jobs[step]["spec"]["template"]["spec"])


def with_resources(text: str) -> str:
    """The iris program with statements that ask for something."""
    text = text.replace(
        "CREATE TABLE iris.train",
        "-- sqlflow: resources.memory=2Gi, resources.cpu=500m\nCREATE TABLE iris.train",
    )
    return text.replace(
        'validation.select = "SELECT * FROM iris.test"',
        'validation.select = "SELECT * FROM iris.test",\n'
        '    resources.memory = "8Gi", resources.cpu = 4, resources.gpu = 1,\n'
        '    resources.image = "registry.example.com/gpu:1.0",\n'
        '    resources.node_selector = "accelerator=h200"',
    )


@pytest.fixture(scope="module")
def iris(tmp_path_factory: pytest.TempPathFactory, cluster: Cluster) -> Run:
    cluster.created.clear()
    text = with_resources(PROGRAM.read_text())
    home = on_kubernetes(tmp_path_factory.mktemp("iris") / "home", {"iris.sql": text}, cluster)
    load_iris_tables(home.engine)
    run_id = launched(home, "iris")
    # A run has the text it was launched with: its pods need no program files.
    (home.programs / "iris.sql").unlink()
    status = end_of(home, run_id)
    jobs = {key.split("__", 1)[1]: job for key, job in cluster.steps().items()}
    return Run(home=home, text=text, status=status, jobs=jobs)


def test_the_run_succeeds(iris: Run) -> None:
    assert iris.status is dg.DagsterRunStatus.SUCCESS


def test_every_statement_is_a_job(iris: Run) -> None:
    # A check of the predictions is a step of its own.
    (check,) = {name for name in iris.jobs if name.endswith("__rows")}
    networks = {"train_iris_dnn"} if "DNNClassifier" in iris.text else set()
    assert iris.jobs.keys() - {check} - networks == {
        "create_iris_train",
        "create_iris_test",
        "sqlflow_temporary_train_iris_xgb",
        "train_iris_xgb",
        "predict_iris_predict",
        "evaluate_iris_evaluation",
        "explain_iris_explanation",
    }
    assert networks <= iris.jobs.keys()


def test_the_tables_are_right(iris: Run) -> None:
    with iris.home.engine.session() as session:
        rows = {name: session.count(f"SELECT * FROM iris.{name}") for name in ("train", "predict")}
        (evaluation,) = session.read("SELECT * FROM iris.evaluation").read_all().to_pylist()
    assert rows == {"train": 120, "predict": 30}
    assert evaluation["accuracy_score"] >= 0.9


def test_a_comment_gives_a_statement_its_resources(iris: Run) -> None:
    container = iris.container("create_iris_train")
    assert container["resources"] == {
        "requests": {"cpu": "500m", "memory": "2Gi"},
        "limits": {"memory": "2Gi"},
    }
    assert container["image"] == IMAGE


def test_attributes_give_a_training_its_resources(iris: Run) -> None:
    container = iris.container("train_iris_xgb")
    assert container["resources"] == {
        "requests": {"cpu": "4", "memory": "8Gi"},
        "limits": {"memory": "8Gi", "nvidia.com/gpu": "1"},
    }
    assert container["image"] == "registry.example.com/gpu:1.0"
    assert iris.pod("train_iris_xgb")["nodeSelector"] == {"accelerator": "h200"}


def test_other_statements_ask_for_nothing(iris: Run) -> None:
    container = iris.container("predict_iris_predict")
    assert not container.get("resources")
    assert "nodeSelector" not in iris.pod("predict_iris_predict")


def test_no_job_tells_where_the_data_are(iris: Run) -> None:
    specs = [job["spec"]["template"]["spec"] for job in iris.jobs.values()]
    assert not [spec for spec in specs if iris.home.database.name in json.dumps(spec)]
