"""Which columns of a SELECT are features, and what COLUMN says of them."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import pyarrow as pa

from sqlflow_dagster.errors import TerminalError
from sqlflow_dagster.lang.expressions import (
    Call,
    Expression,
    Literal,
    Name,
    expression_text,
)
from sqlflow_dagster.lang.statements import TrainStatement
from sqlflow_dagster.ml.features.arrow_types import (
    can_be_category,
    column_index,
    derived_kind,
    plain_type,
)
from sqlflow_dagster.ml.features.spec import FeatureKind
from sqlflow_dagster.source import Span

FUNCTIONS = ("NUMERIC(x)", "CATEGORY_ID(x[, n])", "INDICATOR(x)", "*")
_TARGET = "feature_columns"


@dataclass(frozen=True, slots=True, kw_only=True)
class Treatment:
    """What becomes of one column.

    Attributes:
        column: The column, as the SELECT spells it.
        kind: What it is to the model.
        size: How many categories are kept, the most frequent; None for all.
        one_hot: Whether each category has a slot of its own in every layout.
        span: Where COLUMN speaks of it; None where it was derived.
    """

    column: str
    kind: FeatureKind
    size: int | None = None
    one_hot: bool = False
    span: Span | None = None


def label_column(label: Expression, names: Sequence[str], *, span: Span | None) -> str:
    """The label as the SELECT spells it.

    Raises:
        TerminalError: It is not a column, or the SELECT does not give it.
    """
    name = _column_name(label)
    if name is None:
        raise TerminalError(
            f"LABEL wants the name of a column, but got {expression_text(label)}",
            label.span or span,
            "compute it in the SELECT and give it a name with AS",
        )
    return names[column_index(_bare(name, names), names, label.span or span, "LABEL")]


def treatments(
    statement: TrainStatement,
    columns: Sequence[tuple[str, pa.DataType]],
    *,
    label: str | None,
    listed_only: bool,
    left_out: Collection[str] = (),
) -> tuple[Treatment, ...]:
    """What becomes of every feature column, in the order of the SELECT.

    Every selected column but the label, a weight and a group is a feature. COLUMN says how the columns it names are
    treated, and the others are treated as their types suggest.

    Args:
        statement: Whose COLUMN clauses count.
        columns: Names and types that the SELECT gives.
        label: The label as the SELECT spells it; None without one.
        listed_only: Whether only columns that COLUMN names are features.
        left_out: Columns that are no features unless COLUMN names them.

    Raises:
        TerminalError: A column does not exist, has no usable type, or a function is not supported.
    """
    types = dict(columns)
    names = [name for name, _ in columns]
    _refuse_duplicates(names, statement.query.span or statement.span)
    said: dict[str, Treatment] = {}
    for expression, span in _expressions(statement):
        for treatment in _read(expression, span, types, label):
            if expression == Name(name="*"):
                said.setdefault(treatment.column, treatment)
            else:
                said[treatment.column] = treatment
    if listed_only and not said:
        raise TerminalError(
            "train.columns=listed wants a COLUMN clause, but the statement has none", statement.span
        )
    result = tuple(
        said.get(name) or _derived(name, types[name], None)
        for name in names
        if name != label and (name in said or not (listed_only or name in left_out))
    )
    if not result:
        raise TerminalError(
            f"the SELECT gives no feature: its columns are {', '.join(names)}",
            statement.query.span or statement.span,
            "select the columns to learn from too",
        )
    return result


def _expressions(statement: TrainStatement) -> Iterable[tuple[Expression, Span | None]]:
    for clause in statement.columns:
        if clause.target is not None and clause.target.lower() != _TARGET:
            raise TerminalError(
                f"COLUMN … FOR {clause.target} is not supported: "
                f"{statement.estimator} has one input, {_TARGET}",
                clause.span,
                "leave out the FOR part",
            )
        for expression in clause.columns:
            yield expression, expression.span or clause.span or statement.span


def _read(
    expression: Expression, span: Span | None, types: dict[str, pa.DataType], label: str | None
) -> list[Treatment]:
    if expression == Name(name="*"):
        return [_derived(name, type_, None) for name, type_ in types.items() if name != label]
    if (name := _column_name(expression)) is not None:
        column = _feature_name(name, span, types, label)
        return [_derived(column, types[column], span)]
    if not isinstance(expression, Call):
        raise TerminalError(
            f"COLUMN wants columns and functions of columns, but got {expression_text(expression)}",
            span,
            "compute it in the SELECT and give it a name with AS",
        )
    match expression.function.upper(), expression.arguments:
        case "NUMERIC", (argument,):
            return [_numeric(_argument(argument, expression, span, types, label), types, span)]
        case "CATEGORY_ID", (argument, *rest) if len(rest) <= 1:
            column = _argument(argument, expression, span, types, label)
            size = _size(rest[0], span) if rest else None
            return [_category(column, types, span, size=size, one_hot=False)]
        case "INDICATOR", (Call(function=inner) as call,) if inner.upper() == "CATEGORY_ID":
            (treatment,) = _read(call, call.span or span, types, label)
            return [_category(treatment.column, types, span, size=treatment.size, one_hot=True)]
        case "INDICATOR", (argument,):
            column = _argument(argument, expression, span, types, label)
            return [_category(column, types, span, size=None, one_hot=True)]
        case ("NUMERIC" | "CATEGORY_ID" | "INDICATOR") as function, _:
            usage = next(item for item in FUNCTIONS if item.startswith(function))
            raise TerminalError(
                f"{expression_text(expression)} has the wrong number of arguments",
                span,
                f"write {usage}",
            )
        case _:
            raise TerminalError(
                f"COLUMN function {expression.function} is not supported yet",
                span,
                f"supported: a column's name, {', '.join(FUNCTIONS)}",
            )


def _column_name(expression: Expression) -> str | None:
    match expression:
        case Name(name=name) | Literal(value=str(name)):
            return name
        case _:
            return None


def _argument(
    argument: Expression,
    call: Call,
    span: Span | None,
    types: dict[str, pa.DataType],
    label: str | None,
) -> str:
    name = _column_name(argument)
    if name is None:
        raise TerminalError(
            f"{call.function} wants the name of a column, but got {expression_text(argument)}",
            argument.span or span,
        )
    return _feature_name(name, argument.span or span, types, label)


def _feature_name(
    name: str, span: Span | None, types: dict[str, pa.DataType], label: str | None
) -> str:
    names = list(types)
    column = names[column_index(_bare(name, names), names, span, "COLUMN")]
    if column == label:
        raise TerminalError(
            f"COLUMN names {name!r}, which is the label",
            span,
            "a model cannot learn the label from itself: leave it out",
        )
    return column


def _bare(name: str, names: Sequence[str]) -> str:
    """The name without the table before it."""
    return name if name in names else name.rsplit(".", 1)[-1]


def _derived(column: str, type_: pa.DataType, span: Span | None) -> Treatment:
    kind = derived_kind(type_)
    if kind is None:
        raise TerminalError(
            f"column {column!r} has type {type_}, which no model can learn from",
            span,
            "leave it out of the SELECT, or CAST it to a number or a text",
        )
    return Treatment(column=column, kind=kind, span=span)


def _numeric(column: str, types: dict[str, pa.DataType], span: Span | None) -> Treatment:
    if derived_kind(types[column]) not in (FeatureKind.NUMERIC, FeatureKind.BOOLEAN):
        raise TerminalError(
            f"NUMERIC wants a number, but column {column!r} has type {types[column]}",
            span,
            f"CAST it in the SELECT, or write CATEGORY_ID({column})",
        )
    return Treatment(column=column, kind=FeatureKind.NUMERIC, span=span)


def _category(
    column: str,
    types: dict[str, pa.DataType],
    span: Span | None,
    *,
    size: int | None,
    one_hot: bool,
) -> Treatment:
    if not can_be_category(types[column]):
        number = plain_type(types[column]) == pa.float64()
        raise TerminalError(
            f"a category is text, a whole number, a date or a boolean, "
            f"but column {column!r} has type {types[column]}",
            span,
            f"CAST it in the SELECT{f', or write NUMERIC({column})' if number else ''}",
        )
    return Treatment(
        column=column, kind=FeatureKind.CATEGORY, size=size, one_hot=one_hot, span=span
    )


def _size(expression: Expression, span: Span | None) -> int:
    match expression:
        case Literal(value=int(size)) if size >= 1 and not isinstance(size, bool):
            return size
        case _:
            raise TerminalError(
                "the size of CATEGORY_ID is how many categories to keep, a whole number from 1, "
                f"but it is {expression_text(expression)}",
                expression.span or span,
            )


def _refuse_duplicates(names: Sequence[str], span: Span | None) -> None:
    doubles = sorted({name for name in names if names.count(name) > 1})
    if doubles:
        raise TerminalError(
            f"the SELECT gives more than one column named {', '.join(map(repr, doubles))}",
            span,
            "give them different names with AS",
        )
