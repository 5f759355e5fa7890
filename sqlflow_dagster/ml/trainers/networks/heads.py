"""What the outputs of a network mean: targets, losses and answers of each task."""

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from sqlflow_dagster.ml.features.spec import LabelSpec
from sqlflow_dagster.ml.tasks import FloatArray, Task

RowLoss: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""From outputs and targets, shape (n, outputs), to the loss of each row, shape (n,)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """What the outputs of a network mean.

    Attributes:
        task: Of the model.
        outputs: 1 for two classes, where it is the log-odds of the second; else one for each class
            or amount.
        means: Of each amount: what is added to an output after the following.
        stds: Of each amount: what an output is multiplied by.
        is_list: Whether an answer is a list of amounts.
    """

    task: Task
    outputs: int
    means: tuple[float, ...] = (0.0,)
    stds: tuple[float, ...] = (1.0,)
    is_list: bool = False

    @classmethod
    def of(cls, label: LabelSpec) -> "Head":
        """The head that a label asks for."""
        if not label.task.predicts_classes:
            return cls(
                task=label.task,
                outputs=len(label.means),
                means=label.means,
                stds=label.stds,
                is_list=label.is_list,
            )
        classes = len(label.classes)
        single = label.task is Task.CLASSIFICATION and classes == 2
        return cls(task=label.task, outputs=1 if single else classes)

    def to_json(self) -> dict[str, Any]:
        """The head as JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Head":
        """A head from what :meth:`to_json` gave."""
        return cls(
            **{
                **data,
                "task": Task(data["task"]),
                "means": tuple(data["means"]),
                "stds": tuple(data["stds"]),
            }
        )

    @property
    def one_of_many(self) -> bool:
        """Whether the outputs are scores of classes of which a row has one."""
        return self.task is Task.CLASSIFICATION and self.outputs > 1

    def targets(self, labels: npt.NDArray[Any]) -> Tensor:
        """What the outputs shall be: class indexes, shape (n,), or float32, shape (n, outputs)."""
        if self.one_of_many:
            return torch.from_numpy(labels)
        amounts = labels.astype(np.float64).reshape(len(labels), -1)
        if not self.task.predicts_classes:
            amounts = (amounts - np.array(self.means)) / np.array(self.stds)
        return torch.from_numpy(amounts.astype(np.float32))

    def amounts(self, raw: FloatArray) -> FloatArray:
        """Outputs, the last axis of the array, in the unit of the label."""
        if self.task.predicts_classes:
            return raw
        found: FloatArray = raw * np.array(self.stds) + np.array(self.means)
        return found

    def answers(self, raw: FloatArray) -> FloatArray:
        """What the task predicts, from outputs of shape (n, outputs)."""
        scores = raw.astype(np.float64)
        if not self.task.predicts_classes:
            found = self.amounts(scores)
            return found if self.is_list else found.reshape(-1)
        if self.one_of_many:
            powers = np.exp(scores - scores.max(axis=1, keepdims=True))
            return np.asarray(powers / powers.sum(axis=1, keepdims=True))
        # Beyond 500 the exponential overflows, and the answer is 0 or 1 long before.
        chances = 1 / (1 + np.exp(-scores.clip(-500, 500)))
        if self.task is Task.MULTILABEL:
            return np.asarray(chances)
        return np.concatenate([1 - chances, chances], axis=1)

    @property
    def measure(self) -> str:
        """What is told of each epoch beside the loss."""
        return "accuracy" if self.task.predicts_classes else "rmse"

    def measured(self, raw: Tensor, targets: Tensor) -> Tensor:
        """The parts of the sum that :meth:`measure_of` wants, shape (n,)."""
        if self.one_of_many:
            return (raw.argmax(dim=1) == targets).float()
        if self.task.predicts_classes:
            return ((raw > 0) == (targets > 0.5)).float().mean(dim=1)
        stds = torch.tensor(self.stds, device=raw.device)
        return ((raw - targets) * stds).square().mean(dim=1)

    def measure_of(self, mean: float) -> float:
        """The measure, from the mean over rows of :meth:`measured`."""
        return mean if self.task.predicts_classes else math.sqrt(mean)


def row_loss(head: Head, name: str, options: Mapping[str, float]) -> RowLoss:
    """The loss of a head by its name, see :data:`.attributes.LOSSES`."""
    match name:
        case "cross_entropy":
            return _cross_entropy(head, options.get("label_smoothing", 0.0))
        case "focal":
            return _focal(_cross_entropy(head, 0.0), options.get("gamma", 2.0))
        case "mean_absolute_error":
            return lambda raw, targets: (raw - targets).abs().mean(dim=1)
        case "huber":
            delta = options.get("delta", 1.0)
            return lambda raw, targets: functional.huber_loss(
                raw, targets, reduction="none", delta=delta
            ).mean(dim=1)
        case "quantile":
            share = options.get("quantile", 0.5)
            return lambda raw, targets: torch.maximum(
                share * (targets - raw), (share - 1) * (targets - raw)
            ).mean(dim=1)
        case _:
            return lambda raw, targets: (raw - targets).square().mean(dim=1)


def _cross_entropy(head: Head, smoothing: float) -> RowLoss:
    if head.one_of_many:
        return lambda raw, targets: functional.cross_entropy(
            raw, targets, reduction="none", label_smoothing=smoothing
        )

    def binary(raw: Tensor, targets: Tensor) -> Tensor:
        smooth = targets * (1 - smoothing) + smoothing / 2 if smoothing else targets
        found = functional.binary_cross_entropy_with_logits(raw, smooth, reduction="none")
        return found.mean(dim=1)

    return binary


def _focal(inner: RowLoss, gamma: float) -> RowLoss:
    """Less weight for rows that are right already (Lin et al., Focal Loss, 2017)."""

    def focal(raw: Tensor, targets: Tensor) -> Tensor:
        loss = inner(raw, targets)
        return (1 - torch.exp(-loss)).pow(gamma) * loss

    return focal
