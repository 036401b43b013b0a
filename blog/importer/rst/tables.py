"""Tables of reStructuredText, as rows of cells that Markdown can hold."""

import re
from collections.abc import Callable

from docutils import nodes

from blog.config import N_

Write = Callable[[nodes.Element], str]
Lose = Callable[[str], None]


def table_rows(table: nodes.Element, write: Write, lose: Lose) -> list[list[str]]:
    """Rows of one-line cells, all as wide; the heading first, empty where there is none."""
    heads = [row for head in table.findall(nodes.thead) for row in head.findall(nodes.row)]
    body = [row for part in table.findall(nodes.tbody) for row in part.findall(nodes.row)]
    if len(heads) > 1:
        lose(N_("The second header row of a table is now a plain row."))
    below: dict[int, int] = {}
    rows = [_cells(row, below, write, lose) for row in [*heads, *body]]
    width = max(map(len, rows), default=1)
    if not heads:
        rows.insert(0, [])
    return [row + [""] * (width - len(row)) for row in rows]


def _cells(row: nodes.Element, below: dict[int, int], write: Write, lose: Lose) -> list[str]:
    """`below` counts, by column, the rows that a cell from above still covers."""
    cells: list[str] = []
    for entry in row.findall(nodes.entry):
        _fill(cells, below)
        across, down = int(entry.get("morecols", 0)), int(entry.get("morerows", 0))
        if across or down:
            lose(N_("Table cells that span several rows or columns are now single cells."))
        others = [child for child in entry.children if not isinstance(child, nodes.paragraph)]
        if others or len(entry.children) > 1:
            lose(N_("Table cells with more than one paragraph are now one line."))
        for column in range(len(cells), len(cells) + across + 1):
            below[column] = down
        cells += [_one_line(write(entry)), *[""] * across]
    _fill(cells, below)
    return cells


def _fill(cells: list[str], below: dict[int, int]) -> None:
    """Empty cells where one from above reaches down."""
    while below.get(len(cells), 0) > 0:
        below[len(cells)] -= 1
        cells.append("")


def _one_line(text: str) -> str:
    """Blocks and lines parted by breaks; a bar would end the cell."""
    text = re.sub(r"(?<!\\)\|", r"\|", text.strip())
    return re.sub(r"\n", " ", re.sub(r"\n\s*\n", "<br>", text))


def written(rows: list[list[str]]) -> str:
    """A pipe table."""
    lines = [f"| {' | '.join(row)} |" for row in rows]
    lines.insert(1, f"|{' --- |' * len(rows[0])}")
    return "\n".join(lines)
