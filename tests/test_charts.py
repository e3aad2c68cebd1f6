"""Figures: what they say, how they look, and that they say it of the numbers they were given."""

from __future__ import annotations

import datetime as dt
import itertools
import json
import sys
from typing import Any

import polars as pl
import pytest

from invitekit import charts
from invitekit.charts.colours import DARK, LIGHT, ORDER, status_order
from invitekit.charts.labels import keys_height, percent, share, width, wrap
from invitekit.metrics import BY, progress
from invitekit.model.filters import Filter

SCRIPT = "<script>alert(1)</script>"
GERMAN = "Rechnungsverantwortlichenbestätigungsabteilung der Außenhandelsgesellschaft München-Süd mbH & Co. KG"
CHINESE = "华东区企业客户事业部重点行业拓展一组客户经理团队（上海、江苏、浙江），以及华南区合作伙伴发展部客户经理二组"


def rate(n: int, of: int) -> dict[str, Any]:
    return {"n": n, "of": of, "rate": n / of, "low": n / of / 2, "high": min(1, n / of * 1.5), "small": n < 10}


def funnel() -> pl.DataFrame:
    rows = [
        ("all", None, 200, 200),
        ("not_invited", "all", 50, 200),
        ("invited", "all", 150, 200),
        ("open", "invited", 30, 150),
        ("associated", "invited", 60, 150),
        ("failed", "invited", 40, 150),
        ("expired", "invited", 20, 150),
    ]
    return pl.DataFrame([{"stage": stage, "part_of": part_of} | rate(n, of) for stage, part_of, n, of in rows])


def pareto(causes: int = 3) -> pl.DataFrame:
    who = itertools.cycle(["nobody", "customer", "partner"])
    sizes = [10 * (causes - place) for place in range(causes)]
    rows = [
        {"failure_code": f"c{place}", "cause": f"Cause {place}", "who_acts": next(who), "cumulative": 1.0}
        | rate(n, sum(sizes))
        for place, n in enumerate(sizes)
    ]
    return pl.DataFrame(rows).with_columns(share=pl.col("rate"))


def trend(groups: tuple[str | None, ...] = (None,), **last: Any) -> pl.DataFrame:
    rows = [
        {"period_start": dt.date(2026, 1, 5) + dt.timedelta(weeks=week), "group": group, "centre": 0.25}
        | {"lower_limit": 0.1, "upper_limit": 0.4, "signal": None, "incomplete": False}
        | rate(10 + week, 50)
        | (last if week == 9 else {})
        for group in groups
        for week in range(10)
    ]
    return pl.DataFrame(rows, schema_overrides={"group": pl.String, "signal": pl.String})


def groups(*values: str) -> pl.DataFrame:
    told = {
        "followed_associated": 10,
        "followed": 40,
        "followed_failed": 12,
        "failure_rate": 0.3,
        "failure_low": 0.2,
        "failure_high": 0.4,
    }
    return pl.DataFrame([{"value": value, "small": False} | told for value in values])


def survival() -> pl.DataFrame:
    rows = [
        {"group": group, "days": day, "share": day / 20, "low": day / 40, "high": day / 15, "size": size}
        | {"median_days": 10 if group == "email" else None}
        for group, size in (("email", 90), ("link", 40))
        for day in range(12)
    ]
    return pl.DataFrame(rows)


def repeats() -> pl.DataFrame:
    counts = rate(12, 40)
    return pl.DataFrame(
        [{"failure_code": "expired", "cause": "Expired", "method": "email", "resends": 40, "associated": 12} | counts]
    ).drop("n", "of")


def ageing() -> pl.DataFrame:
    return pl.DataFrame(
        {"bucket": ["0-3", "91+", "(empty)"], "status": ["invited"] * 2 + ["pre_registered"], "n": [5, 6, 7]}
    )


def snapshots() -> pl.DataFrame:
    days = [dt.datetime(2026, 3, 9), dt.datetime(2026, 3, 16)]
    return pl.DataFrame({"snapshot_at": days, "status": ["associated", "invited"], "n": [3, 4]})


