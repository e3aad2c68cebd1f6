"""Annotated records to small tables: how many stand where, why associations fail, and since when."""

from __future__ import annotations

from invitekit.metrics.aggregate import BY, EMPTY, OTHER, PERIODS, By, Period
from invitekit.metrics.causes import words
from invitekit.metrics.evidence import find_changes, find_differences, one_in
from invitekit.metrics.follow_up import FOLLOW_UP_DAYS
from invitekit.metrics.overview import Progress, progress
from invitekit.metrics.status_counts import Tally, tally
from invitekit.metrics.survival import time_to_association
from invitekit.metrics.trend import failure_trend

__all__ = [
    "BY",
    "EMPTY",
    "FOLLOW_UP_DAYS",
    "OTHER",
    "PERIODS",
    "By",
    "Period",
    "Progress",
    "Tally",
    "failure_trend",
    "find_changes",
    "find_differences",
    "one_in",
    "progress",
    "tally",
    "time_to_association",
    "words",
]
