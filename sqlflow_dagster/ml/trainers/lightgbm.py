"""LightGBM: ``LGBMClassifier``, ``LGBMRegressor``, ``LGBMRanker``, ``lightgbm.gbdt`` and its like.

Category columns reach trees as codes, by LightGBM's own categorical splits. Sums are made in a fixed
order, so that the same seed gives the same trees.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from sqlflow_dagster.errors import TerminalError
from sqlflow_dagster.lang.statements import Attribute
from sqlflow_dagster.ml.base import Contributions, Dataset, Method, Plan, TrainedModel, TrainRequest
from sqlflow_dagster.ml.features.spec import EncodedTable, Layout
from sqlflow_dagster.ml.tasks import FloatArray, LabelType, Task
from sqlflow_dagster.ml.trainers.lightgbm_parameters import (
    Settings,
    check_values,
    library,
    library_message,
    read_settings,
    task_of,
)

if TYPE_CHECKING:
    import lightgbm as lgb
    import onnx

_MODEL = "model.txt"
_INFO = "training.json"
_FIXED = {"verbosity": -1, "deterministic": True, "force_row_wise": True}


@dataclass(frozen=True, slots=True, kw_only=True)
class LightGBMModel:
    """A booster and how it came about.

    Attributes:
        booster: The model.
        task: What it does.
        library: LightGBM's version at training.
        parameters: As given, with those that were derived.
        history: Evaluation metrics by data set and name, a value per round.
        threads: How many threads a prediction may use.
        best_rounds: See :class:`~sqlflow_dagster.ml.base.StopsEarly`; not stored.
    """

    booster: "lgb.Booster"
    task: Task
    library: Mapping[str, str]
    parameters: Mapping[str, Any]
    history: Mapping[str, list[float]]
    threads: int
    best_rounds: int | None = None

    def predict(self, features: EncodedTable) -> FloatArray:
        """Class probabilities, amounts, or scores of a ranking."""
        found = np.asarray(self._predict(features), dtype=np.float64)
        if self.task is not Task.CLASSIFICATION:
            return found
        if found.ndim == 1:
            return np.stack([1 - found, found], axis=1)
        # One against the rest: what each booster says of its class need not add up.
        return np.asarray(found / found.sum(axis=1, keepdims=True))

    def contributions(self, features: EncodedTable) -> Contributions:
        """SHAP values of the trees."""
        found = np.asarray(self._predict(features, pred_contrib=True))
        found = found.reshape(len(features), -1, len(features.slots) + 1)
        values, base_values = found[:, :, :-1], found[:, :, -1]
        return Contributions(values=values, base_values=base_values, method=Method.TREES)

    def splits(self) -> Mapping[str, FloatArray]:
        """See :class:`~sqlflow_dagster.ml.explanation.splits.HasSplits`."""
        kinds = {"fscore": "split", "total_gain": "gain"}
        return {
            name: np.asarray(self.booster.feature_importance(kind), dtype=np.float64)
            for name, kind in kinds.items()
        }

    def _predict(self, features: EncodedTable, **options: Any) -> Any:
        return self.booster.predict(features.matrix, num_threads=self.threads, **options)

    def to_onnx(self, slots: int) -> "onnx.ModelProto":
        """The booster as an ONNX graph."""
        from sqlflow_dagster.ml.trainers.lightgbm_onnx import booster_graph

        return booster_graph(self.booster, slots)

    def files(self) -> dict[str, bytes]:
        """The booster as LightGBM's own text, the rest as JSON."""
        info = {
            "task": self.task,
            "library": dict(self.library),
            "parameters": dict(self.parameters),
            "history": dict(self.history),
        }
        return {
            _MODEL: self.booster.model_to_string().encode(),
            _INFO: json.dumps(info).encode(),
        }


