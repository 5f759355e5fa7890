"""What can be said of a TRAIN statement before a row is read."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias, get_args

import pyarrow as pa

from sqlflow_dagster.errors import PluginError, TerminalError
from sqlflow_dagster.lang.statements import TrainStatement
from sqlflow_dagster.ml.attributes import find, of_trainer, read_common, value_span
from sqlflow_dagster.ml.base import Plan, Trainer, trainers
from sqlflow_dagster.ml.features.columns import Treatment, label_column, treatments
from sqlflow_dagster.ml.features.labels import check_label_type
from sqlflow_dagster.ml.features.spec import Feature
from sqlflow_dagster.ml.metrics import find_metric, metric_names
from sqlflow_dagster.ml.tasks import LabelType, Task
from sqlflow_dagster.source import Span

Columns: TypeAlias = Sequence[tuple[str, pa.DataType]]
"""Names and types that a SELECT gives."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preparation:
    """A TRAIN statement after every check that needs no rows.

    Attributes:
        trainer: Of its estimator.
        plan: What the trainer makes of it.
        label: The label as the SELECT spells it.
        label_span: Where LABEL names it.
        treatments: What becomes of which column.
        metrics: The names of ``validation.metrics``; none where there is no such attribute.
        metrics_span: Where they stand.
    """

    trainer: Trainer
    plan: Plan
    label: str
    label_span: Span | None
    treatments: tuple[Treatment, ...]
    metrics: tuple[str, ...]
    metrics_span: Span | None


def prepare(statement: TrainStatement, columns: Columns) -> Preparation:
    """Check a TRAIN statement against the columns of its SELECT.

    Raises:
        TerminalError: With the place of what is wrong.
    """
    trainer = find_trainer(statement.estimator, statement.estimator_span)
    names = [name for name, _ in columns]
    place = statement.estimator_span or statement.span
    label = label_column(statement.label, names, estimator=statement.estimator, span=place)
    label_span = statement.label.span if statement.label else None
    label_type = check_label_type(label, dict(columns)[label], label_span)
    common = read_common(statement.attributes)
    try:
        plan = trainer.plan(statement.estimator, of_trainer(statement.attributes), label_type)
    except PluginError as error:
        raise TerminalError(error.message, place, error.hint) from error
    if plan.task is Task.REGRESSION and label_type == "string":
        raise TerminalError(
            f"{statement.estimator} predicts numbers here, but label {label!r} is text",
            label_span,
            "use an estimator or an objective that predicts classes, or CAST it in the SELECT",
        )
    asked = find(statement.attributes, "validation.metrics")
    metrics = metric_names(asked.value) if asked else ()
    for name in metrics:
        find_metric(name, plan.task, value_span(asked))
    return Preparation(
        trainer=trainer,
        plan=plan,
        label=label,
        label_span=label_span,
        treatments=treatments(
            statement, columns, label=label, listed_only=common["train.columns"] == "listed"
        ),
        metrics=metrics,
        metrics_span=value_span(asked),
    )


def check_attributes(statement: TrainStatement) -> None:
    """Refuse a TRAIN statement whose estimator or attributes are wrong, whatever its columns are.

    Raises:
        TerminalError: With the place of what is wrong.
    """
    trainer = find_trainer(statement.estimator, statement.estimator_span)
    read_common(statement.attributes)
    errors = []
    for label_type in get_args(LabelType):
        try:
            trainer.plan(statement.estimator, of_trainer(statement.attributes), label_type)
        except TerminalError as error:
            errors.append(error)
        except PluginError as error:
            raise TerminalError(error.message, statement.estimator_span, error.hint) from error
        else:
            return
    raise errors[0]


def check_statement(statement: TrainStatement, columns: Columns) -> tuple[Feature, ...]:
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
    check_patience(statement, validates=bool(find(statement.attributes, "validation.select")))
    types = dict(columns)
    return tuple(
        Feature(
            column=item.column,
            kind=item.kind,
            dtype=str(types[item.column]),
            one_hot=item.one_hot,
        )
        for item in prepared.treatments
    )


def find_trainer(estimator: str, span: Span | None) -> Trainer:
    """The trainer of an estimator.

    Raises:
        TerminalError: No trainer has the name, or its library is not installed.
    """
    try:
        return trainers.get(estimator)
    except PluginError as error:
        raise TerminalError(error.message, span, error.hint) from error


def check_patience(statement: TrainStatement, *, validates: bool) -> None:
    """Refuse early stopping where nothing says when the model stops getting better.

    Raises:
        TerminalError: With the attribute's position.
    """
    patience = find(statement.attributes, "train.early_stopping_rounds", "early_stopping_rounds")
    if patience is not None and not validates:
        raise TerminalError(
            f"{patience.name} wants rows to validate on, but there is no validation.select",
            patience.span,
            'add validation.select="SELECT …"',
        )
