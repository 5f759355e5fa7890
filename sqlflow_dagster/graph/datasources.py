"""Which data source each statement of a program is for.

``-- sqlflow: datasource=pg`` above a statement is about that statement, ``-- sqlflow: program.datasource=pg`` at
the top of a program about all that say nothing themselves.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from sqlflow_dagster.codes import Code
from sqlflow_dagster.errors import Diagnostic, did_you_mean
from sqlflow_dagster.graph.external_programs import DATASOURCE_VARIABLE
from sqlflow_dagster.graph.objects import DEFAULT_DATASOURCE, Names
from sqlflow_dagster.graph.resources import ANNOTATION, annotation_comments
from sqlflow_dagster.source import Source, Span

_VALUE = r"""\s*=\s*(?P<value>"[^"]*"|'[^']*'|[^\s,;"']*)"""
_OPTION = re.compile(rf"""(?<![\w."])datasource{_VALUE}""", re.IGNORECASE)
PROGRAM_OPTION = re.compile(rf"""(?<![\w."])program\.datasource{_VALUE}""", re.IGNORECASE)
_HEAD = re.compile(r"(?:\s++|--[^\n]*+|/\*.*?\*/)*+", re.DOTALL)
_COMMENT = re.compile(r"--[ \t]*sqlflow:[^\r\n]*", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramDatasources:
    """The data sources of a program, as far as a compile has to know them.

    Attributes:
        names: How names are resolved in each at the start of the program, by the data source's name.
        of_program: The one of the statements that say nothing.
        annotated: Whether a statement may say something.
    """

    names: Mapping[str, Names]
    of_program: str = DEFAULT_DATASOURCE
    annotated: bool = False

    def of(self, source: Source) -> tuple["ProgramDatasources", list[Diagnostic]]:
        """The same for a program with what it says at its top, and what is wrong with that."""
        if ANNOTATION.search(source.text) is None:
            return self, []
        placed, problems = replace(self, annotated=True), []
        head = _HEAD.match(source.text)
        for comment in _COMMENT.finditer(source.text):
            for named in _named(source.span(*comment.span()), PROGRAM_OPTION):
                if head is None or comment.start() >= head.end():
                    problems.append(_too_late(named))
                elif problem := self.unknown(named):
                    problems.append(problem)
                else:
                    placed = replace(placed, of_program=_value(named))
        return placed, problems

    def at_home(self, schemas: Mapping[str, str]) -> "ProgramDatasources":
        """The same where unqualified tables are in these schemas, by data source."""
        names = {
            name: item if name not in schemas else replace(item, home=schemas[name])
            for name, item in self.names.items()
        }
        return replace(self, names=names)

    def at(self, statement: Span) -> str:
        """The data source of a statement, which may be unknown."""
        found = self.declared(statement)
        return self.of_program if found is None else _value(found)

    def declared(self, statement: Span) -> Span | None:
        """Where the comments above a statement name its data source, first."""
        if not self.annotated:
            return None
        comments = annotation_comments(statement)
        return next((named for comment in comments for named in _named(comment, _OPTION)), None)

    def unknown(self, named: Span) -> Diagnostic | None:
        """The error for a name that no data source has."""
        value = _value(named)
        if value in self.names:
            return None
        others = sorted(self.names.keys() - {DEFAULT_DATASOURCE})
        near = did_you_mean(value, sorted(self.names))
        return Diagnostic(
            code=Code.UNKNOWN_DATASOURCE,
            message=f"there is no data source {value!r}",
            span=named,
            hint=near
            or (f"known: {', '.join([DEFAULT_DATASOURCE, *others])}; " if others else "")
            + f"name it with --datasource {value}=URL or {variable_of(value)}",
        )

    def dialect_at(self, source: Source) -> Callable[[int], str] | None:
        """What tells the dialect of the statement that starts at an offset; None where all have one."""
        if len({names.dialect for names in self.names.values()}) == 1:
            return None
        if not self.annotated:
            return None

        def dialect(start: int) -> str:
            name = self.at(source.span(start, min(start + 1, len(source.text))))
            return self.names.get(name, self.names[DEFAULT_DATASOURCE]).dialect

        return dialect


def variable_of(datasource: str) -> str:
    """The environment variable that holds the URL of a data source."""
    if datasource == DEFAULT_DATASOURCE:
        return DATASOURCE_VARIABLE
    return f"{DATASOURCE_VARIABLE}_{datasource.upper()}"


def _named(comment: Span, option: re.Pattern[str]) -> Iterator[Span]:
    """Where a comment names a data source."""
    for found in option.finditer(comment.source.text, comment.start, comment.end):
        yield comment.source.span(*found.span("value"))


def _too_late(named: Span) -> Diagnostic:
    return Diagnostic(
        code=Code.INVALID_ANNOTATION,
        message="the data source of a whole program must be named before its first statement",
        span=named,
        hint=f"for this statement alone, write: -- sqlflow: datasource={named.text}",
    )


def _value(named: Span) -> str:
    return named.text.strip("\"'").lower()
