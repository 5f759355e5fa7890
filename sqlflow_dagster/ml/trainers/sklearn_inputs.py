"""The encoded features as scikit-learn's estimators want them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sqlflow_dagster.errors import TerminalError
from sqlflow_dagster.ml.base import TrainRequest
from sqlflow_dagster.ml.features.feature import Encoding
from sqlflow_dagster.ml.features.spec import EncodedTable
from sqlflow_dagster.ml.tasks import FloatArray
from sqlflow_dagster.ml.trainers.sklearn_estimators import Chosen

# What the library makes trees of; it would only make a copy of anything else.
_TREES = ("sklearn.tree", "sklearn.ensemble")
_MOST_CATEGORIES = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """What becomes of an encoded matrix before an estimator sees it.

    Attributes:
        dtype: ``float32`` or ``float64``.
        lowest: Of each slot in training, for estimators that refuse numbers below 0: they get each
            slot in parts of its range, from 0 to 1. Empty for the others.
        ranges: The largest value less the lowest; 1 where all are equal.
        categories: How many codes each slot has, for estimators that learn from codes alone; NULL
            is the last one. Empty for the others.
    """

    dtype: str
    lowest: tuple[float, ...] = ()
    ranges: tuple[float, ...] = ()
    categories: tuple[int, ...] = ()

    @classmethod
    def fit(cls, chosen: Chosen, request: TrainRequest) -> "Inputs":
        """What an estimator wants of these rows.

        Raises:
            TerminalError: It learns from categories alone, and a column is none.
        """
        if chosen.name == "CategoricalNB":
            return cls(dtype="int64", categories=_categories(request))
        trees = type(chosen.estimator).__module__.startswith(_TREES)
        dtype = "float32" if trees else "float64"
        if not chosen.positive:
            return cls(dtype=dtype)
        matrix = request.training.features.matrix
        lowest = matrix.min(axis=0).astype(np.float64)
        ranges = matrix.max(axis=0) - lowest
        return cls(
            dtype=dtype,
            lowest=tuple(lowest.tolist()),
            ranges=tuple(np.where(ranges > 0, ranges, 1.0).tolist()),
        )

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Inputs":
        """What :func:`dataclasses.asdict` gave."""
        names = ("lowest", "ranges", "categories")
        return cls(dtype=str(data["dtype"]), **{name: tuple(data[name]) for name in names})

    def matrix(self, features: EncodedTable) -> npt.NDArray[Any]:
        """The rows as the estimator wants them, shape (n, slots)."""
        matrix = features.matrix
        if self.categories:
            last = np.array(self.categories) - 1
            codes: FloatArray = np.where(np.isnan(matrix), last, matrix)
            return codes.astype(np.int64)
        if self.lowest:
            parts = (matrix - np.array(self.lowest)) / np.array(self.ranges)
            matrix = np.clip(parts, 0.0, 1.0)
        return matrix.astype(self.dtype, copy=False)


def category_slots(request: TrainRequest) -> list[int]:
    """The slots of codes that histogram trees can split as categories."""
    features = [item for item in request.features.features for _ in item.slots]
    return [
        index
        for index, item in enumerate(features)
        # One code more is that of categories which training did not know.
        if item.encoding is Encoding.CODE and item.id_count < _MOST_CATEGORIES
    ]


def _categories(request: TrainRequest) -> tuple[int, ...]:
    for item in request.features.features:
        if item.encoding not in (Encoding.CODE, Encoding.ORDINAL):
            raise TerminalError(
                f"{request.estimator} learns from categories alone, but {item.name!r} is none",
                hint=f"write COLUMN CATEGORY_ID({item.name}) or BUCKET({item.name}, …), "
                "or leave it out of the SELECT",
            )
    return tuple(item.id_count + 2 for item in request.features.features)
