"""What the columns of models, and of the tables that models write, come from."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from sqlflow_dagster.errors import CompileError
from sqlflow_dagster.graph.columns import ANY, Column, Relation, bare, merged
from sqlflow_dagster.graph.linear_forms import columns
from sqlflow_dagster.graph.optimization import read_optimization
from sqlflow_dagster.lang.column_patterns import is_pattern, matching
from sqlflow_dagster.lang.expressions import Call, Expression, ListExpression, Literal, Name
from sqlflow_dagster.lang.statements import (
    EvaluateStatement,
    ExplainStatement,
    OptimizeStatement,
    PredictStatement,
    TrainStatement,
    attribute,
)

_WEIGHTS = ("train.weight_column", "train.group_column")
_SPLITS = ("validation.split_by", "validation.split_key")

KEY_COLUMNS = "explain.key_columns"
"""The attribute of TO EXPLAIN that names the columns to keep."""
_BY_COLUMN = frozenset(
    {
        "treeexplainer",
        "linearexplainer",
        "gradientexplainer",
        "permutationexplainer",
        "kernelexplainer",
    }
)
"""The explainers whose table has what each column added."""
_GAINS = ("feature", "fscore", "gain", "cover")
BASE_VALUE = "base_value"
"""The column of TO EXPLAIN that holds what a prediction is without any feature."""


LOSS = "loss"
"""The metric that every model of a label is judged by."""
_CLASSIFIES = (("Classifier", "LogisticRegression", "SVC"), ("binary:", "multi:"))
_ESTIMATES = (("Regressor", "LinearRegression", "Ridge", "Lasso", "SVR"), ("reg:",))
USUAL_METRICS = {
    _CLASSIFIES: (LOSS, "accuracy_score", "log_loss"),
    _ESTIMATES: (LOSS, "r2_score", "root_mean_squared_error"),
}
"""What models are judged by where nobody says, by how an estimator's name ends or an objective starts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelColumns:
    """The columns that a model was trained on.

    Attributes:
        features: What it predicts from.
        label: What it predicts; None where that is not known.
        metrics: What it is judged by where nobody says; empty where the program does not tell its task.
    """

    features: Relation
    label: Column | None = None
    metrics: tuple[str, ...] = ()

    @property
    def all(self) -> Relation:
        """The features, then the label."""
        return Relation((*self.features.columns, *filter(None, (self.label,))))


def usual_metrics(statement: TrainStatement) -> tuple[str, ...]:
    """What a model is judged by where nobody says, if its estimator or objective tells its task; else nothing."""
    if len([*column_names(statement.label)]) != 1:
        return ()
    objective = attribute(statement, "model.objective") or attribute(statement, "objective")
    told = statement.estimator if objective is None else str(objective.value)
    found = (
        metrics
        for (names, objectives), metrics in USUAL_METRICS.items()
        if told.endswith(names) or told.startswith(objectives)
    )
    return next(found, ())


def column_names(expression: Expression | None) -> Iterator[Name]:
    """The columns that an item of COLUMN or a LABEL names."""
    match expression:
        case Name(name=name) if name != ANY:
            yield expression
        case Literal(value=str(name), span=span):
            yield Name(name=name, span=span)
        case ListExpression(items=items):
            for item in items:
                yield from column_names(item)
        case Call(arguments=arguments) if arguments:
            # The column comes first; what follows are sizes, delimiters and combiners.
            yield from column_names(arguments[0])
        case _:
            return


def meant_columns(name: Name, columns: Iterable[str]) -> tuple[str, ...]:
    """The columns that a name in COLUMN means: the one called so, else those that it matches."""
    known = tuple(columns)
    for wanted in (name.name.lower(), bare(name.name).lower()):
        if found := tuple(item for item in known if item.lower() == wanted):
            return found
    if not is_pattern(name.name):
        return ()
    with suppress(ValueError):  # no regular expression: then it matches nothing
        return matching(name.name, known)
    return ()


def trained(statement: TrainStatement, rows: Relation, base: ModelColumns | None) -> ModelColumns:
    """The columns of a model.

    Args:
        statement: What trains it.
        rows: The columns of its SELECT.
        base: The model that the training starts from.
    """
    labels = [bare(name.name) for name in column_names(statement.label)]
    label = merged(labels[0], map(rows.column, labels)) if labels else None
    named = [
        name
        for clause in statement.columns
        for column in clause.columns
        for name in column_names(column)
    ]
    weighed = rows.without((*labels, *_no_features(statement, named, _WEIGHTS)))
    # Of a series that is split by its times, these are all there is to learn from.
    split = weighed.without(_no_features(statement, named, _SPLITS))
    features = split if split.columns else weighed
    listed = attribute(statement, "train.columns")
    if listed is not None and str(listed.value).lower() == "listed":
        found = (item for name in named for item in _columns(name, features))
        features = Relation({item.name.lower(): item for item in found}.values())
    if base is not None:
        features = Relation(
            merged(item.name, (item, base.features.column(item.name))) for item in features.columns
        )
    return ModelColumns(features=features, label=label)


