"""A report for its audience: true sentences, the same numbers everywhere, no customer; rounded counts in public."""

from __future__ import annotations

import datetime as dt
import functools
import json
import re
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
import typst
from hypothesis import given, settings
from hypothesis import strategies as st

import invitekit as ik
from invitekit import charts
from invitekit.errors import ArgumentError, OutputError
from invitekit.metrics import OTHER, MetricsReport, progress
from invitekit.model.catalogue import read_catalogue
from invitekit.planning import PlanSummary, count_decisions
from invitekit.privacy.disclosure import STEP, round_count, round_table
from invitekit.report import TRENDS, Page, for_audience, page, report
from invitekit.report.audience import RULES, plan_for_audience
from invitekit.report.by_manager import manager_files
from invitekit.report.html import as_html
from invitekit.report.markdown import as_markdown
from invitekit.report.page import words
from invitekit.report.pdf import as_pdf
from invitekit.report.summary import share_in_words, summarise
from invitekit.workspace import compare_snapshots
from tests.conftest import ROOT, Run, often
from tests.test_hostile_texts import Elements

if TYPE_CHECKING:
    from playwright.sync_api import Browser

AS_OF = dt.date(2026, 3, 30)
SCRIPT = "<script>alert(1)</script>"
CUSTOMER = ("customer_full_name", "customer_name", "account_name", "email", "mobile", "remarks", "record_id")
PERSONAL = (*CUSTOMER, "account_manager", "custom_tag")


def public(metrics: MetricsReport) -> MetricsReport:
    return for_audience(metrics, "public")


@pytest.fixture(scope="module")
def loaded() -> Any:
    return ik.load(str(ROOT / "data"))


@pytest.fixture(scope="module")
def annotated(loaded: Any) -> Any:
    return ik.annotate(loaded.records, as_of=AS_OF)


@pytest.fixture(scope="module")
def metrics(annotated: Any) -> MetricsReport:
    return progress(annotated, as_of=AS_OF)


@pytest.fixture(scope="module")
def shown(metrics: MetricsReport) -> MetricsReport:
    return for_audience(metrics)


@pytest.fixture(scope="module")
def made(metrics: MetricsReport, annotated: Any, loaded: Any) -> Page:
    change = compare_snapshots(loaded.records)
    return page(metrics, charts.Look(), planned(annotated, loaded.rejects), summary=loaded.summary, change=change)


@pytest.fixture(scope="module")
def pages(annotated: Any, loaded: Any) -> dict[str, Page]:
    languages: tuple[Any, ...] = ("en", "zh")
    return {
        language: page(
            progress(annotated, as_of=AS_OF, language=language),
            charts.Look(language=language),
            planned(annotated),
            audience="public",
            summary=loaded.summary,
        )
        for language in languages
    }


def planned(records: Any, rejected: Any = None) -> PlanSummary:
    return count_decisions(ik.plan_resends(records, as_of=AS_OF, rejected=rejected))


@functools.cache
def no_plan() -> PlanSummary:
    """Return what a plan of no records counts."""
    return planned(rows(0))


def rows(count: int, **columns: Any) -> pl.DataFrame:
    """Return annotated records: failed ones, unless the given columns differ."""
    values: dict[str, Any] = {
        "record_id": [f"id{number}" for number in range(count)], "effective_status": "association_failed",
        "failure_code": "link_expired", "who_acts": "partner", "invited_at": dt.datetime(2026, 1, 5),
        "age_days": 84, "expires_at": None, "associated_at": None,
        "snapshot_at": dt.datetime(2026, 3, 30), "source_file": "a.csv", "source_row": list(range(count)),
        "days_to_associate": None, "invitation_method": "email", "association_type": "reseller", "status": "expired",
        **dict.fromkeys(("cause", "advice", "suggested_operation", "resend_rule"), "now"),
        "account_manager": "mgr", "custom_tag": None, "country": "China", "account_name": None, "email": None,
        "customer_full_name": None, "mobile": None,
    } | columns  # fmt: skip
    # Columns without values have no type.
    kinds: dict[str, Any] = {name: pl.String for name, value in values.items() if value in (None, [])}
    kinds |= {
        "source_row": pl.Int64,
        **dict.fromkeys(("invited_at", "snapshot_at", "expires_at", "associated_at"), pl.Datetime("us")),
        "age_days": pl.Int64,
    }
    wide = {name: value if isinstance(value, list) else [value] * count for name, value in values.items()}
    return pl.DataFrame(wide, schema_overrides=kinds | {"days_to_associate": pl.Int64})


def texts(metrics: Any) -> Iterator[str]:
    """Return every text of a page: its own, and those in its figures."""
    if isinstance(metrics, str):
        yield metrics
    elif isinstance(metrics, dict):
        yield from texts(list(metrics.values()))
    elif isinstance(metrics, list | tuple):
        for one in metrics:
            yield from texts(one)
    elif hasattr(metrics, "__dataclass_fields__"):
        yield from texts([getattr(metrics, field.name) for field in fields(metrics)])


def persons(text: str, records: pl.DataFrame, columns: tuple[str, ...] = PERSONAL) -> list[str]:
    """Return the values of personal columns that are whole words of the text."""
    values = {value for name in columns for value in records[name].drop_nulls().unique().to_list()}
    near = pl.Series([text]).str.extract_many(sorted(values), overlapping=True)[0].unique()  # few of thousands
    return sorted(value for value in near if re.search(rf"(?<![\w.-]){re.escape(value)}(?![\w-])", text))


# Counts in public


def counts_of(rule: str) -> list[str]:
    return [name for name, role in RULES[rule].roles.items() if role in ("size", "count", "whole")]


