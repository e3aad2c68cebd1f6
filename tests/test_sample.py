"""Samples are realistic and fictitious, and contain untidy and unreadable rows on purpose."""

import datetime as dt
import functools
import hashlib
import re
import shlex
import subprocess
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from invitekit import load
from invitekit import sample as room
from invitekit.errors import ArgumentError, OutputError
from invitekit.model import schema
from invitekit.model.catalogue import read_catalogue
from invitekit.sample import Sample, write_sample
from tests.conftest import DATA, often

pytestmark = pytest.mark.slow

RESERVED = re.compile(r".+@(example\.(com|org|net)|[a-z]+\.example)", re.IGNORECASE)
FICTIONAL = re.compile(
    r"\+86 199 0000 \d{4}|\+49 171 39200\d{2}|\+44 7700 900\d{3}|"
    r"\+34 600 0000\d{2}|\+966 50 0000 \d{3}|\+65 8000 0\d{3}"
)
USUAL_TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")
FINAL = {"associated", "association_failed", "not_pre_registered"}
INVITED = {"expired", "associated", "association_failed"}
NEXT = {
    "pending_review": INVITED | {"pre_registered", "not_pre_registered", "invited"},
    "pre_registered": INVITED | {"not_pre_registered", "invited"},
    "invited": INVITED,
    "expired": {"association_failed"},
}


def canonical(path: Path) -> pl.DataFrame:
    """Read a file with canonical names and codes."""
    frame = pl.read_parquet(path) if path.suffix == ".parquet" else pl.read_csv(path, infer_schema=False)
    frame = frame.rename({header: schema.canonical_name(header) or header for header in frame.columns})
    words = {name: sorted(frame[name].unique()) for name in ("status", "invitation_method", "association_type")}
    return frame.with_columns(
        pl.col(name).replace_strict({text: schema.vocabulary(name)[schema.header_key(text)] for text in texts})
        for name, texts in words.items()
    )


def hashes(sample: Sample) -> list[str]:
    return [hashlib.sha256(path.read_bytes()).hexdigest() for path in sample.paths]


@pytest.fixture(scope="module")
def weeks(tmp_path_factory: pytest.TempPathFactory) -> list[pl.DataFrame]:
    """A large clean sample, oldest file first."""
    made = write_sample(tmp_path_factory.mktemp("large"), rows=10_000, format="parquet", dirty=0)
    return [canonical(path) for path in made.paths]


@pytest.fixture(scope="module")
def newest(weeks: list[pl.DataFrame]) -> pl.DataFrame:
    return weeks[-1]


# --- reproducibility


def test_the_number_of_threads_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for threads in (1, 4):
        connect = functools.partial(duckdb.connect, config={"threads": threads})
        monkeypatch.setattr(room, "duckdb", type("Duck", (), {"connect": staticmethod(connect)}))
        found.append(hashes(write_sample(tmp_path / str(threads), rows=130_000, weeks=1)))
    assert found[0] == found[1]


def test_another_seed_gives_other_people(tmp_path: Path) -> None:
    one, two = (hashes(write_sample(tmp_path / str(s), rows=50, weeks=1, seed=s)) for s in (1, 2))
    assert one != two


def commands() -> list[list[str]]:
    readme = (DATA / "README.md").read_text(encoding="utf-8")
    return [shlex.split(line)[2:] for line in readme.splitlines() if line.startswith("invitekit sample")]


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_the_data_folder_is_what_its_readme_says(tmp_path: Path, words: list[str]) -> None:
    given: dict[str, Any] = {"masked": "--masked" in words}
    pairs = [w for w in words if w != "--masked"]
    options = dict(zip(pairs[::2], pairs[1::2], strict=True))
    place = DATA.parent / options.pop("-o")
    given |= {k.removeprefix("--"): int(v) if v.isdigit() else v for k, v in options.items()}
    for path in write_sample(tmp_path, **given).paths:
        if path.suffix == ".csv":
            assert path.read_bytes() == (place / path.name).read_bytes()
        else:
            assert pl.read_excel(path).equals(pl.read_excel(place / path.name))


