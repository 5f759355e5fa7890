"""Classes of the user's own that a program may name: an allow-list in the configuration.

SQL text never decides what is imported: a name is looked at only where the allow-list has it.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from importlib import import_module

from sqlflow_dagster.errors import PluginError

TRAINERS_VARIABLE = "SQLFLOW_TRAINERS"
"""The environment variable with the allow-list, parted by commas or blanks."""

_in_force: ContextVar[tuple[str, ...] | None] = ContextVar("own_classes", default=None)


@contextmanager
def allowing(patterns: Sequence[str] | None) -> Iterator[None]:
    """A block in which this allow-list is in force; None leaves the one that is.

    Args:
        patterns: ``package.Class``, or ``package.*`` for every class that the package or a module
            in it defines.

    Raises:
        PluginError: A pattern is neither.
    """
    if patterns is None:
        yield
        return
    token = _in_force.set(tuple(_checked(pattern) for pattern in patterns))
    try:
        yield
    finally:
        _in_force.reset(token)


def allowed() -> tuple[str, ...]:
    """The allow-list in force; without one, that of the environment."""
    patterns = _in_force.get()
    if patterns is None:
        text = os.environ.get(TRAINERS_VARIABLE, "").replace(",", " ")
        patterns = tuple(_checked(pattern) for pattern in text.split())
    return patterns


def is_allowed(name: str) -> bool:
    """Whether the allow-list has a dotted name; nothing is imported."""
    return _well_formed(name) and any(_matches(name, pattern) for pattern in allowed())


def load_class(name: str) -> type:
    """The class of a name that the allow-list has.

    Raises:
        PluginError: The allow-list has it not, it cannot be imported, or it is no such class.
    """
    if not is_allowed(name):
        raise PluginError(
            f"{name} is not a class that programs may use",
            hint=f"add it to {TRAINERS_VARIABLE}, which is: {', '.join(allowed()) or 'empty'}",
        )
    module, _, attribute = name.rpartition(".")
    try:
        found = getattr(import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise PluginError(
            f"{name} cannot be loaded: {error}", hint="install the package that has it"
        ) from error
    if not isinstance(found, type):
        raise PluginError(f"{name} is no class")
    # A package that the list trusts may import others, which it need not trust.
    own_name = f"{found.__module__}.{found.__qualname__}"
    if name not in allowed() and not is_allowed(own_name):
        raise PluginError(
            f"{name} is {own_name}, which is not a class that programs may use",
            hint=f"add {name} to {TRAINERS_VARIABLE} to use it all the same",
        )
    return found


def _matches(name: str, pattern: str) -> bool:
    return name == pattern or (pattern.endswith(".*") and name.startswith(pattern[:-1]))


def _well_formed(name: str) -> bool:
    parts = name.split(".")
    return len(parts) > 1 and all(part.isidentifier() for part in parts)


def _checked(pattern: str) -> str:
    if not _well_formed(f"{pattern[:-2]}.x" if pattern.endswith(".*") else pattern):
        raise PluginError(
            f"{TRAINERS_VARIABLE} wants names such as my_package.MyModel or my_package.*, "
            f"not {pattern!r}"
        )
    return pattern
