"""Estimators of scikit-learn as ONNX graphs, by skl2onnx."""

from typing import Any

import onnx
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import FloatTensorType

from sqlflow_dagster.ml.onnx_export import INPUT
from sqlflow_dagster.ml.trainers.onnx_graph import only_output


def estimator_graph(estimator: Any, slots: int) -> onnx.ModelProto:
    """A fitted estimator as a graph.

    Args:
        estimator: One that takes the encoded rows as they are.
        slots: How many numbers a row has.
    """
    # Without this, probabilities would come as one dictionary a row.
    gives_probabilities = hasattr(estimator, "predict_proba")
    options = {id(estimator): {"zipmap": False}} if gives_probabilities else None
    inputs = [(INPUT, FloatTensorType([None, slots]))]
    return only_output(convert_sklearn(estimator, initial_types=inputs, options=options))
