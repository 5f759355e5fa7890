"""A trained network, and how it is stored: weights as safetensors, the rest as JSON."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors import __version__ as safetensors_version
from safetensors.torch import load, save
from torch import Tensor, nn

from sqlflow_dagster.errors import TerminalError
from sqlflow_dagster.ml.base import Contributions, Method
from sqlflow_dagster.ml.features.spec import EncodedTable
from sqlflow_dagster.ml.tasks import FloatArray
from sqlflow_dagster.ml.trainers.networks.explanation import integrated_gradients
from sqlflow_dagster.ml.trainers.networks.feed_forward import FeedForward
from sqlflow_dagster.ml.trainers.networks.heads import Head
from sqlflow_dagster.ml.trainers.networks.loop import PREDICT_ROWS, at_most
from sqlflow_dagster.ml.trainers.networks.own_modules import OwnModule
from sqlflow_dagster.ml.trainers.networks.recurrent import Recurrent
from sqlflow_dagster.ml.trainers.networks.rows import Rows

if TYPE_CHECKING:
    import onnx

    from sqlflow_dagster.ml.trainers.onnx_graph import GraphBuilder

WEIGHTS = "network.safetensors"
INFO = "network.json"
_BASELINE = "explain.baseline."


class Architecture(Protocol):
    """What a network is built from: frozen data."""

    @property
    def outputs(self) -> int:
        """How many numbers the network says of a row."""

    def to_json(self) -> dict[str, Any]:
        """The architecture as JSON values."""

    def same_shape(self, other: Any) -> bool:
        """Whether weights of one fit the other."""

    def build(self) -> nn.Module:
        """A network with random weights, see :class:`.explanation.Explainable`."""


ARCHITECTURES: Mapping[str, Any] = {
    "feed-forward": FeedForward,
    "recurrent": Recurrent,
    "own": OwnModule,
}
"""The kinds of networks by the name that is stored with them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TorchModel:
    """A network and how it came about.

    Attributes:
        network: In evaluation mode, on the CPU.
        architecture: What the network is built from.
        head: What its outputs mean.
        baseline: Where explanations start, see :func:`.explanation.mean_points`.
        library: PyTorch's version at training.
        parameters: In force, defaults included.
        history: Loss and measure by data set, a value per epoch.
        threads: How many threads a prediction may use.
        best_rounds: See :class:`~sqlflow_dagster.ml.base.StopsEarly`; not stored.
    """

    network: Any
    architecture: Architecture
    head: Head
    baseline: Sequence[Tensor]
    library: Mapping[str, str]
    parameters: Mapping[str, Any]
    history: Mapping[str, list[float]]
    threads: int
    best_rounds: int | None = None

    def predict(self, features: EncodedTable) -> FloatArray:
        """What the task predicts, see :class:`~sqlflow_dagster.ml.tasks.Task`."""
        with at_most(self.threads), torch.inference_mode():
            parts = Rows.of(features).parts(PREDICT_ROWS)
            raw = torch.cat([self.network(part) for part in parts]).numpy()
        return self.head.answers(raw)

    def contributions(self, features: EncodedTable) -> Contributions:
        """Integrated gradients from the mean training row; they add up to the prediction."""
        with at_most(self.threads):
            values, base_values = integrated_gradients(
                self.network, Rows.of(features), self.baseline
            )
        stds = 1.0 if self.head.task.predicts_classes else np.array(self.head.stds)[:, None]
        return Contributions(
            values=values.numpy() * stds,
            base_values=self.head.amounts(base_values.numpy()),
            method=Method.GRADIENTS,
        )

    def to_onnx(self, slots: int) -> "onnx.ModelProto":
        """The network as an ONNX graph.

        Raises:
            TerminalError: It is of a kind that cannot be written.
        """
        from sqlflow_dagster.ml.trainers.networks.onnx import network_graph

        head = self.head

        def finish(graph: "GraphBuilder") -> None:
            if head.task.predicts_classes:
                graph.probabilities(head.outputs)
                return
            graph.apply("Mul", np.array(head.stds))
            graph.apply("Add", np.array(head.means))

        if not isinstance(self.architecture, FeedForward) or (
            head.task.predicts_classes and not head.one_of_many and head.outputs > 1
        ):
            raise TerminalError("a network of this kind cannot be written as ONNX")
        return network_graph(self.network, slots, finish)

    def files(self) -> dict[str, bytes]:
        """Weights as safetensors, the rest as JSON."""
        kind = next(name for name, item in ARCHITECTURES.items() if item is type(self.architecture))
        info = {
            "kind": kind,
            "architecture": self.architecture.to_json(),
            "head": self.head.to_json(),
            "library": dict(self.library),
            "parameters": dict(self.parameters),
            "history": dict(self.history),
        }
        weights = {name: item.contiguous() for name, item in self.network.state_dict().items()}
        starts = {f"{_BASELINE}{index}": item for index, item in enumerate(self.baseline)}
        return {WEIGHTS: save({**weights, **starts}), INFO: json.dumps(info).encode()}

    @classmethod
    def from_files(
        cls, info: dict[str, Any], files: Mapping[str, bytes], threads: int
    ) -> "TorchModel":
        """A model from :meth:`files`, ``info`` being the JSON of one of them.

        Raises:
            KeyError: A file or a field is missing, or the kind is unknown.
            PluginError: The allow-list has not the class of the user's own.
            RuntimeError: The weights do not fit.
            TypeError: There is another field.
            ValueError: The weights are no safetensors.
        """
        architecture = ARCHITECTURES[info.pop("kind")].from_json(info.pop("architecture"))
        head = Head.from_json(info.pop("head"))
        tensors = read_tensors(files[WEIGHTS])
        count = sum(name.startswith(_BASELINE) for name in tensors)
        baseline = [tensors.pop(f"{_BASELINE}{index}") for index in range(count)]
        return cls(
            network=_filled(architecture, tensors),
            architecture=architecture,
            head=head,
            baseline=baseline,
            threads=threads,
            **info,
        )


def versions() -> dict[str, str]:
    """The libraries at work."""
    return {"torch": str(torch.__version__), "safetensors": safetensors_version}


def read_tensors(data: bytes) -> dict[str, Tensor]:
    """Tensors by name.

    Raises:
        ValueError: The bytes are no safetensors.
    """
    try:
        found: dict[str, Tensor] = load(data)
    except SafetensorError as error:
        raise ValueError(str(error)) from error
    return found


def _filled(architecture: Architecture, tensors: Mapping[str, Tensor]) -> nn.Module:
    """A network with these weights, in evaluation mode.

    Raises:
        RuntimeError: The weights do not fit the architecture.
    """
    with torch.device("meta"):  # no memory for weights that are about to be replaced
        network = architecture.build()
    network.load_state_dict(tensors, assign=True)
    return network.eval()
