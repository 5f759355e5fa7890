"""``search.*`` of a WITH clause: which attributes are searched, and how a trial gives them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlflow_dagster.errors import TerminalError, did_you_mean
from sqlflow_dagster.lang.expressions import Expression, ListExpression, Literal, Value
from sqlflow_dagster.lang.statements import Attribute
from sqlflow_dagster.ml.attributes import SEARCH_PREFIX, find, value_span
from sqlflow_dagster.ml.search import Choices, Dimension, Range, Values
from sqlflow_dagster.source import Span

TRIALS, SECONDS, METRIC = "search.trials", "search.seconds", "search.metric"
_SETTINGS = (TRIALS, SECONDS, METRIC)
_LOGARITHMIC = ("eta", "learning_rate", "lr")
_WIDE = 100.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchPlan:
    """What a statement says of its search.

    Attributes:
        space: What is searched, by the name of the attribute.
        attributes: Where each is given, by the same name.
        trials: How many trials at most.
        seconds: After how many seconds no new trial begins; None for no such end.
        metric: What the models of the trials are compared by; None for the loss.
        metric_span: Where it stands.
    """

    space: Mapping[str, Dimension]
    attributes: Mapping[str, Attribute]
    trials: int
    seconds: float | None
    metric: str | None
    metric_span: Span | None

    @property
    def first(self) -> Attribute:
        """The first attribute of the search, for messages about all of it."""
        return next(iter(self.attributes.values()))

    def attributes_of(self, values: Values) -> tuple[Attribute, ...]:
        """The attributes that a trial gives to the trainer."""
        return tuple(
            Attribute(
                name=name,
                expression=expression_of(value, value_span(self.attributes[name])),
                span=self.attributes[name].span,
            )
            for name, value in values.items()
        )

    def corners(self) -> list[Values]:
        """Values that between them have each end of each range and each choice."""
        found: dict[str, tuple[Value, ...]] = {}
        for name, dimension in self.space.items():
            match dimension:
                case Range(low=low, high=high):
                    found[name] = (low, high)
                case Choices(values=values):
                    found[name] = values
        most = max(map(len, found.values()))
        return [
            {name: values[place % len(values)] for name, values in found.items()}
            for place in range(most)
        ]


def read_search(attributes: Sequence[Attribute], values: Mapping[str, Any]) -> SearchPlan | None:
    """What a statement says of its search; None where it searches nothing.

    Two numbers are the ends of a range, other lists are choices. A range of fractions that begins
    above 0 is searched by powers where it is that of a learning rate or its ends are a factor of
    100 apart.

    Args:
        attributes: Of the statement.
        values: What :func:`~sqlflow_dagster.ml.attributes.read_common` gave.

    Raises:
        TerminalError: A dimension has no values to choose from, or nothing is searched.
    """
    given = [item for item in attributes if item.name.lower().startswith(SEARCH_PREFIX)]
    searched: dict[str, Attribute] = {}
    for item in given:
        if item.name.lower() in _SETTINGS:
            continue
        name = item.name[len(SEARCH_PREFIX) :]
        if name.lower() in map(str.lower, searched):
            raise TerminalError(f"attribute {item.name} is given twice", item.span)
        searched[name] = item
    if not searched:
        if given:
            raise TerminalError(
                f"{given[0].name} is given, but no attribute is searched",
                given[0].span,
                "name one with its range, such as search.max_depth=[3, 9]",
            )
        return None
    metric = find(attributes, METRIC)
    return SearchPlan(
        space={name: _dimension(name, item) for name, item in searched.items()},
        attributes=searched,
        trials=values[TRIALS],
        seconds=values[SECONDS],
        metric=values[METRIC],
        metric_span=value_span(metric),
    )


def _dimension(name: str, item: Attribute) -> Dimension:
    match item.value:
        case (int() | float() as low, int() | float() as high) if not (
            isinstance(low, bool) or isinstance(high, bool)
        ):
            if low >= high:
                raise TerminalError(
                    f"{item.name} wants a range from less to more, but got [{low}, {high}]",
                    value_span(item),
                )
            whole = isinstance(low, int) and isinstance(high, int)
            wide = low > 0 and (high / low >= _WIDE or _is_rate(name))
            return Range(
                low=low if whole else float(low),
                high=high if whole else float(high),
                logarithmic=wide and not whole,
            )
        case (_, _, *_) as values:
            return Choices(values=tuple(values))
        case _:
            raise TerminalError(
                f"{item.name} wants a range such as [3, 9] or a list of choices, "
                f"but got {item.value!r}",
                value_span(item),
                did_you_mean(item.name, _SETTINGS)
                or f"write a list, such as {item.name}=[3, 9], or {name} for one value",
            )


def _is_rate(name: str) -> bool:
    return name.lower().rsplit(".", 1)[-1] in _LOGARITHMIC


def attributes_of(values: Values) -> tuple[Attribute, ...]:
    """Attributes that no statement has written."""
    return tuple(
        Attribute(name=name, expression=expression_of(value)) for name, value in values.items()
    )


def expression_of(value: Value, span: Span | None = None) -> Expression:
    """A value as an expression that has it."""
    if isinstance(value, tuple):
        return ListExpression(items=tuple(expression_of(item, span) for item in value), span=span)
    return Literal(value=value, span=span)
