"""Which columns of a SELECT are features, and what COLUMN says of them."""

from collections.abc import Collection, Sequence
from dataclasses import replace

import pyarrow as pa

from sqlflow_dagster.errors import TerminalError, did_you_mean
from sqlflow_dagster.lang.expressions import Expression, Literal, Name, expression_text
from sqlflow_dagster.lang.statements import ColumnClause, TrainStatement
from sqlflow_dagster.ml.features.arrow_types import column_index, column_type
from sqlflow_dagster.ml.features.column_functions import read_item
from sqlflow_dagster.ml.features.column_names import ColumnNames, bare_name
from sqlflow_dagster.ml.features.feature import DEFAULT_INPUT, ColumnType, SourceColumn
from sqlflow_dagster.ml.features.treatments import Cells, Derived, Treatment
from sqlflow_dagster.source import Span

_ALL = Name(name="*")


def label_column(label: Expression, names: Sequence[str], *, span: Span | None) -> str:
    """The label as the SELECT spells it.

    Raises:
        TerminalError: It is not a column, or the SELECT does not give it.
    """
    match label:
        case Name(name=name) | Literal(value=str(name)):
            index = column_index(bare_name(name, names), names, label.span or span, "LABEL")
            return names[index]
        case _:
            raise TerminalError(
                f"LABEL wants the name of a column, but got {expression_text(label)}",
                label.span or span,
                "compute it in the SELECT and give it a name with AS",
            )


def treatments(
    statement: TrainStatement,
    columns: Sequence[tuple[str, pa.DataType]],
    *,
    label: str | None,
    listed_only: bool,
    inputs: Sequence[str] = (DEFAULT_INPUT,),
    left_out: Collection[str] = (),
) -> tuple[Treatment, ...]:
    """What becomes of every feature column: in the order of the SELECT, then the crosses.

    Every selected column but the label, a weight and a group is a feature. COLUMN says how the columns it names are
    treated, and the others are treated as their types and rows suggest. Of several inputs, each
    takes only what its COLUMN lists; without any COLUMN, each takes all.

    Args:
        statement: Whose COLUMN clauses count.
        columns: Names and types that the SELECT gives.
        label: The label as the SELECT spells it; None without one.
        listed_only: Whether only columns that COLUMN names are features.
        inputs: Those of the model, as ``COLUMN … FOR`` names them.
        left_out: Columns that are no features unless COLUMN names them, such as weights.

    Raises:
        TerminalError: A column or an input does not exist, a column has no usable type, or a
            function has wrong arguments.
    """
    place = statement.query.span or statement.span
    _refuse_duplicates([name for name, _ in columns], place)
    names = ColumnNames(types=dict(columns), label=label, left_out=frozenset(left_out))
    if listed_only and not statement.columns:
        raise TerminalError(
            "train.columns=listed wants a COLUMN clause, but the statement has none", statement.span
        )
    listed = _listed(statement, names, inputs)
    complete = len(inputs) > 1 and statement.columns
    if not listed_only and not complete:
        for target in inputs:
            listed[target] += _derived(names, listed[target], target)
    if complete and (empty := [target for target in inputs if not listed[target]]):
        raise TerminalError(
            f"{statement.estimator} has the inputs {', '.join(inputs)}, "
            f"but no COLUMN is FOR {empty[0]}",
            statement.columns[0].span or statement.span,
            f"add COLUMN … FOR {empty[0]}",
        )
    order = list(names.types)
    found = [item for target in inputs for item in _ordered(listed[target], order)]
    if not found:
        raise TerminalError(
            f"the SELECT gives no feature: its columns are {', '.join(names.types)}",
            place,
            "select the columns to learn from too",
        )
    return _with_distinct_names(found)


def source_columns(items: Sequence[Treatment]) -> tuple[SourceColumn, ...]:
    """What treatments read, as far as that is known without rows."""
    return tuple(
        dict.fromkeys(
            SourceColumn(column=cells.column, dtype=str(cells.type), type=read_type(item, cells))
            for item in items
            for cells in item.cells
        )
    )


