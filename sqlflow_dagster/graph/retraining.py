"""When a model is to be trained again without being asked, and what else is made again with it.

``WITH retrain.schedule = "0 3 * * *"`` names times, ``WITH retrain.min_new_rows = 1000`` waits for data, of which
``retrain.watermark = "created_at"`` tells what is new.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from sqlflow_dagster.codes import Code
from sqlflow_dagster.errors import CompileError, Diagnostic, did_you_mean
from sqlflow_dagster.graph.cron import EXAMPLE, CronError, check_cron
from sqlflow_dagster.graph.objects import ObjectKind, ObjectRef
from sqlflow_dagster.graph.program import Program, Segment
from sqlflow_dagster.graph.selection import clean_ups
from sqlflow_dagster.lang.statements import Attribute, TrainStatement, attribute

PREFIX = "retrain."
SCHEDULE, TIMEZONE, MIN_NEW_ROWS = "retrain.schedule", "retrain.timezone", "retrain.min_new_rows"
WATERMARK = "retrain.watermark"
_KNOWN = (MIN_NEW_ROWS, SCHEDULE, TIMEZONE, WATERMARK)
_NEEDED = {
    TIMEZONE: (SCHEDULE, "is the time zone of"),
    WATERMARK: (MIN_NEW_ROWS, "tells the new rows of"),
}
"""The attributes that say more of another one."""
_EXAMPLES = {
    WATERMARK: f'write it as {WATERMARK} = "created_at"',
    SCHEDULE: f'write it as {SCHEDULE} = "{EXAMPLE}"',
    TIMEZONE: f'write it as {TIMEZONE} = "Europe/Berlin"',
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Retraining:
    """When a model is trained again.

    Attributes:
        schedule: The times, as in a crontab; None for none.
        timezone: The time zone of the schedule; None for UTC.
        min_new_rows: By how many rows a table that the model is made from must have grown since the last
            training; None where new rows start none.
        watermark: The column by whose values new rows are told: they are above all there were; None where only
            the number of rows counts.
    """

    schedule: str | None = None
    timezone: str | None = None
    min_new_rows: int | None = None
    watermark: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrainingScope:
    """What a training reaches within its program.

    Attributes:
        segments: The indexes of the segments that are run.
        watched: The tables that the model is made from and that the program does not write.
    """

    segments: frozenset[int]
    watched: tuple[ObjectRef, ...]


def retraining(statement: TrainStatement) -> Retraining | None:
    """When the model of a statement is trained again; None where nothing is said of it.

    Raises:
        CompileError: With each ``retrain.*`` attribute that is unknown or has a value that means nothing.
    """
    own = [item for item in statement.attributes if item.name.lower().startswith(PREFIX)]
    if not own:
        return None
    problems = [problem for item in own if (problem := _problem(item)) is not None]
    given = {item.name.lower(): item.value for item in own}
    for name, (other, relation) in _NEEDED.items():
        item = attribute(statement, name)
        if item is not None and other not in given:
            problems.append(
                Diagnostic(
                    code=Code.INVALID_ATTRIBUTE,
                    message=f"{name} {relation} {other}, which is not given",
                    span=item.span,
                    hint=f"give {other} too, or leave {name} out",
                )
            )
    if problems:
        raise CompileError(problems)
    # The checks above know the types of the values.
    return Retraining(
        schedule=given.get(SCHEDULE),  # type: ignore[arg-type]
        timezone=given.get(TIMEZONE),  # type: ignore[arg-type]
        min_new_rows=given.get(MIN_NEW_ROWS),  # type: ignore[arg-type]
        watermark=given.get(WATERMARK),  # type: ignore[arg-type]
    )


def retraining_scope(program: Program, segment: Segment) -> RetrainingScope:
    """What is run to train the model of a segment on fresh data.

    That is the model, what it is made from, what is made from it and what that is made from in turn, as far
    as the program makes it. Another model that these use is taken as it is. Where an earlier version of a
    table or model is made again, so are its later ones: it would be left in its earlier state.
    """
    made_from = _made_from(program, {segment.index})
    written = {ref for step in program.steps for ref in step.writes}
    watched = {
        ref
        for index in made_from
        for ref in program.segments[index].inputs
        if ref.kind is ObjectKind.TABLE and ref not in written
    }
    chosen = _descendants(program, made_from, of=segment.index)
    while True:
        more = _made_from(program, chosen).union(*(program.segments[i].requires for i in chosen))
        if more <= chosen:
            chosen |= clean_ups(program, chosen)
            return RetrainingScope(segments=frozenset(chosen), watched=tuple(sorted(watched)))
        chosen |= more


def unwatched(program: Program) -> list[Diagnostic]:
    """A diagnostic for each training that waits for new rows where no table can bring any."""
    problems = []
    for segment in program.segments:
        for index in segment.steps:
            statement = program.steps[index].statement
            if not isinstance(statement, TrainStatement):
                continue
            given = attribute(statement, MIN_NEW_ROWS)
            if given is not None and not retraining_scope(program, segment).watched:
                message = (
                    f"{MIN_NEW_ROWS} has no table to watch: the model is made from nothing but "
                    "what this program makes itself"
                )
                hint = f"use {SCHEDULE}, or train on a table that comes from elsewhere"
                problems.append(
                    Diagnostic(
                        code=Code.NOTHING_TO_WATCH, message=message, span=given.span, hint=hint
                    )
                )
    return problems


def without_watermark(
    statement: TrainStatement, columns: Mapping[ObjectRef, Sequence[str]]
) -> Diagnostic:
    """The diagnostic for a watermark that none of the watched tables has.

    Args:
        statement: The training.
        columns: The columns of the watched tables.
    """
    item = attribute(statement, WATERMARK)
    assert item is not None
    tables = "; ".join(f"{ref} has {', '.join(names)}" for ref, names in sorted(columns.items()))
    return Diagnostic(
        code=Code.UNKNOWN_COLUMN,
        message=f"no table that model {statement.into} is made from has a column {item.value!r} of times, "
        f"numbers or text: {tables}",
        span=item.expression.span or item.span,
        hint=did_you_mean(str(item.value), {name for names in columns.values() for name in names}),
    )


def _problem(item: Attribute) -> Diagnostic | None:
    """What is wrong with one attribute."""
    name, value = item.name.lower(), item.value
    span = item.expression.span or item.span
    if name not in _KNOWN:
        hint = did_you_mean(item.name, _KNOWN) or f"known: {', '.join(_KNOWN)}"
        return Diagnostic(
            code=Code.INVALID_ATTRIBUTE,
            message=f"unknown attribute {item.name!r}",
            span=item.span,
            hint=hint,
        )
    if name == MIN_NEW_ROWS:
        if isinstance(value, int) and not isinstance(value, bool) and value >= 1:
            return None
        message = f"{name} wants a number of rows from 1, but its value is {value!r}"
        return Diagnostic(code=Code.INVALID_ATTRIBUTE, message=message, span=span)
    if not isinstance(value, str) or not value:
        message = f"{name} wants a text, but its value is {value!r}"
        return Diagnostic(
            code=Code.INVALID_ATTRIBUTE, message=message, span=span, hint=_EXAMPLES[name]
        )
    if name == WATERMARK:
        return None
    if name == TIMEZONE:
        if _is_timezone(value):
            return None
        hint = did_you_mean(value, available_timezones()) or _EXAMPLES[name]
        return Diagnostic(
            code=Code.INVALID_ATTRIBUTE,
            message=f"there is no time zone {value!r}",
            span=span,
            hint=hint,
        )
    try:
        check_cron(value)
    except CronError as error:
        return Diagnostic(
            code=Code.INVALID_ATTRIBUTE, message=str(error), span=span, hint=error.hint
        )
    return None


def _is_timezone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def _made_from(program: Program, start: Iterable[int]) -> set[int]:
    """The segments themselves and what they are made from; another model ends the way."""
    found = set(start)
    ahead = list(found)
    while ahead:
        segment = program.segments[ahead.pop()]
        needed = {index for index in segment.upstream if not _makes_model(program.segments[index])}
        new = (needed | (segment.upstream & segment.requires)) - found
        found |= new
        ahead += new
    return found


def _makes_model(segment: Segment) -> bool:
    return any(output.ref.kind is ObjectKind.MODEL for output in segment.outputs)


def _descendants(program: Program, start: set[int], *, of: int) -> set[int]:
    """``start`` and all that is made from segment ``of``."""
    after = {of}
    # Segments stand after all that they wait for: one walk is enough.
    for segment in program.segments:
        if segment.upstream & after:
            after.add(segment.index)
    return start | after
