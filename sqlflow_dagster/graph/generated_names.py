"""What generated tables are called, and how a name is written in SQL."""

import hashlib
import re
from collections.abc import Collection, Sequence

from sqlflow_dagster.graph.objects import Names, ObjectRef
from sqlflow_dagster.lang.statements import QualifiedName

PREFIX = "sqlflow_temporary_"
_MAX_LENGTH = {"postgres": 63, "mysql": 64}
_BACKTICKS = frozenset({"mysql", "hive", "spark", "bigquery", "flink", "maxcompute"})


def generated_name(
    body: str, *, schema: Sequence[str], names: Names, taken: Collection[ObjectRef]
) -> QualifiedName:
    """The name of a generated table that no other table of the program has.

    Args:
        body: What the name says after the prefix.
        schema: Where the table is made, as the engine spells it; empty for the schema in force.
        names: How names are resolved there.
        taken: The names that the program uses already.
    """
    body = re.sub(r"\W+", "_", body.lower())
    limit = _MAX_LENGTH.get(names.dialect, 128)
    quoted = (*(True for _ in schema), False)
    candidate, number = PREFIX + body, 1
    while True:
        found = QualifiedName(parts=(*schema, _fitted(candidate, limit)), quoted=quoted)
        if names.named(found) not in taken:
            return found
        number += 1
        candidate = f"{PREFIX}{body}_{number}"


def _fitted(name: str, limit: int) -> str:
    # Room is left for the suffix under which a table is built aside.
    limit -= len("__aside")
    if len(name.encode()) <= limit:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return name.encode()[: limit - 9].decode(errors="ignore") + "_" + digest


def sql_name(parts: Sequence[str], dialect: str) -> str:
    """A name as SQL text; quoted only where it has to be."""
    return ".".join(_sql_identifier(part, dialect) for part in parts)


def _sql_identifier(name: str, dialect: str) -> str:
    if re.fullmatch(r"[a-z_][a-z0-9_]*", name):
        return name
    quote = "`" if dialect in _BACKTICKS else '"'
    return quote + name.replace(quote, quote * 2) + quote
