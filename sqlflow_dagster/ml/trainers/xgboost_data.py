"""Encoded rows as XGBoost takes them: at once, or a part at a time from a file."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sqlflow_dagster.ml.base import Batches, Dataset, TrainRequest
from sqlflow_dagster.ml.features.spec import EncodedTable
from sqlflow_dagster.ml.tasks import FloatArray
from sqlflow_dagster.ml.trainers.xgboost_parameters import Settings

if TYPE_CHECKING:
    import xgboost as xgb

# What the histogram method makes of a matrix, with less memory than a DMatrix and in less time.
_HISTOGRAMS = ("auto", "hist")


def to_dmatrix(
    features: EncodedTable,
    *,
    threads: int,
    missing: float | None = None,
    rows: Dataset | None = None,
) -> "xgb.DMatrix":
    """Rows to predict, or with their labels to judge."""
    import xgboost as xgb

    return xgb.DMatrix(
        with_missing(features.matrix, missing),
        feature_types=_types(features),
        enable_categorical=True,
        nthread=threads,
        **({} if rows is None else _information(rows)),
    )


@contextmanager
def cache_folder(request: TrainRequest) -> Iterator[Path | None]:
    """A folder for rows that come a part at a time; None where they are in memory.

    The library removes its files in it when their matrix goes: it must be gone before the block ends.
    """
    if request.batches is None:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="sqlflow-xgboost-") as folder:
        yield Path(folder)


def training_matrix(
    settings: Settings, request: TrainRequest, folder: Path | None
) -> "xgb.DMatrix":
    """The rows to learn from; ``folder`` is that of :func:`cache_folder`."""
    import xgboost as xgb

    rows, options = request.training, {"enable_categorical": True, "nthread": request.threads}
    if "max_bin" in settings.values:
        options["max_bin"] = settings.values["max_bin"]
    if request.batches is not None:
        parts = _iterator(request.batches, settings.missing, f"{folder}/rows")
        return xgb.ExtMemQuantileDMatrix(parts, **options)
    if (
        request.base is None
        and settings.booster != "gblinear"
        and settings.values.get("tree_method", "auto") in _HISTOGRAMS
    ):
        return xgb.QuantileDMatrix(
            with_missing(rows.features.matrix, settings.missing),
            feature_types=_types(rows.features),
            **_information(rows),
            **options,
        )
    # Models to go on from, exact and linear methods want the numbers themselves.
    return to_dmatrix(rows.features, threads=request.threads, missing=settings.missing, rows=rows)


def _iterator(batches: Batches, missing: float | None, prefix: str) -> "xgb.DataIter":
    import xgboost as xgb

    class Parts(xgb.DataIter):
        """Hands the batches over, as often as the library wants to see them."""

        def __init__(self) -> None:
            self._left = iter(batches)
            super().__init__(cache_prefix=prefix)

        def next(self, input_data: Callable[..., Any]) -> bool:
            part = next(self._left, None)
            if part is None:
                return False
            input_data(
                data=with_missing(part.features.matrix, missing),
                feature_types=_types(part.features),
                **_information(part),
            )
            return True

        def reset(self) -> None:
            self._left = iter(batches)

    return Parts()


def _information(rows: Dataset) -> dict[str, Any]:
    found: dict[str, Any] = {"label": rows.labels}
    weights = rows.weights
    if rows.groups is not None:
        found["qid"] = rows.groups
        # Within a group rows are compared with each other: it has one weight.
        starts = np.flatnonzero(np.diff(rows.groups, prepend=rows.groups[0] - 1))
        weights = None if weights is None else weights[starts]
    if weights is not None:
        found["weight"] = weights
    return found


def _types(features: EncodedTable) -> list[str]:
    return ["c" if slot.category_code else "float" for slot in features.slots]


def with_missing(matrix: FloatArray, missing: float | None) -> FloatArray:
    """The numbers with NaN for the one that stands for missing ones; None where there is no such."""
    return matrix if missing is None else np.where(matrix == np.float32(missing), np.nan, matrix)
