"""The loop that trains a network."""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sqlflow_dagster.errors import TerminalError
from sqlflow_dagster.ml.base import Dataset, TrainRequest
from sqlflow_dagster.ml.trainers.networks.heads import Head, RowLoss
from sqlflow_dagster.ml.trainers.networks.optimizers import OptimizerChoice, build_optimizer
from sqlflow_dagster.ml.trainers.networks.rows import Rows

PREDICT_ROWS = 16_384
"""How many rows are predicted at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How a network is trained.

    Attributes:
        optimizers: Each trains the parameters whose names begin with its part.
        batch_rows: Rows in a step.
        epochs: Passes over the training rows.
        max_steps: Steps after which training ends in any case; 0 for no such end.
        patience: Epochs without a better validation loss after which training ends, and the weights
            of the best one are kept; None to go on.
        clip_norm: The greatest norm of the gradient of all parameters; None for any.
        device: ``auto``, ``cpu`` or ``cuda``.
    """

    optimizers: tuple[OptimizerChoice, ...]
    batch_rows: int
    epochs: int
    max_steps: int = 0
    patience: int | None = None
    clip_norm: float | None = None
    device: str = "auto"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Data:
    """Rows on the device, with targets, and weights whose mean is 1."""

    rows: Rows
    targets: Tensor
    weights: Tensor | None

    @classmethod
    def of(cls, data: Dataset, head: Head, device: torch.device) -> "_Data":
        weights = None
        if data.weights is not None:
            mean = float(data.weights.mean()) or 1.0
            weights = torch.from_numpy((data.weights / mean).astype(np.float32)).to(device)
        rows = Rows.of(data.features)
        targets = head.targets(data.labels)
        return cls(rows=rows.to(device), targets=targets.to(device), weights=weights)


def find_device(wanted: str) -> torch.device:
    """The device to train on.

    Raises:
        TerminalError: It is not there.
    """
    there = torch.cuda.is_available()
    if wanted == "cuda" and not there:
        raise TerminalError(
            "train.device is cuda, but PyTorch finds no GPU here",
            hint="leave train.device out, which takes a GPU where there is one",
        )
    return torch.device("cuda" if there and wanted != "cpu" else "cpu")


@contextmanager
def seeded(seed: int, threads: int, device: torch.device) -> Iterator[None]:
    """A block with its own random numbers and number of threads; nothing outside changes."""
    devices = [torch.cuda.current_device()] if device.type == "cuda" else []
    with at_most(threads), torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        yield


