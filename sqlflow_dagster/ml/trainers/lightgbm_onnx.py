"""Boosters of LightGBM as ONNX graphs, by onnxmltools."""

import lightgbm as lgb
import onnx
from onnxmltools.convert import convert_lightgbm
from onnxmltools.convert.common.data_types import FloatTensorType

from sqlflow_dagster.ml.onnx_names import INPUT
from sqlflow_dagster.ml.trainers.onnx_graph import only_output


def booster_graph(booster: lgb.Booster, slots: int) -> onnx.ModelProto:
    """A booster as a graph.

    Args:
        booster: The model.
        slots: How many numbers a row has.
    """
    # Without this, probabilities would come as one dictionary a row.
    inputs = [(INPUT, FloatTensorType([None, slots]))]
    return only_output(convert_lightgbm(booster, initial_types=inputs, zipmap=False))
