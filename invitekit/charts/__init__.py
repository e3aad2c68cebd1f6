"""Small tables to plotly figures in one visual language, for a notebook and for a file without a network."""

from invitekit.extras import require_extra

require_extra("report", "The charts need", "plotly")

from invitekit.charts.chart import CONFIG, Chart, Look, plotly_script
from invitekit.charts.counts import ageing, funnel, groups, pareto, repeats, snapshots
from invitekit.charts.lines import survival, trend

__all__ = [
    "CONFIG",
    "Chart",
    "Look",
    "ageing",
    "funnel",
    "groups",
    "pareto",
    "plotly_script",
    "repeats",
    "snapshots",
    "survival",
    "trend",
]
