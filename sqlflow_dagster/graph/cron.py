"""Whether a text says when something recurs, as in a crontab: five fields, or a word such as ``@daily``."""

import re
from dataclasses import dataclass

from sqlflow_dagster.errors import did_you_mean

EXAMPLE = "0 3 * * *"
WORDS = ("@hourly", "@daily", "@midnight", "@weekly", "@monthly", "@yearly", "@annually")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Field:
    """One of the five fields.

    Attributes:
        name: What it is.
        first: Its smallest number.
        last: Its greatest number.
        words: Names of its numbers, from ``first`` on.
    """

    name: str
    first: int
    last: int
    words: tuple[str, ...] = ()


_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_FIELDS = (
    _Field(name="minute", first=0, last=59),
    _Field(name="hour", first=0, last=23),
    _Field(name="day of the month", first=1, last=31),
    _Field(name="month", first=1, last=12, words=_MONTHS),
    # Sunday is 0 and 7.
    _Field(name="day of the week", first=0, last=7, words=_WEEKDAYS),
)
_ITEM = re.compile(r"(?:\*|(?P<first>\w+)(?:-(?P<last>\w+))?)(?:/(?P<step>[1-9]\d?))?", re.ASCII)
_DAYS_OF_MONTH = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


class CronError(ValueError):
    """A text that is no schedule.

    Attributes:
        hint: What to write instead.
    """

    def __init__(self, message: str, hint: str | None) -> None:
        super().__init__(message)
        self.hint = hint


def check_cron(text: str) -> None:
    """Make sure that a text is a schedule that comes true some day.

    Only what every reader of crontabs understands is taken: ``*``, numbers, names of months and weekdays,
    ranges, lists and steps.

    Args:
        text: Such as ``0 3 * * mon-fri`` or ``@daily``.

    Raises:
        CronError: It is no such schedule; the message says why.
    """
    if text.lower() in WORDS:
        return
    if text.startswith("@"):
        raise CronError(
            f"there is no schedule {text!r}",
            did_you_mean(text, WORDS) or f"known: {', '.join(WORDS)}",
        )
    values = text.split()
    if len(values) != len(_FIELDS):
        raise CronError(
            f"a schedule has five fields (minute, hour, day, month, weekday), "
            f"and {text!r} has {len(values)}",
            f"write it as in a crontab: {EXAMPLE!r} is every day at 03:00",
        )
    _, _, days, months, _ = (
        _numbers(value, field) for value, field in zip(values, _FIELDS, strict=True)
    )
    longest = max(_DAYS_OF_MONTH[month - 1] for month in months)
    if min(days) > longest:
        raise CronError(f"no month of the schedule {text!r} has {min(days)} days", None)


def _numbers(value: str, field: _Field) -> set[int]:
    """The numbers that a field allows."""
    found: set[int] = set()
    for item in value.split(","):
        match = _ITEM.fullmatch(item)
        if match is None:
            raise _bad_field(item, field)
        if match["first"] is None:
            first, last = field.first, field.last
        else:
            first = last = _number(match["first"], item, field)
            if match["last"] is not None:
                last = _number(match["last"], item, field)
            elif match["step"] is not None:
                last = field.last
        if first > last:
            raise _bad_field(item, field)
        found.update(range(first, last + 1, int(match["step"] or 1)))
    return found


def _number(text: str, item: str, field: _Field) -> int:
    word = text.lower()
    if word in field.words:
        return field.first + field.words.index(word)
    if not text.isdecimal() or not field.first <= int(text) <= field.last:
        raise _bad_field(item, field)
    return int(text)


def _bad_field(item: str, field: _Field) -> CronError:
    names = f", {field.words[0]} to {field.words[-1]}" if field.words else ""
    return CronError(
        f"a schedule has no {field.name} {item!r}",
        f"it wants *, or numbers from {field.first} to {field.last}{names}, "
        "as in 1-5, 1,15 or */10",
    )
