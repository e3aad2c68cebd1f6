"""The customer and the invitation of each record, and the latest record of each.

Comments name fixed bugs, in which plan, metrics, success rates and comparison differed. Cases of the plan and the
workspace are in test_resend.py and test_workspace.py.
"""

import datetime as dt
from typing import Any

import duckdb
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import invitekit as ik
from invitekit.errors import SchemaError
from invitekit.model import schema
from invitekit.model.resolve import COLUMNS, latest, resolve
from tests.conftest import DATA, KINDS, Engine, often

pytestmark = pytest.mark.one_engine  # test_engines.py resolves on all of them
WEEKS = [dt.datetime(2026, 3, day) for day in (2, 9, 16, 23)]
AS_OF = WEEKS[-1]


def at(day: int, hour: int = 8, minute: int = 3, second: int = 7, month: int = 3) -> dt.datetime:
    return dt.datetime(2026, month, day, hour, minute, second)


def record(week: int, status: str, invited_at: dt.datetime | None = None, **values: Any) -> dict[str, Any]:
    """One annotated record of a weekly file; by default of a customer with the account ``acme``."""
    account = values.pop("account_name", "acme")
    failed = status == "association_failed"
    return {
        "record_id": f"r{week:031d}0" if account is None else f"k{hash((account, invited_at)) & (16**32 - 1):032x}",
        "account_name": account, "status": status, "effective_status": status,
        "failure_code": "link_expired" if failed else None, "invited_at": invited_at, "snapshot_at": WEEKS[week],
        "source_file": f"week_{week}.csv", **values,
    }  # fmt: skip


def frame(*records: dict[str, Any]) -> pl.DataFrame:
    """Return annotated records, numbered by row."""
    names = [column.name for column in (*schema.RECORD, *schema.ANNOTATED)]
    rows = [{"source_row": row, **one} for row, one in enumerate(records, start=2)]
    types = {name: KINDS.get(schema.BY_NAME[name].kind, pl.String()) for name in names}
    return pl.DataFrame([{name: one.get(name) for name in names} for one in rows], schema=types)


def answers(engine: Engine, records: pl.DataFrame, *names: str) -> list[Any]:
    """Return some columns of ``resolve``, in the order of the records."""
    found = engine.to_polars(resolve(engine(records))).sort("source_row").select(*names)
    return found.to_series().to_list() if len(names) == 1 else found.rows()


def test_the_same_invitation_in_every_weekly_file_is_one_and_its_newest_record_counts(engine: Engine) -> None:
    sent = at(1)
    records = frame(record(0, "invited", sent), record(1, "invited", sent), record(2, "association_failed", sent))
    assert answers(engine, records, "is_latest_of_invitation") == [False, False, True]
    assert answers(engine, records, "is_latest_of_customer") == [False, False, True]
    assert len(set(answers(engine, records, "invitation_id"))) == 1
    assert answers(engine, records, "attempt_no") == [1, 1, 1]
    assert set(answers(engine, records, "first_seen_at", "last_seen_at")) == {(WEEKS[0], WEEKS[2])}
    assert set(answers(engine, records, "invitation_sent_at")) == {sent}, "a time without a zone on every engine"


def test_an_invitation_sent_again_is_another_one_even_under_the_same_id(engine: Engine) -> None:
    # Fixed bug: metrics counted IDs and had one invitation; plan and success rates counted times and had two.
    # The portal may keep a record's ID for a resend: the time distinguishes attempts.
    records = frame(
        record(0, "association_failed", at(1), record_id="INV-7"), record(1, "invited", at(5), record_id="INV-7")
    )
    assert answers(engine, records, "attempt_no") == [1, 2]
    assert answers(engine, records, "is_latest_of_invitation") == [True, True]
    assert answers(engine, records, "previous_outcome") == [None, "link_expired"]


def test_an_invitation_under_another_id_in_each_file_is_one(engine: Engine) -> None:
    # Fixed bug: metrics counted it once in each file, because many exports number their rows.
    records = frame(record(0, "invited", at(1), record_id="1"), record(1, "invited", at(1), record_id="2"))
    assert answers(engine, records, "is_latest_of_invitation") == [False, True]
    assert answers(engine, records, "attempt_no") == [1, 1]


def test_the_latest_record_of_a_customer_is_of_the_invitation_sent_last(engine: Engine) -> None:
    records = frame(
        record(0, "association_failed", at(1)), record(1, "invited", at(5)), record(1, "association_failed", at(1))
    )
    assert answers(engine, records, "is_latest_of_customer") == [False, True, False]
    assert answers(engine, records, "is_latest_of_invitation") == [False, True, True]


def test_a_newer_snapshot_of_an_invitation_replaces_an_older_association(engine: Engine) -> None:
    # The newest state counts; success rates, however, count an earlier association.
    records = frame(record(0, "associated", at(1)), record(1, "association_failed", at(1)))
    assert answers(engine, records, "is_latest_of_invitation") == [False, True]


