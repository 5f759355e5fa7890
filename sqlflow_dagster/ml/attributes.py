"""Attributes of a WITH clause: whose they are, and reading them against a declaration."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlflow_dagster.errors import TerminalError, did_you_mean
from sqlflow_dagster.lang.expressions import Value
from sqlflow_dagster.lang.statements import Attribute
from sqlflow_dagster.source import Span

RESERVED_PREFIXES = ("resources.", "retrain.", "summary.", "validation.accept")
"""Attributes that other layers read (pods, schedules, plots, acceptance); training ignores them."""

SEARCH_PREFIX = "search."
"""Before the name of an attribute: its value is searched."""

WITHOUT_EFFECT = (
    "train.disk_cache",
    "train.log_every_n_iter",
    "train.save_checkpoints_steps",
    "train.verbose",
    "validation.start_delay_secs",
    "validation.steps",
    "validation.throttle_secs",
)
"""Attributes of the original SQLFlow that never changed a model; accepted so its programs run."""

AVERAGES = ("macro", "micro", "weighted")
"""How metrics of each class become one number."""

_OPTIONAL_PREFIXES = ("model.", "train.")

ValueKind = Literal["int", "float", "bool", "text", "ints", "any"]
_WANTED: dict[ValueKind, str] = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "text": "a word or a string",
    "ints": "a list of whole numbers",
    "any": "a value",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """An attribute that an estimator knows.

    Attributes:
        name: In full, such as ``train.batch_size``.
        kind: What its value must be; a whole number will do for a ``float``.
        default: Its value where the statement gives none.
        minimum: The smallest value allowed; of a list, the smallest element.
        below: Values must be less than this.
        choices: The texts allowed, compared without case.
    """

    name: str
    kind: ValueKind
    default: Value = None
    minimum: float | None = None
    below: float | None = None
    choices: tuple[str, ...] = ()


COMMON = (
    Declaration(name="seed", kind="int", minimum=0),
    Declaration(name="search.metric", kind="text"),
    Declaration(name="search.seconds", kind="float", minimum=1.0),
    Declaration(name="search.trials", kind="int", default=20, minimum=1),
    Declaration(name="train.class_weight", kind="any"),
    Declaration(name="train.columns", kind="text", default="all", choices=("all", "listed")),
    Declaration(name="train.external_memory", kind="bool", default=False),
    Declaration(name="train.group_column", kind="text"),
    Declaration(name="train.label_separator", kind="text"),
    Declaration(name="train.weight_column", kind="text"),
    Declaration(name="validation.average", kind="text", choices=AVERAGES),
    Declaration(name="validation.folds", kind="int", minimum=2),
    Declaration(name="validation.metrics", kind="any"),
    Declaration(name="validation.select", kind="text"),
    Declaration(name="validation.split", kind="float", minimum=0.0, below=1.0),
    Declaration(name="validation.split_by", kind="text"),
    Declaration(name="validation.split_key", kind="text"),
)
"""Attributes that mean the same for every estimator."""

COMMON_ALIASES = {"train.seed": "seed"}
"""Other names of these."""


def of_trainer(attributes: Iterable[Attribute]) -> tuple[Attribute, ...]:
    """The attributes that are the trainer's own."""
    common = {item.name for item in COMMON} | set(COMMON_ALIASES) | set(WITHOUT_EFFECT)
    return tuple(
        item
        for item in attributes
        if item.name.lower() not in common
        and not item.name.lower().startswith((*RESERVED_PREFIXES, SEARCH_PREFIX))
    )


def read_common(attributes: Iterable[Attribute]) -> dict[str, Any]:
    """The values of :data:`COMMON` that a statement gives, with the defaults of the others."""
    names = {item.name for item in COMMON} | set(COMMON_ALIASES)
    return read(
        [item for item in attributes if item.name.lower() in names],
        COMMON,
        estimator="TRAIN",
        aliases=COMMON_ALIASES,
    )


