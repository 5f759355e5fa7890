"""What procedures of a program do when they are called.

A procedure does nothing where it is created; its statements run where it is called. A CALL of a procedure
whose every statement is understood does what these do; any other CALL may do anything.
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
_BLOCK = re.compile(r"\bBEGIN\b(?P<body>.*)\bEND\b[^;]*;?\s*\Z", re.IGNORECASE | re.DOTALL)


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
        if effects is None or effects.barrier or effects.session or effects.transaction:
            return None
        found.append(effects)
    return merged_effects(found)
