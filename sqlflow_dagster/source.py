"""Program text and positions in it.

A :class:`Source` is the text that is compiled. When ``${NAME}`` templates were substituted, it also
remembers the text as it was written, so that every position shown to a user is one in their file.
"""

import re
from bisect import bisect_right
from dataclasses import dataclass, field
from pathlib import Path

_SECRETS = re.compile(
    r"""(?<![^\W_])(?:password|passwd|pwd|passphrase|secret|secret_access_key|secret_key|session_token
        |token|access_key|api_key|account_key|connection_string)
        (?:\s*(?:=>?|:)\s*|\s+(?:TO\s+)?)
        (?:'(?P<quoted>(?:[^']|'')+)'|(?P<plain>(?<==)[^\s'",;)]+))
    |://[^\s/'":@]*:(?P<url>[^\s/'"@]+)@""",
    re.IGNORECASE | re.VERBOSE,
)


def without_secrets(sql: str) -> str:
    """A text of SQL to be shown: passwords, tokens and their like are stars, each as many as letters.

    Everything keeps its place, so that a caret still points at the right column.
    """

    def starred(match: re.Match[str]) -> str:
        group = match.lastgroup or 0
        start, end = (offset - match.start() for offset in match.span(group))
        text = match[0]
        return text[:start] + "*" * (end - start) + text[end:]

    return _SECRETS.sub(starred, sql)


@dataclass(frozen=True, slots=True, kw_only=True)
class Replacement:
    """A stretch of the written text that another text took the place of.

    Attributes:
        start: First character in the compiled text.
        end: One past the last character in the compiled text.
        written_start: First character in the text as written.
        written_end: One past the last character in the text as written.
    """

    start: int
    end: int
    written_start: int
    written_end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The text of one program.

    Attributes:
        text: What is compiled.
        path: Where it was read from; None for text that came from no file.
        written: The text before template substitution; None where nothing was substituted.
        replacements: The substituted stretches, in order.
    """

    text: str
    path: str | None = None
    written: str | None = field(default=None, repr=False)
    replacements: tuple[Replacement, ...] = field(default=(), repr=False)

    @classmethod
    def read(cls, path: str | Path) -> "Source":
        """Read a UTF-8 file; a byte-order mark is dropped.

        Raises:
            OSError: The file cannot be read.
            UnicodeDecodeError: The file is not UTF-8.
        """
        return cls(text=Path(path).read_text(encoding="utf-8-sig"), path=str(path))

    @property
    def name(self) -> str:
        """What messages call this source: its path, or ``<sql>``."""
        return self.path or "<sql>"

    @property
    def written_text(self) -> str:
        """The text as its author sees it."""
        return self.text if self.written is None else self.written

    def written_offset(self, offset: int) -> int:
        """The offset in the written text of an offset in the compiled text."""
        index = bisect_right(self.replacements, offset, key=lambda item: item.start) - 1
        if index < 0:
            return offset
        last = self.replacements[index]
        return last.written_start if offset < last.end else last.written_end + offset - last.end

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column, both counted from 1, of an offset in the compiled text."""
        text = self.written_text
        offset = min(self.written_offset(offset), len(text))
        line_start = text.rfind("\n", 0, offset) + 1
        return text.count("\n", 0, offset) + 1, offset - line_start + 1

    def line(self, number: int) -> str:
        """The text of a line of the written text, without its line end and without secrets."""
        lines = without_secrets(self.written_text).split("\n")
        return lines[number - 1].rstrip("\r") if number <= len(lines) else ""

    def span(self, start: int, end: int) -> "Span":
        """The stretch from ``start`` up to, not including, ``end``."""
        return Span(source=self, start=start, end=end)


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A stretch of a source: offsets into :attr:`Source.text`, end exclusive."""

    source: Source = field(repr=False)
    start: int
    end: int

    @property
    def text(self) -> str:
        """The text of the stretch."""
        return self.source.text[self.start : self.end]

    @property
    def line(self) -> int:
        """The line of the first character, from 1."""
        return self.source.position(self.start)[0]

    @property
    def column(self) -> int:
        """The column of the first character, from 1."""
        return self.source.position(self.start)[1]

    def __str__(self) -> str:
        line, column = self.source.position(self.start)
        return f"{self.source.name}:{line}:{column}"


_TOKEN = re.compile(r"""\w+|"[^"]*"|`[^`]*`|'[^']*'|.""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Excerpt:
    """What an engine quotes of a statement, to be found again in the program.

    The engine was sent more than the user wrote (an EXPLAIN, a SELECT around theirs) and counts lines its
    own way, so only the quoted text itself tells the place.

    Attributes:
        text: A line of the statement, or a part of it.
        column: Of the character meant, from 0; None where the whole text is.
        in_session: Whether it is a session statement (USE, SET), which stands before the one that failed.
    """

    text: str
    column: int | None = None
    in_session: bool = False

    def within(self, span: Span) -> Span:
        """The place of the excerpt in a statement; the statement's own where it is not to be found."""
        start = 0 if self.in_session else span.start
        end = span.start if self.in_session else span.end
        for first in range((self.column or 0) + 1):
            found = _only(self.text[first:], span.source.text, start, end)
            if found is None:
                continue
            if self.column is None:
                return span.source.span(found, found + len(self.text))
            token = _TOKEN.match(span.source.text, found + self.column - first)
            return span.source.span(*token.span()) if token else span
        return span


def _only(part: str, text: str, start: int, end: int) -> int | None:
    """Where a part stands, as whole words; None where that is nowhere or not one place."""
    words = f"(?<!\\w){re.escape(part)}" if part[:1].isalnum() else re.escape(part)
    words += r"(?!\w)" if part[-1:].isalnum() else ""
    found = [match.start() for match in re.compile(words).finditer(text, start, end)]
    return found[0] if part and len(found) == 1 else None
