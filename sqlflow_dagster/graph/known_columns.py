"""The columns of the tables that a program makes, and the statements that use others.

What is said against a statement is certain, so much is left unsaid; see
:mod:`sqlflow_dagster.graph.unknown_columns`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlglot import exp

from sqlflow_dagster.errors import Diagnostic
from sqlflow_dagster.graph.created_columns import ColumnNames, created_columns
from sqlflow_dagster.graph.effects import Effects, Mode, Write
from sqlflow_dagster.graph.objects import Names, ObjectRef
from sqlflow_dagster.graph.unknown_columns import CHECKED, unknown_columns
from sqlflow_dagster.source import Span

_WORD = re.compile(r"[^\W\d]\w*")
_DECLARES = re.compile(r"DECLARE\b", re.IGNORECASE)
_UNDOES = re.compile(r"ROLLBACK\b", re.IGNORECASE)
_FREQUENT = frozenset(
    {
        *("select", "from", "where", "and", "or", "not", "null", "is", "in", "as", "on"),
        *("by", "group", "order", "having", "join", "left", "inner", "create", "table"),
        *("insert", "into", "values", "update", "set", "delete", "case", "when", "then"),
        *("else", "end", "distinct", "count", "sum", "avg", "min", "max", "limit", "union"),
        *("all", "between", "like", "asc", "desc", "with", "int", "integer", "bigint"),
        *("double", "varchar", "text", "date"),
    }
)
"""Words that are columns in quotes only."""
_SEVERAL_COLUMNS = frozenset(
    {"columns", "explode", "explode_outer", "inline", "posexplode", "posexplode_outer", "unnest"}
)
"""Words for what may give more columns than the one it stands for."""
_KEEPS_COLUMNS = (exp.Insert, exp.Update, exp.Delete, exp.TruncateTable, exp.Comment)


@dataclass(slots=True)
class KnownColumns:
    """The columns of the tables that a program has made so far.

    Attributes:
        tables: Those of each table whose columns are certain.
        variables: Whether a name may be that of a variable.
    """

    tables: dict[ObjectRef, ColumnNames] = field(default_factory=dict)
    variables: bool = False

    def follow(
        self, tree: exp.Expr, effects: Effects, names: Names, span: Span
    ) -> Sequence[Diagnostic]:
        """Follow one statement; the diagnostics for the columns that it uses and that are not there.

        Args:
            tree: The statement.
            effects: What it reads and writes.
            names: How its names are resolved.
            span: Its text.
        """
        makes = isinstance(tree, exp.Create)
        words = set(_WORD.findall(span.text.lower())) if makes or self.tables else set()
        problems: Sequence[Diagnostic] = ()
        if self.tables and not self.variables and isinstance(tree, CHECKED):
            problems = self._check(tree, effects, names, span, words)
        if effects.barrier or effects.loose:
            self.forget(effects, span)
        # Spark can be told to add the columns of what is inserted.
        elif not isinstance(tree, _KEEPS_COLUMNS) or names.dialect == "spark":
            told = makes and words.isdisjoint(_SEVERAL_COLUMNS)
            for write in effects.writes:
                self._make(write, tree if told else None, names)
        return problems

    def _make(self, write: Write, tree: exp.Expr | None, names: Names) -> None:
        known = None
        if write.mode is Mode.ENSURE:
            # Where it is not made for sure, it may have been there with other columns.
            known = self.tables.get(write.ref)
        elif tree is not None and not write.view:
            known = created_columns(tree, names, self.tables)
        if known is not None:
            self.tables[write.ref] = known
        elif self.tables:
            self.tables.pop(write.ref, None)

    def forget(self, effects: Effects, span: Span) -> None:
        """Follow a statement whose text tells no columns."""
        if effects.barrier or effects.loose or _UNDOES.match(span.text):
            self.tables.clear()
            self.variables |= _DECLARES.match(span.text) is not None
        for write in effects.writes:
            self.tables.pop(write.ref, None)

    def _check(
        self, tree: exp.Expr, effects: Effects, names: Names, span: Span, words: set[str]
    ) -> Sequence[Diagnostic]:
        refs = [*effects.reads, *(write.ref for write in effects.writes)]
        known = {ref: self.tables[ref] for ref in refs if ref in self.tables}
        if not known:
            return ()
        # Most statements hold no word that could be an unknown column: their trees need not be looked at.
        left = (words - _FREQUENT).difference(*known.values())
        left = left.difference(ref.name.rpartition(".")[2].lower() for ref in refs)
        return unknown_columns(tree, effects, names, known, span) if left else ()
