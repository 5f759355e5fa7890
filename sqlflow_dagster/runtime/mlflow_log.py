"""Telling an MLflow server about a model that was trained.

mlflow is imported by another process (:mod:`sqlflow_dagster.runtime.mlflow_process`): it changes logging and
warnings of the process it is in, and a server that does not answer would hold up a training for minutes.
"""

import json
import math
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlflow_dagster.engines.messages import redact
from sqlflow_dagster.ml.manifest import Manifest
from sqlflow_dagster.model_store.base import ModelVersion

TIMEOUT_SECONDS = 300
_EXPERIMENT = "sqlflow"
_PROCESS = "sqlflow_dagster.runtime.mlflow_process"
# MLflow's own limits.
_MAX_PARAMETER = 6000
_MAX_TAG = 5000
_METRIC_NAME = re.compile(r"[^\w\-. :/]")
# As it comes, MLflow tries for a quarter of an hour, and tells its makers about each use.
_ENVIRONMENT = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
}


def log_model(
    tracking_uri: str,
    *,
    version: ModelVersion,
    manifest: Manifest,
    bundle: bytes,
    program: str,
    run_id: str,
) -> str:
    """Log a training as one run of the experiment ``sqlflow``, or of MLFLOW_EXPERIMENT_NAME.

    Args:
        tracking_uri: Of the MLflow server.
        version: The model as it was stored.
        manifest: What is known of it: parameters, metrics and losses are logged.
        bundle: The model, which becomes the run's artifact.
        program: The name of the SQL program.
        run_id: Of the run of the program.

    Returns:
        A line for the log. A training never fails for it: what went wrong is in the line.
    """
    record: dict[str, Any] = {
        "tracking_uri": tracking_uri,
        "experiment": os.environ.get("MLFLOW_EXPERIMENT_NAME") or _EXPERIMENT,
        "name": f"{version.name}@{version.version}",
        "parameters": dict(_parameters(manifest)),
        "metrics": list(_metrics(manifest)),
        "tags": _tags(version, manifest, program=program, run_id=run_id),
    }
    with tempfile.TemporaryDirectory(prefix="sqlflow-mlflow-") as folder:
        artifact = Path(folder) / "model.zip"
        artifact.write_bytes(bundle)
        record["artifact"] = str(artifact)
        problem = _tell(record)
    shown = redact(tracking_uri, None)
    if problem:
        return f"warning: the training could not be logged to MLflow at {shown}: {problem}"
    return f"logged {record['name']} to MLflow at {shown}"


def _tell(record: dict[str, Any]) -> str | None:
    """Run the process that logs; what went wrong."""
    try:
        done = subprocess.run(  # noqa: S603  # this very Python, and a module of ours
            [sys.executable, "-P", "-m", _PROCESS],
            input=json.dumps(record),
            env=_ENVIRONMENT | dict(os.environ),
            capture_output=True,
            text=True,
            check=False,
            timeout=TIMEOUT_SECONDS,
        )
    except subprocess.TimeoutExpired:
        return f"no end after {TIMEOUT_SECONDS} seconds"
    except OSError as error:
        return str(error)
    if done.returncode == 0:
        return None
    lines = done.stdout.strip().splitlines() or done.stderr.strip().splitlines()
    return redact(lines[-1], None) if lines else f"exit code {done.returncode}"


def _parameters(manifest: Manifest) -> Iterator[tuple[str, str]]:
    own = {
        "estimator": manifest.estimator,
        "label": manifest.label.column,
        "rows": manifest.rows,
        "validation_rows": manifest.validation_rows,
        "seed": manifest.seed,
        "features": ", ".join(item.name for item in manifest.features.features),
    }
    for name, value in {**manifest.parameters, **own}.items():
        text = value if isinstance(value, str) else json.dumps(value)
        yield _METRIC_NAME.sub("_", name), text[:_MAX_PARAMETER]


def _metrics(manifest: Manifest) -> Iterator[tuple[str, float, int]]:
    """Name, value and step."""
    for judged_on, metrics in manifest.metrics.items():
        for kind, values in (("", metrics.values), ("baseline.", metrics.baseline)):
            for name, value in values.items():
                if math.isfinite(value):
                    yield _METRIC_NAME.sub("_", f"{judged_on}.{kind}{name}"), value, 0
    for name, losses in manifest.history.items():
        for step, value in enumerate(losses):
            if math.isfinite(value):
                yield _METRIC_NAME.sub("_", f"history.{name}"), value, step


def _tags(
    version: ModelVersion, manifest: Manifest, *, program: str, run_id: str
) -> dict[str, str]:
    tags = {
        "sqlflow.program": program,
        "sqlflow.model": version.name,
        "sqlflow.version": str(version.version),
        "sqlflow.run_id": run_id,
        "sqlflow.statement": manifest.statement or "",
        "sqlflow.data_fingerprint": manifest.data_fingerprint,
        "sqlflow.sha256": version.sha256,
        "mlflow.source.name": program,
    }
    tags |= {f"sqlflow.library.{name}": number for name, number in manifest.libraries.items()}
    return {name: text[:_MAX_TAG] for name, text in tags.items()}
