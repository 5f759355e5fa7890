"""What models do, and the arrays and labels they do it with."""

from enum import StrEnum
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

FloatArray: TypeAlias = npt.NDArray[np.floating[Any]]
LabelType: TypeAlias = Literal["string", "int64", "double", "bool"]


class Task(StrEnum):
    """What a model does."""

    CLASSIFICATION = "classification"
    REGRESSION = "regression"
