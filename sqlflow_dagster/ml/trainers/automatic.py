"""``AutoClassifier`` and ``AutoRegressor``: whichever of some estimators is best on the rows.

The spaces that are searched are small, and begin where the libraries' own defaults, or those of
their documentation, make fair models of small tables: few trials must do.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from importlib.util import find_spec

from sqlflow_dagster.errors import TerminalError
from sqlflow_dagster.lang.statements import Attribute
from sqlflow_dagster.ml.attributes import Declaration, find, read, value_span
from sqlflow_dagster.ml.base import Candidate, Plan, Selection, TrainedModel, TrainRequest
from sqlflow_dagster.ml.estimators import find_trainer
from sqlflow_dagster.ml.features.spec import Layout
from sqlflow_dagster.ml.search import Choices, Range, Values, check_installed
from sqlflow_dagster.ml.search_attributes import attributes_of
from sqlflow_dagster.ml.tasks import LabelType, Task
from sqlflow_dagster.source import Span

DEFAULT_SECONDS = 600.0
"""After how long nothing more is tried."""

_DECLARATIONS = (
    Declaration(name="model.estimators", kind="any"),
    Declaration(name="model.n_classes", kind="int", minimum=2),
    Declaration(name="train.seconds", kind="float", default=DEFAULT_SECONDS, minimum=1.0),
)
_CLASS_COUNTS = ("model.n_classes", "n_classes", "n_class", "num_class")
_ALIASES = dict.fromkeys(_CLASS_COUNTS[1:], "model.n_classes")
_OTHER_NAMES = {"gbtree": "xgb", "gbdt": "lgbm"}

_RATE = Range(low=0.02, high=0.3, logarithmic=True)
_SHARE = Range(low=0.5, high=1.0)
_EARLY: Values = {"train.num_boost_round": 300, "train.early_stopping_rounds": 20}
_PENALTY = Range(low=0.001, high=100.0, logarithmic=True)


def _candidates(task: Task) -> tuple[Candidate, ...]:
    """What is tried, the most different first: a search of few trials gets no further."""
    classifies = task is Task.CLASSIFICATION
    ending = "Classifier" if classifies else "Regressor"
    forest = _forest(f"RandomForest{ending}", share="sqrt" if classifies else 1.0)
    return (
        _xgboost(f"XGB{ending}"),
        _LOGISTIC if classifies else _RIDGE,
        forest,
        _lightgbm(f"LGBM{ending}"),
        _histograms(f"HistGradientBoosting{ending}"),
        replace(forest, estimator=f"ExtraTrees{ending}"),
        _network(f"DNN{ending}"),
    )


_LOGISTIC = Candidate(
    estimator="LogisticRegression",
    fixed={"max_iter": 1000},
    space={"C": _PENALTY},
    start={"C": 1.0},
)
_RIDGE = Candidate(estimator="Ridge", space={"alpha": _PENALTY}, start={"alpha": 1.0})


def _forest(estimator: str, *, share: str | float) -> Candidate:
    return Candidate(
        estimator=estimator,
        fixed={"n_estimators": 200},
        space={
            "max_features": Choices(values=("sqrt", 0.5, 1.0)),
            "min_samples_leaf": Range(low=1, high=10),
        },
        start={"max_features": share, "min_samples_leaf": 1},
    )


def _xgboost(estimator: str) -> Candidate:
    return Candidate(
        estimator=estimator,
        fixed=_EARLY,
        space={
            "learning_rate": _RATE,
            "max_depth": Range(low=2, high=8),
            "min_child_weight": Range(low=1.0, high=20.0, logarithmic=True),
            "subsample": _SHARE,
            "colsample_bytree": _SHARE,
            "reg_lambda": Range(low=0.01, high=10.0, logarithmic=True),
        },
        start={
            "learning_rate": 0.1,
            "max_depth": 4,
            "min_child_weight": 1.0,
            "subsample": 1.0,
            "colsample_bytree": 1.0,
            "reg_lambda": 1.0,
        },
    )


def _lightgbm(estimator: str) -> Candidate:
    return Candidate(
        estimator=estimator,
        fixed=_EARLY,
        space={
            "learning_rate": _RATE,
            "num_leaves": Range(low=4, high=63),
            "min_child_samples": Range(low=5, high=50),
            "colsample_bytree": _SHARE,
            "reg_lambda": Range(low=0.001, high=10.0, logarithmic=True),
        },
        start={
            "learning_rate": 0.1,
            "num_leaves": 31,
            "min_child_samples": 20,
            "colsample_bytree": 1.0,
            "reg_lambda": 0.001,
        },
    )


def _histograms(estimator: str) -> Candidate:
    return Candidate(
        estimator=estimator,
        space={
            "learning_rate": _RATE,
            "max_iter": Range(low=50, high=300),
            "max_leaf_nodes": Range(low=4, high=63),
            "min_samples_leaf": Range(low=5, high=50),
        },
        start={
            "learning_rate": 0.1,
            "max_iter": 100,
            "max_leaf_nodes": 31,
            "min_samples_leaf": 20,
        },
    )


def _network(estimator: str) -> Candidate:
    return Candidate(
        estimator=estimator,
        fixed={"train.epoch": 50, "train.early_stopping_rounds": 5},
        space={
            "model.hidden_units": Choices(values=((32,), (64, 32), (128, 64))),
            "model.dropout": Range(low=0.0, high=0.5),
            "optimizer.learning_rate": Range(low=0.0005, high=0.02, logarithmic=True),
        },
        start={
            "model.hidden_units": (64, 32),
            "model.dropout": 0.0,
            "optimizer.learning_rate": 0.003,
        },
    )


_LIBRARIES: Mapping[str, tuple[str, ...]] = {"LGBM": ("lightgbm",), "DNN": ("torch", "safetensors")}
"""What the estimators whose names begin so want beside what is always there."""


class AutomaticTrainer:
    """Says what is tried; the trainers of the candidates do the rest."""

    def plan(
        self, estimator: str, attributes: tuple[Attribute, ...], label_type: LabelType | None
    ) -> Plan:
        """Check the attributes, and that each estimator they name does what is wanted."""
        check_installed()
        values = read(attributes, _DECLARATIONS, estimator=estimator, aliases=_ALIASES)
        classifies = estimator.rpartition(".")[2].lower() == "autoclassifier"
        task = Task.CLASSIFICATION if classifies else Task.REGRESSION
        count = find(attributes, *_CLASS_COUNTS)
        if count is not None and not classifies:
            raise TerminalError(
                f"{count.name} is for classes, but {estimator} predicts numbers",
                count.span,
                "leave it out",
            )
        named = find(attributes, "model.estimators", "estimators")
        candidates = (
            tuple(_installed(task))
            if named is None
            else tuple(_named(named, task, estimator, label_type))
        )
        return Plan(
            task=task,
            layout=Layout.TREES,
            class_count=count,
            selection=Selection(candidates=candidates, seconds=values["train.seconds"]),
        )

    def train(self, request: TrainRequest) -> TrainedModel:
        """Refused: what is trained is a candidate."""
        raise _no_model(request.estimator)

    def load(self, files: Mapping[str, bytes], *, threads: int = 1) -> TrainedModel:
        """Refused: a model is that of the estimator that was chosen, and says so."""
        raise _no_model("an estimator that chooses among others")


def _no_model(estimator: str) -> TerminalError:
    return TerminalError(f"{estimator} has no models of its own")


def _installed(task: Task) -> Iterator[Candidate]:
    for candidate in _candidates(task):
        wanted = (
            names for start, names in _LIBRARIES.items() if candidate.estimator.startswith(start)
        )
        if all(find_spec(name) is not None for name in next(wanted, ())):
            yield candidate


def _named(
    item: Attribute, task: Task, estimator: str, label_type: LabelType | None
) -> Iterator[Candidate]:
    """The candidates that ``model.estimators`` names.

    An estimator that is none of those usually tried is tried once, as it comes.
    """
    names = item.value if isinstance(item.value, tuple) else (item.value,)
    span = value_span(item)
    if not names or not all(isinstance(name, str) for name in names):
        raise TerminalError(
            f"{item.name} wants names of estimators, but got {repr(item.value) if names else 'none'}",
            span,
            "such as [XGBClassifier, LogisticRegression]",
        )
    known = {_short(candidate.estimator): candidate for candidate in _candidates(task)}
    other_ending = "regressor" if task is Task.CLASSIFICATION else "classifier"
    found: dict[str, Candidate] = {}
    for name in map(str, names):
        candidate = known.get(_short(name))
        if candidate is None or name.lower().endswith(other_ending):
            candidate = Candidate(estimator=name)
        _check(candidate, task, estimator, label_type, span)
        found[candidate.estimator.lower()] = candidate
    yield from found.values()


def _short(name: str) -> str:
    """A name without its family, ``xgb`` for ``xgboost.XGBClassifier`` and ``xgboost.gbtree``."""
    short = name.lower().rpartition(".")[2]
    short = short.removesuffix("classifier").removesuffix("regressor")
    return _OTHER_NAMES.get(short, short)


def _check(
    candidate: Candidate,
    task: Task,
    estimator: str,
    label_type: LabelType | None,
    span: Span | None,
) -> None:
    trainer = find_trainer(candidate.estimator, span)
    plan = trainer.plan(candidate.estimator, attributes_of(candidate.fixed), label_type)
    if plan.task is not task or plan.selection is not None:
        does = "chooses among others" if plan.selection is not None else f"does {plan.task}"
        raise TerminalError(
            f"{estimator} wants estimators that do {task}, but {candidate.estimator} {does}", span
        )


trainer = AutomaticTrainer()