@pytest.mark.parametrize("period", ["day", "week"])
def test_public_counts_are_multiples_of_ten_or_hidden_with_their_rates(annotated: Any, period: Any) -> None:
    # Four weeks by day have enough small counts.
    records = annotated.filter(pl.col("invited_at") >= dt.datetime(2026, 3, 1)) if period == "day" else annotated
    exact = progress(records, as_of=AS_OF, period=period)
    shown = public(exact)
    tables = {name: getattr(shown, name) for name in RULES if name != "trends"}
    frames = {field.name for field in fields(shown) if isinstance(getattr(shown, field.name), pl.DataFrame)}
    assert frames == {*tables, "survival"}
    for rule, table in [*tables.items(), *(("trends", table) for table in shown.trends.values())]:
        for name in counts_of(rule):
            assert table.filter((pl.col(name) < STEP) | (pl.col(name) % STEP != 0)).is_empty(), (rule, name)
        for prefix, part, whole in RULES[rule].rates:
            rate = next(name for name in (f"{prefix}rate", "share") if name in table.columns)
            exactly = (pl.col(part) / pl.col(whole)).alias("rate")
            assert table.select(exactly).equals(table.select(pl.col(rate).alias("rate")), null_equal=True), rule
    assert all(n is None or (n >= STEP and n % STEP == 0) for n in shown.counts.values())
    funnel = dict(exact.funnel.select("stage", "n").iter_rows())
    assert dict(shown.funnel.select("stage", "n").iter_rows()) == {stage: round_count(n) for stage, n in funnel.items()}


@settings(max_examples=often(50), deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.integers(0, 30)), min_size=1))
def test_groups_below_ten_are_merged_and_others_are_rounded_separately(cells: list[tuple[str, int]]) -> None:
    table = pl.DataFrame({"group": [name for name, _ in cells], "at": range(len(cells)), "n": [n for _, n in cells]})
    made = round_table(table, {"group": "group", "at": "key", "n": "size"}, small_rows=True)
    exact = {name: sum(n for one, n in cells if one == name) for name, _ in cells}
    rest = sum(n for n in exact.values() if n < STEP)
    assert set(made["group"]) == {name for name, n in exact.items() if n >= STEP} | ({OTHER} if rest >= STEP else set())
    shown = {(row["group"], row["at"]): row["n"] for row in made.to_dicts()}
    for at, (name, n) in enumerate(cells):
        key = (name if exact[name] >= STEP else OTHER, at)
        assert shown.get(key) == (round_count(n) if key in shown else None)


def test_a_table_or_column_without_a_rule_is_an_error(metrics: MetricsReport) -> None:
    for name in ("trend", "by_manager", "survival"):
        more = getattr(metrics, name).with_columns(secret=pl.lit(3))
        with pytest.raises(LookupError, match="secret"):
            public(replace(metrics, **{name: more}))
    by = {"cause": metrics.trends["cause"].with_columns(secret=pl.lit(3))}
    with pytest.raises(LookupError, match="secret"):
        public(replace(metrics, trends=by))
    with pytest.raises(ArgumentError, match="use one of internal, public"):
        for_audience(metrics, "everybody")  # type: ignore[arg-type]


def test_a_period_below_ten_looks_like_an_empty_one() -> None:
    weeks = [dt.datetime(2026, 1, 5)] * 40 + [dt.datetime(2026, 1, 12)] * 4 + [dt.datetime(2026, 2, 2)] * 40
    before = [dt.datetime(2025, 12, 1)] * 3
    trend = public(progress(rows(87, invited_at=weeks + before), as_of=AS_OF)).trend
    assert trend["of"].to_list() == [40, None, None, None, 40]
    assert trend["period_start"].to_list()[0] == dt.date(2026, 1, 5)


def test_a_curve_is_computed_from_rounded_cumulative_counts() -> None:
    days = [2] * 18 + [4] * 4 + [5] * 2 + [9] * 12
    frame = rows(97, effective_status=["associated"] * 36 + ["expired"] * 61, days_to_associate=days + [None] * 61)
    curve = public(progress(frame, as_of=AS_OF)).survival.filter(pl.col("group").is_null())
    assert curve.select("days", "at_risk", "associated").rows() == [(0, 100, None), (2, 100, 20), (9, 80, 20)]
    assert curve["share"].to_list() == pytest.approx([0.0, 0.2, 0.4])
    few = rows(9, effective_status="associated", days_to_associate=[2] * 9)
    assert public(progress(few, as_of=AS_OF)).survival.is_empty()


def test_a_country_that_is_not_a_word_is_not_named() -> None:
    odd = [*["China"] * 20, *["anna@example.com"] * 15, *["+49 30 1234"] * 15, *[SCRIPT] * 15]
    for audience, others in (("internal", 45), ("public", 50)):
        table = for_audience(progress(rows(65, country=odd), as_of=AS_OF), audience).by_country  # type: ignore[arg-type]
        assert dict(table.select("value", "followed").rows()) == {"China": 20, OTHER: others}
        assert table["failure_rate"].to_list() == [1.0, 1.0]


def test_managers_and_tags_are_numbered_by_size_and_never_by_name() -> None:
    names = [f"mgr.{letter}" for letter in "abcdefgh"]
    frame = rows(
        320, account_manager=[name for name in names for _ in range(40)], custom_tag=["zeta"] * 300 + ["a"] * 20
    )
    shown = public(progress(frame, as_of=AS_OF))
    assert shown.by_manager["value"].to_list() == [f"Manager {n}" for n in range(1, 9)]
    assert shown.by_tag.select("value", "followed").rows() == [("Tag 1", 300), ("Tag 2", 20)]
    # Managers of equal size are not always in alphabetical order.
    firsts = set()
    for letter in "abcd":
        pair = [f"{letter}1"] * 40 + [f"{letter}2"] * 40
        outcome = ["association_failed"] * 40 + ["expired"] * 40
        one = public(progress(rows(80, account_manager=pair, effective_status=outcome), as_of=AS_OF)).by_manager
        firsts.add(one["failed"][0])
    assert firsts == {40, None}


