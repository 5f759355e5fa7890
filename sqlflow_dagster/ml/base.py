"""What the rest of the package asks of a machine-learning library.

A :class:`Trainer` knows one library. It turns encoded features into a :class:`TrainedModel` and
loads one from its files again; it never touches a database and never unpickles anything.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from sqlflow_dagster.lang.statements import Attribute
from sqlflow_dagster.ml.features.feature import DEFAULT_INPUT
from sqlflow_dagster.ml.features.spec import EncodedTable, FeatureSpec, LabelSpec, Layout
from sqlflow_dagster.ml.search import Dimension, Values
from sqlflow_dagster.ml.tasks import FloatArray, LabelType, Task
from sqlflow_dagster.registry import Group, Registry


class ProgressCallback(Protocol):
    """Told about progress while a model trains; raises to stop the training."""

    def __call__(self, done: int, total: int, note: str) -> None:
        """``done`` of ``total`` rounds or epochs; ``note`` is one line such as ``loss 0.31``."""


def no_progress(done: int, total: int, note: str) -> None:
    """A :class:`ProgressCallback` that tells nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """An estimator that may be chosen.

    Attributes:
        estimator: Its name.
        fixed: The attributes that it always gets.
        space: Those that are searched.
        start: The values of these that are tried first, one for each.
    """

    estimator: str
    fixed: Values = field(default_factory=dict)
    space: Mapping[str, Dimension] = field(default_factory=dict)
    start: Values = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Estimators of which the best becomes the model.

    Attributes:
        candidates: In the order in which they are tried first.
        seconds: After how many seconds no more is tried.
    """

    candidates: tuple[Candidate, ...]
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a trainer makes of a statement before a row is read.

    Attributes:
        task: What the model will do.
        layout: How the trainer wants its features encoded.
        class_count: The attribute that says how many classes there are; None where none does.
        inputs: The names that ``COLUMN … FOR`` may give.
        lists: Whether the label may be a list, of classes or of amounts.
        label_separator: What parts the amounts of a text label, for an estimator that always
            predicts vectors; ``train.label_separator`` of the statement goes before it.
        goes_on: Whether a training may go on from the model of USING.
        weighs: Whether rows may count more or less.
        in_batches: Whether it may learn from :attr:`TrainRequest.batches`.
        label_task: What the label is to a model that learns from one, but predicts something else,
            such as the best columns: classes or amounts. None for other models.
        selection: The estimators that this one stands for: one of them becomes the model, and
            ``layout`` is theirs to say. None of an estimator that is trained itself.
    """

    task: Task
    layout: Layout
    class_count: "Attribute | None" = None
    inputs: tuple[str, ...] = (DEFAULT_INPUT,)
    lists: bool = False
    label_separator: str | None = None
    goes_on: bool = False
    weighs: bool = True
    in_batches: bool = False
    label_task: Task | None = None
    selection: Selection | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """Encoded features with their labels.

    Attributes:
        features: ``n`` rows.
        labels: float64 amounts of shape (n,), or (n, width) of a vector label; class indexes as
            int64 of shape (n,); for several classes a row, 0 or 1 as int64 of shape (n, classes).
            Empty for a task without a label.
        weights: How much each row counts, float64 of shape (n,); None where all count the same.
        groups: Which rows are ranked among each other: rows of a group are neighbours and share a
            number, int64 of shape (n,). None for other tasks.
    """

    features: EncodedTable
    labels: npt.NDArray[Any]
    weights: FloatArray | None = None
    groups: npt.NDArray[np.int64] | None = None


class Batches(Protocol):
    """Rows that lie in a file and are encoded a part at a time."""

    def __len__(self) -> int:
        """How many rows there are."""

    def __iter__(self) -> Iterator[Dataset]:
        """The rows from the first to the last, encoded anew for each iteration.

        A group of a ranking may go on in the next part.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainRequest:
    """All that a trainer is told.

    Attributes:
        estimator: As the user spelt it.
        attributes: Those of the WITH clause that are the trainer's, with their positions.
        training: The rows to learn from, at least one; with ``batches``, the first of them.
        features: How the features were encoded.
        label: What is predicted.
        batches: All rows to learn from where the statement says ``train.external_memory``; None where
            they are in memory.
        validation: Other rows, to tell when a training gets no better; None without any.
        base: The model to go on from, of the same estimator and encoding; None to start afresh.
        threads: How many threads the library may use.
        seed: Of every random choice.
        rounds: For how many rounds or epochs to train, whatever the attributes say: as many as were
            best, on the mean, where a training could stop early. None to follow the attributes.
        progress: Called after each round or epoch.
    """

    estimator: str
    attributes: tuple[Attribute, ...]
    training: Dataset
    features: FeatureSpec
    label: LabelSpec
    batches: Batches | None = None
    validation: Dataset | None = None
    base: "TrainedModel | None" = None
    threads: int = 1
    seed: int = 0
    rounds: int | None = None
    progress: ProgressCallback = no_progress


class Method(StrEnum):
    """How contributions come about, by the name that ``USING`` gives it."""

    TREES = "TreeExplainer"
    """Shapley values by the paths that a row takes and does not take in each tree."""
    LINEAR = "LinearExplainer"
    """Coefficients times the distance from the mean row."""
    GRADIENTS = "GradientExplainer"
    """Integrated gradients from the mean row."""
    SAMPLING = "PermutationExplainer"
    """Shapley values of any model, sampled; no library has them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contributions:
    """What each slot and each bag of the encoding added to each raw prediction.

    A raw prediction is a regression value, the log-odds of the second of two classes, or one score
    per class. ``values.sum(axis=2) + base_values`` gives it back.

    Attributes:
        values: shape (n, outputs, slots + bags): the slots, then a column for each bag.
        base_values: shape (n, outputs).
        method: How they came about.
        probabilities: Whether raw predictions of classes are probabilities.
    """

    values: FloatArray
    base_values: FloatArray
    method: Method
    probabilities: bool = False


