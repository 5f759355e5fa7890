"""Feed-forward networks as ONNX graphs.

PyTorch's own exporter needs two more libraries and seconds, and makes a graph of many nodes of what is a handful.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
from torch import Tensor, nn

from sqlflow_dagster.errors import TerminalError
from sqlflow_dagster.ml.tasks import FloatArray
from sqlflow_dagster.ml.trainers.networks.feed_forward import FeedForwardNetwork
from sqlflow_dagster.ml.trainers.onnx_graph import GraphBuilder

# The name of an activation's operator, and how its attributes are called in PyTorch.
_ACTIVATIONS: dict[type[nn.Module], tuple[str, dict[str, str]]] = {
    nn.ReLU: ("Relu", {}),
    nn.Tanh: ("Tanh", {}),
    nn.Sigmoid: ("Sigmoid", {}),
    nn.ELU: ("Elu", {"alpha": "alpha"}),
    nn.GELU: ("Gelu", {}),
    nn.SELU: ("Selu", {}),
    nn.LeakyReLU: ("LeakyRelu", {"alpha": "negative_slope"}),
}


def network_graph(
    network: FeedForwardNetwork, slots: int, finish: Callable[[GraphBuilder], None]
) -> onnx.ModelProto:
    """A network without tables as a graph.

    Args:
        network: Deep, linear, or both.
        slots: How many numbers a row has.
        finish: Turns the raw outputs into answers.

    Raises:
        TerminalError: A layer has no counterpart here.
    """
    graph = GraphBuilder()
    start, found, width = graph.last, [], 0
    if network.linear is not None:
        weights = _spread(_values(network.linear.weight), network.linear.slots, slots)
        graph.apply("Gemm", weights, _values(network.linear.bias), transB=1)
        found.append(graph.last)
        width = len(weights)
    if network.deep is not None:
        graph.last = start
        for index, layer in enumerate(network.deep.layers):
            _add(graph, layer, network.deep.slots if index == 0 else None, slots)
            width = getattr(layer, "out_features", width)
        found.append(graph.last)
    if len(found) > 1:
        graph.last = graph.node("Add", *found)
    finish(graph)
    return graph.finish(slots, 2 if width == 1 and graph.last.startswith("concat") else width)


def _add(graph: GraphBuilder, layer: nn.Module, read: tuple[int, ...] | None, slots: int) -> None:
    match layer:
        case nn.Linear():
            weights = _values(layer.weight)
            if read is not None:
                weights = _spread(weights, read, slots)
            graph.apply("Gemm", weights, _values(layer.bias), transB=1)
        case nn.BatchNorm1d():
            statistics = (layer.weight, layer.bias, layer.running_mean, layer.running_var)
            graph.apply("BatchNormalization", *map(_values, statistics), epsilon=layer.eps)
        case nn.Dropout():
            pass  # for training only
        case nn.SiLU():
            graph.last = graph.node("Mul", graph.last, graph.node("Sigmoid", graph.last))
        case _ if type(layer) in _ACTIVATIONS:
            operator, attributes = _ACTIVATIONS[type(layer)]
            graph.apply(operator, **{name: getattr(layer, of) for name, of in attributes.items()})
        case _:
            raise TerminalError(
                f"a network with a layer {type(layer).__name__} cannot be written as ONNX"
            )


def _spread(weights: FloatArray, read: tuple[int, ...], slots: int) -> FloatArray:
    """Weights of some slots as weights of all, those of the others 0."""
    spread = np.zeros((len(weights), slots), np.float32)
    spread[:, list(read)] = weights
    return spread


def _values(tensor: Any) -> FloatArray:
    assert isinstance(tensor, Tensor)
    values: FloatArray = tensor.detach().numpy()
    return values