def test_a_difference_caused_by_rounding_is_not_stated() -> None:
    weeks = [dt.datetime(2026, 1, 5) + dt.timedelta(weeks=week) for week in range(9)]
    at = [week for week in weeks for _ in range(40)]
    failed = [17, 17, 17, 17, 25, 17, 17, 17, 17]  # 25 is shown as 30, and 30 of 40 would stand out
    status = [one for n in failed for one in ["association_failed"] * n + ["expired"] * (40 - n)]
    exact = progress(rows(360, invited_at=at, effective_status=status), as_of=AS_OF)
    assert public(exact).trend["signal"].to_list() == [None] * 9
    failed[4] = 38
    status = [one for n in failed for one in ["association_failed"] * n + ["expired"] * (40 - n)]
    exact = progress(rows(360, invited_at=at, effective_status=status), as_of=AS_OF)
    assert public(exact).trend["signal"].to_list() == [None] * 4 + ["high"] + [None] * 4


# No person in it


def test_an_internal_report_names_managers_and_tags_and_no_customer(made: Page, annotated: Any) -> None:
    for text in (as_html(made).decode(), as_markdown(made).decode()):
        assert persons(text, annotated, CUSTOMER) == []
        assert set(annotated["account_manager"].drop_nulls()) <= set(persons(text, annotated))
    assert "For internal use" in made.audience
    assert "uncertain" in next(one.table.note for one in made.sections if one.key == "pareto")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_report_contains_no_name_address_number_or_account(
    annotated: Any, pages: dict[str, Page], language: str
) -> None:
    made = pages[language]
    written = [as_html(made).decode(), as_markdown(made).decode(), "\n".join(texts(made))]
    assert [persons(text, annotated) for text in written] == [[], [], []]


@pytest.fixture
def pdf_text(tmp_path: Path) -> Callable[[Page], str]:
    """Return every text of a page as PDF, also of its figures."""

    def read(made: Page) -> str:
        path = tmp_path / "r.pdf"
        path.write_bytes(as_pdf(made))
        done = subprocess.run(["pdftotext", path, "-"], capture_output=True, check=True, text=True, timeout=60)
        return " ".join(done.stdout.split())

    return read


@pytest.mark.paper
def test_a_pdf_contains_no_name_address_number_or_account(
    annotated: Any, pages: dict[str, Page], pdf_text: Callable[[Page], str]
) -> None:
    made = pages["zh"]
    text = pdf_text(made)
    assert persons(text, annotated) == []
    assert made.audience.replace(" ", "") in text.replace(" ", "")
    # The searched text contains the words of the page and the labels of figures.
    assert made.privacy.replace(" ", "") in text.replace(" ", "")
    assert charts.Look(language="zh").words["limits"].replace(" ", "") in text.replace(" ", "")
    manager = annotated["account_manager"].drop_nulls()[0]
    assert persons(pdf_text(replace(made, summary=(manager,))), annotated) == [manager]


@pytest.mark.paper
def test_a_table_of_a_pdf_names_a_group_once(made: Page, pdf_text: Callable[[Page], str]) -> None:
    trend = next(one for one in made.sections if one.key == "trend_who_acts")
    assert [row[0] for row in trend.table.rows].count("Customer service") > 5
    text = pdf_text(replace(made, summary=(), sections=(replace(trend, figure=None, how=""),)))
    assert text.count("Customer service") == 1