@contextmanager
def at_most(threads: int) -> Iterator[None]:
    """A block in which PyTorch uses so many threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def fit(
    network: nn.Module, head: Head, loss: RowLoss, settings: Settings, request: TrainRequest
) -> dict[str, list[float]]:
    """Train a network in place; it comes back on the CPU, in evaluation mode.

    Returns:
        The mean loss and the measure of each epoch, by data set.

    Raises:
        TerminalError: The loss became infinite or undefined, or the device is not there.
    """
    device = find_device(settings.device)
    network.to(device)
    training = _Data.of(request.training, head, device)
    held_out = None if request.validation is None else _Data.of(request.validation, head, device)
    session = _Session(
        network=network,
        head=head,
        loss=loss,
        settings=settings,
        optimizers=[build_optimizer(item, network) for item in settings.optimizers],
        steps_left=settings.max_steps or math.inf,
    )
    best = _Best(patience=settings.patience)
    for epoch in range(settings.epochs):
        if not session.train(training):
            break
        _check_finite(session.history["train-loss"][-1], epoch)
        if held_out is not None:
            session.judge(held_out)
        note = " ".join(f"{name} {values[-1]:.6g}" for name, values in session.history.items())
        request.progress(epoch + 1, settings.epochs, note)
        if held_out is not None and best.is_over(session.history["validate-loss"][-1], network):
            break
    best.restore(network)
    network.to(torch.device("cpu")).eval()
    return session.history


def best_epoch(settings: Settings, history: Mapping[str, list[float]]) -> int | None:
    """After how many epochs the validation loss was least; None where nobody waits for a better one."""
    losses = history.get("validate-loss")
    if settings.patience is None or not losses:
        return None
    return losses.index(min(losses)) + 1


@dataclass(slots=True, kw_only=True)
class _Session:
    """A training that goes on.

    Attributes:
        network: On the device.
        head: What its outputs mean.
        loss: What is made less.
        settings: Of the training.
        optimizers: At work.
        steps_left: How many steps may still be taken.
        history: So far.
    """

    network: nn.Module
    head: Head
    loss: RowLoss
    settings: Settings
    optimizers: list[Any]
    steps_left: float
    history: dict[str, list[float]] = field(default_factory=dict)

    def train(self, data: _Data) -> bool:
        """Train on all rows once; whether any step was taken."""
        self.network.train()
        # Sums stay on the device: to read a number of a GPU is to wait for it.
        total = torch.zeros(2, device=data.targets.device)
        seen = 0
        for places in _batches(self.network, len(data.rows), self.settings.batch_rows):
            if self.steps_left <= 0:
                break
            index = places.to(data.targets.device)
            losses, measured = self._forward(data, index)
            for optimizer in self.optimizers:
                optimizer.zero_grad(set_to_none=True)
            torch.autograd.backward(losses.mean())
            if self.settings.clip_norm is not None:
                nn.utils.clip_grad_norm_(self.network.parameters(), self.settings.clip_norm)
            for optimizer in self.optimizers:
                optimizer.step()
            total += torch.stack([losses.detach().sum(), measured])
            seen += len(index)
            self.steps_left -= 1
        if seen:
            self._record("train", (total / seen).tolist())
        return seen > 0

    def judge(self, data: _Data) -> None:
        """Look at rows that are not learnt from."""
        self.network.eval()
        total = torch.zeros(2, device=data.targets.device)
        with torch.inference_mode():
            places = torch.arange(len(data.rows), device=data.targets.device)
            for index in torch.split(places, PREDICT_ROWS):
                losses, measured = self._forward(data, index)
                total += torch.stack([losses.sum(), measured])
        self._record("validate", (total / len(data.rows)).tolist())

    def _forward(self, data: _Data, index: Tensor) -> tuple[Tensor, Tensor]:
        """The losses of some rows, and the sum of what is measured of them."""
        targets = data.targets[index]
        raw = self.network(data.rows.take(index))
        losses = self.loss(raw, targets)
        if data.weights is not None:
            losses = losses * data.weights[index]
        return losses, self.head.measured(raw.detach(), targets).sum()

    def _record(self, name: str, means: list[float]) -> None:
        loss, measured = means
        self.history.setdefault(f"{name}-loss", []).append(loss)
        value = self.head.measure_of(measured)
        self.history.setdefault(f"{name}-{self.head.measure}", []).append(value)


@dataclass(slots=True, kw_only=True)
class _Best:
    """The weights of the best epoch so far."""

    patience: int | None
    loss: float = math.inf
    waited: int = 0
    weights: Mapping[str, Tensor] | None = None

    def is_over(self, loss: float, network: nn.Module) -> bool:
        """Whether the loss got no better for long enough."""
        if self.patience is None:
            return False
        if loss < self.loss:
            self.loss, self.waited = loss, 0
            self.weights = {name: item.clone() for name, item in network.state_dict().items()}
            return False
        self.waited += 1
        return self.waited >= self.patience

    def restore(self, network: nn.Module) -> None:
        if self.weights is not None:
            network.load_state_dict(self.weights)


def _batches(network: nn.Module, rows: int, size: int) -> Iterator[Tensor]:
    normalises = any(
        isinstance(item, nn.modules.batchnorm._BatchNorm) for item in network.modules()
    )
    for batch in torch.split(torch.randperm(rows), size):
        # A batch of one row has no spread to normalise by.
        if len(batch) > 1 or not normalises:
            yield batch


def _check_finite(loss: float, epoch: int) -> None:
    if not math.isfinite(loss):
        raise TerminalError(
            f"the loss is {loss} after epoch {epoch + 1}: training went astray",
            hint="lower optimizer.learning_rate, or set train.clip_norm",
        )
