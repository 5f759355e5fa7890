"""Guess what a statement reads and writes from its words, where no parser understands it."""

import re
from collections.abc import Iterator

from sqlflow_dagster.graph.effects import Effects, Mode, Write
from sqlflow_dagster.graph.loose_reads import NAME, PART, names_read
from sqlflow_dagster.graph.objects import Names, ObjectKind, ObjectRef
from sqlflow_dagster.lang.dialects import lexis
from sqlflow_dagster.lang.sql_text import normalized_sql

_IF_EXISTS = r"(?:\s+IF\s+EXISTS)?"
_ONLY = r"(?:\s+ONLY(?!\s+\w+\s*\())?"
_ANY_NAME = rf"{PART}(?:\.{PART})*+"
_ENSURE = r"\s+IF\s+NOT\s+EXISTS"
# What may stand between CREATE and TABLE: TEMPORARY, EXTERNAL, MATERIALIZED, FORCE EDITIONABLE, …; but
# CREATE STREAM s ON TABLE t makes no table t.
_MODIFIERS = r"(?:(?!ON\b|AS\b|TABLE\b|VIEW\b)\w+\s+){0,4}?"
_RELATION = rf"{_MODIFIERS}(?:TABLE(?!\s+FUNCTION\b)|VIEW)"
_WRITES = re.compile(
    r"(?:\b(?P<overwrite>INSERT\s+OVERWRITE(?!\s+(?:LOCAL\s+)?DIRECTORY\b)(?:\s+INTO)?(?:\s+TABLE)?"
    r"|OVERWRITE(?:\s+INTO)?\s+TABLE)"
    r"|\b(?P<append>(?:INSERT|UPSERT|REPLACE|MERGE|LOAD)\s(?:(?!INSERT\b)[^()\s]+\s+){0,6}?INTO(?:\s+TABLE)?)"
    rf"|\b(?P<create>CREATE\s+{_RELATION}(?:{_ENSURE})?|UNDROP\s+TABLE|IMPORT\s+(?:EXTERNAL\s+)?TABLE"
    rf"|CLONE\s+TABLE\s+{_ANY_NAME}(?:\s+PARTITION\s*\([^()]*\))?\s+TO)"
    rf"|\b(?P<schema>CREATE\s+(?:OR\s+REPLACE\s+)?(?:SCHEMA|DATABASE)(?:{_ENSURE})?)"
    rf"|\b(?P<drop>(?:DROP\s+{_RELATION}|UNCACHE\s+TABLE){_IF_EXISTS})"
    rf"|\b(?P<truncate>TRUNCATE\s+TABLE{_IF_EXISTS}{_ONLY})"
    rf"|\b(?P<alter>(?:ALTER|OPTIMIZE|REPAIR)\s+{_RELATION}{_IF_EXISTS}{_ONLY})"
    rf"|\b(?P<delete>DELETE\s(?:[^()\s]+\s+){{0,6}}?FROM{_ONLY})"
    # Not ON CONFLICT DO UPDATE SET, not FOR UPDATE.
    r"|(?:\A|\)\s*)(?P<update>UPDATE(?:\s+OR\s+\w+|\s+LOW_PRIORITY|\s+IGNORE)*))"
    rf"\s+{NAME}",
    re.IGNORECASE,
)
# What an ALTER TABLE says after the table's name and that changes nothing but this table.
_CHANGES = re.compile(
    r"\s*(?:\Z|ADD\b|ALTER\b|CHANGE\b|CLUSTER\b|COALESCE\b|COMPACT\b|CONCATENATE\b|DISABLE\b|DROP\b|ENABLE\b"
    r"|EXECUTE\b|MODIFY\b|MOVE\b|OWNER\b|PARTITION\b|REBUILD\b|RECOVER\b|RENAME\s+(?:COLUMN|CONSTRAINT|INDEX)\b"
    r"|REORGANIZE\b|REPLACE\s+COLUMNS\b|SET\b(?!\s+SCHEMA\b)|SHRINK\b|SPLIT\b|TOUCH\b|TRUNCATE\b|UNSET\b"
    r"|ZORDER\b|WHERE\b|SYNC\b)",
    re.IGNORECASE,
)
_RENAMES = re.compile(rf"\s*RENAME\s+(?:TO|AS)\s+{NAME}\s*\Z", re.IGNORECASE)
_COPIED = re.compile(
    rf"\b(?:LIKE|CLONE|COPY)\s+(?=\S+\s*(?:\Z|(?:FOR\s+)?(?:SYSTEM_)?(?:TIME|TIMESTAMP|VERSION)\b|(?:AT|BEFORE)\s*\()){NAME}",
    re.IGNORECASE,
)
_TAKEN = re.compile(rf"\s*(?:EXPORT|CLONE)\s+TABLE\s+{NAME}", re.IGNORECASE)
# What only looks; any other statement whose words tell nothing that it writes may do anything.
_LOOKS = re.compile(
    r"[\s(]*(?:SELECT|WITH|FROM|VALUES|TABLE|EXPLAIN|DESCRIBE|DESC|SHOW|ANALYZE|ANALYSE|PIVOT|UNPIVOT|SUMMARIZE"
    r"|CHECKSUM|CHECK|VACUUM|CACHE|REFRESH)\b",
    re.IGNORECASE,
)
_CTES = re.compile(
    rf"(?:\bWITH(?:\s+RECURSIVE)?|,)\s*{NAME}\s*(?:\([^()]*\)\s*)?AS\s*(?:\w+\s*)?\(",
    re.IGNORECASE,
)
_ALIASES = re.compile(rf"\b(?:FROM|JOIN)\s+{PART}(?:\.{PART})*+\s+(?:AS\s+)?(\w+)", re.IGNORECASE)
_MODES = {
    "append": Mode.APPEND,
    "overwrite": Mode.OVERWRITE,
    "create": Mode.CREATE,
    "schema": Mode.CREATE,
    "drop": Mode.DROP,
    "truncate": Mode.TRUNCATE,
    "alter": Mode.MODIFY,
    "delete": Mode.MODIFY,
    "update": Mode.MODIFY,
}
_MAKING = frozenset({Mode.CREATE, Mode.ENSURE, Mode.REPLACE})
_SPLIT = re.compile(PART)
_STRING = r"'(?:[^'\\]|\\.|'')*'"
_DOUBLE_QUOTED = r'"(?:[^"\\]|\\.|"")*"'
_DOLLAR_QUOTED = r"\$(?P<tag>\w*)\$.*?\$(?P=tag)\$"
_FILES = re.compile(
    rf"(?:\b(?:(?P<read>INFILE|INPATH|FROM\s+LOCATION)|(?P<write>OUTFILE|DUMPFILE|DIRECTORY|INTO\s+LOCATION))"
    rf"|\A\s*(?:(?P<exported>EXPORT)|(?P<imported>IMPORT))\b(?:[^']|'[^']*')*?\b(?:TO|FROM))\s+(?P<path>{_STRING})",
    re.IGNORECASE,
)


