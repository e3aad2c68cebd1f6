"""An attack on the public report: from all that it publishes together, no count below ten is worked out exactly."""

import datetime as dt
import itertools
import math
import random
import re
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import lil_matrix

import invitekit as ik
from invitekit import charts
from invitekit.metrics import progress
from invitekit.planning import count_decisions
from invitekit.privacy import disclosure
from invitekit.privacy.disclosure import STEP, round_count
from invitekit.report import TRENDS, for_audience, page
from invitekit.report.html import as_html
from invitekit.report.markdown import as_markdown
from tests.test_report import rows

AS_OF = dt.date(2026, 3, 30)
HIDDEN = "&lt;10"
GROUPS = [f"Failure rate by {name}" for name in
          ("invitation method", "association type", "country or region", "account manager", "custom tag")]  # fmt: skip
STAGES = {
    "All invitations": "all", "Not invited yet": "not_invited", "Unknown": "unknown", "Invited": "invited",
    "Still open": "open", "Not used within the follow-up": "not_used", "Associated": "associated",
    "Association failed": "failed", "Expired": "expired",
}  # fmt: skip
PARTS = {
    "all": ("not_invited", "unknown", "invited"), "invited": ("associated", "failed", "expired", "not_used", "open"),
}  # fmt: skip
BUCKETS = ("0–3", "4–7", "8–14", "15–30", "31–90", "91+", "Not invited yet", "No invitation date")
WAITING = ("Pre-registered", "Pending review", "Not pre-registered")
STATUSES_SHOWN = (*WAITING, "Invited", "Expired", "Association failed", "Associated", "Unknown")
TO_DO = {"association failed": ("failed",), "has expired": ("expired", "not_used", "open"),
         "is pre-registered": ("not_invited", "invited")}  # fmt: skip
"""Words of the plan's reasons, and the stages that together hold no fewer invitations."""
WHO = ("Partner", "Customer", "Customer service", "Nobody", "Unknown")


