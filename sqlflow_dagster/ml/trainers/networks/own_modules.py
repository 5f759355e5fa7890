"""Networks of the user's own: any ``torch.nn.Module`` that the allow-list has.

Its constructor gets the attributes ``model.x`` as arguments, and what a network must know of the data where it
has a parameter of one of the names in :data:`INPUT_NAMES` and :data:`OUTPUT_NAMES`. Its ``forward`` takes the
encoded features, float32 of shape (n, slots), and returns a score for each class or a number for each amount,
shape (n, outputs), or shape (n,) where that is one; amounts in units of their standard deviation from their mean.
"""

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from sqlflow_dagster.errors import TerminalError
from sqlflow_dagster.ml.attributes import Declaration
from sqlflow_dagster.ml.base import TrainRequest
from sqlflow_dagster.ml.tasks import LabelType
from sqlflow_dagster.ml.trainers.networks.attributes import CLASS_COUNT, Schema, Values, schema
from sqlflow_dagster.ml.trainers.networks.rows import Rows
from sqlflow_dagster.own_classes import load_class

INPUT_NAMES = ("in_features", "input_dim", "input_size", "n_features", "n_inputs")
"""Parameters of a constructor that get the number of slots."""
OUTPUT_NAMES = (
    "n_classes",
    "n_outputs",
    "num_classes",
    "out_features",
    "output_dim",
    "output_size",
)
"""Parameters of a constructor that get the number of classes, or of amounts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnModule:
    """A class and what its constructor gets.

    Attributes:
        name: ``package.Class``; the allow-list decides whether it is loaded, now and later.
        arguments: Of the constructor, JSON values.
        outputs: How many numbers it says of a row.
    """

    name: str
    arguments: Mapping[str, Any]
    outputs: int

    def to_json(self) -> dict[str, Any]:
        """The class and its arguments as JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "OwnModule":
        """The same from what :meth:`to_json` gave."""
        return cls(**data)

    def same_shape(self, other: Any) -> bool:
        """Whether weights of one fit the other."""
        return isinstance(other, OwnModule) and self == other

    def build(self) -> "OwnNetwork":
        """The network as its constructor makes it.

        Raises:
            PluginError: The allow-list has not the class.
        """
        # A constructor may compute with what it makes, which it cannot on a device without memory.
        with torch.device("cpu"):
            return OwnNetwork(load_class(self.name)(**self.arguments), self)


class OwnNetwork(nn.Module):
    """A network of the user's at work.

    Attributes:
        point_bags: None.
    """

    point_bags: tuple[int, ...] = ()

    def __init__(self, module: nn.Module, own: OwnModule) -> None:
        super().__init__()
        self.module = module
        self.own = own

    def points(self, rows: Rows) -> tuple[Tensor, ...]:
        """The matrix alone."""
        return (rows.matrix,)

    def outputs(self, points: Sequence[Tensor], rows: Rows) -> Tensor:
        """The outputs of rows, shape (n, outputs)."""
        found = self.module(points[0])
        shape = tuple(getattr(found, "shape", ()))
        fits = shape == (len(rows), self.own.outputs)
        if not fits and not (self.own.outputs == 1 and shape == (len(rows),)):
            raise TerminalError(
                f"{self.own.name} returned {_shown(found)} for {len(rows)} rows, "
                f"but a tensor of shape ({len(rows)}, {self.own.outputs}) is wanted",
                hint=f"take the number of outputs as a parameter such as {OUTPUT_NAMES[0]}",
            )
        outputs: Tensor = found.reshape(len(rows), self.own.outputs)
        return outputs

    def forward(self, rows: Rows) -> Tensor:
        """The outputs of rows, shape (n, outputs)."""
        return self.outputs(self.points(rows), rows)


def predicts_classes(name: str, label_type: LabelType | None) -> bool:
    """Whether a module classifies: its attribute ``task`` says so, else its name, else the label.

    Raises:
        PluginError: The allow-list has not the class.
    """
    task: object = getattr(load_class(name), "task", None)
    if task in ("classification", "regression"):
        return task == "classification"
    if name.endswith(("Classifier", "Regressor")):
        return name.endswith("Classifier")
    return label_type not in ("double", "numbers")


def own_schema(name: str, *, classifies: bool) -> Schema:
    """The attributes of a module: the parameters of its constructor, and those of the training."""
    names = [item for item in _parameters(name) if item not in (*INPUT_NAMES, *OUTPUT_NAMES)]
    declared = [Declaration(name=f"model.{item}", kind="any") for item in names]
    if classifies:
        declared.append(CLASS_COUNT)
    return schema(declared, classifies=classifies)


def own_module(request: TrainRequest, values: Values) -> OwnModule:
    """The module of a training.

    Raises:
        TerminalError: The constructor wants what the statement does not give, or refuses what it gives.
    """
    name, label = request.estimator, request.label
    outputs = len(label.classes) or len(label.means)
    parameters = _parameters(name)
    arguments: dict[str, Any] = dict.fromkeys(set(parameters) & set(OUTPUT_NAMES), outputs)
    arguments |= dict.fromkeys(set(parameters) & set(INPUT_NAMES), len(request.features.slots))
    for item in set(parameters) - set(arguments):
        value = values.given.get(f"model.{item}")
        if value is not None:
            arguments[item] = list(value) if isinstance(value, tuple) else value
    empty = inspect.Parameter.empty
    missing = [n for n, item in parameters.items() if item.default is empty and n not in arguments]
    if missing:
        raise TerminalError(
            f"{name} wants {' and '.join(f'model.{item}' for item in missing)}, "
            "which the statement does not give"
        )
    found = OwnModule(name=name, arguments=dict(sorted(arguments.items())), outputs=outputs)
    try:
        found.build()
    except (TypeError, ValueError, RuntimeError) as error:
        raise TerminalError(f"{name} refuses its arguments: {error}") from error
    return found


def _parameters(name: str) -> Mapping[str, inspect.Parameter]:
    by_name = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    signature = inspect.signature(load_class(name))
    return {key: item for key, item in signature.parameters.items() if item.kind in by_name}


def _shown(value: Any) -> str:
    if isinstance(value, Tensor):
        return f"a tensor of shape {tuple(value.shape)}"
    return f"a {type(value).__name__}"
