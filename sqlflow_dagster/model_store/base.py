"""Where trained models live.

A model is a bundle of bytes (see :mod:`sqlflow_dagster.ml.models.bundle`) under a name. Every save makes a new
version, with a number that no version of the name had before; an ``accepted`` pointer says which version
``USING model`` reads, a ``latest`` pointer which number was given last.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, Self

from sqlflow_dagster.engines.base import Engine
from sqlflow_dagster.registry import Group, Registry


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelVersion:
    """One version of a model.

    Attributes:
        name: The model's name, parts joined by dots.
        version: From 1, counted per name.
        created_at: When it was saved, in UTC.
        accepted: Whether ``USING name`` reads this version.
        size: Of the bundle, in bytes.
        sha256: Of the bundle, in hexadecimal.
        metadata: What may be known without loading the model; JSON values.
    """

    name: str
    version: int
    created_at: datetime
    accepted: bool
    size: int
    sha256: str
    metadata: Mapping[str, Any]


class ModelStore(Protocol):
    """Versions of models under names."""

    @classmethod
    def open(cls, engine: Engine | None, location: str) -> Self:
        """The store of a location.

        Args:
            engine: The data source of the statements; None where there is none.
            location: What stands after the plugin's name; empty where nothing does.

        Raises:
            TerminalError: The location is not one of this kind of store, or it needs the data source.
        """

    @property
    def location(self) -> str:
        """Where the store is, for people; without passwords."""

    def save(
        self, name: str, bundle: bytes, metadata: Mapping[str, Any], *, accept: bool = True
    ) -> ModelVersion:
        """Store a bundle as the next version of ``name``, whole or not at all.

        Args:
            name: The model's name.
            bundle: The model.
            metadata: JSON values.
            accept: Whether ``USING name`` reads this version from now on.
        """

    def load(self, name: str, version: int | None = None) -> tuple[ModelVersion, bytes]:
        """A version and its bundle; without ``version``, the accepted one.

        Raises:
            TerminalError: There is no such model or version, or its bytes do not match their hash.
        """

    def find(self, name: str, version: int | None = None) -> ModelVersion | None:
        """A version without its bundle; None where there is none."""

    def versions(self, name: str) -> list[ModelVersion]:
        """All versions of a model, oldest first, without those that :meth:`damage` tells of."""

    def names(self) -> list[str]:
        """The models' names, sorted."""

    def damage(self) -> list[str]:
        """What is wrong with versions whose description cannot be read, a sentence for each."""

    def accept(self, name: str, version: int) -> None:
        """Let ``USING name`` read this version from now on.

        Raises:
            TerminalError: There is no such model or version.
        """

    def delete(self, name: str, version: int | None = None) -> None:
        """Remove a version of a model; without ``version``, the model.

        Raises:
            TerminalError: There is no such model or version, or the version is the accepted one.
        """


model_stores: Registry[type[ModelStore]] = Registry(Group.MODEL_STORES, "model store")
