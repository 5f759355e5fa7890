"""SHAP values of scikit-learn's trees, computed by XGBoost.

scikit-learn has no such values, and XGBoost's are those of "Consistent Individualized Feature
Attribution for Tree Ensembles" (Lundberg, Erion and Lee, 2018) in compiled code. So the trees are
put into XGBoost's JSON, with the same splits, leaves and numbers of rows.
"""

import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from sqlflow_dagster.ml.base import Contributions, Method
from sqlflow_dagster.ml.tasks import FloatArray

if TYPE_CHECKING:
    import xgboost as xgb

_LARGEST = float(np.finfo(np.float32).max)
_SQUARED = ("squared_error", "absolute_error", "quantile", "huber", "friedman_mse")
_ROOT = 2**31 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tree:
    """A tree with one number a leaf; arrays are of shape (nodes,), and the root is the first.

    Attributes:
        left: The node of rows up to the threshold; -1 of a leaf.
        right: The node of the others.
        slots: What is compared.
        thresholds: With what.
        missing_left: Whether missing values go left.
        values: Of leaves.
        rows: How much training rows counted.
    """

    left: npt.NDArray[np.int64]
    right: npt.NDArray[np.int64]
    slots: npt.NDArray[np.int64]
    thresholds: FloatArray
    missing_left: npt.NDArray[np.bool_]
    values: FloatArray
    rows: FloatArray

    def by_levels(self) -> "_Tree":
        """The same tree with siblings side by side, as XGBoost's SHAP values silently assume."""
        levels = [np.zeros(1, dtype=np.int64)]
        while len(inner := levels[-1][self.left[levels[-1]] >= 0]):
            levels.append(np.stack([self.left[inner], self.right[inner]], axis=1).reshape(-1))
        order = np.concatenate(levels)
        places = np.empty(len(order), dtype=np.int64)
        places[order] = np.arange(len(order))
        leaf = self.left[order] < 0
        return _Tree(
            left=np.where(leaf, -1, places[self.left[order]]),
            right=np.where(leaf, -1, places[self.right[order]]),
            slots=self.slots[order],
            thresholds=self.thresholds[order],
            missing_left=self.missing_left[order],
            values=self.values[order],
            rows=self.rows[order],
        )

    def to_json(self, place: int, slots: int) -> dict[str, Any]:
        """The tree in XGBoost's words, where rows *below* a threshold go left."""
        inner = self.left >= 0
        bounds = np.nextafter(_rounded_down(self.thresholds), np.float32(math.inf))
        parents = np.full(len(inner), _ROOT)
        parents[self.left[inner]] = parents[self.right[inner]] = np.flatnonzero(inner)
        return {
            "base_weights": self.values.tolist(),
            "categories": [],
            "categories_nodes": [],
            "categories_segments": [],
            "categories_sizes": [],
            "default_left": self.missing_left.astype(int).tolist(),
            "id": place,
            "left_children": np.where(inner, self.left, -1).tolist(),
            "loss_changes": [0.0] * len(inner),
            "parents": parents.tolist(),
            "right_children": np.where(inner, self.right, -1).tolist(),
            "split_conditions": np.where(inner, np.minimum(bounds, _LARGEST), self.values).tolist(),
            "split_indices": np.where(inner, self.slots, 0).tolist(),
            "split_type": [0] * len(inner),
            "sum_hessian": self.rows.tolist(),
            "tree_param": {
                "num_deleted": "0",
                "num_feature": str(slots),
                "num_nodes": str(len(inner)),
                "size_leaf_vector": "1",
            },
        }


def tree_contributions(estimator: Any, matrix: Any, *, threads: int) -> Contributions | None:
    """SHAP values of an estimator that is made of trees; None of any other.

    Args:
        estimator: Fitted.
        matrix: ``n`` rows, as the estimator wants them.
        threads: How many may be used.

    Returns:
        Forests and single trees: of a probability, of two classes that of the second. Boosted
        trees: of log-odds or scores.
    """
    module = type(estimator).__module__
    if not module.startswith(("sklearn.tree.", "sklearn.ensemble.")):
        return None
    outputs = _outputs(estimator)
    if outputs is None:
        return None
    booster = _booster(outputs, matrix.shape[1], threads)
    import xgboost as xgb

    data = xgb.DMatrix(matrix.astype(np.float32, copy=False), nthread=threads)
    found = booster.predict(data, pred_contribs=True, strict_shape=True).astype(np.float64)
    base_values = found[:, :, -1]
    offset = _offset(estimator)
    if offset is not None:
        # What boosting starts from: the same for every row.
        own = found[0].sum(axis=1)
        base_values = base_values + (np.atleast_1d(offset(matrix[:1])[0]) - own)
    return Contributions(
        values=found[:, :, :-1],
        base_values=base_values,
        method=Method.TREES,
        probabilities=offset is None,
    )


