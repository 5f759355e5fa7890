"""Measuring categories: vocabularies, boundaries of buckets, and what becomes of them."""

import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from sqlflow_dagster.errors import TerminalError
from sqlflow_dagster.graph.column_checks import is_key_name
from sqlflow_dagster.ml.features.arrow_types import as_categories, plain, plain_type
from sqlflow_dagster.ml.features.feature import (
    CellFormat,
    Embedding,
    Encoding,
    Feature,
    IdMethod,
    IdRule,
)
from sqlflow_dagster.ml.features.spec import Layout
from sqlflow_dagster.ml.features.treatments import Categories, Treatment

MAX_CATEGORIES = {Layout.TREES: 10_000, Layout.SCALED: 1_000, Layout.NETWORK: 10_000}
"""More categories than this must be asked for by ``CATEGORY_ID(x, n)``: such a column is most
likely an identifier, and one-hot slots cost ``rows * categories * 4`` bytes."""

MAX_SLOTS = 1_000
"""The most one-hot slots that a feature takes without being asked."""

MAX_ASKED_SLOTS = 10_000
"""The most one-hot slots that a feature takes at all."""

ONE_HOT_IDS = 50
"""A network gets a slot a category up to this number, and vectors to look up beyond."""

KEY_ROWS = 100
"""In fewer rows than this, numbers may well all differ without being keys."""

_FIRST_LOOK = 1_000


def vector_dimension(ids: int) -> int:
    """The dimension of the vectors of so many categories where COLUMN does not say.

    The rule of fastai's tabular models, ``1.6 * ids ** 0.56``, up to 64.
    """
    return min(64, round(1.6 * math.pow(ids, 0.56)))


def fit_ids(values: pa.Array, categories: Categories) -> tuple[IdRule, bool]:
    """How values become ids, and whether categories were cut.

    Args:
        values: Of all training rows, plain.
        categories: What COLUMN says.
    """
    if categories.hashed:
        return IdRule(method=IdMethod.HASH, size=categories.size or 1), False
    counts = as_categories(values).drop_null().value_counts()
    table = pa.table({"value": counts.field("values"), "count": counts.field("counts")})
    order = [("count", "descending"), ("value", "ascending")]
    kept = table.take(pc.sort_indices(table, sort_keys=order)[: categories.size]).column("value")
    rule = IdRule(method=IdMethod.VOCABULARY, vocabulary=_sorted(kept.combine_chunks()))
    return rule, len(kept) < len(table)


def _sorted(values: pa.Array) -> tuple[str | int | bool, ...]:
    """Categories in order; texts that are whole numbers by their numbers."""
    if pa.types.is_large_string(values.type):
        numbers = pc.all(pc.match_substring_regex(values, r"^\d{1,18}$")).as_py()
        keys = values.cast(pa.int64()) if numbers else values
        return tuple(values.take(pc.sort_indices(keys)).to_pylist())
    return tuple(values.take(pc.sort_indices(values)).to_pylist())


def fit_boundaries(
    numbers: npt.NDArray[np.float64], boundaries: int | tuple[float, ...]
) -> tuple[float, ...]:
    """The boundaries between buckets: as COLUMN lists them, else quantiles of all training rows.

    Where many rows have one value, there are fewer buckets than asked for.
    """
    if isinstance(boundaries, tuple):
        return boundaries
    finite = numbers[np.isfinite(numbers)]
    if not len(finite):
        return ()
    found = np.unique(np.quantile(finite, np.arange(1, boundaries) / boundaries))
    # Nothing lies below the least value.
    return tuple(found[found > finite.min()].tolist())


def encoded(feature: Feature, treatment: Treatment, layout: Layout, *, asked: bool) -> Feature:
    """A feature of categories with the encoding that suits the layout.

    Args:
        feature: Complete but for its encoding.
        treatment: What COLUMN says of it.
        layout: How the trainer wants its features.
        asked: Whether COLUMN says how many categories there are.

    Raises:
        TerminalError: There are more categories than the encoding can take, or the order of
            values counts where nothing could tell it.
    """
    feature = replace(feature, input=treatment.input, listed=treatment.listed)
    encoding = _encoding(feature, treatment, layout)
    if not asked and feature.id_count > MAX_CATEGORIES[layout]:
        raise _too_many(feature, MAX_CATEGORIES[layout], "")
    if encoding is not Encoding.BAG:
        limit = MAX_ASKED_SLOTS if asked else MAX_SLOTS
        if encoding is Encoding.ONE_HOT and feature.id_count > limit:
            raise _too_many(feature, limit, ", a slot each")
        flag = encoding is Encoding.ONE_HOT and feature.nulls > 0
        return replace(feature, encoding=encoding, null_flag=flag)
    embedding = treatment.embedding or Embedding(
        dimension=vector_dimension(feature.id_count), sequence=_is_sequence(treatment)
    )
    return replace(feature, encoding=encoding, embedding=embedding)


def _encoding(feature: Feature, treatment: Treatment, layout: Layout) -> Encoding:
    if _is_sequence(treatment) and layout is not Layout.NETWORK:
        raise TerminalError(
            f"column {feature.sources[0].column!r} is a SEQ_CATEGORY_ID, "
            "but this estimator has no use for the order of categories",
            treatment.span,
            f"write CATEGORY_ID({feature.sources[0].column}), or take a network",
        )
    if treatment.one_hot:
        return Encoding.ONE_HOT
    if layout is Layout.NETWORK:
        looked_up = treatment.embedding or _is_sequence(treatment) or feature.id_count > ONE_HOT_IDS
        return Encoding.BAG if looked_up else Encoding.ONE_HOT
    single = all(item.cells is CellFormat.SINGLE for item in feature.sources)
    if layout is Layout.SCALED or not single:
        return Encoding.ONE_HOT
    return feature.encoding


def _is_sequence(treatment: Treatment) -> bool:
    return isinstance(treatment.content, Categories) and treatment.content.sequence


def _too_many(feature: Feature, limit: int, each: str) -> TerminalError:
    what = f"column {feature.name!r}" if len(feature.sources) == 1 else feature.name
    name = feature.name
    many = any(item.cells is not CellFormat.SINGLE for item in feature.sources)
    inner = f"SPARSE({name})" if many else name
    if feature.cross_size:
        hint = f"hash it to at most {limit}, or take trees or a network with EMBEDDING"
    elif feature.listed:
        hint = f"write CATEGORY_ID({inner}, {limit}) to keep the most frequent, or CATEGORY_HASH"
    else:
        hint = (
            "leave it out of the SELECT if it identifies rows, or write "
            f"CATEGORY_ID({inner}, {limit}) to keep the most frequent"
        )
    return TerminalError(
        f"{what} has {feature.id_count} categories{each}; at most {limit} are taken"
        + ("" if feature.listed else " without being asked for"),
        hint=hint,
    )


def looks_like_key(column: pa.Array | pa.ChunkedArray, name: str) -> bool:
    """Whether every row has another value, a whole number or a text, as keys do."""
    if plain_type(column.type) not in (pa.int64(), pa.large_string()):
        return False
    if column.null_count or len(column) < 2:
        return False
    if len(column) < KEY_ROWS and not is_key_name(name):
        return False
    # Nearly every column that is no key repeats itself within the first rows.
    parts = (column[:_FIRST_LOOK], column)
    return all(pc.count_distinct(plain(part)).as_py() == len(part) for part in parts)
