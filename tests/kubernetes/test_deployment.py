"""The instance of deploy/: it is what Dagster understands, and complete."""

from typing import Any

import pytest
import yaml
from dagster._config import process_config
from dagster._core.instance.config import dagster_instance_config_schema
from dagster._core.storage.config import pg_config
from dagster_k8s import K8sRunLauncher

from sqlflow_dagster.argo.render import DEFAULT_SETTINGS
from tests.kubernetes.conftest import DEPLOY


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The settings of the instance, with every variable set that they name."""
    found: dict[str, Any] = yaml.safe_load((DEPLOY / "dagster.yaml").read_text())
    for name in variables(found):
        monkeypatch.setenv(name, "x")
    return found


def variables(settings: object) -> set[str]:
    """The environment variables that settings name."""
    if not isinstance(settings, dict):
        return set()
    own = {settings["env"]} if settings.keys() == {"env"} else set()
    return own.union(*map(variables, settings.values()))


def test_dagster_knows_every_setting(settings: dict[str, Any]) -> None:
    result = process_config(dagster_instance_config_schema(), settings)
    assert result.success, result.errors


def test_the_launcher_knows_every_setting(settings: dict[str, Any]) -> None:
    known = K8sRunLauncher.config_type()  # type: ignore[no-untyped-call]
    result = process_config(known, settings["run_launcher"]["config"])
    assert result.success, result.errors


def test_the_log_is_a_server(settings: dict[str, Any]) -> None:
    assert process_config(pg_config(), settings["storage"]["postgres"]).success


def test_pods_get_every_variable_that_the_instance_reads(settings: dict[str, Any]) -> None:
    launcher = settings["run_launcher"]["config"]
    assert variables(settings) - set(launcher["env_vars"]) == {"DAGSTER_PG_PASSWORD"}
    assert launcher["env_secrets"] == ["sqlflow"]


def test_pods_get_the_settings_that_steps_on_argo_get(settings: dict[str, Any]) -> None:
    assert settings["run_launcher"]["config"]["env_config_maps"] == [DEFAULT_SETTINGS]