DRAWN = {
    "funnel": lambda look: charts.funnel(funnel(), look),
    "pareto": lambda look: charts.pareto(pareto(), look),
    "trend": lambda look: charts.trend(trend(), None, look),
    "trend by who acts": lambda look: charts.trend(trend(("customer", "partner")), "who_acts", look),
    "survival": lambda look: charts.survival(survival(), "invitation_method", look),
    "ageing": lambda look: charts.ageing(ageing(), look),
    "groups": lambda look: charts.groups(groups("a", "b"), "account_manager", look),
    "repeats": lambda look: charts.repeats(repeats(), look),
    "snapshots": lambda look: charts.snapshots(snapshots(), look),
}
EMPTY = {
    "funnel": lambda look: charts.funnel(funnel().clear(), look),
    "pareto": lambda look: charts.pareto(pareto().clear(), look),
    "trend": lambda look: charts.trend(trend().clear(), None, look),
    "survival": lambda look: charts.survival(survival().clear(), None, look),
    "ageing": lambda look: charts.ageing(ageing().clear(), look),
    "groups": lambda look: charts.groups(groups("a").clear(), "country", look),
    "repeats": lambda look: charts.repeats(repeats().clear(), look),
    "snapshots": lambda look: charts.snapshots(snapshots().clear(), look),
}


def texts(found: Any) -> list[str]:
    """Give every text in a figure, wherever it stands."""
    if isinstance(found, str):
        return [found]
    values = found.values() if isinstance(found, dict) else found if isinstance(found, list | tuple) else []
    return [text for value in values for text in texts(value)]


def said(chart: charts.Chart) -> str:
    return "\n".join(texts(chart.plain())).replace("<br>", " ").replace("\u00a0", " ")


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("name", DRAWN)
def test_a_notebook_gets_plain_json_without_waking_nbformat(name: str, dark: bool) -> None:
    before = "nbformat" in sys.modules
    bundle = DRAWN[name](charts.Look(dark=dark))._repr_mimebundle_()
    drawn = json.loads(json.dumps(bundle["application/vnd.plotly.v1+json"]))
    layout = drawn["layout"]
    # JupyterLab gives a figure without a width the one that there is; a responsive one would lose its height.
    assert ("width" in layout, drawn["config"]["responsive"]) == (False, False)
    assert layout["height"] > 100
    assert layout["paper_bgcolor"] == (DARK if dark else LIGHT).paper
    assert ("nbformat" in sys.modules) == before


@pytest.mark.parametrize("name", DRAWN)
def test_the_title_says_in_words_what_was_chosen(name: str) -> None:
    chart = DRAWN[name](charts.Look(Filter(country="Germany")))
    assert chart.subtitle.startswith("Country/Region is Germany")
    assert "Country/Region is Germany" in chart.titled().layout.title.text


@pytest.mark.parametrize("name", DRAWN)
def test_words_come_in_both_languages(name: str) -> None:
    english, chinese = (DRAWN[name](charts.Look(language=language)) for language in ("en", "zh"))
    assert english.title.isascii()
    assert not chinese.title.isascii()
    assert chinese.subtitle.startswith("全部记录")


@pytest.mark.parametrize("name", EMPTY)
def test_empty_data_says_so_and_of_what(name: str) -> None:
    chart = EMPTY[name](charts.Look(Filter(country="Germany")))
    assert "Nothing to show. Chosen: Country/Region is Germany" in said(chart)
    assert chart.figure.data == ()


@pytest.mark.parametrize("by", BY)
def test_a_trend_by_anything_has_a_panel_for_each_group(by: Any) -> None:
    chart = charts.trend(trend(("a", "b")), by)
    assert len({trace.yaxis for trace in chart.figure.data if trace.yaxis}) == 2