@pytest.mark.paper
def test_a_heading_is_on_the_page_of_its_figure(made: Page, tmp_path: Path) -> None:
    trend = next(section for section in made.sections if section.key == "trend")
    label = charts.Look().words["incomplete"]
    sections = tuple(
        replace(trend, title=f"Question {n}", note="Told besides. " * n, table=replace(trend.table, rows=rows))
        for n, rows in enumerate([trend.table.rows[:1] * (n * 7 % 20) for n in range(9)])
    )
    (tmp_path / "r.pdf").write_bytes(as_pdf(replace(made, sections=sections)))
    command = ["pdftotext", "-layout", str(tmp_path / "r.pdf"), "-"]
    text = subprocess.run(command, capture_output=True, check=True, text=True, timeout=60).stdout
    titles, figures = ([one.count(word) for one in text.split("\f")] for word in ("Question", label))
    assert sum(titles) == len(sections)
    assert titles == figures


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_missing_font_is_an_error(pages: dict[str, Page], language: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made = pages[language]
    monkeypatch.setattr("typst.compile", functools.partial(typst.compile, ignore_system_fonts=True))
    if language == "en":
        assert as_pdf(made).startswith(b"%PDF")
        made = replace(made, sections=(), summary=("中国",))
    with pytest.raises(OutputError, match=r"some .* characters of the report.*fonts-noto-cjk"):
        as_pdf(made)


@pytest.mark.parametrize("audience", ["internal", "public"])
def test_a_filter_that_may_name_a_customer_is_not_stated(audience: Any) -> None:
    choice = ik.Filter(text="Kowalski", manager="mgr.novak", tag="spring", country="China")
    text = "\n".join(
        texts(page(progress(rows(30), as_of=AS_OF), charts.Look(choice), planned(rows(30)), audience=audience))
    )
    assert "may name people" in text
    assert "Kowalski" not in text
    shown = [value in text for value in ("mgr.novak", "spring", "Country/Region is China")]
    assert shown == [audience == "internal"] * 3


@pytest.mark.parametrize(("days", "warned"), [(7, False), (8, True), (-1, True)])
def test_a_report_warns_of_an_old_export_and_of_one_of_a_later_day(days: int, *, warned: bool) -> None:
    newest = rows(3).with_columns(snapshot_at=dt.datetime.combine(AS_OF - dt.timedelta(days=days), dt.time()))
    made = page(progress(newest, as_of=AS_OF), charts.Look(), planned(newest))
    assert ("The newest export is of" in "".join(made.warnings)) == warned
    assert all(warning in as_html(made).decode() for warning in made.warnings)


def test_a_public_report_states_no_exact_count_of_a_warning() -> None:
    plan = replace(planned(rows(30)), held_for_own_account=13, not_in_newest=17)
    made = {
        audience: page(progress(rows(30), as_of=AS_OF), charts.Look(), plan, audience=audience).warnings
        for audience in ("internal", "public")
    }
    assert [count in "".join(made["internal"]) for count in ("13", "17")] == [True, True]
    assert made["public"] == ()


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Page:
    """Return a report whose catalogue and filter contain scripts."""
    mine = tmp_path_factory.mktemp("mine") / "mine.toml"
    mine.write_text(
        f'[[failure]]\ncode = "mine"\nmessage_en = "x"\ncause_en = """</script>{SCRIPT}$1$ |a| #strong[x]"""\n'
        f'advice_en = "x"\nwho_acts = "customer"\nresend_rule = "now"\n', encoding="utf-8",
    )  # fmt: skip
    known = read_catalogue(mine)
    frame = rows(60, failure_code="mine", who_acts="customer", account_manager=SCRIPT, country=["A<b>x", "China"] * 30)
    metrics = progress(frame, as_of=AS_OF, by=TRENDS, catalogue=known)
    return page(metrics, charts.Look(ik.Filter(country=SCRIPT), catalogue=known), planned(frame))


def test_a_trend_names_the_causes_of_a_custom_catalogue(hostile: Page) -> None:
    (trend,) = (one for one in hostile.sections if one.key == "trend_cause")
    assert trend.figure is not None
    assert ["alert(1)" in panel.label for panel in trend.figure.panels] == [True]


def test_a_page_has_no_script_and_makes_no_request(hostile: Page, made: Page) -> None:
    for one in (hostile, made):
        html = as_html(one).decode()
        parts = Elements(html)
        assert parts.found & {"script", "link", "img", "iframe", "a"} == set()
        assert [name for name, _ in parts.attributes if name.startswith("on")] == []
        assert "url(" not in html
        assert [value for name, value in parts.attributes if name == "http-equiv"] == ["Content-Security-Policy"]
        policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
        assert f'<meta http-equiv="Content-Security-Policy" content="{policy}">' in html
    assert "&lt;/script&gt;&lt;script&gt;alert(1)" in as_html(hostile).decode()


def test_markdown_shows_a_script_as_text(hostile: Page) -> None:
    text = as_markdown(hostile).decode()
    assert "<" not in text
    assert "&lt;script&gt;" in text
    assert r"\|a\|" in text
    assert as_pdf(hostile).startswith(b"%PDF")


# True sentences


def trend_of(signals: list[str | None], group: str | None = None) -> pl.DataFrame:
    limits = {"centre": 0.25, "lower_limit": 0.1, "upper_limit": 0.4, "small": False, "incomplete": False}
    row: dict[str, Any] = {"group": group, "n": 20, "of": 80, "rate": 0.25, "low": 0.2, "high": 0.3} | limits
    weeks = [dt.date(2026, 1, 5) + dt.timedelta(weeks=week) for week in range(len(signals))]
    made = [row | {"period_start": week, "signal": signal} for week, signal in zip(weeks, signals, strict=True)]
    return pl.DataFrame(made, schema_overrides={"group": pl.String, "signal": pl.String})


def summary_text(metrics: MetricsReport, **tables: Any) -> str:
    """Return the sentences about some metrics, or about those with other tables in their place."""
    return "\n".join(summarise(replace(metrics, **tables), no_plan())).replace("\u00a0", " ")


def summary_of(records: pl.DataFrame) -> str:
    return summary_text(for_audience(progress(records, as_of=AS_OF)))


def test_outcomes_are_stated_where_their_counts_are_shown(metrics: MetricsReport, shown: MetricsReport) -> None:
    followed, failed = (metrics.by_method[name].sum() for name in ("followed", "followed_failed"))
    assert f"{100 * failed / followed:.0f}% failed; the others" in summary_text(shown)
    hidden_one = shown.by_method.with_columns(
        followed_failed=pl.when(pl.col("value") != "email").then("followed_failed")
    )
    assert "failed; the others" not in summary_text(shown, by_method=hidden_one)


def test_the_report_states_what_to_do_and_who_has_to_act(metrics: MetricsReport) -> None:
    sizes = {"resend_now": 23, "resend_as_reseller": 4, "review": 3, "wait_for_customer": 44, "blocked": 15}
    sizes["wait_for_expiry"] = 26
    plan = no_plan()
    plan = replace(plan, by_decision=plan.by_decision | sizes)
    for audience, (again, check, customer, early, blocked) in AUDIENCE_SIZES.items():
        said = summarise(
            for_audience(metrics, audience), plan_for_audience(plan, audience), rounded=audience == "public"
        )
        assert f"To do: invite {again} customers again or for the first time{check}." in said
        early_and_blocked = f"for {early} it is too early, {blocked} cannot be invited in their condition"
        assert f"Not to be invited now: {customer} wait for the customer, {early_and_blocked}." in said


AUDIENCE_SIZES: dict[Any, tuple[int, str, int, int, int]] = {
    "internal": (27, ", review 3", 44, 26, 15), "public": (20, "", 40, 30, 20),
}  # fmt: skip


def test_deadlines_are_shown_only_with_exact_counts() -> None:
    for count, words_of in ((1, "1 invitation expires"), (14, "14 invitations expire")):
        frame = rows(count, effective_status="invited", invited_at=dt.datetime(2026, 3, 28))
        metrics = progress(frame, as_of=AS_OF)
        assert f"Within the next 7 days: {words_of}." in summary_text(for_audience(metrics))
    assert "Within the next 7 days" not in "".join(summarise(public(metrics), no_plan(), rounded=True))


def test_deadlines_are_those_of_the_next_seven_days() -> None:
    sent = [dt.datetime(2026, 3, day, 12) for day in (22, 23, 30)]  # emails: over yesterday, today at noon, in a week
    own_ends = [dt.datetime(2026, 4, 6), dt.datetime(2026, 4, 7), None]
    emails = rows(3, effective_status="invited", invited_at=sent)
    own = rows(3, effective_status="invited", invitation_method="link", expires_at=own_ends)
    slots = rows(3, effective_status="pre_registered", invited_at=None).with_columns(
        pre_registered_at=pl.Series([dt.datetime(2026, 3, day) for day in (14, 16, 30)])
    )
    metrics = [progress(table, as_of=AS_OF).deadlines.rows() for table in (emails, own, slots)]
    assert metrics == [
        [(dt.date(2026, 3, 30), "invitation_expires", 1)],
        [(dt.date(2026, 4, 6), "invitation_expires", 1)],
        [(dt.date(2026, 3, 31), "pre_registration_lapses", 1)],
    ]


def test_the_most_frequent_cause_is_named_unless_it_is_other_or_another_is_as_frequent(shown: MetricsReport) -> None:
    two = shown.pareto.head(2)
    n, of = two.row(0, named=True)["n"], two.row(0, named=True)["of"]
    said = f"The most frequent cause, with {share_in_words(n, of, words('en'))} of the failures".replace("\u00a0", " ")
    for pareto, named in ((two, True), (two.with_columns(failure_code=pl.lit(OTHER)), False),
                          (two.with_columns(n=n), False)):  # fmt: skip
        assert (said in summary_text(shown, pareto=pareto)) == named
        assert ("most frequent cause" in summary_text(shown, pareto=pareto)) == named


def test_unusual_periods_are_named_and_stability_is_stated_only_if_true(shown: MetricsReport) -> None:
    high = summary_text(shown, trend=trend_of([None, "high", None, "low"]))
    assert "More failed than chance explains in the week from 2026-01-12." in high
    assert "Fewer failed than chance explains in the week from 2026-01-26." in high
    assert "stands out" not in high
    calm = trend_of([None] * 6)
    assert "No week stands out by its failure rate" in summary_text(shown, trend=calm)
    some = calm.with_columns(n=pl.when(pl.int_range(pl.len()) > 0).then("n"))
    assert "None of the weeks that are shown stands out" in summary_text(shown, trend=some)
    assert "stands out" not in summary_text(shown, trend=calm.with_columns(lower_limit=None))
    assert "stands out" not in summary_text(shown, trend=trend_of(["run", None]))
    more_fail = trend_of([None] * 10).with_columns(
        of=800, n=pl.when(pl.int_range(pl.len()) < 5).then(200).otherwise(300)
    )
    changed = summary_text(shown, trend=more_fail, trends={})
    assert "Since the week from 2026-02-09 more fail" in changed
    assert "stands out" not in changed
    in_chinese = summarise(replace(shown, trend=more_fail, trends={}), no_plan(), charts.Look(language="zh"))
    assert "自 2026-02-09 那一周起失败增多" in "".join(in_chinese)


def test_a_group_is_named_only_if_it_differs_significantly() -> None:
    country = ["China"] * 100 + ["Spain"] * 100
    worse = rows(200, country=country, effective_status=["association_failed"] * 60 + ["expired"] * 40
                 + ["association_failed"] * 20 + ["expired"] * 80)  # fmt: skip
    sentences = summary_of(worse)
    assert (
        "Country or region China: more failed than among all others, about 60% of 100 against about 20%; by "
        "chance in at most 1 of 1,000,000 reports." in sentences
    )
    assert "Country or region Spain: fewer failed" in sentences
    like = rows(200, country=country, effective_status=(["association_failed"] * 22 + ["expired"] * 28) * 4)
    assert "among all others" not in summary_of(like)


def test_each_rate_with_a_count_below_ten_is_marked_and_the_mark_explained() -> None:
    groups = {"China": (7, 12), "Spain": (12, 7)}  # of 25 each
    status = [s for failed, associated in groups.values()
              for s in ["association_failed"] * failed + ["associated"] * associated
              + ["expired"] * (25 - failed - associated)]  # fmt: skip
    frame = rows(50, country=["China"] * 25 + ["Spain"] * 25, effective_status=status,
                 days_to_associate=[3 if one == "associated" else None for one in status])  # fmt: skip
    made = page(progress(frame, as_of=AS_OF), charts.Look(), no_plan())
    table = next(section.table for section in made.sections if section.key == "by_country")
    marked = {row[0]: (row[3].endswith("*"), row[5].endswith("*")) for row in table.rows}
    assert marked == {"China": (True, False), "Spain": (False, True)}
    assert table.note == "* Fewer than ten cases, or fewer than ten in all: uncertain."


def test_a_sentence_about_few_states_their_number_once() -> None:
    few = rows(126, country=["China"] * 26 + ["Spain"] * 100,
               effective_status=["association_failed"] * 18 + ["expired"] * 8
               + ["association_failed"] * 20 + ["expired"] * 80)  # fmt: skip
    sentences = summary_of(few)
    assert "China: more failed than among all others, 18 of 26 against about 20%" in sentences
    alone = rows(12, effective_status=["association_failed"] * 7 + ["associated"] * 5,
                 failure_code=["link_expired"] * 7 + [None] * 5, days_to_associate=[None] * 7 + [3] * 5)  # fmt: skip
    sentences = summary_of(alone)
    assert "Of 12 invitations whose follow-up is over, 5 led to an association and 7 failed." in sentences
    assert "The most frequent cause, with 7 of 7 failures: The customer opened" in sentences
    assert "Within 3 days of the invitation, 5 of 12 invited are associated." in sentences


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        ("expired", "0 led to an association and 0 failed; it expired or was not used."),
        ("association_failed", "0 led to an association and 1 failed."),
    ],
)
def test_one_invitation_is_spoken_of_as_one(status: str, sentence: str) -> None:
    code = "link_expired" if status == "association_failed" else None
    one = rows(1, effective_status=[status], failure_code=[code], days_to_associate=[None])
    sentences = summary_of(one)
    assert f"Of 1 invitation whose follow-up is over, {sentence}" in sentences
    assert ("The only failure: The customer opened" in sentences) == (code is not None)


