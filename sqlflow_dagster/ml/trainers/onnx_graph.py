"""Building small ONNX graphs by hand, and shaping those of converters."""

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from sqlflow_dagster.ml.onnx_names import INPUT, OUTPUT
from sqlflow_dagster.ml.tasks import FloatArray

_OPSET = 20
_IR_VERSION = 10
"""Of the format itself; what onnx writes by default is newer than most runtimes."""


class GraphBuilder:
    """A graph from the features to the answers, grown node by node.

    Attributes:
        last: The name of the value that the next node takes.
    """

    def __init__(self) -> None:
        self.last = INPUT
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []

    def apply(self, operator: str, *constants: FloatArray, **attributes: Any) -> None:
        """Put a node after the last one, which takes its value and constants."""
        names = [self._constant(item) for item in constants]
        self.last = self.node(operator, self.last, *names, **attributes)

    def node(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """Add a node; the name of its value."""
        name = f"{operator.lower()}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, list(inputs), [name], **attributes))
        return name

    def probabilities(self, scores: int) -> None:
        """From scores to probabilities: one score is that of the second of two classes."""
        if scores > 1:
            self.apply("Softmax", axis=1)
            return
        second = self.node("Sigmoid", self.last)
        first = self.node("Sub", self._constant(np.ones(1, np.float32)), second)
        self.last = self.node("Concat", first, second, axis=1)

    def finish(self, slots: int, answers: int) -> onnx.ModelProto:
        """The model, whose last value of width ``answers`` is its output."""
        self._nodes.append(helper.make_node("Identity", [self.last], [OUTPUT]))
        graph = helper.make_graph(
            self._nodes,
            "sqlflow",
            [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, [None, slots])],
            [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, [None, answers])],
            self._constants,
        )
        opsets = [helper.make_opsetid("", _OPSET)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=_IR_VERSION)
        onnx.checker.check_model(model)
        return model

    def _constant(self, values: FloatArray) -> str:
        name = f"constant_{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(values.astype(np.float32), name))
        return name


def only_output(model: onnx.ModelProto) -> onnx.ModelProto:
    """A converter's model whose last output, the scores, is the only one."""
    graph = model.graph
    output = graph.output[-1]
    graph.node.append(helper.make_node("Identity", [output.name], [OUTPUT]))
    output.name = OUTPUT
    del graph.output[:-1]
    if all(item.domain for item in model.opset_import):
        model.opset_import.append(helper.make_opsetid("", _OPSET))
    onnx.checker.check_model(model)
    return model