def test_a_bar_is_as_long_as_its_count_and_says_count_and_share() -> None:
    chart = charts.funnel(funnel())
    (lengths, texts_) = (trace.x for trace in chart.figure.data[:2])
    assert lengths == (200, 50, 150, 60, 40, 20, 30)
    assert texts_ == lengths
    assert "60 · 40 %" in said(chart)
    assert "Associated – part of the invited" in said(chart)


def test_hovering_gives_counts_rates_and_interval() -> None:
    assert "12 of 40 = 30 % 95 % interval: 20–40 %" in said(charts.groups(groups("a"), "account_manager"))
    assert "Week from 2026-01-05 10 of 50 = 20 % 95 % interval: 10–30 % expected 10 %–40 %" in said(
        charts.trend(trend())
    )


def test_causes_have_the_colour_and_the_order_of_who_acts() -> None:
    chart = charts.pareto(pareto())
    bars = chart.figure.data[0]
    assert bars.marker.color == tuple(LIGHT.who_acts[who] for who in ("nobody", "customer", "partner"))
    assert [trace.name for trace in chart.figure.data if trace.name] == ["Partner", "Customer", "Nobody"]
    panels = charts.trend(trend(("nobody", "partner")), "who_acts").figure
    assert [trace.line.color for trace in panels.data if trace.line.width == 1.8] == [
        LIGHT.who_acts["partner"],
        LIGHT.who_acts["nobody"],
    ]


def test_other_causes_are_one_bar_with_a_piece_for_each_who_acts() -> None:
    rest = pl.DataFrame({"failure_code": ["(other)"] * 3, "cause": ["(other)"] * 3, "cumulative": [1.0] * 3,
                         "who_acts": ["nobody", "customer", None]} | {"n": [20, 16, 11], "of": [60, 60, 60],
                         "rate": [0.3] * 3, "low": [0.2] * 3, "high": [0.4] * 3, "small": [False] * 3,
                         "share": [0.3] * 3})  # fmt: skip
    chart = charts.pareto(pl.concat([pareto(), rest.select(pareto().columns)]))
    assert said(chart).count("Other causes") == 1 + 3
    pieces = [trace for trace in chart.figure.data if trace.type == "bar"]
    last = [(trace.x[-1], trace.marker.color[-1]) for trace in pieces]
    assert last == [(n, LIGHT.who_acts[who]) for who, n in (("customer", 16), ("nobody", 20), ("unknown", 11))]
    assert "47 · 78" in said(chart)


@pytest.mark.parametrize(
    ("names", "height"), [([], 0), (["Partner", "Nobody"], 26), (["客户" * 9] * 6, 66), (["Verantwortlich " * 9], 26)]
)
def test_a_legend_has_the_room_that_it_needs_and_no_more(names: list[str], height: int) -> None:
    assert keys_height(names) == height


def test_many_groups_are_counted_and_not_drawn() -> None:
    chart = charts.groups(groups(*map(str, range(10_000))), "custom_tag")
    assert len(chart.figure.data[0].x) == 20
    assert "9,980 more groups are not shown" in chart.subtitle
    assert "5 others" in said(charts.pareto(pareto(25)))
    assert len(json.dumps(chart.plain())) < 50_000


def test_periods_that_differ_have_a_sign_and_open_ones_are_hollow() -> None:
    chart = charts.trend(trend(signal="high"))
    points = next(trace for trace in chart.figure.data if trace.hoverinfo == "text")
    assert points.marker.symbol == ("circle",) * 9 + ("triangle-up",)
    assert "higher than chance explains" in said(chart)
    open_one = charts.trend(trend(incomplete=True))
    points = next(trace for trace in open_one.figure.data if trace.hoverinfo == "text")
    assert points.marker.color[-1] == LIGHT.paper
    assert "higher than chance explains" not in said(open_one)