def test_a_share_of_few_names_its_unit_in_chinese() -> None:
    assert share_in_words(7, 12, words("zh")) == "12 次中 7 次"


def test_no_blank_is_before_about_in_chinese() -> None:
    frame = rows(200, country=["China"] * 100 + ["Spain"] * 100,
                 failure_code=["link_expired"] * 120 + ["system_busy"] * 80,
                 effective_status=["association_failed"] * 60 + ["expired"] * 40
                 + ["association_failed"] * 20 + ["expired"] * 80)  # fmt: skip
    tables = for_audience(progress(frame, as_of=AS_OF, language="zh"))
    sentences = "".join(summarise(tables, no_plan(), charts.Look(language="zh")))
    assert ("约" in sentences, " 约" in sentences) == (True, False)


def test_only_large_differences_of_many_records_get_a_sentence() -> None:
    names = [f"{letter} land" for letter in "ABCDEFGH"]
    country = [name for name in names for _ in range(2000)]
    shares = {"A land": 40, "B land": 41, "C land": 60, "D land": 62, "E land": 64, "F land": 66, "G land": 40}
    status = ["association_failed" if place % 100 < shares.get(name, 40) else "expired"
              for name in names for place in range(2000)]  # fmt: skip
    sentences = summary_of(rows(16_000, country=country, effective_status=status))
    named = re.findall(r"Country or region (. land)", sentences)
    assert named == ["F land", "E land", "A land"]
    close = ["association_failed" if place % 100 < 40 + 4 * (name == "A land") else "expired"
             for name in names for place in range(2000)]  # fmt: skip
    near = progress(rows(16_000, country=country, effective_status=close), as_of=AS_OF)
    assert "among all others" not in summary_text(public(near))


