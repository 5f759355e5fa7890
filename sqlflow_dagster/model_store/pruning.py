"""Which versions of a model nobody needs any more."""

from collections.abc import Sequence

from sqlflow_dagster.errors import TerminalError
from sqlflow_dagster.model_store.base import ModelStore, ModelVersion


def superfluous(versions: Sequence[ModelVersion], keep: int) -> list[ModelVersion]:
    """The versions that go when ``keep`` of the newest ones stay.

    Args:
        versions: Of one model, oldest first.
        keep: From 1, so the latest version always stays; the accepted one does, too.
    """
    if keep < 1:
        raise ValueError(f"at least one version is kept, not {keep}")
    return [item for item in versions[:-keep] if not item.accepted]


def prune(store: ModelStore, name: str, keep: int) -> list[ModelVersion]:
    """Remove all but the ``keep`` newest versions of a model, and the accepted one.

    Returns:
        What was removed, oldest first.

    Raises:
        StepError: The store cannot be written.
    """
    removed = []
    for item in superfluous(store.versions(name), keep):
        try:
            store.delete(name, item.version)
        except TerminalError:
            # Somebody else has removed it, or accepted it, since the versions were listed.
            now = store.find(name, item.version)
            if now is not None and not now.accepted:
                raise
        else:
            removed.append(item)
    return removed
