"""The functions of COLUMN: from expressions to treatments."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TypeAlias, cast

from sqlflow_dagster.errors import TerminalError
from sqlflow_dagster.lang.column_functions import COLUMN_FUNCTIONS
from sqlflow_dagster.lang.expressions import (
    Call,
    Expression,
    ListExpression,
    Literal,
    Name,
    expression_text,
)
from sqlflow_dagster.ml.features.arrow_types import can_be_category, column_type
from sqlflow_dagster.ml.features.column_arguments import (
    check_call,
    check_word,
    read_boundaries,
    read_delimiter,
    read_embedding,
    read_shape,
    read_size,
)
from sqlflow_dagster.ml.features.column_names import ColumnNames
from sqlflow_dagster.ml.features.feature import ColumnType, Embedding
from sqlflow_dagster.ml.features.treatments import (
    Buckets,
    Categories,
    Cells,
    Content,
    Cross,
    Derived,
    Numbers,
    Reading,
    Treatment,
    cells_of,
)
from sqlflow_dagster.source import Span

_Key: TypeAlias = Cells | Buckets | Categories


def read_item(
    expression: Expression, span: Span | None, names: ColumnNames, target: str
) -> list[Treatment]:
    """The treatments that an item of COLUMN other than ``*`` asks for.

    Args:
        expression: The item.
        span: Where it stands.
        names: The columns that it may name; a regular expression names several.
        target: The input of the model.

    Raises:
        TerminalError: A column does not exist or does not suit, or the item is no such function.
    """
    text = expression_text(expression)
    if (call := _call(expression, text, span)) is None:
        contents: list[Content] = [Derived(cells=item) for item in _cells(expression, names, text)]
        return [_treatment(item, text, target, span) for item in contents]
    check_call(call, span)
    inner = call.arguments[0]
    match call.function.upper():
        case "EMBEDDING":
            embedding = read_embedding(call)
            return [
                _treatment(
                    item,
                    text,
                    target,
                    span,
                    embedding=replace(embedding, sequence=_is_sequence(item)),
                )
                for item in _categories(inner, names, call)
            ]
        case "INDICATOR":
            found = _categories(inner, names, call)
            if any(map(_is_sequence, found)):
                raise TerminalError(
                    f"{text} would lose the order of SEQ_CATEGORY_ID", span, "write CATEGORY_ID"
                )
            return [_treatment(item, text, target, span, one_hot=True) for item in found]
        case _:
            return [_treatment(item, text, target, span) for item in _contents(call, names)]


def _call(expression: Expression, text: str, span: Span | None) -> Call | None:
    """The function of an item; None for the name of a column."""
    match expression:
        case Call():
            return expression
        case Name() | Literal(value=str()):
            return None
        case _:
            raise TerminalError(
                f"COLUMN wants columns and functions of columns, but got {text}",
                expression.span or span,
                "compute it in the SELECT and give it a name with AS",
            )


def _treatment(
    content: Content,
    text: str,
    target: str,
    span: Span | None,
    *,
    one_hot: bool = False,
    embedding: Embedding | None = None,
) -> Treatment:
    return Treatment(
        content=content,
        name=_name(content),
        text=text,
        one_hot=one_hot,
        embedding=embedding,
        input=target,
        listed=True,
        span=span,
    )


def _name(content: Content | Cells) -> str:
    match content:
        case Cells(column=column):
            return column
        case Buckets(cells=cells):
            return f"BUCKET({cells.column})"
        case Cross(keys=keys):
            return f"CROSS({', '.join(map(_name, keys))})"
        case Derived(cells=cells) | Numbers(cells=cells):
            return cells.column
        case Categories(cells=cells):
            return cells.column


def _is_sequence(content: Content) -> bool:
    return isinstance(content, Categories) and content.sequence


def _contents(call: Call, names: ColumnNames) -> Sequence[Content]:
    """What a function other than EMBEDDING and INDICATOR gives, one for each column."""
    inner, *rest = call.arguments
    text = expression_text(call)
    match call.function.upper():
        case "NUMERIC":
            return [_numeric(item, call) for item in _cells(inner, names, text)]
        case "DENSE":
            return [Numbers(cells=item) for item in _cells(call, names, text)]
        case "SPARSE":
            return [_sparse(item) for item in _cells(call, names, text)]
        case "BUCKET":
            boundaries = read_boundaries(rest[0], call)
            return [
                Buckets(cells=_of_numbers(item, call), boundaries=boundaries)
                for item in _cells(inner, names, text)
            ]
        case "CROSS":
            return [_cross(call, names)]
        case "WEIGHTED_CATEGORY":
            return _weighted(call, names)
        case function:
            size = read_size(rest[0], call) if rest else None
            return [
                Categories(
                    cells=_of_categories(item, call),
                    size=size,
                    hashed=function == "CATEGORY_HASH",
                    sequence=function == "SEQ_CATEGORY_ID",
                )
                for item in _cells(inner, names, text)
            ]


def _categories(
    expression: Expression, names: ColumnNames, outer: Call
) -> Sequence[Categories | Buckets | Cross]:
    """What EMBEDDING and INDICATOR are of: a category, or a column that is read as one."""
    match expression:
        case Call(function=function) if function.upper() in ("EMBEDDING", "INDICATOR", "NUMERIC"):
            raise TerminalError(
                f"{outer.function} wants a column or a category, "
                f"but got {expression_text(expression)}",
                expression.span,
                f"write {COLUMN_FUNCTIONS[outer.function.upper()].usage}",
            )
        case Call(function=function) if function.upper() not in ("DENSE", "SPARSE"):
            check_call(expression, expression.span)
            # All functions but those above are categories.
            return cast("Sequence[Categories | Buckets | Cross]", _contents(expression, names))
        case _:
            found = _cells(expression, names, expression_text(outer))
            return [_sparse(_of_categories(item, outer)) for item in found]


def _cells(expression: Expression, names: ColumnNames, outer: str) -> list[Cells]:
    """A column, or one in DENSE or SPARSE; several for a regular expression."""
    match expression:
        case Name(name=name) | Literal(value=str(name)):
            return [
                Cells(column=item, type=names.types[item])
                for item in names.find(name, expression.span)
            ]
        case Call(function=function, arguments=arguments) if function.upper() in (
            "DENSE",
            "SPARSE",
        ):
            check_call(expression, expression.span)
            if isinstance(arguments[0], Call):
                raise _no_column(arguments[0], expression_text(expression))
            found = _cells(arguments[0], names, expression_text(expression))
            return [_as_declared(item, expression) for item in found]
        case _:
            raise _no_column(expression, outer)


def _no_column(expression: Expression, outer: str) -> TerminalError:
    function = outer.partition("(")[0].upper()
    usage = COLUMN_FUNCTIONS.get(function)
    return TerminalError(
        f"{outer} wants the name of a column, but got {expression_text(expression)}",
        expression.span,
        f"write {usage.usage}" if usage else None,
    )


def _as_declared(cells: Cells, call: Call) -> Cells:
    """Cells as DENSE or SPARSE declares them."""
    dense = call.function.upper() == "DENSE"
    wanted = (ColumnType.TEXT, ColumnType.ARRAY) + ((ColumnType.NUMBER,) if dense else ())
    if column_type(cells.type) not in wanted:
        raise TerminalError(
            f"{call.function} reads {'numbers' if dense else 'ids'} from text or an array, "
            f"but column {cells.column!r} has type {cells.type}",
            call.span,
            f"write {'NUMERIC' if dense else 'CATEGORY_ID'}({cells.column})",
        )
    # SPARSE(x, size, delimiter, type, pair delimiter, type of weights)
    _, *rest = [*call.arguments, *[Literal(value=None)] * 6][:6]
    shape, delimiter, type_, pair_delimiter, weight = rest
    check_word(type_, ("int", "float") if dense else ("int", "string"), call)
    check_word(weight, ("int", "float"), call)
    return replace(
        cells,
        reading=Reading.DENSE if dense else Reading.SPARSE,
        shape=read_shape(shape, call, dense=dense),
        delimiter=read_delimiter(delimiter, call),
        pair_delimiter=read_delimiter(pair_delimiter, call),
    )


def _numeric(cells: Cells, call: Call) -> Numbers:
    if column_type(cells.type) is not ColumnType.NUMBER:
        raise TerminalError(
            f"NUMERIC wants a number, but column {cells.column!r} has type {cells.type}",
            call.span,
            f"CAST it in the SELECT, or write DENSE({cells.column}) for a list of numbers "
            f"or CATEGORY_ID({cells.column})",
        )
    return Numbers(cells=cells)


def _of_numbers(cells: Cells, call: Call) -> Cells:
    plain = cells.reading is Reading.PLAIN
    if cells.reading is Reading.SPARSE or (
        plain and column_type(cells.type) is not ColumnType.NUMBER
    ):
        raise TerminalError(
            f"BUCKET wants numbers, but column {cells.column!r} "
            + (f"has type {cells.type}" if plain else "is SPARSE"),
            call.span,
            f"CAST it in the SELECT, or write BUCKET(DENSE({cells.column}), …) "
            "for a list of numbers",
        )
    return cells


def _of_categories(cells: Cells, call: Call) -> Cells:
    if cells.reading is Reading.PLAIN and not can_be_category(cells.type):
        number = column_type(cells.type) is ColumnType.NUMBER
        raise TerminalError(
            "a category is text, a whole number, a date or a boolean, "
            f"but column {cells.column!r} has type {cells.type}",
            call.span,
            "CAST it in the SELECT"
            + (f", or write NUMERIC({cells.column}) or BUCKET({cells.column}, n)" * number),
        )
    return cells


def _sparse(cells: Cells) -> Categories:
    sparse = cells.reading is Reading.SPARSE and cells.shape
    return Categories(cells=cells, size=math.prod(cells.shape) if sparse else None, weighted=True)


def _weighted(call: Call, names: ColumnNames) -> Sequence[Categories]:
    match call.arguments[0]:
        case Call(function=function) as inner if function.upper() in (
            "CATEGORY_ID",
            "CATEGORY_HASH",
        ):
            check_call(inner, call.span)
            found = cast("Sequence[Categories]", _contents(inner, names))
            return [replace(item, weighted=True) for item in found]
        case other:
            raise TerminalError(
                f"WEIGHTED_CATEGORY wants CATEGORY_ID or CATEGORY_HASH of keys with weights, "
                f"but got {expression_text(other)}",
                other.span or call.span,
                f"write {COLUMN_FUNCTIONS['WEIGHTED_CATEGORY'].usage}",
            )


def _cross(call: Call, names: ColumnNames) -> Cross:
    listed, size = call.arguments
    keys: list[_Key] = []
    for item in listed.items if isinstance(listed, ListExpression) else ():
        match item:
            case Call(function=function) if function.upper() in (
                "BUCKET",
                "CATEGORY_ID",
                "CATEGORY_HASH",
            ):
                check_call(item, call.span)
                keys += cast("Sequence[Buckets | Categories]", _contents(item, names))
            case _:
                keys += [_of_categories(one, call) for one in _cells(item, names, "CROSS")]
    if any(item.reading is not Reading.PLAIN for key in keys for item in cells_of(key)):
        raise TerminalError(
            f"CROSS combines single values, but {expression_text(call)} has a DENSE or a SPARSE",
            call.span,
            f"write {COLUMN_FUNCTIONS['CROSS'].usage}",
        )
    if len(keys) < 2:
        raise TerminalError(
            f"CROSS wants a list of two columns or more, but got {expression_text(listed)}",
            listed.span or call.span,
            f"write {COLUMN_FUNCTIONS['CROSS'].usage}",
        )
    return Cross(keys=tuple(keys), size=read_size(size, call))
