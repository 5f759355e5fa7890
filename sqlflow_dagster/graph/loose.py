"""Guess what a statement reads and writes from its words, where no parser understands it."""

import re

from sqlflow_dagster.graph.effects import Effects, Mode, Write
from sqlflow_dagster.graph.objects import Names, ObjectRef
from sqlflow_dagster.lang.dialects import lexis
from sqlflow_dagster.lang.sql_text import normalized_sql

_PART = r'(?:"(?:[^"]|"")+"|`[^`]+`|\[[^\]]+\]|[^\W\d][\w$]*)'
_NAME = rf"(?P<name>{_PART}(?:\.{_PART})*)"
_WRITES = re.compile(
    r"(?:\b(?P<append>(?:INSERT|REPLACE|MERGE|LOAD)\s(?:[^()]*?\s)??INTO(?:\s+TABLE)?)"
    r"|\b(?P<overwrite>OVERWRITE(?:\s+INTO)?\s+TABLE)"
    r"|\b(?P<create>CREATE\s+(?:OR\s+REPLACE\s+)?(?:\w+\s+){0,3}?(?:TABLE|VIEW)(?:\s+IF\s+NOT\s+EXISTS)?)"
    r"|\b(?P<drop>DROP\s+(?:TABLE|VIEW)(?:\s+IF\s+EXISTS)?)"
    r"|\b(?P<truncate>TRUNCATE\s+TABLE)"
    r"|\b(?P<alter>ALTER\s+TABLE(?:\s+IF\s+EXISTS)?)"
    r"|\b(?P<delete>DELETE\s(?:[^()]*?\s)??FROM)"
    # Not ON CONFLICT DO UPDATE SET, not FOR UPDATE.
    r"|(?:\A|\)\s*)(?P<update>UPDATE(?:\s+OR\s+\w+|\s+LOW_PRIORITY|\s+IGNORE)*))"
    rf"\s+{_NAME}",
    re.IGNORECASE,
)
_READS = re.compile(
    rf"\b(?:FROM|JOIN|USING)\s+(?!SELECT\b|LATERAL\b){_NAME}(?!\s*\()", re.IGNORECASE
)
_NEXT_READ = re.compile(
    rf"(?:\s+(?:AS\s+)?\w+)?\s*,\s*(?!LATERAL\b){_NAME}(?!\s*\()", re.IGNORECASE
)
_CTES = re.compile(
    rf"(?:\bWITH(?:\s+RECURSIVE)?|,)\s*{_NAME}\s*(?:\([^()]*\)\s*)?AS\s*\(", re.IGNORECASE
)
_MODES = {
    "append": Mode.APPEND,
    "overwrite": Mode.OVERWRITE,
    "create": Mode.CREATE,
    "drop": Mode.DROP,
    "truncate": Mode.TRUNCATE,
    "alter": Mode.MODIFY,
    "delete": Mode.MODIFY,
    "update": Mode.MODIFY,
}
_SPLIT = re.compile(_PART)
_STRING = r"'(?:[^'\\]|\\.|'')*'"
_DOUBLE_QUOTED = r'"(?:[^"\\]|\\.|"")*"'


def loose_effects(sql: str, names: Names) -> Effects:
    """The effects of a statement by its keywords; a barrier where not even those are found."""
    double_quoted = lexis(names.dialect).double_quoted_strings
    strings = rf"{_STRING}|{_DOUBLE_QUOTED}" if double_quoted else _STRING
    code = re.sub(strings, "''", normalized_sql(sql, names.dialect), flags=re.DOTALL)
    hidden = {_ref(match["name"], names) for match in _CTES.finditer(code)}
    matches = list(_WRITES.finditer(code))
    writes = {
        _ref(match["name"], names): _MODES[next(word for word in _MODES if match[word])]
        for match in matches
    }
    found = frozenset(_reads(code, names) - hidden - set(writes))
    # What ALTER TABLE does beside changing the table, such as renaming it, its words do not tell.
    altered = any(match["alter"] for match in matches)
    return Effects(
        reads=found,
        writes=tuple(Write(ref=ref, mode=mode) for ref, mode in writes.items()),
        barrier=altered or not (found or writes),
        loose=True,
    )


def _reads(code: str, names: Names) -> set[ObjectRef]:
    """What follows FROM, JOIN and USING, and in a FROM list what follows its commas."""
    found: set[ObjectRef] = set()
    for match in _READS.finditer(code):
        read: re.Match[str] | None = match
        while read is not None:
            found.add(_ref(read["name"], names))
            read = _NEXT_READ.match(code, read.end())
    return found


def _ref(text: str, names: Names) -> ObjectRef:
    parts = _SPLIT.findall(text)
    return names.table(
        [part.strip('"`[]') for part in parts], quoted=[part[0] in '"`[' for part in parts]
    )
