"""PyTorch: ``DNNClassifier`` and ``DNNRegressor``, fully connected networks.

Defaults differ from the original SQLFlow where its own made poor models: Adam with a learning rate
of 0.003 (not Adagrad), batches of 32 rows (not 1), 20 epochs (not 1), layers of 64 and 32 neurons.
"""

import inspect
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sqlflow_dagster.errors import PluginError, TerminalError, did_you_mean
from sqlflow_dagster.lang.statements import Attribute
from sqlflow_dagster.ml.attributes import Declaration, declared_name, read, value_span
from sqlflow_dagster.ml.base import Contributions, Plan, TrainedModel, TrainRequest
from sqlflow_dagster.ml.features.spec import EncodedTable, Layout
from sqlflow_dagster.ml.tasks import FloatArray, LabelType, Task

if TYPE_CHECKING:
    import onnx
    from torch import nn

    from sqlflow_dagster.ml.trainers.onnx_graph import GraphBuilder
    from sqlflow_dagster.ml.trainers.torch_network import Architecture

DECLARATIONS = (
    Declaration(name="model.hidden_units", kind="ints", default=(64, 32), minimum=1),
    Declaration(
        name="model.activation_fn",
        kind="text",
        default="relu",
        choices=("relu", "tanh", "sigmoid", "elu", "gelu", "selu", "silu", "leaky_relu"),
    ),
    Declaration(name="model.dropout", kind="float", default=0.0, minimum=0.0, below=1.0),
    Declaration(name="model.batch_norm", kind="bool", default=False),
    Declaration(
        name="model.optimizer",
        kind="text",
        default="Adam",
        choices=("Adadelta", "Adagrad", "Adam", "AdamW", "Adamax", "NAdam", "RMSprop", "SGD"),
    ),
    Declaration(name="train.batch_size", kind="int", default=32, minimum=1),
    Declaration(name="train.epoch", kind="int", default=20, minimum=1),
    Declaration(name="train.max_steps", kind="int", default=0, minimum=0),
)
_CLASS_COUNT = Declaration(name="model.n_classes", kind="int", minimum=2)
_ALIASES = {
    "n_class": "model.n_classes",
    "model.n_class": "model.n_classes",
    "epochs": "train.epoch",
    "train.epochs": "train.epoch",
}
_OPTIMIZER = "optimizer."
_LEARNING_RATE = 0.003
# The names of TensorFlow, which programs of the original use, for those of PyTorch.
_OPTIMIZER_ALIASES = {
    "learning_rate": "lr",
    "epsilon": "eps",
    "decay": "weight_decay",
}
_WEIGHTS = "network.safetensors"
_INFO = "network.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class TorchModel:
    """A network and how it came about.

    Attributes:
        network: In evaluation mode.
        architecture: What the network is built from.
        baseline: The mean encoded training row, shape (slots,): where explanations start.
        library: PyTorch's version at training.
        parameters: In force, defaults included.
        history: The loss by data set, a value per epoch.
        threads: How many threads a prediction may use.
    """

    network: "nn.Sequential"
    architecture: "Architecture"
    baseline: FloatArray
    library: Mapping[str, str]
    parameters: Mapping[str, Any]
    history: Mapping[str, list[float]]
    threads: int

    def predict(self, features: EncodedTable) -> FloatArray:
        """Class probabilities, shape (n, classes), or regression values, shape (n,)."""
        from sqlflow_dagster.ml.trainers import torch_network

        raw = torch_network.forward(self.network, features.matrix, threads=self.threads)
        if not self.architecture.classifies:
            return self.architecture.unscaled(raw).reshape(-1)
        if raw.shape[1] == 1:
            positive = 1 / (1 + np.exp(-raw.astype(np.float64).reshape(-1)))
            return np.stack([1 - positive, positive], axis=1)
        powers = np.exp(raw.astype(np.float64) - raw.max(axis=1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=1, keepdims=True))

    def contributions(self, features: EncodedTable) -> Contributions:
        """Integrated gradients from the mean training row; they add up to the prediction."""
        from sqlflow_dagster.ml.trainers import torch_network

        values, base_values = torch_network.integrated_gradients(
            self.network, features.matrix, self.baseline, threads=self.threads
        )
        return Contributions(
            values=values * self.architecture.target_std,
            base_values=self.architecture.unscaled(base_values),
        )

    def to_onnx(self, slots: int) -> "onnx.ModelProto":
        """The network as an ONNX graph."""
        from sqlflow_dagster.ml.trainers.torch_onnx import network_graph

        def finish(graph: "GraphBuilder") -> None:
            if self.architecture.classifies:
                graph.probabilities(self.architecture.outputs)
                return
            graph.apply("Mul", np.array(self.architecture.target_std))
            graph.apply("Add", np.array(self.architecture.target_mean))

        return network_graph(self.network, slots, finish)

    def files(self) -> dict[str, bytes]:
        """Weights as safetensors, the rest as JSON."""
        from sqlflow_dagster.ml.trainers import torch_network

        info = {
            "architecture": self.architecture.to_json(),
            "library": dict(self.library),
            "parameters": dict(self.parameters),
            "history": dict(self.history),
        }
        return {
            _WEIGHTS: torch_network.to_safetensors(self.network, self.baseline),
            _INFO: json.dumps(info).encode(),
        }


