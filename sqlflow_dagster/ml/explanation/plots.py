"""Plots of explanations, as PNG.

Only matplotlib's objects are used: pyplot keeps global state, which threads would share.
"""

from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from sqlflow_dagster.errors import TerminalError, did_you_mean
from sqlflow_dagster.ml.explanation.columns import ColumnContributions
from sqlflow_dagster.ml.explanation.outputs import Outputs
from sqlflow_dagster.ml.features.spec import LabelSpec
from sqlflow_dagster.ml.tasks import FloatArray
from sqlflow_dagster.source import Span

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DEFAULT_SHOWN = 20
_MOST_BYTES = 100_000
_RESOLUTIONS = (100, 75, 50, 35)
_FEW_COLORS = 128
_BAR = "#3b6ea5"
_INK = "#333333"
_GRID = "#dddddd"
_GREY = "#9aa5b1"
_COLORS = "coolwarm"
_STACK = "tab10"
_STACKED = 10
_POINTS = 400
_LINES = 60
_NAME_LENGTH = 32
_ALIASES = {"beeswarm": "dot"}


@dataclass(frozen=True, slots=True, kw_only=True)
class PlotSettings:
    """How a plot looks.

    Attributes:
        plot_type: ``bar`` (the mean size of contributions), ``dot`` or ``beeswarm`` (a dot a row,
            coloured by the value of the column), ``violin`` (their spread) or ``decision`` (a line a
            row, from the base value to the prediction).
        max_display: How many columns are shown, from 1; the title says how many are left out.
        sort: Whether the columns of the greatest contributions are shown, on top; else they keep
            their order.
        alpha: How opaque dots, violins and lines are, from 0 to 1; None for what suits the plot.
    """

    plot_type: str = "bar"
    max_display: int = DEFAULT_SHOWN
    sort: bool = True
    alpha: float | None = None


def check_plot(settings: PlotSettings) -> None:
    """Refuse a plot that cannot be drawn.

    Raises:
        TerminalError: There is no such plot type, or it would show nothing.
    """
    check_plot_type(settings.plot_type)
    if settings.max_display < 1:
        raise TerminalError(f"a plot shows one column or more, not {settings.max_display}")