def loose_effects(sql: str, names: Names) -> Effects:
    """The effects of a statement by its keywords; a barrier where not even those are found."""
    text = normalized_sql(sql, names.dialect)
    rules = lexis(names.dialect)
    strings = [_STRING]
    strings += [_DOUBLE_QUOTED] if rules.double_quoted_strings else []
    strings += [_DOLLAR_QUOTED] if rules.dollar_quotes else []
    code = re.sub("|".join(strings), "''", text, flags=re.DOTALL)
    hidden = {_ref(match["name"], names) for match in _CTES.finditer(code)}
    writes: dict[ObjectRef, Write] = {}
    altered = False
    for match in _WRITES.finditer(code):
        write = _write(match, names)
        writes[write.ref] = write
        if match["alter"]:
            renamed = _RENAMES.match(code, match.end())
            if renamed is not None:
                return _renamed(write.ref, _ref(renamed["name"], names))
            altered |= _CHANGES.match(code, match.end()) is None
    reads = _reads(code, names) - hidden - set(writes)
    for match in _FILES.finditer(text):
        ref = ObjectRef(ObjectKind.FILE, match["path"][1:-1])
        if match["read"] or match["imported"]:
            reads.add(ref)
        else:
            writes[ref] = Write(ref=ref, mode=Mode.OVERWRITE)
    return Effects(
        reads=frozenset(reads),
        writes=tuple(writes.values()),
        barrier=altered or not (writes or (reads and _LOOKS.match(code))),
        loose=True,
        temporary=any(
            write.ref.kind is ObjectKind.TEMPORARY and write.mode in _MAKING
            for write in writes.values()
        ),
    )


def _write(match: re.Match[str], names: Names) -> Write:
    kind = match.lastgroup if match.lastgroup in _MODES else next(k for k in _MODES if match[k])
    words = match[kind].upper().split()
    mode = _MODES[kind]
    if kind in {"create", "schema"}:
        mode = Mode.REPLACE if words[1] == "OR" else mode
        mode = Mode.ENSURE if words[-1] == "EXISTS" else mode
    ref = _ref(match["name"], names.without_temporary() if kind == "create" else names)
    if kind == "create" and not {"TEMP", "TEMPORARY"}.isdisjoint(words):
        ref = _ref(match["name"], names, temporary=True)
    if kind == "schema":
        ref = ObjectRef.of(ObjectKind.SCHEMA, [ref.parts[-1]], names.datasource)
    view = kind == "create" and "VIEW" in words and "MATERIALIZED" not in words
    return Write(ref=ref, mode=mode, view=view)


def _renamed(old: ObjectRef, new: ObjectRef) -> Effects:
    new = new.beside(old)
    writes = (Write(ref=old, mode=Mode.DROP), Write(ref=new, mode=Mode.CREATE))
    return Effects(reads=frozenset({old}), writes=writes, loose=True)


def _reads(code: str, names: Names) -> set[ObjectRef]:
    aliases = {match[1].lower() for match in _ALIASES.finditer(code)}
    found: set[ObjectRef] = set()
    for name in _sources(code):
        parts = _SPLIT.findall(name)
        # BigQuery's FROM d.t AS t, t.items reads an array of t.
        if not (names.dialect == "bigquery" and len(parts) > 1 and parts[0].lower() in aliases):
            found.add(_ref(name, names))
    return found


def _sources(code: str) -> Iterator[str]:
    yield from names_read(code)
    if code[:6].upper() == "CREATE":
        yield from (match["name"] for match in _COPIED.finditer(code))
    taken = _TAKEN.match(code)
    if taken is not None:
        yield taken["name"]


def _ref(text: str, names: Names, *, temporary: bool = False) -> ObjectRef:
    parts = _SPLIT.findall(text)
    resolve = names.temporary_table if temporary else names.table
    return resolve(
        [part.strip('"`[]') for part in parts], quoted=[part[0] in '"`[' for part in parts]
    )
