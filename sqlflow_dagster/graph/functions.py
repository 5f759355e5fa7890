"""What functions and macros of a program read wherever they are called."""

import re
from dataclasses import dataclass, field, replace

from sqlflow_dagster.graph.effects import Effects
from sqlflow_dagster.graph.loose import loose_effects
from sqlflow_dagster.graph.objects import Names

_PART = r"(?:\w+|\"[^\"]+\"|`[^`]+`)"
_CREATE = re.compile(
    r"CREATE\s+(?:OR\s+REPLACE\s+)?(?:(?:TEMP|TEMPORARY|AGGREGATE|TABLE)\s+)*(?:FUNCTION|MACRO)\s+"
    rf"(?:IF\s+NOT\s+EXISTS\s+)?(?:{_PART}\.)*(?P<name>{_PART})",
    re.IGNORECASE,
)
_LANGUAGE = re.compile(r"\bLANGUAGE\s+'?(?P<language>\w+)", re.IGNORECASE)
_QUOTED_BODY = re.compile(
    r"\$(?P<tag>\w*)\$(?P<dollars>.*?)\$(?P=tag)\$|\bAS\s+'(?P<text>(?:[^']|'')*)'",
    re.DOTALL | re.IGNORECASE,
)


@dataclass(slots=True)
class Functions:
    """The functions that a program has created so far and that touch tables, by bare name.

    Names without their schema are enough: taking another function of the same name for it only makes a
    statement wait for more.
    """

    known: dict[str, Effects] = field(default_factory=dict)
    calls: re.Pattern[str] | None = None

    def learn(self, sql: str, names: Names) -> None:
        """Take note of a statement that creates a function."""
        created = _CREATE.match(sql)
        if created is None:
            return
        language = _LANGUAGE.search(sql)
        if language is not None and language["language"].lower() not in {"sql", "plpgsql"}:
            return
        quoted = _QUOTED_BODY.search(sql, created.end())
        body = sql[created.end() :]
        if quoted is not None:
            body = quoted["dollars"] or (quoted["text"] or "").replace("''", "'")
        touched = self.called(body, loose_effects(body, names))
        if touched.reads or touched.writes:
            self.known[created["name"].strip('"`').lower()] = touched
            words = "|".join(map(re.escape, self.known))
            self.calls = re.compile(rf"\b({words})[\"`]?\s*\(", re.IGNORECASE)

    def called(self, sql: str, effects: Effects) -> Effects:
        """The effects of a statement with what the functions read that it calls.

        A function that writes may be called any number of times, or not at all: its caller keeps its place.
        """
        if self.calls is None:
            return effects
        found = [self.known[match[1].lower()] for match in self.calls.finditer(sql)]
        if not found:
            return effects
        return replace(
            effects,
            reads=effects.reads.union(*(item.reads for item in found)),
            barrier=effects.barrier or any(item.writes for item in found),
        )
