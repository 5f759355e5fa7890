"""``${NAME}`` and ``${yyyyMMdd - 1d}`` in a program, filled in from values that the caller gives."""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta

from sqlflow_dagster.codes import Code
from sqlflow_dagster.errors import Diagnostic, did_you_mean
from sqlflow_dagster.source import Replacement, Source

RUN_DATE = "BIZDATE"
_TEMPLATE = re.compile(
    r"\$\{\s*(?:(?P<date>yyyyMMdd)\s*(?:(?P<sign>[+-])\s*(?P<days>\d+)\s*d)?|(?P<name>[^\W\d]\w*))\s*\}"
)

_DATE = re.compile(r"(\d{4})-?(\d{2})-?(\d{2})")


def substitute(source: Source, variables: Mapping[str, str]) -> tuple[Source, list[Diagnostic]]:
    """Fill in the templates of a program.

    ``${yyyyMMdd}``, with ``+ Nd`` or ``- Nd`` for days after or before, is relative to the variable
    ``BIZDATE``, which starts with a date such as ``20260131`` or ``2026-01-31``.

    Args:
        source: The program as written.
        variables: The values by name.

    Returns:
        The program to compile, which maps positions back to the text as written, and a diagnostic for
        each template without a value.
    """
    pieces: list[str] = []
    replacements: list[Replacement] = []
    problems: list[Diagnostic] = []
    position = length = 0
    for match in _TEMPLATE.finditer(source.text):
        value = _value(match, variables)
        if isinstance(value, Diagnostic):
            span = source.span(*match.span())
            problems.append(replace(value, span=span))
            continue
        before = source.text[position : match.start()]
        start = length + len(before)
        length = start + len(value)
        pieces += (before, value)
        position = match.end()
        replacements.append(
            Replacement(
                start=start, end=length, written_start=match.start(), written_end=match.end()
            )
        )
    if not replacements:
        return source, problems
    pieces.append(source.text[position:])
    filled = Source(
        text="".join(pieces),
        path=source.path,
        written=source.text,
        replacements=tuple(replacements),
    )
    return filled, problems


def _value(match: re.Match[str], variables: Mapping[str, str]) -> str | Diagnostic:
    name = match["name"] or RUN_DATE
    if name not in variables:
        hint = did_you_mean(name, variables) or f"give it a value: --variable {name}=…"
        return Diagnostic(
            code=Code.UNDEFINED_VARIABLE,
            message=f"the variable {name!r} of {match[0]} has no value",
            hint=hint,
        )
    value = variables[name]
    if match["name"]:
        return value
    days = int(match["days"] or 0)
    day = _day(value, -days if match["sign"] == "-" else days)
    if day is None:
        return Diagnostic(
            code=Code.INVALID_DATE,
            message=f"{match[0]} needs a date in {RUN_DATE}, which is {value!r}",
            hint="write the date as yyyyMMdd, such as 20260131",
        )
    return f"{day:%Y%m%d}"


def _day(value: str, shift: int) -> date | None:
    """The day that a text starts with, ``shift`` days later; None where there is no such day."""
    written = _DATE.match(value)
    if written is None:
        return None
    try:
        return date(*map(int, written.groups())) + timedelta(days=shift)
    except (ValueError, OverflowError):
        return None