def ignored(names: list[str]) -> set[str]:
    """Return the files that git ignores."""
    words = ["git", "check-ignore", "--no-index", "--stdin"]
    asked = subprocess.run(words, input="\n".join(names), cwd=DATA.parent, capture_output=True, text=True, check=False)
    assert asked.returncode in (0, 1), asked.stderr
    return set(asked.stdout.split())


def test_git_takes_the_made_up_files_and_nothing_else_of_the_data_folder() -> None:
    listed = subprocess.run(["git", "ls-files", "data"], cwd=DATA.parent, capture_output=True, text=True, check=True)
    committed = listed.stdout.split()
    assert len(committed) == 7
    partners = [
        f"data/{name}" for name in (
            "zh/real.csv", "zh/history_records_2026-03-30.csv", "zh/more/history_records_2026-03-30.xlsx",
            "masked/export.xlsx", "masked/history_records_2026-03-31.csv", "history_records_2026-03-31.csv",
            "history_records_2026-03-09.csv.bak", "export.csv", "new/history_records_2026-03-30.csv",
        )
    ]  # fmt: skip
    assert ignored(committed + partners) == set(partners)


# --- files


def test_one_file_a_week_is_named_after_its_day(tmp_path: Path) -> None:
    made = write_sample(tmp_path, rows=40, weeks=3, as_of=dt.date(2026, 1, 5))
    days = ("2025-12-22", "2025-12-29", "2026-01-05")
    assert [path.name for path in made.paths] == [f"history_records_{day}.csv" for day in days]


@pytest.mark.parametrize(("rows", "weeks"), [(0, 2), (1, 2), (999, 3)])
def test_the_files_hold_exactly_as_many_rows_as_asked_for(tmp_path: Path, rows: int, weeks: int) -> None:
    made = write_sample(tmp_path, rows=rows, weeks=weeks)
    read = load(tmp_path).summary
    assert (made.rows, read.rows_read) == (rows, rows)


def test_progress_names_each_file_before_it_is_written(tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    made = write_sample(tmp_path, rows=1000, weeks=2, dirty=0, progress=lambda *it: told.append(it))
    assert told == [(made.paths[0].name, 0, 1000), (made.paths[1].name, 411, 1000)]


def test_existing_files_are_replaced_only_when_asked(tmp_path: Path) -> None:
    there = tmp_path / "history_records_2026-03-30.csv"
    there.write_text("mine")
    with pytest.raises(OutputError, match="exists already"):
        write_sample(tmp_path, rows=10)
    assert (there.read_text(), [p.name for p in tmp_path.iterdir()]) == ("mine", [there.name])
    write_sample(tmp_path, rows=10, weeks=1, overwrite=True)
    assert len(there.read_text().splitlines()) > 10
    assert [p.name for p in tmp_path.iterdir()] == [there.name]


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "negative rows": ({"rows": -1}, "0 or more"),
    "no week": ({"weeks": 0}, "1 or more"),
    "too dirty": ({"dirty": 1.5}, "from 0 to 1"),
    "unknown format": ({"format": "doc"}, "csv, xlsx, parquet"),
    "unknown language": ({"language": "de"}, "'en' or 'zh'"),
    "more weeks than there are": ({"weeks": 200_000}, "use 1 to 1361: the first one is 2000-03-01"),
    "weeks beyond any calendar": ({"weeks": 10**30}, "use 1 to"),
    "weeks before any loader's time": ({"weeks": 2, "as_of": dt.date(2000, 3, 7)}, "use 1 to 1:"),
    "a day before any loader's time": ({"as_of": dt.date(1998, 1, 1)}, "from 2000-03-01 to 2099-12-24"),
    "a day too early by one": ({"weeks": 1, "as_of": dt.date(2000, 2, 29)}, "from 2000-03-01"),
    "a day too late by one": ({"weeks": 1, "as_of": dt.date(2099, 12, 25)}, "to 2099-12-24"),
    "unknown encoding": ({"encoding": "latin-1"}, "utf-8, utf-8-sig, utf-16, gb18030"),
}


@pytest.mark.parametrize(("given", "hint"), WRONG.values(), ids=WRONG.keys())
def test_an_invalid_argument_is_rejected(tmp_path: Path, given: dict[str, Any], hint: str) -> None:
    with pytest.raises(ArgumentError, match=f"Hint: .*{hint}"):
        write_sample(tmp_path / "made", **given)
    assert not (tmp_path / "made").exists()


