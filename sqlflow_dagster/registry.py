"""Plugins by name, found through entry points.

Built-in engines, trainers, explainers, model stores and parsers are registered in ``pyproject.toml`` exactly as a third
party's would be. A plugin is imported when it is asked for, never when its name is listed.

A library with many estimators registers ``family.*`` and lists them: its entry point in the group
``<group>.names`` is called like the family and names a tuple, in a module that imports nothing. Then
``family.Name`` and ``Name`` alone mean the plugin, and no other name of the family does.
"""

from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Generic, TypeVar

from sqlflow_dagster.errors import PluginError, did_you_mean

T = TypeVar("T")


@cache
def _entry_points(group: str) -> dict[str, EntryPoint]:
    found: dict[str, EntryPoint] = {}
    for point in entry_points(group=group):
        other = found.setdefault(point.name.lower(), point)
        if other.value != point.value:
            raise PluginError(
                f"two plugins are registered as {point.name!r} in {group}: "
                f"{other.value} and {point.value}",
                hint="uninstall one of the two packages",
            )
    return found


@cache
def _listed(group: str) -> dict[str, dict[str, str]]:
    """The listed names of each family, as they are spelt, by their lower case."""
    return {
        point.name.lower(): {name.lower(): name for name in point.load()}
        for point in entry_points(group=f"{group}.names")
    }


@dataclass(frozen=True, slots=True)
class Registry(Generic[T]):
    """The plugins of one entry-point group.

    Names are compared without case. A name ``family.*`` stands for every dotted name of that family, or
    for those that the family lists.

    Attributes:
        group: The entry-point group, such as ``sqlflow_dagster.trainers``.
        noun: What a message calls one plugin, such as ``estimator``.
    """

    group: str
    noun: str

    def names(self) -> list[str]:
        """The names that a user may write, sorted; no plugin is imported.

        A family that lists its names is there with these, alone, another one as ``family.*``.
        """
        families = _listed(self.group)
        names = [
            point.name
            for folded, point in _entry_points(self.group).items()
            if not (folded.endswith(".*") and folded[:-2] in families)
        ]
        return sorted(
            {*names, *(n for listed in families.values() for n in listed.values())}, key=str.lower
        )

    def registered(self) -> list[str]:
        """The names of the entry points as their packages spell them, sorted."""
        return sorted((point.name for point in _entry_points(self.group).values()), key=str.lower)

    def __contains__(self, name: str) -> bool:
        return self._find(name) is not None

    def hint(self, name: str) -> str:
        """What to tell a user who asked for a name that nothing is registered under."""
        known = self.names()
        family = name.lower().partition(".")[0]
        if "." in name:
            known += [f"{family}.{item}" for item in _listed(self.group).get(family, {}).values()]
        near = did_you_mean(name, known)
        return near or f"known: {', '.join(self.registered()) or 'none'}"

    def module(self, name: str) -> str:
        """The module that a plugin lives in; empty for an unknown name. Nothing is imported."""
        point = self._find(name)
        return point.module if point is not None else ""

    def get(self, name: str) -> T:
        """The object registered under ``name``.

        Raises:
            PluginError: Nothing has the name, or a library that it needs is not installed.
        """
        point = self._find(name)
        if point is None:
            raise PluginError(f"unknown {self.noun} {name!r}", hint=self.hint(name))
        try:
            plugin: T = point.load()
        except (ImportError, AttributeError) as error:
            raise PluginError(
                f"{self.noun} {name!r} cannot be loaded: {error}",
                hint="install the library it names",
            ) from error
        return plugin

    def _find(self, name: str) -> EntryPoint | None:
        points, families = _entry_points(self.group), _listed(self.group)
        folded = name.lower()
        if folded in points:
            return points[folded]
        family, dot, rest = folded.partition(".")
        if not dot:
            family = next((item for item, listed in families.items() if folded in listed), "")
        elif family in families and rest.rpartition(".")[2] not in families[family]:
            return None
        return points.get(f"{family}.*")


class Group:
    """The entry-point groups of this package."""

    ENGINES = "sqlflow_dagster.engines"
    TRAINERS = "sqlflow_dagster.trainers"
    EXPLAINERS = "sqlflow_dagster.explainers"
    MODEL_STORES = "sqlflow_dagster.model_stores"
    PARSERS = "sqlflow_dagster.parsers"
