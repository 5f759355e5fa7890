"""What a model knows of its inputs and its label: plain data, stored with the model as JSON.

Nothing here is derived again after training: PREDICT, EVALUATE and EXPLAIN read the same
specification, so a column means the same ever after.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from sqlflow_dagster.ml.features.feature import BagSlot, Feature, Slot, SourceColumn
from sqlflow_dagster.ml.tasks import FloatArray, LabelType, Task

Class: TypeAlias = str | int | float | bool


class Layout(StrEnum):
    """How columns become numbers.

    ``TREES``: one slot a number, NULL is NaN; one slot a category column, which holds the code of
    the category. ``SCALED``, for linear models: numbers less their mean, in units of their
    standard deviation, NULL is the mean and a flag; one slot a category. ``NETWORK``: as
    ``SCALED``, but categories that want vectors of their own are bags of ids.
    """

    TREES = "trees"
    SCALED = "scaled"
    NETWORK = "network"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bag:
    """The ids of one feature: row ``i`` has those from ``offsets[i]`` up to ``offsets[i + 1]``.

    Id 0 is an unknown category, 1 is NULL, the known ones follow. A row may have none.

    Attributes:
        slot: What is the same in every table.
        ids: int64, shape (ids,).
        offsets: int64, shape (n + 1,), from 0.
        weights: float32, shape (ids,); None where the slot is not weighted.
    """

    slot: BagSlot
    ids: npt.NDArray[np.int64]
    offsets: npt.NDArray[np.int64]
    weights: npt.NDArray[np.float32] | None = None

    def take(self, rows: npt.NDArray[np.int64]) -> "Bag":
        """The same of some rows, shape (k,), in their order."""
        lengths = np.diff(self.offsets)[rows]
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        # Where each id stands: from the start of its row, as far as it stands in its row.
        places = np.arange(offsets[-1]) + np.repeat(self.offsets[rows] - offsets[:-1], lengths)
        weights = None if self.weights is None else self.weights[places]
        return Bag(slot=self.slot, ids=self.ids[places], offsets=offsets, weights=weights)


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedTable:
    """Features as numbers.

    Attributes:
        matrix: float32, shape (n, slots).
        slots: What each column of the matrix is.
        bags: The features that are ids, in the layout ``NETWORK``.
    """

    matrix: FloatArray
    slots: tuple[Slot, ...]
    bags: tuple[Bag, ...] = ()

    def __len__(self) -> int:
        return int(self.matrix.shape[0])

    def take(self, rows: npt.NDArray[np.int64]) -> "EncodedTable":
        """Some rows, shape (k,), in their order."""
        bags = tuple(bag.take(rows) for bag in self.bags)
        return EncodedTable(matrix=self.matrix[rows], slots=self.slots, bags=bags)


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureSpec:
    """The inputs of a model.

    Attributes:
        features: Those of one column in the order of the training SELECT, then the crosses.
        layout: How they are encoded.
    """

    features: tuple[Feature, ...]
    layout: Layout

    @property
    def sources(self) -> tuple[SourceColumn, ...]:
        """The columns that a SELECT must give; one that is read in several ways stands once a way."""
        return tuple(dict.fromkeys(item for feature in self.features for item in feature.sources))

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the source columns."""
        return tuple(dict.fromkeys(item.column for item in self.sources))

    @property
    def keys(self) -> tuple[str, ...]:
        """The features that were derived from what looks like keys."""
        return tuple(item.name for item in self.features if item.looks_like_key)

    @property
    def slots(self) -> tuple[Slot, ...]:
        """The columns of the encoded matrix, in order."""
        return tuple(slot for item in self.features for slot in item.slots)

    @property
    def bag_slots(self) -> tuple[BagSlot, ...]:
        """The bags of an encoded table, in order."""
        return tuple(slot for item in self.features if (slot := item.bag_slot) is not None)

    def overview(self) -> list[dict[str, str | int]]:
        """A row for each feature, for people: what it is read from and what becomes of it."""
        return [item.overview() for item in self.features]

    def to_json(self) -> dict[str, Any]:
        """The specification as JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "FeatureSpec":
        """A specification from what :meth:`to_json` gave."""
        features = tuple(Feature.from_json(item) for item in data["features"])
        return cls(features=features, layout=Layout(data["layout"]))


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelSpec:
    """What a model predicts.

    Attributes:
        name: The label's column, as the training SELECT spelt it; of a model that learns without a
            label, what its predictions are called.
        type: Of the label.
        task: Of the model.
        dtype: The Arrow type of a predicted number, or of one in a list; None for the widest of its kind.
        classes: The label's values in index order, sorted; empty where nothing is classified.
        counts: How many training rows each class had.
        means: Of an amount, or of each amount of a vector, over the training rows; of several classes
            a row, the share of the rows that have each.
        stds: Their population standard deviations; 1 where all are equal.
        separator: What parts the values of a text that is a list of classes or amounts.
    """

    name: str
    type: LabelType
    task: Task
    dtype: str | None = None
    classes: tuple[Class, ...] = ()
    counts: tuple[int, ...] = ()
    means: tuple[float, ...] = (0.0,)
    stds: tuple[float, ...] = (1.0,)
    separator: str | None = None

    @property
    def is_list(self) -> bool:
        """Whether a label is a list: of amounts in a regression, else of classes."""
        return self.separator is not None or self.type in ("texts", "numbers")

    @property
    def column(self) -> str | None:
        """The label's column; None of a model that learns without one."""
        return self.name if self.task.supervised else None

    def to_json(self) -> dict[str, Any]:
        """The specification as JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "LabelSpec":
        """A specification from what :meth:`to_json` gave."""
        return cls(
            **{
                **data,
                "task": Task(data["task"]),
                "classes": tuple(data["classes"]),
                "counts": tuple(data["counts"]),
                "means": tuple(data["means"]),
                "stds": tuple(data["stds"]),
            }
        )
