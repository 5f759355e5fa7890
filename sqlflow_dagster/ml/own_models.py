"""Models of the user's own: classes that the allow-list names, and which library trains them."""

from sqlflow_dagster.errors import PluginError
from sqlflow_dagster.ml.base import Trainer
from sqlflow_dagster.own_classes import load_class


def own_trainer(name: str) -> Trainer:
    """The trainer of a class of the user's own.

    Args:
        name: ``package.Class``; the allow-list has it.

    Raises:
        PluginError: The class cannot be loaded, or no trainer knows what to do with it.
    """
    found = load_class(name)
    if hasattr(found, "fit") and (hasattr(found, "predict") or hasattr(found, "transform")):
        from sqlflow_dagster.ml.trainers.sklearn import trainer

        return trainer
    if any(item.__module__ == "torch.nn.modules.module" for item in found.__mro__):
        from sqlflow_dagster.ml.trainers.torch import trainer as torch_trainer

        return torch_trainer
    raise PluginError(
        f"{name} is no model that can be trained",
        hint="give it the methods fit and predict of scikit-learn's estimators, "
        "or make it a torch.nn.Module",
    )
