"""Pods that end before their time, and runs that are ended by a person."""

import signal
from pathlib import Path

import dagster as dg
import pytest

from tests.dagster.home import Home, steps, wait_for
from tests.kubernetes.cluster import Cluster
from tests.kubernetes.conftest import end_of, launched, on_kubernetes
from tests.kubernetes.kubelet import Container
from tests.kubernetes.objects import Object

PROGRAM = """
CREATE TABLE train AS SELECT i AS x, 2 * i AS y FROM range(100) AS t(i);

SELECT x, y FROM train
TO TRAIN xgboost.gbtree
WITH objective = "reg:squarederror", train.num_boost_round = {rounds}
LABEL y INTO m;
"""


def launch(root: Path, cluster: Cluster, program: str, *, rounds: int) -> tuple[Home, str]:
    """Launch a training of so many rounds; the home and the run's id."""
    texts = {f"{program}.sql": PROGRAM.format(rounds=rounds)}
    home = on_kubernetes(root / program, texts, cluster)
    return home, launched(home, program)


def training(cluster: Cluster, step: str) -> Container:
    """The container of a training, once it trains."""

    def started() -> Container | None:
        found = (cluster.kubelet.containers.get(name(pod)) for pod in pods_of(cluster, step))
        training = (
            item for item in found if item and any(" of " in line for _, line in item.lines)
        )
        return next(training, None)

    return wait_for(started, what="the start of the training")


def pods_of(cluster: Cluster, step: str) -> list[Object]:
    return cluster.objects.list("pods", labels=f"dagster/op={step}")


def name(item: Object) -> str:
    return str(item["metadata"]["name"])


@pytest.fixture(scope="module", autouse=True)
def bereft(tmp_path_factory: pytest.TempPathFactory, cluster: Cluster) -> tuple[Home, str]:
    """A run whose training was killed. Dagster looks after its pods every 20 seconds: others may run meanwhile."""
    directory = tmp_path_factory.mktemp("bereft")
    home, run_id = launch(directory, cluster, "bereft", rounds=4_000)
    training(cluster, "bereft__train_m").kill(signal.SIGKILL)
    return home, run_id


def test_stopping_a_run_stops_its_pods(tmp_path: Path, cluster: Cluster) -> None:
    home, run_id = launch(tmp_path, cluster, "stopped", rounds=100_000_000)
    container = training(cluster, "stopped__train_m")
    with home.instance() as instance:
        assert instance.run_launcher.terminate(run_id)
    assert end_of(home, run_id) is dg.DagsterRunStatus.CANCELED
    container.process.wait(60)
    step = name(cluster.steps()["stopped__train_m"])
    assert ("jobs", f"dagster-run-{run_id}") in cluster.deleted
    assert ("jobs", step) in cluster.deleted


def test_a_pod_that_dies_is_replaced(bereft: tuple[Home, str], cluster: Cluster) -> None:
    home, run_id = bereft
    assert end_of(home, run_id) is dg.DagsterRunStatus.SUCCESS
    retries = steps(home.events(), dg.DagsterEventType.STEP_UP_FOR_RETRY)
    assert set(retries) == {"train_m"}
    first, second = pods_of(cluster, "bereft__train_m")
    assert first["status"]["phase"] == "Failed"
    assert second["status"]["phase"] in {"Running", "Succeeded"}
