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

    trees = _plain_trees(booster)
    # The converter takes the names of slots for numbers.
    trees.feature_names = None
    return only_output(
        convert_xgboost(trees, initial_types=[(INPUT, FloatTensorType([None, slots]))])
    )


def _plain_trees(booster: xgb.Booster) -> xgb.Booster:
    """A copy, with the weights that trees have in a booster with dropout worked into their leaves."""
    model: Any = json.loads(booster.save_raw("json"))
    found = model["learner"]["gradient_booster"]
    # XGBoost 3.4 keeps the weights among the trees, earlier ones beside those of a booster in the booster.
    plain = found.get("gbtree", found)
    weights = found.get("weight_drop") or plain["model"].pop("weight_drop", None)
    if not weights:
        return booster.copy()
    for tree, weight in zip(plain["model"]["trees"], weights, strict=True):
        tree["split_conditions"] = [
            value * weight if child == -1 else value
            for value, child in zip(tree["split_conditions"], tree["left_children"], strict=True)
        ]
    model["learner"]["gradient_booster"] = {**plain, "name": "gbtree"}
    copy = xgb.Booster()
    copy.load_model(bytearray(json.dumps(model).encode()))
    return copy


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
