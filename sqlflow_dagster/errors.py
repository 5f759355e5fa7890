"""The errors of this package, and the diagnostics they carry.

* SqlflowError
  x CompileError         nothing ran; ``.diagnostics`` holds every problem of the program
  x StepError            a statement failed while it ran; ``.diagnostic`` says where
    + TransientError     worth a retry: a lock, a lost connection
    + TerminalError      a retry is waste: a missing column, an empty training set
  x PluginError          a name that no plugin has, or a plugin whose library is not installed
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from enum import IntEnum, StrEnum

from sqlflow_dagster.codes import Code
from sqlflow_dagster.source import Excerpt, Span


class ExitCode(IntEnum):
    """What the ``sqlflow`` command and a step's process exit with.

    ``TRANSIENT`` is EX_TEMPFAIL of sysexits.h: an orchestrator may retry the step.
    """

    OK = 0
    FAILED = 1
    USAGE = 2
    TRANSIENT = 75


class Severity(StrEnum):
    """How bad a diagnostic is; only an ``ERROR`` stops a compile."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostic:
    """One problem of a program, with its place.

    Attributes:
        code: What kind of problem it is.
        message: What was wanted and what came, in one sentence.
        span: Where; None when the problem has no place in the text.
        hint: What to do about it.
        severity: Error or warning.
    """

    code: Code
    message: str
    span: Span | None = None
    hint: str | None = None
    severity: Severity = Severity.ERROR

    def render(self) -> str:
        """The diagnostic as text: ``file:line:column: … [code]``, the line, a caret, the hint."""
        # What failed as it ran is told by the message: there is nothing to look up.
        code = "" if self.code is Code.CANNOT_RUN else f" [{self.code}]"
        text = f"{self.severity}: {self.message}{code}"
        lines = [text] if self.span is None else [f"{self.span}: {text}", *_shown(self.span)]
        if self.hint:
            lines.append(f"hint: {self.hint}")
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.render()


_MAX_SHOWN = 120


def _shown(span: Span) -> tuple[str, str]:
    """The line of a place, cut where it is too long to read, and the carets under the place."""
    source = span.source
    number, column = source.position(span.start)
    text = source.line(number)
    last_line, last_column = source.position(max(span.start, span.end))
    width = last_column - column if last_line == number else len(text) - column + 1
    start = column - 1
    left = max(0, start - _MAX_SHOWN // 3) if len(text) > _MAX_SHOWN else 0
    right = left + _MAX_SHOWN
    before, after = "…" if left else "", "…" if len(text) > right else ""
    indent = " " * len(before) + "".join("\t" if c == "\t" else " " for c in text[left:start])
    carets = "^" * max(min(width, right - start), 1)
    gutter = f"{number} | "
    return f"{gutter}{before}{text[left:right]}{after}", f"{' ' * len(gutter)}{indent}{carets}"


def did_you_mean(name: str, known: Iterable[str]) -> str | None:
    """A hint that names the known names nearest to ``name``; None where nothing is near.

    Case does not count for nearness, nor does what two names have in common up to a dot: ``train.seed`` is
    not near ``train.depth``. The known spelling is shown.
    """
    spelling = {item.lower(): item for item in known}
    folded = name.lower()
    family = folded[: folded.rfind(".") + 1]
    candidates = [
        item
        for item in spelling
        if not (family and item.startswith(family))
        or get_close_matches(folded[len(family) :], [item[len(family) :]], cutoff=_NEAR)
    ]
    near = get_close_matches(folded, candidates, n=3, cutoff=_NEAR)
    return f"did you mean {' or '.join(repr(spelling[item]) for item in near)}?" if near else None


_NEAR = 0.6


class SqlflowError(Exception):
    """Base of every error that this package raises on purpose."""


class CompileError(SqlflowError):
    """A program that cannot be run; nothing of it ran.

    Attributes:
        diagnostics: Every problem found, errors and warnings, in the order of the text.
    """

    def __init__(self, diagnostics: Sequence[Diagnostic]) -> None:
        super().__init__(tuple(diagnostics))
        self.diagnostics = tuple(diagnostics)

    def __str__(self) -> str:
        return "\n\n".join(item.render() for item in self.diagnostics)


class StepError(SqlflowError):
    """A statement failed while it ran.

    Attributes:
        message: What was wanted and what came.
        span: The place in the program; filled in by the runtime where the raiser did not know it.
        hint: What to do about it.
        excerpt: What the engine quotes of the statement; it makes the place of :meth:`at` exact.
    """

    exit_code = ExitCode.FAILED
    excerpt: Excerpt | None = None

    def __init__(self, message: str, span: Span | None = None, hint: str | None = None) -> None:
        super().__init__(message, span, hint)
        self.message = message
        self.span = span
        self.hint = hint

    @property
    def diagnostic(self) -> Diagnostic:
        """The error as a diagnostic, to be shown with its place and a caret."""
        return Diagnostic(
            code=Code.CANNOT_RUN, message=self.message, span=self.span, hint=self.hint
        )

    def at(self, span: Span | None) -> "StepError":
        """The same error with a place, unless it has one already."""
        if self.span is not None or span is None:
            return self
        place = self.excerpt.within(span) if self.excerpt else span
        error = type(self)(self.message, place, self.hint)
        error.__cause__ = self.__cause__ or self
        return error

    def __str__(self) -> str:
        return self.diagnostic.render()


class TransientError(StepError):
    """A failure that a later attempt may not meet: a lock held elsewhere, a lost connection."""

    exit_code = ExitCode.TRANSIENT


class TerminalError(StepError):
    """A failure that every attempt would meet."""


class PluginError(SqlflowError):
    """A plugin that does not exist or cannot be loaded.

    Attributes:
        hint: What to do about it.
    """

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message, hint)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}; {self.hint}" if self.hint else self.message
