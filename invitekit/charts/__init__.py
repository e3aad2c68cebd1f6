"""Small tables to figures: drawn as SVG in a notebook and in a report."""

from invitekit.charts.counts import ageing, funnel, groups, pareto, repeats, snapshots, to_do
from invitekit.charts.figure import Figure, Look
from invitekit.charts.lines import survival, trend

__all__ = [
    "Figure",
    "Look",
    "ageing",
    "funnel",
    "groups",
    "pareto",
    "repeats",
    "snapshots",
    "survival",
    "to_do",
    "trend",
]
