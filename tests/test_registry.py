"""Plugins by name, from entry points of packages that are really on the path."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sqlflow_dagster import registry
from sqlflow_dagster.errors import PluginError
from sqlflow_dagster.registry import Group, Registry

GROUP = "sqlflow_dagster.test_things"


@pytest.fixture
def things(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry[object]]:
    """A registry over two packages that were just installed."""
    monkeypatch.syspath_prepend(str(tmp_path))
    clear_caches()
    install(tmp_path, "one", "Round = json:dumps", "Square = no_such_library:thing")
    install(tmp_path, "two", "wheel.* = json:loads", "Broken = json:no_such_name")
    yield Registry(GROUP, "thing")
    clear_caches()


def clear_caches() -> None:
    registry._entry_points.cache_clear()
    registry._listed.cache_clear()


def install(folder: Path, package: str, *points: str, group: str = GROUP) -> None:
    info = folder / f"{package}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("\n".join([f"[{group}]", *points]))


def test_names_are_listed_without_importing_anything(things: Registry[object]) -> None:
    assert things.names() == ["Broken", "Round", "Square", "wheel.*"]
    assert "no_such_library" not in sys.modules


def test_names_are_compared_without_case(things: Registry[object]) -> None:
    assert things.get("ROUND") is sys.modules["json"].dumps
    assert "round" in things
    assert "oval" not in things


def test_a_family_stands_for_its_dotted_names(things: Registry[object]) -> None:
    assert things.get("wheel.front") is sys.modules["json"].loads
    assert "Wheel.a.b" in things
    assert "wheel" not in things


@pytest.fixture
def listing(things: Registry[object], tmp_path: Path) -> Registry[object]:
    """The registry with a family that lists its names in a module of its own."""
    (tmp_path / "wheel_names.py").write_text("NAMES = ('Front', 'Rear')")
    install(tmp_path, "names", "wheel = wheel_names:NAMES", group=f"{GROUP}.names")
    return things


@pytest.mark.parametrize("name", ["front", "Wheel.Front", "wheel.big.front"])
def test_a_listed_name_stands_with_its_family_or_alone(
    listing: Registry[object], name: str
) -> None:
    assert listing.get(name) is sys.modules["json"].loads


def test_a_family_has_no_other_names_than_it_lists(listing: Registry[object]) -> None:
    assert listing.names() == ["Broken", "Front", "Rear", "Round", "Square"]
    assert listing.registered() == ["Broken", "Round", "Square", "wheel.*"]
    assert "wheel.third" not in listing
    assert "did you mean 'wheel.Rear'" in listing.hint("wheel.raer")
    assert "did you mean 'Front'" in listing.hint("fronnt")


def test_the_module_of_a_plugin(things: Registry[object]) -> None:
    assert things.module("round") == "json"
    assert things.module("oval") == ""


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Roundd", r"unknown thing 'Roundd'; did you mean 'Round'\?"),
        ("xyz", "unknown thing 'xyz'; known: Broken, Round, Square, wheel"),
        ("square", "thing 'square' cannot be loaded: No module named 'no_such_library'; install"),
        ("broken", "thing 'broken' cannot be loaded: .*no_such_name"),
    ],
)
def test_errors(things: Registry[object], name: str, message: str) -> None:
    with pytest.raises(PluginError, match=message):
        things.get(name)


def test_an_empty_group() -> None:
    assert Registry("sqlflow_dagster.none", "thing").hint("x") == "known: none"


def test_two_packages_with_one_name(things: Registry[object], tmp_path: Path) -> None:
    install(tmp_path, "three", "ROUND = json:load")
    with pytest.raises(PluginError, match=r"two plugins are registered as .*json:load"):
        things.names()


def test_the_same_plugin_found_twice_is_one(things: Registry[object], tmp_path: Path) -> None:
    install(tmp_path, "again", "Round = json:dumps")
    assert things.names().count("Round") == 1


def test_the_built_in_plugins_are_registered() -> None:
    assert {"duckdb", "sqlite"} <= set(Registry(Group.ENGINES, "engine").names())
    trainers: Registry[object] = Registry(Group.TRAINERS, "estimator")
    assert "DNNClassifier" in trainers
    assert "xgboost.gbtree" in trainers
