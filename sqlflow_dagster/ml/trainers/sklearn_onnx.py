"""Estimators of scikit-learn as ONNX graphs, by skl2onnx."""

from typing import Any

import onnx
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import FloatTensorType
from skl2onnx.common.exceptions import MissingConverter, MissingShapeCalculator
from sklearn.base import is_classifier

from sqlflow_dagster.errors import TerminalError
from sqlflow_dagster.ml.onnx_names import INPUT
from sqlflow_dagster.ml.trainers.onnx_graph import only_output

_OPSETS = {"": 18, "ai.onnx.ml": 3}
"""The newest operators that all conversions are written in."""


def estimator_graph(estimator: Any, slots: int) -> onnx.ModelProto:
    """A fitted estimator as a graph.

    Args:
        estimator: One that takes the encoded rows as they are.
        slots: How many numbers a row has.

    Raises:
        TerminalError: The converter does not know estimators of this kind.
    """
    # Without this, probabilities would come as one dictionary a row.
    options = {id(estimator): {"zipmap": False}} if is_classifier(estimator) else None
    inputs = [(INPUT, FloatTensorType([None, slots]))]
    try:
        return only_output(
            convert_sklearn(estimator, initial_types=inputs, options=options, target_opset=_OPSETS)
        )
    except (MissingConverter, MissingShapeCalculator) as error:
        name = type(estimator).__name__
        raise TerminalError(
            f"{name} cannot be written as ONNX: skl2onnx has no conversion of it"
        ) from error
