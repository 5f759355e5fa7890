"""LightGBM's parameters, checked by the installed library.

The library tells the names and aliases of its parameters; their values it checks when a booster is
made of a few numbers.
"""

import json
import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlflow_dagster.errors import PluginError, TerminalError
from sqlflow_dagster.lang.statements import Attribute
from sqlflow_dagster.ml.attributes import (
    Declaration,
    declared_name,
    read,
    unknown_attribute,
    value_span,
)
from sqlflow_dagster.ml.tasks import LabelType, Task
from sqlflow_dagster.ml.trainers.lightgbm_names import BOOSTINGS, named_boosting, own_name
from sqlflow_dagster.source import Span

if TYPE_CHECKING:
    from types import ModuleType

DECLARATIONS = (
    Declaration(name="train.num_boost_round", kind="int", default=100, minimum=1),
    Declaration(name="train.early_stopping_rounds", kind="int", minimum=1),
)
_ALIASES = {
    "train.patience": "train.early_stopping_rounds",
    "patience": "train.early_stopping_rounds",
}
# How its command line reads and writes files and talks to other machines, and what says the same as
# clauses of a statement; also what is fixed here.
_NOT_OF_MODELS = frozenset(
    [
        "categorical_feature",
        "config",
        "convert_model",
        "convert_model_language",
        "data",
        "deterministic",
        "force_col_wise",
        "force_row_wise",
        "forcedbins_filename",
        "forcedsplits_filename",
        "group_column",
        "header",
        "ignore_column",
        "input_model",
        "is_provide_training_metric",
        "label_column",
        "local_listen_port",
        "machine_list_filename",
        "machines",
        "metric_freq",
        "num_iteration_predict",
        "num_machines",
        "output_model",
        "output_result",
        "parser_config_file",
        "pre_partition",
        "precise_float_parser",
        "pred_early_stop",
        "pred_early_stop_freq",
        "pred_early_stop_margin",
        "predict_contrib",
        "predict_disable_shape_check",
        "predict_leaf_index",
        "predict_raw_score",
        "refit_decay_rate",
        "save_binary",
        "saved_feature_importance_type",
        "snapshot_freq",
        "start_iteration_predict",
        "task",
        "time_out",
        "tree_learner",
        "two_round",
        "valid",
        "verbosity",
        "weight_column",
    ]
)
_WITHOUT_EFFECT = ("importance_type", "silent", "verbose", "verbosity")
# What the library calls its rounds, threads and random choices.
_ROUNDS, _PATIENCE = "num_iterations", "early_stopping_round"
# Random forests draw rows; the library has no default for how many.
_OF_FORESTS = {"bagging_freq": 1, "bagging_fraction": 0.632}
_OF_SLOTS = (
    "monotone_constraints",
    "interaction_constraints",
    "feature_contri",
    "max_bin_by_feature",
)
_PLACE = re.compile(r" at \S+, line \d+ \.\s*$")
_CLASSES = ("binary", "multiclass", "softmax", "multiclassova", "multiclass_ova", "ova", "ovr")
_RANKS = ("lambdarank", "rank_xendcg", "xendcg", "xe_ndcg", "xe_ndcg_mart", "xendcg_mart")
_TASKS = {
    "lgbmclassifier": Task.CLASSIFICATION,
    "lgbmranker": Task.RANKING,
    "lgbmregressor": Task.REGRESSION,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a statement tells LightGBM.

    Attributes:
        estimator: As the user spelt it.
        rounds: How many rounds to boost.
        patience: Rounds without a better validation metric before training stops; None to go on.
        values: Parameters by the library's main names, JSON values.
        attributes: Where they were given, by the same names.
    """

    estimator: str
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
        return value_span(self.attributes.get("objective"))

    @property
    def class_count(self) -> Attribute | None:
        """The attribute that says how many classes there are."""
        return self.attributes.get("num_class")


def library(estimator: str) -> "ModuleType":
    """LightGBM, which tells its messages to a logger called ``lightgbm``.

    Raises:
        PluginError: It is not installed.
    """
    try:
        import lightgbm
    except ImportError as error:
        raise PluginError(
            f"{estimator} needs LightGBM, which is not installed: {error}",
            hint="pip install 'sqlflow-dagster[lightgbm]'",
        ) from error
    logger = logging.getLogger("lightgbm")
    # Its errors are ours to tell.
    logger.setLevel(logging.ERROR)
    lightgbm.register_logger(logger)
    return lightgbm


def read_settings(estimator: str, attributes: Sequence[Attribute]) -> Settings:
    """Sort a statement's attributes.

    Raises:
        TerminalError: An attribute is unknown, given twice, or contradicts the estimator's name.
        PluginError: LightGBM is not installed.
    """
    known = _main_names(estimator)
    of_loop, given = [], {}
    for attribute in attributes:
        folded = attribute.name.lower().removeprefix("model.")
        name = known.get(folded, folded)
        declared = {_ROUNDS: "train.num_boost_round", _PATIENCE: "train.early_stopping_rounds"}
        if name in declared or declared_name(attribute.name, DECLARATIONS, _ALIASES):
            full = declared.get(name, attribute.name)
            of_loop.append(
                Attribute(name=full, expression=attribute.expression, span=attribute.span)
            )
        elif folded not in _WITHOUT_EFFECT:
            if folded not in known or name in _NOT_OF_MODELS:
                names = {*known, *(item.name for item in DECLARATIONS)}
                raise _unknown(
                    attribute,
                    estimator,
                    {n for n in names if known.get(n, n) not in _NOT_OF_MODELS},
                )
            if name in given:
                raise TerminalError(
                    f"attribute {name} is given twice", attribute.span, "keep one of them"
                )
            given[name] = attribute
    loop = read(of_loop, DECLARATIONS, estimator=estimator, aliases=_ALIASES)
    values = {name: _json_value(item.value) for name, item in given.items()}
    values |= {"boosting": _boosting(given, estimator)}
    if values["boosting"] == "rf":
        values = {**_OF_FORESTS, **values}
    return Settings(
        estimator=estimator,
        rounds=loop["train.num_boost_round"],
        patience=loop["train.early_stopping_rounds"],
        values=values,
        attributes=given,
    )


def task_of(settings: Settings, label_type: LabelType | None) -> Task:
    """What the model does: said by the estimator's name, the objective, or the label.

    Raises:
        TerminalError: Name and objective contradict each other.
    """
    named, objective = _named_task(settings.estimator), settings.objective
    if objective is None:
        classes = settings.class_count is not None or label_type in ("string", "bool")
        return named or (Task.CLASSIFICATION if classes else Task.REGRESSION)
    task = Task.REGRESSION
    if objective in _CLASSES:
        task = Task.CLASSIFICATION
    elif objective in _RANKS:
        task = Task.RANKING
    if named not in (None, task):
        raise TerminalError(
            f"{settings.estimator} does {named}, but objective {objective} is for {task}",
            settings.objective_span,
            "leave the objective out, or use another estimator",
        )
    return task


def check_values(settings: Settings, task: Task) -> None:
    """Let the library judge the values.

    Raises:
        TerminalError: It refuses one, with its place.
    """
    fixed: dict[str, Any] = {"objective": settings.objective or "regression"}
    if task is Task.CLASSIFICATION and settings.objective not in (None, "binary"):
        fixed["num_class"] = settings.values.get("num_class", 2)
    values = {n: item for n, item in settings.values.items() if n not in (*_OF_SLOTS, "num_class")}
    problem = _problem({**values, **fixed})
    if problem is None:
        return
    for name, attribute in settings.attributes.items():
        cause = (
            _problem({"boosting": "gbdt", **fixed, name: values[name]}) if name in values else None
        )
        if cause is not None:
            raise TerminalError(f"LightGBM refuses: {cause}", value_span(attribute))
    raise TerminalError(f"LightGBM refuses: {problem}")


def library_message(error: Exception) -> str:
    """What LightGBM says, without the place in its own source."""
    return _PLACE.sub("", str(error).strip().splitlines()[0] if str(error).strip() else "no reason")


def _problem(parameters: Mapping[str, Any]) -> str | None:
    import lightgbm
    import numpy as np

    numbers = np.arange(40.0).reshape(-1, 1)
    given = {"verbosity": -1, "num_threads": 1, **parameters}
    data = lightgbm.Dataset(numbers, (numbers[:, 0] > 20).astype(float), group=[40], params=given)
    try:
        lightgbm.Booster(given, data)
    except (lightgbm.basic.LightGBMError, TypeError, ValueError) as error:
        return library_message(error)
    return None


def _boosting(given: Mapping[str, Attribute], estimator: str) -> str:
    named, attribute = named_boosting(estimator), given.get("boosting")
    if attribute is None:
        return named or "gbdt"
    if named is not None and attribute.value != named:
        raise TerminalError(
            f"{estimator} says which boosting is meant, but {attribute.name} is {attribute.value!r}",
            attribute.span,
            f"leave it out, or write TO TRAIN lightgbm.{attribute.value}",
        )
    if attribute.value not in (*BOOSTINGS, "gbrt", "random_forest"):
        raise TerminalError(
            f"{attribute.name} has no choice {attribute.value!r}",
            value_span(attribute),
            f"known: {', '.join(BOOSTINGS)}",
        )
    return str(attribute.value)


def _main_names(estimator: str) -> dict[str, str]:
    """The library's main name of each name that it knows."""
    library(estimator)
    return {**_aliases(), "n_class": "num_class", "n_classes": "num_class"}


@cache
def _aliases() -> dict[str, str]:
    # Its own Python package has no public way to ask for this.
    from lightgbm.basic import _ConfigAliases

    found: dict[str, str] = {}
    for main, others in _ConfigAliases._get_all_param_aliases().items():
        found |= dict.fromkeys([main, *others], main)
    return found


def _unknown(attribute: Attribute, estimator: str, known: set[str]) -> TerminalError:
    return unknown_attribute(attribute, estimator, known)


def _json_value(value: Any) -> Any:
    return json.loads(json.dumps(value))


def _named_task(estimator: str) -> Task | None:
    """What an estimator's name says that it does; None where objective and label say."""
    return _TASKS.get(own_name(estimator))
