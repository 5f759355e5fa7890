"""What COLUMN says of columns, before a row is read: features that are not fitted yet."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

import pyarrow as pa

from sqlflow_dagster.ml.features.feature import DEFAULT_INPUT, Embedding
from sqlflow_dagster.source import Span


class Reading(StrEnum):
    """How the cells of a column are read."""

    PLAIN = "plain"
    """As the rows suggest: a value, a list or pairs."""
    DENSE = "dense"
    """As a list of numbers, of the same length in every row."""
    SPARSE = "sparse"
    """As any number of ids, or of keys with weights."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cells:
    """A column and how its cells are read.

    Attributes:
        column: As the SELECT spells it.
        type: As the engine gives it.
        reading: What COLUMN says of the cells.
        shape: How many numbers or ids there are; empty where rows tell.
        delimiter: Between values; None where rows tell.
        pair_delimiter: Between a key and its weight; None where rows tell.
    """

    column: str
    type: pa.DataType
    reading: Reading = Reading.PLAIN
    shape: tuple[int, ...] = ()
    delimiter: str | None = None
    pair_delimiter: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Derived:
    """Whatever type and rows of a column suggest."""

    cells: Cells


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """Numbers as they are."""

    cells: Cells


@dataclass(frozen=True, slots=True, kw_only=True)
class Buckets:
    """Numbers by the interval they lie in.

    Attributes:
        cells: Of numbers.
        boundaries: Between the intervals, strictly ascending; or how many intervals of about as
            many rows each there shall be.
    """

    cells: Cells
    boundaries: int | tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Categories:
    """Values that are alike or different.

    Attributes:
        cells: Of the values.
        size: How many categories are kept, the most frequent; of a hash, how many there are. None
            for all.
        hashed: Whether a hash makes the ids, not a vocabulary.
        weighted: Whether the weights of pairs count.
        sequence: Whether the order of the values in a cell counts.
    """

    cells: Cells
    size: int | None = None
    hashed: bool = False
    weighted: bool = False
    sequence: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Cross:
    """Combinations of values.

    Attributes:
        keys: What is combined; cells are taken as single values.
        size: How many ids the combinations are hashed to.
    """

    keys: "tuple[Cells | Buckets | Categories, ...]"
    size: int


Content: TypeAlias = Derived | Numbers | Buckets | Categories | Cross


@dataclass(frozen=True, slots=True, kw_only=True)
class Treatment:
    """A feature that is not fitted yet.

    Attributes:
        content: What it is.
        name: See :class:`~sqlflow_dagster.ml.features.feature.Feature`.
        text: As COLUMN has it: its name where another feature has the shorter one.
        one_hot: Whether each category has a slot of its own in every layout.
        embedding: The vectors that a network looks up; None where it decides.
        input: The input of the model that it feeds.
        listed: Whether COLUMN named it.
        span: Where COLUMN speaks of it.
    """

    content: Content
    name: str
    text: str = ""
    one_hot: bool = False
    embedding: Embedding | None = None
    input: str = DEFAULT_INPUT
    listed: bool = False
    span: Span | None = field(default=None, compare=False, repr=False)

    @property
    def cells(self) -> tuple[Cells, ...]:
        """The columns it is read from."""
        return tuple(cells_of(self.content))


def cells_of(content: Content | Cells) -> Iterator[Cells]:
    """The columns that something is read from."""
    match content:
        case Cells():
            yield content
        case Cross(keys=keys):
            for key in keys:
                yield from cells_of(key)
        case Derived(cells=cells) | Numbers(cells=cells) | Buckets(cells=cells):
            yield cells
        case Categories(cells=cells):
            yield cells
