"""Models as files, on a disk or in an object store.

===================================  ===========================================================
``<model>/<number>/model.zip``       the bundle
``<model>/<number>/version.json``    what is known of it; a version without this file is none yet
``<model>/accepted``                 the number that ``USING model`` reads
``<model>/latest``                   the last number that was given
===================================  ===========================================================
"""

import hashlib
import json
import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Self

from sqlflow_dagster.engines.base import Engine
from sqlflow_dagster.errors import TerminalError, TransientError
from sqlflow_dagster.model_store.base import ModelVersion
from sqlflow_dagster.model_store.checks import (
    accepted_stays,
    check_bundle,
    check_name,
    to_json,
    unknown_model,
    unknown_version,
)
from sqlflow_dagster.model_store.places import Place, open_place

_BUNDLE = "model.zip"
_VERSION = "version.json"
_ACCEPTED = "accepted"
_LATEST = "latest"
_ATTEMPTS = 100
_NUMBER = re.compile(r"[1-9]\d{0,8}")
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyz0123456789_-.")
# File systems take 255 bytes.
_MAX_FOLDER = 200
_CUT = "%-"


class _DamagedError(TerminalError):
    """The description of a version cannot be read."""


class FilesModelStore:
    """Versions of models as files; see :class:`~sqlflow_dagster.model_store.base.ModelStore`.

    Args:
        place: The folder of all models.
    """

    def __init__(self, place: Place) -> None:
        self._place = place

    @classmethod
    def open(cls, engine: Engine | None, location: str) -> Self:
        """The store in a folder, or behind a URI that fsspec knows.

        Raises:
            TerminalError: Nothing here can read the URI, or there is none.
        """
        if not location:
            raise TerminalError(
                "the model store 'files' needs a place",
                hint="write the folder or URI instead, such as /srv/models or s3://bucket/models",
            )
        return cls(open_place(location))

    @property
    def location(self) -> str:
        """The folder or the URI, without a password."""
        return self._place.location

    def save(
        self, name: str, bundle: bytes, metadata: Mapping[str, Any], *, accept: bool = True
    ) -> ModelVersion:
        """Store a bundle as the next version of ``name``, whole or not at all.

        Raises:
            TerminalError: The name is empty or too long, or the metadata are no JSON values.
            StepError: The place cannot be written.
        """
        check_name(name)
        folder = folder_of(name)
        values = {
            "size": len(bundle),
            "sha256": hashlib.sha256(bundle).hexdigest(),
            "metadata": json.loads(to_json(name, metadata)),
        }
        number = self._create(name, bundle, values)
        # Whoever took a later number may have been quicker.
        self._forward(folder, _LATEST, number)
        if accept:
            self._forward(folder, _ACCEPTED, number)
        saved = self._read(folder, number, self._pointer(folder, _ACCEPTED))
        if saved is None:
            raise TransientError(f"version {number} of model {name!r} was removed as it was saved")
        return saved

    def load(self, name: str, version: int | None = None) -> tuple[ModelVersion, bytes]:
        """A version and its bundle; without ``version``, the accepted one.

        Raises:
            TerminalError: There is no such model or version, or its bytes do not match their hash.
            StepError: The place cannot be read.
        """
        found = self._known(name, version)
        bundle = self._place.read(f"{folder_of(name)}/{found.version}/{_BUNDLE}") or b""
        check_bundle(found, bundle)
        return found, bundle

    def find(self, name: str, version: int | None = None) -> ModelVersion | None:
        """A version without its bundle; None where there is none."""
        folder = folder_of(name)
        accepted = self._pointer(folder, _ACCEPTED)
        number = accepted if version is None else version
        return None if number is None else self._read(folder, number, accepted)

    def versions(self, name: str) -> list[ModelVersion]:
        """All versions of a model, oldest first, without those that :meth:`damage` tells of."""
        folder = folder_of(name)
        accepted = self._pointer(folder, _ACCEPTED)
        found = (self._read_whole(folder, number, accepted) for number in self._numbers(folder))
        return [item for item in found if item is not None]

    def names(self) -> list[str]:
        """The models' names, sorted; without those that have no version but damaged ones."""
        names = (self._name(folder) for folder in self._folders())
        return sorted(name for name in names if name is not None)

    def damage(self) -> list[str]:
        """What is wrong with versions whose description cannot be read, a sentence for each."""
        found = []
        for folder in sorted(self._folders()):
            for number in self._numbers(folder):
                try:
                    self._read(folder, number, None)
                except _DamagedError as error:
                    found.append(error.message)
        return found

    def accept(self, name: str, version: int) -> None:
        """Let ``USING name`` read this version from now on.

        Raises:
            TerminalError: There is no such model or version.
            StepError: The place cannot be written.
        """
        self._known(name, version)
        self._place.write(f"{folder_of(name)}/{_ACCEPTED}", b"%d\n" % version)

    def delete(self, name: str, version: int | None = None) -> None:
        """Remove a version of a model; without ``version``, the model.

        Raises:
            TerminalError: There is no such model or version, or the version is the accepted one.
            StepError: The place cannot be written.
        """
        folder = folder_of(name)
        if version is not None:
            if self._known(name, version).accepted:
                raise accepted_stays(name, version)
            self._place.remove(f"{folder}/{version}", [_VERSION])
            return
        if not self.versions(name):
            raise unknown_model(name, self.names())
        whole = [f"{number}/{_VERSION}" for number in self._numbers(folder)]
        self._place.remove(folder, whole)

    def _create(self, name: str, bundle: bytes, values: Mapping[str, Any]) -> int:
        """Make a version of the first number that nobody has taken; that number."""
        folder = folder_of(name)
        first = max([self._pointer(folder, _LATEST) or 0, *self._numbers(folder)]) + 1
        for number in range(first, first + _ATTEMPTS):
            now = datetime.now(UTC).replace(microsecond=0).isoformat()
            known = {"name": name, "version": number, "created_at": now, **values}
            text = json.dumps(known, indent=1).encode()
            with suppress(FileExistsError):
                self._place.create(f"{folder}/{number}", {_BUNDLE: bundle, _VERSION: text})
                return number
        raise TransientError(
            f"the model store {self.location}: others took {_ATTEMPTS} versions of {name!r} meanwhile"
        )

    def _known(self, name: str, version: int | None) -> ModelVersion:
        found = self.find(name, version)
        if found is not None:
            return found
        known = [item.version for item in self.versions(name)]
        if not known:
            raise unknown_model(name, self.names())
        raise unknown_version(name, version, known)

    def _folders(self) -> list[str]:
        return [item for item in self._place.folders("") if not item.startswith(".")]

    def _numbers(self, folder: str) -> list[int]:
        return sorted(int(item) for item in self._place.folders(folder) if _NUMBER.fullmatch(item))

    def _pointer(self, folder: str, pointer: str) -> int | None:
        text = (self._place.read(f"{folder}/{pointer}") or b"").decode(errors="replace").strip()
        return int(text) if _NUMBER.fullmatch(text) else None

    def _forward(self, folder: str, pointer: str, number: int) -> None:
        if (self._pointer(folder, pointer) or 0) < number:
            self._place.write(f"{folder}/{pointer}", b"%d\n" % number)

    def _read(self, folder: str, number: int, accepted: int | None) -> ModelVersion | None:
        data = self._place.read(f"{folder}/{number}/{_VERSION}")
        if data is None:
            return None
        try:
            known = json.loads(data)
            return ModelVersion(
                name=str(known["name"]),
                version=number,
                created_at=datetime.fromisoformat(known["created_at"]),
                accepted=number == accepted,
                size=int(known["size"]),
                sha256=str(known["sha256"]),
                metadata=dict(known["metadata"]),
            )
        except (KeyError, RecursionError, TypeError, ValueError) as error:
            raise _DamagedError(
                f"{self.location}/{folder}/{number}/{_VERSION} is damaged: {error}",
                hint="remove that folder, and train the model again",
            ) from error

    def _read_whole(self, folder: str, number: int, accepted: int | None) -> ModelVersion | None:
        with suppress(_DamagedError):  # damage() tells of it
            return self._read(folder, number, accepted)
        return None

    def _name(self, folder: str) -> str | None:
        """The name of the model in a folder; None where there is none, or none that is whole."""
        for number in reversed(self._numbers(folder)):
            found = self._read_whole(folder, number, None)
            if found is not None and folder_of(found.name) == folder:
                return found.name
        return None


def folder_of(name: str) -> str:
    """The name of a model's folder.

    Lower-case letters, digits, ``_``, ``-`` and inner dots stand for themselves, everything else for its bytes
    in UTF-8 as ``%C3``: disks that do not tell cases or spellings of Unicode apart keep names apart,
    and no name leads out of the store. One that gets too long is cut, and a hash keeps it apart.
    """
    ends = {0, len(name) - 1}
    folder = "".join(
        char
        if char in _PLAIN and not (char == "." and index in ends)
        else "".join(f"%{byte:02X}" for byte in char.encode("utf-8", "surrogatepass"))
        for index, char in enumerate(name)
    )
    if len(folder) <= _MAX_FOLDER:
        return folder
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{folder[: _MAX_FOLDER // 2]}{_CUT}{digest[:32]}"
