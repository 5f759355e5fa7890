"""Hyper-parameter search: trying values of attributes until the model gets no better.

The values are chosen by Optuna's tree-structured Parzen estimator (Bergstra et al.: Algorithms for
Hyper-Parameter Optimization, 2011); the same seed chooses the same ones.
"""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias, assert_never

from sqlflow_dagster.errors import PluginError, TerminalError
from sqlflow_dagster.lang.expressions import Value

if TYPE_CHECKING:
    import optuna


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """All numbers between two, both included.

    Attributes:
        low: The least.
        high: The greatest; whole numbers only, where both ends are.
        logarithmic: Whether each power of ten is tried as often as the others.
    """

    low: int | float
    high: int | float
    logarithmic: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """One of some values."""

    values: tuple[Value, ...]


Dimension: TypeAlias = Range | Choices
Values: TypeAlias = Mapping[str, Value]


@dataclass(frozen=True, slots=True, kw_only=True)
class Branches:
    """One of some names; only the dimensions of the one that is chosen have a value.

    Attributes:
        spaces: The dimensions of each name.
    """

    spaces: Mapping[str, Mapping[str, Dimension]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What came of some values.

    Attributes:
        values: By dimension.
        score: What is to be as small or as great as can be; NaN where the training failed.
        failure: Why it failed; None where it did not.
        seconds: How long it took.
    """

    values: Values
    score: float
    failure: str | None = None
    seconds: float = field(default=0.0, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What is tried, and how often.

    Attributes:
        space: The dimensions, by name.
        trials: How many trials at most.
        seconds: After how many seconds no new trial begins; None for no such end.
        greater_is_better: Whether a greater score is a better one.
        seed: Of the values that are chosen.
        first: Values to try before any is chosen: one for each dimension.
    """

    space: Mapping[str, Dimension | Branches]
    trials: int
    seconds: float | None = None
    greater_is_better: bool = False
    seed: int = 0
    first: tuple[Values, ...] = ()

    def better(self, score: float, than: float) -> bool:
        """Whether a score is better than another; every number is better than NaN."""
        if math.isnan(than) or math.isnan(score):
            return not math.isnan(score)
        return score > than if self.greater_is_better else score < than


def check_installed() -> None:
    """Refuse to search where the library for it is missing.

    Raises:
        PluginError: It is not installed.
    """
    from importlib.util import find_spec

    if find_spec("optuna") is None:
        raise PluginError(
            "the search of attributes wants Optuna, which is not installed",
            hint="pip install 'sqlflow-dagster[search]'",
        )


def run_search(
    search: Search,
    score: Callable[[Values], float],
    *,
    told: Callable[[Trial], None] = lambda trial: None,
) -> tuple[Trial, ...]:
    """Try values one after the other; each choice learns from the trials before it.

    Args:
        search: What to try.
        score: Trains with some values and judges. A ``TerminalError`` of it fails that trial only.
        told: Called after each trial.

    Returns:
        All trials in their order; at least one has not failed.

    Raises:
        TerminalError: Every trial failed.
        PluginError: Optuna is not installed.
    """
    check_installed()
    import optuna

    trials: list[Trial] = []

    def objective(proposal: "optuna.Trial") -> float:
        values = _suggested(proposal, search.space)
        start, found, failure = time.monotonic(), math.nan, None
        try:
            found = score(values)
        except TerminalError as error:
            errors.append(error)
            failure = error.message
        seconds = time.monotonic() - start
        trial = Trial(values=values, score=found, failure=failure, seconds=seconds)
        trials.append(trial)
        told(trial)
        return trial.score

    errors: list[TerminalError] = []
    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        study = optuna.create_study(
            sampler=optuna.samplers.TPESampler(seed=search.seed),
            direction="maximize" if search.greater_is_better else "minimize",
        )
        for values in search.first:
            study.enqueue_trial(_parameters(search.space, values))
        study.optimize(objective, n_trials=search.trials, timeout=search.seconds)
    finally:
        optuna.logging.set_verbosity(level)
    if errors and len(errors) == len(trials):
        raise errors[0]
    if all(math.isnan(trial.score) for trial in trials):
        raise TerminalError("no trial of the search has a score: the metric is not defined here")
    return tuple(trials)


def best_trial(search: Search, trials: Sequence[Trial]) -> Trial:
    """The trial with the best score, the first of equal ones."""
    best = trials[0]
    for trial in trials[1:]:
        if search.better(trial.score, best.score):
            best = trial
    return best


# A choice is suggested by its place: Optuna warns of choices that are lists.


def _suggested(
    proposal: "optuna.Trial", space: Mapping[str, Dimension | Branches], prefix: str = ""
) -> dict[str, Value]:
    """A value for each dimension."""
    values: dict[str, Value] = {}
    for name, dimension in space.items():
        match dimension:
            case Range(low=int(low), high=int(high), logarithmic=log):
                values[name] = proposal.suggest_int(prefix + name, low, high, log=log)
            case Range(low=low, high=high, logarithmic=log):
                values[name] = proposal.suggest_float(prefix + name, low, high, log=log)
            case Choices(values=choices):
                place = proposal.suggest_categorical(prefix + name, range(len(choices)))
                values[name] = choices[place]
            case Branches(spaces=spaces):
                branch = list(spaces)[
                    proposal.suggest_categorical(prefix + name, range(len(spaces)))
                ]
                values |= {name: branch, **_suggested(proposal, spaces[branch], f"{branch}.")}
            case _:
                assert_never(dimension)
    return values


def _parameters(
    space: Mapping[str, Dimension | Branches], values: Values, prefix: str = ""
) -> dict[str, Any]:
    """Values as Optuna knows them."""
    found: dict[str, Any] = {}
    for name, dimension in space.items():
        value = values[name]
        match dimension:
            case Range():
                found[prefix + name] = value
            case Choices(values=choices):
                found[prefix + name] = choices.index(value)
            case Branches(spaces=spaces):
                branch = str(value)
                found[prefix + name] = list(spaces).index(branch)
                found |= _parameters(spaces[branch], values, f"{branch}.")
            case _:
                assert_never(dimension)
    return found
