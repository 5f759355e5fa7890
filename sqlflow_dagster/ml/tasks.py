"""What models do, and the arrays and labels they do it with."""

from enum import StrEnum
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

FloatArray: TypeAlias = npt.NDArray[np.floating[Any]]
LabelType: TypeAlias = Literal["string", "int64", "double", "bool", "texts", "numbers"]
"""What a label column holds; ``texts`` and ``numbers`` are lists of any length."""


class Task(StrEnum):
    """What a model does, and so what its library predicts for ``n`` rows.

    ======================  ===============================================================
    classification          probabilities, shape (n, classes)
    multi-label             probabilities of each class by itself, shape (n, classes)
    regression              amounts, shape (n,), or (n, width) of a vector label
    ranking                 scores, shape (n,): within a group, the greater comes first
    clustering              the number of the cluster, shape (n,); -1 belongs to none
    outlier detection       scores, shape (n,): an outlier's is below 0
    decomposition           components, shape (n, width)
    ======================  ===============================================================
    """

    CLASSIFICATION = "classification"
    MULTILABEL = "multi-label classification"
    REGRESSION = "regression"
    RANKING = "ranking"
    CLUSTERING = "clustering"
    OUTLIER_DETECTION = "outlier detection"
    DECOMPOSITION = "decomposition"

    @property
    def supervised(self) -> bool:
        """Whether models learn from a label."""
        return self not in (Task.CLUSTERING, Task.OUTLIER_DETECTION, Task.DECOMPOSITION)

    @property
    def predicts_classes(self) -> bool:
        """Whether a prediction is a class, or some classes, of the label."""
        return self in (Task.CLASSIFICATION, Task.MULTILABEL)
