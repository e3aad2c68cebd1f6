"""Annotated records to small tables: how many stand where, why associations fail, and since when."""

from __future__ import annotations

from invitekit.progress.causes import words
from invitekit.progress.cube import BY, EMPTY, OTHER, PERIODS, By, Period
from invitekit.progress.funnel import SETTLED
from invitekit.progress.survival import time_to_association
from invitekit.progress.tables import Progress, progress
from invitekit.progress.tallies import Tally, tally
from invitekit.progress.trend import failure_trend

__all__ = [
    "BY",
    "EMPTY",
    "OTHER",
    "PERIODS",
    "SETTLED",
    "By",
    "Period",
    "Progress",
    "Tally",
    "failure_trend",
    "progress",
    "tally",
    "time_to_association",
    "words",
]
