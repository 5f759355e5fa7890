"""Tables, models and files by name, and how names of a program are resolved."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NamedTuple

from sqlflow_dagster.lang.statements import QualifiedName

DEFAULT_DATASOURCE = "default"
"""What the data source of every statement that names no other one is called."""

# Where names differ in case only, they name one table in these dialects, quoted or not.
_CASE_INSENSITIVE = frozenset({"duckdb", "sqlite", "hive", "spark", "trino", "maxcompute"})
_UPPER_CASE = frozenset({"snowflake", "oracle", "calcite"})
_LOWER_CASE = frozenset({"postgres"})
# The schema of an unqualified name; `main.t` and `t` are one table.
_DEFAULT_SCHEMA = {"duckdb": "main", "sqlite": "main", "postgres": "public"}
# The schemas in which there are TEMP tables only.
_TEMPORARY_SCHEMAS = {
    "duckdb": frozenset({"temp"}),
    "sqlite": frozenset({"temp"}),
    "postgres": frozenset({"pg_temp"}),
    "bigquery": frozenset({"_session"}),
}
# There a TEMP table is one of the schema in which it was made, and can be named by it.
_TEMPORARY_IN_SCHEMA = frozenset({"mysql", "hive", "snowflake"})


class ObjectKind(StrEnum):
    """What a statement can read or write."""

    TABLE = "table"
    TEMPORARY = "temporary table"
    MODEL = "model"
    FILE = "file"
    SCHEMA = "schema"
    SEQUENCE = "sequence"


_PART = re.compile(r'"((?:[^"]|"")*)"|([^."]+)')


# A tuple, not a dataclass: a compile hashes and compares references tens of times for each statement.
class ObjectRef(NamedTuple):
    """A table (or view), model, file or schema that a statement reads or writes.

    Tables and models are separate name spaces, and so are the TEMP tables (and views) of a program, and the
    data sources. Models and files belong to none: those of all statements are the same.

    Attributes:
        kind: What it is.
        name: Its parts joined by dots, in the spelling by which the dialect compares names; a part that
            holds a dot or a quote stands in double quotes.
        datasource: The data source that it is in.
    """

    kind: ObjectKind
    name: str
    datasource: str = DEFAULT_DATASOURCE

    @classmethod
    def of(
        cls, kind: ObjectKind, parts: Sequence[str], datasource: str = DEFAULT_DATASOURCE
    ) -> "ObjectRef":
        """The object with these name parts."""
        return cls(kind, ".".join(map(_quoted, parts)), datasource)

    @property
    def parts(self) -> tuple[str, ...]:
        """The name's parts without quotes; a file has one."""
        if self.kind is ObjectKind.FILE:
            return (self.name,)
        if '"' not in self.name:
            return tuple(self.name.split("."))
        return tuple(
            match[2] if match[1] is None else match[1].replace('""', '"')
            for match in _PART.finditer(self.name)
        )

    def beside(self, other: "ObjectRef") -> "ObjectRef":
        """What a table is called anew: a name without a schema stays in the schema of the old one."""
        if len(self.parts) > 1:
            return self
        return ObjectRef.of(self.kind, [*other.parts[:-1], *self.parts], other.datasource)

    @property
    def called(self) -> str:
        """The name, ``pg:orders`` where it is in another data source than the default one."""
        return in_datasource(self.name, self.datasource)

    def __str__(self) -> str:
        return self.called if self.kind is ObjectKind.TABLE else f"{self.kind} {self.called}"


def in_datasource(name: str, datasource: str) -> str:
    """A name as a reader is told it: with its data source, unless that is the default one."""
    return name if datasource == DEFAULT_DATASOURCE else f"{datasource}:{name}"


