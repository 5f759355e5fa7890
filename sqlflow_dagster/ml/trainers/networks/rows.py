"""Encoded rows as tensors that batches are cut from by index.

A DataLoader that collects rows one by one would take several times as long as the network itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from sqlflow_dagster.ml.features.feature import Combiner
from sqlflow_dagster.ml.features.spec import Bag, EncodedTable


@dataclass(frozen=True, slots=True, kw_only=True)
class BagRows:
    """The ids of one feature: row ``i`` has those from ``offsets[i]`` up to ``offsets[i + 1]``.

    Attributes:
        ids: int64, shape (ids,).
        offsets: int64, shape (n + 1,); None where each row has one id, which weighs 1.
        weights: float32, shape (ids,); None where each weighs 1.
        divisors: What a row's sum of vectors is divided by, shape (n, 1), by combiner.
    """

    ids: Tensor
    offsets: Tensor | None = None
    weights: Tensor | None = None
    divisors: Mapping[Combiner, Tensor] = field(default_factory=dict)

    @classmethod
    def of(cls, bag: Bag) -> "BagRows":
        """The tensors of a bag."""
        ids, offsets = torch.from_numpy(bag.ids), torch.from_numpy(bag.offsets)
        lengths = offsets.diff()
        if bag.weights is None and bool((lengths == 1).all()):
            return cls(ids=ids)
        weights = None if bag.weights is None else torch.from_numpy(bag.weights)
        each = torch.ones(len(ids)) if weights is None else weights
        rows = torch.repeat_interleave(torch.arange(len(lengths)), lengths)
        zeros = torch.zeros(len(lengths))
        totals = zeros.index_add(0, rows, each)
        roots = zeros.index_add(0, rows, each.square()).sqrt()
        divisors: dict[Combiner, Tensor] = {"mean": _divisor(totals), "sqrtn": _divisor(roots)}
        return cls(ids=ids, offsets=offsets, weights=weights, divisors=divisors)

    def take(self, rows: Tensor) -> "BagRows":
        """The same of some rows, shape (k,), in their order."""
        if self.offsets is None:
            return BagRows(ids=self.ids[rows])
        lengths = self.offsets.diff()[rows]
        offsets = torch.nn.functional.pad(lengths.cumsum(0), (1, 0))
        shifts = torch.repeat_interleave(self.offsets[rows] - offsets[:-1], lengths)
        places = torch.arange(len(shifts), device=shifts.device) + shifts
        return BagRows(
            ids=self.ids[places],
            offsets=offsets,
            weights=None if self.weights is None else self.weights[places],
            divisors={name: item[rows] for name, item in self.divisors.items()},
        )

    def to(self, device: torch.device) -> "BagRows":
        """The same on a device."""
        return BagRows(
            ids=self.ids.to(device),
            offsets=None if self.offsets is None else self.offsets.to(device),
            weights=None if self.weights is None else self.weights.to(device),
            divisors={name: item.to(device) for name, item in self.divisors.items()},
        )


def _divisor(sums: Tensor) -> Tensor:
    """Sums of weights, shape (n, 1); a row whose weights are 0 has the vector 0 all the same."""
    return torch.where(sums == 0, 1.0, sums)[:, None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Encoded rows.

    Attributes:
        matrix: float32, shape (n, slots).
        bags: In the order of the encoding.
    """

    matrix: Tensor
    bags: tuple[BagRows, ...] = ()

    @classmethod
    def of(cls, table: EncodedTable) -> "Rows":
        """The tensors of an encoded table."""
        return cls(
            matrix=torch.from_numpy(table.matrix), bags=tuple(BagRows.of(bag) for bag in table.bags)
        )

    def __len__(self) -> int:
        return len(self.matrix)

    def take(self, rows: Tensor) -> "Rows":
        """Some rows, shape (k,), in their order."""
        return Rows(matrix=self.matrix[rows], bags=tuple(bag.take(rows) for bag in self.bags))

    def to(self, device: torch.device) -> "Rows":
        """The same on a device."""
        return Rows(matrix=self.matrix.to(device), bags=tuple(bag.to(device) for bag in self.bags))

    def parts(self, size: int) -> "list[Rows]":
        """All rows, at most so many at a time."""
        if len(self) <= size:
            return [self]
        return [self.take(part) for part in torch.split(torch.arange(len(self)), size)]