def _outputs(estimator: Any) -> list[list[_Tree]] | None:
    """The trees of each output; None where that cannot be told."""
    kind = type(estimator).__name__
    if kind.startswith("HistGradientBoosting"):
        return _of_histograms(estimator)
    if kind.startswith("GradientBoosting"):
        return _of_boosting(estimator)
    if kind.startswith(("DecisionTree", "ExtraTree", "RandomForest")) and "Embedding" not in kind:
        return _of_forest(getattr(estimator, "estimators_", [estimator]))
    return None


def _of_forest(trees: Sequence[Any]) -> list[list[_Tree]] | None:
    first = trees[0].tree_
    if hasattr(trees[0], "classes_"):
        classes = trees[0].classes_
        # A list of classes a row has a column of values each, and all classes must be there.
        if first.n_outputs > 1 or not np.array_equal(classes, np.arange(len(classes))):
            return None
        shown = [1] if len(classes) == 2 else range(len(classes))
        values = [(0, place) for place in shown]
    else:
        values = [(output, 0) for output in range(first.n_outputs)]
    return [
        [_tree(item.tree_, item.tree_.value[:, output, place] / len(trees)) for item in trees]
        for output, place in values
    ]


def _of_boosting(estimator: Any) -> list[list[_Tree]] | None:
    if not (estimator.init_ == "zero" or type(estimator.init_).__name__.startswith("Dummy")):
        return None
    rate = estimator.learning_rate
    return [
        [_tree(item.tree_, item.tree_.value[:, 0, 0] * rate) for item in trees]
        for trees in estimator.estimators_.T
    ]


def _of_histograms(estimator: Any) -> list[list[_Tree]] | None:
    if not hasattr(estimator, "classes_") and estimator.loss not in _SQUARED:
        return None
    nodes = [[item.nodes for item in iteration] for iteration in estimator._predictors]
    if any(item["is_categorical"].any() for iteration in nodes for item in iteration):
        return None
    return [[_of_nodes(item) for item in trees] for trees in zip(*nodes, strict=True)]


def _of_nodes(nodes: Any) -> _Tree:
    inner = nodes["is_leaf"] == 0
    return _Tree(
        left=np.where(inner, nodes["left"].astype(np.int64), -1),
        right=np.where(inner, nodes["right"].astype(np.int64), -1),
        slots=nodes["feature_idx"].astype(np.int64),
        thresholds=nodes["num_threshold"],
        missing_left=nodes["missing_go_to_left"].astype(bool),
        values=nodes["value"],
        rows=nodes["count"].astype(np.float64),
    )


def _tree(tree: Any, values: FloatArray) -> _Tree:
    return _Tree(
        left=tree.children_left,
        right=tree.children_right,
        slots=tree.feature,
        thresholds=tree.threshold,
        missing_left=tree.missing_go_to_left.astype(bool),
        values=values,
        rows=tree.weighted_n_node_samples,
    )


def _offset(estimator: Any) -> Callable[[Any], Any] | None:
    """What the trees of boosting add up to, with their start; None of forests, which have none."""
    if "GradientBoosting" not in type(estimator).__name__:
        return None
    decide: Callable[[Any], Any] = getattr(estimator, "decision_function", estimator.predict)
    return decide


def _booster(outputs: Sequence[Sequence[_Tree]], slots: int, threads: int) -> "xgb.Booster":
    import xgboost as xgb

    trees = list(_in_rounds(outputs))
    count = len(outputs)
    several = str(count) if count > 1 else "0"
    objective: dict[str, Any] = {"name": "reg:squarederror", "reg_loss_param": {}}
    if count > 1:
        objective = {"name": "multi:softprob", "softmax_multiclass_param": {"num_class": several}}
    model = {
        "gbtree_model_param": {"num_parallel_tree": "1", "num_trees": str(len(trees))},
        "iteration_indptr": list(range(0, len(trees) + 1, count)),
        "tree_info": [output for output, _ in trees],
        "trees": [tree.by_levels().to_json(place, slots) for place, (_, tree) in enumerate(trees)],
    }
    learner = {
        "attributes": {},
        "feature_names": [],
        "feature_types": [],
        "gradient_booster": {"model": model, "name": "gbtree"},
        "learner_model_param": {
            "base_score": "0",
            "boost_from_average": "0",
            "num_class": several,
            "num_feature": str(slots),
            "num_target": "1",
        },
        "objective": objective,
    }
    booster = xgb.Booster({"nthread": threads})
    booster.load_model(bytearray(json.dumps({"learner": learner, "version": [2, 1, 0]}).encode()))
    return booster


def _in_rounds(outputs: Sequence[Sequence[_Tree]]) -> Iterator[tuple[int, _Tree]]:
    for trees in zip(*outputs, strict=True):
        yield from enumerate(trees)


def _rounded_down(values: FloatArray) -> npt.NDArray[np.float32]:
    """The greatest 32-bit numbers that are not above the values: what a 32-bit row is compared with."""
    clipped = np.clip(values, -_LARGEST, _LARGEST)
    near = clipped.astype(np.float32)
    return np.where(near > clipped, np.nextafter(near, np.float32(-math.inf)), near)
