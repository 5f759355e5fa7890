"""Contributions of the columns that a SELECT gives, from those of what a model sees of them."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sqlflow_dagster.ml.base import Contributions
from sqlflow_dagster.ml.features.spec import EncodedTable, FeatureSpec
from sqlflow_dagster.ml.tasks import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnContributions:
    """What each source column added to each output of a model.

    ``values.sum(axis=2) + base_values`` is what is explained.

    Attributes:
        columns: The source columns.
        values: shape (n, outputs, columns).
        base_values: shape (n, outputs).
        amounts: Encoded values that a plot may colour by, shape (n, columns); NaN for a column
            that is not one number.
    """

    columns: tuple[str, ...]
    values: FloatArray
    base_values: FloatArray
    amounts: FloatArray

    @property
    def mean_sizes(self) -> FloatArray:
        """The mean size of the contributions, shape (outputs, columns)."""
        sizes: FloatArray = np.abs(self.values).mean(axis=0)
        return sizes


def by_column(
    contributions: Contributions, features: EncodedTable, spec: FeatureSpec
) -> ColumnContributions:
    """Add the contributions of slots and bags up to those of their source columns.

    What a CROSS adds is shared equally among its columns, as the Shapley value shares what only
    all of them together bring.

    Args:
        contributions: Of ``n`` rows.
        features: Those rows.
        spec: How they were encoded.
    """
    return ColumnContributions(
        columns=spec.columns,
        values=contributions.values.astype(np.float64) @ shares(spec),
        base_values=contributions.base_values.astype(np.float64),
        amounts=amounts(features, spec),
    )


def shares(spec: FeatureSpec) -> FloatArray:
    """Which part of each slot, then of each bag, is a source column's; shape (slots + bags, columns)."""
    columns = {name: place for place, name in enumerate(spec.columns)}
    slots, bags = [], []
    for feature in spec.features:
        share = np.zeros(len(columns))
        for source in feature.sources:
            share[columns[source.column]] += 1 / len(feature.sources)
        slots += [share] * len(feature.slots)
        bags += [share] * (feature.bag_slot is not None)
    return np.stack([*slots, *bags])


def amounts(features: EncodedTable, spec: FeatureSpec) -> npt.NDArray[np.float64]:
    """The ``amounts`` of :class:`ColumnContributions`."""
    found = np.full((len(features), len(spec.columns)), np.nan)
    columns = {name: place for place, name in enumerate(spec.columns)}
    for index, slot in enumerate(features.slots):
        if not slot.category_code and slot.name == slot.column and slot.name in columns:
            found[:, columns[slot.name]] = features.matrix[:, index]
    return found
