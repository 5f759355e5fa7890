"""What a step asks of the machine that runs it: processors, memory, an image.

A machine-learning statement says it in its WITH clause (``resources.memory = "8Gi"``), any statement in a
comment on the lines right above it (``-- sqlflow: resources.memory=8Gi, resources.cpu=2``). A TO RUN asks for
the image that it names. A generated table asks for nothing: the engine computes it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import get_args

from sqlflow_dagster.codes import Code
from sqlflow_dagster.errors import CompileError, Diagnostic, did_you_mean
from sqlflow_dagster.graph.program import Step
from sqlflow_dagster.lang.expressions import Value
from sqlflow_dagster.lang.statements import (
    QueryStatement,
    RunStatement,
    Statement,
    TemporaryTableStatement,
)
from sqlflow_dagster.source import Span

PREFIX = "resources."


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """What a step asks for; None where it asks for nothing.

    Attributes:
        cpu: Processors as a Kubernetes quantity: ``2``, ``0.5`` or ``500m``.
        memory: Bytes as a Kubernetes quantity: ``8Gi``.
        gpu: How many graphics processors.
        image: The container image that runs it.
        node_selector: The labels that its node must have, as (name, value), sorted.
    """

    cpu: str | None = None
    memory: str | None = None
    gpu: int | None = None
    image: str | None = None
    node_selector: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Setting:
    """One ``resources.name = value`` as written."""

    name: str
    value: str
    span: Span | None


class _BadValueError(Exception):
    """A value that cannot be read; its words are the rest of the message and a hint."""

    def __init__(self, wanted: str, hint: str | None = None) -> None:
        super().__init__(wanted)
        self.wanted = wanted
        self.hint = hint


KNOWN = ("cpu", "gpu", "image", "memory", "node_selector")
"""The names after ``resources.``."""
_NUMBER = r"(?:\d+(?:\.\d*)?|\.\d+)"
_CPU = re.compile(rf"{_NUMBER}m?")
_MEMORY = re.compile(rf"{_NUMBER}(?:[KMGTPE]i|[kMGTPE]|[eE]\+?\d+)?")
_IMAGE = re.compile(r"[a-zA-Z0-9][\w./:@-]*", re.ASCII)
_LABEL_NAME = re.compile(
    r"(?:[a-z0-9][a-z0-9.-]*/)?[A-Za-z0-9](?:[-\w.]{0,61}[A-Za-z0-9])?", re.ASCII
)
_LABEL_VALUE = re.compile(r"(?:[A-Za-z0-9](?:[-\w.]{0,61}[A-Za-z0-9])?)?", re.ASCII)


def step_resources(step: Step) -> Resources:
    """What a step asks for in its attributes and in the comment above it.

    Args:
        step: A step of a compiled program.

    Raises:
        CompileError: With each setting that is unknown, given twice or has a value that Kubernetes
            would refuse.
    """
    statement = step.statement
    # The program of TO RUN is in the image that it names.
    found = Resources(image=statement.image if isinstance(statement, RunStatement) else None)
    given: set[str] = set()
    problems: list[Diagnostic] = []
    for setting in _settings(step.statement):
        problem = _name_problem(setting, given)
        given.add(setting.name)
        if problem is None:
            try:
                found = _with(found, setting)
            except _BadValueError as error:
                problem = Diagnostic(
                    code=Code.INVALID_ATTRIBUTE,
                    message=f"{PREFIX}{setting.name} wants {error.wanted}, "
                    f"but its value is {setting.value!r}",
                    span=setting.span,
                    hint=error.hint,
                )
        if problem is not None:
            problems.append(problem)
    if problems:
        raise CompileError(problems)
    return found


def _settings(statement: Statement) -> Iterator[_Setting]:
    if isinstance(statement, TemporaryTableStatement):
        return
    if isinstance(statement, get_args(QueryStatement)):
        for item in statement.attributes:
            if item.name.lower().startswith(PREFIX):
                name = item.name.lower().removeprefix(PREFIX)
                span = item.expression.span or item.span
                yield _Setting(name=name, value=_text(item.value), span=span)
    if statement.span is not None:
        yield from _comment_settings(statement.span)


def _text(value: Value) -> str:
    if isinstance(value, tuple):
        return ",".join(map(_text, value))
    return "NULL" if value is None else str(value)


_COMMENT_LINE = re.compile(r"[^\S\n]*(?P<comment>--[^\n]*)?")
ANNOTATION = re.compile(r"--[ \t]*sqlflow:", re.IGNORECASE)
_SETTING = re.compile(
    rf"""\b{re.escape(PREFIX)}(?P<name>\w+)(?:\s*=\s*(?P<value>"[^"]*"|'[^']*'|[^\s,"']+))?""",
    re.IGNORECASE,
)


