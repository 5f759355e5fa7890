"""The estimators of LightGBM, known without importing it."""

from sqlflow_dagster.ml.tasks import Task

ESTIMATORS = ("LGBMClassifier", "LGBMRanker", "LGBMRegressor")
"""The names of the library's classes, which are known with and without ``lightgbm.`` before them."""

BOOSTINGS = ("gbdt", "dart", "goss", "rf")
"""Kinds of boosting, which are estimators after ``lightgbm.``."""

_TASKS = {
    "lgbmclassifier": Task.CLASSIFICATION,
    "lgbmranker": Task.RANKING,
    "lgbmregressor": Task.REGRESSION,
}


def named_task(estimator: str) -> Task | None:
    """What an estimator's name says that it does; None where objective and label say."""
    return _TASKS.get(_last(estimator))


def named_boosting(estimator: str) -> str | None:
    """The kind of boosting that an estimator's name says; None where a parameter says."""
    name = _last(estimator)
    return name if name in BOOSTINGS else None


def _last(estimator: str) -> str:
    return estimator.lower().removeprefix("lightgbm.")