# --- formats


def test_every_encoding_holds_the_same_rows(tmp_path: Path) -> None:
    plain = write_sample(tmp_path / "plain", rows=400, weeks=1).paths[0].read_text(encoding="utf-8")
    for encoding in ("utf-8-sig", "utf-16", "gb18030"):
        other = write_sample(tmp_path / encoding, rows=400, weeks=1, encoding=encoding).paths[0]
        assert other.read_bytes().decode(encoding) == plain


def test_a_workbook_holds_times_as_times_and_mobiles_as_text(tmp_path: Path) -> None:
    made = write_sample(tmp_path, rows=300, weeks=1, format="xlsx", dirty=0).paths[0]
    frame = pl.read_excel(made)
    assert frame.schema["Mobile Number"] == pl.String
    assert all(frame.schema[name].is_temporal() for name in ("Invitation Time", "Expires At", "Association Time"))


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_format_has_the_same_records(tmp_path: Path, language: str) -> None:
    named = ["account_name", "email", "mobile", "remarks", "status", "failure_message", "invited_at", "expires_at"]
    found = []
    for kind in ("csv", "xlsx", "parquet"):
        write_sample(tmp_path / kind, rows=400, weeks=1, format=kind, language=language, dirty=0)
        found.append(load(tmp_path / kind).records.sort("source_row").select(named))
    assert found[0].equals(found[1])
    assert found[0].equals(found[2])


# --- life cycles


def test_a_customer_invited_again_keeps_its_identity_and_gets_a_later_time(newest: pl.DataFrame) -> None:
    invited = newest.filter(pl.col("invited_at").is_not_null())
    same = invited.group_by("account_name").agg(pl.col("email", "mobile", "account_manager").n_unique(), pl.len())
    assert same.select(pl.max_horizontal("email", "mobile", "account_manager").max()).item() == 1
    between = invited.select(pl.col("invited_at").diff().over("account_name")).drop_nulls()
    assert between["invited_at"].min() >= dt.timedelta(days=7)  # type: ignore[operator]  # polars types any value


def test_emails_expire_after_seven_days_and_other_invitations_never(newest: pl.DataFrame) -> None:
    email = newest.filter(pl.col("invited_at").is_not_null(), pl.col("invitation_method") == "email")
    other = newest.filter(pl.col("invitation_method") != "email")
    assert (email["expires_at"] - email["invited_at"]).unique().to_list() == [dt.timedelta(days=7)]
    assert other["expires_at"].null_count() == other.height


def test_nothing_happens_after_the_snapshot_or_after_expiry(newest: pl.DataFrame) -> None:
    last = newest.select(pl.max_horizontal(pl.col("invited_at", "associated_at").max())).item()
    assert last <= dt.datetime(2026, 3, 30)
    assert newest.filter(pl.col("associated_at") >= pl.col("expires_at")).height == 0


def test_times_fit_the_status(newest: pl.DataFrame) -> None:
    before = pl.col("status").is_in(["pending_review", "pre_registered", "not_pre_registered"])
    assert newest.filter(before != pl.col("invited_at").is_null()).height == 0
    assert newest.filter((pl.col("status") == "associated") != pl.col("associated_at").is_not_null()).height == 0
    assert (
        newest.filter((pl.col("status") == "association_failed") != pl.col("failure_message").is_not_null()).height == 0
    )


def numbered(frame: pl.DataFrame) -> pl.DataFrame:
    """Number each customer's invitations, which are in order."""
    return frame.with_columns(pl.int_range(pl.len()).over("account_name").alias("attempt"))


def test_every_invitation_stays_in_later_files_and_its_state_only_advances(weeks: list[pl.DataFrame]) -> None:
    key = ["account_name", "attempt"]
    moved: set[tuple[str, str]] = set()
    for earlier, later in pairwise(weeks):
        both = numbered(earlier).join(numbered(later), on=key, how="left", suffix="_later")
        assert both["status_later"].null_count() == 0
        moved |= set(
            both.filter(pl.col("status") != pl.col("status_later")).select("status", "status_later").iter_rows()
        )
    allowed = {(start, end) for start, ends in NEXT.items() for end in ends}
    assert moved <= allowed
    assert {("pre_registered", "invited"), ("invited", "expired"), ("invited", "associated")} <= moved
    assert not {start for start, _ in moved} & FINAL


