"""Metrics of annotated records: small tables of statuses, and of why, when and where associations fail."""

from __future__ import annotations

from invitekit.metrics.aggregate import BY, EMPTY, OTHER, PERIODS, By, Period
from invitekit.metrics.causes import words
from invitekit.metrics.evidence import find_changes, find_differences, one_in
from invitekit.metrics.follow_up import FOLLOW_UP_DAYS
from invitekit.metrics.overview import MetricsReport, progress
from invitekit.metrics.status_counts import StatusCounts, count_statuses
from invitekit.metrics.trend import failure_and_association_trend, failure_trend

__all__ = [
    "BY", "EMPTY", "FOLLOW_UP_DAYS", "OTHER", "PERIODS", "By", "MetricsReport", "Period", "StatusCounts",
    "count_statuses", "failure_and_association_trend", "failure_trend", "find_changes", "find_differences",
    "one_in", "progress", "words",
]  # fmt: skip
