"""Figures: notebooks and reports draw the same figure, with the numbers of its table."""

import datetime as dt
import itertools
import re
from typing import Any
from xml.etree import ElementTree as ET

import polars as pl
import pytest

from invitekit import charts
from invitekit.charts.colours import COLOURS, ORDER, dark_styles, of_code, status_order
from invitekit.charts.labels import percent, share, width, wrap
from invitekit.metrics import BY, EMPTY, progress
from invitekit.model.filters import Filter
from tests.test_report import rows

SCRIPT = "<script>alert(1)</script>"
GERMAN = "Rechnungsverantwortlichenbestätigungsabteilung der Außenhandelsgesellschaft München-Süd mbH & Co. KG"
CHINESE = "华东区企业客户事业部重点行业拓展一组客户经理团队（上海、江苏、浙江），以及华南区合作伙伴发展部客户经理二组"
CHOICE = Filter(country="Germany")


def rate(n: int, of: int) -> dict[str, Any]:
    return {"n": n, "of": of, "rate": n / of, "low": n / of / 2, "high": min(1, n / of * 1.5), "small": n < 10}


def funnel() -> pl.DataFrame:
    stages = [("all", None, 200, 200), ("invited", "all", 150, 200), ("associated", "invited", 60, 150)]
    return pl.DataFrame([{"stage": stage, "part_of": part_of} | rate(n, of) for stage, part_of, n, of in stages])


def pareto(causes: int = 3) -> pl.DataFrame:
    who = itertools.cycle(["nobody", "customer", "partner"])
    sizes = [10 * (causes - place) for place in range(causes)]
    table = [
        {"failure_code": f"c{place}", "cause": f"Cause {place}", "who_acts": next(who), "cumulative": 1.0}
        | rate(n, sum(sizes))
        for place, n in enumerate(sizes)
    ]
    return pl.DataFrame(table).with_columns(share=pl.col("rate"))


def trend(groups: tuple[str | None, ...] = (None,), **last: Any) -> pl.DataFrame:
    table = [
        {"period_start": dt.date(2026, 1, 5) + dt.timedelta(weeks=week), "group": group, "centre": 0.25}
        | {"lower_limit": 0.1, "upper_limit": 0.4, "signal": None, "incomplete": False}
        | rate(10 + week, 50)
        | (last if week == 9 else {})
        for group in groups
        for week in range(10)
    ]
    return pl.DataFrame(table, schema_overrides={"group": pl.String, "signal": pl.String})


def groups(*values: str) -> pl.DataFrame:
    counts = {"followed": 40, "followed_failed": 12, "failure_rate": 0.3, "failure_low": 0.2, "failure_high": 0.4}
    return pl.DataFrame([{"value": value, "small": False} | counts for value in values])


def survival() -> pl.DataFrame:
    table = [
        {"group": group, "days": day, "share": day / 20, "low": day / 40, "high": day / 15, "size": size}
        | {"median_days": 10 if group == "email" else None, "at_risk": size - 3 * day, "associated": 3}
        for group, size in ((None, 130), ("email", 90), ("link", 40))
        for day in range(12)
    ]
    return pl.DataFrame(table, schema_overrides={"group": pl.String})


def repeats() -> pl.DataFrame:
    before = {"failure_code": "expired", "cause": "Expired", "method": "email", "resends": 40, "associated": 12}
    return pl.DataFrame([before | rate(12, 40)]).drop("n", "of")


TABLES: dict[str, tuple[Any, pl.DataFrame, tuple[Any, ...]]] = {
    "funnel": (charts.funnel, funnel(), ()),
    "pareto": (charts.pareto, pareto(), ()),
    "trend": (charts.trend, trend(), (None,)),
    "trend by who acts": (charts.trend, trend(("customer", "partner")), ("who_acts",)),
    "survival": (charts.survival, survival(), ("invitation_method",)),
    "ageing": (charts.ageing, pl.DataFrame({"bucket": ["0-3", "(empty)"], "status": ["invited", "pre_registered"],
               "n": [5, 7]}), ()),
    "groups": (charts.groups, groups("a", "b"), ("account_manager",)),
    "repeats": (charts.repeats, repeats(), ()),
    "snapshots": (charts.snapshots, pl.DataFrame({"snapshot_at": [dt.datetime(2026, 3, 9), dt.datetime(2026, 3, 16)],
                  "status": ["associated", "invited"], "n": [3, 4]}), ()),
}  # fmt: skip
"""How to draw each figure: the function, a table, and what else it takes."""