class TorchTrainer:
    """Trains and loads networks."""

    def plan(
        self, estimator: str, attributes: tuple[Attribute, ...], label_type: LabelType | None
    ) -> Plan:
        """Check the attributes; the estimator's name says what the task is."""
        _require_torch(estimator)
        _read(estimator, attributes)
        if not _classifies(estimator):
            return Plan(task=Task.REGRESSION, layout=Layout.SCALED, goes_on=True)
        count = next(
            (item for item in attributes if declared_name(item.name, [_CLASS_COUNT], _ALIASES)),
            None,
        )
        return Plan(task=Task.CLASSIFICATION, layout=Layout.SCALED, class_count=count, goes_on=True)

    def train(self, request: TrainRequest) -> TrainedModel:
        """Train for ``train.epoch`` epochs, or ``train.max_steps`` steps where that is less."""
        _require_torch(request.estimator)
        from sqlflow_dagster.ml.trainers import torch_network

        values, optimizer = _read(request.estimator, request.attributes)
        classes = len(request.label.classes)
        architecture = torch_network.Architecture(
            inputs=len(request.features.slots),
            outputs=classes if classes > 2 else 1,
            hidden_units=tuple(values["model.hidden_units"]),
            activation=values["model.activation_fn"],
            dropout=values["model.dropout"],
            batch_norm=values["model.batch_norm"],
            classifies=_classifies(request.estimator),
            target_mean=request.label.means[0],
            target_std=request.label.stds[0],
        )
        settings = torch_network.Settings(
            optimizer=values["model.optimizer"],
            optimizer_options=optimizer,
            batch_rows=values["train.batch_size"],
            epochs=values["train.epoch"],
            max_steps=values["train.max_steps"],
        )
        base = _base_network(request, architecture)
        network, history = torch_network.train(architecture, settings, request, base)
        return TorchModel(
            network=network,
            architecture=architecture,
            baseline=request.training.features.matrix.mean(axis=0, dtype=np.float64).astype("f4"),
            library=torch_network.versions(),
            parameters={
                **{name: _json_value(value) for name, value in values.items()},
                **{f"{_OPTIMIZER}{name}": value for name, value in optimizer.items()},
            },
            history=history,
            threads=request.threads,
        )

    def load(self, files: Mapping[str, bytes], *, threads: int = 1) -> TrainedModel:
        """A network from its weights and its architecture, both data only."""
        _require_torch("this model")
        from sqlflow_dagster.ml.trainers import torch_network

        try:
            info = json.loads(files[_INFO])
            architecture = torch_network.Architecture.from_json(info.pop("architecture"))
            network, baseline = torch_network.from_safetensors(architecture, files[_WEIGHTS])
            return TorchModel(
                network=network,
                architecture=architecture,
                baseline=baseline,
                threads=threads,
                **info,
            )
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise TerminalError(f"the files are no network: {error}") from error


