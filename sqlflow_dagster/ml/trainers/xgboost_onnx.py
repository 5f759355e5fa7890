"""Boosters as ONNX graphs: trees by onnxmltools, linear ones by hand."""

import json
from typing import Any

import numpy as np
import onnx
import xgboost as xgb

from sqlflow_dagster.ml.onnx_names import INPUT
from sqlflow_dagster.ml.trainers.onnx_graph import GraphBuilder, only_output


def booster_graph(booster: xgb.Booster, name: str, objective: str, slots: int) -> onnx.ModelProto:
    """A booster as a graph.

    Args:
        booster: The model.
        name: ``gbtree``, ``dart`` or ``gblinear``.
        objective: What its scores are.
        slots: How many numbers a row has.
    """
    if name == "gblinear":
        return _linear_graph(booster, objective, slots)
    from onnxmltools.convert import convert_xgboost
    from onnxmltools.convert.common.data_types import FloatTensorType

    trees = _plain_trees(booster) if name == "dart" else booster.copy()
    # The converter takes the names of slots for numbers.
    trees.feature_names = None
    return only_output(
        convert_xgboost(trees, initial_types=[(INPUT, FloatTensorType([None, slots]))])
    )


def _plain_trees(booster: xgb.Booster) -> xgb.Booster:
    """A dart booster with the weights of its trees worked into their leaves."""
    model: Any = json.loads(booster.save_raw("json"))
    dart = model["learner"]["gradient_booster"]
    plain = dart["gbtree"]
    for tree, weight in zip(plain["model"]["trees"], dart["weight_drop"], strict=True):
        tree["split_conditions"] = [
            value * weight if child == -1 else value
            for value, child in zip(tree["split_conditions"], tree["left_children"], strict=True)
        ]
    model["learner"]["gradient_booster"] = {**plain, "name": "gbtree"}
    found = xgb.Booster()
    found.load_model(bytearray(json.dumps(model).encode()))
    return found


def _linear_graph(booster: xgb.Booster, objective: str, slots: int) -> onnx.ModelProto:
    # Asked for nothing, a linear model answers with its bias, and for one thing, with its weight.
    rows = np.vstack([np.zeros((1, slots)), np.eye(slots)]).astype(np.float32)
    margins = booster.predict(xgb.DMatrix(rows), output_margin=True).reshape(len(rows), -1)
    graph = GraphBuilder()
    graph.apply("Gemm", margins[1:] - margins[0], margins[0])
    scores = margins.shape[1]
    if not objective.startswith(("binary:", "multi:")):
        return graph.finish(slots, scores)
    graph.probabilities(scores)
    return graph.finish(slots, max(2, scores))
