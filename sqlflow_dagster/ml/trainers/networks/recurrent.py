"""Recurrent networks over the steps of a sequence.

The steps of a row are those of its number vectors and of its ids in order, side by side; a row with fewer
steps than others ends earlier. What is no sequence joins the last state. For time series the
numbers of all steps also go to the outputs directly: recurrent layers alone lose the scale of their inputs
(Lai et al., Modeling Long- and Short-Term Temporal Patterns with Deep Neural Networks, 2018).
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence

from sqlflow_dagster.ml.trainers.networks.feed_forward import Part, chosen, read_part
from sqlflow_dagster.ml.trainers.networks.rows import Rows
from sqlflow_dagster.ml.trainers.networks.tables import LookupTable, Table

_CELLS: dict[str, Any] = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}


@dataclass(frozen=True, slots=True, kw_only=True)
class Recurrent:
    """What a recurrent network is built from.

    Attributes:
        outputs: How many numbers it says of a row.
        cell: ``rnn``, ``lstm`` or ``gru``.
        stack_units: The width of each recurrent layer, at least one.
        hidden_size: Neurons between the last state and the outputs; 0 for none.
        bidirectional: Whether each layer reads the steps backwards too.
        dropout: The share of neurons left out at each step of training.
        steps: The slots of each step, as many in each; none where ids alone make the steps.
        sequences: The tables whose vectors are steps.
        others: What is no sequence.
        direct: Whether the slots of all steps go to the outputs directly too.
    """

    outputs: int
    cell: str
    stack_units: tuple[int, ...]
    hidden_size: int
    bidirectional: bool
    dropout: float
    steps: tuple[tuple[int, ...], ...]
    sequences: tuple[Table, ...]
    others: Part
    direct: bool

    def to_json(self) -> dict[str, Any]:
        """The architecture as JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Recurrent":
        """An architecture from what :meth:`to_json` gave."""
        return cls(
            **{
                **data,
                "stack_units": tuple(data["stack_units"]),
                "steps": tuple(tuple(slots) for slots in data["steps"]),
                "sequences": tuple(Table(**table) for table in data["sequences"]),
                "others": read_part(data["others"]),
            }
        )

    def same_shape(self, other: Any) -> bool:
        """Whether weights of one fit the other."""
        return isinstance(other, Recurrent) and self == replace(other, dropout=self.dropout)

    def build(self) -> "RecurrentNetwork":
        """A network with random weights."""
        return RecurrentNetwork(self)


class RecurrentNetwork(nn.Module):
    """A recurrent network at work.

    Attributes:
        point_bags: The bag of each point after the first.
    """

    def __init__(self, architecture: Recurrent) -> None:
        super().__init__()
        self.steps = architecture.steps
        self.others = architecture.others.slots
        self.sequence_tables = nn.ModuleList(item.build() for item in architecture.sequences)
        self.tables = nn.ModuleList(item.build() for item in architecture.others.tables)
        self.dropout = nn.Dropout(architecture.dropout)
        width = len(self.steps[0]) if self.steps else 0
        width += sum(item.dimension for item in architecture.sequences)
        self.layers = nn.ModuleList()
        for units in architecture.stack_units:
            cell = _CELLS[architecture.cell]
            self.layers.append(
                cell(width, units, batch_first=True, bidirectional=architecture.bidirectional)
            )
            width = units * (2 if architecture.bidirectional else 1)
        width += len(self.others) + sum(item.dimension for item in architecture.others.tables)
        self.hidden = None
        if architecture.hidden_size:
            self.hidden = nn.Linear(width, architecture.hidden_size)
            width = architecture.hidden_size
        self.last = nn.Linear(width, architecture.outputs)
        numbers = sum(map(len, self.steps))
        self.direct = nn.Linear(numbers, architecture.outputs) if architecture.direct else None
        self.point_bags = tuple(
            item.bag for item in (*architecture.sequences, *architecture.others.tables)
        )

    def points(self, rows: Rows) -> tuple[Tensor, ...]:
        """What the outputs are a differentiable function of: the matrix, then a tensor per table."""
        steps = [table.in_order(rows.bags[table.bag])[0] for table in _tables(self.sequence_tables)]
        vectors = [table(rows.bags[table.bag]) for table in _tables(self.tables)]
        return (rows.matrix, *steps, *vectors)

    def outputs(self, points: Sequence[Tensor], rows: Rows) -> Tensor:
        """The outputs of rows, shape (n, outputs), from their points."""
        matrix, *rest = points
        count = len(self.sequence_tables)
        numbers = [chosen(matrix, slots) for slots in self.steps]
        sequences = [torch.stack(numbers, dim=1)] if numbers else []
        sequences += rest[:count]
        state = self._last_state(sequences, self._lengths(rows))
        joined = torch.cat([state, chosen(matrix, self.others), *rest[count:]], dim=1)
        if self.hidden is not None:
            joined = torch.relu(self.hidden(joined))
        found: Tensor = self.last(self.dropout(joined))
        return found if self.direct is None else found + self.direct(torch.cat(numbers, dim=1))

    def forward(self, rows: Rows) -> Tensor:
        """The outputs of rows, shape (n, outputs)."""
        return self.outputs(self.points(rows), rows)

    def _lengths(self, rows: Rows) -> Tensor:
        """How many steps each row has, at least one."""
        lengths = torch.full((len(rows),), max(1, len(self.steps)), device=rows.matrix.device)
        for table in _tables(self.sequence_tables):
            offsets = rows.bags[table.bag].offsets
            if offsets is not None:
                lengths = torch.maximum(lengths, offsets.diff())
        return lengths

    def _last_state(self, sequences: list[Tensor], lengths: Tensor) -> Tensor:
        """The state after the last step of each row, shape (n, width), of both directions."""
        longest = max(item.shape[1] for item in sequences)
        padded = [nn.functional.pad(item, (0, 0, 0, longest - item.shape[1])) for item in sequences]
        steps: Tensor | PackedSequence = torch.cat(padded, dim=2)
        if bool((lengths < longest).any()):
            steps = pack_padded_sequence(
                torch.cat(padded, dim=2), lengths.cpu(), batch_first=True, enforce_sorted=False
            )
        for layer in self.layers:
            steps, state = layer(steps)
        last: Tensor = state[0] if isinstance(state, tuple) else state
        return last.transpose(0, 1).flatten(1)


def _tables(modules: nn.ModuleList) -> list[LookupTable]:
    return list(modules)  # type: ignore[arg-type]
