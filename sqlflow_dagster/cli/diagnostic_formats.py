"""What ``sqlflow check`` tells for programs to read: JSON for editors, workflow commands for GitHub."""

import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from sqlflow_dagster.errors import Diagnostic

if TYPE_CHECKING:
    from sqlflow_dagster.runtime.model_inputs import PlannedFeatures

JSON_FORMAT = 1
"""The number of the layout that :func:`diagnostics_json` writes; it changes when a reader would break."""


def diagnostics_json(
    diagnostics: Sequence[Diagnostic], features: "Sequence[PlannedFeatures]" = ()
) -> str:
    """Diagnostics as JSON, and what models will learn from.

    An object with these keys; within a number of ``format`` keys may be added, never changed or removed:

    * ``format``: the number of this layout.
    * ``diagnostics``: a list. ``file``, as it was given; ``line`` and ``column``, counted from 1; ``end_line``
      and ``end_column``, of the first character after the place; ``severity``, ``error`` or ``warning``;
      ``code``, a value of :class:`~sqlflow_dagster.codes.Code`; ``message``; ``hint``, what to do about it. The
      place and the hint may be null.
    * ``features``: a list, without a data source an empty one. ``model``; ``base``, the model that it goes on from,
      whose features it keeps, or null; ``listed``, the features that COLUMN names; ``derived``, the other columns.
    """
    data = {
        "format": JSON_FORMAT,
        "diagnostics": [_json_item(item) for item in diagnostics],
        "features": [_features(item) for item in features],
    }
    return json.dumps(data, indent=2, ensure_ascii=False)


def _features(planned: "PlannedFeatures") -> dict[str, Any]:
    base = planned.statement.base_model
    return {
        "model": str(planned.statement.into),
        "base": None if base is None else str(base),
        "listed": planned.listed,
        "derived": planned.derived,
    }


def _json_item(item: Diagnostic) -> dict[str, Any]:
    place: dict[str, Any] = dict.fromkeys(("file", "line", "column", "end_line", "end_column"))
    if item.span is not None:
        source = item.span.source
        place["file"] = source.path
        place["line"], place["column"] = source.position(item.span.start)
        place["end_line"], place["end_column"] = source.position(item.span.end)
    return {
        **place,
        "severity": str(item.severity),
        "code": str(item.code),
        "message": item.message,
        "hint": item.hint,
    }


def diagnostics_github(diagnostics: Iterable[Diagnostic]) -> str:
    """Diagnostics as workflow commands, which GitHub shows beside the lines of a pull request."""
    return "\n".join(map(_workflow_command, diagnostics))


def _workflow_command(item: Diagnostic) -> str:
    place = _json_item(item)
    names = {"file": "file", "line": "line", "end_line": "endLine"}
    if place["line"] == place["end_line"]:
        # GitHub takes columns within one line only.
        names |= {"column": "col", "end_column": "endColumn"}
    values = [
        f"{name}={_property(str(place[key]))}"
        for key, name in names.items()
        if place[key] is not None
    ]
    values.append(f"title={item.code}")
    text = item.message if item.hint is None else f"{item.message}\nhint: {item.hint}"
    return f"::{item.severity} {','.join(values)}::{_data(text)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
