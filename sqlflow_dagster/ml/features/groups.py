"""The groups of a ranking, as numbers."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from sqlflow_dagster.ml.features.arrow_types import column_index, plain


def group_numbers(rows: pa.Table, column: str) -> npt.NDArray[np.int64]:
    """A number for each group that a column names, shape (n,); NULL is a group too."""
    array = plain(rows.column(column_index(column, rows.column_names, None, "train.group_column")))
    codes = array.dictionary_encode(null_encoding="encode").indices.to_numpy()
    return np.asarray(codes, dtype=np.int64)