@pytest.mark.parametrize(
    ("causes", "more"),
    [(1, ""), (4, "The trends of causes show 1 more such change."),
     (5, "The trends of causes show 2 more such changes.")],
)  # fmt: skip
def test_three_changed_causes_are_named_and_the_others_counted(shown: MetricsReport, causes: int, more: str) -> None:
    codes = ["link_expired", "system_busy", "overdue_payment", "consumption_record", "link_used"][:causes]
    moved, still = (pl.concat([trend_of([None, None, signal], code) for code in codes]) for signal in ("low", None))
    said = summary_text(shown, trends={"cause": moved})
    assert "Less often than chance explains in the week from 2026-01-19: The customer opened the link" in said
    assert said.count("Less often than chance explains") == min(causes, 3)
    assert more in said
    assert "often than chance explains" not in summary_text(shown, trends={"cause": still})


def test_the_time_to_association_is_the_median_or_the_share_so_far() -> None:
    quick = rows(100, effective_status="associated", days_to_associate=[3] * 60 + [9] * 40)
    assert "Half of the invited are associated within 3 days." in summary_of(quick)
    slow = rows(100, effective_status=["associated"] * 30 + ["expired"] * 70, days_to_associate=[5] * 30 + [None] * 70)
    assert "Within 5 days of the invitation, about 30% of the invited are associated." in summary_of(slow)
    assert "associated within" not in summary_of(rows(50))


def test_a_single_day_is_in_the_singular(shown: MetricsReport) -> None:
    point = shown.survival.filter(pl.col("group").is_null()).head(1).with_columns(days=1, share=0.3)
    for size, said in ((400, "Within 1 day of the invitation, 30"), (20, "Within 1 day of the invitation, 6 of 20")):
        table = point.with_columns(size=size, median_days=pl.lit(None, pl.Int64))
        assert said in summary_text(shown, survival=table)
    median = point.with_columns(median_days=1)
    assert "are associated within 1 day." in summary_text(shown, survival=median)
    assert "half of them within 1 day" in charts.survival(median).svg()


def test_results_of_resends_are_stated_if_all_are_known(shown: MetricsReport) -> None:
    table = shown.repeats.head(1).with_columns(resends=400, associated=pl.lit(120, pl.Int64))
    assert "Of 400 resent invitations, 30% led to an association." in summary_text(shown, repeats=table)
    assert "resent" not in summary_text(shown, repeats=table.with_columns(associated=pl.lit(None, pl.Int64)))


def test_a_section_whose_rates_are_all_hidden_has_a_table_and_no_empty_figure(shown: MetricsReport) -> None:
    rates = ("associated", "rate", "low", "high")
    hidden = shown.repeats.with_columns(pl.lit(None, shown.repeats.schema[name]).alias(name) for name in rates)
    made = page(replace(shown, repeats=hidden), charts.Look(), no_plan(), audience="public")
    (section,) = (one for one in made.sections if one.key == "repeats")
    assert section.table.rows
    assert (section.figure, section.caption) == (None, "")
    assert "Nothing to show" not in as_html(made).decode()