def test_no_two_rows_of_a_clean_sample_are_the_same(newest: pl.DataFrame) -> None:
    assert not newest.is_duplicated().any()


def test_an_associated_customer_is_not_invited_again(newest: pl.DataFrame) -> None:
    told = numbered(newest).with_columns(pl.col("attempt").max().over("account_name").alias("last"))
    assert told.filter(pl.col("status") == "associated", pl.col("attempt") < pl.col("last")).height == 0


# --- failures


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_message_of_the_site_occurs(tmp_path: Path, language: str) -> None:
    made = write_sample(tmp_path, rows=30_000, weeks=1, format="parquet", dirty=0, language=language)
    met = set(canonical(made.paths[0])["failure_message"].drop_nulls())
    failures = read_catalogue().failures
    if language == "en":
        expected = {f.message_en for f in failures if f.position is not None}
    else:
        expected = {f.message_zh or f.message_en for f in failures}
    assert met == expected


# --- fictitious people


@pytest.mark.parametrize("dirty", [0, 0.5])
def test_every_address_is_reserved_for_examples(tmp_path: Path, dirty: float) -> None:
    frame = canonical_text(write_sample(tmp_path, rows=6_000, weeks=1, dirty=dirty).paths[0])
    emails = frame["Email"].drop_nulls()
    assert emails.len() > 5_500
    invalid = {"ragged"}
    assert {email for email in emails if not RESERVED.fullmatch(email.strip())} <= invalid


def canonical_text(path: Path) -> pl.DataFrame:
    """Read a CSV file without its ragged last line."""
    frame = pl.read_csv(path, infer_schema=False, truncate_ragged_lines=True)
    return frame.filter(pl.col("Customer Full Name").ne_missing("Ragged Example"))


def test_every_mobile_number_is_in_an_unused_range(newest: pl.DataFrame) -> None:
    assert [mobile for mobile in newest["mobile"].unique() if not FICTIONAL.fullmatch(mobile)] == []


def test_a_masked_sample_shows_no_name_mobile_or_email(tmp_path: Path) -> None:
    plain, masked = (
        canonical_text(write_sample(tmp_path / str(m), rows=6_000, weeks=1, masked=m, dirty=0.5).paths[0])
        for m in (False, True)
    )
    shapes = {
        "Mobile Number": r"\+\d+\*{4}\d{4}",
        "Email": r".\*\*\*@[a-z]+\.[a-z]+",
        "Customer Name": r".\*\*\*.?",
        "Customer Full Name": r".\*\*\*.",
    }
    for name, shape in shapes.items():
        cells = masked[name].drop_nulls()
        assert [cell for cell in cells if not re.fullmatch(shape, cell)] == []
    assert masked["Account Name"].equals(plain["Account Name"])


# --- untidy and unreadable rows


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_clean_sample_is_clean(tmp_path: Path, language: str) -> None:
    made = write_sample(tmp_path, rows=4_000, weeks=2, dirty=0, language=language)
    read = load(tmp_path).summary
    assert (made.unreadable_rows, read.rejects, read.failed_without_message) == (0, 0, 0)
    assert not any(read.unknown_codes.values())
    assert read.unknown_messages == ()
    frame = pl.read_csv(made.paths[-1], infer_schema=False)
    invited = frame.filter(pl.col(schema.label("invited_at", language)).is_not_null())
    assert not invited.is_duplicated().any()
    for name in frame.columns:
        cells = frame[name].drop_nulls()
        assert cells.equals(cells.str.strip_chars(" \u00a0"))
        assert not cells.is_in(["-", "N/A", "无"]).any()
    times = frame.select(schema.label(name, language) for name in ("invited_at", "expires_at", "associated_at"))
    assert all(USUAL_TIME.fullmatch(t) for column in times for t in column.drop_nulls())


