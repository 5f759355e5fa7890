"""The label of a model: classes or amounts, one or a list of them, from Arrow and back."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, assert_never

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from sqlflow_dagster.errors import TerminalError
from sqlflow_dagster.lang.statements import Attribute
from sqlflow_dagster.ml.attributes import value_span
from sqlflow_dagster.ml.features.arrow_types import (
    column_index,
    label_type,
    number_type,
    plain,
    type_of,
    type_text,
)
from sqlflow_dagster.ml.features.spec import Class, LabelSpec
from sqlflow_dagster.ml.tasks import FloatArray, LabelType, Task
from sqlflow_dagster.source import Span

MAX_CLASSES = 1_000
MULTILABEL_THRESHOLD = 0.5
_NAMES = {
    Task.CLUSTERING: "cluster",
    Task.OUTLIER_DETECTION: "outlier",
    Task.DECOMPOSITION: "components",
}
_ARROW: dict[LabelType, pa.DataType] = {
    "string": pa.string(),
    "int64": pa.int64(),
    "double": pa.float64(),
    "bool": pa.bool_(),
    "texts": pa.string(),
    "numbers": pa.float64(),
}
_COUNTS = (pa.bool_(), pa.int64())
"""The types of classes that wider numbers would be cut down to."""
_SHOWN = 5


def check_label_type(column: str, type_: pa.DataType, span: Span | None) -> LabelType:
    """The type of a label.

    Raises:
        TerminalError: The column is neither text nor number nor boolean, nor a list of one of them.
    """
    found = label_type(type_)
    if found is None:
        raise TerminalError(
            f"a label is text, a number or a boolean, or a list of them, "
            f"but column {column!r} has type {type_}",
            span,
            "CAST it in the SELECT",
        )
    return found


def no_label(task: Task) -> LabelSpec:
    """What a model predicts that learns without a label."""
    type_: LabelType = "string" if task is Task.DECOMPOSITION else "int64"
    return LabelSpec(name=_NAMES[task], type=type_, task=task)


def fit_label(
    column: pa.ChunkedArray,
    name: str,
    *,
    task: Task,
    class_count: Attribute | None = None,
    separator: str | None = None,
    span: Span | None = None,
) -> LabelSpec:
    """Derive what is predicted from the whole label column.

    Args:
        column: The label of all training rows.
        name: As the SELECT spells it.
        task: What the model does with it.
        class_count: The attribute that says how many classes there are.
        separator: What parts the values of a text that is a list.
        span: Where LABEL names it.

    Raises:
        TerminalError: Labels are missing, or they do not suit the task or the number of classes.
    """
    spec = LabelSpec(
        name=name, type=check_label_type(name, column.type, span), task=task, separator=separator
    )
    array = _complete(plain(column), name, span)
    if not task.predicts_classes:
        # Of whole numbers and decimals, a prediction has more digits.
        if task is Task.REGRESSION and number_type(column.type) == pa.float32():
            spec = replace(spec, dtype="float")
        return measured(spec, _amounts(array, spec, name, span))
    items = _items(array, spec, name, span)[0] if spec.is_list else array
    if items.type == pa.float64():
        _refuse_fractions(items, name, span)
    counted = items.value_counts()
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
            f"label {name!r} is {classes[0] if classes else None!r} in every training row; "
            "a classification wants two classes or more",
            span,
        )
    found = tuple(counts.get(item, 0) for item in classes)
    means = tuple(item / len(array) for item in found) if task is Task.MULTILABEL else spec.means
    dtype = _dtype_of(classes, number_type(column.type))
    return replace(spec, dtype=dtype, classes=tuple(classes), counts=found, means=means)


def measured(spec: LabelSpec, labels: npt.NDArray[Any]) -> LabelSpec:
    """The specification with the counts, means and deviations of some rows.

    Args:
        spec: What is predicted; its classes stay.
        labels: Encoded labels of at least one row.
    """
    match spec.task:
        case Task.CLASSIFICATION:
            counts = np.bincount(labels, minlength=len(spec.classes))
            return replace(spec, counts=tuple(counts.tolist()))
        case Task.MULTILABEL:
            return replace(
                spec,
                counts=tuple(labels.sum(axis=0).tolist()),
                means=tuple(labels.mean(axis=0).tolist()),
            )
        case _:
            means, stds = labels.mean(axis=0).reshape(-1), labels.std(axis=0).reshape(-1)
            # Equal values have a spread too, of rounding errors, which must not become the unit.
            stds = np.where(stds > 1e-9 * np.abs(means), stds, 1.0)
            return replace(spec, means=tuple(means.tolist()), stds=tuple(stds.tolist()))


def encode_label(
    table: pa.Table,
    column: str,
    spec: LabelSpec,
    span: Span | None = None,
    *,
    unseen: bool = False,
) -> npt.NDArray[Any]:
    """The label of rows, in the shapes of :class:`~sqlflow_dagster.ml.base.Dataset`.

    Args:
        table: The rows.
        column: The label's column.
        spec: What is predicted.
        span: Where LABEL names it.
        unseen: Whether all classes that training did not know are one more class, after those that it
            knew; of several classes a row, only where there is one. Else they are an error.

    Raises:
        TerminalError: The column is missing, has NULLs, or values that training did not know.
    """
    found = table.column(column_index(column, table.column_names, span, "LABEL"))
    check_label_type(column, found.type, span)
    array = _complete(plain(found), column, span)
    if not spec.task.predicts_classes:
        return _amounts(array, spec, column, span)
    if not spec.is_list:
        return _class_indexes(array, spec, column, span, unseen=unseen)
    items, rows = _items(array, spec, column, span)
    indexes = _class_indexes(items, spec, column, span, unseen=unseen)
    width = max(len(spec.classes), int(indexes.max(initial=-1)) + 1)
    result = np.zeros((len(array), width), dtype=np.int64)
    result[rows, indexes] = 1
    return result


def decode(prediction: FloatArray, spec: LabelSpec) -> pa.Array:
    """Predictions as a column of a table.

    Args:
        prediction: See :class:`~sqlflow_dagster.ml.tasks.Task`.
        spec: What is predicted.

    Returns:
        The likeliest class in the label's own type; an amount as a double, or as a float where the
        label was one; the number of a cluster; -1 for an outlier and 1 for another row; or, of classes
        and amounts that are lists, a list where the label was one, else a text.
    """
    match spec.task:
        case Task.CLASSIFICATION:
            return _classes(spec).take(pa.array(prediction.argmax(axis=1)))
        case Task.MULTILABEL:
            rows, indexes = np.nonzero(prediction >= MULTILABEL_THRESHOLD)
            ends = np.searchsorted(rows, np.arange(len(prediction) + 1))
            return _lists(ends, _classes(spec).take(pa.array(indexes)), spec)
        case Task.CLUSTERING:
            return pa.array(prediction.astype(np.int64))
        case Task.OUTLIER_DETECTION:
            return pa.array(np.where(prediction < 0, -1, 1))
        case Task.REGRESSION | Task.RANKING | Task.DECOMPOSITION:
            amounts = pa.array(prediction.reshape(-1)).cast(type_of(spec.dtype or "double"))
            if prediction.ndim == 1:
                return amounts
            ends = np.arange(len(prediction) + 1) * prediction.shape[1]
            return _lists(ends, amounts, spec)
        case _:
            assert_never(spec.task)


def _classes(spec: LabelSpec) -> pa.Array:
    if spec.dtype is None:
        return pa.array(spec.classes, _ARROW[spec.type])
    return pa.array(spec.classes).cast(type_of(spec.dtype))


def _dtype_of(classes: Sequence[Class], type_: pa.DataType | None) -> str | None:
    """The label's type, unless one of the classes is too large for it: there may be more than it has."""
    if type_ is None:
        return None
    try:
        pa.array(classes).cast(type_)
    except pa.ArrowInvalid:
        return None
    return str(type_)


