"""Draw the tables of ``metrics`` as SVG figures, for notebooks and reports."""

from invitekit.charts.counts import ageing, funnel, groups, pareto, repeats, snapshots, to_do
from invitekit.charts.figure import Figure, Look
from invitekit.charts.lines import survival, trend

__all__ = [
    "Figure", "Look", "ageing", "funnel", "groups", "pareto", "repeats", "snapshots", "survival", "to_do", "trend",
]  # fmt: skip
