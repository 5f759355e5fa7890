"""Labels to class indexes and amounts, and back."""

import json
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from sqlflow_dagster.errors import TerminalError
from sqlflow_dagster.lang.expressions import Literal
from sqlflow_dagster.lang.statements import Attribute
from sqlflow_dagster.ml.features.labels import (
    MAX_CLASSES,
    decode,
    encode_label,
    fit_label,
    no_label,
)
from sqlflow_dagster.ml.features.spec import LabelSpec
from sqlflow_dagster.ml.tasks import Task


@pytest.mark.parametrize(
    ("values", "classes", "type_"),
    [
        pytest.param(["b", "a", "b"], ("a", "b"), pa.string(), id="text"),
        pytest.param([9, 5, 9], (5, 9), pa.int64(), id="integers"),
        pytest.param(pa.array([9, 5, 9], pa.int8()), (5, 9), pa.int8(), id="small integers"),
        pytest.param(
            pa.array([2**64 - 2**11, 0, 2**64 - 2**11], pa.uint64()),
            (0.0, 2.0**64 - 2**11),
            pa.uint64(),
            id="large integers without a sign",
        ),
        pytest.param([2.0, 1.0, 2.0], (1.0, 2.0), pa.float64(), id="whole doubles"),
        pytest.param(
            pa.array([2.0, 1.0, 2.0], pa.float32()), (1.0, 2.0), pa.float32(), id="whole floats"
        ),
        pytest.param(
            pa.array([Decimal(2), Decimal(1), Decimal(2)], pa.decimal128(5, 2)),
            (1.0, 2.0),
            pa.decimal128(5, 2),
            id="whole decimals",
        ),
        pytest.param([True, False, True], (False, True), pa.bool_(), id="booleans"),
        pytest.param(
            pa.array(["b", "a", "b"]).dictionary_encode(), ("a", "b"), pa.string(), id="dictionary"
        ),
    ],
)
def test_classes_come_back_as_they_were(
    values: Any, classes: tuple[Any, ...], type_: pa.DataType
) -> None:
    table = pa.table({"y": values})
    spec = fit_label(table.column("y"), "y", task=Task.CLASSIFICATION)
    assert (spec.classes, spec.counts) == (classes, (1, 2))
    indexes = encode_label(table, "y", spec)
    assert indexes.tolist() == [1, 0, 1]
    stored = LabelSpec.from_json(json.loads(json.dumps(spec.to_json())))
    decoded = decode(np.eye(2)[indexes], stored)
    assert decoded.type == type_
    assert decoded.to_pylist() == table.column("y").to_pylist()


@pytest.mark.parametrize(
    ("dtype", "predicted"),
    [
        (pa.int32(), pa.float64()),
        (pa.decimal128(5, 2), pa.float64()),
        (pa.float64(), pa.float64()),
        (pa.float32(), pa.float32()),
        (pa.list_(pa.float32(), 1), pa.list_(pa.float32())),
        (pa.list_(pa.int16(), 1), pa.list_(pa.float64())),
    ],
    ids=str,
)
def test_amounts_keep_their_fractions(dtype: pa.DataType, predicted: pa.DataType) -> None:
    is_list = pa.types.is_list(predicted)
    column = pa.array([[1], [3]] if is_list else [1, 3], dtype)
    spec = fit_label(pa.chunked_array([column]), "y", task=Task.REGRESSION)
    assert (spec.means, spec.stds) == ((2.0,), (1.0,))
    decoded = decode(np.array([[1.5]] if is_list else [1.5]), spec)
    assert decoded.type == predicted
    assert decoded.to_pylist() == ([[1.5]] if is_list else [1.5])


def test_more_classes_than_the_labels_type_has_are_whole_numbers_of_64_bits() -> None:
    declared = Attribute(name="model.n_classes", expression=Literal(value=200))
    column = pa.chunked_array([pa.array([0, 1], pa.int8())])
    spec = fit_label(column, "y", task=Task.CLASSIFICATION, class_count=declared)
    decoded = decode(np.eye(200)[[199]], spec)
    assert (decoded.type, decoded.to_pylist()) == (pa.int64(), [199])


def test_a_label_of_an_older_model_is_of_64_bits() -> None:
    spec = fit_label(pa.chunked_array([pa.array([5, 9], pa.int8())]), "y", task=Task.CLASSIFICATION)
    stored = spec.to_json()
    del stored["dtype"]
    assert decode(np.eye(2), LabelSpec.from_json(stored)).type == pa.int64()