def _quoted(part: str) -> str:
    if "." not in part and '"' not in part and part:
        return part
    return '"' + part.replace('"', '""') + '"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """How the names of a statement are resolved.

    Attributes:
        dialect: Decides how case counts.
        datasource: The data source that the statement runs on.
        home: The schema that unqualified tables are in, so that ``home.t`` and ``t`` are one table; None for the
            one that the dialect's engines have.
        schema: The schema in force (USE, or the caller's default); None for the engine's own.
        temporary: The TEMP tables and views that there are: they hide tables of the same name.
    """

    dialect: str
    datasource: str = DEFAULT_DATASOURCE
    home: str | None = None
    schema: str | None = None
    temporary: frozenset[ObjectRef] = frozenset()

    def using(self, schema: str) -> "Names":
        """The same after ``USE schema``."""
        return replace(self, schema=self.folded(schema, quoted=False))

    def folded(self, part: str, *, quoted: bool) -> str:
        """A part of a name in the spelling by which names are compared."""
        if self.dialect in _CASE_INSENSITIVE:
            return part.lower()
        if quoted:
            return part
        if self.dialect in _UPPER_CASE:
            return part.upper()
        return part.lower() if self.dialect in _LOWER_CASE else part

    def table(self, parts: Sequence[str], *, quoted: Sequence[bool] = ()) -> ObjectRef:
        """The table of a name as written; ``quoted`` says which parts stood in quotes, if any did."""
        folded = self._folded(parts, quoted)
        if self.temporary and (found := self._temporary(folded)) in self.temporary:
            return found
        return self._lasting(folded)

    def named(self, name: QualifiedName) -> ObjectRef:
        """The table of a name in a clause; see :meth:`table`."""
        return self.table(name.parts, quoted=name.quoted)

    def spelled(self, name: QualifiedName) -> tuple[str, ...]:
        """The parts of a name in a clause as the engine spells it, such as PostgreSQL ``T`` as ``t``."""
        folds = self.dialect in _LOWER_CASE
        return tuple(self._folded(name.parts, name.quoted) if folds else name.parts)

    def without_temporary(self) -> "Names":
        """The same where no TEMP table hides another: a name that a CREATE gives to a table."""
        return replace(self, temporary=frozenset()) if self.temporary else self

    def temporary_table(self, parts: Sequence[str], *, quoted: Sequence[bool] = ()) -> ObjectRef:
        """The TEMP table of a name where it is made; see :meth:`table`."""
        folded = self._folded(parts, quoted)
        return self._temporary(folded) or self._ref(ObjectKind.TEMPORARY, folded[-1:])

    def schema_ref(self, name: str, *, quoted: bool = False) -> ObjectRef:
        """The schema of a name as written."""
        return self._ref(ObjectKind.SCHEMA, [self.folded(name, quoted=quoted)])

    def in_temporary_schema(self, parts: Sequence[str]) -> bool:
        """Whether a name, such as SQLite's ``temp.t``, can only be that of a TEMP table."""
        schemas = _TEMPORARY_SCHEMAS.get(self.dialect, frozenset())
        return len(parts) > 1 and parts[0].lower() in schemas

    def _folded(self, parts: Sequence[str], quoted: Sequence[bool]) -> list[str]:
        flags = quoted or [False] * len(parts)
        return [self.folded(part, quoted=flag) for part, flag in zip(parts, flags, strict=True)]

    def _temporary(self, folded: Sequence[str]) -> ObjectRef | None:
        """The TEMP table that a name may stand for; None where it can stand for none."""
        if self.dialect in _TEMPORARY_IN_SCHEMA:
            return self._lasting(list(folded))._replace(kind=ObjectKind.TEMPORARY)
        # In DuckDB, main.t is a TEMP table t before any other.
        main = self.dialect == "duckdb" and list(folded[:-1]) == ["main"]
        if len(folded) > 1 and not main and not self.in_temporary_schema(folded):
            return None
        return self._ref(ObjectKind.TEMPORARY, folded[-1:])

    def _ref(self, kind: ObjectKind, parts: Sequence[str]) -> ObjectRef:
        return ObjectRef.of(kind, parts, self.datasource)

    def _lasting(self, folded: list[str]) -> ObjectRef:
        if len(folded) == 1 and self.schema is not None:
            folded.insert(0, self.schema)
        if len(folded) == 2 and folded[0] == (self.home or _DEFAULT_SCHEMA.get(self.dialect)):
            del folded[0]
        return self._ref(ObjectKind.TABLE, folded)


def model_ref(parts: Sequence[str]) -> ObjectRef:
    """The model of a name as written; models compare by their exact spelling."""
    return ObjectRef.of(ObjectKind.MODEL, parts)
