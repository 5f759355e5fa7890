"""What models answered beside what is true: what metrics are computed from."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from sqlflow_dagster.ml.tasks import FloatArray

Counts: TypeAlias = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class ClassAnswers:
    """Actual classes of rows, and what a model makes of them.

    Attributes:
        actual: Class indexes, shape (n,).
        probabilities: shape (n, classes), each row adding up to 1.
        unseen: Whether the last class stands for all that the model does not know.
        average: How metrics of each class become one: ``macro``, ``micro``, ``weighted``; None for
            the second of two classes, and ``macro`` of more.
    """

    actual: npt.NDArray[np.int64]
    probabilities: FloatArray
    average: str | None = None
    unseen: bool = False

    @property
    def known(self) -> int:
        """How many classes the model knows."""
        return int(self.probabilities.shape[1]) - self.unseen

    @cached_property
    def predicted(self) -> npt.NDArray[np.int64]:
        """The likeliest class of each row."""
        return np.asarray(self.probabilities.argmax(axis=1), dtype=np.int64)

    @cached_property
    def confusion(self) -> Counts:
        """Counts, shape (classes, classes): actual class, then predicted class."""
        size = self.probabilities.shape[1]
        pairs = self.actual * size + self.predicted
        return np.bincount(pairs, minlength=size * size).reshape(size, size)

    @property
    def hits(self) -> Counts:
        """How many rows of each class were found."""
        return np.diag(self.confusion)

    @property
    def predicted_counts(self) -> Counts:
        """How many rows were said to be of each class."""
        return np.asarray(self.confusion.sum(axis=0))

    @property
    def actual_counts(self) -> Counts:
        """How many rows are of each class."""
        return np.asarray(self.confusion.sum(axis=1))

    @property
    def counted(self) -> npt.NDArray[np.bool_]:
        """The classes that a macro average counts: those that occur or were predicted."""
        return (self.predicted_counts + self.actual_counts) > 0

    def indicators(self) -> npt.NDArray[np.bool_]:
        """Whether each row is of each class that the model knows, shape (n, known)."""
        return np.asarray(self.actual[:, None] == np.arange(self.known))


@dataclass(frozen=True, kw_only=True)
class LabelSetAnswers:
    """Actual sets of classes, and what a model makes of them.

    Attributes:
        actual: Whether a row has a class, shape (n, classes).
        probabilities: Of each class by itself, shape (n, classes).
        threshold: From which probability a class is predicted.
        unseen: Whether the last class stands for all that the model does not know.
        average: How metrics of each class become one; None for ``macro``.
    """

    actual: npt.NDArray[np.bool_]
    probabilities: FloatArray
    threshold: float
    average: str | None = None
    unseen: bool = False

    @property
    def known(self) -> int:
        """How many classes the model knows."""
        return int(self.probabilities.shape[1]) - self.unseen

    @cached_property
    def predicted(self) -> npt.NDArray[np.bool_]:
        """Whether a class is predicted, shape (n, classes)."""
        return np.asarray(self.probabilities >= self.threshold)

    @property
    def hits(self) -> Counts:
        """How many rows of each class were found."""
        return np.asarray((self.actual & self.predicted).sum(axis=0))

    @property
    def predicted_counts(self) -> Counts:
        """How many rows were said to have each class."""
        return np.asarray(self.predicted.sum(axis=0))

    @property
    def actual_counts(self) -> Counts:
        """How many rows have each class."""
        return np.asarray(self.actual.sum(axis=0))

    @property
    def counted(self) -> npt.NDArray[np.bool_]:
        """The classes that a macro average counts: all."""
        return np.ones(self.actual.shape[1], dtype=np.bool_)

    def indicators(self) -> npt.NDArray[np.bool_]:
        """Whether each row has each class that the model knows, shape (n, known)."""
        return self.actual[:, : self.known]


@dataclass(frozen=True, slots=True, kw_only=True)
class AmountAnswers:
    """Actual and predicted amounts, both of shape (n,), or (n, width) of vectors."""

    actual: FloatArray
    predicted: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class RankingAnswers:
    """How relevant rows are, and in which order a model puts them.

    Attributes:
        actual: From 0, shape (n,).
        scores: The greater the earlier, shape (n,).
        groups: Rows of a number are ranked among each other, shape (n,), from 0.
    """

    actual: FloatArray
    scores: FloatArray
    groups: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterAnswers:
    """Which rows a model puts together.

    Attributes:
        predicted: The cluster of each row, shape (n,).
        matrix: The rows as the model sees them, shape (n, slots).
        actual: What they are known to be, as numbers, shape (n,); None where nobody says.
    """

    predicted: npt.NDArray[np.int64]
    matrix: FloatArray
    actual: npt.NDArray[np.int64] | None = None


Answers: TypeAlias = (
    ClassAnswers | LabelSetAnswers | AmountAnswers | RankingAnswers | ClusterAnswers
)


def outlier_answers(actual: npt.NDArray[Any], scores: FloatArray) -> ClassAnswers:
    """Outliers as the second of two classes.

    Args:
        actual: 1 for an outlier, else 0, shape (n,).
        scores: Below 0 for an outlier, shape (n,).
    """
    # Any rising function onto 0 to 1 that is 1/2 at 0 will do; this one keeps far scores apart.
    outlying = 0.5 - 0.5 * scores / (1 + np.abs(scores))
    return ClassAnswers(
        actual=actual.astype(np.int64), probabilities=np.stack([1 - outlying, outlying], axis=1)
    )
