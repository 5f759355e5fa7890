"""What can be said of a TRAIN statement before a row is read."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias, get_args

import pyarrow as pa

from sqlflow_dagster.errors import PluginError, TerminalError
from sqlflow_dagster.lang.expressions import expression_text
from sqlflow_dagster.lang.statements import Attribute, TrainStatement
from sqlflow_dagster.ml.attributes import find, of_trainer, read_common, value_span
from sqlflow_dagster.ml.base import Plan, Trainer, trainers
from sqlflow_dagster.ml.features.arrow_types import column_index
from sqlflow_dagster.ml.features.columns import label_column, source_columns, treatments
from sqlflow_dagster.ml.features.feature import SourceColumn
from sqlflow_dagster.ml.features.labels import check_label_type
from sqlflow_dagster.ml.features.treatments import Treatment
from sqlflow_dagster.ml.judging import can_judge
from sqlflow_dagster.ml.manifest import Manifest
from sqlflow_dagster.ml.metrics import find_metric, metric_names
from sqlflow_dagster.ml.own_models import own_trainer
from sqlflow_dagster.ml.search import check_installed
from sqlflow_dagster.ml.search_attributes import SearchPlan, read_search
from sqlflow_dagster.ml.splitting import Splitting, Way, read_splitting
from sqlflow_dagster.ml.tasks import LabelType, Task
from sqlflow_dagster.own_classes import is_allowed
from sqlflow_dagster.source import Span

Columns: TypeAlias = Sequence[tuple[str, pa.DataType]]
"""Names and types that a SELECT gives."""
_PATIENCE = (
    "train.early_stopping_rounds",
    "early_stopping_rounds",
    "train.patience",
    "patience",
)
_VALIDATE = 'add validation.split=0.2, or validation.select="SELECT …"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Preparation:
    """A TRAIN statement after every check that needs no rows.

    Attributes:
        trainer: Of its estimator.
        plan: What the trainer makes of it.
        label: The label as the SELECT spells it; None of a model that learns without one.
        label_span: Where LABEL names it.
        label_separator: What parts the values of a text label that is a list.
        weight: The column that says how much a row counts; None where all count the same.
        group: The column that says which rows are ranked among each other.
        treatments: What becomes of which column.
        class_weight: The attribute that says how much each class counts; None where each row does.
        splitting: Where the rows to validate on come from.
        search: Which attributes are searched; None where all have one value.
        metrics: The names of ``validation.metrics``; none where there is no such attribute.
        metrics_span: Where they stand.
        average: How metrics of each class become one number; None for what is usual.
    """

    trainer: Trainer
    plan: Plan
    label: str | None
    label_span: Span | None
    label_separator: str | None
    weight: str | None
    group: str | None
    treatments: tuple[Treatment, ...]
    class_weight: Attribute | None
    splitting: Splitting
    search: SearchPlan | None
    metrics: tuple[str, ...]
    metrics_span: Span | None
    average: str | None


def prepare(statement: TrainStatement, columns: Columns) -> Preparation:
    """Check a TRAIN statement against the columns of its SELECT.

    Raises:
        TerminalError: With the place of what is wrong.
    """
    trainer = find_trainer(statement.estimator, statement.estimator_span)
    names = [name for name, _ in columns]
    common = read_common(statement.attributes)
    label, label_type = _label(statement, columns)
    separator = common["train.label_separator"] if label_type == "string" else None
    plan = _plan(trainer, statement, "texts" if separator else label_type)
    if label_type == "string":
        separator = separator or plan.label_separator
    _check_label(statement, plan, label_type, separator)
    _check_way(statement, plan)
    weight, group = (
        _named_column(statement, attribute, names)
        for attribute in ("train.weight_column", "train.group_column")
    )
    if plan.task is Task.RANKING and group is None:
        raise TerminalError(
            f"{statement.estimator} ranks the rows of groups, but nothing says which rows are one",
            statement.estimator_span,
            "add train.group_column, and ORDER BY that column to the SELECT",
        )
    splitting = read_splitting(statement.attributes, common, names, group=group)
    search = read_search(statement.attributes, common)
    _check_validation(statement, plan.task, splitting, search)
    if search is not None:
        _check_search(statement, trainer, search, "texts" if separator else label_type, plan)
    asked = find(statement.attributes, "validation.metrics")
    metrics = metric_names(asked.value) if asked else ()
    for name in metrics:
        find_metric(name, plan.task, value_span(asked))
    return Preparation(
        trainer=trainer,
        plan=plan,
        label=label,
        label_span=statement.label.span if statement.label else None,
        label_separator=separator,
        weight=weight,
        group=group,
        treatments=treatments(
            statement,
            columns,
            label=label,
            listed_only=common["train.columns"] == "listed",
            left_out=[name for name in (weight, group, splitting.column) if name is not None],
            inputs=plan.inputs,
        ),
        class_weight=_class_weight(statement, plan),
        splitting=splitting,
        search=search,
        metrics=metrics,
        metrics_span=value_span(asked),
        average=common["validation.average"],
    )


def check_attributes(statement: TrainStatement) -> None:
    """Refuse a TRAIN statement whose estimator or attributes are wrong, whatever its columns are.

    Raises:
        TerminalError: With the place of what is wrong.
    """
    trainer = find_trainer(statement.estimator, statement.estimator_span)
    read_common(statement.attributes)
    errors = []
    label_types = get_args(LabelType) if statement.label is not None else (None,)
    for label_type in label_types:
        try:
            trainer.plan(statement.estimator, of_trainer(statement.attributes), label_type)
        except TerminalError as error:
            errors.append(error)
        except PluginError as error:
            raise TerminalError(error.message, statement.estimator_span, error.hint) from error
        else:
            return
    raise errors[0]


def check_statement(statement: TrainStatement, columns: Columns) -> tuple[SourceColumn, ...]:
    """Refuse a TRAIN statement that cannot work, before any row is read.

    Args:
        statement: The statement.
        columns: Names and types that its SELECT gives.

    Returns:
        The columns that its model will want, without what only rows tell.

    Raises:
        TerminalError: With the place of what is wrong: the estimator, an attribute, a column of
            COLUMN, the LABEL.
    """
    prepared = prepare(statement, columns)
    return source_columns(prepared.treatments)


def check_base(statement: TrainStatement, base: Manifest) -> None:
    """Refuse to go on from a model of another estimator.

    Raises:
        TerminalError: With the place of USING.
    """
    if base.estimator.lower() != statement.estimator.lower():
        raise TerminalError(
            f"{statement.estimator} cannot go on from a model of {base.estimator}",
            statement.base_model.span if statement.base_model else None,
        )


def _check_way(statement: TrainStatement, plan: Plan) -> None:
    """Refuse ways of training that the estimator does not know."""
    if statement.base_model is not None and not plan.goes_on:
        raise TerminalError(
            f"{statement.estimator} cannot go on from a model: each training starts afresh",
            statement.base_model.span,
            "leave USING out, and train on all rows",
        )
    external = find(statement.attributes, "train.external_memory")
    if external is not None and external.value and not plan.in_batches:
        raise TerminalError(
            f"{statement.estimator} wants all rows in memory",
            external.span,
            "leave train.external_memory out",
        )


def _label(
    statement: TrainStatement, columns: Columns
) -> tuple[str, LabelType] | tuple[None, None]:
    """The label's column and its type."""
    if statement.label is None:
        return None, None
    place = statement.estimator_span or statement.span
    name = label_column(statement.label, [name for name, _ in columns], span=place)
    return name, check_label_type(name, dict(columns)[name], statement.label.span)