@pytest.mark.parametrize("count", [0, 9])
def test_small_counts_get_no_sentence_in_public(count: int) -> None:
    made = page(progress(rows(count), as_of=AS_OF), charts.Look(), planned(rows(count)), audience="public")
    assert made.summary == ()
    assert made.sections == ()
    assert "fewer than 10 invitations" in made.facts[1]
    assert words("en")["no_summary"] in as_html(made).decode()
    assert words("en")["no_summary"] in as_markdown(made).decode()
    assert as_pdf(made).startswith(b"%PDF")


# The same numbers everywhere


def test_report_notebook_and_command_line_give_the_same_numbers(made: Page, metrics: MetricsReport, run: Run) -> None:
    trend = next(section for section in made.sections if section.key == "trend")
    shown = {row[0]: (row[1], row[2]) for row in trend.table.rows}
    line = json.loads(run("trend", ROOT / "data", "--as-of", "2026-03-30", "--json").stdout)
    table = {row["period_start"]: (row["n"], row["of"]) for row in line["trend"]}
    marks = {f"{dt.date.fromordinal(int(one.at[0]))}": one.at[1] for one in charts.trend(metrics.trend).panels[0].marks}
    assert shown.keys() == table.keys()
    assert {day: n / of for day, (n, of) in table.items()} == marks
    exact = {day: counts for day, counts in shown.items() if counts[0] != "<10"}
    assert exact == {day: (str(table[day][0]), str(table[day][1])) for day in exact}
    assert len(exact) > 5


def test_the_report_states_what_was_read_and_rejected(made: Page, loaded: Any) -> None:
    text = "\n".join(made.read)
    assert "2,400 rows read = 2,397 records + 3 rejected." in text
    assert "1 rejected: Invitation Time is not a valid date or time: no such day or time of day." in text
    assert made.sources is not None
    assert [row[3] for row in made.sources.rows] == [f"{file.rows_read:,}" for file in loaded.summary.files]


