"""How a model is trained and compared, as a statement says: checked beside what its trainer plans."""

from collections.abc import Mapping
from typing import Any

from sqlflow_dagster.errors import PluginError, TerminalError
from sqlflow_dagster.lang.statements import Attribute, TrainStatement
from sqlflow_dagster.ml.attributes import SEARCH_PREFIX, find, of_trainer, value_span
from sqlflow_dagster.ml.base import Plan, Trainer
from sqlflow_dagster.ml.metrics.by_name import compared_by, find_metric
from sqlflow_dagster.ml.metrics.judging import can_judge
from sqlflow_dagster.ml.search import check_installed
from sqlflow_dagster.ml.search_attributes import (
    METRIC,
    SECONDS,
    TRIALS,
    SearchPlan,
    read_search,
)
from sqlflow_dagster.ml.tasks import LabelType, Task
from sqlflow_dagster.ml.training.splitting import Splitting, Way

_PATIENCE = (
    "train.early_stopping_rounds",
    "early_stopping_rounds",
    "train.patience",
    "patience",
)
_VALIDATE_OR_FOLD = (
    'add validation.split=0.2, or validation.select="SELECT …", or validation.folds=5'
)


def check_way(statement: TrainStatement, plan: Plan) -> None:
    """Refuse ways of training that the estimator does not know.

    Raises:
        TerminalError: With the place of USING or of the attribute.
    """
    if statement.base_model is not None and not plan.goes_on:
        raise TerminalError(
            f"{statement.estimator} cannot go on from a model: each training starts afresh",
            statement.base_model.span,
            "leave USING out, and train on all rows",
        )
    weights = find(statement.attributes, "train.weight_column", "train.class_weight")
    if weights is not None and not plan.weighs:
        raise TerminalError(
            f"{statement.estimator} cannot weigh rows", weights.span, f"leave {weights.name} out"
        )
    external = _external(statement)
    if external is not None and not plan.in_batches:
        raise TerminalError(
            f"{statement.estimator} wants all rows in memory",
            external.span,
            "leave train.external_memory out",
        )


def check_validation(
    statement: TrainStatement, plan: Plan, splitting: Splitting, search: SearchPlan | None
) -> None:
    """Refuse what wants rows to validate on where there are none.

    Raises:
        TerminalError: With the place of the attribute that wants them.
    """
    patience = find(statement.attributes, *_PATIENCE)
    if patience is not None and splitting.way is Way.NONE:
        raise TerminalError(
            f"{patience.name} wants rows to validate on, but the statement names none",
            patience.span,
            _VALIDATE_OR_FOLD,
        )
    if search is not None and splitting.way is Way.NONE:
        raise TerminalError(
            f"{search.first.name} wants rows to compare models on, but the statement names none",
            search.first.span,
            _VALIDATE_OR_FOLD,
        )
    compares = search is not None or splitting.way is Way.FOLDS
    if compares and not can_judge(plan.task, labelled=plan.task.supervised):
        raise TerminalError(
            f"models that do {plan.task} are not compared: nothing says which of them is better",
            splitting.span if search is None else search.first.span,
        )
    external = _external(statement)
    if external is not None and (compares or splitting.way not in (Way.NONE, Way.SELECT)):
        raise TerminalError(
            "with train.external_memory only validation.select says which rows validate, and "
            "nothing is searched",
            external.span,
            "split the rows in the SELECT",
        )


def read_trials(
    statement: TrainStatement, values: Mapping[str, Any], plan: Plan
) -> SearchPlan | None:
    """What a statement says of its search; None where it searches nothing, or its plan a selection.

    Args:
        statement: The statement.
        values: What :func:`~sqlflow_dagster.ml.attributes.read_common` gave.
        plan: What the trainer makes of the statement.

    Raises:
        TerminalError: An attribute of the search makes no sense.
    """
    if plan.selection is None:
        return read_search(statement.attributes, values)
    for item in statement.attributes:
        name = item.name.lower()
        if name.startswith(SEARCH_PREFIX) and name not in (TRIALS, METRIC):
            raise TerminalError(
                f"{statement.estimator} chooses the attributes of its estimators by itself",
                item.span,
                f"use train.seconds instead of {SECONDS}" if name == SECONDS else "leave it out",
            )
    metric = find(statement.attributes, METRIC)
    compared_by(plan.task, values[METRIC], value_span(metric))
    return None


def _external(statement: TrainStatement) -> Attribute | None:
    item = find(statement.attributes, "train.external_memory")
    return item if item is not None and item.value else None


def check_search(
    statement: TrainStatement,
    trainer: Trainer,
    search: SearchPlan,
    label_type: LabelType | None,
    plan: Plan,
) -> None:
    """Let the trainer judge the values that trials may give.

    Args:
        statement: The statement.
        trainer: Of its estimator.
        search: What it searches.
        label_type: What the trainer is told of the label.
        plan: What it makes of the statement without any value that is searched.

    Raises:
        TerminalError: A value is refused, the models would do different things, the metric does not
            suit them, or the library for the search is not installed.
    """
    fixed = of_trainer(statement.attributes)
    for values in search.corners():
        tried = trainer.plan(
            statement.estimator, (*fixed, *search.attributes_of(values)), label_type
        )
        if (tried.task, tried.layout) != (plan.task, plan.layout):
            raise TerminalError(
                f"a search finds the best of models that do the same, but some of these do "
                f"{plan.task} and some {tried.task}",
                search.first.span,
            )
    if search.metric is not None:
        find_metric(search.metric, plan.task, search.metric_span)
    try:
        check_installed()
    except PluginError as error:
        raise TerminalError(error.message, search.first.span, error.hint) from error


def read_class_weight(statement: TrainStatement, plan: Plan) -> Attribute | None:
    """``train.class_weight``, which is ``balanced`` or a number for each class; None without one.

    Raises:
        TerminalError: It is something else, or the model does not tell classes apart.
    """
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
