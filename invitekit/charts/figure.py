"""A figure as a value: what it shows, described once; ``svg`` draws it, for a page and for a notebook."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import narwhals.stable.v2 as nw

from invitekit.charts import notebook
from invitekit.charts.colours import UNKNOWN_VALUE
from invitekit.charts.labels import interval, one_line, percent
from invitekit.charts.scene import Line, Mark, Xy
from invitekit.charts.svg import draw as draw_svg
from invitekit.errors import ArgumentError
from invitekit.i18n import Language, read_texts
from invitekit.metrics import EMPTY, OTHER
from invitekit.model.catalogue import Catalogue, read_catalogue
from invitekit.model.filters import COLUMNS, Filter
from invitekit.model.schema import BY_NAME


@dataclass(frozen=True, slots=True)
class Look:
    """How figures are drawn, and the filter that they state.

    Attributes:
        choice: The filter that the records were chosen by; each figure states it.
        language: ``en`` or ``zh``.
        catalogue: The known failures, whose causes are written in words; else the built-in ones.
    """

    choice: Filter = field(default_factory=Filter)
    language: Language = "en"
    catalogue: Catalogue = field(default_factory=read_catalogue)

    @property
    def words(self) -> Mapping[str, Any]:
        """The words of figures, in the language."""
        return _words(self.language)

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
    """One piece of a bar, or the dot of a rate.

    Attributes:
        value: Its length or place.
        colour: The name of its colour.
        hover: The text on hovering.
        choice: The filter of the records behind it; None where no filter means them.
    """

    value: float
    colour: str
    hover: str
    choice: Filter | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its label, its parts, the text after them; a rate has one part, and its interval."""

    label: str
    parts: tuple[Part, ...]
    text: str
    interval: Xy | None = None
    small: bool = False

    @property
    def end(self) -> float:
        """Where the row ends, on its scale."""
        return self.interval[1] if self.interval else sum(part.value for part in self.parts)


@dataclass(frozen=True, slots=True)
class Panel:
    """Lines and marks on scales of their own; ``ends`` are texts at the right ends of lines: height, text, colour."""

    label: str
    lines: tuple[Line, ...]
    marks: tuple[Mark, ...]
    ends: tuple[tuple[float, str, str], ...] = ()


@dataclass(frozen=True, slots=True, repr=False)
class Figure:
    """A figure: rows of bars or of rates, or panels of lines; with neither, it says that there is nothing to show.

    Attributes:
        title: What is shown, one line.
        subtitle: Of which records.
        look: How it is drawn.
        rows: Bars, or rates with their intervals.
        panels: Lines over days; they share one scale.
        keys: The legend.
        mean: The rate of all rows together.
        top: The largest value of the scale of panels.
        ticks: Of the days: place and text.
        days: The first and the last day.
        axis: What the days are.
        below: Numbers under the ticks: label, colour, texts.
    """

    title: str
    subtitle: str
    look: Look
    rows: tuple[Row, ...] = ()
    panels: tuple[Panel, ...] = ()
    keys: tuple[Mark, ...] = ()
    mean: float | None = None
    top: float = 1
    ticks: tuple[tuple[float, str], ...] = ()
    days: Xy = (0, 1)
    axis: str = ""
    below: tuple[tuple[str, str, tuple[str, ...]], ...] = ()

    @property
    def is_rates(self) -> bool:
        """Whether the rows are rates with intervals."""
        return any(row.interval for row in self.rows)

    def svg(self) -> str:
        """Draw the figure without its title, for a page and for paper."""
        return draw_svg(self)

    def _repr_html_(self) -> str:
        return notebook.draw(self)

    def __repr__(self) -> str:
        return f"{self.title} ({self.subtitle})"


def figure(title: str, look: Look, *, note: str = "", **parts: Any) -> Figure:
    """Build a figure; its subtitle is the filter in words and, where there is one, a note."""
    return Figure(title, " · ".join(filter(None, [look.chosen, note])), look, **parts)


def hover(label: str, row: Values, look: Look, *more: str) -> str:
    """Return the text on hovering of a rate: its label, its counts, its interval, what else there is to say."""
    words = look.words
    counts = words["of"].format(n=f"{row['n']:,}", of=f"{row['of']:,}")
    spread = [f"{words['interval']}: {interval(row['low'], row['high'])}"] * (row["low"] is not None)
    small = [words["small"]] * bool(row.get("small"))
    return "\n".join([one_line(label, 80), f"{counts} = {percent(row['rate'])}", *spread, *more, *small])


def to_rows(table: Any) -> list[Values]:
    """Return the rows of a small table of any engine."""
    return [dict(row) for row in nw.from_native(table, eager_only=True).iter_rows(named=True)]


def label_for(value: str | None, by: str | None, look: Look) -> str:
    """Return the label of a group: that of a code, the words of a cause, any other value as it is."""
    if value in (None, EMPTY, OTHER):
        return str(look.words["groups_named"][value or EMPTY])
    if by == "cause":
        failure = look.catalogue.by_code(str(value))
        return failure.cause(look.language) if failure else str(value)
    labels = {one.code: one.label(look.language) for one in (*BY_NAME[by].values, UNKNOWN_VALUE)} if by else {}
    return labels.get(str(value), str(value))


def choice_of(value: str | None, by: str | None, **more: Any) -> Filter | None:
    """Return the filter of a group with more restrictions; None where no filter means the group."""
    if by is None or value is None:
        return Filter(**more)
    name = "cause" if by == "cause" else _FILTERS.get(by)
    if value == OTHER or name is None:
        return None
    with contextlib.suppress(ArgumentError):  # a code of the table's own
        return Filter(**(more | {name: None if value == EMPTY else value}))
    return None


@cache
def _words(language: Language) -> Mapping[str, Any]:
    return read_texts(__package__, "words.toml", language)
