"""What the ``sqlflow models`` commands show of models, from their metadata alone."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlflow_dagster.cli.tables import TextTable
from sqlflow_dagster.model_store.base import ModelVersion

_UNITS = ("bytes", "KiB", "MiB", "GiB")
SHOWN_FEATURES = 100
"""How many features of a model are told one by one."""
_SHOWN_TRIALS = 50


def version_json(item: ModelVersion) -> dict[str, Any]:
    """A version as JSON values, without its metadata."""
    return {
        "name": item.name,
        "version": item.version,
        "accepted": item.accepted,
        "created_at": item.created_at.isoformat(),
        "size": item.size,
        "sha256": item.sha256,
        "estimator": item.metadata.get("estimator"),
        "metrics": item.metadata.get("metrics", {}),
    }


def models_table(models: Sequence[Sequence[ModelVersion]]) -> TextTable:
    """A row for each model, given by its versions, oldest first."""
    return TextTable(
        header=("model", "accepted", "latest", "versions", "estimator", "quality", "size"),
        rows=tuple(_model_row(versions) for versions in models),
        right=frozenset({1, 2, 3, 6}),
    )


def _model_row(versions: Sequence[ModelVersion]) -> tuple[str, ...]:
    accepted = next((item for item in versions if item.accepted), None)
    shown = accepted or versions[-1]
    return (
        shown.name,
        str(accepted.version) if accepted else "none",
        str(versions[-1].version),
        str(len(versions)),
        str(shown.metadata.get("estimator", "")),
        _quality(shown.metadata),
        size_text(sum(item.size for item in versions)),
    )


def versions_table(versions: Sequence[ModelVersion]) -> TextTable:
    """A row for each version of a model."""
    rows = tuple(
        (
            str(item.version),
            "accepted" if item.accepted else "",
            _time(item.created_at),
            _quality(item.metadata),
            size_text(item.size),
        )
        for item in versions
    )
    return TextTable(
        title="versions",
        header=("version", "", "trained (UTC)", "quality", "size"),
        rows=rows,
        right=frozenset({0, 4}),
    )


def facts_table(item: ModelVersion) -> TextTable:
    """What a model was trained from, and with what."""
    known = item.metadata
    libraries = known.get("libraries", {})
    facts = {
        "estimator": known.get("estimator"),
        "label": known.get("label", {}).get("name"),
        "rows": known.get("rows"),
        "data": known.get("data_fingerprint"),
        "libraries": ", ".join(f"{name} {version}" for name, version in libraries.items()),
        "trained (UTC)": _time(item.created_at),
        "size": size_text(item.size),
        "sha256": item.sha256,
    }
    return TextTable(
        title=f"{item.name}@{item.version}{' (accepted)' if item.accepted else ''}",
        header=("", ""),
        rows=tuple((name, str(fact)) for name, fact in facts.items() if fact not in (None, "")),
    )


def features_table(metadata: Mapping[str, Any]) -> TextTable:
    """The inputs of a model: what was listed by COLUMN, and what was derived."""
    features = metadata.get("features", {}).get("features", [])
    rows = [
        (str(item.get("name", "")), str(item.get("encoding", "")), _origin(item))
        for item in features
    ]
    more = len(rows) - SHOWN_FEATURES
    title = f"features (the first {SHOWN_FEATURES} of {len(rows)})" if more > 0 else "features"
    return TextTable(
        title=title, header=("feature", "encoding", ""), rows=tuple(rows[:SHOWN_FEATURES])
    )


def metrics_tables(metadata: Mapping[str, Any]) -> Iterator[TextTable]:
    """The metrics of a model with the baseline beside them, by the rows that were judged."""
    for name, metrics in metadata.get("metrics", {}).items():
        columns = {"value": "values", "± over folds": "spread", "baseline": "baseline"}
        found = {title: metrics.get(key) for title, key in columns.items() if metrics.get(key)}
        yield TextTable(
            title=f"metrics on {metrics.get('rows', '?')} {name} rows",
            header=("metric", *found),
            rows=tuple(
                (metric, *(_number(numbers.get(metric)) for numbers in found.values()))
                for metric in metrics.get("values", {})
            ),
            right=frozenset(range(1, len(found) + 1)),
        )


def parameter_tables(metadata: Mapping[str, Any]) -> Iterator[TextTable]:
    """The parameters of a model that are rows, such as a score card."""
    for name, value in metadata.get("parameters", {}).items():
        if isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
            yield _records_table(name, value)


def trials_tables(metadata: Mapping[str, Any]) -> Iterator[TextTable]:
    """What a search tried; nothing where there was none."""
    search = metadata.get("search") or {}
    trials = search.get("trials", [])
    if not trials:
        return
    shown = trials[:_SHOWN_TRIALS]
    more = f" (the first {len(shown)} of {len(trials)})" if len(shown) < len(trials) else ""
    yield _records_table(f"trials{more}, compared by {search.get('metric', '?')}", shown)


def _records_table(title: str, records: Sequence[Mapping[str, Any]]) -> TextTable:
    """Records with the same keys, a row each."""
    header = tuple(records[0])
    return TextTable(
        title=title,
        header=header,
        rows=tuple(tuple(_cell(row.get(name)) for name in header) for row in records),
        right=frozenset(
            place
            for place, name in enumerate(header)
            if all(isinstance(row.get(name), int | float | None) for row in records)
        ),
    )


def size_text(size: float) -> str:
    """A number of bytes as people say it: ``1.4 MiB``."""
    for unit in _UNITS[:-1]:
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} {_UNITS[-1]}"


def _quality(metadata: Mapping[str, Any]) -> str:
    """The last metric of a model, which is the one that was asked for or that matters most."""
    for judged_on, metrics in metadata.get("metrics", {}).items():
        for name, value in reversed(metrics.get("values", {}).items()):
            return f"{judged_on} {name} {_number(value)}"
    return ""


def _origin(feature: Mapping[str, Any]) -> str:
    if feature.get("listed"):
        return "listed"
    return "derived; looks like a key" if feature.get("looks_like_key") else "derived"


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return "-" if value is None else str(value)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}"