def read(
    attributes: Sequence[Attribute],
    declarations: Sequence[Declaration],
    *,
    estimator: str,
    aliases: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The value of every declared attribute, checked.

    Args:
        attributes: What the statement gives.
        declarations: What the estimator knows.
        estimator: Its name, for messages.
        aliases: Other names of declared attributes, see :func:`declared_name`.

    Raises:
        TerminalError: An attribute is unknown, given twice, or has a wrong value.
    """
    known = {item.name: item for item in declarations}
    values: dict[str, Any] = {item.name: item.default for item in declarations}
    given: set[str] = set()
    for attribute in attributes:
        name = declared_name(attribute.name, declarations, aliases)
        if name is None:
            raise unknown_attribute(attribute, estimator, [item.name for item in declarations])
        if name in given:
            raise TerminalError(
                f"attribute {name} is given twice", attribute.span, "keep one of them"
            )
        given.add(name)
        values[name] = _checked(attribute, known[name])
    return values


def declared_name(
    name: str, declarations: Iterable[Declaration], aliases: Mapping[str, str] | None = None
) -> str | None:
    """The declared attribute that a name means; None where it means none.

    ``model.`` and ``train.`` may be left out where that leaves one meaning.

    Args:
        name: As the statement spells it; case does not count.
        declarations: What the estimator knows.
        aliases: Other names of declared attributes, in lower case.
    """
    folded = name.lower()
    folded = (aliases or {}).get(folded, folded)
    names = {item.name.lower(): item.name for item in declarations}
    if folded in names:
        return names[folded]
    found = [names[full] for prefix in _OPTIONAL_PREFIXES if (full := prefix + folded) in names]
    return found[0] if len(found) == 1 else None


def unknown_attribute(attribute: Attribute, estimator: str, known: Iterable[str]) -> TerminalError:
    """The error for an attribute that an estimator does not know."""
    names = sorted({*known, *(item.name for item in COMMON)})
    hint = did_you_mean(attribute.name, names) or f"known: {', '.join(names)}"
    return TerminalError(f"{estimator} has no attribute {attribute.name!r}", attribute.span, hint)


def value_span(attribute: Attribute | None) -> Span | None:
    """Where the value of an attribute stands, else its name."""
    if attribute is None:
        return None
    return attribute.expression.span or attribute.span


def check_average(item: Attribute) -> str:
    """The value of ``validation.average``.

    Raises:
        TerminalError: It is none of :data:`AVERAGES`.
    """
    declared = next(known for known in COMMON if known.name == "validation.average")
    return str(_checked(item, declared))


def find(attributes: Iterable[Attribute], *names: str) -> Attribute | None:
    """The first attribute that has one of these names; case does not count."""
    folded = {name.lower() for name in names}
    return next((item for item in attributes if item.name.lower() in folded), None)


def _checked(attribute: Attribute, declaration: Declaration) -> Value:
    value = attribute.value
    if not _has_kind(value, declaration.kind):
        raise TerminalError(
            f"attribute {attribute.name} wants {_WANTED[declaration.kind]}, "
            f"but its value is {_shown(value)}",
            value_span(attribute),
        )
    numbers = value if isinstance(value, tuple) else (value,)
    for number in numbers:
        if not isinstance(number, int | float):
            continue
        if declaration.minimum is not None and number < declaration.minimum:
            raise _out_of_range(attribute, f"at least {declaration.minimum:g}", value)
        if declaration.below is not None and number >= declaration.below:
            raise _out_of_range(attribute, f"less than {declaration.below:g}", value)
    if declaration.choices:
        spelling = {item.lower(): item for item in declaration.choices}
        choice = spelling.get(str(value).lower())
        if choice is None:
            raise TerminalError(
                f"attribute {attribute.name} has no choice {value!r}",
                value_span(attribute),
                did_you_mean(str(value), declaration.choices)
                or f"known: {', '.join(declaration.choices)}",
            )
        return choice
    return float(value) if declaration.kind == "float" else value  # type: ignore[arg-type]


def _has_kind(value: Value, kind: ValueKind) -> bool:
    match kind:
        case "int":
            return isinstance(value, int) and not isinstance(value, bool)
        case "float":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case "bool":
            return isinstance(value, bool)
        case "text":
            return isinstance(value, str)
        case "ints":
            return isinstance(value, tuple) and all(_has_kind(item, "int") for item in value)
        case "any":
            return True


def _out_of_range(attribute: Attribute, wanted: str, value: Value) -> TerminalError:
    return TerminalError(
        f"attribute {attribute.name} must be {wanted}, but its value is {_shown(value)}",
        value_span(attribute),
    )


def _shown(value: Value) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(_shown, value))}]"
    return repr(value) if value is not None else "NULL"
