"""What of a model is explained: which outputs it has, and which of them it chose for a row."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from sqlflow_dagster.errors import TerminalError
from sqlflow_dagster.ml.features.labels import MULTILABEL_THRESHOLD
from sqlflow_dagster.ml.features.spec import LabelSpec
from sqlflow_dagster.ml.tasks import FloatArray, Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Outputs:
    """The outputs of a model that has several.

    Attributes:
        name: The column that tells them apart.
        names: What each is called.
        chosen: Which of them the model predicts for each row, shape (n, outputs); None where it
            does not choose.
    """

    name: str
    names: pa.Array
    chosen: npt.NDArray[np.bool_] | None

    @property
    def shown(self) -> npt.NDArray[np.int64] | None:
        """The output that a plot shows of each row, shape (n,): the first that is chosen."""
        return None if self.chosen is None else self.chosen.argmax(axis=1)


def check_task(task: Task) -> None:
    """Refuse what has no prediction to explain.

    Raises:
        TerminalError: The task is decomposition.
    """
    if task is Task.DECOMPOSITION:
        raise TerminalError(
            "a model that does decomposition predicts nothing: it only puts rows in other words",
            hint="train a model on its components, and explain that",
        )


def outputs_of(answers: FloatArray, label: LabelSpec, count: int) -> Outputs | None:
    """The outputs of a model; None where there is only one.

    Args:
        answers: What it predicts for the rows.
        label: What is predicted.
        count: How many outputs are explained.
    """
    match label.task:
        case Task.CLASSIFICATION if count > 1:
            chosen = answers.argmax(axis=1)[:, None] == np.arange(count)
            names = pa.array(label.classes)
            return Outputs(name="explained_class", names=names, chosen=chosen)
        case Task.MULTILABEL:
            chosen = answers >= MULTILABEL_THRESHOLD
            names = pa.array(label.classes)
            return Outputs(name="explained_class", names=names, chosen=chosen)
        case Task.CLUSTERING:
            clusters = np.arange(count)
            chosen = answers.astype(np.int64)[:, None] == clusters
            return Outputs(name="explained_cluster", names=pa.array(clusters), chosen=chosen)
        case _ if count > 1:
            places = np.arange(count)
            return Outputs(name="explained_output", names=pa.array(places), chosen=None)
        case _:
            return None


def as_outputs(answers: FloatArray, label: LabelSpec, clusters: int) -> FloatArray:
    """Predictions as numbers that can be explained, shape (n, outputs).

    Of two classes the probability of the second; of clusters 1 for the one that the row is in.

    Args:
        answers: See :class:`~sqlflow_dagster.ml.tasks.Task`.
        label: What is predicted.
        clusters: How many there are.
    """
    if label.task is Task.CLUSTERING:
        found: FloatArray = (answers.astype(np.int64)[:, None] == np.arange(clusters)).astype(float)
        return found
    if label.task is Task.CLASSIFICATION and answers.shape[1] == 2:
        return answers[:, 1:].astype(np.float64)
    return answers.reshape(len(answers), -1).astype(np.float64)


def total_text(label: LabelSpec, *, probabilities: bool) -> str:
    """What the contributions of a row add up to, in words."""
    match label.task:
        case Task.CLASSIFICATION if len(label.classes) == 2:
            what = "probability" if probabilities else "log-odds"
            return f"the {what} of {label.classes[1]!r}"
        case Task.CLASSIFICATION | Task.MULTILABEL:
            return f"the {'probability' if probabilities else 'score'} of each class"
        case Task.CLUSTERING:
            return "1 for the cluster that the row is in, 0 for every other one"
        case Task.OUTLIER_DETECTION:
            return "the score, which is below 0 for an outlier"
        case Task.RANKING:
            return "the score of the ranking"
        case _:
            return f"the prediction of {label.name}"
