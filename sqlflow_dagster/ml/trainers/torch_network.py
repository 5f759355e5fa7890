"""The networks behind the PyTorch estimators: building, training, explaining, storing.

This module imports torch at the top; it is itself imported only where a network is at work.
"""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors import __version__ as safetensors_version
from safetensors.torch import load, save
from torch import Tensor, nn

from sqlflow_dagster.errors import TerminalError
from sqlflow_dagster.ml.base import Dataset, TrainRequest
from sqlflow_dagster.ml.tasks import FloatArray

_ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "selu": nn.SELU,
    "silu": nn.SiLU,
    "leaky_relu": nn.LeakyReLU,
}
_BASELINE = "explain.baseline"
_GRADIENT_STEPS = 64
_PREDICT_ROWS = 16_384


@dataclass(frozen=True, slots=True, kw_only=True)
class Architecture:
    """What a network is built from.

    Attributes:
        inputs: Slots of the encoding.
        outputs: 1 for a regression or two classes, else the number of classes.
        hidden_units: Neurons of each hidden layer; none make a linear model.
        activation: A key of the activations.
        dropout: The share of neurons left out at each step of training.
        batch_norm: Whether each hidden layer is normalised over the batch.
        classifies: Whether outputs are scores of classes.
        target_mean: What a regression adds to the output, after ``target_std``.
        target_std: What a regression multiplies the output by.
    """

    inputs: int
    outputs: int
    hidden_units: tuple[int, ...]
    activation: str
    dropout: float
    batch_norm: bool
    classifies: bool
    target_mean: float
    target_std: float

    def to_json(self) -> dict[str, Any]:
        """The architecture as JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Architecture":
        """An architecture from what :meth:`to_json` gave."""
        return cls(**{**data, "hidden_units": tuple(data["hidden_units"])})

    def same_shape(self, other: "Architecture") -> bool:
        """Whether weights of one fit the other."""
        return self == replace(other, dropout=self.dropout)

    def unscaled(self, raw: FloatArray) -> FloatArray:
        """Network outputs as amounts of the label."""
        return raw * self.target_std + self.target_mean

    def build(self) -> nn.Sequential:
        """A network with random weights."""
        layers: list[nn.Module] = []
        width = self.inputs
        for units in self.hidden_units:
            layers.append(nn.Linear(width, units))
            if self.batch_norm:
                layers.append(nn.BatchNorm1d(units))
            layers.append(_ACTIVATIONS[self.activation]())
            layers.append(nn.Dropout(self.dropout))
            width = units
        return nn.Sequential(*layers, nn.Linear(width, self.outputs))


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How a network is trained.

    Attributes:
        optimizer: The name of a class of ``torch.optim``.
        optimizer_options: Its arguments.
        batch_rows: Rows in a step.
        epochs: Passes over the training rows.
        max_steps: Steps after which training ends in any case; 0 for no such end.
    """

    optimizer: str
    optimizer_options: Mapping[str, Any]
    batch_rows: int
    epochs: int
    max_steps: int


def versions() -> dict[str, str]:
    """The libraries at work."""
    return {"torch": str(torch.__version__), "safetensors": safetensors_version}


def train(
    architecture: Architecture, settings: Settings, request: TrainRequest, base: nn.Module | None
) -> tuple[nn.Sequential, dict[str, list[float]]]:
    """Train a network; the same request gives the same weights.

    Args:
        architecture: The network.
        settings: The loop.
        request: Its data, seed, threads and progress callback.
        base: A network of the same shape whose weights to start from.

    Returns:
        The network in evaluation mode, and the mean loss of each epoch by data set.

    Raises:
        TerminalError: The loss became infinite or undefined.
    """
    with _threads(request.threads), torch.random.fork_rng(devices=[]):
        torch.manual_seed(request.seed)
        network = architecture.build()
        if base is not None:
            network.load_state_dict(base.state_dict())
        history = _loop(network, architecture, settings, request)
    return network.eval(), history


def forward(network: nn.Module, matrix: FloatArray, *, threads: int) -> FloatArray:
    """Raw outputs, float32 of shape (n, outputs)."""
    with _threads(threads), torch.inference_mode():
        parts = torch.split(torch.from_numpy(matrix), _PREDICT_ROWS)
        return torch.cat([network(part) for part in parts]).numpy()