def _columns(name: Name, rows: Relation) -> Iterator[Column]:
    """The columns that a name in COLUMN means, be they among those that ``*`` stands for."""
    if is_pattern(name.name) and rows.known(bare(name.name)) is None:
        matched = {ANY, *meant_columns(name, (item.name for item in rows.columns))}
        yield from (item for item in rows.columns if item.name in matched)
    elif (column := rows.column(bare(name.name))) is not None:
        yield column


def _no_features(
    statement: TrainStatement, named: Iterable[Name], purposes: Iterable[str]
) -> Iterator[str]:
    """The columns that a training reads for other purposes, unless COLUMN names them."""
    folded = {bare(name.name).lower() for name in named}
    for purpose in purposes:
        item = attribute(statement, purpose)
        if item is not None and str(item.value).lower() not in folded:
            yield str(item.value)


def predicted(statement: PredictStatement, rows: Relation, model: ModelColumns) -> Relation:
    """The columns of the table that TO PREDICT writes: those of the SELECT, then the prediction."""
    label = model.label.name if model.label is not None else None
    name = statement.column or label or ANY
    left_out = {name, label or name} - {ANY}
    prediction = merged(name, _inputs(rows, model), certain=not model.features.open)
    # The names of probabilities have the classes in them, which only the model knows.
    extra = attribute(statement, "predict.extra_outputs")
    more = (prediction.named(ANY),) if extra is not None and name != ANY else ()
    return Relation((*rows.without(left_out).columns, prediction, *more))


def _inputs(rows: Relation, model: ModelColumns) -> Iterator[Column | None]:
    """What a model computes from: the features, as the SELECT gives them and as it learnt them."""
    yield from model.features.columns
    if model.features.open:
        yield from rows.columns
    else:
        yield from (rows.column(feature.name) for feature in model.features.columns)


def evaluated(statement: EvaluateStatement, rows: Relation, model: ModelColumns) -> Relation:
    """The columns of the table that TO EVALUATE writes: a metric each."""
    labels = [bare(name.name) for name in column_names(statement.label)]
    if not labels and model.label is not None:
        labels = [model.label.name]
    judged = (*_inputs(rows, model), *map(rows.column, labels))
    metric = merged(ANY, judged, certain=not model.features.open)
    listed = tuple(_metrics(statement))
    # The loss of a label is there whatever else is asked for.
    names = (
        dict.fromkeys(((LOSS,) if labels else ()) + listed) if listed else model.metrics or (ANY,)
    )
    return Relation(map(metric.named, names))


def _metrics(statement: EvaluateStatement) -> Iterable[str]:
    item = attribute(statement, "validation.metrics")
    if item is None:
        return ()
    listed = item.value if isinstance(item.value, tuple) else str(item.value).split(",")
    return [str(name).strip() for name in listed if str(name).strip()]


def key_columns(statement: ExplainStatement) -> list[Name] | None:
    """The columns that ``explain.key_columns`` names; None without it."""
    item = attribute(statement, KEY_COLUMNS)
    if item is None:
        return None
    listed = item.value if isinstance(item.value, tuple) else str(item.value).split(",")
    span = item.expression.span or item.span
    return [Name(name=text, span=span) for name in listed if (text := str(name).strip())]


def explained(statement: ExplainStatement, rows: Relation, model: ModelColumns) -> Relation:
    """The columns of the table that TO EXPLAIN writes: keys, what each feature adds, and what there is without.

    What columns other explainers than those of this package write, only they know.
    """
    features = model.features.columns
    if statement.explainer is not None and statement.explainer.lower() not in _BY_COLUMN:
        of_splits = statement.explainer.lower() == "xgboostexplainer"
        return Relation(merged(name, features) for name in (_GAINS if of_splits else (ANY,)))
    keys = key_columns(statement)
    kept: list[Column] = []
    if keys is not None:
        kept = [column for key in keys if (column := rows.column(bare(key.name))) is not None]
    elif not model.features.open:
        kept = list(rows.without(item.name for item in model.features.columns).columns)
    taken = {column.name.lower() for column in kept}
    added = [
        merged(
            f"{item.name}_contribution" if item.name.lower() in taken else item.name,
            (item, rows.column(item.name)),
            certain=item.name != ANY,
        )
        for item in model.features.columns
    ]
    return Relation((*kept, *added, merged(BASE_VALUE, model.features.columns)))


def optimized(statement: OptimizeStatement, rows: Relation) -> Relation | None:
    """The columns of a solution: those that tell rows apart, and a value that all coefficients are in.

    None for a statement that is wrong.
    """
    try:
        optimization = read_optimization(statement)
    except CompileError:
        return None
    keys = [rows.column(key) or Column(key) for key in optimization.keys]
    inputs = [
        name.name
        for form, group in optimization.forms
        for expression in (*form.parts, *((Name(name=group),) if group else ()))
        for name in columns(expression)
    ]
    value = merged(optimization.result_column, map(rows.column, inputs))
    named = (item.named(key) for item, key in zip(keys, optimization.keys, strict=True))
    return Relation((*named, value))