def drawn(name: str, look: charts.Look | None = None, *, empty: bool = False) -> charts.Figure:
    draw, table, more = TABLES[name]
    figure: charts.Figure = draw(table.clear() if empty else table, *more, look=look or charts.Look())
    return figure


def in_svg(figure: charts.Figure) -> list[str]:
    """Return every text of a figure as SVG, also the tooltips."""
    return [
        "".join(node.itertext()) for node in ET.fromstring(figure.svg()).iter() if node.tag[-4:] in ("text", "itle")
    ]


def texts(figure: charts.Figure) -> str:
    return "\n".join(in_svg(figure)).replace("\u00a0", " ")


@pytest.mark.parametrize("name", TABLES)
def test_a_notebook_shows_the_figure_of_a_report_with_its_title_and_the_colours_of_its_theme(name: str) -> None:
    figure = drawn(name, charts.Look(CHOICE))
    shown = figure._repr_html_()
    assert figure.svg() in shown
    said = ["".join(node.itertext()) for node in ET.fromstring(shown).iter() if node.tag.endswith("figcaption")]
    assert said == [f"{figure.title}{figure.subtitle}"]
    assert "Country/Region is Germany" in figure.subtitle
    assert all(light in shown and dark in shown for light, dark in COLOURS.values())


@pytest.mark.parametrize("name", TABLES)
def test_texts_are_in_both_languages_and_fit_on_the_page(name: str) -> None:
    english, chinese = (drawn(name, charts.Look(language=language)) for language in ("en", "zh"))
    assert (english.title.isascii(), chinese.title.isascii()) == (True, False)
    assert chinese.subtitle.startswith("全部记录")
    for figure in (english, chinese):
        for node in ET.fromstring(figure.svg()).iter("{http://www.w3.org/2000/svg}text"):
            x, wide = float(node.get("x", 0)), 7.6 * width(node.text or "")
            left = x - {"middle": wide / 2, "end": wide}.get(node.get("text-anchor", ""), 0)
            assert left >= -12, node.text
            assert left + wide <= 660, node.text


@pytest.mark.parametrize("name", TABLES)
def test_an_empty_figure_states_which_data_is_missing(name: str) -> None:
    figure = drawn(name, charts.Look(CHOICE), empty=True)
    assert "Nothing to show. Chosen: Country/Region is Germany" in texts(figure)


@pytest.mark.parametrize("by", BY)
def test_a_grouped_trend_has_a_panel_for_each_group(by: Any) -> None:
    colours = {"partner": "partner", "customer": "customer"} if by == "who_acts" else {}
    figure = charts.trend(trend(("customer", "partner")), by)
    assert len(figure.panels) == 2
    assert {panel.lines[-1].colour for panel in figure.panels} == set(colours.values() or ["accent"])


def test_merged_groups_have_a_panel_too() -> None:
    figure = charts.trend(trend(("customer", "(other)", "(empty)")), "who_acts")
    assert [text for text in in_svg(figure) if text in ("Customer", "All others", "Not given")] == [
        "Customer", "All others", "Not given",
    ]  # fmt: skip


def test_a_bar_is_as_long_as_its_count_and_shows_count_and_share() -> None:
    bars = re.findall(r'<rect [^>]*width="([\d.]+)"', drawn("funnel").svg())
    assert [float(bar) / float(bars[0]) for bar in bars] == pytest.approx([1, 0.75, 0.3], abs=1e-3)
    assert "60 · 40%" in texts(drawn("funnel"))
    assert "Associated – part of the invited" in texts(drawn("funnel"))


def test_hovering_shows_counts_rates_and_interval() -> None:
    assert "12 of 40 = 30%\n95% interval: 20–40%" in texts(drawn("groups"))
    week = "Week from 2026-01-05\n10 of 50 = 20%\n95% interval: 10–30%\nusual: 10–40%"
    assert week in texts(drawn("trend"))