def test_the_axis_of_a_trend_names_first_days_of_its_periods() -> None:
    figure = charts.trend(trend()).figure
    days = [f"{day:%Y-%m-%d}" for day in trend()["period_start"].unique().sort()]
    named = list(figure.layout.xaxis.tickvals)
    assert 4 <= len(named) <= 7
    assert named[0] == days[0]
    assert set(named) <= set(days)
    said = list(figure.layout.xaxis.ticktext)
    assert said == [f"{day[5:]}<br>2026" if number == 0 else day[5:] for number, day in enumerate(named)]


def test_a_legend_names_no_sign_that_is_not_drawn() -> None:
    hidden = trend().with_columns(small=True, incomplete=True, n=None, rate=None, low=None, high=None)
    table = pl.concat([trend().with_columns(small=False, incomplete=False), hidden], how="vertical_relaxed")
    assert "few records" not in said(charts.trend(table))
    assert "not complete yet" not in said(charts.trend(table))
    assert "few records" in said(charts.trend(trend().with_columns(small=True)))


def bars_of(chart: charts.Chart) -> dict[str, str]:
    """Give the text at the end of each row by the row's label."""
    ends = next(list(trace.text) for trace in chart.figure.data if trace.type == "scatter" and trace.mode == "text")
    return dict(
        zip([note.text for note in chart.figure.layout.annotations], [text.strip() for text in ends], strict=True)
    )


def test_small_counts_are_marked_and_not_hidden() -> None:
    small = groups("a").with_columns(small=True, followed=4, followed_failed=1)
    chart = charts.groups(small, "country")
    assert "1 of 4" in said(chart)
    assert "few records: read with care" in said(chart)


def test_names_are_shown_as_the_text_that_they_are() -> None:
    chart = charts.groups(groups(SCRIPT, "<a href='https://x'>y</a>"), "account_manager")
    assert "<script" not in said(chart)
    assert "<a " not in said(chart)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in said(chart)


@pytest.mark.parametrize("text", [GERMAN, CHINESE, "x" * 300, "a b " * 100])
def test_long_labels_fit(text: str) -> None:
    lines = wrap(text)
    assert len(lines) == 2
    assert all(width(line) <= 44 for line in lines)
    assert "".join(lines)[:30].replace(" ", "") == text.replace(" ", "")[: len("".join(lines)[:30].replace(" ", ""))]


def test_a_line_begins_with_no_full_stop_and_ends_with_no_bracket() -> None:
    assert wrap("贵司与华为的签约关系不支持以顾问销售模式关联该客户。", 50)[1] == "户。"
    assert wrap(CHINESE, 50)[0].endswith("团队")


def test_signs_that_show_nothing_are_left_out() -> None:
    assert wrap("a\u202eb\u200b\x00 c\n d") == ["ab c d"]


def test_shares_are_no_more_precise_than_their_counts() -> None:
    assert share(7, 12) == "7 of 12"
    assert share(70, 120) == "58\u00a0%"
    assert [percent(rate) for rate in (None, 0, 0.001, 0.5, 0.999, 1)] == [
        "–", "0\u00a0%", "<1\u00a0%", "50\u00a0%", ">99\u00a0%", "100\u00a0%",
    ]  # fmt: skip


def linear(colour: str) -> list[float]:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    return [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]


def lightness(colour: str) -> float:
    red, green, blue = linear(colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted([lightness(one), lightness(other)])
    return (high + 0.05) / (low + 0.05)


# Machado, Oliveira and Fernandes 2009, severity 1, on linear RGB.
SEEN_WITH = {
    "protanopia": [(0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)],
    "deuteranopia": [(0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)],
    "tritanopia": [(1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)],
}


def lab(colour: str, matrix: list[tuple[float, float, float]]) -> list[float]:
    seen = [max(0.0, min(1.0, sum(w * c for w, c in zip(row, linear(colour), strict=True)))) for row in matrix]
    rows = [(0.4124, 0.3576, 0.1805), (0.2126, 0.7152, 0.0722), (0.0193, 0.1192, 0.9505)]
    x, y, z = (
        (sum(w * c for w, c in zip(row, seen, strict=True)) / white)
        for row, white in zip(rows, (0.9505, 1, 1.089), strict=True)
    )
    f = [t ** (1 / 3) if t > 0.008856 else 7.787 * t + 16 / 116 for t in (x, y, z)]
    return [116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])]


