"""The explainers that ``USING`` may name."""

from sqlflow_dagster.errors import TerminalError, did_you_mean
from sqlflow_dagster.ml.base import Method
from sqlflow_dagster.source import Span

SPLITS = "XGBoostExplainer"
"""Not why a row is predicted as it is, but what the splits of a model's trees gained."""

_METHODS = {
    **{item.value.lower(): item for item in Method},
    # Both take Shapley values of columns against rows of the training.
    "kernelexplainer": Method.SAMPLING,
}
NAMES = (*(item.value for item in Method), "KernelExplainer", SPLITS)


def check_explainer(name: str, span: Span | None = None) -> None:
    """Refuse an unknown explainer; case does not count.

    Raises:
        TerminalError: It is none of :data:`NAMES`.
    """
    if name.lower() not in map(str.lower, NAMES):
        raise TerminalError(
            f"unknown explainer {name!r}",
            span,
            did_you_mean(name, NAMES) or f"known: {', '.join(NAMES)}",
        )


def method_of(name: str | None) -> Method | None:
    """The method of an explainer; None where nobody asked for one."""
    if name is None:
        return None
    check_explainer(name)
    return _METHODS[name.lower()]


def is_of_splits(name: str | None) -> bool:
    """Whether an explainer tells of splits, not of rows."""
    return name is not None and name.lower() == SPLITS.lower()