def test_numbers_at_risk_are_below_a_curve_and_its_name_at_its_end() -> None:
    figure = drawn("survival")
    at_risk = {curve.label: curve.at_risk for curve in figure.curves}
    days = [int(day) for day, _ in figure.ticks]
    assert at_risk["Email"] == tuple(90 - 3 * day for day in days)
    assert not {"All 55%", "Email 55%", "Link 55%"} - {text.replace("\u00a0", " ") for text in in_svg(figure)}
    ends = [float(y) for y in re.findall(r'y="([\d.]+)"[^>]*>(?:All|Email|Link) 55', figure.svg())]
    assert min(abs(a - b) for a, b in itertools.combinations(ends, 2)) >= 16


def test_numbers_at_risk_are_exact_on_days_of_other_groups_too() -> None:
    frame = rows(30, effective_status=["associated"] * 10 + ["expired"] * 20, age_days=[84] * 15 + [4] * 15,
                 days_to_associate=[2] * 5 + [6] * 5 + [None] * 20, snapshot_at=dt.datetime(2026, 1, 9),
                 invitation_method=["email"] * 5 + ["link"] * 15 + ["email"] * 10)  # fmt: skip
    table = progress(frame, as_of=dt.date(2026, 1, 9)).survival
    email = table.filter(pl.col("group") == "email").select("days", "at_risk", "associated").rows()
    assert email == [(0, 15, 0), (2, 15, 5), (6, 0, 0)]


def test_a_number_at_risk_after_the_end_of_a_rounded_curve_is_unknown() -> None:
    table = survival().filter(pl.col("group").is_null() | (pl.col("days") <= 6))
    figure = charts.survival(table, "invitation_method")
    days = [int(day) for day, _ in figure.ticks]
    email = next(curve for curve in figure.curves if curve.label == "Email")
    assert email.at_risk == tuple(90 - 3 * day if day <= 6 else None for day in days)
    assert "–" in in_svg(figure)


def test_customers_who_are_not_invited_yet_lack_no_invitation_date() -> None:
    columns = {"bucket": ["(empty)"] * 2, "status": ["invited", "pre_registered"], "n": [2, 3]}
    assert [row.label for row in charts.ageing(pl.DataFrame(columns)).rows] == ["No invitation date", "Not invited yet"]


def test_a_link_that_was_open_when_its_customer_was_invited_again_has_that_as_its_result() -> None:
    before = (
        repeats().head(1).with_columns(failure_code=pl.lit("invited"), cause=pl.lit("Invited"), method=pl.lit("link"))
    )
    assert [row.label for row in charts.repeats(before).rows] == ["Still open (Link)"]


def test_other_causes_are_one_bar_with_a_part_for_each_who_acts() -> None:
    rest = pl.DataFrame({"failure_code": ["(other)"] * 3, "cause": ["(other)"] * 3, "cumulative": [1.0] * 3,
                         "who_acts": ["nobody", "customer", None]} | {"n": [20, 16, 11], "of": [60, 60, 60],
                         "rate": [0.3] * 3, "low": [0.2] * 3, "high": [0.4] * 3, "small": [False] * 3,
                         "share": [0.3] * 3})  # fmt: skip
    last = charts.pareto(pl.concat([pareto(), rest.select(pareto().columns)])).rows[-1]
    assert [(part.value, part.colour) for part in last.parts] == [(16, "customer"), (20, "nobody"), (11, "unknown")]
    assert last.text.startswith("47 · 78")


def test_hidden_rows_are_counted() -> None:
    figure = charts.groups(groups(*map(str, range(2_000))), "custom_tag")
    assert len(figure.rows) == 10
    assert "1,990 more are not shown" in figure.subtitle
    assert "14 other causes" in texts(charts.pareto(pareto(25)))
    assert "1 more is not shown" in charts.groups(groups(*map(str, range(11))), "custom_tag").subtitle
    days = [dt.date(2024, 1, 1) + dt.timedelta(days=number) for number in range(401)]
    row = rate(4, 10) | {"group": None, "centre": 0.4, "lower_limit": 0.0, "upper_limit": 0.9, "signal": None}
    daily = pl.DataFrame([{"period_start": day, "incomplete": False} | row for day in days])
    assert "1 earlier period is not shown" in charts.trend(daily, period="day").subtitle


