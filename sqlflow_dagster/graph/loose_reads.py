"""Find the tables that a statement reads by its words, where no parser understands it.

One walk over the words: after FROM and JOIN stands a table, and in a FROM list after each comma of the same
parentheses. A FROM inside the parentheses of a call, as in ``trim(BOTH ' ' FROM a)``, is none.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

PART = r'(?:"(?:[^"]|"")+"|`[^`]+`|\[[^\]]+\]|[^\W\d][\w$]*+)'
"""One part of a dotted name."""

NAME = rf"(?P<name>{PART}(?:\.{PART})*+)"
"""A dotted name."""

_TOKENS = re.compile(rf"{NAME}|\S")
_STARTS = frozenset({"SELECT", "FROM", "WITH", "INSERT", "UPDATE", "DELETE", "MERGE", "REPLACE"})
# What ends a FROM list; a condition after ON does not.
_ENDS = frozenset(
    {"SELECT", "WHERE", "GROUP", "ORDER", "HAVING", "LIMIT", "SET", "WINDOW", "QUALIFY", "UNION", "EXCEPT",
     "INTERSECT", "MINUS", "VALUES", "RETURNING", "START", "CONNECT", "FETCH", "OFFSET", "DISTRIBUTE", "SORT",
     "CLUSTER", "WHEN", "VIEW"}
)  # fmt: skip
# Words after which FROM is none of a query: IS DISTINCT FROM x, FOR VALUES FROM (1).
_NO_SOURCE_AFTER = frozenset({"DISTINCT", "VALUES"})
_NOT_A_TABLE = frozenset({"LATERAL", "UNNEST", "VALUES", "TABLE"})


@dataclass(slots=True)
class _Parentheses:
    """What is known inside one pair of parentheses, or outside all.

    Attributes:
        query: Whether a statement stands there, not the arguments of a call.
        listing: Whether a comma is one of a FROM list.
        waiting: Whether the next name is a table.
        first: Whether nothing has stood there yet.
    """

    query: bool = False
    listing: bool = False
    waiting: bool = False
    first: bool = True


def names_read(code: str) -> Iterator[str]:
    """The names of the tables that a statement reads, as they are written.

    Args:
        code: The statement without comments, and without what its strings say.
    """
    sources_of_using = re.match(r"\s*(?:WITH|DELETE|MERGE)\b", code, re.IGNORECASE) is not None
    stack = [_Parentheses(query=True)]
    last = ""
    for match in _TOKENS.finditer(code):
        here, text = stack[-1], match.group()
        word = text.upper()
        first, here.first = here.first, False
        if text == "(":
            stack.append(_Parentheses(waiting=here.waiting, listing=here.waiting))
            here.waiting = False
        elif text == ")":
            del stack[max(1, len(stack) - 1) :]
        elif text == ",":
            here.waiting = here.listing
        elif match["name"] is None:
            here.waiting = False
        elif word == "FROM":
            here.query |= first
            here.waiting = here.listing = here.query and last not in _NO_SOURCE_AFTER
        elif word == "JOIN":
            here.waiting = here.listing = True
        elif word == "USING":
            here.waiting = sources_of_using
        elif word == "TABLE" and (first or last == ">") and len(stack) > 1:
            here.waiting = True
        elif word in _STARTS or word in _ENDS:
            here.query |= word in _STARTS
            here.listing &= word not in _ENDS
            here.waiting = False
        elif here.waiting and word != "ONLY":
            here.waiting = False
            if word not in _NOT_A_TABLE and _is_a_table(code, match.end(), alone=first):
                yield text
        last = word


_CALLED = re.compile(r"\s*[(']")
_ENDED = re.compile(r"\s*[),]")


def _is_a_table(code: str, end: int, *, alone: bool) -> bool:
    """Whether a name is neither that of a function, nor stands before a string, nor is a bound, as in ``FROM (MINVALUE)``."""
    return not _CALLED.match(code, end) and not (alone and _ENDED.match(code, end))
