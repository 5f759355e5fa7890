"""Columns of tables, of queries and of models, with the columns they are computed from."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from sqlflow_dagster.graph.objects import ObjectRef

ANY = "*"
"""The name of a column that stands for columns nobody has named."""


# A tuple for the speed of its hash, as the reference to the table is.
class ColumnRef(NamedTuple):
    """A column of a table, a file or a model.

    Attributes:
        table: The table.
        column: The column's name; ``*`` for columns whose names are not known.
    """

    table: ObjectRef
    column: str


Lineage = Mapping[str, tuple[ColumnRef, ...]]
"""The columns that each output column is computed from, by output column, sorted."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column with what it is computed from.

    Attributes:
        name: As it is written; ``*`` for columns whose names are not known.
        sources: The columns of other objects that its values are computed from.
        certain: Whether these are all and each of them is one; False where that depends on columns
            that are not known.
    """

    name: str
    sources: frozenset[ColumnRef] = frozenset()
    certain: bool = True

    def named(self, name: str) -> "Column":
        """The same column under another name."""
        return self if name == self.name else replace(self, name=name)


class Relation:
    """The columns of a table or a query, in order; names are compared without case.

    Attributes:
        columns: The columns; one named ``*`` stands for those that are not known.
        open: Whether there is one named ``*``.
    """

    __slots__ = ("_by_name", "columns", "open")

    def __init__(self, columns: Iterable[Column]) -> None:
        self.columns = tuple(columns)
        self._by_name: dict[str, Column] = {}
        for column in self.columns:
            self._by_name.setdefault(column.name.lower(), column)
        self.open = ANY in self._by_name

    @classmethod
    def of(cls, ref: ObjectRef, names: Sequence[str] | None) -> "Relation":
        """The columns of an object itself; None for names that are not known."""
        found = [ANY] if names is None else names
        return cls(Column(name, frozenset({ColumnRef(ref, name)})) for name in found)

    def names(self) -> tuple[str, ...] | None:
        """The names of all columns; None where they are not all known."""
        return None if self.open else tuple(column.name for column in self.columns)

    def known(self, name: str) -> Column | None:
        """The column that is known to have this name."""
        return self._by_name.get(name.lower())

    def column(self, name: str) -> Column | None:
        """The column of this name, be it one of those that ``*`` stands for."""
        found = self._by_name.get(name.lower())
        if found is not None or not self.open:
            return found
        stars = [column for column in self.columns if column.name == ANY]
        sources = frozenset(
            ColumnRef(source.table, name) if source.column == ANY else source
            for star in stars
            for source in star.sources
        )
        return Column(name, sources, len(sources) <= 1 and all(star.certain for star in stars))

    def renamed(self, names: Sequence[str]) -> "Relation":
        """The same columns with these names for the first of them."""
        if not names:
            return self
        if self.open:
            # Which of the columns a name belongs to depends on how many the `*` stands for.
            whole = merged(ANY, self.columns)
            return Relation(replace(whole, name=name, certain=False) for name in names)
        kept = self.columns[len(names) :]
        pairs = zip(names, self.columns, strict=False)
        return Relation((*(column.named(name) for name, column in pairs), *kept))

    def without(self, names: Iterable[str]) -> "Relation":
        """The columns whose names are not among these."""
        left_out = {name.lower() for name in names}
        return Relation(item for item in self.columns if item.name.lower() not in left_out)

    def lineage(self) -> dict[str, tuple[ColumnRef, ...]]:
        """The sources of each column, sorted."""
        return {column.name: tuple(sorted(column.sources)) for column in self.columns}


NOTHING = Relation(())


def bare(name: str) -> str:
    """A column's name without the table before it."""
    return name.rsplit(".", 1)[-1]


def merged(name: str, columns: Iterable[Column | None], *, certain: bool = True) -> Column:
    """One column that comes from all of these."""
    there = [column for column in columns if column is not None]
    sources = frozenset(source for column in there for source in column.sources)
    return Column(name, sources, certain and all(column.certain for column in there))


def stacked(first: Relation, second: Relation) -> Relation:
    """The rows of one relation above those of another, column by column in their order."""
    if first.open or second.open:
        return Relation(_stacked_unknown(first, second))
    extended = (*second.columns, *(None for _ in first.columns))
    return Relation(
        merged(one.name, (one, other)) for one, other in zip(first.columns, extended, strict=False)
    )


def _stacked_unknown(first: Relation, second: Relation) -> Iterator[Column]:
    same = [column.name for column in first.columns] == [column.name for column in second.columns]
    for index, column in enumerate(first.columns):
        other = second.columns[index] if same else second.column(column.name)
        yield merged(column.name, (column, other), certain=same and column.name != ANY)


def united(first: Relation, second: Relation) -> Relation:
    """The rows of one relation above those of another, columns of one name together."""
    others: dict[str, list[Column]] = defaultdict(list)
    for column in second.columns:
        others[column.name.lower()].append(column)
    known = [
        merged(item.name, (item, *others.pop(item.name.lower(), ()))) for item in first.columns
    ]
    return Relation((*known, *(item for item in second.columns if item.name.lower() in others)))
