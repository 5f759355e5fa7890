"""The columns that TO PREDICT writes: the prediction, and what else a model knows of it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import pyarrow as pa

from sqlflow_dagster.errors import TerminalError, did_you_mean
from sqlflow_dagster.lang.expressions import Value
from sqlflow_dagster.ml.features.labels import decode
from sqlflow_dagster.ml.features.spec import Class, LabelSpec
from sqlflow_dagster.ml.models.model import Model
from sqlflow_dagster.ml.tasks import FloatArray, Task
from sqlflow_dagster.source import Span

PROBABILITIES, SCORE, DECISION = "probabilities", "score", "decision"
EXTRAS = (PROBABILITIES, SCORE, DECISION)
_TASKS = {
    PROBABILITIES: (Task.CLASSIFICATION, Task.MULTILABEL),
    SCORE: (Task.CLASSIFICATION, Task.OUTLIER_DETECTION),
    DECISION: (Task.CLASSIFICATION, Task.MULTILABEL),
}
_Column: TypeAlias = tuple[str, Callable[[FloatArray], FloatArray]]


@dataclass(frozen=True, slots=True)
class Outputs:
    """The columns that a prediction adds to its rows.

    Attributes:
        model: What predicts.
        target: The column of the prediction.
        extras: Further columns, each with how its values follow from the model's answers.
    """

    model: Model
    target: str
    extras: tuple[_Column, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """All columns."""
        return (self.target, *(name for name, _ in self.extras))

    def of(self, rows: pa.Table) -> list[pa.Array]:
        """The columns' values for some rows, which have the columns that the model reads."""
        answers = self.model.answers(rows)
        extras = (values(answers).astype(np.float64) for _, values in self.extras)
        return [decode(answers, self.model.manifest.label), *map(pa.array, extras)]


def extra_names(value: Value, span: Span | None = None) -> tuple[str, ...]:
    """The names in the value of ``predict.extra_outputs``: a list, or a text with commas.

    Raises:
        TerminalError: One is none of :data:`EXTRAS`.
    """
    items = value if isinstance(value, tuple) else str(value).split(",")
    names = tuple(dict.fromkeys(name for item in items if (name := str(item).strip().lower())))
    for name in names:
        if name not in EXTRAS:
            raise TerminalError(
                f"there is no extra output {name!r}",
                span,
                did_you_mean(name, EXTRAS) or f"known: {', '.join(EXTRAS)}",
            )
    return names


def outputs(
    model: Model,
    target: str,
    extras: Sequence[str],
    *,
    taken: Iterable[str],
    span: Span | None = None,
) -> Outputs:
    """The columns that a prediction adds.

    Args:
        model: What predicts.
        target: The column of the prediction.
        extras: Of :data:`EXTRAS`.
        taken: The columns that are there already; an extra one gets a number where its name is taken.
        span: Where the extras were asked for.

    Raises:
        TerminalError: The model has no such output.
    """
    names = {target.lower(), *(name.lower() for name in taken)}
    columns = []
    for extra in extras:
        task = model.manifest.task
        if task not in _TASKS[extra]:
            raise TerminalError(
                f"a model that does {task} has no {extra}",
                span,
                f"such models have: {', '.join(_TASKS[extra])}",
            )
        for name, values in _extra(extra, target, model.manifest.label):
            columns.append((_free(name, names), values))
    return Outputs(model, target, tuple(columns))


def _extra(extra: str, target: str, label: LabelSpec) -> list[_Column]:
    if extra == SCORE:
        return [(f"{target}_score", _score)]
    if extra == DECISION and label.task is Task.CLASSIFICATION and len(label.classes) == 2:
        return [(f"{target}_decision", lambda answers: _log_odds(answers[:, 1]))]
    name = "probability" if extra == PROBABILITIES else "decision"
    return [
        (f"{target}_{name}_{_spelt(item)}", _of_class(place, odds=extra == DECISION))
        for place, item in enumerate(label.classes)
    ]


def _spelt(item: Class) -> str:
    return str(item).lower() if isinstance(item, bool) else str(item)


def _score(answers: FloatArray) -> FloatArray:
    """The probability of the class that is predicted, or how far a row is from being an outlier."""
    return answers if answers.ndim == 1 else np.asarray(answers.max(axis=1))


def _of_class(place: int, *, odds: bool) -> Callable[[FloatArray], FloatArray]:
    return lambda answers: _log_odds(answers[:, place]) if odds else answers[:, place]


def _log_odds(probabilities: FloatArray) -> FloatArray:
    """What a model adds up before it becomes a probability; finite."""
    least = np.finfo(np.float64).tiny
    given = probabilities.astype(np.float64)
    return np.asarray(np.log(np.maximum(given, least)) - np.log(np.maximum(1 - given, least)))


def _free(name: str, taken: set[str]) -> str:
    """The name, or the first of ``name_2``, ``name_3``, … that no column has."""
    free, number = name, 1
    while free.lower() in taken:
        number += 1
        free = f"{name}_{number}"
    taken.add(free.lower())
    return free