def test_a_chinese_report_explains_rejected_rows_in_chinese(tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    rows_of_it = [
        b"Account,Email,Status,Invited at", b"ann,a@example.com,Invited,2026-03-01", b"bea,b@example.com,Invited,soon",
        b"cem,c@example.com,Invited,2026-03-01,1,2", b",,Invited,2026-03-01",
        b"d\xff\xfea,d@example.com,Invited,2026-03-01", *["Zoë,z@example.com,Invited,2026-03-01".encode()] * 3,
        b'"eve" x,e@example.com,Invited,2026-03-01',
    ]  # fmt: skip
    path.write_bytes(b"\n".join(rows_of_it) + b"\n")
    loaded = ik.load(path)
    annotated = ik.annotate(loaded.records, as_of=AS_OF)
    metrics, look = progress(annotated, as_of=AS_OF), charts.Look(language="zh")
    refused = [one for one in page(metrics, look, planned(annotated), summary=loaded.summary).read if "拒收：" in one]
    assert len(refused) == len(loaded.summary.reject_reasons) == 5
    assert not re.search("[a-z]", "".join(refused).replace("ID", ""))
    assert any("有 6 个单元格，应为 4 个" in one for one in refused)
    assert not any(re.search(r"[\u4e00-\u9fff] [\u4e00-\u9fff]", one) for one in refused)


def test_what_to_do_comes_first_and_how_it_was_counted_last(made: Page) -> None:
    assert [one.key for one in made.sections][:6] == ["change", "to_do", "repeats", "deadlines", "ageing", "funnel"]
    headings = re.findall(r"<h2[^>]*>([^<]+)", as_html(made).decode())
    assert headings == ["In short", "This week", "Why, when and where invitations fail", "How this was counted"]


# One file, without a network


def test_the_file_stays_small_with_many_groups(tmp_path: Path) -> None:
    groups = [f"Group {number}" for number in range(1000) for _ in range(12)]
    frame = rows(len(groups), account_manager=groups, custom_tag=groups, failure_code=groups)
    path = report(frame, tmp_path / "r.html", as_of=AS_OF)
    assert path.stat().st_size < 400_000


def test_one_earlier_period_is_in_the_singular(shown: MetricsReport) -> None:
    long = replace(shown, trend=trend_of([None] * 105), trends={})
    (trend,) = (one for one in page(long, charts.Look(), no_plan()).sections if one.key == "trend")
    assert trend.note == "1 earlier week is not shown."


def test_a_long_daily_history_is_cut_with_a_note() -> None:
    count = 12 * 400
    days = [dt.datetime(2025, 1, 1) + dt.timedelta(days=number % 400) for number in range(count)]
    causes = [f"cause {number // 400}" for number in range(count)]
    metrics = progress(rows(count, invited_at=days, failure_code=causes), as_of=AS_OF, period="day")
    made = page(metrics, charts.Look(), no_plan())
    trend = next(section for section in made.sections if section.key == "trend")
    assert trend.note.startswith("296 earlier days are not shown.")
    assert trend.table.rows[-1][0] == "… and 44 more"
    assert len(as_html(made)) < 400_000


def test_a_report_is_written_whole_or_not_at_all_for_its_owner_only(tmp_path: Path, annotated: Any) -> None:
    path = report(annotated, tmp_path / "r.md", as_of=AS_OF)
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(OutputError, match="exists already"):
        report(annotated, path, as_of=AS_OF)
    with pytest.raises(OutputError, match=r"use one of \.html \.pdf \.md"):
        report(annotated, tmp_path / "r.docx", as_of=AS_OF)
    assert [one.name for one in tmp_path.iterdir()] == ["r.md"]


# On the command line


def test_the_command_writes_a_report_and_prints_it_as_json(run: Run, tmp_path: Path, made: Page) -> None:
    line = json.loads(run("report", ROOT / "data", "--as-of", "2026-03-30", "-o", tmp_path / "r.md", "--json").stdout)
    assert (line["rows_read"], line["records"], line["rejects"]) == (2400, 2397, 3)
    assert line["summary"] == list(made.summary)
    assert "What changed since 2026-03-23" in (tmp_path / "r.md").read_text("utf-8")


def test_the_command_refuses_a_bad_target_before_it_reads(run: Run, tmp_path: Path) -> None:
    assert run("report", tmp_path / "none", "-o", tmp_path / "r.docx").returncode == 1
    assert run("report", ROOT / "data", "-o", tmp_path / "r.md", "--period", "year").returncode == 2
    assert list(tmp_path.iterdir()) == []


def test_each_account_manager_gets_a_file_of_its_own_invitations(run: Run, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    for day in ("2026-03-23", "2026-03-30"):
        lines = [f"c{n},Expired,2026-02-10,mgr.{'abb'[n % 3]}" for n in range(30)]
        content = "\n".join(["Account,Status,Invited At,Account Manager", *lines])
        (tmp_path / "data" / f"history_{day}.csv").write_text(content, encoding="utf-8")
    arguments = ("report", tmp_path / "data", "--as-of", "2026-03-30", "--by", "account_manager", "-o", tmp_path / "by")
    done = run(*arguments, "--json")
    files = json.loads(done.stdout)["files"]
    managers = [name.removeprefix("report_").removesuffix(".html") for name in files]
    assert managers == ["mgr.a", "mgr.b"]
    texts = [(tmp_path / "by" / name).read_text("utf-8") for name in files]
    for manager, text in zip(managers, texts, strict=True):
        assert [one for one in managers if one in text] == [manager]
        assert "What changed since 2026-03-23" in text
    sizes = [int(re.findall(r"<span>(\d+) invitations", text)[0]) for text in texts]
    assert sizes == [10, 20]
    assert run(*arguments).returncode == 1
    assert run(*arguments[:-1], tmp_path / "pub", "--audience", "public").returncode == 2
    assert {one.name for one in tmp_path.iterdir()} == {"by", "data"}


def test_managers_whose_names_differ_only_in_case_share_a_file(tmp_path: Path) -> None:
    files = manager_files([None, "mgr/../a", "Lena", "lena ", "王芳"], tmp_path / "r", overwrite=False)
    assert {names: path.name for names, path in files.items()} == {
        (None,): "report_none.html", ("Lena", "lena "): "report_Lena.html", ("mgr/../a",): "report_mgr_.._a.html",
        ("王芳",): "report_王芳.html",
    }  # fmt: skip
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(OutputError, match="'taken' cannot be written"):
        manager_files(["a"], tmp_path / "taken", overwrite=True)


def test_a_file_without_a_date_among_dated_ones_is_reported_and_not_compared(run: Run, tmp_path: Path) -> None:
    header = "Account,Email,Status,Invited At\n"
    for name, status in (("a_2026-03-16", "Invited"), ("b_2026-03-23", "Associated"), ("undated", "Expired")):
        (tmp_path / f"{name}.csv").write_text(f"{header}a,a@a.example,{status},2026-03-10\n", encoding="utf-8")
    done = run("report", tmp_path, "--as-of", "2026-03-30", "-o", tmp_path / "r.md")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Customers since 2026-03-16: 1 became associated." in done.stdout
    assert "Records without a snapshot, because their file has no date: 1." in (tmp_path / "r.md").read_text("utf-8")


# In a browser


@pytest.mark.browser
@pytest.mark.parametrize(("scheme", "width"), [("light", 600), ("dark", 390)])
def test_the_page_fits_a_mail_and_a_telephone_in_light_and_dark(
    made: Page, tmp_path: Path, browser: Browser, scheme: Any, width: int
) -> None:
    path = tmp_path / "r.html"
    path.write_bytes(as_html(replace(made, summary=(*made.summary, "Rechnungsverantwortlichenbestätigung" * 3))))
    tab = browser.new_page(color_scheme=scheme, viewport={"width": width, "height": 800}, java_script_enabled=False)
    wrong: list[str] = []
    tab.on("request", lambda request: wrong.append(request.url))
    tab.on("console", lambda message: wrong.append(message.text))
    tab.goto(path.as_uri())
    assert wrong == [path.as_uri()]
    boxes = [one.bounding_box() for one in tab.locator("main > section").all()]
    assert all(box is not None and box["x"] > 0 and box["x"] + box["width"] <= width for box in boxes)
    assert {one.bounding_box() is not None for one in tab.locator(".chart svg").all()} == {True}
    ink = tab.locator("#trend svg text").first.evaluate("one => getComputedStyle(one).fill")
    tab.emulate_media(media="print")
    pdf_text = tab.locator("#trend svg text").first.evaluate("one => getComputedStyle(one).fill")
    tab.close()
    assert ink == {"light": "rgb(27, 31, 36)", "dark": "rgb(232, 234, 237)"}[scheme]
    assert pdf_text == "rgb(27, 31, 36)"


def test_one_row_is_in_the_singular(tmp_path: Path) -> None:
    (tmp_path / "history_2026-03-30.csv").write_text("Account,Status,Invited At\na,Expired,2026-03-01\n")
    loaded = ik.load(tmp_path)
    assert str(loaded.summary.headline) == "1 row read = 1 record + 0 rejects from 1 source."
    made = page(progress(ik.annotate(loaded.records, as_of=AS_OF), as_of=AS_OF), charts.Look(), no_plan(),
                summary=loaded.summary)  # fmt: skip
    counts = "1 record of 1 invitation: the newest state of each counts."
    assert made.read == ("1 row read = 1 record + 0 rejected.", counts)
    assert "1 invitation · invitekit" in made.facts[1]
