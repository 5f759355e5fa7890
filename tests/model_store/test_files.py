"""Models as files: what others see, and what a crash leaves."""

import json
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import fsspec
import pytest

from sqlflow_dagster.errors import TerminalError, TransientError
from sqlflow_dagster.model_store.files import FilesModelStore, folder_of
from sqlflow_dagster.model_store.places import Disk, ObjectStore, open_place


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "models"


@pytest.fixture
def store(root: Path) -> FilesModelStore:
    return FilesModelStore(Disk(root))


def files(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


def test_a_version_is_a_folder(store: FilesModelStore, root: Path) -> None:
    store.save("iris.dnn", b"one", {"rows": 3})
    store.save("iris.dnn", b"two", {}, accept=False)
    assert files(root) == {
        "iris.dnn/accepted",
        "iris.dnn/latest",
        "iris.dnn/1/model.zip",
        "iris.dnn/1/version.json",
        "iris.dnn/2/model.zip",
        "iris.dnn/2/version.json",
    }
    assert (root / "iris.dnn/accepted").read_text() == "1\n"
    assert (root / "iris.dnn/latest").read_text() == "2\n"
    assert (root / "iris.dnn/1/model.zip").read_bytes() == b"one"
    assert json.loads((root / "iris.dnn/1/version.json").read_bytes())["metadata"] == {"rows": 3}


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("iris.my_model-2", "iris.my_model-2"),
        ("Iris", "%49ris"),
        ("..", "%2E%2E"),
        ("a/b", "a%2Fb"),
        ("ü", "%C3%BC"),
        ("%", "%25"),
        ("x" * 201, f"{'x' * 100}%-84a0678c90937f5dcf9994d5866668da"),
    ],
)
def test_folders_are_named_after_models(name: str, folder: str) -> None:
    assert folder_of(name) == folder


def test_a_save_that_fails_leaves_nothing(
    store: FilesModelStore, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.save("m", b"one", {})
    before = files(root)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(TerminalError, match=r"the model store .*: .*No space left on device"):
        store.save("m", b"two", {})
    monkeypatch.undo()
    assert files(root) == before
    assert store.save("m", b"three", {}).version == 2


def test_an_upload_that_was_cut_off_is_no_version() -> None:
    store = FilesModelStore.open(None, "memory://cut-off")
    store.save("m", b"one", {})
    fsspec.filesystem("memory").pipe_file("/cut-off/m/2/model.zip", b"tw")
    fsspec.filesystem("memory").pipe_file("/cut-off/half/1/model.zip", b"o")
    assert [item.version for item in store.versions("m")] == [1]
    assert store.names() == ["m"]
    assert store.find("m", 2) is None
    assert store.save("m", b"three", {}).version == 3


def test_one_of_two_writers_gets_the_number(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # All have chosen their number before the first one renames its folder.
    together = threading.Barrier(4)
    rename = Path.rename

    def rename_together(self: Path, target: Path) -> Path:
        if target.name == "1":
            together.wait(timeout=30)
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", rename_together)
    store = FilesModelStore(Disk(root))
    with ThreadPoolExecutor(4) as pool:
        saved = list(pool.map(lambda n: store.save("m", b"%d" % n, {"n": n}), range(4)))
    assert sorted(item.version for item in saved) == [1, 2, 3, 4]
    assert all(store.load("m", v.version)[1] == b"%d" % v.metadata["n"] for v in saved)
    assert [item.version for item in store.versions("m") if item.accepted] == [4]
    assert not [path for path in (root / "m").iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda path: (path / "model.zip").write_bytes(b"onf"), id="changed"),
        pytest.param(lambda path: (path / "model.zip").unlink(), id="gone"),
    ],
)
def test_a_corrupt_model_is_not_loaded(store: FilesModelStore, root: Path, damage) -> None:  # type: ignore[no-untyped-def]
    store.save("m", b"one", {})
    damage(root / "m/1")
    with pytest.raises(TerminalError, match="model 'm' version 1 is corrupt"):
        store.load("m")


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", "[" * 100_000, '{"name": 1}'])
def test_a_damaged_description_is_told(store: FilesModelStore, root: Path, text: str) -> None:
    store.save("m", b"one", {})
    (root / "m/1/version.json").write_text(text)
    with pytest.raises(TerminalError, match=r"m/1/version\.json is damaged"):
        store.load("m")


def test_a_damaged_description_hides_no_other_model(store: FilesModelStore, root: Path) -> None:
    for name in ("a", "m", "m", "z"):
        store.save(name, b"one", {})
    for path in ("a/1", "m/1"):
        (root / path / "version.json").write_text("{")
    assert store.names() == ["m", "z"]
    assert [item.version for item in store.versions("m")] == [2]
    assert [item.split(" is damaged")[0] for item in store.damage()] == [
        f"{root}/a/1/version.json",
        f"{root}/m/1/version.json",
    ]
    assert store.save("a", b"two", {}).version == 2


def test_a_pointer_that_is_no_number_points_nowhere(store: FilesModelStore, root: Path) -> None:
    store.save("m", b"one", {})
    (root / "m/accepted").write_bytes(b"\xff../../etc")
    with pytest.raises(TerminalError, match="no accepted version"):
        store.load("m")


def test_what_is_no_model_is_not_listed(store: FilesModelStore, root: Path) -> None:
    store.save("m", b"one", {})
    (root / "README").write_text("models")
    (root / "notes/1").mkdir(parents=True)
    (root / ".git").mkdir()
    (root / "copy").symlink_to(root / "m")
    assert store.names() == ["m"]


def test_the_place_must_be_writable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    store = FilesModelStore(Disk(tmp_path / "file"))
    with pytest.raises(TerminalError, match=r"the model store .*/file: .*Not a directory"):
        store.save("m", b"", {})


def test_a_lost_connection_is_worth_a_retry() -> None:
    class Unreachable(fsspec.AbstractFileSystem):  # type: ignore[misc]
        def cat_file(self, path: str, *_: object, **__: object) -> bytes:
            raise ConnectionResetError("of nodes:secret@host") from None

    store = FilesModelStore(ObjectStore(Unreachable(), "bucket", "s3://bucket"))
    with pytest.raises(TransientError, match="the model store s3://bucket: of nodes"):
        store.load("m")


@pytest.mark.parametrize(
    ("location", "message"),
    [
        ("s3://bucket/models", "the model store s3://bucket/models cannot be opened: .*s3fs"),
        (
            "nosuch://u:secret@h/x",
            r"the model store nosuch://u:\*\*\*@h/x cannot be opened: Protocol",
        ),
    ],
)
def test_a_uri_that_cannot_be_read_is_refused(location: str, message: str) -> None:
    with pytest.raises(TerminalError, match=message) as caught:
        open_place(location)
    assert "secret" not in str(caught.value)
