"""What is known of a trained model without loading it."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlflow_dagster.ml.base import Metrics
from sqlflow_dagster.ml.features.spec import FeatureSpec, LabelSpec
from sqlflow_dagster.ml.tasks import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """A trained model in words and numbers.

    Attributes:
        estimator: As the statement spells it.
        task: What the model does.
        features: Its inputs.
        label: What it predicts.
        parameters: In force at training, defaults and derived ones included; JSON values.
        libraries: Versions at training, by library.
        metrics: By the rows they were computed on: ``validation`` where the statement has rows to
            validate on, ``cross-validation`` for the means of its folds, else ``training``.
        search: What was tried, with the score of each trial; None without a search. Its values are
            among the parameters.
        group: The column that says which rows are ranked among each other; None of other tasks.
        history: Losses per round or epoch by name.
        statement: The text of the TRAIN statement; None for one that was built, not parsed.
        created_at: When training ended, in UTC.
        seed: Of every random choice.
        threads: How many the library used; with another number, sums may round differently.
        rows: How many rows it was trained on.
        validation_rows: How many other rows it was validated on.
        data_fingerprint: Of the training rows, see
            :func:`~sqlflow_dagster.ml.training.fingerprint.fingerprint`.
    """

    estimator: str
    task: Task
    features: FeatureSpec
    label: LabelSpec
    parameters: Mapping[str, Any]
    libraries: Mapping[str, str]
    metrics: Mapping[str, Metrics]
    search: Mapping[str, Any] | None
    group: str | None
    history: Mapping[str, list[float]]
    statement: str | None
    created_at: datetime
    seed: int
    threads: int
    rows: int
    validation_rows: int
    data_fingerprint: str

    def to_json(self) -> dict[str, Any]:
        """The manifest as JSON values; NaN is null."""
        data = asdict(self)
        data["features"] = self.features.to_json()
        data["label"] = self.label.to_json()
        data["created_at"] = self.created_at.isoformat()
        return {name: _jsonable(item) for name, item in data.items()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Manifest":
        """A manifest from what :meth:`to_json` gave.

        Raises:
            KeyError, TypeError, ValueError: The data are not such a manifest.
        """
        values = {name: data[name] for name in cls.__dataclass_fields__}
        values |= {
            "task": Task(data["task"]),
            "features": FeatureSpec.from_json(data["features"]),
            "label": LabelSpec.from_json(data["label"]),
            "metrics": {name: _metrics(item) for name, item in data["metrics"].items()},
            "history": {name: _numbers(item) for name, item in data["history"].items()},
            "created_at": datetime.fromisoformat(data["created_at"]),
        }
        return cls(**values)


def _metrics(data: Mapping[str, Any]) -> Metrics:
    return Metrics(
        values={name: _number(item) for name, item in data["values"].items()},
        baseline={name: _number(item) for name, item in data["baseline"].items()},
        rows=data["rows"],
        confusion=data["confusion"],
        spread={name: _number(item) for name, item in data["spread"].items()},
        skipped=data["skipped"],
        unseen=data.get("unseen", 0),
    )


def _numbers(items: list[float | None]) -> list[float]:
    return [_number(item) for item in items]


def _number(item: float | None) -> float:
    return math.nan if item is None else item


def _jsonable(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _jsonable(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_jsonable(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
