"""scikit-learn: every estimator that can be trained on a table, by its own name.

Most get the scaled, one-hot layout; histogram trees and ``CategoricalNB`` get codes of categories and
missing values. Numbers of threads are those of the request: loops of the library run in threads, its
linear algebra and OpenMP are limited.
"""

import copy
import json
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sqlflow_dagster.errors import TerminalError
from sqlflow_dagster.lang.statements import Attribute
from sqlflow_dagster.ml.base import Contributions, Method, Plan, TrainedModel, TrainRequest
from sqlflow_dagster.ml.features.spec import EncodedTable
from sqlflow_dagster.ml.tasks import FloatArray, LabelType, Task
from sqlflow_dagster.ml.trainers import sklearn_storage
from sqlflow_dagster.ml.trainers.sklearn_answers import answers, linear_terms
from sqlflow_dagster.ml.trainers.sklearn_estimators import Chosen, choose, named_class
from sqlflow_dagster.ml.trainers.sklearn_inputs import Inputs, category_slots
from sqlflow_dagster.ml.trainers.sklearn_parameters import with_seed

if TYPE_CHECKING:
    import onnx

_MODEL = "model.skops"
_INFO = "training.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class SklearnModel:
    """A fitted estimator and how it came about.

    Attributes:
        name: The class name of one of scikit-learn's, the dotted name of the user's own.
        estimator: Fitted.
        task: What it does.
        width: How many classes, or amounts, it predicts; 0 where the task has none.
        inputs: How it wants its rows.
        means: Of each slot in training, where explanations of linear models start.
        library: scikit-learn's version at training.
        parameters: In force, as far as they are JSON values.
        history: Losses by iteration, of estimators that tell them.
        threads: How many threads a prediction may use.
    """

    name: str
    estimator: Any
    task: Task
    width: int
    inputs: Inputs
    means: tuple[float, ...]
    library: Mapping[str, str]
    parameters: Mapping[str, Any]
    history: Mapping[str, list[float]]
    threads: int

    def predict(self, features: EncodedTable) -> FloatArray:
        """What the task predicts; the library's own words where it refuses rows."""
        with _limited(self.threads):
            try:
                return answers(self.estimator, self.inputs.matrix(features), self.task, self.width)
            except (ValueError, IndexError) as error:
                raise TerminalError(f"{self.name} refuses the rows: {error}") from error

    def contributions(self, features: EncodedTable) -> Contributions | None:
        """SHAP values of trees, linear terms of linear models; None of others."""
        terms = linear_terms(self.estimator, len(features.slots))
        if terms is None:
            from sqlflow_dagster.ml.trainers.sklearn_trees import tree_contributions

            matrix = self.inputs.matrix(features)
            return tree_contributions(self.estimator, matrix)
        coefficients, intercepts = terms
        means = np.array(self.means)
        distances = self.inputs.matrix(features) - means
        return Contributions(
            values=distances[:, None, :] * coefficients[None, :, :],
            base_values=np.tile(coefficients @ means + intercepts, (len(features), 1)),
            method=Method.LINEAR,
        )

    @property
    def rows_in_seconds(self) -> int | None:
        """See :class:`~sqlflow_dagster.ml.base.ExplainsSlowly`."""
        from sqlflow_dagster.ml.trainers.sklearn_trees import rows_in_seconds

        return rows_in_seconds(self.estimator)

    def to_onnx(self, slots: int) -> "onnx.ModelProto":
        """The estimator as an ONNX graph, where it takes the encoded rows as they are."""
        if self.inputs.lowest or self.inputs.categories:
            raise TerminalError(
                f"{self.name} cannot be written as ONNX: it does not take the slots"
            )
        if self.task is Task.CLASSIFICATION and not hasattr(self.estimator, "predict_proba"):
            raise TerminalError(
                f"this {self.name} cannot be written as ONNX: it was trained without probabilities"
            )
        from sqlflow_dagster.ml.trainers.sklearn_onnx import estimator_graph

        return estimator_graph(self.estimator, slots)

    def files(self) -> dict[str, bytes]:
        """The estimator in the format of skops, the rest as JSON."""
        info = {
            "name": self.name,
            "task": self.task,
            "width": self.width,
            "inputs": asdict(self.inputs),
            "means": self.means,
            "library": dict(self.library),
            "parameters": dict(self.parameters),
            "history": dict(self.history),
        }
        to_bytes = getattr(self.estimator, "to_bytes", None)
        data = sklearn_storage.to_bytes(self.estimator) if to_bytes is None else to_bytes()
        return {_MODEL: data, _INFO: json.dumps(info).encode()}


