"""The columns that the list of a SELECT gives."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from sqlglot import exp

from sqlflow_dagster.graph.column_scopes import Scope
from sqlflow_dagster.graph.columns import ANY, Column, merged
from sqlflow_dagster.graph.output_names import Naming

Value: TypeAlias = Callable[[str, exp.Expr], Column]
"""The column of a name that an expression computes."""

_NAMED = (exp.Column, exp.Dot, exp.Subquery)
_LATERAL_ALIASES = frozenset({"duckdb", "snowflake", "spark"})
# Elsewhere the columns of USING come first.
_USING_IN_PLACE = frozenset({"duckdb", "sqlite"})


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectList:
    """How a dialect reads the list of a SELECT.

    Attributes:
        dialect: The dialect.
        naming: What a column is called that the list gives no name.
    """

    dialect: str
    naming: Naming

    def columns(self, items: Iterable[exp.Expr], scope: Scope, value: Value) -> Iterator[Column]:
        """The columns of the items, in order.

        Args:
            items: The list.
            scope: What its names mean; gets the names that later items may use.
            value: Tells what an expression computes in this scope.
        """
        for index, item in enumerate(items):
            for column in self._item(index, item, scope, value):
                if self.dialect in _LATERAL_ALIASES and isinstance(item, exp.Alias):
                    scope.aliases[column.name.lower()] = column
                yield column

    def everything(self, scope: Scope, *, of: str | None = None) -> Iterator[Column]:
        """What a plain ``*`` stands for, or ``t.*``."""
        return scope.starred(of, in_place=self.dialect in _USING_IN_PLACE)

    def _item(self, index: int, item: exp.Expr, scope: Scope, value: Value) -> Iterator[Column]:
        match item:
            case exp.Star():
                yield from self._star(item, self.everything(scope), value)
            case exp.Column(this=exp.Star() as star):
                starred = self.everything(scope, of=item.table.lower())
                yield from self._star(star, starred, value)
            case exp.Columns():
                # DuckDB's COLUMNS('…') picks some of them.
                yield merged(ANY, self.everything(scope), certain=False)
            case exp.Aliases():
                whole = value("", item.this)
                yield from (whole.named(alias.name) for alias in item.aliases)
            case exp.Alias():
                yield value(item.alias, item.this)
            case _:
                given = item.output_name if isinstance(item, _NAMED) else ""
                yield value(given or self.naming(item, index, self.dialect), item)

    def _star(self, star: exp.Star, starred: Iterable[Column], value: Value) -> Iterator[Column]:
        """The columns of a ``*`` with its EXCLUDE, REPLACE and RENAME."""
        left_out = {item.name.lower() for item in star.args.get("except_") or []}
        replaced = {item.alias.lower(): item.this for item in star.args.get("replace") or []}
        renamed = {item.this.name.lower(): item.alias for item in star.args.get("rename") or []}
        for column in starred:
            folded = column.name.lower()
            if folded in left_out:
                continue
            name, expression = renamed.get(folded, column.name), replaced.get(folded)
            yield column.named(name) if expression is None else value(name, expression)