def annotation_comments(statement: Span) -> list[Span]:
    """The comments ``-- sqlflow: …`` on the lines above a statement, from top to bottom."""
    source = statement.source
    line_start = source.text.rfind("\n", 0, statement.start) + 1
    if source.text[line_start : statement.start].strip():
        return []  # What stands above belongs to the statement that starts this line.
    found: list[Span] = []
    while line_start > 0:
        end = line_start - 1
        line_start = source.text.rfind("\n", 0, end) + 1
        line = _COMMENT_LINE.fullmatch(source.text, line_start, end)
        if line is None:
            break
        if line["comment"] and ANNOTATION.match(line["comment"]):
            found.append(source.span(line.start("comment"), end))
    return found[::-1]


def _comment_settings(statement: Span) -> Iterator[_Setting]:
    source = statement.source
    for comment in annotation_comments(statement):
        for match in _SETTING.finditer(source.text, comment.start, comment.end):
            name, given = match["name"].lower(), match["value"]
            known = given is not None and name in KNOWN
            yield _Setting(
                name=name,
                value=(given or "").strip("\"'"),
                span=source.span(*match.span("value" if known else 0)),
            )


def _name_problem(setting: _Setting, given: set[str]) -> Diagnostic | None:
    if setting.name not in KNOWN:
        known = [PREFIX + name for name in KNOWN]
        return Diagnostic(
            code=Code.INVALID_ATTRIBUTE,
            message=f"unknown attribute {PREFIX + setting.name!r}",
            span=setting.span,
            hint=did_you_mean(PREFIX + setting.name, known) or f"known: {', '.join(known)}",
        )
    if setting.name in given:
        return Diagnostic(
            code=Code.GIVEN_TWICE,
            message=f"{PREFIX}{setting.name} is given twice",
            span=setting.span,
            hint="keep one of them",
        )
    return None


def _with(resources: Resources, setting: _Setting) -> Resources:
    """The resources with one setting more.

    Raises:
        _BadValueError: The value is none.
    """
    value = setting.value
    match setting.name:
        case "cpu":
            return replace(resources, cpu=_cpu(value))
        case "memory":
            return replace(resources, memory=_memory(value))
        case "gpu":
            return replace(resources, gpu=_gpu(value))
        case "image":
            return replace(resources, image=_image(value))
        case _:
            return replace(resources, node_selector=_node_selector(value))


def _is_positive(quantity: str) -> bool:
    digits = re.match(_NUMBER, quantity)
    return digits is not None and float(digits.group()) > 0


def _cpu(value: str) -> str:
    if not _CPU.fullmatch(value) or not _is_positive(value):
        raise _BadValueError("a number of processors such as 2, 0.5 or 500m")
    return value


def _memory(value: str) -> str:
    if not _MEMORY.fullmatch(value) or not _is_positive(value):
        unit = re.fullmatch(rf"({_NUMBER})\s*([kmgtpe])i?b?", value, re.IGNORECASE)
        hint = f"did you mean {unit[1] + unit[2].upper() + 'i'!r}?" if unit else None
        raise _BadValueError("a quantity of memory such as 8Gi or 512Mi", hint)
    return value


def _gpu(value: str) -> int:
    if not value.isdecimal() or int(value) < 1:
        raise _BadValueError("a number of graphics processors from 1")
    return int(value)


def _image(value: str) -> str:
    if not _IMAGE.fullmatch(value):
        raise _BadValueError("the name of an image such as registry.example.com/sqlflow:1.0")
    return value


def _node_selector(value: str) -> tuple[tuple[str, str], ...]:
    labels: dict[str, str] = {}
    for item in value.split(","):
        name, equals, label = (part.strip() for part in item.partition("="))
        if not equals or not _LABEL_NAME.fullmatch(name) or not _LABEL_VALUE.fullmatch(label):
            raise _BadValueError('labels of a node such as "disk=ssd, zone=a"')
        labels[name] = label
    return tuple(sorted(labels.items()))