def apart(one: str, other: str, matrix: list[tuple[float, float, float]]) -> float:
    pairs = zip(lab(one, matrix), lab(other, matrix), strict=True)
    return float(sum((a - b) ** 2 for a, b in pairs) ** 0.5)


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("sight", SEEN_WITH)
def test_colour_blind_people_can_tell_who_acts_and_every_status(theme: Any, sight: str) -> None:
    who = [theme.who_acts[value.code] for value in ORDER]
    status = [theme.of_status(value.code) for value in status_order()]
    for colours in (who, status):
        for one, other in itertools.combinations(colours, 2):
            assert apart(one, other, SEEN_WITH[sight]) > 10, (one, other)


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_text_and_data_stand_out_from_the_background(theme: Any) -> None:
    assert all(contrast(colour, theme.paper) >= 4.5 for colour in (theme.ink, theme.muted))
    data = [*theme.who_acts.values(), theme.accent, theme.alarm, theme.relief]
    assert all(contrast(colour, theme.paper) >= 2.7 for colour in data)


def test_the_tables_of_progress_are_drawn_as_they_come() -> None:
    rows = {
        "record_id": ["1", "2"], "effective_status": ["association_failed", "invited"], "cause": ["Too late.", None],
        "failure_code": ["link_expired", None], "who_acts": ["partner", None], "age_days": [40, 2],
        "invited_at": [dt.datetime(2026, 1, 5), dt.datetime(2026, 3, 28)], "invitation_method": ["email", "link"],
        "snapshot_at": [dt.datetime(2026, 3, 30)] * 2, "source_file": ["a"] * 2, "source_row": [1, 2],
    }  # fmt: skip
    nulls = ("association_type", "account_manager", "custom_tag", "country", "account_name", "email",
             "customer_full_name", "mobile")  # fmt: skip
    frame = pl.DataFrame(rows).with_columns(
        *(pl.lit(None, pl.String).alias(name) for name in nulls),
        *(pl.lit(None, pl.Datetime("us")).alias(name) for name in ("expires_at", "associated_at")),
        days_to_associate=pl.lit(None, pl.Int64),
    )
    found = progress(frame, as_of=dt.date(2026, 3, 30))
    drawn = [
        charts.funnel(found.funnel),
        charts.pareto(found.pareto),
        *(charts.trend(table, by) for by, table in found.trends.items()),
        charts.survival(found.survival, "invitation_method"),
        charts.ageing(found.ageing),
        charts.groups(found.by_manager, "account_manager"),
        charts.repeats(found.repeats),
        charts.snapshots(found.snapshots),
    ]
    assert all(isinstance(chart, charts.Chart) for chart in drawn)
    assert "The customer opened the link after it had run out." in said(drawn[1])


def test_a_trend_of_ten_years_by_day_stays_readable_and_says_what_it_leaves_out() -> None:
    days = [dt.date(2016, 1, 1) + dt.timedelta(days=number) for number in range(3650)]
    groups = [f"mgr {number}" for number in range(12)] + ["(other)"]
    row = {"n": 4, "of": 10, "rate": 0.4, "low": 0.1, "high": 0.7, "centre": 0.4, "lower_limit": 0.0,
           "upper_limit": 0.9, "signal": None, "small": True, "incomplete": False}  # fmt: skip
    table = pl.DataFrame([{"period_start": day, "group": group} | row for group in groups for day in days])
    made = charts.trend(table, "account_manager", period="day")
    assert "5 more groups are not shown · 3,250 earlier periods are not shown" in made.subtitle
    assert max(len(trace["x"]) for trace in made.plain()["data"]) == 400
    heads = [note["text"] for note in made.plain()["layout"]["annotations"]]
    assert "All others" in heads
    assert len([head for head in heads if head.startswith("mgr")]) == 7