@pytest.mark.parametrize(
    ("values", "task", "message"),
    [
        pytest.param([1, None], Task.CLASSIFICATION, "is NULL in 1 of 2 rows", id="NULL"),
        pytest.param([1, 1], Task.CLASSIFICATION, "is 1 in every training row", id="one class"),
        pytest.param([0.5, 1.0], Task.CLASSIFICATION, "fractions such as 0.5", id="fractions"),
        pytest.param(
            [float("inf"), 1.0], Task.REGRESSION, "infinite or not a number", id="infinite"
        ),
        pytest.param([{"a": 1}, {"a": 2}], Task.CLASSIFICATION, "has type struct", id="struct"),
        pytest.param([[1.0], [2.0, 3.0]], Task.REGRESSION, "between 1 and 2 numbers", id="ragged"),
        pytest.param(
            list(range(MAX_CLASSES + 1)), Task.CLASSIFICATION, "1001 different values", id="many"
        ),
    ],
)
def test_labels_that_cannot_be_learnt_are_refused(values: Any, task: Task, message: str) -> None:
    with pytest.raises(TerminalError) as caught:
        fit_label(pa.chunked_array([pa.array(values)]), "y", task=task)
    assert message in caught.value.message


@pytest.mark.parametrize(
    ("values", "message"),
    [
        pytest.param(["a", "c"], "values that the model was not trained on: 'c'", id="unknown"),
        pytest.param([1, 2], "but the model predicts 'y' as text", id="another type"),
    ],
)
def test_labels_that_the_model_does_not_know_are_refused(values: Any, message: str) -> None:
    spec = fit_label(pa.chunked_array([["a", "b"]]), "y", task=Task.CLASSIFICATION)
    with pytest.raises(TerminalError) as caught:
        encode_label(pa.table({"y": values}), "y", spec)
    assert message in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(
    ("values", "separator"),
    [
        pytest.param(["news,sport", "sport", "", "news"], ",", id="text"),
        pytest.param([["news", "sport"], ["sport"], [], ["news"]], None, id="list"),
    ],
)
def test_several_classes_a_row_survive(values: list[object], separator: str | None) -> None:
    table = pa.table({"y": pa.array(values)})
    spec = fit_label(table.column("y"), "y", task=Task.MULTILABEL, separator=separator)
    assert (spec.classes, spec.counts) == (("news", "sport"), (2, 2))
    encoded = encode_label(table, "y", spec)
    assert encoded.tolist() == [[1, 1], [0, 1], [0, 0], [1, 0]]
    assert decode(encoded.astype(float), spec).to_pylist() == values


def test_several_numbers_a_row_keep_their_width() -> None:
    table = pa.table({"y": pa.array([[5, 9], [9], []], pa.list_(pa.int16()))})
    spec = fit_label(table.column("y"), "y", task=Task.MULTILABEL)
    decoded = decode(encode_label(table, "y", spec).astype(float), spec)
    assert decoded.type == pa.list_(pa.int16())
    assert decoded.to_pylist() == table.column("y").to_pylist()


@pytest.mark.parametrize(
    ("values", "separator"),
    [
        pytest.param(["1.5,2.0", "0.5,4.0"], ",", id="text"),
        pytest.param([[1.5, 2.0], [0.5, 4.0]], None, id="list"),
    ],
)
def test_a_vector_label_survives(values: list[object], separator: str | None) -> None:
    table = pa.table({"y": pa.array(values)})
    spec = fit_label(table.column("y"), "y", task=Task.REGRESSION, separator=separator)
    assert (spec.means, spec.stds) == ((1.0, 3.0), (0.5, 1.0))
    encoded = encode_label(table, "y", spec)
    assert encoded.tolist() == [[1.5, 2.0], [0.5, 4.0]]
    assert decode(encoded, spec).to_pylist() == (
        values if separator is None else ["1.5,2", "0.5,4"]
    )


@pytest.mark.parametrize(
    ("task", "prediction", "name", "expected"),
    [
        pytest.param(Task.CLUSTERING, [2.0, -1.0], "cluster", [2, -1], id="clusters"),
        pytest.param(Task.OUTLIER_DETECTION, [0.3, -0.1], "outlier", [1, -1], id="outliers"),
        pytest.param(
            Task.DECOMPOSITION,
            [[0.5, 1.0], [2.0, 3.0]],
            "components",
            ["0.5,1", "2,3"],
            id="components",
        ),
    ],
)
def test_what_is_predicted_without_a_label(
    task: Task, prediction: list[object], name: str, expected: list[object]
) -> None:
    spec = no_label(task)
    assert (spec.name, spec.column) == (name, None)
    assert decode(np.array(prediction), spec).to_pylist() == expected
