"""Guess what a statement reads and writes from its words, where no parser understands it."""

import re

from sqlflow_dagster.graph.effects import Effects, Mode, Write
from sqlflow_dagster.graph.objects import Names, ObjectRef
from sqlflow_dagster.lang.sql_text import normalized_sql

_PART = r'(?:"(?:[^"]|"")+"|`[^`]+`|\[[^\]]+\]|[^\W\d][\w$]*)'
_NAME = rf"(?P<name>{_PART}(?:\.{_PART})*)"
_WRITES = re.compile(
    r"\b(?:(?P<insert>(?:INSERT|REPLACE|MERGE)\s[^()]*?\bINTO|OVERWRITE\s+TABLE)"
    r"|(?P<create>CREATE\s+(?:OR\s+REPLACE\s+)?(?:\w+\s+){0,3}?(?:TABLE|VIEW)(?:\s+IF\s+NOT\s+EXISTS)?)"
    r"|(?P<drop>(?:DROP|TRUNCATE)\s+(?:TABLE|VIEW)(?:\s+IF\s+EXISTS)?)"
    r"|(?P<modify>(?:ALTER\s+TABLE|UPDATE(?:\s+OR\s+\w+|\s+LOW_PRIORITY|\s+IGNORE)?|DELETE\s[^()]*?\bFROM)))"
    rf"\s+{_NAME}",
    re.IGNORECASE,
)
_READS = re.compile(
    rf"\b(?:FROM|JOIN|USING)\s+(?!SELECT\b|LATERAL\b){_NAME}(?!\s*\()", re.IGNORECASE
)
_CTES = re.compile(
    rf"(?:\bWITH(?:\s+RECURSIVE)?|,)\s*{_NAME}\s*(?:\([^()]*\)\s*)?AS\s*\(", re.IGNORECASE
)
_MODES = {
    "insert": Mode.APPEND,
    "create": Mode.CREATE,
    "drop": Mode.DROP,
    "modify": Mode.MODIFY,
}
_SPLIT = re.compile(_PART)


def loose_effects(sql: str, names: Names) -> Effects:
    """The effects of a statement by its keywords; a barrier where not even those are found."""
    code = normalized_sql(sql, names.dialect)
    hidden = {_ref(match["name"], names) for match in _CTES.finditer(code)}
    writes = {
        _ref(match["name"], names): _MODES[next(k for k in _MODES if match[k])]
        for match in _WRITES.finditer(code)
    }
    reads = {_ref(match["name"], names) for match in _READS.finditer(code)}
    found = frozenset(reads - hidden - set(writes))
    return Effects(
        reads=found,
        writes=tuple(Write(ref=ref, mode=mode) for ref, mode in writes.items()),
        barrier=not (found or writes),
        loose=True,
    )


def _ref(text: str, names: Names) -> ObjectRef:
    parts = _SPLIT.findall(text)
    return names.table(
        [part.strip('"`[]') for part in parts], quoted=[part[0] in '"`[' for part in parts]
    )
