"""What a user says about trained models: where they are kept, how many versions, who else is told."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from sqlflow_dagster.errors import TerminalError

STORE_VARIABLE = "SQLFLOW_MODEL_STORE"
KEEP_VARIABLE = "SQLFLOW_KEEP_VERSIONS"
MLFLOW_VARIABLE = "SQLFLOW_MLFLOW"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSettings:
    """Where trained models go.

    Attributes:
        store: See :mod:`sqlflow_dagster.model_store.opening`; empty for the data source itself.
        keep_versions: How many of a model's newest versions are kept when a new one is made; None for all.
        mlflow: The tracking URI of the MLflow server that is told about each training; None for none.
    """

    store: str = ""
    keep_versions: int | None = None
    mlflow: str | None = None

    @classmethod
    def from_environment(
        cls, environment: Mapping[str, str] = os.environ, *, store: str | None = None
    ) -> "ModelSettings":
        """The settings of environment variables; ``store`` stands above its own.

        Raises:
            TerminalError: SQLFLOW_KEEP_VERSIONS is not a number from 1.
        """
        keep = environment.get(KEEP_VARIABLE)
        return cls(
            store=environment.get(STORE_VARIABLE, "") if store is None else store,
            keep_versions=_count(keep) if keep else None,
            mlflow=environment.get(MLFLOW_VARIABLE) or None,
        )


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise TerminalError(f"{KEEP_VARIABLE} must be a number from 1, and is {text!r}")
    return int(text)