def _plan(trainer: Trainer, statement: TrainStatement, label_type: LabelType | None) -> Plan:
    try:
        return trainer.plan(statement.estimator, of_trainer(statement.attributes), label_type)
    except PluginError as error:
        place = statement.estimator_span or statement.span
        raise TerminalError(error.message, place, error.hint) from error


def _check_label(
    statement: TrainStatement, plan: Plan, label_type: LabelType | None, separator: str | None
) -> None:
    """Refuse a label that does not suit the task."""
    place = statement.estimator_span or statement.span
    task = plan.label_task or plan.task
    if statement.label is None:
        if task.supervised:
            raise TerminalError(
                f"{statement.estimator} learns from a label, but the statement has no LABEL clause",
                place,
                "add LABEL and the name of a column",
            )
        return
    if not task.supervised:
        raise TerminalError(
            f"{statement.estimator} learns without a label, but the statement has a LABEL clause",
            statement.label.span or place,
            "leave LABEL out, and the column out of the SELECT",
        )
    if not plan.lists and (separator or label_type in ("texts", "numbers")):
        raise TerminalError(
            f"{statement.estimator} predicts one value a row, "
            f"but label {expression_text(statement.label)!r} is a list",
            statement.label.span,
        )
    text = label_type == "texts" or (label_type == "string" and separator is None)
    if text and not task.predicts_classes:
        raise TerminalError(
            f"{statement.estimator} predicts numbers here, "
            f"but label {expression_text(statement.label)!r} is text",
            statement.label.span,
            "use an estimator or an objective that predicts classes, or CAST it in the SELECT; "
            'a text such as "1.5,2" is a vector with train.label_separator=","',
        )