def _classifies(estimator: str) -> bool:
    return estimator.lower().endswith("classifier")


def _require_torch(estimator: str) -> None:
    try:
        import safetensors  # noqa: F401
        import torch  # noqa: F401
    except ImportError as error:
        raise PluginError(
            f"{estimator} needs PyTorch, which is not installed: {error}",
            hint="pip install 'sqlflow-dagster[torch]'",
        ) from error


def _read(
    estimator: str, attributes: tuple[Attribute, ...]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The declared attributes, and the arguments of the optimizer."""
    of_optimizer = [item for item in attributes if item.name.lower().startswith(_OPTIMIZER)]
    declarations = (*DECLARATIONS, _CLASS_COUNT) if _classifies(estimator) else DECLARATIONS
    known = [*declarations, *(Declaration(name=item.name, kind="any") for item in of_optimizer)]
    if not of_optimizer:
        known.append(Declaration(name=f"{_OPTIMIZER}learning_rate", kind="any"))
    values = read(attributes, known, estimator=estimator, aliases=_ALIASES)
    values = {item.name: values[item.name] for item in declarations}
    return values, _optimizer_options(values["model.optimizer"], of_optimizer)


def _optimizer_options(optimizer: str, attributes: list[Attribute]) -> dict[str, Any]:
    """Arguments of an optimizer by PyTorch's names, checked against its signature."""
    from torch import optim

    signature = inspect.signature(getattr(optim, optimizer).__init__)
    known = {
        name
        for name, item in signature.parameters.items()
        if isinstance(item.default, bool | int | float) or name == "betas"
    } - {"foreach", "capturable", "differentiable", "fused", "maximize"}
    if optimizer == "RMSprop":
        aliases = {**_OPTIMIZER_ALIASES, "rho": "alpha"}
    else:
        aliases = _OPTIMIZER_ALIASES
    options: dict[str, Any] = {"lr": _LEARNING_RATE}
    betas = {"beta_1": 0.9, "beta_2": 0.999}
    for attribute in attributes:
        written = attribute.name[len(_OPTIMIZER) :].lower()
        name = "betas" if written in betas else aliases.get(written, written)
        if name not in known:
            names = {"learning_rate", *known} - {"lr"}
            raise TerminalError(
                f"optimizer {optimizer} has no option {written!r}",
                attribute.span,
                did_you_mean(written, names) or f"known: {', '.join(sorted(names))}",
            )
        value = attribute.value
        if written in betas:
            betas[written] = _number(attribute)
            value = tuple(betas.values())
        elif name == "betas":
            value = tuple(value) if isinstance(value, tuple) else value
        elif not isinstance(value, bool):
            value = _number(attribute)
        options[name] = _json_value(value)
    return options


def _number(attribute: Attribute) -> float:
    value = attribute.value
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise TerminalError(
            f"attribute {attribute.name} wants a number from 0, but its value is {value!r}",
            value_span(attribute),
        )
    return float(value)


def _json_value(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _base_network(request: TrainRequest, architecture: "Architecture") -> "nn.Sequential | None":
    match request.base:
        case None:
            return None
        case TorchModel(network=network, architecture=known) if known.same_shape(architecture):
            return network
        case TorchModel():
            raise TerminalError(
                f"{request.estimator} cannot go on from a model of another shape",
                hint="give both statements the same model.* attributes",
            )
        case other:
            raise TerminalError(
                f"{request.estimator} cannot go on from a model of {', '.join(other.library)}"
            )


trainer = TorchTrainer()
