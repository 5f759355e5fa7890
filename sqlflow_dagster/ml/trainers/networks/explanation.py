"""What each input added to the outputs of a network: integrated gradients.

Sundararajan, Taly, Yan: Axiomatic Attribution for Deep Networks, 2017.
"""

from collections.abc import Iterator, Sequence
from typing import Protocol

import torch
from torch import Tensor

from sqlflow_dagster.ml.trainers.networks.rows import Rows

_STEPS = 64
_ROWS = 4_096


class Explainable(Protocol):
    """A network that says what its outputs are a differentiable function of.

    Attributes:
        point_bags: The bag of each point after the first.
    """

    point_bags: tuple[int, ...]

    def points(self, rows: Rows) -> tuple[Tensor, ...]:
        """The matrix of rows, then a tensor for each look-up: (n, width) or (n, steps, width)."""

    def outputs(self, points: Sequence[Tensor], rows: Rows) -> Tensor:
        """The outputs of rows, shape (n, outputs)."""


def mean_points(network: Explainable, rows: Rows) -> tuple[Tensor, ...]:
    """Where explanations start: the mean of each point over rows; 0 for steps of a sequence."""
    sums: list[Tensor] = []
    with torch.inference_mode():
        for part in rows.parts(_ROWS):
            found = [_summed(point) for point in network.points(part)]
            sums = found if not sums else [a + b for a, b in zip(sums, found, strict=True)]
    return tuple((item / len(rows)).float().clone() for item in sums)


def _summed(point: Tensor) -> Tensor:
    if point.ndim > 2:
        return point.new_zeros(point.shape[-1])
    return point.sum(dim=0, dtype=torch.float64)


def integrated_gradients(
    network: Explainable, rows: Rows, baseline: Sequence[Tensor]
) -> tuple[Tensor, Tensor]:
    """What each slot and each bag added to each output on the straight way from a baseline.

    The integral is a sum over :data:`_STEPS` midpoints. What it misses at the kinks of the
    activations is spread over the inputs by their size, so that contributions add up exactly.

    Returns:
        Contributions, shape (n, outputs, slots + bags), and outputs of the baseline, shape
        (n, outputs).
    """
    found = [_explained(network, part, baseline) for part in rows.parts(_ROWS)]
    return torch.cat([item[0] for item in found]), torch.cat([item[1] for item in found])


def _explained(
    network: Explainable, rows: Rows, baseline: Sequence[Tensor]
) -> tuple[Tensor, Tensor]:
    with torch.no_grad():
        ends = network.points(rows)
        starts = [start.expand_as(end) for start, end in zip(baseline, ends, strict=True)]
        before, after = network.outputs(starts, rows), network.outputs(ends, rows)
    slots, outputs = ends[0].shape[1], after.shape[1]
    values = torch.zeros(len(rows), outputs, slots + len(rows.bags))
    for gradients, index in _gradients(network, rows, starts, ends):
        for point, gradient in enumerate(gradients):
            if gradient is None:
                continue
            added = gradient * (ends[point] - starts[point]) / _STEPS
            if point == 0:
                values[:, index, :slots] += added
            else:
                bag = network.point_bags[point - 1]
                values[:, index, slots + bag] += added.flatten(1).sum(dim=1)
    sizes = values.abs()
    missing = after - before - values.sum(dim=2)
    values += sizes / sizes.sum(dim=2, keepdim=True).clamp_min(1e-30) * missing[:, :, None]
    return values, before


def _gradients(
    network: Explainable, rows: Rows, starts: Sequence[Tensor], ends: Sequence[Tensor]
) -> Iterator[tuple[Sequence[Tensor | None], int]]:
    """The gradients of each output by all points, at each midpoint of the way."""
    for step in range(_STEPS):
        share = (step + 0.5) / _STEPS
        points = [
            (start + share * (end - start)).requires_grad_()
            for start, end in zip(starts, ends, strict=True)
        ]
        raw = network.outputs(points, rows)
        for index in range(raw.shape[1]):
            gradients = torch.autograd.grad(
                raw[:, index].sum(), points, retain_graph=True, allow_unused=True
            )
            yield gradients, index
