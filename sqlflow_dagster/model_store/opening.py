"""Which store a user means.

``database`` (the default) is the data source itself, the URL of a database is that one; a folder or a URI that fsspec
knows is a store of files; a plugin's name, with ``:`` and a location where it takes one, is that plugin's.
"""

from pathlib import Path

from sqlflow_dagster.engines.base import Engine, absolute_url, engines
from sqlflow_dagster.engines.messages import redact
from sqlflow_dagster.errors import PluginError, TerminalError, did_you_mean
from sqlflow_dagster.model_store.base import ModelStore, model_stores
from sqlflow_dagster.model_store.places import is_local

DEFAULT_STORE = "database"
_FILES = "files"


def open_model_store(store: str, engine: Engine | None) -> ModelStore:
    """The model store of a user's words.

    Args:
        store: As above; empty for the default.
        engine: The data source; None where there is none.

    Raises:
        TerminalError: Nothing can be meant by ``store``, or its plugin's library is missing.
    """
    plugin, location = _parse(store or DEFAULT_STORE)
    try:
        return model_stores.get(plugin).open(engine, location)
    except PluginError as error:
        raise TerminalError(error.message, hint=error.hint) from error


def absolute(store: str) -> str:
    """The same store for a process with another working directory."""
    plugin, location = _parse(store or DEFAULT_STORE)
    if plugin == _FILES and location and is_local(location):
        return str(Path(location).expanduser().absolute())
    if plugin == DEFAULT_STORE and location:
        return absolute_url(location)
    return store


def _parse(store: str) -> tuple[str, str]:
    """Plugin and location."""
    name, colon, location = store.partition(":")
    if name in model_stores and not location.startswith("//"):
        return name, location
    if name.partition("+")[0] in engines:
        return DEFAULT_STORE, store
    if colon or "/" in store or store.startswith(("~", ".")):
        return _FILES, store
    hint = did_you_mean(store, model_stores.names())
    raise TerminalError(
        f"there is no model store {redact(store, None)!r}",
        hint=hint or f"for a folder, write ./{store}",
    )
