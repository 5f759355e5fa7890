"""Rows kept in a temporary file, for trainings whose rows do not fit into memory."""

import mmap
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from sqlflow_dagster.errors import TerminalError


@dataclass(frozen=True, slots=True, kw_only=True)
class Spool:
    """A table whose values lie in a file; they come into memory where they are read.

    Attributes:
        table: The rows, in the order they came.
        memory: The file as mapped into memory.
    """

    table: pa.Table
    memory: mmap.mmap

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def take(self, places: npt.NDArray[np.int64]) -> pa.Table:
        """Some rows, with no more than a part of the file in memory at a time.

        Args:
            places: The numbers of the rows, from 0, ascending.
        """
        parts = []
        start = 0
        for batch in self.table.to_batches():
            first, last = np.searchsorted(places, (start, start + len(batch)))
            parts.append(batch.take(pa.array(places[first:last] - start)))
            start += len(batch)
            self.release()
        return pa.Table.from_batches(parts, self.table.schema)

    def release(self) -> None:
        """Give back the memory of what was read; it is read again when it is needed."""
        if hasattr(mmap, "MADV_DONTNEED"):
            self.memory.madvise(mmap.MADV_DONTNEED)


def table_of(rows: pa.Table | Spool) -> pa.Table:
    """The rows, be they in memory or in a file."""
    return rows.table if isinstance(rows, Spool) else rows


@contextmanager
def spooled(rows: pa.RecordBatchReader) -> Iterator[Spool]:
    """Write a stream to a file without a name, which is gone when the block or the process ends.

    It lies in the folder for temporary files, that of the environment variable ``TMPDIR``, and takes
    as much as the rows take in memory: 8 bytes a number.

    Raises:
        TerminalError: The disk is full.
    """
    with tempfile.TemporaryFile(prefix="sqlflow-") as file:
        schema = pa.schema([item.with_type(_decoded(item.type)) for item in rows.schema])
        try:
            with pa.ipc.new_file(file, schema) as writer:
                for batch in rows:
                    writer.write_batch(batch.cast(schema))
            file.flush()
        except OSError as error:
            raise TerminalError(
                f"the rows cannot be kept in {tempfile.gettempdir()}: {error}",
                hint="let TMPDIR name a folder with more space",
            ) from error
        memory = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        yield Spool(table=pa.ipc.open_file(pa.py_buffer(memory)).read_all(), memory=memory)


def _decoded(type_: pa.DataType) -> pa.DataType:
    # The file format wants one dictionary for all batches, which engines do not promise.
    return type_.value_type if pa.types.is_dictionary(type_) else type_
