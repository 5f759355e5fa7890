"""What every model store refuses, and in which words."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlflow_dagster.errors import TerminalError, did_you_mean
from sqlflow_dagster.model_store.base import ModelVersion

_MAX_NAME = 255


def check_name(name: str) -> None:
    """Refuse a name under which no store can keep a model.

    Raises:
        TerminalError: It is empty or too long.
    """
    if not 0 < len(name) <= _MAX_NAME:
        raise TerminalError(f"a model's name has 1 to {_MAX_NAME} characters, not {len(name)}")


def to_json(name: str, metadata: Mapping[str, Any]) -> str:
    """The metadata of a model as JSON.

    Raises:
        TerminalError: They are no JSON values.
    """
    try:
        # allow_nan=False: NaN is no JSON, and other readers refuse it.
        return json.dumps(metadata, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise TerminalError(
            f"the metadata of model {name!r} are no JSON values: {error}"
        ) from error


def check_bundle(version: ModelVersion, bundle: bytes) -> None:
    """Refuse bytes that are not those that were saved.

    Raises:
        TerminalError: Their hash is another.
    """
    if hashlib.sha256(bundle).hexdigest() != version.sha256:
        raise TerminalError(
            f"model {version.name!r} version {version.version} is corrupt: {version.size} bytes "
            f"were saved, and the {len(bundle)} that are stored have another hash",
            hint="use another version of it, or train it again",
        )


def unknown_model(name: str, names: Sequence[str]) -> TerminalError:
    """The error for a name that no model of ``names`` has."""
    hint = did_you_mean(name, names) or (
        f"known: {', '.join(names)}" if names else "no model was saved here yet"
    )
    return TerminalError(f"unknown model {name!r}", hint=hint)


def unknown_version(name: str, version: int | None, known: Sequence[int]) -> TerminalError:
    """The error for a version that a model does not have; None stands for the accepted one.

    Args:
        name: Of the model.
        version: What was asked for.
        known: What there is, oldest first; at least one.
    """
    listed = ", ".join(map(str, known))
    if version is None:
        return TerminalError(
            f"model {name!r} has no accepted version",
            hint=f"accept one of its versions ({listed}), or name one: {name}@{known[-1]}",
        )
    return TerminalError(f"model {name!r} has no version {version}", hint=f"it has {listed}")


def accepted_stays(name: str, version: int) -> TerminalError:
    """The error for removing the version that statements read."""
    return TerminalError(
        f"version {version} of model {name!r} is the accepted one, which USING {name} reads",
        hint="accept another version first, or remove the whole model",
    )
