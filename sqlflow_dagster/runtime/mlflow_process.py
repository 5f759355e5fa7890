"""Logs one run to MLflow: a record of :mod:`sqlflow_dagster.runtime.mlflow_log` comes on standard input.

The exit code is 1 where that fails, and the last line of standard output says why.
"""

import hashlib
import json
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, TypeVar

from filelock import FileLock

T = TypeVar("T")
_MAX_METRICS = 1000
_MAX_PARAMETERS = 100


def main() -> int:
    """Log the record of standard input; the exit code."""
    record = json.load(sys.stdin)
    try:
        _log(record)
    except ImportError as error:
        sys.stdout.write(f"{error}; pip install 'sqlflow-dagster[mlflow]'\n")
        return 1
    # Its stores, its transports and the drivers of the artifacts all have errors of their own.
    except Exception as error:
        said = " ".join(str(error).split())
        sys.stdout.write(f"\n{type(error).__name__}: {said}\n")
        return 1
    return 0


def _log(record: dict[str, Any]) -> None:
    from mlflow import MlflowClient
    from mlflow.entities import Metric, Param, RunTag

    with _alone_at(record["tracking_uri"]):
        client = MlflowClient(tracking_uri=record["tracking_uri"])
        experiment = _experiment(client, record["experiment"])
    run = client.create_run(experiment, run_name=record["name"])
    run_id = run.info.run_id
    status = "FAILED"
    try:
        now = int(time.time() * 1000)
        tags = [RunTag(name, value) for name, value in record["tags"].items()]
        client.log_batch(run_id, tags=tags)
        parameters = [Param(name, value) for name, value in record["parameters"].items()]
        for some in _parts(parameters, _MAX_PARAMETERS):
            client.log_batch(run_id, params=some)
        metrics = [Metric(name, value, now, step) for name, value, step in record["metrics"]]
        for part in _parts(metrics, _MAX_METRICS):
            client.log_batch(run_id, metrics=part)
        client.log_artifact(run_id, record["artifact"])
        status = "FINISHED"
    finally:
        client.set_terminated(run_id, status=status)


def _alone_at(tracking_uri: str) -> AbstractContextManager[Any]:
    """Keeps trainings that end together from making the tables of a new database at the same time.

    MLflow's migrations guard against nobody, and leave such a database broken. A server makes its own.
    """
    if tracking_uri.startswith(("http://", "https://")):
        return nullcontext()
    # The folder is everybody's, a lock is its user's.
    name = hashlib.sha256(f"{Path.home()} {tracking_uri}".encode()).hexdigest()[:16]
    return FileLock(Path(tempfile.gettempdir()) / f"sqlflow-mlflow-{name}.lock")


def _experiment(client: Any, name: str) -> str:
    """The ID of an experiment, which is made where there is none."""
    from mlflow.exceptions import MlflowException

    known = client.get_experiment_by_name(name)
    if known is None:
        try:
            return str(client.create_experiment(name))
        except MlflowException:
            # Another training has made it in the meantime.
            known = client.get_experiment_by_name(name)
            if known is None:
                raise
    return str(known.experiment_id)


def _parts(items: Sequence[T], size: int) -> Iterator[list[T]]:
    for start in range(0, len(items), size):
        yield list(items[start : start + size])


if __name__ == "__main__":
    sys.exit(main())
