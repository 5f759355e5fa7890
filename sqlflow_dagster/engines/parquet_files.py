"""Rows in types that everybody knows, and in a Parquet file, on the way to a service that loads them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
from pyarrow import parquet

from sqlflow_dagster.engines.arrow_rows import checked_batches, standard_type


@contextmanager
def parquet_file(rows: pa.RecordBatchReader) -> Iterator[tuple[Path, int]]:
    """A file with these rows, while the block lasts, and their number."""
    schema = plain_schema(rows.schema)
    with TemporaryDirectory(prefix="sqlflow_") as folder:
        path = Path(folder) / "rows.parquet"
        count = 0
        with parquet.ParquetWriter(path, schema) as writer:
            for batch in checked_batches(rows):
                writer.write_batch(plain_batch(batch, schema))
                count += batch.num_rows
        yield path, count


def plain_schema(schema: pa.Schema) -> pa.Schema:
    """The same columns without categories, numbers without a sign and nanoseconds."""
    return pa.schema([pa.field(field.name, _plain(field.type)) for field in schema])


def plain_batch(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """A batch in the types of another schema."""
    columns = [
        # Digits below a microsecond are cut.
        array.cast(field.type, safe=not pa.types.is_temporal(field.type))
        for array, field in zip(batch.columns, schema, strict=True)
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _plain(kind: pa.DataType) -> pa.DataType:
    kind = standard_type(kind)
    if pa.types.is_null(kind):
        return pa.string()
    if pa.types.is_timestamp(kind):
        return pa.timestamp("us", kind.tz and "UTC")
    if pa.types.is_time(kind):
        return pa.time64("us")
    if pa.types.is_date(kind):
        return pa.date32()
    return kind
