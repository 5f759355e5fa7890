"""``${NAME}`` and ``${yyyyMMdd - 1d}`` in a program, filled in from values that the caller gives."""

import re
from collections.abc import Mapping
from datetime import date, timedelta

from sqlflow_dagster.errors import Diagnostic, did_you_mean
from sqlflow_dagster.source import Replacement, Source

RUN_DATE = "BIZDATE"
_TEMPLATE = re.compile(
    r"\$\{\s*(?:(?P<date>yyyyMMdd)\s*(?:(?P<sign>[+-])\s*(?P<days>\d+)\s*d)?|(?P<name>[^\W\d]\w*))\s*\}"
)


def substitute(source: Source, variables: Mapping[str, str]) -> tuple[Source, list[Diagnostic]]:
    """Fill in the templates of a program.

    ``${yyyyMMdd}``, with ``+ Nd`` or ``- Nd`` for days after or before, is relative to the variable
    ``BIZDATE`` (its first eight characters, such as ``20260131``).

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
            problems.append(Diagnostic(message=value.message, hint=value.hint, span=span))
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
        return Diagnostic(message=f"the variable {name!r} of {match[0]} has no value", hint=hint)
    value = variables[name]
    if match["name"]:
        return value
    try:
        day = date.fromisoformat(value[:8])
    except ValueError:
        return Diagnostic(
            message=f"{match[0]} needs a date in {RUN_DATE}, which is {value!r}",
            hint="write the date as yyyyMMdd, such as 20260131",
        )
    days = int(match["days"] or 0)
    return f"{day + timedelta(days=-days if match['sign'] == '-' else days):%Y%m%d}"
