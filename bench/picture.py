"""Draws the chart RESULTS.svg: a dot for each target on a logarithmic scale.

The SVG contains colours for light and for dark mode.
"""

from html import escape
from math import ceil, floor, log10

from bench.report import number
from bench.rounds import Row
from bench.target import PARTS

WIDTH, MARGIN, NAMES, LINE = 920, 20, 390, 24
STYLE = """
    svg { background: #fbfaf7 }
    text { font: 14px system-ui, sans-serif; fill: #22303c }
    .head { font-weight: 600 }
    .faint { fill: #66727c; font-size: 12px }
    .power { fill: #66727c; font-size: 12px; text-anchor: middle }
    .grid { stroke: #dcd8cf }
    .thread { stroke: #b9b4a8 }
    circle { fill: #66727c }
    .ours { fill: #a8441f }
    @media (prefers-color-scheme: dark) {
      svg { background: #16191d }
      text { fill: #e4e0d6 }
      .faint, .power { fill: #98a2ab }
      .grid { stroke: #2c3238 }
      .thread { stroke: #4a525a }
      circle { fill: #98a2ab }
      .ours { fill: #f0885a }
    }
"""


def picture(rows: list[Row]) -> str:
    """Return an SVG chart of the requests per second, or an empty string if no target ran."""
    shown = [row for row in rows if row.runs and row.rate > 0]
    if not shown:
        return ""
    low = floor(log10(min(row.rate for row in shown)))
    high = max(low + 1, ceil(log10(max(row.rate for row in shown))))
    drawn, y = [], MARGIN + 3 * LINE
    for part, title in PARTS.items():
        of_part = [row for row in shown if row.target.part == part]
        if of_part:
            drawn.append(_text(MARGIN, y, title, "head"))
            drawn += [_row(row, y + LINE * at, low, high) for at, row in enumerate(of_part, 1)]
            y += LINE * (len(of_part) + 2)
    height = y
    grid = [_grid(power, height, low, high) for power in range(low, high + 1)]
    title = _text(MARGIN, MARGIN + LINE // 2, "Requests per second, the same 12 kB page", "head")
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img"'
            ' aria-label="Requests per second of each stack">',
            f"  <style>{STYLE}  </style>",
            *(f"  {line}" for line in [*grid, title, *drawn]),
            "</svg>",
            "",
        ]
    )


def _row(row: Row, y: int, low: int, high: int) -> str:
    x, kind = _place(log10(row.rate), low, high), "ours" if row.target.part == "ours" else ""
    return (
        _text(MARGIN, y, row.target.name, "")
        + f'<line class="thread" x1="{NAMES}" y1="{y - 5}" x2="{x:.0f}" y2="{y - 5}"/>'
        + f'<circle class="{kind}" cx="{x:.0f}" cy="{y - 5}" r="5"/>'
        + _text(x + 10, y, number(row.rate), "faint")
    )


def _grid(power: int, height: int, low: int, high: int) -> str:
    x, top = _place(power, low, high), MARGIN + LINE + LINE // 2
    line = f'<line class="grid" x1="{x:.0f}" y1="{top + 6}" x2="{x:.0f}" y2="{height - LINE}"/>'
    return line + _text(x, top, f"{10**power:,}", "power")


def _place(power: float, low: int, high: int) -> float:
    return NAMES + (power - low) / (high - low) * (WIDTH - NAMES - 4 * MARGIN)


def _text(x: float, y: float, words: str, kind: str) -> str:
    return f'<text class="{kind}" x="{x:.0f}" y="{y:.0f}">{escape(words)}</text>'
