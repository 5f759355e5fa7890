"""What can be said of a TRAIN statement before a row is read."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

from sqlflow_dagster.errors import PluginError, TerminalError
from sqlflow_dagster.lang.expressions import expression_text
from sqlflow_dagster.lang.statements import Attribute, TrainStatement
from sqlflow_dagster.ml.attributes import find, of_trainer, read_common, value_span
from sqlflow_dagster.ml.base import Plan, Trainer
from sqlflow_dagster.ml.estimators import find_trainer
from sqlflow_dagster.ml.features.arrow_types import Columns, column_index
from sqlflow_dagster.ml.features.columns import label_column, treatments
from sqlflow_dagster.ml.features.labels import check_label_type
from sqlflow_dagster.ml.features.treatments import Treatment
from sqlflow_dagster.ml.manifest import Manifest
from sqlflow_dagster.ml.metrics.by_name import find_metric, metric_names
from sqlflow_dagster.ml.search_attributes import SearchPlan
from sqlflow_dagster.ml.tasks import LabelType, Task
from sqlflow_dagster.ml.training.checks import (
    check_search,
    check_validation,
    check_way,
    read_class_weight,
    read_trials,
)
from sqlflow_dagster.ml.training.splitting import Splitting, Way, read_splitting
from sqlflow_dagster.source import Span


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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Target:
    """What is predicted, and what the trainer makes of that.

    Attributes:
        column: The label as the SELECT spells it; None without one.
        type: What the trainer is told of it.
        separator: What parts the values of a text that is a list.
        plan: The trainer's plan.
    """

    column: str | None
    type: LabelType | None
    separator: str | None
    plan: Plan


def prepare(statement: TrainStatement, columns: Columns) -> Preparation:
    """Check a TRAIN statement against the columns of its SELECT.

    Raises:
        TerminalError: With the place of what is wrong.
    """
    trainer = find_trainer(statement.estimator, statement.estimator_span)
    names = [name for name, _ in columns]
    common = read_common(statement.attributes)
    target = _target(statement, columns, trainer, common["train.label_separator"])
    plan = target.plan
    check_way(statement, plan)
    weight, group = (
        _named_column(statement, attribute, names)
        for attribute in ("train.weight_column", "train.group_column")
    )
    _check_groups(statement, plan, group)
    splitting = _splitting(read_splitting(statement.attributes, common, names, group=group), plan)
    search = read_trials(statement, common, plan)
    check_validation(statement, plan, splitting, search)
    if search is not None:
        check_search(statement, trainer, search, target.type, plan)
    asked = find(statement.attributes, "validation.metrics")
    metrics = metric_names(asked.value) if asked else ()
    for name in metrics:
        find_metric(name, plan.task, value_span(asked))
    return Preparation(
        trainer=trainer,
        plan=plan,
        label=target.column,
        label_span=statement.label.span if statement.label else None,
        label_separator=target.separator,
        weight=weight,
        group=group,
        treatments=treatments(
            statement,
            columns,
            label=target.column,
            listed_only=common["train.columns"] == "listed",
            left_out=_left_out(names, target.column, weight, group, splitting.column),
            inputs=plan.inputs,
        ),
        class_weight=read_class_weight(statement, plan),
        splitting=splitting,
        search=search,
        metrics=metrics,
        metrics_span=value_span(asked),
        average=common["validation.average"],
    )


def _left_out(
    names: Sequence[str],
    label: str | None,
    weight: str | None,
    group: str | None,
    split: str | None,
) -> set[str]:
    """The columns that are no features unless COLUMN names them."""
    purposes = {name for name in (weight, group) if name is not None}
    # Of a series that is split by its times, these are all there is to learn from.
    if split is not None and set(names) - purposes - {label, split}:
        purposes.add(split)
    return purposes


def _target(
    statement: TrainStatement, columns: Columns, trainer: Trainer, separator: str | None
) -> _Target:
    column, type_ = _label(statement, columns)
    if type_ != "string":
        separator = None
    told: LabelType | None = "texts" if separator else type_
    plan = _plan(trainer, statement, told)
    if type_ == "string":
        separator = separator or plan.label_separator
    _check_label(statement, plan, type_, separator)
    return _Target(column=column, type=told, separator=separator, plan=plan)


def _check_groups(statement: TrainStatement, plan: Plan, group: str | None) -> None:
    if plan.task is Task.RANKING and group is None:
        raise TerminalError(
            f"{statement.estimator} ranks the rows of groups, but nothing says which rows are one",
            statement.estimator_span,
            "add train.group_column, and ORDER BY that column to the SELECT",
        )


def check_attributes(statement: TrainStatement) -> None:
    """Refuse a TRAIN statement whose estimator or attributes are wrong, whatever its columns are.

    Raises:
        TerminalError: With the place of what is wrong.
    """
    trainer = find_trainer(statement.estimator, statement.estimator_span)
    common = read_common(statement.attributes)
    splitting = read_splitting(statement.attributes, common, None)
    errors = []
    label_types = get_args(LabelType) if statement.label is not None else (None,)
    for label_type in label_types:
        try:
            plan = _plan(trainer, statement, label_type)
            check_way(statement, plan)
            search = read_trials(statement, common, plan)
            check_validation(statement, plan, _splitting(splitting, plan), search)
            if search is not None:
                check_search(statement, trainer, search, label_type, plan)
        except TerminalError as error:
            if isinstance(error.__cause__, PluginError):
                raise
            errors.append(error)
        else:
            return
    raise errors[0]


def _splitting(said: Splitting, plan: Plan) -> Splitting:
    """What the statement says, else a share of the rows where candidates are to be compared."""
    compares = plan.selection is not None and said.way is Way.NONE
    return Splitting(way=Way.SHARE) if compares else said


def check_statement(statement: TrainStatement, columns: Columns) -> tuple[Treatment, ...]:
    """Refuse a TRAIN statement that cannot work, before any row is read.

    Args:
        statement: The statement.
        columns: Names and types that its SELECT gives.

    Returns:
        What its model will learn from, without what only rows tell.

    Raises:
        TerminalError: With the place of what is wrong: the estimator, an attribute, a column of
            COLUMN, the LABEL.
    """
    return prepare(statement, columns).treatments


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
    place = statement.estimator_span or statement.span
    try:
        return trainer.plan(statement.estimator, of_trainer(statement.attributes), label_type)
    except PluginError as error:
        raise TerminalError(error.message, place, error.hint) from error
    except TerminalError as error:
        raise error.at(place) from (error.__cause__ or error)


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
            "take XGBClassifier, DNNClassifier or RandomForestClassifier"
            if task.predicts_classes
            else "take XGBRegressor, DNNRegressor or Ridge",
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