def integrated_gradients(
    network: nn.Module, matrix: FloatArray, baseline: FloatArray, *, threads: int
) -> tuple[FloatArray, FloatArray]:
    """What each slot added to each output on the straight way from a baseline row.

    The integral is a sum over :data:`_GRADIENT_STEPS` midpoints. What it misses at the kinks of the
    activations is spread over the slots by their size, so that contributions add up exactly.

    Returns:
        Contributions, shape (n, outputs, slots), and outputs of the baseline, shape (n, outputs).
    """
    rows, start = torch.from_numpy(matrix), torch.from_numpy(baseline)
    with _threads(threads):
        with torch.inference_mode():
            base, ends = network(start[None, :]), network(rows)
        sums = torch.zeros(len(rows), ends.shape[1], rows.shape[1])
        for step in range(_GRADIENT_STEPS):
            share = (step + 0.5) / _GRADIENT_STEPS
            point = (start + share * (rows - start)).requires_grad_()
            outputs = network(point)
            for index in range(outputs.shape[1]):
                (gradient,) = torch.autograd.grad(outputs[:, index].sum(), point, retain_graph=True)
                sums[:, index] += gradient
        values = sums / _GRADIENT_STEPS * (rows - start)[:, None, :]
        sizes = values.abs()
        missing = (ends - base).clone() - values.sum(dim=2)
        values += sizes / sizes.sum(dim=2, keepdim=True).clamp_min(1e-30) * missing[:, :, None]
    return values.numpy(), base.expand(len(rows), -1).numpy()


def to_safetensors(network: nn.Module, baseline: FloatArray) -> bytes:
    """The weights of a network, and the baseline of its explanations."""
    return save({**network.state_dict(), _BASELINE: torch.from_numpy(baseline)})


def from_safetensors(architecture: Architecture, data: bytes) -> tuple[nn.Sequential, FloatArray]:
    """A network and its baseline from :func:`to_safetensors`.

    Raises:
        ValueError: The bytes are no safetensors.
        KeyError: The baseline is missing.
        RuntimeError: The weights do not fit the architecture.
    """
    try:
        tensors = load(data)
    except SafetensorError as error:
        raise ValueError(str(error)) from error
    baseline = tensors.pop(_BASELINE).numpy()
    with torch.device("meta"):  # no memory for weights that are about to be replaced
        network = architecture.build()
    network.load_state_dict(tensors, assign=True)
    return network.eval(), baseline


def _loop(
    network: nn.Module, architecture: Architecture, settings: Settings, request: TrainRequest
) -> dict[str, list[float]]:
    inputs, targets = _tensors(request.training, architecture)
    validation = _tensors(request.validation, architecture) if request.validation else None
    loss_of = _loss(architecture)
    optimizer = getattr(torch.optim, settings.optimizer)(
        network.parameters(), **_arguments(settings.optimizer_options)
    )
    steps = settings.max_steps or math.inf
    history: dict[str, list[float]] = {"train-loss": []}
    for epoch in range(settings.epochs):
        network.train()
        total, seen = 0.0, 0
        for rows in _batches(len(inputs), settings.batch_rows, architecture.batch_norm):
            if steps <= 0:
                break
            optimizer.zero_grad(set_to_none=True)
            loss = loss_of(network(inputs[rows]), targets[rows])
            loss.backward()
            optimizer.step()
            total, seen, steps = total + loss.item() * len(rows), seen + len(rows), steps - 1
        if not seen:
            break
        history["train-loss"].append(_finite(total / seen, epoch))
        if validation is not None:
            network.eval()
            with torch.inference_mode():
                loss = loss_of(network(validation[0]), validation[1])
            history.setdefault("validate-loss", []).append(loss.item())
        note = " ".join(f"{name} {values[-1]:.6g}" for name, values in history.items())
        request.progress(epoch + 1, settings.epochs, note)
    return history


def _batches(rows: int, size: int, batch_norm: bool) -> Iterator[Tensor]:
    for batch in torch.split(torch.randperm(rows), size):
        # A batch of one row has no spread to normalise by.
        if len(batch) > 1 or not batch_norm:
            yield batch


def _tensors(data: Dataset, architecture: Architecture) -> tuple[Tensor, Tensor]:
    inputs = torch.from_numpy(data.features.matrix)
    if architecture.outputs > 1:
        return inputs, torch.from_numpy(data.labels)
    targets = data.labels.astype(np.float64)
    if not architecture.classifies:
        targets = (targets - architecture.target_mean) / architecture.target_std
    return inputs, torch.from_numpy(targets.astype(np.float32))[:, None]


def _loss(architecture: Architecture) -> nn.Module:
    if not architecture.classifies:
        return nn.MSELoss()
    return nn.BCEWithLogitsLoss() if architecture.outputs == 1 else nn.CrossEntropyLoss()


def _arguments(options: Mapping[str, Any]) -> dict[str, Any]:
    return {name: tuple(item) if isinstance(item, list) else item for name, item in options.items()}


def _finite(loss: float, epoch: int) -> float:
    if not math.isfinite(loss):
        raise TerminalError(
            f"the loss is {loss} after epoch {epoch + 1}: training went astray",
            hint="lower optimizer.learning_rate",
        )
    return loss


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
