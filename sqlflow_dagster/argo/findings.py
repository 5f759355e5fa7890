"""What a check of a manifest found, and reading plain data of which nothing is sure."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something in a manifest that Kubernetes or Argo would refuse, or would understand differently.

    Attributes:
        where: The path of the field, such as ``spec.templates[2].container.image``.
        message: What was wanted and what came.
    """

    where: str
    message: str

    def __str__(self) -> str:
        return f"{self.where}: {self.message}"


@dataclass(frozen=True, slots=True)
class Node:
    """A value of a manifest with its path."""

    value: Any
    where: str = ""

    def __getitem__(self, key: str) -> "Node":
        """The field of a mapping; one of value None where there is none."""
        value = self.value.get(key) if isinstance(self.value, dict) else None
        return Node(value, f"{self.where}.{key}" if self.where else key)

    def __iter__(self) -> Iterator["Node"]:
        """The items of a list; none of anything else."""
        if isinstance(self.value, list):
            for index, item in enumerate(self.value):
                yield Node(item, f"{self.where}[{index}]")

    def __contains__(self, key: str) -> bool:
        return isinstance(self.value, dict) and key in self.value

    @property
    def present(self) -> bool:
        """Whether there is a value."""
        return self.value is not None

    @property
    def text(self) -> str:
        """The value where it is a text; else the empty one."""
        return self.value if isinstance(self.value, str) else ""

    def finding(self, message: str) -> Finding:
        """A finding at this place."""
        return Finding(where=self.where or "the document", message=message)
