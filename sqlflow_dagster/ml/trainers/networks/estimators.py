"""The estimators: their attributes, their inputs, and the networks they stand for."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sqlflow_dagster.errors import TerminalError
from sqlflow_dagster.ml.attributes import Declaration
from sqlflow_dagster.ml.base import TrainRequest
from sqlflow_dagster.ml.features.feature import DEFAULT_INPUT, Combiner
from sqlflow_dagster.ml.features.spec import FeatureSpec, Layout
from sqlflow_dagster.ml.trainers.networks.attributes import (
    CLASS_COUNT,
    LABEL_DIMENSION,
    Schema,
    Values,
    combiner,
    deep_declarations,
    recurrent_declarations,
    schema,
)

if TYPE_CHECKING:
    from sqlflow_dagster.ml.trainers.networks.feed_forward import FeedForward, Layers, Part
    from sqlflow_dagster.ml.trainers.networks.model import Architecture
    from sqlflow_dagster.ml.trainers.networks.recurrent import Recurrent
    from sqlflow_dagster.ml.trainers.networks.steps import Steps
    from sqlflow_dagster.ml.trainers.networks.tables import Table

LINEAR_INPUT = "linear_feature_columns"
DEEP_INPUT = "dnn_feature_columns"


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimator:
    """What a name after TO TRAIN stands for.

    Attributes:
        schema: Its attributes.
        architecture: Its network, from the training and the values of the attributes.
        inputs: The names that ``COLUMN … FOR`` may give.
        layout: See :class:`~sqlflow_dagster.ml.base.Plan`.
        label_separator: As there.
    """

    schema: Schema
    architecture: "Callable[[TrainRequest, Values], Architecture]"
    inputs: tuple[str, ...] = (DEFAULT_INPUT,)
    layout: Layout = Layout.NETWORK
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


def classifying_sequences(request: TrainRequest, values: Values) -> "Recurrent":
    """Recurrent layers over number vectors and ids in order; other columns join their last state.

    Raises:
        TerminalError: No column is a sequence.
    """
    from sqlflow_dagster.ml.trainers.networks.steps import vector_steps
    from sqlflow_dagster.ml.trainers.networks.tables import Table

    slots = vector_steps(request.features, request.estimator)
    bags = request.features.bag_slots
    sequences = tuple(Table.of(i, slot) for i, slot in enumerate(bags) if slot.sequence)
    if not (slots.steps or sequences):
        raise TerminalError(
            f"{request.estimator} wants a sequence, but every column has one value a row",
            hint="name it in COLUMN: DENSE(c, shape) of numbers, SEQ_CATEGORY_ID(c) of categories",
        )
    others = tuple(Table.of(i, slot) for i, slot in enumerate(bags) if not slot.sequence)
    return _recurrent(request, values, slots, sequences, others)


def predicting_series(request: TrainRequest, values: Values) -> "Recurrent":
    """Recurrent layers over windows of one or several series.

    Raises:
        TerminalError: The columns do not have as many numbers as the window.
    """
    from sqlflow_dagster.ml.trainers.networks.steps import series_steps
    from sqlflow_dagster.ml.trainers.networks.tables import Table

    count, width = values["model.n_in"], values["model.n_features"]
    slots = series_steps(request.features, request.estimator, count, width)
    others = tuple(Table.of(i, slot) for i, slot in enumerate(request.features.bag_slots))
    return _recurrent(request, values, slots, (), others)


def _recurrent(
    request: TrainRequest,
    values: Values,
    slots: "Steps",
    sequences: "tuple[Table, ...]",
    others: "tuple[Table, ...]",
) -> "Recurrent":
    from sqlflow_dagster.ml.trainers.networks.feed_forward import Part
    from sqlflow_dagster.ml.trainers.networks.recurrent import Recurrent

    if not values["model.stack_units"]:
        raise TerminalError(
            f"{request.estimator} wants a recurrent layer, but model.stack_units is empty",
            hint="write model.stack_units=[32]",
        )
    return Recurrent(
        outputs=_outputs(request),
        cell=values["model.model_type"],
        stack_units=tuple(values["model.stack_units"]),
        hidden_size=values.given.get("model.hidden_size", 0),
        bidirectional=values["model.bidirectional"],
        dropout=values["model.dropout"],
        steps=slots.steps,
        sequences=sequences,
        others=Part(slots=slots.others, tables=others),
        direct="model.n_in" in values.given,
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


def _recurrent_ones() -> dict[str, Estimator]:
    clipped = {"train.clip_norm": 1.0}
    return {
        "StackedRNNClassifier": Estimator(
            schema=schema(
                (
                    *recurrent_declarations((32,)),
                    Declaration(name="model.hidden_size", kind="int", default=64, minimum=0),
                    CLASS_COUNT,
                ),
                classifies=True,
                training=clipped,
            ),
            architecture=classifying_sequences,
        ),
        "RNNBasedTimeSeriesModel": Estimator(
            schema=schema(
                (
                    *recurrent_declarations((64,)),
                    Declaration(name="model.n_in", kind="int", default=7, minimum=1),
                    Declaration(name="model.n_out", kind="int", minimum=1),
                    Declaration(name="model.n_features", kind="int", default=1, minimum=1),
                ),
                classifies=False,
                training=clipped,
            ),
            architecture=predicting_series,
            label_separator=",",
        ),
    }


ESTIMATORS: dict[str, Estimator] = {**_feed_forward(), **_recurrent_ones()}
"""By name, as :data:`sqlflow_dagster.ml.trainers.torch_names.ESTIMATORS` has it."""