def check_plot_type(plot_type: str, span: Span | None = None) -> None:
    """Refuse an unknown plot type; case does not count.

    Raises:
        TerminalError: See :class:`PlotSettings` for those that are known.
    """
    known = (*_DRAW, *_ALIASES)
    if plot_type.lower() not in known:
        raise TerminalError(
            f"unknown plot type {plot_type!r}",
            span,
            did_you_mean(plot_type, known) or f"known: {', '.join(known)}",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Picture:
    """What a plot shows: the lowest column first.

    Attributes:
        names: Of the columns.
        values: Contributions to one output a row, shape (n, columns).
        amounts: See :class:`ColumnContributions`.
        sizes: The mean size of contributions by output, shape (outputs, columns).
        outputs: What the outputs are called; empty where there is one, or too many to tell apart.
        starts: Shape (n,), what each row has without the columns that are shown.
        alpha: Opacity, None for what suits.
    """

    names: tuple[str, ...]
    values: FloatArray
    amounts: FloatArray
    sizes: FloatArray
    outputs: tuple[str, ...]
    starts: FloatArray
    alpha: float | None


def draw(
    found: ColumnContributions,
    shown: ColumnContributions,
    outputs: Outputs | None,
    settings: PlotSettings,
    *,
    label: LabelSpec,
) -> bytes:
    """Draw contributions as PNG, at most 100 KB.

    Args:
        found: Contributions to all outputs, for plots of means.
        shown: To one output of each row, for plots of rows.
        outputs: Of a model that has several.
        settings: How the plot looks.
        label: What is predicted.
    """
    sizes = found.mean_sizes
    total = sizes.sum(axis=0)
    order = np.argsort(-total, kind="stable") if settings.sort else np.arange(len(total))
    chosen = order[: settings.max_display][::-1]
    names = () if outputs is None else tuple(map(str, outputs.names.to_pylist()))
    values = shown.values[:, 0]
    picture = _Picture(
        names=tuple(found.columns[index] for index in chosen),
        values=values[:, chosen],
        amounts=found.amounts[:, chosen],
        sizes=sizes[:, chosen],
        outputs=names if len(names) <= _STACKED else (),
        starts=shown.base_values[:, 0] + np.delete(values, chosen, axis=1).sum(axis=1),
        alpha=settings.alpha,
    )
    kind = settings.plot_type.lower()
    kind = _ALIASES.get(kind, kind)
    title = f"What drives {_short(label.name)}"
    if outputs is not None and kind != "bar":
        first = _short(names[0]) if outputs.chosen is None else "the one predicted"
        title += f" ({outputs.name.removeprefix('explained_')}: {first})"
    elif outputs is None and len(label.classes) == 2:
        title += f" (class: {_short(str(label.classes[1]))})"
    if len(total) > len(chosen):
        title += f" ({len(total) - len(chosen)} more not shown)"
    return _png(picture, _DRAW[kind], title)


def draw_splits(table: pa.Table, settings: PlotSettings, *, label: str) -> bytes:
    """Draw what splits gained as bars, a PNG of at most 100 KB.

    Args:
        table: See :func:`~sqlflow_dagster.ml.explanation.splits.splits_table`.
        settings: How many columns are shown; the plot is one of bars.
        label: What is predicted.
    """
    shown = table.slice(0, settings.max_display)
    gains = shown.column("gain").to_numpy()[::-1]
    picture = _Picture(
        names=tuple(shown.column("feature").to_pylist()[::-1]),
        values=gains[None],
        amounts=np.full((1, len(gains)), np.nan),
        sizes=gains[None],
        outputs=(),
        starts=np.zeros(1),
        alpha=None,
    )
    return _png(picture, _gain_bar, f"What splits gained, for {_short(label)}")


def _png(picture: _Picture, plot: "Callable[[Axes, _Picture], None]", title: str) -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.0, 1.3 + 0.34 * len(picture.names)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    plot(axes, picture)
    axes.set_yticks(range(len(picture.names)), [_short(name) for name in picture.names])
    axes.set_title(title, loc="left", color=_INK, fontsize=11)
    _tidy(axes)
    return _within(figure)


def _within(figure: "Figure") -> bytes:
    """The finest of some resolutions that is small enough for an event log; rather fewer colours than dots."""
    from PIL import Image

    data = b""
    for dots in _RESOLUTIONS:
        drawn = BytesIO()
        figure.savefig(drawn, format="png", dpi=dots, metadata={"Software": None})
        data = drawn.getvalue()
        if len(data) > _MOST_BYTES:
            reduced = BytesIO()
            Image.open(drawn).convert("RGB").quantize(_FEW_COLORS).save(reduced, "PNG")
            data = reduced.getvalue()
        if len(data) <= _MOST_BYTES:
            break
    return data


def _bar(axes: "Axes", picture: _Picture) -> None:
    from matplotlib import colormaps

    heights = range(len(picture.names))
    totals = picture.sizes.sum(axis=0)
    if picture.outputs:
        start = np.zeros(len(picture.names))
        colors = colormaps[_STACK].colors  # type: ignore[attr-defined]  # a list of colours
        for index, name in enumerate(picture.outputs):
            sizes = picture.sizes[index]
            # A label that begins with an underscore would be left out of the legend.
            text = f" {_short(name)}" if name.startswith("_") else _short(name)
            bars = axes.barh(
                heights, sizes, left=start, color=colors[index], height=0.65, label=text
            )
            start += sizes
        axes.get_figure(root=True).legend(  # type: ignore[union-attr]  # it is in one
            frameon=False, fontsize=8, labelcolor=_INK, loc="outside lower center", ncols=5
        )
    else:
        bars = axes.barh(heights, totals, color=_BAR, height=0.65)
    labels = [f"{size:.3g}" for size in totals]
    axes.bar_label(bars, labels=labels, padding=4, color=_INK, fontsize=9)
    axes.margins(x=0.12)
    axes.set_xlabel("mean |contribution|", color=_INK)


def _gain_bar(axes: "Axes", picture: _Picture) -> None:
    _bar(axes, picture)
    axes.set_xlabel("mean gain of a split", color=_INK)


def _dot(axes: "Axes", picture: _Picture) -> None:
    rows = _evenly(len(picture.values), _POINTS)
    look = {"s": 9, "linewidths": 0, "alpha": picture.alpha}
    for index in range(len(picture.names)):
        points, colors = picture.values[rows, index], _ranks(picture.amounts[rows, index])
        heights = index + _spread(points)
        grey = np.ones(len(points), np.bool_) if colors is None else np.isnan(colors)
        axes.scatter(points[grey], heights[grey], c=_GREY, **look)  # type: ignore[arg-type]
        if colors is not None:
            axes.scatter(
                *(points[~grey], heights[~grey]),
                c=colors[~grey],
                **(look | {"cmap": _COLORS, "vmin": 0, "vmax": 1}),  # type: ignore[arg-type]
            )
    axes.axvline(0, color=_INK, linewidth=0.8)
    axes.set_xlabel("contribution (blue: low value of the column, red: high)", color=_INK)


def _violin(axes: "Axes", picture: _Picture) -> None:
    rows = _evenly(len(picture.values), _POINTS)
    for index in range(len(picture.names)):
        points = picture.values[rows, index]
        if np.ptp(points) > 0:  # the density of equal values does not exist
            body = axes.violinplot(
                points, [index], orientation="horizontal", widths=0.8, showextrema=False
            )
            for part in body["bodies"]:  # type: ignore[attr-defined]  # a list of collections
                part.set(facecolor=_BAR, alpha=0.75 if picture.alpha is None else picture.alpha)
        axes.plot([points.mean()], [index], "o", color=_INK, markersize=3)
    axes.axvline(0, color=_INK, linewidth=0.8)
    axes.set_xlabel("contribution", color=_INK)


def _decision(axes: "Axes", picture: _Picture) -> None:
    """From the bottom up, a line goes by what each column adds, and ends at the prediction."""
    from matplotlib import colormaps

    rows = _evenly(len(picture.values), _LINES)
    steps = np.cumsum(picture.values[rows], axis=1)
    lines = picture.starts[rows, None] + np.column_stack([np.zeros(len(rows)), steps])
    ranks = _ranks(lines[:, -1])
    colors = colormaps[_COLORS](np.full(len(rows), 0.5) if ranks is None else ranks)
    # Between the ticks of two columns a line is where both the lower ones have brought it.
    heights = np.arange(lines.shape[1]) - 0.5
    alpha = 0.6 if picture.alpha is None else picture.alpha
    for line, color in zip(lines, colors, strict=True):
        axes.plot(line, heights, color=color, alpha=alpha, linewidth=0.9)
    axes.axvline(float(picture.starts.mean()), color=_INK, linewidth=0.8, linestyle=":")
    axes.set_ylim(heights[0], heights[-1])
    axes.set_xlabel("base value and contributions so far (the top end: the prediction)", color=_INK)


_DRAW: "dict[str, Callable[[Axes, _Picture], None]]" = {
    "bar": _bar,
    "dot": _dot,
    "violin": _violin,
    "decision": _decision,
}


def _tidy(axes: "Axes") -> None:
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(_GRID)
    axes.grid(axis="x", color=_GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(length=0, colors=_INK, labelsize=9)


def _evenly(rows: int, most: int) -> npt.NDArray[np.int64]:
    """At most so many row numbers, spread over all rows: they bound the size of the PNG."""
    return np.unique(np.linspace(0, rows - 1, most).astype(np.int64))


def _ranks(amounts: FloatArray) -> FloatArray | None:
    """The place of each value among all, from 0 to 1, so that one outlier takes no colour away; NaN of NaN."""
    known = np.unique(amounts[~np.isnan(amounts)])
    if len(known) < 2:
        return None
    ranks = np.searchsorted(known, np.nan_to_num(amounts, nan=known[0])) / (len(known) - 1)
    return np.where(np.isnan(amounts), np.nan, ranks)


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
    """A name as matplotlib shows it: on one line, with its dollars, which would be mathematics."""
    line = " ".join(name.split())
    text = line if len(line) <= _NAME_LENGTH else f"{line[: _NAME_LENGTH - 1]}…"
    return text.replace("$", r"\$")
