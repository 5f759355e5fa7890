"""Which columns of a SELECT the names in COLUMN mean."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import pyarrow as pa

from sqlflow_dagster.errors import TerminalError, did_you_mean
from sqlflow_dagster.lang.column_patterns import is_pattern, matching
from sqlflow_dagster.ml.features.arrow_types import column_index
from sqlflow_dagster.source import Span


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnNames:
    """The columns that COLUMN may name.

    Attributes:
        types: Of all columns that the SELECT gives, by name.
        label: Never a feature; None without one.
        left_out: No features unless they are named.
    """

    types: Mapping[str, pa.DataType]
    label: str | None
    left_out: frozenset[str]

    def features(self) -> tuple[str, ...]:
        """The columns that are features without being named, in the order of the SELECT."""
        return tuple(name for name in self.types if name not in {self.label, *self.left_out})

    def find(self, name: str, span: Span | None) -> tuple[str, ...]:
        """The columns that a name means: one, or those that match it as a regular expression.

        Raises:
            TerminalError: There is no such column, or it is no feature.
        """
        names = list(self.types)
        bare = bare_name(name, names)
        if bare.lower() not in map(str.lower, names) and is_pattern(name):
            return self._matching(name, span)
        column = names[column_index(bare, names, span, "COLUMN")]
        if column == self.label:
            raise TerminalError(
                f"COLUMN names {name!r}, which is the label",
                span,
                "a model cannot learn the label from itself: leave it out",
            )
        return (column,)

    def _matching(self, pattern: str, span: Span | None) -> tuple[str, ...]:
        try:
            found = matching(pattern, self.features())
        except ValueError as error:
            raise TerminalError(
                f"{pattern!r} is neither a column nor a regular expression: {error}", span
            ) from error
        if not found:
            raise TerminalError(
                f"COLUMN names columns like {pattern!r}, but no column of the SELECT matches that",
                span,
                did_you_mean(pattern, self.features()) or f"it gives: {', '.join(self.features())}",
            )
        return found


def bare_name(name: str, names: Collection[str]) -> str:
    """The name without the table before it."""
    return name if name in names else name.rsplit(".", 1)[-1]
