"""Plots of explanations, as PNG.

Only matplotlib's objects are used: pyplot keeps global state, which threads would share.
"""

from collections.abc import Callable
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np

from sqlflow_dagster.errors import TerminalError, did_you_mean
from sqlflow_dagster.ml.explain import ColumnContributions
from sqlflow_dagster.ml.tasks import FloatArray
from sqlflow_dagster.source import Span

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_BAR = "#3b6ea5"
_INK = "#333333"
_GRID = "#dddddd"
_GREY = "#9aa5b1"
_COLORS = "coolwarm"
_POINTS = 400
_NAME_LENGTH = 32


def check_plot_type(plot_type: str, span: Span | None = None) -> None:
    """Refuse an unknown plot type.

    Raises:
        TerminalError: It is none of ``bar``, ``dot`` and ``violin``.
    """
    if plot_type.lower() not in _DRAW:
        raise TerminalError(
            f"unknown plot type {plot_type!r}",
            span,
            did_you_mean(plot_type, _DRAW) or f"known: {', '.join(_DRAW)}",
        )


def draw(found: ColumnContributions, *, plot_type: str, max_display: int, title: str) -> bytes:
    """Draw contributions by column, the greatest on top, as PNG.

    Args:
        found: The contributions of one row or more.
        plot_type: ``bar`` (their mean size), ``dot`` (one dot a row, coloured by the value)
            or ``violin`` (their spread).
        max_display: How many columns are shown; the title says how many are left out.
        title: Above the plot.

    Raises:
        TerminalError: There is no such plot type.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    check_plot_type(plot_type)
    means = np.abs(found.values).mean(axis=0)
    shown = np.argsort(-means, kind="stable")[:max_display][::-1]
    figure = Figure(figsize=(7.0, 1.3 + 0.34 * len(shown)), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    _DRAW[plot_type.lower()](axes, found.values[:, shown], found.amounts[:, shown])
    axes.set_yticks(range(len(shown)), [_short(found.columns[index]) for index in shown])
    left_out = len(means) - len(shown)
    axes.set_title(
        f"{title} ({left_out} more not shown)" if left_out else title,
        loc="left",
        color=_INK,
        fontsize=11,
    )
    _tidy(axes)
    image = BytesIO()
    figure.savefig(image, format="png", metadata={"Software": None})
    return image.getvalue()


def _bar(axes: "Axes", values: FloatArray, amounts: FloatArray) -> None:
    bars = axes.barh(range(values.shape[1]), np.abs(values).mean(axis=0), color=_BAR, height=0.65)
    axes.bar_label(bars, fmt="%.3g", padding=4, color=_INK, fontsize=9)
    axes.margins(x=0.12)
    axes.set_xlabel("mean |contribution|", color=_INK)


def _dot(axes: "Axes", values: FloatArray, amounts: FloatArray) -> None:
    rows = _evenly(values)
    for index in range(values.shape[1]):
        points, colors = values[rows, index], _ranks(amounts[rows, index])
        heights = index + _spread(points)
        if colors is None:
            axes.scatter(points, heights, s=9, color=_GREY, linewidths=0)
        else:
            axes.scatter(points, heights, s=9, c=colors, cmap=_COLORS, vmin=0, vmax=1, linewidths=0)
    axes.axvline(0, color=_INK, linewidth=0.8)
    axes.set_xlabel("contribution (blue: low value of the column, red: high)", color=_INK)


def _violin(axes: "Axes", values: FloatArray, amounts: FloatArray) -> None:
    rows = _evenly(values)
    for index in range(values.shape[1]):
        points = values[rows, index]
        if np.ptp(points) > 0:  # the density of equal values does not exist
            body = axes.violinplot(
                points, [index], orientation="horizontal", widths=0.8, showextrema=False
            )
            for part in body["bodies"]:  # type: ignore[attr-defined]  # a list of collections
                part.set(facecolor=_BAR, alpha=0.75)
        axes.plot([points.mean()], [index], "o", color=_INK, markersize=3)
    axes.axvline(0, color=_INK, linewidth=0.8)
    axes.set_xlabel("contribution", color=_INK)


_DRAW: dict[str, Callable[["Axes", FloatArray, FloatArray], None]] = {
    "bar": _bar,
    "dot": _dot,
    "violin": _violin,
}


def _tidy(axes: "Axes") -> None:
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(_GRID)
    axes.grid(axis="x", color=_GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(length=0, colors=_INK, labelsize=9)


def _evenly(values: FloatArray) -> FloatArray:
    """At most :data:`_POINTS` row numbers, spread over all rows: they bound the size of the PNG."""
    return np.unique(np.linspace(0, len(values) - 1, _POINTS).astype(np.int64))


def _ranks(amounts: FloatArray) -> FloatArray | None:
    """The place of each value among all, from 0 to 1, so that one outlier takes no colour away."""
    known = np.unique(amounts[~np.isnan(amounts)])
    if len(known) < 2:
        return None
    return np.searchsorted(known, np.nan_to_num(amounts, nan=known[0])) / (len(known) - 1)


def _spread(points: FloatArray) -> FloatArray:
    """Offsets that pull rows of nearly equal contribution apart, more where there are many."""
    width = np.ptp(points) or 1.0
    bins = ((points - points.min()) / width * 40).astype(np.int64)
    counts = np.bincount(bins)
    offsets = np.zeros(len(points))
    for index in np.flatnonzero(counts > 1):
        members = np.flatnonzero(bins == index)
        half = 0.35 * len(members) / counts.max()
        offsets[members] = np.linspace(-half, half, len(members))
    return offsets


def _short(name: str) -> str:
    return name if len(name) <= _NAME_LENGTH else f"{name[: _NAME_LENGTH - 1]}…"
