"""One feature of a model: which columns it is read from, and which numbers it becomes.

All of it is plain data, stored with the model. A feature is *fitted*: what only rows tell (means,
vocabularies, boundaries, the format of cells) stands in it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Any, Literal, TypeAlias

Category: TypeAlias = str | int | bool
Combiner: TypeAlias = Literal["sum", "mean", "sqrtn"]

DEFAULT_INPUT = "feature_columns"
"""The input of a model that has only one, as ``COLUMN … FOR`` names it."""

UNKNOWN_ID = 0
"""The id in a bag of a category that training did not know, or that was cut."""
NULL_ID = 1
"""The id in a bag of NULL."""
RESERVED_IDS = 2
"""How many ids stand before those of the known categories in a bag."""


class ColumnType(StrEnum):
    """What a column must be to be read as it was at training."""

    NUMBER = "number"
    """Whole or not, a decimal or a boolean."""
    TEXT = "text"
    """Text, or a date, which is read as ``2026-01-31``."""
    MOMENT = "moment"
    """A date or a timestamp; see :data:`sqlflow_dagster.ml.features.arrow_types.MOMENT_PARTS`."""
    ARRAY = "array"
    """A list of the engine's own."""


class CellFormat(StrEnum):
    """How many values a cell holds."""

    SINGLE = "single"
    LIST = "list"
    """Several: ``1,2,3``, or an array."""
    PAIRS = "pairs"
    """Keys with weights: ``3:0.5 7:1``."""


class Encoding(StrEnum):
    """What becomes of a feature."""

    NUMBERS = "numbers"
    """A slot for each number; NULL is NaN."""
    SCALED = "scaled"
    """A slot for each number, less its mean, in units of its standard deviation; NULL is 0."""
    CODE = "code"
    """One slot, the code of the category; NULL is NaN, an unknown category the code after the last."""
    ORDINAL = "ordinal"
    """One slot, the number of the bucket from 0; NULL is NaN."""
    ONE_HOT = "one_hot"
    """A slot for each category: 1, or its weight, where the row has it."""
    BAG = "bag"
    """Ids to look vectors up by; no slot."""


class IdMethod(StrEnum):
    """How values become ids."""

    VOCABULARY = "vocabulary"
    """A known category's place in the vocabulary."""
    HASH = "hash"
    """CRC-32 of the value's UTF-8 text, modulo a size."""
    BUCKET = "bucket"
    """How many boundaries are less than or equal to the number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceColumn:
    """A column that a model reads.

    Attributes:
        column: As the training SELECT spelt it.
        dtype: Its Arrow type at training, for messages.
        type: What it must be.
        cells: What a cell holds.
        delimiter: Between the values of a text cell; a blank stands for any white space.
        pair_delimiter: Between a key and its weight.
    """

    column: str
    dtype: str
    type: ColumnType
    cells: CellFormat = CellFormat.SINGLE
    delimiter: str = ""
    pair_delimiter: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A number taken from a cell.

    Attributes:
        name: ``month`` of a moment, ``0`` or ``0,1`` of a list; empty where the cell is the number.
        mean: Over the training rows that have a value; 0 where the encoding does not scale.
        std: Population standard deviation over those rows; 1 where they are all equal, or where
            the encoding does not scale.
    """

    name: str
    mean: float = 0.0
    std: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class IdRule:
    """How the values of one column become ids from 0.

    Attributes:
        method: Which of the following counts.
        vocabulary: Every known category, sorted.
        size: Of a hash.
        boundaries: Of buckets, strictly ascending.
        positions: How many numbers a cell has; the ids of the second follow those of the first.
    """

    method: IdMethod
    vocabulary: tuple[Category, ...] = ()
    size: int = 0
    boundaries: tuple[float, ...] = ()
    positions: int = 1

    @property
    def count(self) -> int:
        """How many ids there are."""
        match self.method:
            case IdMethod.VOCABULARY:
                return len(self.vocabulary)
            case IdMethod.HASH:
                return self.size
            case IdMethod.BUCKET:
                return self.positions * (len(self.boundaries) + 1)

    def names(self) -> Iterator[str]:
        """What each id stands for, to be put after the name of a feature."""
        match self.method:
            case IdMethod.VOCABULARY:
                yield from (f"={item}" for item in self.vocabulary)
            case IdMethod.HASH:
                yield from (f"#{index}" for index in range(self.size))
            case IdMethod.BUCKET:
                places = [""] if self.positions == 1 else [f"[{i}]" for i in range(self.positions)]
                yield from (f"{place}{item}" for place in places for item in self._intervals())

    def _intervals(self) -> Iterator[str]:
        ends = [f"{item:g}" for item in self.boundaries]
        yield f" < {ends[0]}" if ends else " is any"
        yield from (f" in [{low}, {high})" for low, high in pairwise(ends))
        if ends:
            yield f" >= {ends[-1]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedding:
    """How a network looks vectors up.

    Attributes:
        dimension: Of the vectors.
        combiner: How the vectors of one cell become one: their (weighted) sum, the sum divided by
            the sum of the weights, or by the root of the sum of their squares.
        initializer: ``normal``, ``uniform`` or ``zeros``; None for what the network thinks best.
        sequence: Whether the order of the ids in a cell counts, so that they are not combined.
    """

    dimension: int
    combiner: Combiner = "mean"
    initializer: str | None = None
    sequence: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """One column of the encoded matrix.

    Attributes:
        column: What explanations count it to: the source column; a CROSS counts for itself.
        name: Such as ``age``, ``color=red`` or ``born.month``.
        category_code: Whether its values are codes of categories, not amounts.
        input: Of the model.
    """

    column: str
    name: str
    category_code: bool = False
    input: str = DEFAULT_INPUT


