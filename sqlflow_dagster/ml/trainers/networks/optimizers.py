"""Optimizers by the names of the original SQLFlow and of PyTorch, and their options."""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlflow_dagster.errors import TerminalError, did_you_mean
from sqlflow_dagster.lang.statements import Attribute
from sqlflow_dagster.ml.attributes import value_span

if TYPE_CHECKING:
    from torch import nn

OPTIMIZERS = (
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Ftrl",
    "NAdam",
    "RMSprop",
    "SGD",
)
LEARNING_RATE = 0.003
# FTRL-Proximal without its L1 term takes the steps of Adagrad (McMahan, Follow-the-Regularized-Leader
# and Mirror Descent, 2011).
_SUBSTITUTES = {"Ftrl": "Adagrad"}
# The names of TensorFlow, which programs of the original use, for those of PyTorch.
_ALIASES = {
    "learning_rate": "lr",
    "epsilon": "eps",
    "decay": "weight_decay",
    "l2_regularization_strength": "weight_decay",
}
_OWN_ALIASES = {"RMSprop": {"rho": "alpha"}}
_BETAS = {"beta_1": 0.9, "beta_2": 0.999}
_HOW_NOT_WHAT = {"foreach", "capturable", "differentiable", "fused", "maximize"}


@dataclass(frozen=True, slots=True, kw_only=True)
class OptimizerChoice:
    """An optimizer of some parameters.

    Attributes:
        name: One of :data:`OPTIMIZERS`.
        options: Its arguments by the names of PyTorch.
        part: The beginning of the names of its parameters; empty for all.
        prefix: Of its attributes.
    """

    name: str
    options: Mapping[str, Any]
    part: str = ""
    prefix: str = "optimizer"


def read_options(optimizer: str, prefix: str, attributes: list[Attribute]) -> dict[str, Any]:
    """Arguments of an optimizer by PyTorch's names, checked against its signature.

    Args:
        optimizer: One of :data:`OPTIMIZERS`.
        prefix: Of the attributes, such as ``optimizer.``.
        attributes: Those of the statement with the prefix.

    Raises:
        TerminalError: It has no such option, or the option has a wrong value.
    """
    known = _options_of(optimizer)
    aliases = {**_ALIASES, **_OWN_ALIASES.get(optimizer, {})}
    options: dict[str, Any] = {"lr": LEARNING_RATE}
    betas = dict(_BETAS)
    names_given: set[str] = set()
    for attribute in attributes:
        written = attribute.name[len(prefix) :].lower()
        name = "betas" if written in betas else aliases.get(written, written)
        if name not in known:
            names = {"learning_rate", *known} - {"lr"}
            raise TerminalError(
                f"optimizer {optimizer} has no option {written!r}",
                attribute.span,
                did_you_mean(written, names) or f"known: {', '.join(sorted(names))}",
            )
        once = written if written in betas else name
        if once in names_given:
            raise TerminalError(
                f"attribute {attribute.name} is given twice", attribute.span, "keep one of them"
            )
        names_given.add(once)
        value: Any = attribute.value
        if written in betas:
            betas[written] = _number(attribute)
            value = list(betas.values())
        elif name == "betas":
            value = list(value) if isinstance(value, tuple) else value
        elif not isinstance(value, bool):
            value = _number(attribute)
        options[name] = value
    return options


def build_optimizer(choice: OptimizerChoice, network: "nn.Module") -> Any:
    """The optimizer of the parameters of a network that the choice is for."""
    options = {
        name: tuple(item) if isinstance(item, list) else item
        for name, item in choice.options.items()
    }
    parameters = [item for name, item in network.named_parameters() if name.startswith(choice.part)]
    return _class_of(choice.name)(parameters, **options)


def _class_of(optimizer: str) -> Any:
    from torch import optim

    return getattr(optim, _SUBSTITUTES.get(optimizer, optimizer))


def _options_of(optimizer: str) -> set[str]:
    signature = inspect.signature(_class_of(optimizer).__init__)
    return {
        name
        for name, item in signature.parameters.items()
        if isinstance(item.default, bool | int | float) or name == "betas"
    } - _HOW_NOT_WHAT


def _number(attribute: Attribute) -> float:
    value = attribute.value
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise TerminalError(
            f"attribute {attribute.name} wants a number from 0, but its value is {value!r}",
            value_span(attribute),
        )
    return float(value)