def _lists(ends: npt.NDArray[np.int64], items: pa.Array, spec: LabelSpec) -> pa.Array:
    if spec.type in ("texts", "numbers"):
        return pa.ListArray.from_arrays(pa.array(ends, pa.int32()), items)
    lists = pa.ListArray.from_arrays(pa.array(ends, pa.int32()), items.cast(pa.string()))
    return pc.binary_join(lists, spec.separator or ",")


def _items(
    array: pa.Array, spec: LabelSpec, name: str, span: Span | None
) -> tuple[pa.Array, npt.NDArray[np.int64]]:
    """The values of all lists, one after the other, and the row of each."""
    if not pa.types.is_large_list(array.type):
        if not pa.types.is_large_string(array.type):
            raise TerminalError(
                f"label {name!r} is a list of the model, but it is {type_text(array.type)}", span
            )
        array = pc.split_pattern(array, spec.separator)
    lengths = pc.list_value_length(array).to_numpy(zero_copy_only=False)
    items = plain(pc.list_flatten(array))
    rows = np.repeat(np.arange(len(array)), lengths)
    if pa.types.is_large_string(items.type):
        items = pc.utf8_trim_whitespace(items)
        written = pc.not_equal(items, "")
        items, rows = items.filter(written), rows[written.to_numpy(zero_copy_only=False)]
    return items, rows


