"""What the runtime asks of machine-learning libraries.

A :class:`Trainer` knows one library. It turns Arrow tables into a :class:`TrainedModel` and loads one from
its files again; it never touches a database and never unpickles anything.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from sqlflow_dagster.registry import Group, Registry

if TYPE_CHECKING:
    from sqlflow_dagster.ml.features.spec import EncodedTable, FeatureSpec, LabelSpec
    from sqlflow_dagster.lang.statements import Attribute

FloatArray = npt.NDArray[np.float32]


class Task(StrEnum):
    """What a model does."""

    CLASSIFICATION = "classification"
    REGRESSION = "regression"


class ProgressCallback(Protocol):
    """Told about progress while a model trains; raises to stop the training."""

    def __call__(self, done: int, total: int, note: str) -> None:
        """``done`` of ``total`` rounds or epochs; ``note`` is one line such as ``loss 0.31``."""


def no_progress(done: int, total: int, note: str) -> None:
    """A :class:`ProgressCallback` that tells nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """Encoded features with their labels.

    Attributes:
        features: ``n`` rows.
        labels: shape (n,): float32 targets, or class indexes as int64.
    """

    features: "EncodedTable"
    labels: npt.NDArray[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainRequest:
    """All that a trainer is told.

    Attributes:
        estimator: As the user spelt it.
        attributes: Of the WITH clause, with their positions for error messages.
        training: The rows to learn from.
        validation: The rows of ``validation.select``; None without one.
        features: How the features were encoded.
        label: What is predicted.
        threads: How many threads the library may use.
        seed: Of every random choice.
    """

    estimator: str
    attributes: "tuple[Attribute, ...]"
    training: Dataset
    features: "FeatureSpec"
    label: "LabelSpec"
    validation: Dataset | None = None
    threads: int = 1
    seed: int = 0
    progress: ProgressCallback = no_progress


@dataclass(frozen=True, slots=True, kw_only=True)
class Contributions:
    """What each feature added to each prediction.

    Attributes:
        values: shape (n, outputs, features); ``values.sum(axis=2) + base_values`` is the raw prediction.
        base_values: shape (n, outputs).
    """

    values: FloatArray
    base_values: FloatArray


class TrainedModel(Protocol):
    """A model in memory.

    Attributes:
        library: The library and its version, ``{"xgboost": "3.2.0"}``.
        parameters: The parameters in force, JSON values.
        history: Per-round or per-epoch losses by name, such as ``train-mlogloss``.
    """

    library: Mapping[str, str]
    parameters: Mapping[str, Any]
    history: Mapping[str, list[float]]

    def predict(self, features: "EncodedTable") -> FloatArray:
        """Class probabilities, shape (n, classes), or regression values, shape (n,)."""

    def contributions(self, features: "EncodedTable") -> Contributions:
        """The contribution of each feature to each prediction."""

    def files(self) -> dict[str, bytes]:
        """The model as files of a format that loads without running code of its own."""


class Trainer(Protocol):
    """One machine-learning library."""

    def task(self, estimator: str, attributes: "tuple[Attribute, ...]", label: "LabelSpec") -> Task:
        """What the estimator does with this label.

        Raises:
            TerminalError: The attributes contradict each other or the label.
        """

    def check(self, estimator: str, attributes: "tuple[Attribute, ...]") -> None:
        """Refuse unknown attributes and values of a wrong type, before any data is read.

        Raises:
            TerminalError: With the attribute's position and the nearest known names.
        """

    def train(self, request: TrainRequest) -> TrainedModel:
        """Train a model."""

    def load(self, files: Mapping[str, bytes]) -> TrainedModel:
        """A model from what :meth:`TrainedModel.files` gave."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """Metrics of one model on one set of rows.

    Attributes:
        values: By metric name.
        baseline: The same metrics of always answering the majority class or the mean.
        rows: How many rows were judged.
        confusion: Class by class counts, actual class first; None for regressions.
    """

    values: Mapping[str, float]
    baseline: Mapping[str, float]
    rows: int
    confusion: Mapping[str, Mapping[str, int]] | None = field(default=None)


trainers: Registry[Trainer] = Registry(Group.TRAINERS, "estimator")
