"""What procedures of a program do when they are called, and blocks of statements where they stand.

A procedure does nothing where it is created; its statements run where it is called. A CALL of a procedure
whose every statement is understood does what these do; any other CALL may do anything. So it is with a block
``BEGIN … END`` outside a procedure, and with Flink's ``EXECUTE STATEMENT SET BEGIN … END``.
"""

import re
from dataclasses import dataclass, field

from sqlflow_dagster.graph.effects import Effects, merged_effects
from sqlflow_dagster.graph.keyword_effects import keyword_effects
from sqlflow_dagster.graph.objects import Names, ObjectRef
from sqlflow_dagster.graph.sql_effects import sql_effects
from sqlflow_dagster.lang.scanner import piece_end, scan
from sqlflow_dagster.lang.standard import Rejection, parse_sql
from sqlflow_dagster.source import Source

_NAME = r"(?P<name>[\w.]+|\"[^\"]+\"|`[^`]+`)"
_CREATE = re.compile(
    r"CREATE\s+(?:OR\s+(?:REPLACE|ALTER)\s+)?(?:DEFINER\s*=\s*\S+\s+)?PROCEDURE\s+"
    rf"(?:IF\s+NOT\s+EXISTS\s+)?{_NAME}",
    re.IGNORECASE,
)
# A query among the arguments would read something itself.
_CALL = re.compile(rf"CALL\s+{_NAME}\s*(?:\((?!.*\bSELECT\b).*\))?\s*\Z", re.IGNORECASE | re.DOTALL)
_QUOTED_BODY = re.compile(r"\$(\w*)\$(?P<body>.*?)\$\1\$", re.DOTALL)
_BLOCK = re.compile(
    r"\bBEGIN\b(?:\s+STATEMENT\s+SET\s*;)?(?P<body>.*)\bEND\b[^;]*;?\s*\Z",
    re.IGNORECASE | re.DOTALL,
)
_SELECT = re.compile(r"SELECT\b", re.IGNORECASE)
_STANDS_ALONE = re.compile(
    r"(?:(?P<set>EXECUTE|(?P<explain>EXPLAIN)\b[\w\s,]*?)\s+STATEMENT\s+SET\s+)?BEGIN\b",
    re.IGNORECASE,
)


@dataclass(slots=True)
class Procedures:
    """The procedures that a program has created so far, by name; None where one may do anything."""

    known: dict[ObjectRef, Effects | None] = field(default_factory=dict)

    def called(self, sql: str, names: Names) -> Effects | None:
        """What a statement does if it calls a procedure that is known; else None.

        A statement that creates one is taken note of.
        """
        created = _CREATE.match(sql)
        if created is not None:
            self.known[_ref(created["name"], names)] = _body_effects(sql, names)
            return None
        call = _CALL.match(sql)
        return None if call is None else self.known.get(_ref(call["name"], names))


def block_effects(sql: str, names: Names) -> Effects | None:
    """What a block of statements does: anything, where one in it is not understood.

    None for any other statement, and for a set of INSERTs that is not understood: its words tell its tables.
    """
    block = _STANDS_ALONE.match(sql)
    if block is None or _BLOCK.search(sql) is None:
        return None
    done = _body_effects(sql, names)
    if block["explain"] is not None:
        return None if done is None else Effects(reads=done.reads)
    return done or (None if block["set"] else Effects(barrier=True))


def _ref(name: str, names: Names) -> ObjectRef:
    if name[0] in '"`':
        return names.table([name[1:-1]], quoted=[True])
    return names.table(name.split("."))


def _body_effects(sql: str, names: Names) -> Effects | None:
    """What the statements of a procedure do; None where one of them is not understood."""
    quoted = _QUOTED_BODY.search(sql)
    text = sql if quoted is None else quoted["body"]
    block = _BLOCK.search(text)
    if block is None and quoted is None:
        return None
    source = Source(text=text if block is None else block["body"])
    pieces, problems = scan(source, names.dialect)
    if problems:
        return None
    found = []
    for piece in pieces:
        if piece.content >= piece.end:
            continue
        statement = source.text[piece.content : piece_end(source.text, piece, names.dialect)]
        effects = keyword_effects(statement)
        if effects is None:
            tree = parse_sql(statement, names.dialect)
            effects = None if isinstance(tree, Rejection) else sql_effects(tree, names)
        if effects is None or _reaches_further(effects):
            return None
        if effects.writes and _SELECT.match(statement):
            return None  # SELECT … INTO a variable, or a table: only the engine knows.
        found.append(effects)
    return merged_effects(found)


def _reaches_further(effects: Effects) -> bool:
    """Whether a statement does more than read and write tables: to its session, or to nobody knows what."""
    edge = effects.transaction is not None
    return effects.barrier or effects.session or effects.temporary or edge
