"""What an XGBoost model does: said by its objective, its estimator's name, or its label."""

from sqlflow_dagster.errors import TerminalError
from sqlflow_dagster.ml.tasks import LabelType, Task
from sqlflow_dagster.ml.trainers.xgboost_parameters import Settings


def objectives_of(settings: Settings, label_type: LabelType | None) -> tuple[str, ...]:
    """The objective given; without one, those that estimator and label suggest."""
    if settings.objective is not None:
        return (settings.objective,)
    match settings.task:
        case Task.RANKING:
            return ("rank:ndcg",)
        case Task.REGRESSION:
            return ("reg:squarederror",)
        case Task.CLASSIFICATION if label_type in ("texts", "numbers"):
            return ("binary:logistic",)
        case Task.CLASSIFICATION:
            return ("multi:softprob", "binary:logistic")
    if label_type == "texts":
        return ("binary:logistic",)
    if settings.attribute("num_class") is not None or label_type in ("string", "bool"):
        return ("multi:softprob", "binary:logistic")
    return ("reg:squarederror",)


def task_of(settings: Settings, objective: str, label_type: LabelType | None) -> Task:
    """What a model with an objective does.

    Raises:
        TerminalError: The estimator's name or the label says otherwise.
    """
    task = Task.REGRESSION
    if objective.startswith("rank:"):
        task = Task.RANKING
    elif objective.startswith(("binary:", "multi:")):
        task = Task.CLASSIFICATION
    if settings.task not in (None, task):
        raise TerminalError(
            f"{settings.estimator} does {settings.task}, but objective {objective} is for {task}",
            settings.objective_span,
            "leave the objective out, or use another estimator",
        )
    if task is not Task.CLASSIFICATION or label_type not in ("texts", "numbers"):
        return task
    if objective.startswith("multi:"):
        raise TerminalError(
            f"objective {objective} predicts one class a row, but the label is a list",
            settings.objective_span,
            'write objective="binary:logistic"',
        )
    return Task.MULTILABEL
