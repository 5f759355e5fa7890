"""XGBoost's parameters, checked by the installed library.

No list of parameters is kept here: a booster is configured without data, and the library says which
parameters it does not use and which values it refuses.
"""

import json
import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlflow_dagster.errors import TerminalError, did_you_mean
from sqlflow_dagster.lang.statements import Attribute
from sqlflow_dagster.ml.attributes import (
    Declaration,
    declared_name,
    read,
    unknown_attribute,
    value_span,
)
from sqlflow_dagster.ml.tasks import Task
from sqlflow_dagster.ml.trainers.boosted_trees import is_boosted_trees, translated
from sqlflow_dagster.ml.trainers.xgboost_variants import Variant, variant
from sqlflow_dagster.source import Span

DECLARATIONS = (
    Declaration(name="train.num_boost_round", kind="int", minimum=1),
    Declaration(name="train.early_stopping_rounds", kind="int", minimum=1),
)
_ALIASES = {
    "n_estimators": "train.num_boost_round",
    "model.n_estimators": "train.num_boost_round",
    "train.patience": "train.early_stopping_rounds",
    "patience": "train.early_stopping_rounds",
}
# What other estimators call XGBoost's own parameters.
_OWN_ALIASES = {"n_class": "num_class", "n_classes": "num_class"}
_PREFIXES = ("model.", "xgboost.")
# Arguments of the library's classes that say how they are used, not what model they make.
_WITHOUT_EFFECT = ("enable_categorical", "importance_type", "silent", "verbose")
# These name slots, and the check is made before there are any.
_OF_SLOTS = ("monotone_constraints", "interaction_constraints")
_BOOSTERS = ("gbtree", "gblinear", "dart")
# Two names that the library has for one parameter.
_SAME = {"eta": "learning_rate", "lambda": "reg_lambda", "alpha": "reg_alpha"}
_UNUSED = re.compile(r"Parameters: \{(.*?)\} are not used", re.DOTALL)
_ORIGIN = re.compile(r"^\[[\d:]+\] \S+:\d+: ")
_CANDIDATE = re.compile(r"Objective candidate: (\S+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a statement tells XGBoost.

    Attributes:
        estimator: As the user spelt it.
        task: What the estimator's name says that it does; None where objective and label say.
        booster: ``gbtree``, ``gblinear`` or ``dart``.
        missing: The number that stands for a missing one, beside NULL.
        rounds: How many rounds to boost.
        patience: Rounds without a better validation metric before training stops; None to go on.
        values: XGBoost's own parameters by its names, JSON values.
        attributes: Where they were given, by the same names.
    """

    estimator: str
    task: Task | None
    booster: str
    missing: float | None
    rounds: int
    patience: int | None
    values: Mapping[str, Any]
    attributes: Mapping[str, Attribute]

    @property
    def objective(self) -> str | None:
        """The objective given."""
        return self.values.get("objective")

    @property
    def objective_span(self) -> Span | None:
        """Where the objective was given."""
        return value_span(self.attribute("objective"))

    def attribute(self, name: str) -> Attribute | None:
        """The attribute that gives one of XGBoost's own parameters."""
        return self.attributes.get(name)


def read_settings(estimator: str, attributes: Sequence[Attribute]) -> Settings:
    """Sort a statement's attributes.

    Raises:
        TerminalError: An attribute is given twice, has a wrong value, or is not supported.
    """
    named = variant(estimator)
    if is_boosted_trees(estimator):
        attributes = translated(estimator, attributes)
    aliases = {**_ALIASES}
    if named.forest:
        aliases = {name: full for name, full in aliases.items() if "n_estimators" not in name}
    of_loop = [
        item
        for item in attributes
        if item.name.lower().startswith("train.") or declared_name(item.name, DECLARATIONS, aliases)
    ]
    loop = read(of_loop, DECLARATIONS, estimator=estimator, aliases=aliases)
    given = _own_parameters([item for item in attributes if item not in of_loop], named)
    missing = given.pop("missing", None)
    booster = _booster(given, named, estimator)
    objective = given.get("objective")
    if objective is not None and not isinstance(objective.value, str):
        raise TerminalError(
            f"objective wants a name, but its value is {objective.value!r}",
            value_span(objective),
            'such as "reg:squarederror" or "multi:softprob"',
        )
    patience = loop["train.early_stopping_rounds"]
    if patience is not None and booster == "gblinear":
        named_so = {item.name: declared_name(item.name, DECLARATIONS, aliases) for item in of_loop}
        span = next(i.span for i in of_loop if named_so[i.name] == "train.early_stopping_rounds")
        raise TerminalError("xgboost.gblinear cannot stop early: it keeps no earlier rounds", span)
    # The default updater of gblinear races threads against each other: no two models are the same.
    values: dict[str, Any] = {"updater": "coord_descent"} if booster == "gblinear" else {}
    values |= {name: _json_value(name, item.value) for name, item in given.items()}
    return Settings(
        estimator=estimator,
        task=named.task,
        booster=booster,
        missing=_missing(missing),
        rounds=loop["train.num_boost_round"] or named.rounds,
        patience=patience,
        values=_with_defaults(values, named),
        attributes=given,
    )


def check_parameters(settings: Settings, objectives: Sequence[str]) -> None:
    """Let the library judge the parameters.

    Args:
        settings: What the statement gives.
        objectives: What the objective may turn out to be; a parameter that one of them uses is
            allowed.

    Raises:
        TerminalError: A parameter is unknown, unused or has a value that the library refuses.
    """
    _refuse_unsupported(settings, objectives[0])
    values = {name: item for name, item in settings.values.items() if name not in _OF_SLOTS}
    unused: set[str] | None = None
    for objective in objectives:
        fixed = {"booster": settings.booster, "objective": objective}
        if objective.startswith("multi:"):
            fixed["num_class"] = values.get("num_class", 2)
        found = _judge(fixed, values, settings)
        unused = found if unused is None else unused & found
    for name in sorted((unused or set()) & settings.attributes.keys()):
        raise _unused_error(settings.attributes[name], name, settings, objectives[0])


def _refuse_unsupported(settings: Settings, objective: str) -> None:
    if objective == "survival:aft":
        raise TerminalError(
            "objective survival:aft is not supported: its label is the two ends of an interval",
            settings.objective_span,
            "survival:cox takes one time, which is negative where it was not reached",
        )
    for name in ("quantile_alpha", "expectile_alpha"):
        value = settings.values.get(name)
        if isinstance(value, list) and len(value) > 1:
            raise TerminalError(
                f"{name} with {len(value)} values is not supported: a model predicts one value",
                value_span(settings.attributes[name]),
                "train one model for each value",
            )


def library_error(error: Exception, span: Span | None) -> TerminalError:
    """The error for what XGBoost refuses."""
    return TerminalError(f"XGBoost refuses: {library_message(error)}", span)


def library_message(error: Exception) -> str:
    """What XGBoost says as one sentence, without its stack."""
    text = str(error).split("Stack trace", 1)[0]
    lines = [_ORIGIN.sub("", line).strip() for line in text.strip().splitlines()]
    return lines[0] if lines else "no reason given"


def _judge(fixed: Mapping[str, Any], values: Mapping[str, Any], settings: Settings) -> set[str]:
    """The parameters that the library does not use; raises for a value that it refuses."""
    import xgboost as xgb

    try:
        return _configure({**values, **fixed})[1]
    except xgb.core.XGBoostError as error:
        candidates = _CANDIDATE.findall(str(error))
        if candidates:
            objective = str(fixed["objective"])
            raise TerminalError(
                f"unknown objective {objective!r}",
                settings.objective_span,
                did_you_mean(objective, candidates) or f"known: {', '.join(sorted(candidates))}",
            ) from error
        for name, value in values.items():
            if name not in settings.attributes:
                continue
            try:
                _configure({name: value, **fixed})
            except xgb.core.XGBoostError as cause:
                raise library_error(cause, value_span(settings.attributes[name])) from error
        raise library_error(error, settings.objective_span) from error


def _configure(parameters: Mapping[str, Any]) -> tuple[dict[str, Any], set[str]]:
    """A booster's configuration with these parameters, and those that it does not use."""
    import numpy as np
    import xgboost as xgb

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        data = xgb.DMatrix(np.zeros((1, 1), dtype=np.float32), np.zeros(1), nthread=1)
        booster = xgb.Booster({**parameters, "validate_parameters": True}, [data])
        config: dict[str, Any] = json.loads(booster.save_config())
    texts = " ".join(match for item in caught for match in _UNUSED.findall(str(item.message)))
    return config, set(re.findall(r'"([^"]+)"', texts))


@cache
def _known_parameters() -> frozenset[str]:
    """Every parameter that some booster of the installed library uses."""
    names = {"eval_metric", "missing", "quantile_alpha", "verbosity"}
    objectives = (
        "binary:logistic",
        "reg:tweedie",
        "reg:pseudohubererror",
        "count:poisson",
        "rank:ndcg",
    )
    for booster, methods in (
        ("gbtree", ("hist", "approx", "exact")),
        ("dart", ("hist",)),
        ("gblinear", ("auto",)),
    ):
        for method in methods:
            for objective in objectives:
                config, _ = _configure(
                    {"booster": booster, "objective": objective, "tree_method": method}
                    if booster != "gblinear"
                    else {"booster": booster, "objective": objective}
                )
                names |= _leaves(config)
    return frozenset(names)


def _leaves(config: Any) -> set[str]:
    if isinstance(config, list):
        return {name for item in config for name in _leaves(item)}
    if not isinstance(config, dict):
        return set()
    found = {name for name, value in config.items() if isinstance(value, str)}
    return found | {name for value in config.values() for name in _leaves(value)}


def _unused_error(
    attribute: Attribute, name: str, settings: Settings, objective: str
) -> TerminalError:
    known = _known_parameters()
    if name in known:
        return TerminalError(
            f"{settings.estimator} with objective {objective} does not use parameter {name}",
            attribute.span,
            "leave it out",
        )
    near = did_you_mean(name, known | {item.name for item in DECLARATIONS})
    if near:
        return TerminalError(
            f"{settings.estimator} has no attribute {attribute.name!r}", attribute.span, near
        )
    return unknown_attribute(attribute, settings.estimator, known)


def _own_parameters(attributes: Sequence[Attribute], named: Variant) -> dict[str, Attribute]:
    given: dict[str, Attribute] = {}
    for attribute in attributes:
        name = _own_name(attribute.name)
        if name in _WITHOUT_EFFECT:
            continue
        if named.forest and name == "n_estimators":
            name = "num_parallel_tree"
        if name in given:
            raise TerminalError(
                f"attribute {name} is given twice", attribute.span, "keep one of them"
            )
        given[name] = attribute
    return given


def _own_name(name: str) -> str:
    folded = name.lower()
    prefix = next((item for item in _PREFIXES if folded.startswith(item)), "")
    own = folded[len(prefix) :]
    return _OWN_ALIASES.get(own, own)


def _booster(given: Mapping[str, Attribute], named: Variant, estimator: str) -> str:
    """The booster that the estimator's name or the attribute says."""
    attribute = given.get("booster")
    if attribute is None:
        return named.booster or "gbtree"
    if named.booster is not None and attribute.value != named.booster:
        raise TerminalError(
            f"{estimator} says which booster is meant, but booster is {attribute.value!r}",
            attribute.span,
            f"leave it out, or write TO TRAIN xgboost.{attribute.value}",
        )
    if attribute.value not in _BOOSTERS:
        raise TerminalError(
            f"booster has no choice {attribute.value!r}",
            value_span(attribute),
            f"known: {', '.join(_BOOSTERS)}",
        )
    return str(attribute.value)


def _missing(attribute: Attribute | None) -> float | None:
    if attribute is None:
        return None
    value = attribute.value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TerminalError(
            f"missing wants a number, but its value is {value!r}", value_span(attribute)
        )
    return float(value)


def _with_defaults(values: Mapping[str, Any], named: Variant) -> dict[str, Any]:
    """The values, and the defaults of the estimator that no name of the library's overrides."""
    given = {_SAME.get(name, name) for name in values}
    defaults = {n: item for n, item in named.defaults.items() if _SAME.get(n, n) not in given}
    return {**defaults, **values}


def _json_value(name: str, value: Any) -> Any:
    if name == "eval_metric" and isinstance(value, str):
        metrics = [item.strip() for item in value.split(",")]
        return metrics if len(metrics) > 1 else metrics[0]
    if isinstance(value, tuple):
        return [_json_value("", item) for item in value]
    return value
