"""The attributes of the networks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlflow_dagster.errors import TerminalError
from sqlflow_dagster.lang.statements import Attribute
from sqlflow_dagster.ml.attributes import (
    Declaration,
    declared_name,
    find,
    read,
    unknown_attribute,
)
from sqlflow_dagster.ml.trainers.networks.optimizers import (
    OPTIMIZERS,
    OptimizerChoice,
    read_options,
)

ACTIVATIONS = ("relu", "tanh", "sigmoid", "elu", "gelu", "selu", "silu", "leaky_relu")
LOSSES: Mapping[bool, Mapping[str, tuple[str, ...]]] = {
    True: {"cross_entropy": ("label_smoothing",), "focal": ("gamma",)},
    False: {
        "mean_squared_error": (),
        "mean_absolute_error": (),
        "huber": ("delta",),
        "quantile": ("quantile",),
    },
}
"""The losses of models that predict classes (True) and of others, each with its options."""

_LOSS_ALIASES = {
    "binary_crossentropy": "cross_entropy",
    "categorical_crossentropy": "cross_entropy",
    "crossentropy": "cross_entropy",
    "sparse_categorical_crossentropy": "cross_entropy",
    "mae": "mean_absolute_error",
    "mse": "mean_squared_error",
}
_LOSS_OPTIONS = (
    Declaration(name="loss.delta", kind="float", minimum=0.0),
    Declaration(name="loss.gamma", kind="float", minimum=0.0),
    Declaration(name="loss.label_smoothing", kind="float", minimum=0.0, below=1.0),
    Declaration(name="loss.quantile", kind="float", minimum=0.0, below=1.0),
)
TRAINING = (
    Declaration(name="train.batch_size", kind="int", default=32, minimum=1),
    Declaration(name="train.epoch", kind="int", default=20, minimum=1),
    Declaration(name="train.max_steps", kind="int", default=0, minimum=0),
    Declaration(name="train.early_stopping_rounds", kind="int", minimum=1),
    Declaration(name="train.clip_norm", kind="float", minimum=0.0),
    Declaration(name="train.device", kind="text", default="auto", choices=("auto", "cpu", "cuda")),
)
CLASS_COUNT = Declaration(name="model.n_classes", kind="int", minimum=2)
LABEL_DIMENSION = Declaration(name="model.label_dimension", kind="int", minimum=1)
_ALIASES = {
    "n_class": "model.n_classes",
    "model.n_class": "model.n_classes",
    "epochs": "train.epoch",
    "train.epochs": "train.epoch",
    "patience": "train.early_stopping_rounds",
    "train.patience": "train.early_stopping_rounds",
}
_DEEP = ("hidden_units", "activation_fn", "dropout")


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """What an estimator knows.

    Attributes:
        declarations: Its attributes but for those of the loss and the optimizers.
        classifies: Whether it predicts classes.
        optimizers: By the beginning of its attributes, such as ``optimizer``, the part of the network
            that an optimizer trains; empty for all of it.
        aliases: Other names of attributes.
    """

    declarations: tuple[Declaration, ...]
    classifies: bool
    optimizers: Mapping[str, str]
    aliases: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Values:
    """What a statement says.

    Attributes:
        given: The value of each declared attribute, by its name in full.
        loss: One of :data:`LOSSES`.
        loss_options: Its options.
        optimizers: Those at work.
    """

    given: Mapping[str, Any]
    loss: str
    loss_options: Mapping[str, float]
    optimizers: tuple[OptimizerChoice, ...]

    def __getitem__(self, name: str) -> Any:
        return self.given[name]

    def parameters(self) -> dict[str, Any]:
        """All of it as JSON values, by the names of the attributes."""
        return {
            **{name: _json_value(value) for name, value in self.given.items()},
            "model.loss": self.loss,
            **{f"loss.{name}": value for name, value in self.loss_options.items()},
            **{
                f"{item.prefix}.{name}": value
                for item in self.optimizers
                for name, value in item.options.items()
            },
        }


def deep_declarations(prefix: str = "") -> tuple[Declaration, ...]:
    """The attributes of hidden layers, whose names begin with ``prefix``."""
    return (
        Declaration(name=f"model.{prefix}hidden_units", kind="ints", default=(64, 32), minimum=1),
        Declaration(
            name=f"model.{prefix}activation_fn", kind="text", default="relu", choices=ACTIVATIONS
        ),
        Declaration(
            name=f"model.{prefix}dropout", kind="float", default=0.0, minimum=0.0, below=1.0
        ),
        Declaration(name="model.batch_norm", kind="bool", default=False),
    )


def recurrent_declarations(units: tuple[int, ...]) -> tuple[Declaration, ...]:
    """The attributes of recurrent layers, of these widths by default."""
    return (
        Declaration(name="model.stack_units", kind="ints", default=units, minimum=1),
        Declaration(
            name="model.model_type", kind="text", default="gru", choices=("rnn", "lstm", "gru")
        ),
        Declaration(name="model.bidirectional", kind="bool", default=False),
        Declaration(name="model.dropout", kind="float", default=0.0, minimum=0.0, below=1.0),
    )


def combiner(prefix: str) -> Declaration:
    """How a linear model makes one weight of those of a row's ids; None as COLUMN says."""
    return Declaration(
        name=f"model.{prefix}sparse_combiner", kind="text", choices=("sum", "mean", "sqrtn")
    )