def _named_column(statement: TrainStatement, name: str, columns: Sequence[str]) -> str | None:
    """The column that an attribute names, as the SELECT spells it; None without the attribute."""
    item = find(statement.attributes, name)
    if item is None:
        return None
    return columns[column_index(str(item.value), columns, value_span(item), name)]


def find_trainer(estimator: str, span: Span | None) -> Trainer:
    """The trainer of an estimator.

    Raises:
        TerminalError: No trainer has the name, or its library is not installed.
    """
    try:
        return own_trainer(estimator) if is_allowed(estimator) else trainers.get(estimator)
    except PluginError as error:
        raise TerminalError(error.message, span, error.hint) from error


def _check_validation(
    statement: TrainStatement, task: Task, splitting: Splitting, search: SearchPlan | None
) -> None:
    """Refuse what wants rows to validate on where there are none."""
    patience = find(statement.attributes, *_PATIENCE)
    if patience is not None and not splitting.validates:
        raise TerminalError(
            f"{patience.name} wants rows to validate on, but "
            + (
                "the final model of validation.folds learns from all rows"
                if splitting.way is Way.FOLDS
                else "the statement names none"
            ),
            patience.span,
            _VALIDATE,
        )
    if search is not None and splitting.way is Way.NONE:
        first = next(iter(search.attributes.values()))
        raise TerminalError(
            f"{first.name} wants rows to compare models on, but the statement names none",
            first.span,
            f"{_VALIDATE}, or validation.folds=5",
        )
    if search is not None and not can_judge(task, labelled=task.supervised):
        raise TerminalError(
            f"nothing says which of two models that do {task} is better: there is nothing to search",
            next(iter(search.attributes.values())).span,
        )
    if splitting.way is Way.FOLDS and not can_judge(task, labelled=task.supervised):
        raise TerminalError(
            f"models that do {task} are not compared: nothing says which of them is right",
            splitting.span,
            "leave validation.folds out",
        )
    external = find(statement.attributes, "train.external_memory")
    if external is None or not external.value:
        return
    if search is not None or splitting.way not in (Way.NONE, Way.SELECT):
        raise TerminalError(
            "with train.external_memory only validation.select says which rows validate, and "
            "nothing is searched",
            external.span,
            "split the rows in the SELECT",
        )


def _check_search(
    statement: TrainStatement,
    trainer: Trainer,
    search: SearchPlan,
    label_type: LabelType | None,
    plan: Plan,
) -> None:
    """Let the trainer judge the values that trials may give."""
    fixed = of_trainer(statement.attributes)
    for values in search.corners():
        tried = trainer.plan(
            statement.estimator, (*fixed, *search.attributes_of(values)), label_type
        )
        if (tried.task, tried.layout) != (plan.task, plan.layout):
            raise TerminalError(
                f"a search finds the best of models that do the same, but some of these do "
                f"{plan.task} and some {tried.task}",
                next(iter(search.attributes.values())).span,
            )
    if search.metric is not None:
        find_metric(search.metric, plan.task, search.metric_span)
    try:
        check_installed()
    except PluginError as error:
        place = next(iter(search.attributes.values())).span
        raise TerminalError(error.message, place, error.hint) from error


def _class_weight(statement: TrainStatement, plan: Plan) -> Attribute | None:
    """``train.class_weight``, which is ``balanced`` or a number for each class."""
    item = find(statement.attributes, "train.class_weight")
    if item is None:
        return None
    if plan.task is not Task.CLASSIFICATION:
        raise TerminalError(
            f"{item.name} weighs the classes of a classification, but this is {plan.task}",
            item.span,
        )
    match item.value:
        case str(word) if word.lower() == "balanced":
            return item
        case (_, *_) as numbers if all(
            isinstance(number, int | float) and not isinstance(number, bool) and number >= 0
            for number in numbers
        ):
            return item
    raise TerminalError(
        f'{item.name} wants "balanced" or a number from 0 for each class, but got {item.value!r}',
        value_span(item),
        "the classes count in sorted order, such as [1, 5]",
    )