class SklearnTrainer:
    """Trains and loads estimators."""

    def plan(
        self, estimator: str, attributes: tuple[Attribute, ...], label_type: LabelType | None
    ) -> Plan:
        """Let the library check every parameter; its tags say what the task is."""
        from sklearn.utils.validation import has_fit_parameter

        chosen = choose(estimator, attributes)
        task = chosen.task(label_type)
        return Plan(
            task=task,
            layout=chosen.layout,
            lists=chosen.lists,
            label_separator="," if chosen.only_lists else None,
            label_task=chosen.label_task(label_type),
            goes_on=hasattr(chosen.estimator, "partial_fit"),
            weighs=has_fit_parameter(chosen.estimator, "sample_weight"),
        )

    def train(self, request: TrainRequest) -> TrainedModel:
        """Fit the estimator, or go on from a fitted one where the library can."""
        import sklearn

        chosen = choose(request.estimator, request.attributes)
        _check_request(chosen, request)
        inputs = Inputs.fit(chosen, request)
        matrix = inputs.matrix(request.training.features)
        estimator = with_seed(chosen.estimator, request.seed)
        _set_categories(estimator, inputs, request)
        with _limited(request.threads), warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            try:
                estimator = _fitted(estimator, matrix, request)
            except (ValueError, TypeError, ArithmeticError, np.linalg.LinAlgError) as error:
                raise TerminalError(f"{chosen.name} refuses the rows: {error}") from error
        notes = dict.fromkeys(str(item.message).strip().splitlines()[0] for item in told)
        request.progress(1, 1, "; ".join(("fitted", *notes)))
        return SklearnModel(
            name=chosen.name,
            estimator=estimator,
            task=request.label.task,
            width=_width(request),
            inputs=inputs,
            means=tuple(matrix.mean(axis=0, dtype=np.float64).tolist()),
            library={"sklearn": sklearn.__version__},
            parameters={**_json_parameters(estimator), **chosen.parameters},
            history=_history(estimator),
            threads=request.threads,
        )

    def load(self, files: Mapping[str, bytes], *, threads: int = 1) -> TrainedModel:
        """An estimator from types that are trusted; nothing that the file brings is run."""
        try:
            info = json.loads(files[_INFO])
            class_ = named_class(info["name"])
            from_bytes = getattr(class_, "from_bytes", sklearn_storage.from_bytes)
            estimator = from_bytes(files[_MODEL])
            if type(estimator) is not class_:
                raise TerminalError(
                    f"the model should be {info['name']}, but is {type(estimator).__name__}"
                )
            return SklearnModel(
                name=info["name"],
                estimator=estimator,
                task=Task(info["task"]),
                width=int(info["width"]),
                inputs=Inputs.from_json(info["inputs"]),
                means=tuple(info["means"]),
                library=info["library"],
                parameters=info["parameters"],
                history=info["history"],
                threads=threads,
            )
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise TerminalError(f"the files are no model of scikit-learn: {error}") from error


@contextmanager
def _limited(threads: int) -> Iterator[None]:
    """A block in which the library uses this many threads, and no other process."""
    from joblib import parallel_config
    from threadpoolctl import threadpool_limits

    with threadpool_limits(threads), parallel_config("threading", n_jobs=threads):
        yield


def _check_request(chosen: Chosen, request: TrainRequest) -> None:
    if request.base is None:
        return
    if not isinstance(request.base, SklearnModel) or request.base.name != chosen.name:
        raise TerminalError(
            f"{request.estimator} cannot go on from a model of {', '.join(request.base.library)}"
        )


def _set_categories(estimator: Any, inputs: Inputs, request: TrainRequest) -> None:
    if inputs.categories:
        estimator.set_params(min_categories=list(inputs.categories))
    elif type(estimator).__name__.startswith("HistGradientBoosting"):
        estimator.set_params(categorical_features=category_slots(request) or None)


def _fitted(estimator: Any, matrix: Any, request: TrainRequest) -> Any:
    labels = request.training.labels
    arguments = [matrix] if not len(labels) else [matrix, labels]
    named: dict[str, Any] = {}
    if request.training.weights is not None:
        named["sample_weight"] = request.training.weights
    if not isinstance(request.base, SklearnModel):
        estimator.fit(*arguments, **named)
        return estimator
    estimator = copy.deepcopy(request.base.estimator)
    if request.label.task is Task.CLASSIFICATION:
        named["classes"] = np.arange(len(request.label.classes))
    estimator.partial_fit(*arguments, **named)
    return estimator


def _width(request: TrainRequest) -> int:
    if request.label.task.predicts_classes:
        return len(request.label.classes)
    return len(request.label.means) if request.label.is_list else 0


def _json_parameters(estimator: Any) -> dict[str, Any]:
    """The parameters that are plain values, those of inner estimators too."""
    get = getattr(estimator, "get_params", None)
    parameters = {} if get is None else get()
    plain = (bool, int, float, str, type(None))
    return {
        name: list(value) if isinstance(value, list | tuple) else value
        for name, value in sorted(parameters.items())
        if isinstance(value, plain)
        or (isinstance(value, list | tuple) and all(isinstance(item, plain) for item in value))
    }


def _history(estimator: Any) -> dict[str, list[float]]:
    for name in ("loss_curve_", "train_score_"):
        values = getattr(estimator, name, None)
        if values is not None:
            return {"train-loss": [float(item) for item in values]}
    return {}


trainer = SklearnTrainer()