@pytest.mark.parametrize(
    ("last", "key"),
    [
        ({"signal": "high"}, "more than usual"),
        ({"incomplete": True}, "not complete yet"),
        ({"small": True}, "uncertain"),
    ],
)
def test_an_unusual_period_has_a_marker_that_the_legend_explains(last: Any, key: str) -> None:
    figure, plain = charts.trend(trend(**last)), charts.trend(trend())
    assert any(key in one.hover for one in figure.keys)
    assert not any(key in one.hover for one in plain.keys)
    mark = figure.panels[0].marks[-1]
    assert (mark.symbol, mark.hollow, mark.size, mark.colour) != ("circle", False, 7, "accent")


def test_hidden_periods_interrupt_the_line_and_have_no_marker() -> None:
    hidden = trend().with_columns(
        pl.when(pl.col("n") == 14).then(None).otherwise(pl.col(name)).alias(name) for name in ("rate", "low", "high")
    )
    panel = charts.trend(hidden).panels[0]
    assert [len(line.points) for line in panel.lines if line.colour == "accent"] == [4, 5]
    assert len(panel.marks) == 9


def test_the_axis_of_a_trend_names_the_first_day_of_each_period() -> None:
    ticks = charts.trend(trend()).ticks
    days = [day.toordinal() for day in trend()["period_start"].unique().sort()]
    assert [day for day, _ in ticks] == days[::2]
    assert [text for _, text in ticks] == ["01-05\n2026", "01-19", "02-02", "02-16", "03-02"]


def test_many_groups_by_day_stay_readable_and_state_what_is_omitted() -> None:
    days = [dt.date(2016, 1, 1) + dt.timedelta(days=number) for number in range(410)]
    row = rate(4, 10) | {"centre": 0.4, "lower_limit": 0.0, "upper_limit": 0.9, "signal": None, "incomplete": False}
    names = [*(f"mgr {number}" for number in range(12)), "(other)"]
    table = pl.DataFrame([{"period_start": day, "group": name} | row for name in names for day in days])
    figure = charts.trend(table, "account_manager", period="day")
    assert "5 more are not shown · 10 earlier periods are not shown" in figure.subtitle
    assert {len(panel.marks) for panel in figure.panels} == {400}
    assert [panel.label for panel in figure.panels][-1] == "All others"


def test_markup_in_names_is_shown_as_text() -> None:
    figure = charts.groups(groups(SCRIPT, "<a href='https://x'>y</a>"), "account_manager")
    for written in (figure.svg(), figure._repr_html_()):
        assert "<script" not in written
        assert "<a " not in written
    assert SCRIPT in texts(figure)


def test_unprintable_characters_of_a_filter_are_left_out() -> None:
    shown = drawn("pareto", charts.Look(Filter(text="a\x01\u202eb")))._repr_html_()
    assert ET.fromstring(shown)[1][1].tail == "Text holds 'ab'"
    assert "\u202e" not in shown


@pytest.mark.parametrize("text", [GERMAN, CHINESE, "x" * 300, "a b " * 100])
def test_long_labels_fit(text: str) -> None:
    lines = wrap(text, 44)
    assert len(lines) == 2
    assert all(width(line) <= 44 for line in lines)
    assert "".join(lines)[:30].replace(" ", "") == text.replace(" ", "")[: len("".join(lines)[:30].replace(" ", ""))]


def test_line_breaks_follow_punctuation_rules_and_hide_nothing() -> None:
    assert wrap("贵司与华为的签约关系不支持以顾问销售模式关联该客户。", 50)[1] == "户。"
    assert wrap(CHINESE, 50)[0].endswith("团队")
    assert wrap("a\u202eb\u200b\x00 c\n d") == ["ab c d"]


def test_shares_are_only_as_precise_as_their_counts() -> None:
    assert [share(n, of, "{n} of {of}") for n, of in ((7, 12), (70, 120))] == ["7 of 12", "58%"]
    assert [percent(one) for one in (None, 0, 0.001, 0.5, 0.999, 1)] == [
        "–", "0%", "<1%", "50%", ">99%", "100%",
    ]  # fmt: skip


