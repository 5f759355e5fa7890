"""The files of deploy/: they are what Dagster and Kubernetes understand, and fit each other."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from dagster._config import process_config
from dagster._core.instance.config import dagster_instance_config_schema
from dagster._core.storage.config import pg_config
from dagster_k8s import K8sRunLauncher

from tests.kubernetes.cluster import Cluster

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"


@pytest.fixture(scope="module")
def settings() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DEPLOY / "dagster.yaml").read_text())
    return found


def test_dagster_knows_every_setting(settings: dict[str, Any]) -> None:
    result = process_config(dagster_instance_config_schema(), settings)
    assert result.errors == []


def test_the_launcher_knows_every_setting(
    settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SQLFLOW_IMAGE", "registry.example.com/sqlflow-dagster:0.1.0")
    monkeypatch.setenv("SQLFLOW_NAMESPACE", "sql")
    result = process_config(K8sRunLauncher.config_type(), settings["run_launcher"]["config"])
    assert result.errors == []


def test_the_log_is_a_server(settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    storage = settings["storage"]["postgres"]
    for name in ("HOST", "DB", "USERNAME", "PASSWORD"):
        monkeypatch.setenv(f"DAGSTER_PG_{name}", "x")
    assert process_config(pg_config(), storage).errors == []


def test_pods_get_every_variable_that_the_instance_reads(settings: dict[str, Any]) -> None:
    launcher = settings["run_launcher"]["config"]
    read = set(_variables(settings))
    assert read - set(launcher["env_vars"]) == {"DAGSTER_PG_PASSWORD"}
    assert launcher["env_secrets"] == ["sqlflow"]


def _variables(settings: object) -> list[str]:
    if not isinstance(settings, dict):
        return []
    own = [settings["env"]] if settings.keys() == {"env"} else []
    return own + [name for value in settings.values() for name in _variables(value)]


def test_the_service_account_may_do_what_dagster_does(cluster: Cluster) -> None:
    role = next(
        item
        for item in yaml.safe_load_all((DEPLOY / "rbac.yaml").read_text())
        if item["kind"] == "Role"
    )
    allowed = {
        (verb, kind)
        for rule in role["rules"]
        for kind in rule["resources"]
        for verb in rule["verbs"]
    }
    assert allowed >= {
        ("create", "jobs"),
        ("get", "jobs/status"),
        ("delete", "jobs"),
        ("list", "pods"),
        ("delete", "pods"),
        ("get", "pods/log"),
        ("list", "events"),
    }
