"""Small tables of text, drawn for a terminal or aligned as plain text."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table

_GAP = "  "


@dataclass(frozen=True, slots=True, kw_only=True)
class TextTable:
    """A table whose cells are text.

    Attributes:
        title: What stands above it.
        header: The names of the columns.
        rows: The cells, one tuple a row.
        right: The places of the columns that are aligned to the right.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    title: str | None = None
    right: frozenset[int] = frozenset()


def plain_text(table: TextTable) -> str:
    """The table with its columns aligned by blanks; a cell of several lines keeps them."""
    from rich.cells import cell_len

    rows = [table.header, *table.rows]
    lines = [list(_lines(row)) for row in rows]
    widths = [
        max((cell_len(line[place]) for row in lines for line in row), default=0)
        for place in range(len(table.header))
    ]
    rule = _GAP.join("-" * width for width in widths)
    texts = [[_aligned(line, widths, table.right, cell_len) for line in row] for row in lines]
    shown = [*texts[0], rule, *(line for row in texts[1:] for line in row)]
    return "\n".join([*([table.title] if table.title else []), *shown])


def _lines(row: Sequence[str]) -> Iterator[tuple[str, ...]]:
    yield from zip_longest(*(cell.expandtabs(4).split("\n") for cell in row), fillvalue="")


def _aligned(
    line: Sequence[str],
    widths: Sequence[int],
    right: frozenset[int],
    cell_len: Callable[[str], int],
) -> str:
    cells = []
    for place, (text, width) in enumerate(zip(line, widths, strict=True)):
        blanks = " " * (width - cell_len(text))
        cells.append(blanks + text if place in right else text + blanks)
    return _GAP.join(cells).rstrip()


def rich_table(table: TextTable) -> "Table":
    """The table for a terminal."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    drawn = Table(
        title=Text(table.title) if table.title else None,
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
    )
    for place, name in enumerate(table.header):
        drawn.add_column(
            Text(name), justify="right" if place in table.right else "left", overflow="fold"
        )
    for row in table.rows:
        drawn.add_row(*(Text(cell) for cell in row))
    return drawn