def test_the_tables_of_progress_are_drawn_without_preparation() -> None:
    found = progress(rows(2, effective_status=["association_failed", "invited"]), as_of=dt.date(2026, 3, 30))
    figures = [
        charts.to_do({"again": 2, "blocked": 0}), charts.funnel(found.funnel), charts.ageing(found.ageing),
        *(charts.trend(table, by) for by, table in found.trends.items()), charts.repeats(found.repeats),
        charts.survival(found.survival, "invitation_method"), charts.groups(found.by_manager, "account_manager"),
        charts.snapshots(found.snapshots),
    ]  # fmt: skip
    assert all(ET.fromstring(figure.svg()) is not None for figure in figures)
    assert "The customer opened the link after it had run out." in texts(charts.pareto(found.pareto))


# Colours


def linear(colour: str) -> list[float]:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    return [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]


def contrast(one: str, other: str) -> float:
    low, high = sorted(sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear(colour), strict=True))
                       for colour in (one, other))  # fmt: skip
    return (high + 0.05) / (low + 0.05)


# Machado, Oliveira and Fernandes 2009, severity 1, on linear RGB.
SEEN_WITH = {
    "protanopia": [(0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)],
    "deuteranopia": [(0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)],
    "tritanopia": [(1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)],
}


def lab(colour: str, matrix: list[tuple[float, float, float]]) -> list[float]:
    seen = [max(0.0, min(1.0, sum(w * c for w, c in zip(row, linear(colour), strict=True)))) for row in matrix]
    to_xyz = [(0.4124, 0.3576, 0.1805), (0.2126, 0.7152, 0.0722), (0.0193, 0.1192, 0.9505)]
    x, y, z = (
        (sum(w * c for w, c in zip(row, seen, strict=True)) / white)
        for row, white in zip(to_xyz, (0.9505, 1, 1.089), strict=True)
    )
    f = [t ** (1 / 3) if t > 0.008856 else 7.787 * t + 16 / 116 for t in (x, y, z)]
    return [116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("sight", SEEN_WITH)
def test_colour_blind_people_can_distinguish_all_colours(dark: bool, sight: str) -> None:
    for values in (ORDER, status_order()):
        colours = [COLOURS[of_code(value.code)][dark] for value in values]
        for one, other in itertools.combinations(colours, 2):
            distance = sum((a - b) ** 2 for a, b in zip(*(lab(c, SEEN_WITH[sight]) for c in (one, other)), strict=True))
            assert distance**0.5 > 10, (one, other)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_text_and_data_contrast_with_the_background(dark: bool) -> None:
    colours = {name: pair[dark] for name, pair in COLOURS.items()}
    assert all(contrast(colours[name], colours["paper"]) >= 4.5 for name in ("ink", "muted"))
    data = [*(of_code(value.code) for value in ORDER), "accent", "alarm", "relief"]
    assert all(contrast(colours[name], colours["paper"]) >= 2.7 for name in data)


def test_each_light_colour_has_a_dark_one() -> None:
    assert len(set(COLOURS.values())) == len({light for light, _ in COLOURS.values()})
    used = set(re.findall(r'(?:fill|stroke)="(#\w+)"', "".join(drawn(name).svg() for name in TABLES)))
    assert len(used) >= 10
    assert all(f'[fill="{colour}"]' in dark_styles() for colour in used)


def test_the_bar_of_a_group_without_a_value_selects_its_records() -> None:
    choices = [row.parts[0].choice for row in charts.groups(groups(EMPTY, "a"), "custom_tag").rows]
    assert [choice and choice.tag for choice in choices] == [(None,), ("a",)]


def test_a_country_has_its_name_in_the_language_of_the_figure() -> None:
    figures = {
        language: charts.groups(groups("Germany", "Atlantis"), "country", charts.Look(language=language))._repr_html_()
        for language in ("en", "zh")
    }
    assert ["德国" in text for text in figures.values()] == [False, True]
    assert ["Germany" in text for text in figures.values()] == [True, False]
    assert all("Atlantis" in text for text in figures.values())
