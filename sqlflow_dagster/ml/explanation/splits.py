"""What the splits of a model's trees gained, by source column."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import pyarrow as pa

from sqlflow_dagster.errors import TerminalError
from sqlflow_dagster.ml.base import TrainedModel
from sqlflow_dagster.ml.explanation.base import ExplainRequest, Explanation, Subject
from sqlflow_dagster.ml.explanation.columns import shares
from sqlflow_dagster.ml.explanation.plots import draw_splits
from sqlflow_dagster.ml.features.spec import FeatureSpec
from sqlflow_dagster.ml.tasks import FloatArray

_MEANS = {"gain": "total_gain", "cover": "total_cover"}


@runtime_checkable
class HasSplits(Protocol):
    """A model of trees that knows what each split gained."""

    def splits(self) -> Mapping[str, FloatArray]:
        """How many splits each slot has, as ``fscore``, and what they gained and covered in all.

        ``total_gain`` and, where it is known, ``total_cover``; each of shape (slots,). Empty for a
        model without splits.
        """


@dataclass(frozen=True, slots=True)
class SplitExplainer:
    """Not why a row is predicted as it is, but what the splits of a model's trees gained."""

    @property
    def reads_rows(self) -> bool:
        """It reads none."""
        return False

    def explain(self, subject: Subject, request: ExplainRequest) -> Explanation:
        """The gain of splits by column, and a plot of it.

        Raises:
            TerminalError: The model has no splits.
        """
        manifest = subject.manifest
        table = splits_table(subject.trained, manifest.features, manifest.estimator)
        return Explanation(
            rows=table,
            png=draw_splits(table, request.plot, label=manifest.label.name),
            details={"gain of splits": table.to_pylist()},
        )


def splits_table(trained: TrainedModel, spec: FeatureSpec, estimator: str) -> pa.Table:
    """``feature``, ``fscore`` and the mean ``gain`` and ``cover`` of a split, the greatest gain first.

    A split on a CROSS counts for its columns in equal parts.

    Raises:
        TerminalError: The model has no splits.
    """
    found = trained.splits() if isinstance(trained, HasSplits) else {}
    if not found:
        raise TerminalError(
            f"a model of {estimator} has no splits to tell the gain of",
            hint="leave USING out: every model has contributions of its columns",
        )
    parts = shares(spec)
    sums = {name: values @ parts[: len(values)] for name, values in found.items()}
    data = {"feature": np.array(spec.columns, dtype=object), "fscore": sums["fscore"]}
    for mean, total in _MEANS.items():
        if total not in sums:
            continue
        data[mean] = sums[total] / np.maximum(sums["fscore"], np.finfo(np.float64).tiny)
    order = np.argsort(-data["gain"], kind="stable")
    return pa.table({name: values[order] for name, values in data.items()})


explainer = SplitExplainer()
