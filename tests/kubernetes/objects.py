"""The objects of a namespace: what the API stores and finds by label and by field."""

import copy
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import RLock
from typing import Any

Object = dict[str, Any]
KINDS = {"jobs": ("batch/v1", "Job"), "pods": ("v1", "Pod"), "events": ("v1", "Event")}


class UnknownCallError(Exception):
    """A call, or a part of one, that this API does not know."""


class RefusedCallError(Exception):
    """A call that Kubernetes refuses too.

    Attributes:
        code: The HTTP status.
        reason: In the word of Kubernetes.
    """

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


def now() -> str:
    """The time as Kubernetes writes it."""
    return datetime.now(tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(slots=True)
class Objects:
    """Jobs, pods and events. What goes in and comes out is a copy."""

    _lock: RLock = field(default_factory=RLock)
    _items: dict[tuple[str, str], Object] = field(default_factory=dict)

    def create(self, kind: str, body: Object) -> Object:
        """Store a new object of a kind such as ``jobs``."""
        api_version, word = KINDS[kind]
        name = body["metadata"]["name"]
        new = copy.deepcopy(body) | {"apiVersion": api_version, "kind": word}
        new["metadata"] |= {"uid": str(uuid.uuid4()), "creationTimestamp": now()}
        with self._lock:
            if (kind, name) in self._items:
                raise RefusedCallError(409, "AlreadyExists")
            self._items[kind, name] = new
        return copy.deepcopy(new)

    def get(self, kind: str, name: str) -> Object:
        with self._lock:
            return copy.deepcopy(self._found(kind, name))

    def find(self, kind: str, name: str) -> Object | None:
        """The object; None where it has been deleted."""
        with self._lock:
            return copy.deepcopy(self._items.get((kind, name)))

    def list(self, kind: str, *, labels: str = "", fields: str = "") -> list[Object]:
        """The objects that selectors of the form ``name=value,…`` choose."""
        with self._lock:
            items = [item for (of, _), item in self._items.items() if of == kind]
            chosen = [
                item
                for item in items
                if _has(item["metadata"].get("labels") or {}, labels)
                and all(_field(item, path) == value for path, value in _terms(fields))
            ]
            return copy.deepcopy(chosen)

    def delete(self, kind: str, name: str) -> Object:
        with self._lock:
            return self._items.pop((kind, self._found(kind, name)["metadata"]["name"]))

    def set_status(self, kind: str, name: str, status: Object) -> None:
        """Replace the status of an object, unless that has been deleted."""
        with self._lock:
            if (kind, name) in self._items:
                self._items[kind, name]["status"] = copy.deepcopy(status)

    def _found(self, kind: str, name: str) -> Object:
        if (kind, name) not in self._items:
            raise RefusedCallError(404, "NotFound")
        return self._items[kind, name]


def _has(labels: Mapping[str, str], selector: str) -> bool:
    return all(labels.get(name) == value for name, value in _terms(selector))


def _terms(selector: str) -> list[tuple[str, str]]:
    terms = []
    for term in filter(None, selector.split(",")):
        name, equals, value = term.partition("=")
        if not equals or name.endswith("!") or " " in term or value.startswith("="):
            raise UnknownCallError(f"selector {selector}")
        terms.append((name, value))
    return terms


def _field(item: Object, path: str) -> Any:
    found: Any = item
    for part in path.split("."):
        found = (found or {}).get(part)
    return found
