"""A figure for a notebook: its SVG under its title, in the colours of the notebook's theme, light or dark."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from invitekit.charts.colours import COLOURS, dark_styles
from invitekit.charts.labels import visible
from invitekit.charts.svg import draw as draw_svg

if TYPE_CHECKING:
    from invitekit.charts.figure import Figure

_DARK = ':is([data-jp-theme-light="false"],.vscode-dark,.vscode-high-contrast,.dark)'
"""What JupyterLab, VS Code and marimo say of a dark theme, above what a cell shows."""
_STYLE = (
    f".chart{{margin:8px 0;color:{COLOURS['ink'][0]}}}{_DARK} .chart{{color:{COLOURS['ink'][1]}}}"
    ".chart svg{max-width:100%;height:auto}.chart figcaption b{font-size:16px}"
    ".chart [data-choice]{cursor:pointer}.chart [data-choice]:hover{opacity:.75}"
    ".chart [aria-pressed=true]{stroke:currentColor;stroke-width:2}"
    f"{_DARK}{{{dark_styles()}}}"
)


def draw(figure: Figure, *, clickable: bool = False) -> str:
    """Return the figure with its title as XHTML.

    Args:
        figure: What is drawn.
        clickable: Number the bars and points with records behind them: see ``svg.draw``.
    """
    # A filter may have characters that XHTML does not allow.
    title, subtitle = (html.escape(visible(text)) for text in (figure.title, figure.subtitle))
    return (
        f'<figure class="chart" xmlns="http://www.w3.org/1999/xhtml"><style>{_STYLE}</style>'
        f"<figcaption><b>{title}</b><br/>{subtitle}</figcaption>"
        f"{draw_svg(figure, clickable=clickable)}</figure>"
    )
