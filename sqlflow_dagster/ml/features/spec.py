"""What a model knows of its inputs and its label: plain data, stored with the model as JSON.

Nothing here is derived again after training: PREDICT, EVALUATE and EXPLAIN read the same
specification, so a column means the same ever after.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, TypeAlias

from sqlflow_dagster.ml.tasks import FloatArray, LabelType, Task

Category: TypeAlias = str | int | bool
Class: TypeAlias = str | int | float | bool


class FeatureKind(StrEnum):
    """What a column is to a model."""

    NUMERIC = "numeric"
    BOOLEAN = "boolean"
    CATEGORY = "category"
    MOMENT = "moment"
    """A date or a timestamp; see :data:`sqlflow_dagster.ml.features.arrow_types.MOMENT_PARTS`."""


class Layout(StrEnum):
    """How columns become numbers.

    ``TREES``: one slot a number, NULL is NaN; one slot a category column, which holds the code of
    the category. ``SCALED``, for networks and linear models: numbers less their mean, in units of
    their standard deviation, NULL is the mean and a flag; one slot a category.
    """

    TREES = "trees"
    SCALED = "scaled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A number taken from a column.

    Attributes:
        name: Such as ``month``; empty where the column itself is the number.
        mean: Over the training rows that have a value.
        std: Population standard deviation over those rows; 1 where they are all equal.
    """

    name: str
    mean: float
    std: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """A source column that a model reads.

    Attributes:
        column: As the training SELECT spelt it.
        dtype: Its Arrow type at training, for messages.
        nulls: How many training rows had no value.
        parts: Of a number, a boolean or a moment.
        vocabulary: Of a category column: every known category, sorted.
        has_other: Whether training rows held categories outside the vocabulary, which was cut.
        one_hot: Whether a category column has one slot a category in every layout.
    """

    column: str
    kind: FeatureKind
    dtype: str
    nulls: int = 0
    parts: tuple[Part, ...] = ()
    vocabulary: tuple[Category, ...] = ()
    has_other: bool = False
    one_hot: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """One column of the encoded matrix.

    Attributes:
        column: The source column it came from.
        name: Such as ``age``, ``color=red`` or ``born.month``.
        category_code: Whether its values are codes of categories, not amounts.
    """

    column: str
    name: str
    category_code: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedTable:
    """Features as numbers.

    Attributes:
        matrix: float32, shape (n, slots).
        slots: What each column of the matrix is.
    """

    matrix: FloatArray
    slots: tuple[Slot, ...]

    def __len__(self) -> int:
        return int(self.matrix.shape[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureSpec:
    """The inputs of a model.

    Attributes:
        features: In the order of the training SELECT.
        layout: How they are encoded.
    """

    features: tuple[Feature, ...]
    layout: Layout

    @property
    def slots(self) -> tuple[Slot, ...]:
        """The columns of the encoded matrix, in order."""
        return tuple(slot for item in self.features for slot in slots_of(item, self.layout))

    def to_json(self) -> dict[str, Any]:
        """The specification as JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "FeatureSpec":
        """A specification from what :meth:`to_json` gave."""
        features = tuple(_feature(item) for item in data["features"])
        return cls(features=features, layout=Layout(data["layout"]))


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelSpec:
    """What a model predicts.

    Attributes:
        name: The label's column, as the training SELECT spelt it; of a model that learns without a
            label, what its predictions are called.
        type: Of the label. A regression predicts ``double``, whatever its label was.
        task: Of the model.
        classes: The label's values in index order, sorted; empty where nothing is classified.
        counts: How many training rows each class had.
        means: Of an amount, or of each amount of a vector, over the training rows.
        stds: Their population standard deviations; 1 where all are equal.
        separator: What parts the values of a text that is a list of classes or amounts.
    """

    name: str
    type: LabelType
    task: Task
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


def slots_of(feature: Feature, layout: Layout) -> Sequence[Slot]:
    """The slots that a column takes in a layout.

    In ``SCALED`` a flag for NULL exists only where training rows had one: a weight that no row ever
    touched would add noise the first time a NULL came.
    """
    column = feature.column
    if feature.kind is FeatureKind.CATEGORY and layout is Layout.TREES and not feature.one_hot:
        return [Slot(column=column, name=column, category_code=True)]
    if feature.kind is FeatureKind.CATEGORY:
        names = [f"{column}={item}" for item in feature.vocabulary]
        if feature.has_other:
            names.append(f"{column} is another")
    else:
        names = [f"{column}.{part.name}" if part.name else column for part in feature.parts]
    if feature.nulls and (layout is Layout.SCALED or feature.one_hot):
        names.append(f"{column} is NULL")
    return [Slot(column=column, name=name) for name in names]


def _feature(data: Mapping[str, Any]) -> Feature:
    return Feature(
        **{
            **data,
            "kind": FeatureKind(data["kind"]),
            "parts": tuple(Part(**part) for part in data["parts"]),
            "vocabulary": tuple(data["vocabulary"]),
        }
    )
