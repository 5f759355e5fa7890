"""The estimators of LightGBM, known without importing it or numpy: a compile asks for their names."""

ESTIMATORS = ("LGBMClassifier", "LGBMRanker", "LGBMRegressor")
"""The names of the library's classes, which are known with and without ``lightgbm.`` before them."""

BOOSTINGS = ("gbdt", "dart", "goss", "rf")
"""Kinds of boosting, which are estimators after ``lightgbm.``."""


def named_boosting(estimator: str) -> str | None:
    """The kind of boosting that an estimator's name says; None where a parameter says."""
    name = own_name(estimator)
    return name if name in BOOSTINGS else None


def own_name(estimator: str) -> str:
    """An estimator in lower case, without the name of the library."""
    return estimator.lower().removeprefix("lightgbm.")
