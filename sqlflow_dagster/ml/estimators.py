"""Estimators by name: those that trainers bring, and classes of the user's own that the allow-list names."""

from sqlflow_dagster.errors import PluginError, TerminalError
from sqlflow_dagster.ml.base import Trainer, trainers
from sqlflow_dagster.own_classes import is_allowed, load_class
from sqlflow_dagster.source import Span


def find_trainer(estimator: str, span: Span | None) -> Trainer:
    """The trainer of an estimator.

    Raises:
        TerminalError: No trainer has the name, or its library is not installed.
    """
    try:
        return _own_trainer(estimator) if is_allowed(estimator) else trainers.get(estimator)
    except PluginError as error:
        raise TerminalError(error.message, span, error.hint) from error


def _own_trainer(name: str) -> Trainer:
    """The trainer of a class of the user's own.

    Args:
        name: ``package.Class``; the allow-list has it.

    Raises:
        PluginError: The class cannot be loaded, or no trainer knows what to do with it.
    """
    found = load_class(name)
    if hasattr(found, "fit") and (hasattr(found, "predict") or hasattr(found, "transform")):
        return trainers.get("sklearn.*")
    if any(item.__module__ == "torch.nn.modules.module" for item in found.__mro__):
        return trainers.get("sqlflow_models.*")
    raise PluginError(
        f"{name} is no model that can be trained",
        hint="give it the methods fit and predict of scikit-learn's estimators, "
        "or make it a torch.nn.Module",
    )
