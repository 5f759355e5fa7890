"""Networks whose layers follow each other: deep, linear, and both side by side.

Deep and wide as in Cheng et al., Wide & Deep Learning for Recommender Systems, 2016: the outputs of a
linear model and of a deep one are added up and trained together.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from sqlflow_dagster.ml.trainers.networks.rows import Rows
from sqlflow_dagster.ml.trainers.networks.tables import LookupTable, Table

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part of a network.

    Attributes:
        slots: The columns of the encoded matrix that it reads.
        tables: What it looks up.
    """

    slots: tuple[int, ...]
    tables: tuple[Table, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layers:
    """The hidden layers of a deep part.

    Attributes:
        hidden_units: Neurons of each layer; none make a linear model.
        activation: A key of the activations.
        dropout: The share of neurons left out at each step of training.
        batch_norm: Whether each layer is normalised over the batch.
    """

    hidden_units: tuple[int, ...]
    activation: str
    dropout: float
    batch_norm: bool

    def build(self, width: int, outputs: int) -> nn.Sequential:
        """The layers from ``width`` numbers to ``outputs``, with random weights."""
        layers: list[nn.Module] = []
        for units in self.hidden_units:
            layers.append(nn.Linear(width, units))
            if self.batch_norm:
                layers.append(nn.BatchNorm1d(units))
            layers.append(_ACTIVATIONS[self.activation]())
            if self.dropout:
                layers.append(nn.Dropout(self.dropout))
            width = units
        return nn.Sequential(*layers, nn.Linear(width, outputs))


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedForward:
    """What a network is built from: at least one of two parts.

    Attributes:
        outputs: How many numbers it says of a row.
        linear: The part that weighs each slot and each id; None without one.
        deep: The part with hidden layers; None without one.
        layers: Of the deep part; None without one.
    """

    outputs: int
    linear: Part | None
    deep: Part | None
    layers: Layers | None

    def to_json(self) -> dict[str, Any]:
        """The architecture as JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "FeedForward":
        """An architecture from what :meth:`to_json` gave."""
        layers = data["layers"]
        return cls(
            outputs=data["outputs"],
            linear=data["linear"] and read_part(data["linear"]),
            deep=data["deep"] and read_part(data["deep"]),
            layers=layers and Layers(**{**layers, "hidden_units": tuple(layers["hidden_units"])}),
        )

    def same_shape(self, other: Any) -> bool:
        """Whether weights of one fit the other."""
        return isinstance(other, FeedForward) and _undropped(self) == _undropped(other)

    def build(self) -> "FeedForwardNetwork":
        """A network with random weights."""
        return FeedForwardNetwork(self)


class FeedForwardNetwork(nn.Module):
    """A network at work.

    Attributes:
        point_bags: The bag of each point after the first.
    """

    def __init__(self, architecture: FeedForward) -> None:
        super().__init__()
        linear, deep = architecture.linear, architecture.deep
        self.linear = None if linear is None else _Linear(linear, architecture.outputs)
        self.deep = None
        if deep is not None and architecture.layers is not None:
            self.deep = _Deep(deep, architecture.layers, architecture.outputs)
        self.point_bags = tuple(
            table.bag for part in (linear, deep) if part is not None for table in part.tables
        )

    def points(self, rows: Rows) -> tuple[Tensor, ...]:
        """What the outputs are a differentiable function of: the matrix, then a tensor per table."""
        parts = [part for part in (self.linear, self.deep) if part is not None]
        return (
            rows.matrix,
            *(table(rows.bags[table.bag]) for part in parts for table in _tables(part)),
        )

    def outputs(self, points: Sequence[Tensor], rows: Rows) -> Tensor:
        """The outputs of rows, shape (n, outputs), from their points."""
        matrix, *vectors = points
        if self.linear is None:
            assert self.deep is not None
            found: Tensor = self.deep(matrix, vectors)
            return found
        count = len(self.linear.tables)
        weighed: Tensor = self.linear(matrix, vectors[:count])
        return weighed if self.deep is None else weighed + self.deep(matrix, vectors[count:])

    def forward(self, rows: Rows) -> Tensor:
        """The outputs of rows, shape (n, outputs)."""
        return self.outputs(self.points(rows), rows)


class _Linear(nn.Module):
    """A number for each slot and each id, all added up; they start at 0."""

    def __init__(self, part: Part, outputs: int) -> None:
        super().__init__()
        self.slots = part.slots
        self.weight = nn.Parameter(torch.zeros(outputs, len(part.slots)))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.tables = nn.ModuleList(table.build() for table in part.tables)

    def forward(self, matrix: Tensor, vectors: Sequence[Tensor]) -> Tensor:
        found = nn.functional.linear(chosen(matrix, self.slots), self.weight, self.bias)
        for vector in vectors:
            found = found + vector
        return found


class _Deep(nn.Module):
    """Slots and vectors side by side, then layers."""

    def __init__(self, part: Part, layers: Layers, outputs: int) -> None:
        super().__init__()
        self.slots = part.slots
        self.tables = nn.ModuleList(table.build() for table in part.tables)
        width = len(part.slots) + sum(table.dimension for table in part.tables)
        self.layers = layers.build(width, outputs)

    def forward(self, matrix: Tensor, vectors: Sequence[Tensor]) -> Tensor:
        inputs = chosen(matrix, self.slots)
        found: Tensor = self.layers(torch.cat([inputs, *vectors], dim=1) if vectors else inputs)
        return found


def chosen(matrix: Tensor, slots: tuple[int, ...]) -> Tensor:
    """Some columns of a matrix; those that are neighbours are not copied."""
    start = slots[0] if slots else 0
    end = start + len(slots)
    return matrix[:, start:end] if slots == tuple(range(start, end)) else matrix[:, list(slots)]


def _undropped(architecture: FeedForward) -> FeedForward:
    """The same but for dropout, which has no weights."""
    layers = architecture.layers
    return replace(architecture, layers=layers and replace(layers, dropout=0.0))


def _tables(part: "_Linear | _Deep") -> list[LookupTable]:
    return list(part.tables)  # type: ignore[arg-type]


def read_part(data: Mapping[str, Any]) -> Part:
    """A part from its fields as JSON values."""
    return Part(
        slots=tuple(data["slots"]), tables=tuple(Table(**table) for table in data["tables"])
    )
