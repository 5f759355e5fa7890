"""What the name of each estimator of XGBoost fixes; known without importing the library."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlflow_dagster.ml.tasks import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """What the name of an estimator says.

    Attributes:
        task: What it does; None where objective and label say.
        booster: ``gbtree``, ``gblinear`` or ``dart``; None where the attribute ``booster`` says.
        rounds: How many rounds it boosts by default.
        defaults: Parameters that differ from those of the library's boosters.
        forest: Whether ``n_estimators`` are trees that grow side by side, not rounds.
    """

    task: Task | None = None
    booster: str | None = None
    rounds: int = 10
    defaults: Mapping[str, Any] = field(default_factory=dict)
    forest: bool = False


def variant(estimator: str) -> Variant:
    """What a registered name says, in any case, with or without ``xgboost.``."""
    name = estimator.lower().removeprefix("xgboost.")
    return _VARIANTS.get(name) or Variant(booster=name)


def _forest(task: Task) -> Variant:
    return Variant(
        task=task,
        rounds=1,
        forest=True,
        defaults={
            "learning_rate": 1.0,
            "subsample": 0.8,
            "colsample_bynode": 0.8,
            "reg_lambda": 1e-5,
            "num_parallel_tree": 100,
        },
    )


# TensorFlow had no regularisation by default; XGBoost's own keeps small tables from being overfitted.
_BOOSTED_TREES = {"learning_rate": 0.1}
_VARIANTS = {
    "xgbclassifier": Variant(task=Task.CLASSIFICATION, rounds=100),
    "xgbregressor": Variant(task=Task.REGRESSION, rounds=100),
    "xgbranker": Variant(task=Task.RANKING, rounds=100),
    "xgbrfclassifier": _forest(Task.CLASSIFICATION),
    "xgbrfregressor": _forest(Task.REGRESSION),
    # TensorFlow's names, see boosted_trees.
    "boostedtreesclassifier": Variant(
        task=Task.CLASSIFICATION, booster="gbtree", rounds=100, defaults=_BOOSTED_TREES
    ),
    "boostedtreesregressor": Variant(
        task=Task.REGRESSION, booster="gbtree", rounds=100, defaults=_BOOSTED_TREES
    ),
}
