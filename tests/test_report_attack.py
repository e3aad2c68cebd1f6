"""An attack on a report: whoever reads all of its tables and figures works out no small count from the others."""

from __future__ import annotations

import datetime as dt
import json
import random
import re
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from scipy.optimize import linprog

import invitekit as ik
from invitekit import charts
from invitekit.metrics import Progress, progress
from invitekit.report import TRENDS, page, suppression
from invitekit.report.html import as_html
from invitekit.report.markdown import as_markdown

ROOT = Path(__file__).resolve().parent.parent
AS_OF = dt.date(2026, 3, 30)
LEAST = 10
HIDDEN = "·"
GROUPS = ("By invitation method", "By association type", "By country or region", "By account manager", "By custom tag")
STAGES = {
    "All records": "all", "Not invited yet": "not_invited", "Unknown": "unknown", "Invited": "invited",
    "Still open": "open", "With an outcome": "settled", "Associated": "associated",
    "Association failed": "failed", "Expired": "expired",
}  # fmt: skip
PARTS = {
    "all": ("not_invited", "unknown", "invited"), "invited": ("open", "settled"),
    "settled": ("associated", "failed", "expired"),
}  # fmt: skip


class Reader:
    """Reads a report as a curious stranger would: texts in, counts and sums out."""

    def __init__(self, markdown: str, html: str) -> None:
        self.counts: dict[Any, int | None] = {}
        self.sums: list[tuple[Any, list[Any]]] = []
        self.secret: set[Any] = set()
        self.tables, self.text = {}, markdown
        for part in re.split(r"^## ", markdown, flags=re.MULTILINE)[1:]:
            lines = [line for line in part.splitlines() if line.startswith("| ")]
            self.tables[part.split("\n")[0]] = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
                                                for line in lines[2:]]  # fmt: skip
        (data,) = re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', html, flags=re.DOTALL)
        self.charts = json.loads(data)["charts"]
        for read in (self.funnel, self.causes, self.trends, self.groups, self.again, self.waiting):
            read()

    def see(self, cell: Any, text: str) -> Any:
        self.counts[cell] = None if text == HIDDEN else int(text.replace(",", ""))
        if text == HIDDEN:
            self.secret.add(cell)
        return cell

    def unseen(self, cell: Any, *, secret: bool = False) -> Any:
        if cell not in self.counts:
            self.counts[cell] = None
            if secret:
                self.secret.add(cell)
        return cell

    def rows(self, title: str) -> list[list[str]]:
        return [row for row in self.tables.get(title, []) if not row[0].startswith("…")]

    def funnel(self) -> None:
        for row in self.rows("How far invitations came"):
            self.see(STAGES[row[0].split(" –")[0]], row[1])
        shown = set(self.counts)
        for whole, parts in PARTS.items():
            if whole in shown:
                self.sums.append((whole, [part for part in parts if part in shown]))

    def causes(self) -> None:
        cells = [self.see(("cause", row[0], row[1]), row[2])
                 for row in self.rows("Why associations failed, and who has to act")]  # fmt: skip
        if cells:
            self.sums.append((self.unseen("failed"), cells))

    def trends(self) -> None:
        for row in self.rows("How the share that failed moved"):
            of = self.see(("of", row[0]), row[2])
            self.sums.append((of, [self.see(("n", row[0]), row[1]), self.unseen(("left", row[0]))]))
        days = [cell[1] for cell in self.counts if cell[0] == "of"]
        for whole, name in (("settled", "of"), ("failed", "n")):
            if days and len(self.rows("How the share that failed moved")) == len(
                self.tables["How the share that failed moved"]
            ):
                undated = [self.unseen(("undated", whole))] if "an outcome have no time" in self.text else []
                self.sums.append((self.unseen(whole), [*((name, day) for day in days), *undated]))
        self.centre(days)
        for title in ("Who had to act, over time", "Causes over time"):
            cells = [(row[1], self.see((title, row[0], row[1]), row[2])) for row in self.rows(title)]
            whole_table = len(cells) == len(self.tables.get(title, []))
            for day in days if cells and whole_table else ():
                self.sums.append((("n", day), [cell for at, cell in cells if at == day]))
        self.secret |= {("left", day) for day in days}

    def centre(self, days: list[str]) -> None:
        """The dashed line is a share of all failures: with all sizes, it tells how many those were."""
        complete = [row[0] for row in self.rows("How the share that failed moved") if row[-1] != "still open"]
        if "trend" not in self.charts or any(self.counts["of", day] is None for day in complete) or not days:
            return
        shares = [y for trace in self.charts["trend"]["light"]["data"] for y in trace.get("y") or []
                  if (trace.get("line") or {}).get("dash") == "dash" and y]  # fmt: skip
        size = sum(self.counts["of", day] or 0 for day in complete)
        for share in shares[:1]:
            if abs(share * size - round(share * size)) < 1e-6:
                self.counts["centre"] = round(share * size)
                self.sums.append(("centre", [("n", day) for day in complete]))

    def groups(self) -> None:
        for title in GROUPS:
            cells: dict[str, list[Any]] = {"settled": [], "failed": [], "associated": [], "expired": []}
            for row in self.rows(title):
                parts = [self.see((title, row[0], part), row[at]) for part, at in (("failed", 2), ("associated", 4))]
                parts.append(self.unseen((title, row[0], "expired"), secret=True))
                whole = self.see((title, row[0], "settled"), row[1])
                self.sums.append((whole, parts))
                for name, cell in zip(cells, [whole, *parts], strict=True):
                    cells[name].append(cell)
            if cells["settled"] and len(self.rows(title)) == len(self.tables[title]):
                self.sums += [(self.unseen(name), parts) for name, parts in cells.items()]

    def again(self) -> None:
        for row in self.rows("What became of inviting again"):
            parts = [self.see(("again", row[0], row[1]), row[3]), self.unseen(("not", row[0], row[1]), secret=True)]
            self.sums.append((self.see(("resends", row[0], row[1]), row[2]), parts))

    def waiting(self) -> None:
        rows = self.rows("How long open records have waited")
        cells = [self.see(("age", row[0], row[1]), row[2]) for row in rows]
        for whole, some in (("open", [cell for cell in cells if cell[2] == "Invited"]),
                            ("not_invited", [cell for cell in cells if cell[2] != "Invited"])):  # fmt: skip
            if some:
                self.sums.append((self.unseen(whole), some))
        snapshots = self.rows("The snapshots")
        days = sorted({row[0] for row in snapshots})
        for day in days:
            mine = [self.see(("snapshot", day, row[1]), row[2]) for row in snapshots if row[0] == day]
            total = self.see(("snapshot", day), self.sources[day]) if day in self.sources else None
            if total is not None and len(snapshots) == len(self.tables["The snapshots"]):
                self.sums.append((total, mine))

    @property
    def sources(self) -> dict[str, str]:
        return {row[2]: row[4] for row in self.tables.get("What was read and refused", [])}

    def told(self) -> list[tuple[Any, float, float]]:
        """Give each secret with the least and the most that it may be, where these are too near."""
        free = {cell: at for at, cell in enumerate(cell for cell, n in self.counts.items() if n is None)}
        table, known = [], []
        for whole, parts in self.sums:
            line = [0.0] * len(free)
            for cell, sign in ((whole, -1.0), *((part, 1.0) for part in parts)):
                if cell in free:
                    line[free[cell]] += sign
            table.append(line)
            known.append(sum(-(self.counts[part] or 0) for part in parts) + (self.counts[whole] or 0))
        found = []
        for cell in sorted(self.secret & free.keys(), key=str):
            ends = []
            for sign in (1.0, -1.0):
                goal = [0.0] * len(free)
                goal[free[cell]] = sign
                solved = linprog(goal, A_eq=table, b_eq=known, bounds=(0, 1e6), method="highs")
                assert solved.status == 0, f"the tables contradict each other: {solved.message}"
                ends.append(sign * solved.fun)
            shown = cell in self.shown_as_hidden
            small = round(ends[1]) > 0 and round(ends[0]) < LEAST
            if ends[1] - ends[0] < LEAST - 1e-6 and (shown or small):
                found.append((cell, *ends))
        return found

    @property
    def shown_as_hidden(self) -> set[Any]:
        return {cell for cell in self.secret if cell[0] not in ("left", "not") and cell[-1] != "expired"}


