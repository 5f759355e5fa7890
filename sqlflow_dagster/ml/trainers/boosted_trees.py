"""``BoostedTreesClassifier`` and ``BoostedTreesRegressor``: TensorFlow's names for boosted trees.

TensorFlow has them no longer. XGBoost grows them here, with its parameters put for TensorFlow's, so
that programs of the original run; the trees are not the same.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from sqlflow_dagster.errors import TerminalError, did_you_mean
from sqlflow_dagster.lang.expressions import Literal
from sqlflow_dagster.lang.statements import Attribute
from sqlflow_dagster.ml.attributes import value_span

_NAMES = {
    "n_trees": "train.num_boost_round",
    "max_depth": "max_depth",
    "learning_rate": "learning_rate",
    "l1_regularization": "reg_alpha",
    "l2_regularization": "reg_lambda",
    "tree_complexity": "gamma",
    "min_node_weight": "min_child_weight",
    "n_classes": "num_class",
    "n_class": "num_class",
    "train.num_boost_round": "train.num_boost_round",
    "train.early_stopping_rounds": "train.early_stopping_rounds",
    "early_stopping_rounds": "train.early_stopping_rounds",
}
_OTHERS = ("quantile_sketch_epsilon", "center_bias")
# They tell how data are cut up for a network's steps; trees see all rows in every round.
_WITHOUT_EFFECT = (
    "n_batches_per_layer",
    "train_in_memory",
    "train.batch_size",
    "train.epoch",
)
_INSTEAD = {
    "weight_column": "use train.weight_column",
    "label_vocabulary": "leave it out: the classes are those of the label",
    "label_dimension": "leave it out: a label that is a list has as many amounts as it has",
    "pruning_mode": "leave it out: a split that gains less than tree_complexity is not made",
    "train.max_steps": "use n_trees",
}


def is_boosted_trees(estimator: str) -> bool:
    """Whether an estimator has TensorFlow's names of parameters."""
    return estimator.lower().startswith("boostedtrees")


def translated(estimator: str, attributes: Sequence[Attribute]) -> tuple[Attribute, ...]:
    """The attributes with XGBoost's names and values; each keeps its place.

    Raises:
        TerminalError: XGBoost has nothing for an attribute, or there is none of that name.
    """
    return tuple(item for attribute in attributes for item in _translated(estimator, attribute))


def _translated(estimator: str, attribute: Attribute) -> Iterator[Attribute]:
    name = attribute.name.lower().removeprefix("model.")
    if name in _WITHOUT_EFFECT:
        return
    if name in _NAMES:
        yield replace(attribute, name=_NAMES[name])
    elif name == "quantile_sketch_epsilon":
        yield _bins(attribute)
    elif name == "center_bias":
        # XGBoost starts from the mean by itself.
        if attribute.value is not True:
            raise TerminalError(
                f"{estimator} starts from the mean of the label", attribute.span, "leave it out"
            )
    elif name in _INSTEAD:
        raise TerminalError(
            f"{estimator} runs on XGBoost, which has nothing for {name}",
            attribute.span,
            _INSTEAD[name],
        )
    else:
        known = [*_NAMES, *_OTHERS]
        raise TerminalError(
            f"{estimator} has no attribute {attribute.name!r}",
            attribute.span,
            did_you_mean(name, known) or f"known: {', '.join(sorted(known))}",
        )


def _bins(attribute: Attribute) -> Attribute:
    """An error of quantiles as the number of them."""
    value = attribute.value
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 0.5:
        raise TerminalError(
            f"{attribute.name} wants a number up to 0.5, but its value is {value!r}",
            value_span(attribute),
        )
    bins = Literal(value=round(1 / value), span=attribute.expression.span)
    return replace(attribute, name="max_bin", expression=bins)
