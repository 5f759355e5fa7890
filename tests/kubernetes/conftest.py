"""A cluster for each test module, and a Dagster instance that runs its steps there."""

import json
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
import yaml

from tests.dagster.home import Home, wait_for
from tests.kubernetes.cluster import Cluster, running_cluster

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
IMAGE = "registry.example.com/sqlflow:1.0"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster in which nothing has happened yet; at its end, every call must have been known and allowed."""
    with running_cluster(tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster
    assert cluster.unknown_calls == []
    assert cluster.used <= allowed()


def allowed() -> set[tuple[str, str]]:
    """The rights that our Role gives, as verb and resource."""
    documents = yaml.safe_load_all((DEPLOY / "rbac.yaml").read_text())
    (role,) = (item for item in documents if item["kind"] == "Role")
    return {
        (verb, kind)
        for rule in role["rules"]
        for kind in rule["resources"]
        for verb in rule["verbs"]
    }


def on_kubernetes(root: Path, programs: dict[str, str], cluster: Cluster) -> Home:
    """A home whose runs and steps are Jobs of a cluster."""
    home = Home.create(root, programs)
    environment = {
        "DAGSTER_STEP_DELEGATING_EXECUTOR_SLEEP_SECONDS": "0.2",
        "SQLFLOW_EXECUTOR": "k8s",
        "SQLFLOW_PROGRAMS": str(home.programs),
    }
    secret = f"sqlflow-{len(cluster.kubelet.secrets)}"
    cluster.kubelet.secrets[secret] = {"SQLFLOW_DATASOURCE": home.url}
    launcher = {
        "module": "dagster_k8s",
        "class": "K8sRunLauncher",
        "config": {
            "service_account_name": "dagster",
            "instance_config_map": "dagster-instance",
            "job_image": IMAGE,
            "dagster_home": str(home.directory),
            "load_incluster_config": False,
            "kubeconfig_file": str(cluster.kubeconfig),
            # The pods have no environment but this.
            "env_secrets": [secret],
            "env_vars": [f"{name}={value}" for name, value in environment.items()],
        },
    }
    coordinator = {"module": "dagster._core.run_coordinator", "class": "DefaultRunCoordinator"}
    with (home.directory / "dagster.yaml").open("a") as settings:
        # JSON is YAML.
        settings.write(f"run_launcher: {json.dumps(launcher)}\n")
        settings.write(f"run_coordinator: {json.dumps(coordinator)}\n")
    return home


def launched(home: Home, program: str) -> str:
    """Launch a program's job; the run's id."""
    done = home.run(
        *("dagster", "job", "launch", "-m", "sqlflow_dagster.definitions", "-j", program),
        SQLFLOW_EXECUTOR="k8s",
    )
    assert done.returncode == 0, done.stdout
    with home.instance() as instance:
        (run,) = instance.get_runs()
    return run.run_id


def end_of(home: Home, run_id: str) -> dg.DagsterRunStatus:
    """Wait for the end of a run; how it ended."""
    with home.instance() as instance:

        def ended() -> dg.DagsterRun | None:
            run = instance.get_run_by_id(run_id)
            return run if run is not None and run.is_finished else None

        return wait_for(ended, what="the end of the run").status