def reader(records: Any, summary: Any = None, period: Any = "week") -> Reader:
    found: Progress = progress(records, as_of=AS_OF, period=period, by=TRENDS)
    made = page(found, charts.Look(), summary=summary)
    return Reader(as_markdown(made).decode(), as_html(made).decode())


CAUSES = {
    "link_expired": "partner", "system_busy": "customer_service", "overdue_payment": "customer",
    "consumption_record": "customer", "associated_with_other_partner": "nobody",
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
    return pl.DataFrame({
        "record_id": [f"id{number}" for number in range(count)], "effective_status": status, "failure_code": cause,
        "who_acts": [CAUSES.get(one or "") for one in cause],
        "invited_at": [start + dt.timedelta(day) if known else None for day, known in zip(days, dated, strict=True)],
        "age_days": [84 - day if known else None for day, known in zip(days, dated, strict=True)],
        "snapshot_at": [dt.datetime(2026, 3, 30)] * count, "source_file": ["a.csv"] * count,
        "source_row": list(range(count)), "custom_tag": [None] * count, "account_name": [None] * count,
        "days_to_associate": [dice.randrange(9) if one == "associated" else None for one in status],
        "invitation_method": pick(["email", "link", "qr_code", "campaign"], [60, 20, 6, 3]),
        "association_type": pick(["reseller", "referral"], [9, 1]), "email": [None] * count,
        "account_manager": pick(["m1", "m2", "m3"], [1, 1, 3]), "customer_full_name": [None] * count,
        "country": pick(["China", "Spain", "Germany"], [70, 20, 3]), "mobile": [None] * count,
    }, schema_overrides={
        "custom_tag": pl.String, "account_name": pl.String, "email": pl.String, "customer_full_name": pl.String,
        "mobile": pl.String, "invited_at": pl.Datetime("us"), "snapshot_at": pl.Datetime("us"),
        "days_to_associate": pl.Int64, "age_days": pl.Int64, "failure_code": pl.String, "who_acts": pl.String,
    })  # fmt: skip


@pytest.mark.parametrize("period", ["week", "month"])
@pytest.mark.parametrize("seed", range(8))
def test_no_hidden_count_can_be_worked_out_from_all_tables_together(seed: int, period: Any) -> None:
    told = reader(records_of(seed, random.Random(seed).choice([60, 150, 400, 1200])), period=period).told()
    assert told == []


@pytest.mark.parametrize("seed", range(3))
def test_no_hidden_count_of_several_snapshots_can_be_worked_out(seed: int, tmp_path: Path) -> None:
    ik.write_sample(tmp_path, rows=(600, 2400, 9000)[seed], seed=seed)
    loaded = ik.load(str(tmp_path))
    found = reader(ik.annotate(loaded.records, as_of=AS_OF), loaded.summary)
    assert len(found.secret) > 5
    assert found.told() == []


def test_the_attack_finds_a_count_that_another_table_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suppression, "_make_room", lambda *_: None)
    assert {cell[0] for seed in range(4) for cell, *_ in reader(records_of(seed, 400)).told()} > {"n", "left"}
