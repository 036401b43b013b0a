"""Converts tables of reStructuredText to pipe tables of Markdown."""

import re
from collections.abc import Callable

from docutils import nodes

from blog.config import N_

Write = Callable[[nodes.Element], str]
Lose = Callable[[str], None]


def table_rows(table: nodes.Element, write: Write, lose: Lose) -> list[list[str]]:
    """Return rows of equal width, with cells of one line. The first row is the header, maybe empty.

    `write` converts a cell to Markdown, and `lose` reports lost markup.
    """
    headers = [row for head in table.findall(nodes.thead) for row in head.findall(nodes.row)]
    body = [row for part in table.findall(nodes.tbody) for row in part.findall(nodes.row)]
    if len(headers) > 1:
        lose(N_("The second header row of a table is now a plain row."))
    rowspans: dict[int, int] = {}
    rows = [_cells(row, rowspans, write, lose) for row in [*headers, *body]]
    width = max(map(len, rows), default=1)
    if not headers:
        rows.insert(0, [])
    return [row + [""] * (width - len(row)) for row in rows]


def _cells(row: nodes.Element, rowspans: dict[int, int], write: Write, lose: Lose) -> list[str]:
    """Convert a row. `rowspans` counts, by column, the rows that a cell above still covers."""
    cells: list[str] = []
    for entry in row.findall(nodes.entry):
        _fill(cells, rowspans)
        across, down = int(entry.get("morecols", 0)), int(entry.get("morerows", 0))
        if across or down:
            lose(N_("Table cells that span several rows or columns are now single cells."))
        others = [child for child in entry.children if not isinstance(child, nodes.paragraph)]
        if others or len(entry.children) > 1:
            lose(N_("Table cells with more than one paragraph are now one line."))
        for column in range(len(cells), len(cells) + across + 1):
            rowspans[column] = down
        cells += [_one_line(write(entry)), *[""] * across]
    _fill(cells, rowspans)
    return cells


def _fill(cells: list[str], rowspans: dict[int, int]) -> None:
    """Append empty cells where a cell above spans this row."""
    while rowspans.get(len(cells), 0) > 0:
        rowspans[len(cells)] -= 1
        cells.append("")


def _one_line(text: str) -> str:
    """Join paragraphs with `<br>`, and escape vertical bars, which would end the cell."""
    text = re.sub(r"(?<!\\)\|", r"\|", text.strip())
    return re.sub(r"\n", " ", re.sub(r"\n\s*\n", "<br>", text))


def pipe_table(rows: list[list[str]]) -> str:
    """Return rows as a pipe table. The first row is the header."""
    lines = [f"| {' | '.join(row)} |" for row in rows]
    lines.insert(1, f"|{' --- |' * len(rows[0])}")
    return "\n".join(lines)
