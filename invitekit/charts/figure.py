"""The description of a figure, which ``svg`` draws for a report and for a notebook."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from invitekit.charts import svg
from invitekit.charts.labels import interval, one_line, percent
from invitekit.errors import ArgumentError
from invitekit.i18n import Language, read_texts
from invitekit.metrics import EMPTY, OTHER
from invitekit.model.catalogue import Catalogue, read_catalogue
from invitekit.model.display import labels
from invitekit.model.filters import COLUMNS, Filter


@dataclass(frozen=True, slots=True)
class Look:
    """The filter that a figure states, its language, and the texts of causes.

    Attributes:
        choice: The filter that selected the records.
        language: ``en`` or ``zh``.
        catalogue: The known failures with the texts of their causes; default: the built-in ones.
    """

    choice: Filter = field(default_factory=Filter)
    language: Language = "en"
    catalogue: Catalogue = field(default_factory=read_catalogue)

    @property
    def words(self) -> Mapping[str, Any]:
        """The words of figures, in the language."""
        return read_texts(__package__, "words.toml", self.language)

    @property
    def chosen(self) -> str:
        """The filter in words."""
        return str(self.choice) if self.choice else str(self.words["every"])


Values = dict[str, Any]
_FILTERS = {column: name for name, column in COLUMNS.items()}
LOOK = Look()
"""Every record, in English."""


@dataclass(frozen=True, slots=True)
class Part:
    """One piece of a bar, or the dot of a rate, with the filter of its records, if there is one."""

    value: float
    colour: str
    hover: str
    choice: Filter | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its label, its parts, and the text after them; a rate has one part and an interval."""

    label: str
    parts: tuple[Part, ...]
    text: str
    interval: tuple[float, float] | None = None
    small: bool = False

    @property
    def end(self) -> float:
        """The value at the right end of the row."""
        return self.interval[1] if self.interval else sum(part.value for part in self.parts)


@dataclass(frozen=True, slots=True)
class Panel:
    """Lines and marks over days; all panels of a figure have the same scales."""

    label: str
    lines: tuple[svg.Line, ...]
    marks: tuple[svg.Mark, ...]


@dataclass(frozen=True, slots=True)
class Curve:
    """A survival curve: the value written at its end, and the number at risk on each tick's day, if it is known."""

    label: str
    colour: str
    end: float
    at_risk: tuple[int | None, ...]


@dataclass(frozen=True, slots=True, repr=False)
class Figure:
    """A figure of rows (bars or rates) or of panels (lines); with neither, it states that there is nothing to show.

    Attributes:
        title: What is shown, one line.
        look: How it is drawn.
        note: What the values are, and what is not shown.
        rows: Bars, or rates with their intervals.
        panels: Lines over days.
        keys: The legend.
        mean: The rate of all rows together.
        top: The largest value of the scale of panels.
        ticks: Days and their texts.
        days: The first and the last day of panels.
        curves: The curves of the only panel; its days count from the invitation.
    """

    title: str
    look: Look
    note: str = ""
    rows: tuple[Row, ...] = ()
    panels: tuple[Panel, ...] = ()
    keys: tuple[svg.Mark, ...] = ()
    mean: float | None = None
    top: float = 1
    ticks: tuple[tuple[float, str], ...] = ()
    days: tuple[float, float] = (0, 1)
    curves: tuple[Curve, ...] = ()

    @property
    def subtitle(self) -> str:
        """The filter in words, and the note."""
        return " · ".join(filter(None, [self.look.chosen, self.note]))

    @property
    def is_rates(self) -> bool:
        """Whether the rows are rates with intervals."""
        return any(row.interval for row in self.rows)

    def svg(self) -> str:
        """Draw the figure without its title, for a page and for paper."""
        return svg.draw(self)

    def _repr_html_(self) -> str:
        return svg.draw_with_title(self)

    def __repr__(self) -> str:
        return f"{self.title} ({self.subtitle})"


def hover(label: str, row: Values, look: Look, *more: str) -> str:
    """Return the text on hovering over a rate: its label, its counts, its interval, and more lines."""
    words = look.words
    counts = words["of"].format(n=f"{row['n']:,}", of=f"{row['of']:,}")
    spread = [f"{words['interval']}: {interval(row['low'], row['high'])}"] * (row["low"] is not None)
    small = [words["small"]] * bool(row.get("small"))
    return "\n".join([one_line(label, 80), f"{counts} = {percent(row['rate'])}", *spread, *more, *small])


def label_for(value: str | None, by: str | None, look: Look) -> str:
    """Return the label of a group: the label of its code, the text of a cause, or the value itself."""
    if value in (None, EMPTY, OTHER):
        return str(look.words["groups_named"][value or EMPTY])
    if by == "cause":
        failure = look.catalogue.by_code(str(value))
        return failure.cause(look.language) if failure else str(value)
    return (labels(by, look.language) if by else {}).get(str(value), str(value))


def choice_of(value: str | None, by: str | None, **more: Any) -> Filter | None:
    """Return the filter of a group with more restrictions; None if no filter selects the group."""
    if by is None or value is None:
        return Filter(**more)
    name = "cause" if by == "cause" else _FILTERS.get(by)
    if value == OTHER or name is None:
        return None
    with contextlib.suppress(ArgumentError):  # a code that only this table has
        return Filter(**(more | {name: "" if value == EMPTY else value}))
    return None
