"""Which slots of an encoding are the steps of a sequence."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlflow_dagster.errors import TerminalError
from sqlflow_dagster.ml.features.feature import CellFormat, Encoding, Feature
from sqlflow_dagster.ml.features.spec import FeatureSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """The slots of an encoding.

    Attributes:
        steps: The slots of each step, as many in each.
        others: The slots that are no part of a step.
    """

    steps: tuple[tuple[int, ...], ...]
    others: tuple[int, ...]


def vector_steps(features: FeatureSpec, estimator: str) -> Steps:
    """The number vectors of a row side by side; a vector of vectors has several numbers a step.

    Raises:
        TerminalError: Vectors have different numbers of steps.
    """
    starts = _starts(features)
    vectors = [
        (feature, _shaped(range(start, start + len(feature.parts)), _steps_of(feature)))
        for feature, start in zip(features.features, starts, strict=True)
        if _is_vector(feature)
    ]
    counts = {len(steps): feature.name for feature, steps in vectors}
    if len(counts) > 1:
        (some, first), (other, second) = list(counts.items())[:2]
        raise TerminalError(
            f"{estimator} wants sequences of as many steps each, but {first!r} has {some} and "
            f"{second!r} has {other}",
            hint="pad the shorter ones in the SELECT",
        )
    return _joined([steps for _, steps in vectors], len(features.slots))


def series_steps(features: FeatureSpec, estimator: str, count: int, width: int) -> Steps:
    """The numbers of a row as ``count`` steps of ``width`` numbers each, in the order of the columns.

    Raises:
        TerminalError: There are more numbers or fewer.
    """
    numbers = [
        start + index
        for feature, start in zip(features.features, _starts(features), strict=True)
        if feature.encoding is Encoding.SCALED
        for index in range(len(feature.parts))
    ]
    if len(numbers) != count * width:
        raise TerminalError(
            f"{estimator} with model.n_in={count} and model.n_features={width} wants "
            f"{count * width} numbers a row, but the columns have {len(numbers)}",
            hint="set model.n_in to the number of steps and model.n_features to the numbers of each",
        )
    return _joined([_shaped(numbers, count)], len(features.slots))


def _joined(vectors: Sequence[Sequence[tuple[int, ...]]], slots: int) -> Steps:
    steps = tuple(
        tuple(slot for part in parts for slot in part) for parts in zip(*vectors, strict=True)
    )
    taken = {slot for step in steps for slot in step}
    return Steps(steps=steps, others=tuple(slot for slot in range(slots) if slot not in taken))


def _starts(features: FeatureSpec) -> list[int]:
    """The first slot of each feature."""
    starts = [0]
    for feature in features.features:
        starts.append(starts[-1] + len(feature.slots))
    return starts[:-1]


def _is_vector(feature: Feature) -> bool:
    return feature.encoding is Encoding.SCALED and feature.sources[0].cells is CellFormat.LIST


def _steps_of(feature: Feature) -> int:
    """The first dimension of a vector's shape: its parts are called ``0`` or ``0,1``."""
    return 1 + int(feature.parts[-1].name.partition(",")[0])


def _shaped(slots: Sequence[int], count: int) -> list[tuple[int, ...]]:
    width = len(slots) // count
    return [tuple(slots[step * width : (step + 1) * width]) for step in range(count)]
