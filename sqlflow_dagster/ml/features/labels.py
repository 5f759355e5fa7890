"""The label of a model: classes or amounts, from Arrow and back."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from sqlflow_dagster.errors import TerminalError
from sqlflow_dagster.lang.statements import Attribute
from sqlflow_dagster.ml.attributes import value_span
from sqlflow_dagster.ml.features.arrow_types import column_index, label_type, plain
from sqlflow_dagster.ml.features.spec import Class, LabelSpec
from sqlflow_dagster.ml.tasks import FloatArray, LabelType, Task
from sqlflow_dagster.source import Span

MAX_CLASSES = 1_000
_ARROW: dict[LabelType, pa.DataType] = {
    "string": pa.string(),
    "int64": pa.int64(),
    "double": pa.float64(),
    "bool": pa.bool_(),
}
_SHOWN = 5


def check_label_type(column: str, type_: pa.DataType, span: Span | None) -> LabelType:
    """The type of predictions of a label.

    Raises:
        TerminalError: The column is neither text nor number nor boolean.
    """
    found = label_type(type_)
    if found is None:
        raise TerminalError(
            f"a label is text, a number or a boolean, but column {column!r} has type {type_}",
            span,
            "CAST it in the SELECT",
        )
    return found


def fit_label(
    column: pa.ChunkedArray,
    name: str,
    *,
    task: Task,
    class_count: Attribute | None = None,
    span: Span | None = None,
) -> LabelSpec:
    """Derive what is predicted from the whole label column.

    Args:
        column: The label of all training rows.
        name: As the SELECT spells it.
        task: What the model does with it.
        class_count: The attribute that says how many classes there are.
        span: Where LABEL names it.

    Raises:
        TerminalError: Labels are missing, or they do not suit the task or the number of classes.
    """
    type_ = check_label_type(name, column.type, span)
    array = _complete(plain(column), name, span)
    if task is Task.REGRESSION:
        values = _amounts(array, name, span)
        mean, std = float(values.mean()), float(values.std())
        return LabelSpec(
            name=name,
            type=type_,
            task=task,
            mean=mean,
            std=std if std > 1e-9 * abs(mean) else 1.0,
        )
    if type_ == "double":
        _refuse_fractions(array, name, span)
    counted = array.value_counts()
    counts: dict[Class, int] = dict(
        zip(counted.field("values").to_pylist(), counted.field("counts").to_pylist(), strict=True)
    )
    if len(counts) > MAX_CLASSES:
        raise TerminalError(
            f"label {name!r} has {len(counts)} different values; "
            f"at most {MAX_CLASSES} can be classes",
            span,
            "use an estimator or an objective that predicts numbers",
        )
    classes = sorted(counts)
    if class_count is not None:
        classes = _declared_classes(classes, class_count, name)
    if len(classes) < 2:
        raise TerminalError(
            f"label {name!r} is {classes[0]!r} in every training row; "
            "a classification wants two classes or more",
            span,
        )
    return LabelSpec(
        name=name,
        type=type_,
        task=task,
        classes=tuple(classes),
        counts=tuple(counts.get(item, 0) for item in classes),
    )


def encode_label(
    table: pa.Table, column: str, spec: LabelSpec, span: Span | None = None
) -> npt.NDArray[Any]:
    """The label of rows as class indexes (int64) or amounts (float64), shape (n,).

    Raises:
        TerminalError: The column is missing, has NULLs, or values that training did not know.
    """
    found = table.column(column_index(column, table.column_names, span, "LABEL"))
    check_label_type(column, found.type, span)
    array = _complete(plain(found), column, span)
    if spec.task is Task.REGRESSION:
        return _amounts(array, column, span)
    known = pa.array(
        spec.classes, pa.large_string() if spec.type == "string" else _ARROW[spec.type]
    )
    if pa.types.is_large_string(array.type) != (spec.type == "string"):
        raise TerminalError(
            f"label {column!r} has type {found.type}, "
            f"but the model predicts {spec.name!r} as {spec.type}",
            span,
            "CAST it in the SELECT",
        )
    indexes = pc.index_in(array.cast(known.type), known)
    if indexes.null_count:
        unknown = array.filter(indexes.is_null()).unique().to_pylist()
        raise TerminalError(
            f"label {column!r} has values that the model was not trained on: {_some(unknown)}",
            span,
            f"it knows: {_some(spec.classes)}",
        )
    result: npt.NDArray[Any] = indexes.cast(pa.int64()).to_numpy(
        zero_copy_only=False, writable=True
    )
    return result


def decode(prediction: FloatArray, spec: LabelSpec) -> pa.Array:
    """Predictions in the label's own type: the likeliest class, or a double for a regression.

    Args:
        prediction: Probabilities, shape (n, classes), or amounts, shape (n,).
        spec: What is predicted.
    """
    if spec.task is Task.REGRESSION:
        return pa.array(prediction.astype(np.float64))
    classes = pa.array(spec.classes, _ARROW[spec.type])
    return classes.take(pa.array(prediction.argmax(axis=1)))


def _complete(array: pa.Array, name: str, span: Span | None) -> pa.Array:
    if array.null_count:
        raise TerminalError(
            f"label {name!r} is NULL in {array.null_count} of {len(array)} rows",
            span,
            f"add WHERE {name} IS NOT NULL to the SELECT",
        )
    return array


def _amounts(array: pa.Array, name: str, span: Span | None) -> npt.NDArray[np.float64]:
    if pa.types.is_large_string(array.type):
        raise TerminalError(
            f"label {name!r} is text, but the model predicts numbers",
            span,
            "use an estimator or an objective that predicts classes, or CAST it in the SELECT",
        )
    values: npt.NDArray[np.float64] = array.cast(pa.float64(), safe=False).to_numpy(
        zero_copy_only=False, writable=True
    )
    if not np.isfinite(values).all():
        raise TerminalError(
            f"label {name!r} has values that are infinite or not a number",
            span,
            "filter them out in the SELECT",
        )
    return values


def _refuse_fractions(array: pa.Array, name: str, span: Span | None) -> None:
    fraction = array.filter(pc.not_equal(array, pc.floor(array)))
    if len(fraction):
        raise TerminalError(
            f"a classification wants classes, but label {name!r} has fractions "
            f"such as {fraction[0].as_py()!r}",
            span,
            "use an estimator or an objective that predicts numbers",
        )


def _declared_classes(classes: Sequence[Class], class_count: Attribute, name: str) -> list[Class]:
    """The classes, with whole numbers from 0 that a class count promises but no row has."""
    count = class_count.value
    if count == len(classes):
        return list(classes)
    if (
        isinstance(count, int)
        and count > len(classes)
        and all(isinstance(item, int | float) and 0 <= item < count for item in classes)
        and not isinstance(classes[0], bool)
    ):
        return [type(classes[0])(index) for index in range(count)]
    raise TerminalError(
        f"{class_count.name} is {count}, but label {name!r} has {len(classes)} classes: "
        f"{_some(classes)}",
        value_span(class_count),
        f"write {class_count.name}={len(classes)}, or leave it out",
    )


def _some(values: Sequence[Any]) -> str:
    shown = ", ".join(repr(item) for item in list(values)[:_SHOWN])
    return f"{shown}, …" if len(values) > _SHOWN else shown
