"""Every model store keeps the promises of ``model_store/base.py``."""

import hashlib
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from sqlflow_dagster.errors import TerminalError
from sqlflow_dagster.model_store.base import ModelStore
from sqlflow_dagster.model_store.pruning import prune

METADATA = {"estimator": "xgboost.gbtree", "metrics": {"accuracy": 0.96}, "features": ["a", "ü"]}


@pytest.mark.parametrize(
    "bundle",
    [b"", b"\x00\xff", bytes(range(256)) * 10_000],
    ids=["empty", "small", "several chunks"],
)
def test_a_model_comes_back(store: ModelStore, bundle: bytes) -> None:
    saved = store.save("iris.model", bundle, METADATA)
    loaded, data = store.load("iris.model")
    assert data == bundle
    assert loaded == saved
    assert saved.version == 1
    assert saved.accepted
    assert saved.size == len(bundle)
    assert saved.sha256 == hashlib.sha256(bundle).hexdigest()
    assert saved.metadata == METADATA
    assert abs(datetime.now(UTC) - saved.created_at) < timedelta(hours=1)


def test_a_new_store_has_no_models(store: ModelStore) -> None:
    assert store.names() == []
    assert store.versions("m") == []
    assert store.find("m") is None
    with pytest.raises(TerminalError, match="unknown model 'm'"):
        store.load("m")
    with pytest.raises(TerminalError, match="unknown model 'm'"):
        store.delete("m")


def test_nothing_is_damaged(store: ModelStore) -> None:
    store.save("m", b"one", {})
    assert store.damage() == []


def test_versions_are_kept(store: ModelStore) -> None:
    store.save("m", b"one", {"n": 1})
    store.save("m", b"two", {"n": 2})
    store.save("other", b"three", {})
    assert [(item.version, item.accepted, item.metadata) for item in store.versions("m")] == [
        (1, False, {"n": 1}),
        (2, True, {"n": 2}),
    ]
    assert store.load("m")[1] == b"two"
    assert store.load("m", 1)[1] == b"one"
    assert store.names() == ["m", "other"]


def test_the_accepted_version_is_read(store: ModelStore) -> None:
    store.save("m", b"one", {})
    refused = store.save("m", b"two", {}, accept=False)
    assert not refused.accepted
    assert store.load("m")[1] == b"one"
    store.accept("m", 2)
    assert store.load("m")[1] == b"two"
    store.accept("m", 1)
    found = store.find("m")
    assert found is not None
    assert found.version == 1


def test_no_version_is_accepted(store: ModelStore) -> None:
    store.save("m", b"one", {}, accept=False)
    assert store.find("m") is None
    assert store.find("m", 1) is not None
    assert store.names() == ["m"]
    with pytest.raises(TerminalError, match="no accepted version") as caught:
        store.load("m")
    assert "m@1" in str(caught.value.hint)


def test_a_mistyped_name_is_met_with_the_nearest(store: ModelStore) -> None:
    store.save("iris_model", b"", {})
    with pytest.raises(TerminalError, match="unknown model 'Iris_modle'") as caught:
        store.load("Iris_modle")
    assert caught.value.hint == "did you mean 'iris_model'?"


def test_an_unknown_version_is_met_with_the_known_ones(store: ModelStore) -> None:
    store.save("m", b"", {})
    store.save("m", b"", {})
    for ask in (store.load, store.accept):
        with pytest.raises(TerminalError, match="has no version 7") as caught:
            ask("m", 7)
        assert caught.value.hint == "it has 1, 2"
    assert store.find("m", 7) is None


def test_names_are_told_apart_by_case(store: ModelStore) -> None:
    store.save("m", b"small", {})
    store.save("M", b"large", {})
    assert store.load("m")[1] == b"small"
    assert store.load("M")[1] == b"large"


