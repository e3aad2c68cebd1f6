from pathlib import Path

import polars as pl
import pytest

import invitekit as ik
from invitekit.export import UniquenessReport

POLICY = """
[[column]]
name = "Team"
action = "pseudonymise"
into = "team"
"""


def exported(folder: Path, teams: int, empty: int = 0, **how: str) -> UniquenessReport:
    """Export forty records of some teams, and return the uniqueness by all identifying columns."""
    frame = pl.DataFrame(
        {
            "account_name": [f"acct {n}" for n in range(40)], "status": ["expired"] * 40, "country": ["Germany"] * 40,
            "invitation_method": ["email"] * 40, "remarks": [f"remark {n}" for n in range(40)],
            "Team": [None if n < empty else f"team {n % teams}" for n in range(40)],
        },
    )  # fmt: skip
    rules = folder / "policy.toml"
    rules.write_text(POLICY)
    return ik.export(frame, folder / "out.parquet", policy=rules, **how).uniqueness[-1]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("teams", "empty", "counted", "groups"),
    [(39, 0, True, (38, 40, 1)), (1, 38, True, (0, 2, 2)), (40, 0, False, (0, 0, 40)), (40, 1, False, (0, 0, 40)),
     (40, 39, False, (0, 0, 40))],
)  # fmt: skip
def test_a_token_of_an_extra_column_is_counted_and_named_if_records_share_it(
    tmp_path: Path, teams: int, empty: int, counted: bool, groups: tuple[int, ...]
) -> None:
    told = exported(tmp_path, teams, empty)
    assert ("team" in told.by) == counted
    assert (told.unique, told.small, told.smallest) == groups
    assert all(name in told.sentence() and name in told.sentence("zh") for name in told.by)


@pytest.mark.parametrize("remarks", ["drop", "scrub"])
def test_remarks_are_reported_as_not_counted(tmp_path: Path, remarks: str) -> None:
    told = exported(tmp_path, 4, remarks=remarks)
    assert "remarks" not in told.by
    assert ("remarks, which may tell more, are not counted" in told.sentence()) == (remarks == "scrub")
    assert ("备注未计入" in told.sentence("zh")) == (remarks == "scrub")
    assert f"{len(told.by)} columns" in told.sentence()
