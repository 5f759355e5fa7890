"""Statements as text in one canonical form: each clause on a line of its own, in one order.

What is printed parses back to an equal statement. The engine's own SQL is printed word for word.
"""

from collections.abc import Iterator, Sequence
from typing import TypeAlias, assert_never

from sqlflow_dagster.lang.clause_lexer import QuotedTemplate, is_word
from sqlflow_dagster.lang.expression_parser import KEYWORDS
from sqlflow_dagster.lang.expressions import Expression, ListExpression, expression_text, quoted
from sqlflow_dagster.lang.statements import (
    Attribute,
    ColumnClause,
    Constraint,
    EvaluateStatement,
    ExplainStatement,
    ModelReference,
    OptimizeStatement,
    PredictStatement,
    QualifiedName,
    QueryStatement,
    RunStatement,
    ShowTrainStatement,
    SqlStatement,
    Statement,
    TemporaryTableStatement,
    TrainStatement,
    TransactionStatement,
)

LINE_LENGTH = 100
_INDENT = "\n    "

Clause: TypeAlias = tuple[str, str]
"""The keyword of a clause, TO for the first one, and the text of the clause with its keyword."""


def print_statement(statement: Statement) -> str:
    """A statement as text, without the semicolon after it.

    A generated table, which no text stands for, is printed as the CREATE TABLE that it amounts to.
    """
    match statement:
        case SqlStatement(sql=sql):
            return sql
        case TransactionStatement(statements=statements):
            return ";\n".join(["BEGIN", *(item.sql for item in statements), "COMMIT"])
        case ShowTrainStatement(model=model):
            return f"SHOW TRAIN {_model(model)}"
        case TemporaryTableStatement(table=table, query=query):
            return f"CREATE TABLE {_name(table)} AS\n{query.sql}"
        case _:
            return "\n".join([statement.query.sql, *(text for _, text in print_clauses(statement))])


def print_clauses(statement: QueryStatement) -> tuple[Clause, ...]:
    """What follows the SELECT of a statement, clause by clause."""
    return tuple(_clauses(statement))


def _clauses(statement: QueryStatement) -> Iterator[Clause]:
    match statement:
        case TrainStatement():
            yield "TO", f"TO TRAIN {_word(statement.estimator)}"
            yield from _with(statement.attributes)
            for columns in statement.columns:
                yield "COLUMN", _column_clause(columns)
            yield from _label(statement.label)
            if statement.base_model:
                yield "USING", f"USING {_model(statement.base_model)}"
            yield from _into(statement.into)
        case PredictStatement(into=into, column=column):
            target = (
                into
                if column is None
                else QualifiedName(parts=(*into.parts, column), quoted=(*_flags(into), False))
            )
            yield "TO", f"TO PREDICT {_name(target)}"
            yield from _with(statement.attributes)
            yield "USING", f"USING {_model(statement.model)}"
        case EvaluateStatement():
            yield "TO", f"TO EVALUATE {_model(statement.model)}"
            yield from _with(statement.attributes)
            yield from _label(statement.label)
            yield from _into(statement.into)
        case ExplainStatement():
            yield "TO", f"TO EXPLAIN {_model(statement.model)}"
            yield from _with(statement.attributes)
            yield from _using(statement.explainer)
            yield from _into(statement.into)
        case RunStatement():
            yield "TO", f"TO RUN {_word(statement.image)}"
            if statement.command:
                yield "CMD", _listed("CMD", [quoted(item) for item in statement.command])
            yield from _with(statement.attributes)
            yield from _into(*statement.into)
        case OptimizeStatement():
            yield "TO", f"TO {statement.sense} {expression_text(statement.objective)}"
            if statement.constraints:
                constraints = [_constraint(item) for item in statement.constraints]
                yield "CONSTRAINT", _listed("CONSTRAINT", constraints)
            yield from _with(statement.attributes)
            yield from _using(statement.solver)
            yield from _into(statement.into)
        case _:
            assert_never(statement)


def _with(attributes: Sequence[Attribute]) -> Iterator[Clause]:
    items = [f"{_word(item.name)} = {expression_text(item.expression)}" for item in attributes]
    if len(items) == 1:
        yield "WITH", f"WITH {items[0]}"
    elif items:
        yield "WITH", "WITH" + _INDENT + f",{_INDENT}".join(items)


def _column_clause(clause: ColumnClause) -> str:
    target = f" FOR {_word(clause.target)}" if clause.target is not None else ""
    return _listed("COLUMN", [expression_text(item) for item in clause.columns], target)


def _label(label: Expression | None) -> Iterator[Clause]:
    if isinstance(label, ListExpression) and len(label.items) > 1:
        yield "LABEL", _listed("LABEL", [expression_text(item) for item in label.items])
    elif label is not None:
        yield "LABEL", f"LABEL {expression_text(label)}"


def _using(tool: str | None) -> Iterator[Clause]:
    if tool is not None:
        yield "USING", f"USING {_word(tool)}"


def _into(*names: QualifiedName | None) -> Iterator[Clause]:
    targets = [_name(name) for name in names if name is not None]
    if targets:
        yield "INTO", _listed("INTO", targets)


def _constraint(constraint: Constraint) -> str:
    group = f" GROUP BY {_name(constraint.group_by)}" if constraint.group_by else ""
    return expression_text(constraint.expression) + group


def _listed(keyword: str, items: Sequence[str], tail: str = "") -> str:
    """A clause on one line, or with a line for each item where that would be too long."""
    line = f"{keyword} {', '.join(items)}{tail}"
    if len(line) <= LINE_LENGTH or len(items) == 1:
        return line
    return keyword + _INDENT + f",{_INDENT}".join(items) + (f"\n{tail.lstrip()}" if tail else "")


def _model(model: ModelReference) -> str:
    version = "" if model.version is None else f"@{model.version}"
    return _name(model.name) + version


def _name(name: QualifiedName) -> str:
    whole = str(name)
    kept = [
        flag and part != part.lower() for part, flag in zip(name.parts, _flags(name), strict=True)
    ]
    bare = not any(kept) and not any(isinstance(part, QuotedTemplate) for part in name.parts)
    if (
        bare
        and is_word(whole)
        and tuple(whole.split(".")) == name.parts
        and whole.upper() not in KEYWORDS
    ):
        return whole
    return ".".join(
        quoted(part) if keep or "." in part else _word(part)
        for part, keep in zip(name.parts, kept, strict=True)
    )


def _flags(name: QualifiedName) -> tuple[bool, ...]:
    return name.quoted or (False,) * len(name.parts)


def _word(text: str) -> str:
    return text if is_word(text) and text.upper() not in KEYWORDS else quoted(text)
