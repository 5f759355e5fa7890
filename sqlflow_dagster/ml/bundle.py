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
import re
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
import pyarrow as pa

from sqlflow_dagster.errors import TerminalError
from sqlflow_dagster.ml.manifest import Manifest
from sqlflow_dagster.ml.tasks import FloatArray

FORMAT_VERSION = 1
MAX_MEMBERS = 64
MAX_BYTES = 4 * 1024**3
"""The most that all members of a bundle may take, unpacked."""

_MANIFEST = "manifest.json"
_MODEL = "model/"
_ROWS = "golden/rows.arrow"
_ANSWERS = "golden/answers.json"
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*")
_EPOCH = (1980, 1, 1, 0, 0, 0)


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
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            info = zipfile.ZipInfo(name, date_time=_EPOCH)
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, data)
    return packed.getvalue()


def unpack(data: bytes, *, max_bytes: int = MAX_BYTES) -> Bundle:
    """The parts of a bundle, after every check that needs no model library.

    Args:
        data: What :func:`pack` gave.
        max_bytes: The most that the members may take, unpacked.

    Raises:
        TerminalError: The bytes are no bundle, are damaged, or break a limit.
    """
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            members = _read_members(archive, max_bytes)
        head = json.loads(members.pop(_MANIFEST))
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
                rows=pa.ipc.open_stream(members[_ROWS]).read_all(),
                answers=np.array(json.loads(members[_ANSWERS]), dtype=np.float64),
            ),
        )
    # What a damaged archive raises is not limited to BadZipFile.
    except (
        zipfile.BadZipFile,
        zipfile.LargeZipFile,
        pa.ArrowInvalid,
        AttributeError,
        EOFError,
        KeyError,
        NotImplementedError,
        OSError,
        RecursionError,
        RuntimeError,
        TypeError,
        ValueError,
        zlib.error,
    ) as error:
        raise TerminalError(
            f"the bytes are no model bundle, or a damaged one: {error}",
            hint="train the model again",
        ) from error


def _read_members(archive: zipfile.ZipFile, max_bytes: int) -> dict[str, bytes]:
    infos = archive.infolist()
    if len(infos) > MAX_MEMBERS:
        raise TerminalError(f"a model bundle has at most {MAX_MEMBERS} members, not {len(infos)}")
    names = [item.filename for item in infos]
    for name in names:
        if not _NAME.fullmatch(name) or names.count(name) > 1:
            raise TerminalError(f"a model bundle has no member named {name!r}")
    members: dict[str, bytes] = {}
    left = max_bytes
    for info in infos:
        with archive.open(info) as member:
            # The size that the archive states is a claim; what is read is the fact.
            content = member.read(left + 1)
        left -= len(content)
        if left < 0:
            raise TerminalError(f"the model bundle takes more than {max_bytes} bytes, unpacked")
        members[info.filename] = content
    return members


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