def schema(
    declarations: Sequence[Declaration],
    *,
    classifies: bool,
    optimizers: Mapping[str, str] | None = None,
    training: Mapping[str, Any] | None = None,
) -> Schema:
    """The schema of an estimator.

    Args:
        declarations: Its own attributes.
        classifies: Whether it predicts classes.
        optimizers: See :class:`Schema`; one for all parameters where None.
        training: Other defaults than those of :data:`TRAINING`, by name.
    """
    prefixed = {item.name for item in declarations if item.name.startswith("model.dnn_")}
    aliases = {**_ALIASES}
    for name in _DEEP if prefixed else ():
        aliases |= {name: f"model.dnn_{name}", f"model.{name}": f"model.dnn_{name}"}
    defaults = training or {}
    return Schema(
        declarations=(
            *declarations,
            *(
                Declaration(
                    name=item.name,
                    kind=item.kind,
                    default=defaults.get(item.name, item.default),
                    minimum=item.minimum,
                    choices=item.choices,
                )
                for item in TRAINING
            ),
        ),
        classifies=classifies,
        optimizers=optimizers or {"optimizer": ""},
        aliases=aliases,
    )


def read_values(estimator: str, known: Schema, attributes: tuple[Attribute, ...]) -> Values:
    """What a statement says, checked.

    Raises:
        TerminalError: An attribute is unknown, given twice, or has a wrong value.
    """
    prefixes = [f"{name}." for name in known.optimizers]
    of_optimizers = {
        prefix: [item for item in attributes if item.name.lower().startswith(prefix)]
        for prefix in prefixes
    }
    losses = LOSSES[known.classifies]
    chosen = [
        Declaration(name=f"model.{name}", kind="text", default="Adam", choices=OPTIMIZERS)
        for name in known.optimizers
    ]
    usual = next(iter(losses))
    choices = (*losses, *(alias for alias, name in _LOSS_ALIASES.items() if name in losses))
    loss = Declaration(name="model.loss", kind="text", default=usual, choices=choices)
    options = [
        item for item in _LOSS_OPTIONS if any(_option(item) in names for names in losses.values())
    ]
    declarations = [*known.declarations, *chosen, loss, *options]
    rest = [item for item in attributes if not item.name.lower().startswith(tuple(prefixes))]
    for item in rest:
        if not known.classifies and declared_name(item.name, [CLASS_COUNT], known.aliases):
            raise TerminalError(
                f"{estimator} has no attribute {item.name!r}: it predicts numbers",
                item.span,
                "leave it out, or take an estimator whose name ends with Classifier",
            )
        if declared_name(item.name, declarations, known.aliases) is None:
            near = [f"{prefix}learning_rate" for prefix in prefixes]
            raise unknown_attribute(item, estimator, [*(d.name for d in declarations), *near])
    given = read(rest, declarations, estimator=estimator, aliases=known.aliases)
    written = given.pop("model.loss")
    name = _LOSS_ALIASES.get(written, written)
    loss_options = {_option(item): given.pop(item.name) for item in options}
    loss_options = {key: value for key, value in loss_options.items() if value is not None}
    for key in loss_options:
        if key not in losses[name]:
            attribute = find(rest, f"loss.{key}")
            raise TerminalError(
                f"loss {name} has no option {key!r}",
                attribute.span if attribute else None,
                f"known: {', '.join(losses[name])}" if losses[name] else "leave it out",
            )
    return Values(
        given=given,
        loss=name,
        loss_options=loss_options,
        optimizers=tuple(
            OptimizerChoice(
                name=given[f"model.{key}"],
                options=read_options(given[f"model.{key}"], f"{key}.", of_optimizers[f"{key}."]),
                part=part,
                prefix=key,
            )
            for key, part in known.optimizers.items()
        ),
    )


def class_count(known: Schema, attributes: tuple[Attribute, ...]) -> Attribute | None:
    """The attribute that says how many classes there are."""
    return next(
        (i for i in attributes if declared_name(i.name, [CLASS_COUNT], known.aliases)), None
    )


def _option(declaration: Declaration) -> str:
    return declaration.name.removeprefix("loss.")


def _json_value(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
