"""What a column of a SELECT can mean."""

from dataclasses import dataclass, field

from sqlflow_dagster.graph.columns import Column, Relation, merged


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