def _class_indexes(
    array: pa.Array, spec: LabelSpec, column: str, span: Span | None, *, unseen: bool
) -> npt.NDArray[np.int64]:
    known = pa.array(
        spec.classes,
        pa.large_string() if isinstance(spec.classes[0], str) else _ARROW[spec.type],
    )
    if pa.types.is_large_string(array.type) != pa.types.is_large_string(known.type):
        raise TerminalError(
            f"label {column!r} is {type_text(array.type)}, "
            f"but the model predicts {spec.name!r} as {type_text(_ARROW[spec.type])}",
            span,
            "CAST it in the SELECT",
        )
    if known.type in _COUNTS and array.type in (pa.int64(), pa.float64()):
        known = known.cast(array.type)
    indexes = pc.index_in(array.cast(known.type), known)
    if unseen:
        indexes = indexes.fill_null(len(spec.classes))
    elif indexes.null_count:
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


def _complete(array: pa.Array, name: str, span: Span | None) -> pa.Array:
    if array.null_count:
        raise TerminalError(
            f"label {name!r} is NULL in {array.null_count} of {len(array)} rows",
            span,
            f"add WHERE {name} IS NOT NULL to the SELECT",
        )
    return array


def _amounts(
    array: pa.Array, spec: LabelSpec, name: str, span: Span | None
) -> npt.NDArray[np.float64]:
    """The amounts, shape (n,), or (n, width) where the label is a list."""
    rows = len(array)
    if spec.is_list:
        array = _vectors(array, spec, name, span)
    elif pa.types.is_large_string(array.type):
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
    return values.reshape(rows, -1) if spec.is_list else values


def _vectors(array: pa.Array, spec: LabelSpec, name: str, span: Span | None) -> pa.Array:
    """The amounts of all rows, one after the other; every row has as many."""
    items, rows = _items(array, spec, name, span)
    lengths = np.bincount(rows, minlength=len(array))
    if len(set(lengths.tolist())) > 1:
        raise TerminalError(
            f"label {name!r} has between {lengths.min()} and {lengths.max()} numbers a row; "
            "a model predicts the same number of them for every row",
            span,
        )
    if not pa.types.is_large_string(items.type):
        return items
    try:
        return items.cast(pa.float64())
    except pa.ArrowInvalid as error:
        raise TerminalError(
            f"label {name!r} has values that are no lists of numbers: {error}", span
        ) from error


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