def test_a_date_without_a_time_matches_the_invitation_of_that_day(engine: Engine) -> None:
    # Fixed bug: metrics and success rates counted two invitations.
    day = dt.datetime(2026, 3, 5)
    records = frame(record(0, "invited", day), record(1, "invited", at(5, hour=14)), record(2, "invited", day))
    assert len(set(answers(engine, records, "invitation_id"))) == 1
    assert answers(engine, records, "attempt_no") == [1, 1, 1]
    other_day = frame(record(0, "invited", day), record(1, "invited", at(6)))
    assert answers(engine, other_day, "attempt_no") == [1, 2]


def test_a_pre_registration_is_the_start_of_the_invitation_that_follows(engine: Engine) -> None:
    # Fixed bug: metrics left out all older rows without a time, and customers who were never invited.
    records = frame(record(0, "pre_registered"), record(1, "invited", at(5)), record(2, "expired", at(5)))
    assert answers(engine, records, "is_latest_of_invitation") == [False, False, True]
    assert set(answers(engine, records, "first_seen_at")) == {WEEKS[0]}
    never_invited = frame(record(0, "pre_registered"), record(1, "pre_registered"))
    assert answers(engine, never_invited, "is_latest_of_invitation") == [False, True]
    assert answers(engine, never_invited, "attempt_no") == [0, 0]


def test_a_pre_registration_after_a_failure_does_not_belong_to_the_failed_invitation(engine: Engine) -> None:
    failed = record(0, "association_failed", at(1))
    records = frame(failed, failed | {"snapshot_at": WEEKS[1]}, record(1, "pre_registered"))
    assert answers(engine, records, "is_latest_of_invitation") == [False, True, True]
    assert answers(engine, records, "is_latest_of_customer") == [False, False, True]
    later = frame(failed, record(1, "pre_registered"), record(2, "invited", at(12)))
    assert answers(engine, later, "attempt_no") == [1, 2, 2]


def test_a_record_without_a_time_belongs_to_the_invitation_known_by_then(engine: Engine) -> None:
    records = frame(record(0, "invited", at(1)), record(1, "association_failed"), record(2, "invited", at(12)))
    assert answers(engine, records, "attempt_no") == [1, 1, 2]
    assert answers(engine, records, "previous_outcome") == [None, None, "link_expired"]


def test_a_masked_record_cannot_be_followed_and_counts_in_the_newest_snapshot_only(engine: Engine) -> None:
    masked = [
        record(week, "invited", at(1), account_name=None, email="a***@x.example", customer_full_name="T***m")
        for week in (0, 1, 1)
    ]
    for number, one in enumerate(masked):
        one["record_id"] = f"r{number:032x}"
    records = frame(*masked)
    assert answers(engine, records, "customer_id") == [None, None, None]
    assert len(set(answers(engine, records, "invitation_id"))) == 3
    assert answers(engine, records, "is_latest_of_invitation") == [False, True, True]
    assert answers(engine, records, "is_latest_of_customer") == [False, True, True]


@pytest.mark.parametrize("mobile", ["+86 138****1234", "138xxxx1234", "1381234..."])
def test_a_name_with_a_masked_number_identifies_no_customer(engine: Engine, mobile: str) -> None:
    person = {"account_name": None, "customer_full_name": "Ann Lee", "mobile": mobile}
    records = frame(record(0, "invited", at(1), **person), record(0, "invited", at(2), **person))
    assert answers(engine, records, "customer_id") == [None, None]


def test_a_masked_record_is_followed_by_its_record_id(engine: Engine) -> None:
    masked = {"account_name": None, "record_id": "INV-9", "email": "a***@x.example"}
    records = frame(record(0, "invited", at(1), **masked), record(1, "associated", at(1), **masked))
    assert answers(engine, records, "is_latest_of_invitation") == [False, True]


def test_portal_ids_of_an_account_that_no_file_has_together_are_one_customer(engine: Engine) -> None:
    # A spreadsheet rounded the IDs of the second file: each customer was invited twice by one plan.
    rows = [
        record(week, "expired", at(1), account_name=account, portal_customer_id=f"90123456789012{end}")
        for account, ends in {"acme": ("3456", "3000"), "beta": ("4567", "4000")}.items()
        for week, end in enumerate((*ends, ends[0]))
    ]
    assert answers(engine, frame(*rows), "customer_id", "is_latest_of_customer") == [
        (f"customer:90123456789012{end}", week == 2) for end in ("3000", "4000") for week in range(3)
    ]


def test_two_portal_ids_of_an_account_in_one_file_stay_two_customers(engine: Engine) -> None:
    rows = [
        record(week, "expired", at(1), portal_customer_id=portal_id)
        for week, portal_id in ((0, "c1"), (0, "c2"), (1, "c2"))
    ]
    assert answers(engine, frame(*rows), "customer_id") == ["customer:c1", "customer:c2", "customer:c2"]