class Attacker:
    """Reads a report as a stranger would who knows the rules: counts are variables, sums are equations."""

    def __init__(self, markdown: str, html: str, *, exact: bool = False) -> None:
        self.low: dict[Any, float] = {}
        self.high: dict[Any, float] = {}
        self.rows: list[tuple[dict[Any, float], float, float]] = []
        self.exact, self.text, self.tables = exact, markdown, {}
        for part in re.split(r"^## ", markdown, flags=re.MULTILINE)[1:]:
            lines = [line for line in part.splitlines() if line.startswith("| ")]
            self.tables[part.split("\n")[0]] = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
                                                for line in lines[2:]]  # fmt: skip
        sections = dict(re.findall(r'<section id="(\w+)">(.*?)</section>', html, flags=re.DOTALL))
        self.figures = {key: text.split("</svg>")[0] for key, text in sections.items() if "</svg>" in text}
        for read in (self.funnel, self.causes, self.trends, self.groups, self.resent, self.waiting, self.snapshots,
                     self.to_do, self.deadlines):  # fmt: skip
            read()

    def see(self, cell: Any, text: str) -> Any:
        """Note what a published text tells of a count."""
        if text == HIDDEN:
            return self.below_ten(cell)
        n = int(text.replace(",", ""))
        low, high = (n, n) if self.exact else (max(n - STEP // 2, STEP), n + STEP // 2 - 1)
        self.low[cell] = max(low, self.low.get(cell, 0))
        self.high[cell] = min(high, self.high.get(cell, math.inf))
        return cell

    def below_ten(self, cell: Any) -> Any:
        self.low[cell], self.high[cell] = 0, STEP - 1
        return cell

    def any_count(self, cell: Any) -> Any:
        self.low.setdefault(cell, 0)
        self.high.setdefault(cell, math.inf)
        return cell

    def add_up(self, whole: Any, parts: list[Any]) -> None:
        self.rows.append(({self.any_count(whole): -1.0} | dict.fromkeys(map(self.any_count, parts), 1.0), 0, 0))

    def no_more_than(self, part: Any, whole: Any) -> None:
        self.rows.append(({self.any_count(whole): 1.0, self.any_count(part): -1.0}, 0, math.inf))

    def table(self, title: str) -> list[list[str]]:
        return self.tables.get(title, [])

    def funnel(self) -> None:
        for row in self.table("Where invitations stand"):
            self.see(STAGES[row[0].split(" –")[0]], row[1])
        for whole, parts in PARTS.items() if self.low else ():
            self.add_up(whole, list(parts))

    def causes(self) -> None:
        rows = self.table("Why associations failed, and who has to act")
        others = {row[1] for row in rows if row[0] == "Other causes"}
        cells = [self.see(("cause", row[0], row[1]), row[2]) for row in rows]
        # The merged causes of those who have no such row are below ten, and all together where there is no such row.
        if rows:
            names = [who for who in WHO if who not in others] if others else ["all"]
            self.add_up("failed", cells + [self.below_ten(("left out", who)) for who in names])

    def trends(self) -> None:
        rows = self.table("Failure rate by week") or self.table("Failure rate by month")
        days = [row[0] for row in rows]
        for row in rows:
            of, n = self.see(("of", row[0]), row[2]), self.see(("n", row[0]), row[1])
            self.add_up(of, [n, ("left", row[0])])
        if days and not any(day.startswith("…") for day in days):
            self.add_up("with an outcome", ["associated", "failed", "expired", "not_used"])
            for whole, name in (("with an outcome", "of"), ("failed", "n")):
                # Periods before the first and after the last one that is shown, and what has no date.
                self.add_up(whole, [*((name, day) for day in days), ("outside", name)])
            self.no_more_than(("outside", "n"), ("outside", "of"))
        for title in [title for title in self.tables if re.match("Failure rate by .* and ", title)]:
            table = self.table(title)
            if any(row[0].startswith("…") for row in table):
                continue
            for day in dict.fromkeys(row[1] for row in table):
                parts = [self.see((title, row[0], day), row[2]) for row in table if row[1] == day]
                self.add_up(("n", day), [*parts, self.below_ten((title, "left out", day))])

    def groups(self) -> None:
        for name in ("failed", "associated"):
            self.no_more_than(("followed", name), name)
        for title in (title for title in GROUPS if self.table(title)):
            columns: dict[str, list[Any]] = {"followed": [], "failed": [], "associated": [], "others": []}
            for row in self.table(title):
                cells = [self.see((title, row[0], "followed"), row[1]), self.see((title, row[0], "failed"), row[2]),
                         self.see((title, row[0], "associated"), row[4]), (title, row[0], "others")]  # fmt: skip
                self.add_up(cells[0], cells[1:])
                for name, cell in zip(columns, cells, strict=True):
                    columns[name].append(cell)
            rest = [(title, "left out", name) for name in columns]
            self.below_ten(rest[0])
            self.add_up(rest[0], rest[1:])
            for (name, cells), cell in zip(columns.items(), rest, strict=True):
                self.add_up(("followed", name), [*cells, cell])

    def resent(self) -> None:
        for row in self.table("Results of resent invitations"):
            self.add_up(self.see(("resent", row[0], row[1]), row[2]),
                        [self.see(("again", row[0], row[1]), row[3]), ("not", row[0], row[1])])  # fmt: skip

    def waiting(self) -> None:
        rows = {(row[0], row[1]): row[2] for row in self.table("How long open invitations have waited")}
        for key in itertools.product(BUCKETS, ("Invited", *WAITING)) if rows else ():
            self.see(("age", *key), rows.get(key, HIDDEN))
        for whole, names in (("open", ("Invited",)), ("not_invited", WAITING)) if rows else ():
            self.add_up(whole, [("age", *key) for key in itertools.product(BUCKETS, names)])

    def snapshots(self) -> None:
        rows = {(row[0], row[1]): row[2] for row in self.table("Status at each snapshot")}
        for source in self.table("What was read and rejected"):
            parts = [self.see(("records", source[2]), source[4]), self.see(("rejected", source[0]), source[5])]
            self.add_up(self.see(("read", source[0]), source[3]), parts)
        for day in {key[0] for key in rows}:
            cells = [self.see(("snapshot", day, name), rows.get((day, name), HIDDEN)) for name in STATUSES_SHOWN]
            self.add_up(("records", day), cells)

    def to_do(self) -> None:
        rows = self.table("What is open, and who has to act")
        for name, stages in TO_DO.items() if rows else ():
            cells = [self.see(("to do", row[1]), row[2]) for row in rows if name in row[1]]
            self.add_up(("to do", "all", name), [*cells, ("to do", "left out", name)])
            self.add_up(("stages of", name), list(stages))
            self.no_more_than(("to do", "all", name), ("stages of", name))

    def deadlines(self) -> None:
        rows = self.table("Deadlines of the coming week")
        cells = [self.see(("deadline", row[0], n), row[n]) for row in rows for n in (1, 2)]
        for number, whole in ((1, "open"), (2, "not_invited")):
            days = [cell for cell in cells if cell[2] == number]
            if days:
                self.add_up(("deadlines", number), days)
                self.no_more_than(("deadlines", number), whole)

    def curves(self, survival: pl.DataFrame) -> None:
        """Read the curves, with the numbers at risk below them and of all days: shares and sizes tell those too."""
        for (group,), points in survival.group_by("group", maintain_order=True):
            size = self.see(("size", group), str(points["size"][0]))
            joined = 0
            for row in points.to_dicts():
                left = row["size"] - joined - row["at_risk"]
                joined += row["associated"] or 0
                cell = self.see(("left before", group, row["days"]), str(left) if left else HIDDEN)
                self.no_more_than(cell, size)
        days = sorted(set(survival["days"]))
        groups = list(dict.fromkeys(survival["group"]))
        for group in groups:
            so_far, before = 0, None
            steps = {row["days"]: row["associated"] for row in survival.to_dicts() if row["group"] == group}
            for day in days:
                so_far += steps.get(day) or 0
                cell = self.see(("so far", group, day), f"{so_far}" if so_far else HIDDEN)
                if before is not None:
                    self.add_up(cell, [before, ("since", group, day)])
                before = cell
            self.no_more_than(before, "associated")
        for day in days if None in groups else ():
            self.add_up(("so far", None, day), [*(("so far", g, day) for g in groups if g), ("others", day)])

    def pinned(self) -> dict[Any, int]:
        """Return every count below ten that is the same in all solutions, with its value."""
        cells = list(self.low)
        at = {cell: place for place, cell in enumerate(cells)}
        matrix = lil_matrix((len(self.rows), len(cells)))
        for number, (row, _, _) in enumerate(self.rows):
            for cell, factor in row.items():
                matrix[number, at[cell]] = factor
        rules = LinearConstraint(matrix.tocsr(), [low for _, low, _ in self.rows], [high for *_, high in self.rows])
        bounds = Bounds([self.low[cell] for cell in cells], [min(self.high[cell], 1e5) for cell in cells])
        least, most = np.full(len(cells), np.inf), np.full(len(cells), -np.inf)

        def solve(goal: Any) -> None:
            solved = milp(goal, integrality=np.ones(len(cells)), bounds=bounds, constraints=rules)
            assert solved.status == 0, f"the tables contradict each other: {solved.message}"
            np.minimum(least, solved.x.round(), out=least)
            np.maximum(most, solved.x.round(), out=most)

        dice = np.random.default_rng(0)
        for _ in range(6):
            solve(dice.normal(size=len(cells)))
        for place in range(len(cells)):
            for sign in (1.0, -1.0):
                if least[place] == most[place] < STEP:
                    goal = np.zeros(len(cells))
                    goal[place] = sign
                    solve(goal)
        return {cell: int(least[n]) for cell, n in at.items() if least[n] == most[n] < STEP}


def attack(records: Any, summary: Any = None, period: Any = "week", *, exact: bool = False) -> Attacker:
    metrics = progress(records, as_of=AS_OF, period=period, by=TRENDS)
    plan = count_decisions(ik.plan_resends(records, as_of=AS_OF))
    made = page(metrics, charts.Look(), plan, audience="public", summary=summary)
    attacker = Attacker(as_markdown(made).decode(), as_html(made).decode(), exact=exact)
    if not exact:
        attacker.curves(for_audience(metrics, "public").survival)
    return attacker


CAUSES = {
    "link_expired": "partner", "system_busy": "customer_service", "overdue_payment": "customer",
    "consumption_record": "customer", "associated_with_other_partner": "nobody",
}  # fmt: skip
RESEND_RULES = {
    "partner": "now", "customer": "after_customer_acts", "customer_service": "after_support", "nobody": "never",
}  # fmt: skip
STATUSES = {
    "association_failed": 40, "associated": 30, "expired": 8, "invited": 9, "pre_registered": 6, "pending_review": 2,
    "unknown": 1,
}  # fmt: skip


def records_of(seed: int, count: int) -> pl.DataFrame:
    """Make annotated records whose groups are of any size, small ones above all."""
    dice = random.Random(seed)

    def pick(values: Any, weights: Any) -> Any:
        return dice.choices(list(values), list(weights), k=count)

    status = pick(STATUSES, STATUSES.values())
    failed = [one == "association_failed" for one in status]
    cause = [code if over else None for code, over in zip(pick(CAUSES, [30, 5, 20, 6, 9]), failed, strict=True)]
    days = [day + dice.randrange(7) for day in pick([0, 7, 14, 21, 28, 35, 42, 49, 77], [1, 1, 2, 1, 1, 1, 1, 1, 1])]
    dated = pick([True, False], [97, 3])
    start = dt.datetime(2026, 1, 5)
    columns = {
        "effective_status": status, "failure_code": cause, "who_acts": [CAUSES.get(one or "") for one in cause],
        "status": status, **dict.fromkeys(("cause", "advice", "suggested_operation"), cause),
        "resend_rule": [RESEND_RULES.get(CAUSES.get(one or "", "")) for one in cause],
        "invited_at": [start + dt.timedelta(day) if known else None for day, known in zip(days, dated, strict=True)],
        "age_days": [84 - day if known else None for day, known in zip(days, dated, strict=True)],
        "days_to_associate": [dice.randrange(9) if one == "associated" else None for one in status],
        "invitation_method": pick(["email", "link", "qr_code", "campaign"], [60, 20, 6, 3]),
        "association_type": pick(["reseller", "referral"], [9, 1]),
        "account_manager": pick(["m1", "m2", "m3"], [1, 1, 3]),
        "country": pick(["China", "Spain", "Germany"], [70, 20, 3]),
    }  # fmt: skip
    texts = ("failure_code", "who_acts", "cause", "advice", "suggested_operation", "resend_rule")
    return rows(count, **columns).with_columns(pl.col(texts).cast(pl.String))


@pytest.mark.parametrize(("count", "period"), [(60, "month"), (150, "week"), (400, "month"), (1200, "week")])
def test_no_count_below_ten_can_be_derived_from_one_report(count: int, period: Any) -> None:
    assert attack(records_of(count + len(period), count), period=period).pinned() == {}


def test_no_count_can_be_derived_from_several_snapshots(tmp_path: Path) -> None:
    ik.write_sample(tmp_path, rows=1600, seed=1)
    loaded = ik.load(str(tmp_path))
    attacker = attack(ik.annotate(loaded.records, as_of=AS_OF), loaded.summary)
    assert sum(high < STEP for high in attacker.high.values()) > 50
    assert attacker.pinned() == {}


def test_the_attack_derives_counts_from_exact_totals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disclosure, "rounded", lambda count: pl.when(count >= STEP).then(count))
    assert attack(records_of(0, 400), exact=True).pinned()


def test_figures_show_only_numbers_of_the_tables() -> None:
    attacker = attack(records_of(3, 1200))
    text = "\n".join(attacker.figures.values())
    counts = re.findall(r"([\d,]+) of ([\d,]+)", text)
    assert len(counts) > 20
    assert all(int(n.replace(",", "")) % STEP == 0 for both in counts for n in both)
    for key in ("to_do", "funnel", "pareto", "ageing"):
        bars = re.findall(r"<text[^>]*>([\d,]+)(?: · [^<]*)?</text>", attacker.figures[key])
        assert bars
        assert all(int(n.replace(",", "")) % STEP == 0 for n in bars)
    at_risk = attacker.figures["survival"].split(charts.Look().words["at_risk"])[1]
    waiting = re.findall(r">([\d,]+)</text>", at_risk)
    assert len(waiting) > 5
    assert all(int(n.replace(",", "")) % STEP == 0 for n in waiting)
    shown = {tuple(row[1:3]) for row in attacker.table("Failure rate by week") if HIDDEN not in row[1:3]}
    assert set(re.findall(r"([\d,]+) of ([\d,]+) =", attacker.figures["trend"])) == shown


def test_one_hidden_part_cannot_be_derived_from_the_total() -> None:
    for parts in itertools.combinations_with_replacement(range(10, 30), 3):
        for hidden in range(10):
            shown = [round_count(n) or 0 for n in (*parts, hidden, sum(parts) + hidden)]
            lows, highs = zip(*((max(n - 5, 10), n + 4) for n in (*shown[:3], shown[4])), strict=True)
            least, most = max(lows[3] - sum(highs[:3]), 0), min(highs[3] - sum(lows[:3]), 9)
            assert least < most