def test_a_model_may_have_any_name(store: ModelStore) -> None:
    names = [
        "..",
        "../../evil",
        "/etc/passwd",
        "a/b",
        "a\\b",
        "a%2Fb",
        ".hidden",
        "con",
        "Käse",
        unicodedata.normalize("NFD", "Käse"),
        "世界.🌷",
        "*?[x]",
        "x" * 255,
        "X" * 255,
        "Ü" * 254 + "a",
        "Ü" * 254 + "b",
    ]
    for number, name in enumerate(names):
        store.save(name, b"%d" % number, {})
    assert store.names() == sorted(names)
    assert [store.load(name)[1] for name in names] == [b"%d" % n for n in range(len(names))]


def test_a_deleted_model_is_gone(store: ModelStore) -> None:
    store.save("m", b"one", {})
    store.save("other", b"kept", {})
    store.delete("m")
    assert store.names() == ["other"]
    assert store.save("m", b"two", {}).version == 1
    assert store.load("m")[1] == b"two"


def test_a_version_is_removed(store: ModelStore) -> None:
    for content in (b"one", b"two", b"three"):
        store.save("m", content, {}, accept=content == b"one")
    store.delete("m", 2)
    assert [item.version for item in store.versions("m")] == [1, 3]
    with pytest.raises(TerminalError, match="has no version 2"):
        store.load("m", 2)
    with pytest.raises(TerminalError, match="has no version 2"):
        store.delete("m", 2)
    assert store.load("m", 3)[1] == b"three"


def test_the_accepted_version_is_not_removed(store: ModelStore) -> None:
    store.save("m", b"one", {})
    with pytest.raises(TerminalError, match="version 1 of model 'm' is the accepted one") as caught:
        store.delete("m", 1)
    assert "accept another version" in str(caught.value.hint)
    assert store.load("m")[1] == b"one"


def test_a_number_is_never_given_twice(store: ModelStore) -> None:
    store.save("m", b"one", {})
    store.save("m", b"two", {}, accept=False)
    store.delete("m", 2)
    assert store.save("m", b"three", {}).version == 3


@pytest.mark.parametrize(
    ("accepted", "keep", "left"),
    [
        pytest.param(5, 2, [4, 5], id="the newest"),
        pytest.param(1, 2, [1, 4, 5], id="the accepted one too"),
        pytest.param(4, 1, [4, 5], id="the latest though not accepted"),
        pytest.param(5, 9, [1, 2, 3, 4, 5], id="fewer than that"),
    ],
)
def test_old_versions_are_pruned(
    store: ModelStore, accepted: int, keep: int, left: list[int]
) -> None:
    for number in range(1, 6):
        store.save("m", b"%d" % number, {}, accept=number == accepted)
    store.save("other", b"", {})
    store.save("other", b"", {})
    removed = prune(store, "m", keep)
    assert [item.version for item in store.versions("m")] == left
    assert [item.version for item in removed] == sorted({1, 2, 3, 4, 5} - {*left})
    assert len(store.versions("other")) == 2


@pytest.mark.parametrize("name", ["", "x" * 256])
def test_a_name_must_fit(store: ModelStore, name: str) -> None:
    with pytest.raises(TerminalError, match="1 to 255"):
        store.save(name, b"", {})


@pytest.mark.parametrize("value", [float("nan"), {1, 2}, object()], ids=["nan", "set", "object"])
def test_metadata_must_be_json(store: ModelStore, value: object) -> None:
    with pytest.raises(TerminalError, match="JSON"):
        store.save("m", b"", {"value": value})
    assert store.names() == []


def test_concurrent_saves_get_versions_of_their_own(store: ModelStore) -> None:
    with ThreadPoolExecutor(4) as pool:
        saved = list(pool.map(lambda n: store.save("m", b"%d" % n, {"n": n}), range(8)))
    assert sorted(item.version for item in saved) == list(range(1, 9))
    for item in saved:
        assert store.load("m", item.version)[1] == b"%d" % item.metadata["n"]
