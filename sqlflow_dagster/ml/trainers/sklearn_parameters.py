"""Parameters of scikit-learn's estimators, checked by the library's own declarations."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from sqlflow_dagster.errors import PluginError, TerminalError
from sqlflow_dagster.lang.statements import Attribute
from sqlflow_dagster.ml.attributes import unknown_attribute, value_span

Given: TypeAlias = Mapping[str, tuple[Any, Attribute]]
"""Values by the library's names of parameters, each with the attribute that gives it."""

# Parameters that are an estimator, or a list of them, and are given by name.
_ESTIMATOR = ("estimator", "final_estimator", "regressor")
_ESTIMATORS = "estimators"
# What the encoding decides: which slots are categories.
_OF_SLOTS = ("categorical_features", "interaction_cst", "monotonic_cst")


def read_parameters(estimator: str, class_: type, attributes: Sequence[Attribute]) -> Given:
    """The parameters that a statement gives, by the library's names.

    ``estimator__max_depth`` is the parameter ``max_depth`` of the parameter ``estimator``, as in
    the library itself.

    Raises:
        TerminalError: There is no such parameter, or it is given twice.
    """
    known = [name for name in _signature(class_) if name not in _OF_SLOTS]
    found: dict[str, tuple[Any, Attribute]] = {}
    for attribute in attributes:
        written = attribute.name
        name = written[len("model.") :] if written.lower().startswith("model.") else written
        own, nested, rest = name.partition("__")
        spelt = {item.lower(): item for item in known}.get(own.lower())
        if spelt is None or (nested and spelt not in _ESTIMATOR):
            raise unknown_attribute(attribute, estimator, known)
        name = f"{spelt}{nested}{rest}"
        if name in found:
            raise TerminalError(
                f"attribute {name} is given twice", attribute.span, "keep one of them"
            )
        found[name] = (_plain(attribute.value), attribute)
    return found


def constructed(
    estimator: str, class_: type, given: Given, named_class: Callable[[str], type]
) -> Any:
    """An estimator with these parameters.

    Args:
        estimator: As the user spelt it.
        class_: Its class.
        given: Its parameters.
        named_class: The class of an estimator that is a parameter.

    Raises:
        TerminalError: A value is wrong, with the library's own words, or one is missing.
    """
    values = {}
    for name, (value, attribute) in given.items():
        if "__" not in name:
            values[name] = _argument(name, value, attribute, named_class)
    for name in missing_parameters(class_, values):
        hint = f'write model.{name}="LogisticRegression"' if name in _ESTIMATOR else None
        raise TerminalError(f"{estimator} wants the parameter {name}", hint=hint)
    for name, value in values.items():
        _check(class_, name, value, given[name][1])
    try:
        made = class_(**values)
    except (TypeError, ValueError) as error:
        raise TerminalError(f"{estimator} refuses its parameters: {error}") from error
    if class_.__name__ == "LocalOutlierFactor" and "novelty" not in values:
        made.set_params(novelty=True)  # else it tells nothing of rows that it was not fitted on
    for name, (value, attribute) in given.items():
        if "__" in name:
            _set_nested(made, name, value, attribute)
    return made


def missing_parameters(class_: type, values: Mapping[str, Any]) -> list[str]:
    """Parameters without a default that are not given.

    ``estimator`` counts where its default is None and means that the library refuses to fit.
    """
    missing = [
        name
        for name, item in _signature(class_).items()
        if item.default is inspect.Parameter.empty and name not in values
    ]
    if class_.__name__ == "SelfTrainingClassifier" and "estimator" not in values:
        missing.append("estimator")
    return missing


def with_seed(estimator: Any, seed: int) -> Any:
    """The estimator with a seed for every random choice that the statement leaves open."""
    from sklearn.base import BaseEstimator

    if not isinstance(estimator, BaseEstimator):
        if "random_state" in _signature(type(estimator)) and estimator.random_state is None:
            estimator.random_state = seed
        return estimator
    names = [
        name
        for name, value in estimator.get_params().items()
        if name.split("__")[-1] == "random_state" and value is None
    ]
    return estimator.set_params(**dict.fromkeys(names, seed))


def _signature(class_: type) -> Mapping[str, inspect.Parameter]:
    parameters = inspect.signature(class_).parameters
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return {name: item for name, item in parameters.items() if item.kind not in kinds}


def _argument(
    name: str, value: Any, attribute: Attribute, named_class: Callable[[str], type]
) -> Any:
    try:
        if name in _ESTIMATOR and isinstance(value, str):
            return _defaulted(named_class(value))
        if name == _ESTIMATORS:
            names = value.split(",") if isinstance(value, str) else value or ()
            classes = [named_class(str(item).strip()) for item in names]
            return [
                (f"{class_.__name__.lower()}{index}", _defaulted(class_))
                for index, class_ in enumerate(classes)
            ]
    except (TerminalError, PluginError) as error:
        raise TerminalError(error.message, value_span(attribute), error.hint) from error
    if name == "score_func":
        return _score_function(value, attribute)
    return value


def _defaulted(class_: type) -> Any:
    missing = missing_parameters(class_, {})
    if missing:
        raise TerminalError(
            f"{class_.__name__} cannot be a parameter here: it wants {', '.join(missing)} itself"
        )
    return class_()


def _score_function(value: Any, attribute: Attribute) -> Any:
    from sklearn import feature_selection

    names = ("chi2", "f_classif", "f_regression", "mutual_info_classif", "mutual_info_regression")
    if value not in names:
        raise TerminalError(
            f"score_func has no choice {value!r}",
            value_span(attribute),
            f"known: {', '.join(names)}",
        )
    return getattr(feature_selection, value)


def _check(class_: type, name: str, value: Any, attribute: Attribute) -> None:
    from sklearn.utils._param_validation import (
        InvalidParameterError,
        validate_parameter_constraints,
    )

    constraints = getattr(class_, "_parameter_constraints", {})
    try:
        validate_parameter_constraints(constraints, {name: value}, class_.__name__)
    except InvalidParameterError as error:
        text = str(error).rstrip(".")
        raise TerminalError(text[0].lower() + text[1:], value_span(attribute)) from error


def _set_nested(estimator: Any, name: str, value: Any, attribute: Attribute) -> None:
    path, _, last = name.rpartition("__")
    inner = estimator.get_params().get(path)
    if inner is None:
        raise TerminalError(
            f"{name} is a parameter of {path}, which is not given",
            attribute.span,
            f'add model.{path}="LogisticRegression"',
        )
    if last not in _signature(type(inner)):
        raise unknown_attribute(
            attribute, type(inner).__name__, [f"{path}__{item}" for item in _signature(type(inner))]
        )
    _check(type(inner), last, value, attribute)
    estimator.set_params(**{name: value})


def _plain(value: Any) -> Any:
    """Lists as the library takes them: tuples of numbers, lists of texts."""
    if isinstance(value, tuple) and any(isinstance(item, str) for item in value):
        return list(value)
    return value
