"""The estimators: their attributes, their inputs, and the networks they stand for."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sqlflow_dagster.ml.base import TrainRequest
from sqlflow_dagster.ml.features.feature import DEFAULT_INPUT, Combiner
from sqlflow_dagster.ml.features.spec import FeatureSpec
from sqlflow_dagster.ml.trainers.networks.attributes import (
    CLASS_COUNT,
    LABEL_DIMENSION,
    Schema,
    Values,
    combiner,
    deep_declarations,
    schema,
)

if TYPE_CHECKING:
    from sqlflow_dagster.ml.trainers.networks.feed_forward import FeedForward, Layers, Part
    from sqlflow_dagster.ml.trainers.networks.model import Architecture

LINEAR_INPUT = "linear_feature_columns"
DEEP_INPUT = "dnn_feature_columns"


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimator:
    """What a name after TO TRAIN stands for.

    Attributes:
        schema: Its attributes.
        architecture: Its network, from the training and the values of the attributes.
        inputs: The names that ``COLUMN … FOR`` may give.
        label_separator: See :class:`~sqlflow_dagster.ml.base.Plan`.
    """

    schema: Schema
    architecture: "Callable[[TrainRequest, Values], Architecture]"
    inputs: tuple[str, ...] = (DEFAULT_INPUT,)
    label_separator: str | None = None


def deep(request: TrainRequest, values: Values) -> "FeedForward":
    """Hidden layers over all features."""
    from sqlflow_dagster.ml.trainers.networks.feed_forward import FeedForward

    return FeedForward(
        outputs=_outputs(request),
        linear=None,
        deep=_part(request.features, DEFAULT_INPUT),
        layers=_layers(values, ""),
    )


def linear(request: TrainRequest, values: Values) -> "FeedForward":
    """A weight for each slot and each id."""
    from sqlflow_dagster.ml.trainers.networks.feed_forward import FeedForward

    outputs = _outputs(request)
    return FeedForward(
        outputs=outputs,
        linear=_weighing_part(
            request.features, DEFAULT_INPUT, outputs, values["model.sparse_combiner"]
        ),
        deep=None,
        layers=None,
    )


def deep_and_wide(request: TrainRequest, values: Values) -> "FeedForward":
    """Both, each over its own features."""
    from sqlflow_dagster.ml.trainers.networks.feed_forward import FeedForward

    outputs = _outputs(request)
    return FeedForward(
        outputs=outputs,
        linear=_weighing_part(
            request.features, LINEAR_INPUT, outputs, values["model.linear_sparse_combiner"]
        ),
        deep=_part(request.features, DEEP_INPUT),
        layers=_layers(values, "dnn_"),
    )


def _outputs(request: TrainRequest) -> int:
    from sqlflow_dagster.ml.trainers.networks.heads import Head

    return Head.of(request.label).outputs


def _layers(values: Values, prefix: str) -> "Layers":
    from sqlflow_dagster.ml.trainers.networks.feed_forward import Layers

    return Layers(
        hidden_units=tuple(values[f"model.{prefix}hidden_units"]),
        activation=values[f"model.{prefix}activation_fn"],
        dropout=values[f"model.{prefix}dropout"],
        batch_norm=values["model.batch_norm"],
    )


def _part(features: FeatureSpec, of: str) -> "Part":
    """The part of a network that reads an input."""
    from sqlflow_dagster.ml.trainers.networks.feed_forward import Part
    from sqlflow_dagster.ml.trainers.networks.tables import Table

    return Part(
        slots=tuple(index for index, slot in enumerate(features.slots) if slot.input == of),
        tables=tuple(
            Table.of(index, slot)
            for index, slot in enumerate(features.bag_slots)
            if slot.input == of
        ),
    )


def _weighing_part(
    features: FeatureSpec, of: str, outputs: int, combined: Combiner | None
) -> "Part":
    """The same for a linear model, to which an id is a weight for each output."""
    part = _part(features, of)
    tables = tuple(
        replace(table, dimension=outputs, initializer="zeros", combiner=combined or table.combiner)
        for table in part.tables
    )
    return replace(part, tables=tables)


def _feed_forward() -> dict[str, Estimator]:
    found: dict[str, Estimator] = {}
    for suffix, width in (("Classifier", CLASS_COUNT), ("Regressor", LABEL_DIMENSION)):
        classifies = suffix == "Classifier"
        found[f"DNN{suffix}"] = Estimator(
            schema=schema((*deep_declarations(), width), classifies=classifies), architecture=deep
        )
        found[f"Linear{suffix}"] = Estimator(
            schema=schema((combiner(""), width), classifies=classifies), architecture=linear
        )
        found[f"DNNLinearCombined{suffix}"] = Estimator(
            schema=schema(
                (*deep_declarations("dnn_"), combiner("linear_"), width),
                classifies=classifies,
                optimizers={"linear_optimizer": "linear.", "dnn_optimizer": "deep."},
            ),
            architecture=deep_and_wide,
            inputs=(LINEAR_INPUT, DEEP_INPUT),
        )
    return found


ESTIMATORS: dict[str, Estimator] = _feed_forward()
"""By name, as :data:`sqlflow_dagster.ml.trainers.torch_names.ESTIMATORS` has it."""
