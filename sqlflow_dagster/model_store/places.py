"""Folders of files on a disk or in an object store, through fsspec.

What model stores need of them: a folder that appears whole and for one writer only, and small files that are
replaced whole. A disk does both by renaming. An object store has no renaming; there a file appears whole,
and only one writer can be the one who created it.
"""

import os
import re
import shutil
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

import fsspec
from fsspec.implementations.local import LocalFileSystem

from sqlflow_dagster.engines.messages import redact
from sqlflow_dagster.errors import StepError, TerminalError, TransientError

_TEMPORARY = ".new-"
_TRASH = ".old-"
_PERMANENT = (PermissionError, IsADirectoryError, NotADirectoryError)
# The errors of S3 and Google have no base in common with those of Python.
_TRANSIENT = re.compile(r"Connect|Timeout|Throttl|SlowDown|ServiceUnavailable")


class Place(Protocol):
    """A folder under which models are kept; paths are relative to it, with ``/``."""

    location: str
    """Where it is, for people; without passwords."""

    def folders(self, path: str) -> list[str]:
        """The names of the folders in a folder; none where there is no such folder."""

    def read(self, path: str) -> bytes | None:
        """A file; None where there is none."""

    def write(self, path: str, data: bytes) -> None:
        """Make or replace a small file."""

    def create(self, path: str, files: Mapping[str, bytes]) -> None:
        """Make a folder that holds files; what is there once its last file is there is whole.

        Raises:
            FileExistsError: There is such a folder, or another writer is making it.
        """

    def remove(self, path: str, first: Sequence[str]) -> None:
        """Remove a folder; where its files go one by one, those of ``first`` go first."""


def open_place(location: str) -> Place:
    """The place of a path or URI: ``models``, ``file:///models``, ``s3://bucket/models``.

    Raises:
        TerminalError: Nothing here can read such a URI.
    """
    shown = redact(location, None)
    try:
        fs, path = fsspec.url_to_fs(location)
    except ImportError as error:
        raise TerminalError(f"the model store {shown} cannot be opened: {error}") from error
    except (ValueError, OSError) as error:
        raise TerminalError(
            f"the model store {shown} cannot be opened: {_said(error)}",
            hint="write a folder, or a URI such as s3://bucket/models",
        ) from error
    if isinstance(fs, LocalFileSystem):
        return Disk(Path(path))
    return ObjectStore(fs, path.rstrip("/"), shown)


def is_local(location: str) -> bool:
    """Whether a location is a path of this machine."""
    return "://" not in location


class Disk:
    """A folder of this machine, or one that it mounts.

    Args:
        root: The folder; it is made when something is put there.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self.location = str(root)

    def folders(self, path: str) -> list[str]:
        """The names of the folders in a folder."""
        with _told(self.location):
            try:
                return [item.name for item in os.scandir(self._root / path) if item.is_dir()]
            except FileNotFoundError:
                return []

    def read(self, path: str) -> bytes | None:
        """A file; None where there is none."""
        with _told(self.location):
            try:
                return (self._root / path).read_bytes()
            except FileNotFoundError:
                return None

    def write(self, path: str, data: bytes) -> None:
        """Make or replace a small file, by renaming."""
        target = self._root / path
        aside = target.with_name(f"{_TEMPORARY}{uuid.uuid4().hex}")
        with _told(self.location):
            try:
                _write_through(aside, data)
                aside.replace(target)
            finally:
                aside.unlink(missing_ok=True)

    def create(self, path: str, files: Mapping[str, bytes]) -> None:
        """Fill a folder aside and rename it: that succeeds for one writer only."""
        target = self._root / path
        aside = target.with_name(f"{_TEMPORARY}{uuid.uuid4().hex}")
        with _told(self.location):
            if target.exists():
                raise FileExistsError(target)
            aside.mkdir(parents=True)
            try:
                for name, data in files.items():
                    _write_through(aside / name, data)
                try:
                    aside.rename(target)
                except OSError as error:
                    if target.exists():
                        raise FileExistsError(target) from error
                    raise
            finally:
                shutil.rmtree(aside, ignore_errors=True)

    def remove(self, path: str, first: Sequence[str]) -> None:
        """Rename a folder, then empty it: it is there whole, or gone."""
        target = self._root / path
        aside = target.with_name(f"{_TRASH}{uuid.uuid4().hex}")
        with _told(self.location):
            target.rename(aside)
            shutil.rmtree(aside)


class ObjectStore:
    """Files of an fsspec file system whose files appear whole.

    Args:
        fs: Must be able to create a file exclusively, as those of S3, Google, Azure and SFTP are.
        root: The path in it.
        location: Where that is, for people.
    """

    def __init__(self, fs: fsspec.AbstractFileSystem, root: str, location: str) -> None:
        self._fs = fs
        self._root = root
        self.location = location

    def folders(self, path: str) -> list[str]:
        """The names of the folders in a folder."""
        with _told(self.location):
            # Others write there; what this process listed before is no longer true.
            self._fs.invalidate_cache()
            try:
                found = self._fs.ls(self._path(path), detail=True)
            except FileNotFoundError:
                return []
        return [
            item["name"].rstrip("/").rpartition("/")[2]
            for item in found
            if item["type"] == "directory"
        ]

    def read(self, path: str) -> bytes | None:
        """A file; None where there is none."""
        with _told(self.location):
            try:
                return bytes(self._fs.cat_file(self._path(path)))
            except FileNotFoundError:
                return None

    def write(self, path: str, data: bytes) -> None:
        """Make or replace a small file, in one request."""
        with _told(self.location):
            self._fs.pipe_file(self._path(path), data)

    def create(self, path: str, files: Mapping[str, bytes]) -> None:
        """Create the first file exclusively, which keeps others away, then the rest in order."""
        first, *rest = files
        with _told(self.location):
            self._fs.pipe_file(self._path(f"{path}/{first}"), files[first], mode="create")
            for name in rest:
                self._fs.pipe_file(self._path(f"{path}/{name}"), files[name])

    def remove(self, path: str, first: Sequence[str]) -> None:
        """Remove the files that make the folder whole, then the others."""
        with _told(self.location):
            for name in first:
                with suppress(FileNotFoundError):
                    self._fs.rm_file(self._path(f"{path}/{name}"))
            self._fs.rm(self._path(path), recursive=True)

    def _path(self, path: str) -> str:
        return f"{self._root}/{path}" if path else self._root


def _write_through(path: Path, data: bytes) -> None:
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def _told(location: str) -> Iterator[None]:
    """A block whose errors become those of this package; only FileExistsError passes through."""
    try:
        yield
    except (FileExistsError, StepError):
        raise
    except Exception as error:
        kind = TransientError if _is_transient(error) else TerminalError
        raise kind(f"the model store {location}: {_said(error)}") from error


def _is_transient(error: Exception) -> bool:
    if isinstance(error, _PERMANENT):
        return False
    names = " ".join(kind.__name__ for kind in type(error).__mro__)
    return isinstance(error, ConnectionError | TimeoutError) or bool(_TRANSIENT.search(names))


def _said(error: Any) -> str:
    return redact(" ".join(str(error).split()), None) or type(error).__name__