@dataclass(frozen=True, slots=True, kw_only=True)
class BagSlot:
    """What is the same of a bag in every table.

    Attributes:
        name: Of the feature.
        column: What explanations count it to, see :class:`Slot`.
        size: How many ids there are, :data:`RESERVED_IDS` included.
        dimension: Of the vectors; see :class:`Embedding` for the following.
        combiner: How the vectors of one row become one.
        initializer: Of the vectors.
        sequence: Whether the order of a row's ids counts.
        weighted: Whether ids have weights.
        input: Of the model.
    """

    name: str
    column: str
    size: int
    dimension: int
    combiner: Combiner = "mean"
    initializer: str | None = None
    sequence: bool = False
    weighted: bool = False
    input: str = DEFAULT_INPUT


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """A feature of a model.

    Attributes:
        name: The source column, or a text such as ``BUCKET(age)`` or ``CROSS(a, b)``.
        sources: What it is read from; more than one for a CROSS.
        encoding: What becomes of it.
        input: The input of the model that it feeds.
        listed: Whether COLUMN named it; else it was derived.
        nulls: How many training rows had no value.
        null_flag: Whether it has a slot that is 1 where the value is NULL.
        parts: Of numbers: one a slot.
        ids: Of categories: how each of the sources becomes ids.
        cross_size: Of a CROSS: modulo what the ids of its sources are hashed together.
        has_other: Whether training rows held categories outside the vocabulary, which was cut.
        weighted: Whether ids have the weights of their pairs; else each weighs 1.
        embedding: Of a bag.
        looks_like_key: Whether it was derived from a column whose values are all different whole
            numbers or texts.
    """

    name: str
    sources: tuple[SourceColumn, ...]
    encoding: Encoding
    input: str = DEFAULT_INPUT
    listed: bool = False
    nulls: int = 0
    null_flag: bool = False
    parts: tuple[Part, ...] = ()
    ids: tuple[IdRule, ...] = ()
    cross_size: int = 0
    has_other: bool = False
    weighted: bool = False
    embedding: Embedding | None = None
    looks_like_key: bool = False

    @property
    def explained_as(self) -> str:
        """What explanations count it to: its one source column, else its name."""
        return self.sources[0].column if len(self.sources) == 1 else self.name

    @property
    def id_count(self) -> int:
        """How many ids its values become, without those of unknown categories and NULL."""
        return self.cross_size or self.ids[0].count

    @property
    def slots(self) -> tuple[Slot, ...]:
        """The columns of the encoded matrix that it fills, in order."""
        return tuple(
            Slot(
                column=self.explained_as,
                name=name,
                category_code=self.encoding is Encoding.CODE,
                input=self.input,
            )
            for name in self._slot_names()
        )

    @property
    def bag_slot(self) -> BagSlot | None:
        """The bag that it fills; None where it fills slots."""
        if self.embedding is None:
            return None
        return BagSlot(
            name=self.name,
            column=self.explained_as,
            size=self.id_count + RESERVED_IDS,
            dimension=self.embedding.dimension,
            combiner=self.embedding.combiner,
            initializer=self.embedding.initializer,
            sequence=self.embedding.sequence,
            weighted=self.weighted,
            input=self.input,
        )

    def overview(self) -> dict[str, str | int]:
        """The feature for people: what it is read from and what becomes of it."""
        bag = self.bag_slot
        encoding = self.encoding.replace("_", "-")
        return {
            "feature": self.name,
            "input": self.input,
            "from": "COLUMN" if self.listed else "derived",
            "type": ", ".join(item.dtype for item in self.sources),
            "encoding": f"{bag.size} vectors of {bag.dimension}" if bag else encoding,
            "slots": len(self.slots),
            "NULLs": self.nulls,
            "warning": "looks like a key" if self.looks_like_key else "",
        }

    def _slot_names(self) -> Iterator[str]:
        match self.encoding:
            case Encoding.NUMBERS | Encoding.SCALED:
                yield from (f"{self.name}{self._part_text(part)}" for part in self.parts)
            case Encoding.CODE | Encoding.ORDINAL:
                yield self.name
            case Encoding.ONE_HOT:
                yield from (f"{self.name}{item}" for item in self._id_names())
                if self.has_other:
                    yield f"{self.name} is another"
            case Encoding.BAG:
                return
        if self.null_flag:
            yield f"{self.name} is NULL"

    def _id_names(self) -> Iterator[str]:
        if self.cross_size:
            return (f"#{index}" for index in range(self.cross_size))
        return self.ids[0].names()

    def _part_text(self, part: Part) -> str:
        if not part.name:
            return ""
        moment = self.sources[0].type is ColumnType.MOMENT
        return f".{part.name}" if moment else f"[{part.name}]"

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Feature":
        """A feature from its fields as JSON values."""
        embedding = data["embedding"]
        return cls(
            **{
                **data,
                "sources": tuple(_source(item) for item in data["sources"]),
                "encoding": Encoding(data["encoding"]),
                "parts": tuple(Part(**item) for item in data["parts"]),
                "ids": tuple(_id_rule(item) for item in data["ids"]),
                "embedding": None if embedding is None else Embedding(**embedding),
            }
        )


def _source(data: Mapping[str, Any]) -> SourceColumn:
    type_, cells = ColumnType(data["type"]), CellFormat(data["cells"])
    return SourceColumn(**{**data, "type": type_, "cells": cells})


def _id_rule(data: Mapping[str, Any]) -> IdRule:
    return IdRule(
        **{
            **data,
            "method": IdMethod(data["method"]),
            "vocabulary": tuple(data["vocabulary"]),
            "boundaries": tuple(data["boundaries"]),
        }
    )
