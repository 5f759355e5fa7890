"""A model as one file: a zip of JSON, model files that carry no code, and golden rows.

======================  ============================================================
``manifest.json``       the manifest, the format version, the sha256 of every other member
``model/…``             what :meth:`~sqlflow_dagster.ml.base.TrainedModel.files` gave
``golden/rows.arrow``   about 20 training rows, features only, as an Arrow stream
``golden/answers.json``  what the model made of them when it was trained
======================  ============================================================

Reading one runs no code of it, trusts no path in it and bounds the memory it may take.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from sqlflow_dagster.errors import TerminalError
from sqlflow_dagster.ml.manifest import Manifest
from sqlflow_dagster.ml.models.archive import MAX_BYTES, read_archive, write_archive
from sqlflow_dagster.ml.tasks import FloatArray

FORMAT_VERSION = 1
MAX_JSON_BYTES = 64 * 1024**2
"""The most that a JSON member may take: parsed, it takes ten times as much."""
MAX_GOLDEN_ROWS = 1000

_MANIFEST = "manifest.json"
_MODEL = "model/"
_ROWS = "golden/rows.arrow"
_ANSWERS = "golden/answers.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldenRows:
    """A few inputs with the answers that the model gave when it was trained.

    Attributes:
        rows: The feature columns.
        answers: Probabilities, shape (n, classes), or amounts, shape (n,).
    """

    rows: pa.Table
    answers: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """The parts of a bundle.

    Attributes:
        manifest: What is known of the model.
        files: The model, by file name.
        golden: Rows to check it by.
    """

    manifest: Manifest
    files: Mapping[str, bytes]
    golden: GoldenRows


def pack(bundle: Bundle) -> bytes:
    """A bundle as the bytes of one file; the same bundle gives the same bytes."""
    members = {f"{_MODEL}{name}": data for name, data in bundle.files.items()}
    members[_ROWS] = _to_stream(bundle.golden.rows)
    members[_ANSWERS] = json.dumps(bundle.golden.answers.tolist()).encode()
    head = {
        "format_version": FORMAT_VERSION,
        "sha256": {name: hashlib.sha256(data).hexdigest() for name, data in members.items()},
        "model": bundle.manifest.to_json(),
    }
    members = {_MANIFEST: json.dumps(head, allow_nan=False, indent=1).encode(), **members}
    return write_archive(members)


def unpack(data: bytes, *, max_bytes: int = MAX_BYTES) -> Bundle:
    """The parts of a bundle, after every check that needs no model library.

    Args:
        data: What :func:`pack` gave.
        max_bytes: The most that the members may take, unpacked.

    Raises:
        TerminalError: The bytes are no bundle, are damaged, or break a limit.
    """
    try:
        members = read_archive(data, max_bytes=max_bytes)
        head = _parsed(members, _MANIFEST)
        del members[_MANIFEST]
        _check_version(head)
        _check_hashes(head["sha256"], members)
        return Bundle(
            manifest=Manifest.from_json(head["model"]),
            files={
                name.removeprefix(_MODEL): content
                for name, content in members.items()
                if name.startswith(_MODEL)
            },
            golden=GoldenRows(
                rows=_from_stream(members[_ROWS]),
                answers=np.array(_parsed(members, _ANSWERS), dtype=np.float64),
            ),
        )
    except TerminalError:
        raise
    # Bytes of unknown origin make zipfile, zlib, json and Arrow raise whatever they can.
    except Exception as error:
        raise TerminalError(
            f"the bytes are no model bundle, or a damaged one: {error}",
            hint="train the model again",
        ) from error


def _parsed(members: Mapping[str, bytes], name: str) -> Any:
    if len(members[name]) > MAX_JSON_BYTES:
        raise TerminalError(
            f"{name} of the model bundle takes {len(members[name])} bytes, "
            f"and at most {MAX_JSON_BYTES} are read"
        )
    return json.loads(members[name])


def _check_version(head: Mapping[str, Any]) -> None:
    if head["format_version"] != FORMAT_VERSION:
        raise TerminalError(
            f"the model bundle has format {head['format_version']!r}, "
            f"but this version of sqlflow-dagster reads format {FORMAT_VERSION}",
            hint="upgrade sqlflow-dagster, or train the model again",
        )


def _check_hashes(expected: Mapping[str, str], members: Mapping[str, bytes]) -> None:
    found = {name: hashlib.sha256(data).hexdigest() for name, data in members.items()}
    wrong = sorted(name for name in {*expected, *found} if expected.get(name) != found.get(name))
    if wrong:
        raise TerminalError(
            f"the model bundle was damaged or changed: {', '.join(wrong)}",
            hint="train the model again",
        )


def _to_stream(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table.combine_chunks())
    return bytes(sink.getvalue())


def _from_stream(data: bytes) -> pa.Table:
    with pa.ipc.open_stream(data) as stream:
        table = stream.read_all()
    if table.num_rows > MAX_GOLDEN_ROWS:
        raise TerminalError(
            f"a model bundle has at most {MAX_GOLDEN_ROWS} golden rows, not {table.num_rows}"
        )
    # Arrow trusts offsets and lengths that it has read; a wrong one would be read from elsewhere in memory.
    table.validate(full=True)
    return table