def test_an_account_with_its_own_id_is_not_the_customer_of_an_id_on_several_accounts_of_a_file(engine: Engine) -> None:
    # A spreadsheet rounded all IDs of the second file to one: a customer that it shows as associated was invited.
    rows = [record(0, "expired", at(1), account_name=f"a{n}", portal_customer_id=f"c{n}f") for n in range(2)]
    rows += [
        record(1, status, at(1), account_name=account, portal_customer_id="c00")
        for account, status in (("a0", "expired"), ("a1", "associated"), ("new", "expired"))
    ]
    assert answers(engine, frame(*rows), "customer_id", "is_latest_of_customer") == [
        ("customer:c0f", False), ("customer:c1f", False),
        ("customer:c0f", True), ("customer:c1f", True), ("customer:c00", True),
    ]  # fmt: skip


def test_a_record_with_another_id_and_the_address_of_an_account_is_another_customer(engine: Engine) -> None:
    ids = [record(1, "expired", at(2), account_name=None, portal_customer_id="c2f", email="a@x.example")]
    ids += [record(2, "expired", at(1), portal_customer_id="c3f", email="a@x.example")]
    assert answers(engine, frame(*ids), "customer_id") == ["customer:c2f", "customer:c3f"]


def test_presence_in_the_newest_snapshot_is_per_invitation(engine: Engine) -> None:
    records = frame(
        record(0, "invited", at(1)), record(1, "invited", at(1)), record(0, "invited", at(1), account_name="beta")
    )
    assert answers(engine, records, "in_newest_snapshot") == [True, True, False]
    assert answers(engine, records, "is_latest_of_customer") == [False, True, True], "who vanished still has a state"


def test_records_without_a_snapshot_are_the_oldest(engine: Engine) -> None:
    records = frame(record(0, "associated", at(1)) | {"snapshot_at": None}, record(0, "invited", at(1)))
    assert answers(engine, records, "is_latest_of_invitation") == [False, True]
    alone = frame(record(0, "associated", at(1)) | {"snapshot_at": None})
    assert answers(engine, alone, "is_latest_of_invitation", "in_newest_snapshot") == [(True, True)]


def test_no_records_resolve_to_no_records(engine: Engine) -> None:
    assert engine.to_polars(resolve(engine(frame()))).height == 0


def test_records_that_were_not_annotated_are_refused() -> None:
    with pytest.raises(SchemaError, match="effective_status"):
        resolve(ik.load(pl.DataFrame({"Account": ["acme"], "Status": ["Invited"]})).records)


def test_each_invitation_of_the_sample_is_counted_once_whatever_the_number_of_its_files(engine: Engine) -> None:
    annotated = ik.annotate(ik.load(str(DATA)).records, as_of=AS_OF)
    found = engine.to_polars(latest(engine(annotated)))
    assert (found.height, found["invitation_id"].n_unique(), found["customer_id"].n_unique()) == (705, 705, 569)
    assert found.filter("is_latest_of_customer").height == 569


def test_duckdb_resolves_the_same_in_shares_and_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("invitekit.engine.materialize.SHARE", 500)
    annotated = ik.annotate(ik.load(str(DATA)).records, as_of=AS_OF).gather_every(2)
    with duckdb.connect() as con:
        found = resolve(con.from_arrow(annotated)).pl()
        assert len(con.sql("from duckdb_tables()")) == 1, "shares leave nothing behind"
    rows = ["source_file", "source_row"]
    assert found.sort(rows).equals(resolve(annotated).sort(rows))


STATUSES = ("invited", "expired", "associated", "association_failed", "pre_registered")
HISTORIES = st.lists(
    st.tuples(
        st.integers(0, 3), st.sampled_from(STATUSES), st.none() | st.integers(1, 4),
        st.sampled_from(["acme", "beta", None]),
    ),
    max_size=14,
)  # fmt: skip


@settings(max_examples=often(150, 20), deadline=None)
@given(HISTORIES)
def test_in_any_history_each_invitation_and_customer_has_one_latest_record(history: list[Any]) -> None:
    records = frame(
        *(
            record(week, status, at(day) if day else None, account_name=account)
            | ({} if account else {"record_id": None})
            for week, status, day, account in history
        )
    )
    found = resolve(records)
    known = found.filter(pl.col("customer_id").is_not_null())
    for group, flag in (("invitation_id", "is_latest_of_invitation"), ("customer_id", "is_latest_of_customer")):
        assert known.group_by(group).agg(pl.col(flag).sum())[flag].to_list() == [1] * known[group].n_unique()
    assert known.filter("is_latest_of_customer")["is_latest_of_invitation"].all()
    times = known.filter(pl.col("attempt_no") > 0).group_by("customer_id").agg(pl.col("attempt_no").unique().sort())
    assert all(list(numbers) == list(range(1, len(numbers) + 1)) for numbers in times["attempt_no"])
    assert found.columns[-len(COLUMNS) :] == list(COLUMNS)
    assert found.height == records.height
    shuffled = resolve(records.sample(fraction=1, shuffle=True, seed=7)).sort("source_row")
    assert shuffled.equals(found.sort("source_row")), "the order of the rows means nothing"
