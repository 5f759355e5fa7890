"""The sequences that statements take numbers from: who takes first gets the smaller one."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from sqlflow_dagster.graph.effects import Effects, Mode
from sqlflow_dagster.graph.objects import Names, ObjectKind, ObjectRef

_PART = r'(?:"(?:[^"]|"")+"|`[^`]+`|[^\W\d]\w*)'
_NAME = rf"{_PART}(?:\.{_PART})*"
_TAKEN = re.compile(
    rf"""\b(?:nextval|setval)\s*\(\s*(?:'(?P<text>[^']+)'|(?P<bare>{_NAME}))"""
    rf"|\bNEXT\s+VALUE\s+FOR\s+(?P<standard>{_NAME})"
    rf"|(?<![\w.\"])(?P<owner>{_NAME})\.nextval\b",
    re.IGNORECASE,
)
"""A number taken from a sequence, in the words of any engine."""
_WORDS = ("nextval", "setval", "value")
"""One of them is in every text of the kind; to look for a word is faster than to look for the whole."""
_SPLIT = re.compile(_PART)
_DEFINES = re.compile(r"(?:CREATE|ALTER)\b", re.IGNORECASE)


def takes_numbers(text: str) -> bool:
    """Whether a program takes numbers from sequences."""
    lowered = text.lower()
    return any(word in lowered for word in _WORDS) and _TAKEN.search(text) is not None


@dataclass(slots=True)
class Sequences:
    """The sequences of a program.

    Attributes:
        used: Whether any statement of the program takes from one.
        defaults: The sequences that number the rows which are added to a table.
        shown: The sequences that number the rows of a view.
    """

    used: bool
    defaults: dict[ObjectRef, frozenset[ObjectRef]] = field(default_factory=dict)
    shown: dict[ObjectRef, frozenset[ObjectRef]] = field(default_factory=dict)

    def taken(self, sql: str, effects: Effects, names: Names) -> Effects:
        """The effects of a statement with the sequences that it takes from.

        Args:
            sql: The statement.
            effects: What it reads and writes.
            names: How its names are resolved.
        """
        if not self.used:
            return effects
        found = frozenset(_named(sql, names))
        added = (self.defaults.get(write.ref, frozenset()) for write in effects.writes)
        takes = found.union(*added, *(self.shown.get(ref, frozenset()) for ref in effects.reads))
        if found and _DEFINES.match(sql):
            for write in effects.writes:
                if write.mode is not Mode.DROP:
                    (self.shown if write.view else self.defaults)[write.ref] = takes
        return replace(effects, takes=takes) if takes else effects


def _named(sql: str, names: Names) -> Iterator[ObjectRef]:
    for match in _TAKEN.finditer(sql):
        name = next(text for text in match.groups() if text is not None)
        parts = _SPLIT.findall(name)
        quoted = [part[0] in '"`' for part in parts]
        bare = [part[1:-1] if quote else part for part, quote in zip(parts, quoted, strict=True)]
        ref = names.without_temporary().table(bare, quoted=quoted)
        yield ref._replace(kind=ObjectKind.SEQUENCE)
