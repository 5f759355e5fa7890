"""A qualified LABEL, such as ``t.y``, as the column that the SELECT gives: ``target`` of ``SELECT t.y AS target``."""

from collections.abc import Iterator
from dataclasses import replace

from sqlglot import exp

from sqlflow_dagster.codes import Code
from sqlflow_dagster.errors import Diagnostic
from sqlflow_dagster.graph.columns import bare
from sqlflow_dagster.lang.expression_parser import ClauseError
from sqlflow_dagster.lang.expressions import Expression, ListExpression, Literal, Name
from sqlflow_dagster.lang.standard import parse_sql
from sqlflow_dagster.lang.statements import EvaluateStatement, TrainStatement
from sqlflow_dagster.source import Span


def with_output_label(
    statement: TrainStatement | EvaluateStatement, dialect: str
) -> TrainStatement | EvaluateStatement:
    """The statement with each qualified name of its LABEL replaced by that of the output column.

    A name stays where the SELECT does not tell: it has a ``*``, computes a column of that name, or cannot be parsed.

    Args:
        statement: The statement.
        dialect: Of its SELECT.

    Raises:
        ClauseError: The name means several columns of the SELECT, or none.
    """
    if statement.label is None or not any("." in text for text in _texts(statement.label)):
        return statement
    select = _first_select(parse_sql(statement.query.sql, dialect))
    if select is None:
        return statement
    return replace(statement, label=_resolved(statement.label, select))


def _texts(label: Expression) -> Iterator[str]:
    match label:
        case Name(name=text) | Literal(value=str(text)):
            yield text
        case ListExpression(items=items):
            for item in items:
                yield from _texts(item)
        case _:
            return


def _first_select(tree: object) -> exp.Select | None:
    """The SELECT that names the columns of a query: the first of a set operation."""
    while isinstance(tree, exp.SetOperation | exp.Subquery):
        tree = tree.this
    return tree if isinstance(tree, exp.Select) else None


def _resolved(label: Expression, select: exp.Select) -> Expression:
    match label:
        case Name(name=text, span=span):
            return replace(label, name=_output(text, span, select))
        case Literal(value=str(text), span=span):
            return replace(label, value=_output(text, span, select))
        case ListExpression(items=items):
            return replace(label, items=tuple(_resolved(item, select) for item in items))
        case _:
            return label


def _output(text: str, span: Span | None, select: exp.Select) -> str:
    """The output column that a name of LABEL means; the name itself where it stays."""
    given = {str(item.alias_or_name).lower(): item for item in select.expressions}
    if "." not in text or text.lower() in given:
        return text
    *qualifier, name = (part.lower() for part in text.split("."))
    sources = _sources(select)
    found = [
        str(item.alias_or_name)
        for item in select.expressions
        if _is_column(item, qualifier, name, sources)
    ]
    if len(found) == 1:
        return found[0]
    if found and name not in map(str.lower, found):
        raise _problem(
            f"LABEL {text} is {len(found)} columns of the SELECT: {', '.join(found)}",
            span,
            f"name one of them, such as LABEL {found[0]}",
        )
    other = given.get(name)
    # The column of another table has that name: to learn that one would be a silent mistake.
    mistaken = not found and other is not None and isinstance(other.unalias(), exp.Column)
    absent = other is None and not select.is_star
    if mistaken or absent:
        listed = ", ".join(item.sql() for item in select.expressions)
        raise _problem(
            f"LABEL {text} is not among the columns of the SELECT: {listed}",
            span,
            f"add {text} to the SELECT, or name one of its columns",
        )
    return bare(text)


def _sources(select: exp.Select) -> list[set[tuple[str, ...]]]:
    """What each table of a SELECT may be called: its alias, and its own name in parts."""
    joins = (join.this for join in select.args.get("joins") or ())
    start = select.args.get("from_")
    found = []
    for source in (*([start.this] if start is not None else []), *joins):
        own = [part.name.lower() for part in source.parts] if isinstance(source, exp.Table) else []
        found.append({(source.alias.lower(),), tuple(own)} - {("",), ()})
    return found


def _is_column(
    item: exp.Expr, qualifier: list[str], name: str, sources: list[set[tuple[str, ...]]]
) -> bool:
    """Whether an item of a SELECT list is a column of a table, as it is or under another name."""
    column = item.unalias()
    if not isinstance(column, exp.Column) or column.is_star or column.name.lower() != name:
        return False
    own = [part.name.lower() for part in column.parts[:-1]]
    # A column without a table is the only one of its name, or the engine refuses it.
    return not own or own == qualifier or bool(_of(own, sources) & _of(qualifier, sources))


def _of(qualifier: list[str], sources: list[set[tuple[str, ...]]]) -> set[int]:
    """The tables that a qualifier may mean; several where a table is joined with itself."""
    return {
        index
        for index, names in enumerate(sources)
        if any(list(parts[-len(qualifier) :]) == qualifier for parts in names)
    }


def _problem(message: str, span: Span | None, hint: str) -> ClauseError:
    return ClauseError(Diagnostic(code=Code.UNKNOWN_COLUMN, message=message, span=span, hint=hint))
