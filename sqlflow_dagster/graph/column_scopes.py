"""What a column of a SELECT can mean, and what its ``*`` stands for."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from sqlflow_dagster.graph.columns import ANY, Column, Relation, merged


@dataclass(frozen=True, slots=True)
class Source:
    """An item of FROM.

    Attributes:
        name: What the statement calls it, in lower case.
        relation: Its columns.
        shown: Whether ``*`` includes it.
    """

    name: str
    relation: Relation
    shown: bool = True


@dataclass(slots=True)
class Scope:
    """What a column of a SELECT can mean.

    Attributes:
        outer: The scope of the query around it.
        sources: The items of FROM, in order.
        merged: The columns of USING, each with the items that it joins, by name in lower case.
        aliases: The output columns so far, by name in lower case, where the dialect lets others use them.
    """

    outer: "Scope | None" = None
    sources: list[Source] = field(default_factory=list)
    merged: dict[str, list[Source]] = field(default_factory=dict)
    aliases: dict[str, Column] = field(default_factory=dict)

    def source(self, name: str) -> Source | None:
        """The item of FROM with this name, here or in a query around."""
        scope: Scope | None = self
        while scope is not None:
            for source in scope.sources:
                if source.name == name:
                    return source
            scope = scope.outer
        return None

    def dotted(self, names: Sequence[str]) -> Column | None:
        """The column that a name in parts means; None where no table has it."""
        # Of `a.b.c`, b may be the table or a the table and c a field of b.
        for place in range(len(names) - 2, -1, -1):
            source = self.source(names[place].lower())
            if source is not None:
                column = source.relation.column(names[place + 1])
                if column is not None:
                    return column
        return self.column(names[0], row=len(names) == 1)

    def column(self, name: str, *, row: bool = True) -> Column | None:
        """The column that a name without a table means; None where no table has it.

        Args:
            name: The name.
            row: Whether it may also be that of an item of FROM, whose whole rows it then means.
        """
        scope: Scope | None = self
        while scope is not None:
            found = scope._own(name, row=row)
            if found is not None:
                return found
            scope = scope.outer
        return None

    def _own(self, name: str, *, row: bool) -> Column | None:
        folded = name.lower()
        if folded in self.merged:
            sides = (source.relation.column(name) for source in self.merged[folded])
            return merged(name, sides)
        known = [found for item in self.sources if (found := item.relation.known(name)) is not None]
        if known:
            return known[0] if len(known) == 1 else merged(name, known, certain=False)
        alias = self.aliases.get(folded)
        if alias is not None and name not in {source.column for source in alias.sources}:
            return alias
        possible = [item.relation.column(name) for item in self.sources if item.relation.open]
        if possible:
            return merged(name, possible, certain=len(possible) == 1)
        if alias is not None:
            return alias
        if not row:
            return None
        whole = next((item for item in self.sources if item.name == folded), None)
        return None if whole is None else merged(name, whole.relation.columns)

    def common(self, before: int) -> list[str]:
        """The columns that NATURAL JOIN joins by: those of its right side that its left side has too.

        Args:
            before: The number of items on its left side.
        """
        left, right = self.sources[:before], self.sources[before:]
        there = {item.name.lower() for source in left for item in source.relation.columns}
        return [
            item.name
            for source in right
            for item in source.relation.columns
            if item.name.lower() in there and item.name != ANY
        ]

    def merge(self, names: Iterable[str], before: int) -> None:
        """Take note that a join makes one column of those of a name on its two sides.

        Args:
            names: The columns.
            before: The number of items on its left side.
        """
        for name in names:
            left, right = (
                [source for source in side if source.relation.column(name) is not None]
                for side in (self.sources[:before], self.sources[before:])
            )
            self.merged[name.lower()] = [*(self.merged.get(name.lower()) or left), *right]

    def starred(self, of: str | None, *, in_place: bool) -> Iterator[Column]:
        """The columns that ``*`` stands for.

        Args:
            of: The item of FROM, for ``t.*``; None for all items.
            in_place: Whether the columns of USING stand where the first item has them; else they come first.
        """
        if of is not None:
            source = self.source(of)
            yield from source.relation.columns if source is not None else ()
            return
        once: set[str] = set()
        if not in_place:
            once |= set(self.merged)
            for name in self.merged:
                column = self.column(name)
                yield from () if column is None else (column,)
        for source in self.sources:
            for column in source.relation.columns if source.shown else ():
                folded = column.name.lower()
                if folded in self.merged:
                    if folded not in once:
                        once.add(folded)
                        yield self.column(column.name) or column
                else:
                    yield column