UNTIDY = {
    "spaces around": ("Customer Full Name", r"^  .* $"), "no-break space": ("Customer Full Name", "\u00a0$"),
    "upper case": ("Email", r"^[A-Z0-9.@]+$"), "space after": ("Email", r" $"),
    "full width": ("Mobile Number", r"[０-９]"), "not available": ("Custom Tag", r"^N/A$"),
    "Chinese for nothing": ("Custom Tag", r"^无$"), "dash": ("Remarks", r"^-$"),
    "unknown status": ("Status", r"^Frozen$"),
    "unknown message": ("Failure Cause", r"^The customer asked us to wait\.$"),
    "UTC": ("Invitation Time", r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$"),
    "offset": ("Invitation Time", r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+08:00$"),
    "slashes": ("Invitation Time", r"^\d{4}/\d\d/\d\d \d\d:\d\d$"),
    "Excel serial": ("Invitation Time", r"^4\d{4}(\.\d+)?$"),
}  # fmt: skip


@pytest.fixture(scope="module")
def untidy(tmp_path_factory: pytest.TempPathFactory) -> pl.DataFrame:
    return canonical_text(write_sample(tmp_path_factory.mktemp("untidy"), rows=40_000, weeks=1, dirty=0.1).paths[0])


@pytest.mark.parametrize(("column", "pattern"), UNTIDY.values(), ids=UNTIDY.keys())
def test_every_kind_of_untidy_cell_occurs(untidy: pl.DataFrame, column: str, pattern: str) -> None:
    assert untidy[column].drop_nulls().str.contains(pattern).any()


def test_some_failures_have_no_message_and_some_rows_are_duplicates(untidy: pl.DataFrame) -> None:
    failed = untidy.filter(pl.col("Status") == "Association failed")
    assert 0 < failed["Failure Cause"].null_count() < failed.height / 50
    assert 0 < untidy.is_duplicated().sum() < untidy.height / 5


def test_untidy_times_have_the_same_value(tmp_path: Path) -> None:
    clean, dirty = (load(write_sample(tmp_path / str(d), rows=900, weeks=1, dirty=d).paths[0]).records for d in (0, 1))
    # Other forms are exact to the minute, or to a hundred-thousandth of a day.
    both = clean.join(dirty, on=["account_name", "expires_at"])
    apart = (both["invited_at"] - both["invited_at_right"]).dt.total_seconds().abs()
    assert apart.drop_nulls().len() > 100
    assert apart.max() < 60


def test_by_default_one_row_in_200_is_untidy_and_none_in_parquet(tmp_path: Path) -> None:
    dirty = write_sample(tmp_path / "default", rows=900, weeks=1).paths[0].read_bytes()
    assert dirty == write_sample(tmp_path / "said", rows=900, weeks=1, dirty=0.005).paths[0].read_bytes()
    assert write_sample(tmp_path / "typed", rows=2000, weeks=1, format="parquet").unreadable_rows == 0


@pytest.mark.parametrize("seed", range(1, 1 + often(4)))
@pytest.mark.parametrize(
    ("given", "unreadable"),
    [
        ({"rows": 1000, "weeks": 4}, 3), ({"rows": 1500, "language": "zh", "encoding": "gb18030"}, 3),
        ({"rows": 1500, "masked": True}, 3), ({"rows": 1500, "format": "xlsx"}, 1),
        ({"rows": 1500, "format": "parquet", "dirty": 0.01}, 1), ({"rows": 1500, "as_of": dt.date(2000, 3, 1)}, 3),
        ({"rows": 1500, "as_of": dt.date(2099, 12, 24)}, 3), ({"rows": 999}, 0),
    ],
    ids=str,
)  # fmt: skip
def test_load_rejects_unreadable_rows_only(tmp_path: Path, seed: int, given: dict[str, Any], unreadable: int) -> None:
    made = write_sample(tmp_path, seed=seed, **{"weeks": 1} | given)
    assert made.unreadable_rows == unreadable
    assert load(tmp_path).summary.rejects == unreadable


def test_the_rejected_rows_have_no_name_an_impossible_day_or_too_many_cells(tmp_path: Path) -> None:
    write_sample(tmp_path, rows=1000, weeks=1)
    reasons = " ".join(load(tmp_path).rejects["reason"])
    text = (tmp_path / "history_records_2026-03-30.csv").read_text(encoding="utf-8")
    assert "17 cells, not 16" in reasons
    assert text.count("2026-02-30") == 1
    assert re.search(r"^,,,,,", text, re.MULTILINE)