class TrainedModel(Protocol):
    """A model in memory."""

    @property
    def library(self) -> Mapping[str, str]:
        """The libraries it was trained with and their versions, ``{"xgboost": "3.2.0"}``."""

    @property
    def parameters(self) -> Mapping[str, Any]:
        """The parameters in force, JSON values."""

    @property
    def history(self) -> Mapping[str, list[float]]:
        """Losses per round or epoch by name, such as ``train-mlogloss``."""

    def predict(self, features: EncodedTable) -> FloatArray:
        """What the task predicts, see :class:`~sqlflow_dagster.ml.tasks.Task`."""

    def contributions(self, features: EncodedTable) -> Contributions | None:
        """What each slot added to each raw prediction; None where the library has no fast way."""

    def files(self) -> dict[str, bytes]:
        """The model by file name, in formats that load without running code of their own."""


@runtime_checkable
class StopsEarly(Protocol):
    """A model whose training may end before its last round."""

    @property
    def best_rounds(self) -> int | None:
        """After how many rounds or epochs it was at its best; None where nobody looked for that."""


@runtime_checkable
class ExplainsSlowly(Protocol):
    """A model that may take long to tell its contributions."""

    @property
    def rows_in_seconds(self) -> int | None:
        """Of how many rows it tells them in some ten seconds; None where nobody has counted.

        It depends on the model alone: everywhere the same rows are explained.
        """


class Trainer(Protocol):
    """One machine-learning library.

    Its attributes are those that :func:`sqlflow_dagster.ml.attributes.of_trainer` leaves: the ones
    that mean the same for every estimator never reach it.
    """

    def plan(
        self, estimator: str, attributes: tuple[Attribute, ...], label_type: LabelType | None
    ) -> Plan:
        """Check the attributes and decide on task and encoding, before any row is read.

        Args:
            estimator: As the user spelt it.
            attributes: The trainer's own.
            label_type: Of the label's column, ``texts`` for a text that the statement separates;
                None for a statement without LABEL.

        Raises:
            TerminalError: An attribute is unknown, has a wrong value or contradicts another; with
                its position and the nearest known names.
            PluginError: The library is not installed.
        """

    def train(self, request: TrainRequest) -> TrainedModel:
        """Train a model; an exception of ``request.progress`` passes through.

        Never asked of an estimator whose plan has a selection.

        Raises:
            TerminalError: The attributes contradict the data, or the library gave up.
        """

    def load(self, files: Mapping[str, bytes], *, threads: int = 1) -> TrainedModel:
        """A model from what :meth:`TrainedModel.files` gave.

        Raises:
            TerminalError: The files are not such a model.
            PluginError: The library is not installed.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """Metrics of one model on one set of rows.

    A value that is not defined on these rows (an AUC where only one class occurs) is NaN.

    Attributes:
        values: By metric name as it was asked for, and ``loss``.
        baseline: The same metrics of always answering the majority class or the mean of the
            training rows.
        rows: How many rows were judged; without any, every value is NaN.
        confusion: Counts by actual, then by predicted class; None where a row has no one class.
        spread: The standard deviations of ``values`` over folds; empty without folds.
        skipped: How many rows were not judged because their label is NULL.
        unseen: How many of the judged rows have a label that training did not know: whatever is
            predicted for them is wrong.
    """

    values: Mapping[str, float]
    baseline: Mapping[str, float]
    rows: int
    confusion: Mapping[str, Mapping[str, int]] | None = None
    spread: Mapping[str, float] = field(default_factory=dict)
    skipped: int = 0
    unseen: int = 0


trainers: Registry[Trainer] = Registry(Group.TRAINERS, "estimator")