def read_type(item: Treatment, cells: Cells) -> ColumnType:
    """What a column must be, now and later, for a treatment to read it."""
    found = column_type(cells.type)
    if found is ColumnType.MOMENT and not isinstance(item.content, Derived):
        return ColumnType.TEXT  # a category: each day is one
    return found or ColumnType.NUMBER


def _listed(
    statement: TrainStatement, names: ColumnNames, inputs: Sequence[str]
) -> dict[str, list[Treatment]]:
    """What COLUMN says, by input."""
    listed: dict[str, list[Treatment]] = {target: [] for target in inputs}
    everything = []
    for clause in statement.columns:
        target = _target(clause, statement, inputs)
        for expression in clause.columns:
            if expression == _ALL:
                everything.append(target)
                continue
            span = expression.span or clause.span or statement.span
            for treatment in read_item(expression, span, names, target):
                _check_derivable(treatment)
                if treatment not in listed[target]:
                    listed[target].append(treatment)
    for target in everything:
        listed[target] += _derived(names, listed[target], target)
    return listed


def _target(clause: ColumnClause, statement: TrainStatement, inputs: Sequence[str]) -> str:
    """The input that a COLUMN clause feeds."""
    wanted = clause.target
    if wanted is None and len(inputs) == 1:
        return inputs[0]
    found = [item for item in inputs if wanted is not None and item.lower() == wanted.lower()]
    if found:
        return found[0]
    known = "one input" if len(inputs) == 1 else "the inputs"
    raise TerminalError(
        f"{statement.estimator} has {known} {', '.join(inputs)}, but COLUMN "
        + ("does not say which it is for" if wanted is None else f"is FOR {wanted}"),
        clause.span,
        (did_you_mean(wanted, inputs) if wanted else None)
        or ("leave out the FOR part" if len(inputs) == 1 else f"write COLUMN … FOR {inputs[0]}"),
    )


def _derived(names: ColumnNames, listed: Sequence[Treatment], target: str) -> list[Treatment]:
    """The treatments of all columns that none of those listed reads."""
    said = {cells.column for item in listed for cells in item.cells}
    found = [
        Treatment(
            content=Derived(cells=Cells(column=name, type=names.types[name])),
            name=name,
            input=target,
        )
        for name in names.features()
        if name not in said
    ]
    for item in found:
        _check_derivable(item)
    return found


def _check_derivable(treatment: Treatment) -> None:
    """Refuse a column of a type that no model can read."""
    for cells in treatment.cells:
        if column_type(cells.type) is None:
            raise TerminalError(
                f"column {cells.column!r} has type {cells.type}, which no model can learn from",
                treatment.span,
                "leave it out of the SELECT, or CAST it to a number or a text",
            )


def _ordered(items: Sequence[Treatment], order: Sequence[str]) -> list[Treatment]:
    def place(item: Treatment) -> tuple[bool, int]:
        several = len(item.cells) > 1
        return several, 0 if several else order.index(item.cells[0].column)

    return sorted(items, key=place)


def _with_distinct_names(items: Sequence[Treatment]) -> tuple[Treatment, ...]:
    """The same, where a name that is taken gives way to the text of COLUMN."""
    taken: set[tuple[str, str]] = set()
    result = []
    for item in items:
        renamed = item if (item.input, item.name) not in taken else replace(item, name=item.text)
        taken.add((renamed.input, renamed.name))
        result.append(renamed)
    return tuple(result)


def _refuse_duplicates(names: Sequence[str], span: Span | None) -> None:
    doubles = sorted({name for name in names if names.count(name) > 1})
    if doubles:
        raise TerminalError(
            f"the SELECT gives more than one column named {', '.join(map(repr, doubles))}",
            span,
            "give them different names with AS",
        )