class LightGBMTrainer:
    """Trains and loads boosters."""

    def plan(
        self, estimator: str, attributes: tuple[Attribute, ...], label_type: LabelType | None
    ) -> Plan:
        """Let the library itself check every parameter; name, objective or label say the task."""
        settings = read_settings(estimator, attributes)
        task = task_of(settings, label_type)
        check_values(settings, task)
        count = settings.class_count
        if count is not None and task is not Task.CLASSIFICATION:
            raise TerminalError(
                f"num_class is for classes, but {estimator} does {task} here",
                count.span,
                "leave it out, or write objective=multiclass",
            )
        # The trees of a forest do not build on each other, so there is nothing to go on from.
        forest = settings.values["boosting"] == "rf"
        return Plan(task=task, layout=Layout.TREES, class_count=count, goes_on=not forest)

    def train(self, request: TrainRequest) -> TrainedModel:
        """Boost for ``train.num_boost_round`` rounds, or until the validation metric stalls."""
        lightgbm = library(request.estimator)
        settings = _settings(request)
        parameters = _parameters(settings, request)
        in_force = {**parameters, **_FIXED}
        training = _dataset(request.training, in_force)
        sets = {"train": training}
        if request.validation is not None:
            sets["validate"] = _dataset(request.validation, in_force, training)
        history: dict[str, dict[str, list[float]]] = {}
        try:
            booster = lightgbm.train(
                in_force,
                training,
                settings.rounds,
                valid_sets=list(sets.values()),
                valid_names=list(sets),
                init_model=_base_booster(request),
                callbacks=_callbacks(settings, request, history),
            )
        except (lightgbm.basic.LightGBMError, ValueError) as error:
            raise TerminalError(
                f"LightGBM refuses: {library_message(error)}", settings.objective_span
            ) from error
        return LightGBMModel(
            booster=booster,
            task=request.label.task,
            library={"lightgbm": lightgbm.__version__},
            parameters={**parameters, "num_iterations": settings.rounds},
            history={
                f"{name}-{metric}": [float(value) for value in values]
                for name, metrics in history.items()
                for metric, values in metrics.items()
            },
            threads=request.threads,
            best_rounds=_best_rounds(settings, request, booster),
        )

    def load(self, files: Mapping[str, bytes], *, threads: int = 1) -> TrainedModel:
        """A booster from its text, which is data only."""
        lightgbm = library("this model")
        try:
            info = json.loads(files[_INFO])
            booster = lightgbm.Booster(
                params={"verbosity": -1}, model_str=files[_MODEL].decode("utf-8")
            )
            return LightGBMModel(
                booster=booster,
                threads=threads,
                **{**info, "task": Task(info["task"])},
            )
        except (KeyError, TypeError, ValueError, lightgbm.basic.LightGBMError) as error:
            raise TerminalError(
                f"the files are no LightGBM model: {library_message(error)}"
            ) from error


def _settings(request: TrainRequest) -> Settings:
    """What the statement says, as far as the request lets it."""
    settings = read_settings(request.estimator, request.attributes)
    return replace(
        settings,
        rounds=request.rounds or settings.rounds,
        patience=None if request.validation is None else settings.patience,
    )


def _best_rounds(settings: Settings, request: TrainRequest, booster: "lgb.Booster") -> int | None:
    # 0 of boosters that never stop early, such as dart.
    if settings.patience is None or not booster.best_iteration:
        return None
    base = _base_booster(request)
    return booster.best_iteration - (0 if base is None else base.current_iteration())


def _parameters(settings: Settings, request: TrainRequest) -> dict[str, Any]:
    """The parameters in force: as given, completed from the data and the request."""
    label = request.label
    defaults: dict[str, Any] = {"seed": request.seed, "num_threads": request.threads}
    parameters = defaults | dict(settings.values)
    classes = len(label.classes)
    match label.task:
        case Task.CLASSIFICATION if settings.objective is None:
            parameters["objective"] = "binary" if classes == 2 else "multiclass"
        case Task.RANKING if settings.objective is None:
            parameters["objective"] = "lambdarank"
        case _ if settings.objective is None:
            parameters["objective"] = "regression"
    parameters.pop("num_class", None)
    if label.task is not Task.CLASSIFICATION:
        return parameters
    if parameters["objective"] != "binary":
        parameters["num_class"] = classes
    elif classes != 2:
        raise TerminalError(
            f"objective binary wants two classes, but label {label.name!r} has {classes}",
            settings.objective_span,
            "write objective=multiclass",
        )
    return parameters


def _dataset(
    rows: Dataset, parameters: Mapping[str, Any], reference: "lgb.Dataset | None" = None
) -> "lgb.Dataset":
    import lightgbm as lgb

    groups = None
    if rows.groups is not None:
        starts = np.flatnonzero(np.diff(rows.groups, prepend=rows.groups[0] - 1))
        groups = np.diff(starts, append=len(rows.groups))
    codes = [index for index, slot in enumerate(rows.features.slots) if slot.category_code]
    return lgb.Dataset(
        rows.features.matrix,
        rows.labels,
        weight=rows.weights,
        group=groups,
        reference=reference,
        categorical_feature=codes,
        params=dict(parameters),
    )


def _base_booster(request: TrainRequest) -> "lgb.Booster | None":
    match request.base:
        case None:
            return None
        case LightGBMModel(booster=booster):
            return booster
        case other:
            raise TerminalError(
                f"{request.estimator} cannot go on from a model of {', '.join(other.library)}"
            )


def _callbacks(
    settings: Settings, request: TrainRequest, history: dict[str, dict[str, list[float]]]
) -> list[Any]:
    import lightgbm as lgb

    def report(state: Any) -> None:
        """Tell the request's progress callback about a round."""
        found = state.evaluation_result_list or ()
        note = " ".join(f"{item[0]}-{item[1]} {item[2]:.6g}" for item in found)
        done = state.iteration - state.begin_iteration + 1
        request.progress(done, settings.rounds, note)

    callbacks: list[Any] = [report, lgb.record_evaluation(history)]
    if settings.patience is not None:
        callbacks.append(lgb.early_stopping(settings.patience, verbose=False))
    return callbacks


trainer = LightGBMTrainer()
