"""Arrow tables to matrices: the one function that training, prediction and explanation share."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from sqlflow_dagster.errors import TerminalError
from sqlflow_dagster.ml.features.arrow_types import (
    as_categories,
    column_index,
    fits,
    moment_parts,
    plain,
)
from sqlflow_dagster.ml.features.spec import (
    EncodedTable,
    Feature,
    FeatureKind,
    FeatureSpec,
    Layout,
    slots_of,
)

Floats = npt.NDArray[np.float64]


def encode(table: pa.Table, spec: FeatureSpec) -> EncodedTable:
    """Encode rows as a specification says.

    Columns are found by name, in any order; other columns do not matter. In the ``TREES`` layout
    NULL is NaN and a category that training did not know has a code of its own, the one after the
    last. In the ``SCALED`` layout NULL is the mean of a number, no category at all, and sets the
    column's flag; an unknown category sets no slot, or that of the categories that were cut.

    Args:
        table: ``n`` rows, with at least the columns of the specification.
        spec: What the model knows of its inputs.

    Raises:
        TerminalError: A column is missing, has another kind of type, or holds an infinite number.
    """
    slots = spec.slots
    matrix = np.empty((table.num_rows, len(slots)), dtype=np.float32)
    start = 0
    for feature in spec.features:
        width = len(slots_of(feature, spec.layout))
        index = column_index(feature.column, table.column_names, None, "the model")
        column = table.column(index)
        if not fits(feature, column.type):
            raise wrong_type(feature, column.type)
        _encode(plain(column), feature, spec.layout, matrix[:, start : start + width])
        start += width
    return EncodedTable(matrix=matrix, slots=slots)


def wrong_type(feature: Feature, type_: pa.DataType) -> TerminalError:
    """The error for a column whose type is not that of the feature."""
    return TerminalError(
        f"column {feature.column!r} has type {type_}, "
        f"but the model was trained with {feature.dtype}",
        hint="CAST it in the SELECT",
    )


def _encode(
    array: pa.Array, feature: Feature, layout: Layout, into: npt.NDArray[np.float32]
) -> None:
    if feature.kind is not FeatureKind.CATEGORY:
        _encode_numbers(array, feature, layout, into)
    elif layout is Layout.TREES and not feature.one_hot:
        into[:, 0] = np.where(_nulls(array), np.nan, _codes(array, feature))
    else:
        _encode_one_hot(array, feature, into)


def _encode_numbers(
    array: pa.Array, feature: Feature, layout: Layout, into: npt.NDArray[np.float32]
) -> None:
    if feature.kind is FeatureKind.MOMENT:
        arrays = moment_parts(array, [part.name for part in feature.parts])
    else:
        arrays = [array.cast(pa.float64(), safe=False)]
    for index, (part, numbers) in enumerate(zip(feature.parts, arrays, strict=True)):
        values: Floats = numbers.to_numpy(zero_copy_only=False)
        _refuse_infinite(values, feature)
        if layout is Layout.SCALED:
            values = np.nan_to_num((values - part.mean) / part.std, nan=0.0)
        into[:, index] = values
    if layout is Layout.SCALED and feature.nulls:
        into[:, -1] = np.isnan(arrays[0].to_numpy(zero_copy_only=False))


def _encode_one_hot(array: pa.Array, feature: Feature, into: npt.NDArray[np.float32]) -> None:
    into[:] = 0.0
    nulls = _nulls(array)
    codes = _codes(array, feature)
    known = ~nulls & ((codes < len(feature.vocabulary)) | feature.has_other)
    rows = np.flatnonzero(known)
    into[rows, codes[rows]] = 1.0
    if feature.nulls:
        into[:, -1] = nulls


def _codes(array: pa.Array, feature: Feature) -> npt.NDArray[np.int32]:
    """The place in the vocabulary; its length for an unknown category and, unread, for NULL."""
    unknown = len(feature.vocabulary)
    if not unknown:
        return np.zeros(len(array), dtype=np.int32)
    categories = as_categories(array, feature.vocabulary)
    found = pc.index_in(categories, pa.array(feature.vocabulary, categories.type))
    codes: npt.NDArray[np.int32] = found.fill_null(unknown).to_numpy(zero_copy_only=False)
    return codes


def _nulls(array: pa.Array) -> npt.NDArray[np.bool_]:
    nulls: npt.NDArray[np.bool_] = array.is_null().to_numpy(zero_copy_only=False)
    return nulls


def _refuse_infinite(values: Floats, feature: Feature) -> None:
    limit = float(np.finfo(np.float32).max)
    with np.errstate(invalid="ignore"):
        too_large = int(np.count_nonzero(np.abs(values) > limit))
    if too_large:
        raise TerminalError(
            f"column {feature.column!r} has {too_large} values that are infinite or "
            f"larger than {limit:.1e}",
            hint="filter them out in the SELECT, or turn them into NULL",
        )
