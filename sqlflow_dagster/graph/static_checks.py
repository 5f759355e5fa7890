"""What can be said against a machine-learning statement before anything runs."""

import re
from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches

from sqlflow_dagster.codes import Code
from sqlflow_dagster.errors import Diagnostic, Severity, did_you_mean
from sqlflow_dagster.graph.model_lineage import (
    KEY_COLUMNS,
    column_names,
    key_columns,
    meant_columns,
)
from sqlflow_dagster.graph.objects import ObjectRef
from sqlflow_dagster.graph.optimization import ATTRIBUTES, hidden_columns, named_columns
from sqlflow_dagster.lang.column_functions import call_problem, calls
from sqlflow_dagster.lang.expressions import Name
from sqlflow_dagster.lang.statements import (
    EvaluateStatement,
    ExplainStatement,
    ModelReference,
    OptimizeStatement,
    PredictStatement,
    QueryStatement,
    RunStatement,
    ShowTrainStatement,
    Statement,
    TrainStatement,
)

# The attributes of TRAIN are the estimator's: its trainer checks them.
_EVERYWHERE = ("resources.",)
_SLIP = 0.9
_KNOWN: dict[type[QueryStatement], tuple[str, ...]] = {
    PredictStatement: ("predict.extra_outputs", "predict.allow_empty"),
    EvaluateStatement: ("validation.metrics", "validation.average", "validation.allow_empty"),
    ExplainStatement: (
        "explain.rows",
        "explain.allow_empty",
        KEY_COLUMNS,
        *(
            f"{prefix}.{name}"
            for prefix in ("summary", "shap_summary")
            for name in ("plot_type", "max_display", "sort", "alpha")
        ),
        # SQLFlow wanted to be told the label; the model knows it.
        "label_col",
        "label_column",
    ),
    RunStatement: (),
    OptimizeStatement: ATTRIBUTES,
}


def unknown_columns(statement: QueryStatement, columns: Sequence[str]) -> list[Diagnostic]:
    """A diagnostic for each column that a clause names and the SELECT does not give.

    So is one for a variable of an optimisation that hides a column.

    Args:
        statement: The statement.
        columns: The columns of its SELECT.
    """
    hidden = hidden_columns(statement, columns) if isinstance(statement, OptimizeStatement) else []
    return hidden + [
        Diagnostic(
            code=Code.UNKNOWN_COLUMN,
            message=f"column {name.name!r} is not among the columns of the SELECT: "
            + ", ".join(columns),
            span=name.span,
            hint=did_you_mean(name.name, columns),
        )
        for name in _named_columns(statement)
        if not meant_columns(name, columns)
    ]


def _named_columns(statement: QueryStatement) -> Iterator[Name]:
    match statement:
        case TrainStatement(columns=clauses, label=label):
            for clause in clauses:
                for column in clause.columns:
                    yield from column_names(column)
            yield from column_names(label)
        case EvaluateStatement(label=label):
            yield from column_names(label)
        case OptimizeStatement():
            yield from named_columns(statement)
        case ExplainStatement():
            yield from key_columns(statement) or ()
        case PredictStatement() | RunStatement():
            return


def column_function_problems(statement: TrainStatement) -> Iterator[Diagnostic]:
    """A diagnostic for each function in COLUMN that does not exist, or has too few or too many arguments."""
    for clause in statement.columns:
        for column in clause.columns:
            for call in calls(column):
                if (problem := call_problem(call)) is not None:
                    message, hint = problem
                    yield Diagnostic(
                        code=Code.COLUMN_FUNCTION,
                        message=message,
                        span=call.span or clause.span,
                        hint=hint,
                    )


def unknown_attributes(statement: QueryStatement) -> list[Diagnostic]:
    """A diagnostic for each attribute that means nothing in its statement; those of TRAIN are not looked at."""
    known = _KNOWN.get(type(statement))
    if known is None:
        return []
    return [
        Diagnostic(
            code=Code.INVALID_ATTRIBUTE,
            message=f"unknown attribute {item.name!r}",
            span=item.span,
            hint=_hint(item.name, known),
        )
        for item in statement.attributes
        if item.name.lower() not in known and not item.name.lower().startswith(_EVERYWHERE)
    ]


def schemas_taken_for_tables(
    statements: Iterable[Statement], used: Iterable[ObjectRef]
) -> list[Diagnostic]:
    """A warning for each ``TO PREDICT a.b`` where ``a`` is a schema elsewhere: here it is a table.

    Args:
        statements: The statements of a program.
        used: The tables that the program reads and writes.
    """
    suspects = [
        statement
        for statement in statements
        if isinstance(statement, PredictStatement)
        and statement.column is not None
        and len(statement.into.parts) == 1
    ]
    if not suspects:
        return []
    schemas = {ref.parts[-2].lower() for ref in used if len(ref.parts) > 1}
    return [
        Diagnostic(
            code=Code.SCHEMA_AS_TABLE,
            message=f"this writes table {statement.into}, column {statement.column}; "
            f"elsewhere in the program {statement.into} is a schema",
            span=statement.into.span or statement.span,
            hint="TO PREDICT wants schema.table.column for a table of a schema",
            severity=Severity.WARNING,
        )
        for statement in suspects
        if statement.into.parts[0].lower() in schemas
    ]


def misspelt_models(statements: Sequence[Statement]) -> list[Diagnostic]:
    """A warning for each model that the program does not train and that is called almost like one it does."""
    made = [str(item.into) for item in statements if isinstance(item, TrainStatement)]
    used = [reference for item in statements if (reference := _used_model(item)) is not None]
    return [
        Diagnostic(
            code=Code.MISSPELT_MODEL,
            message=f"the program trains no model {str(reference.name)!r}, but one called {near!r}",
            span=reference.span or reference.name.span,
            hint=f"did you mean {near!r}?",
            severity=Severity.WARNING,
        )
        for reference in used
        if str(reference.name) not in made
        and (near := _slip_of(str(reference.name), made)) is not None
    ]


def _used_model(statement: Statement) -> ModelReference | None:
    match statement:
        case TrainStatement(base_model=reference):
            return reference
        case (
            PredictStatement(model=reference)
            | EvaluateStatement(model=reference)
            | ExplainStatement(model=reference)
            | ShowTrainStatement(model=reference)
        ):
            return reference
        case _:
            return None


def _slip_of(name: str, known: Sequence[str]) -> str | None:
    """The known name that a name is a slip of the pen for: of other case, or hardly different."""
    spelling = {item.lower(): item for item in known}
    near = get_close_matches(name.lower(), spelling, n=1, cutoff=_SLIP)
    # m_v1 and m_v2 are two models.
    if not near or (
        near[0] != name.lower() and _without_digits(near[0]) == _without_digits(name.lower())
    ):
        return None
    return spelling[near[0]]


def _without_digits(name: str) -> str:
    return re.sub(r"\d+", "", name)


def _hint(name: str, known: Sequence[str]) -> str:
    if name.lower().startswith("retrain."):
        return "give it to the TO TRAIN of the model"
    near = did_you_mean(name, known)
    return near or (
        f"known here: {', '.join(known)}" if known else "there is none here; leave WITH out"
    )
