"""The attributes of the networks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
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
    usual = [
        replace(item, default=defaults[item.name]) if item.name in defaults else item
        for item in TRAINING
    ]
    return Schema(
        declarations=(*declarations, *usual),
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
    chosen = [
        Declaration(name=f"model.{name}", kind="text", default="Adam", choices=OPTIMIZERS)
        for name in known.optimizers
    ]
    declarations = [*known.declarations, *chosen, *_loss_declarations(known)]
    rest = [item for item in attributes if not item.name.lower().startswith(tuple(prefixes))]
    near = [f"{prefix}learning_rate" for prefix in prefixes]
    for item in rest:
        _check_known(item, estimator, known, declarations, near)
    given = read(rest, declarations, estimator=estimator, aliases=known.aliases)
    loss, loss_options = _take_loss(given, known, rest)
    return Values(
        given=given,
        loss=loss,
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


def _check_known(
    attribute: Attribute,
    estimator: str,
    known: Schema,
    declarations: Sequence[Declaration],
    near: Sequence[str],
) -> None:
    """Refuse an unknown attribute; ``near`` are names it may have been meant for, besides."""
    if not known.classifies and declared_name(attribute.name, [CLASS_COUNT], known.aliases):
        raise TerminalError(
            f"{estimator} has no attribute {attribute.name!r}: it predicts numbers",
            attribute.span,
            "leave it out, or take an estimator whose name ends with Classifier",
        )
    if declared_name(attribute.name, declarations, known.aliases) is None:
        names = [*(item.name for item in declarations), *near]
        raise unknown_attribute(attribute, estimator, names)


def _loss_declarations(known: Schema) -> list[Declaration]:
    losses = LOSSES[known.classifies]
    choices = (*losses, *(alias for alias, name in _LOSS_ALIASES.items() if name in losses))
    names = {f"loss.{option}" for options in losses.values() for option in options}
    return [
        Declaration(name="model.loss", kind="text", default=next(iter(losses)), choices=choices),
        *(item for item in _LOSS_OPTIONS if item.name in names),
    ]


def _take_loss(
    given: dict[str, Any], known: Schema, attributes: Sequence[Attribute]
) -> tuple[str, dict[str, float]]:
    """Take the loss and its options out of the values given."""
    written = given.pop("model.loss")
    loss = _LOSS_ALIASES.get(written, written)
    allowed = LOSSES[known.classifies][loss]
    options = {}
    for declaration in _LOSS_OPTIONS:
        value = given.pop(declaration.name, None)
        if value is None:
            continue
        name = declaration.name.removeprefix("loss.")
        if name not in allowed:
            attribute = find(attributes, declaration.name)
            raise TerminalError(
                f"loss {loss} has no option {name!r}",
                attribute.span if attribute else None,
                f"known: {', '.join(allowed)}" if allowed else "leave it out",
            )
        options[name] = value
    return loss, options


def class_count(known: Schema, attributes: tuple[Attribute, ...]) -> Attribute | None:
    """The attribute that says how many classes there are."""
    return next(
        (i for i in attributes if declared_name(i.name, [CLASS_COUNT], known.aliases)), None
    )


def _json_value(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
