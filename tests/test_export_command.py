"""The export command: files that it never overwrites, and its options."""

import json
from pathlib import Path

import polars as pl
import pytest

from invitekit.export import verify
from invitekit.export.manifest import path_of
from tests.conftest import Run

MARK = b"\xef\xbb\xbf"
POLICY = '[[column]]\nname = "Deal"\naction = "keep"\nvalues = ["=1+1", "gold"]\n'
FAILURE = '[[failure]]\ncode = "holiday"\nmessage_en = "On holiday."\ncause_en = "Away."\n'
FAILURE += 'advice_en = "Wait."\nwho_acts = "customer"\nresend_rule = "after_customer_acts"\n'


@pytest.fixture
def source(tmp_path: Path, run: Run) -> Path:
    """A source and all other inputs of an export, each with a valid name for an export."""
    lines = [f"acct {n},{('Invited', 'Associated')[n % 2]},{('=1+1', 'gold')[n % 2]}" for n in range(20)]
    (tmp_path / "source.csv").write_text("\n".join(["Account Name,Status,Deal", *lines]))
    (tmp_path / "policy.csv").write_text(POLICY)
    (tmp_path / "messages.csv").write_text("Account,Failure Cause\nacct 1,Something else\n")
    (tmp_path / "catalogue.csv").write_text(FAILURE)
    assert run("key", "new", "--key-file", tmp_path / "key.csv").returncode == 0
    return tmp_path / "source.csv"


def held(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


READ = {
    "policy": "policy.csv", "key-file": "key.csv", "workspace": "memory.duckdb",
    "messages": "messages.csv", "catalogue": "catalogue.csv", "": "source.csv",
}  # fmt: skip


WAYS = [(option, how) for option in READ for how in ("itself", "link", "hard link")]
WAYS.remove(("workspace", "itself"))  # which no export can be called
WAYS += [("policy", "page"), ("key-file", "page")]


@pytest.mark.parametrize(("option", "how"), WAYS)
def test_an_export_overwrites_none_of_its_inputs(run: Run, source: Path, option: str, how: str) -> None:
    given = target = source.with_name(READ[option])
    if option == "workspace":
        assert run("workspace", "add", source, "--snapshot", "2026-03-30", "-w", given).returncode == 0
    if how == "page":  # the manifest would stand there
        target = source.with_name("out.csv")
        given = given.rename(path_of(target))
    elif how != "itself":
        target = source.with_name("link.csv")
        target.symlink_to(given) if how == "link" else target.hardlink_to(given)
    words = [given if not option else source, *([f"--{option}", given] if option else [])]
    words += [] if option == "policy" else ["--policy", source.with_name("policy.csv")]
    before = held(source.parent)
    found = run("export", *words, "-o", target, "--overwrite")
    assert (found.returncode, len(found.stderr.splitlines())) == (1, 1), found.stderr
    assert "is a source of this very run" in found.stderr
    assert held(source.parent) == before


def test_a_csv_for_programs_has_no_mark_and_no_apostrophes(run: Run, source: Path) -> None:
    policy = ["--policy", source.with_name("policy.csv")]
    people, programs = source.with_name("people.csv"), source.with_name("programs.csv")
    assert run("export", source, "-o", people, *policy).returncode == 0
    assert run("export", source, "-o", programs, *policy, "--raw-csv").returncode == 0
    assert people.read_bytes().startswith(MARK + b"record_id,")
    assert programs.read_bytes().startswith(b"record_id,")
    assert (b"\r\n" in people.read_bytes(), b"\r\n" in programs.read_bytes()) == (True, False)
    assert set(pl.read_csv(people)["Deal"]) == {"'=1+1", "gold"}
    assert set(pl.read_csv(programs)["Deal"]) == {"=1+1", "gold"}
    assert [verify(path).spreadsheet_safe for path in (people, programs)] == [True, False]
    assert ["formulas" in verify(path).checks for path in (people, programs)] == [True, False]


def test_a_key_file_gives_the_same_tokens_again_and_no_other_key_does(run: Run, source: Path) -> None:
    other = source.with_name("other.csv")
    run("key", "new", "--key-file", other)
    asked = {"one": source.with_name("key.csv"), "two": source.with_name("key.csv"), "three": other}
    told, tokens = {}, {}
    for name, key in asked.items():
        out = source.with_name(f"{name}.parquet")
        words = ["--policy", source.with_name("policy.csv"), "--key-file", key, "--json"]
        told[name] = json.loads(run("export", source, "-o", out, *words).stdout)["key_id"]
        tokens[name] = set(pl.read_parquet(out)["account_name"])
        assert key.read_text().strip() not in path_of(out).read_text("utf-8")
        assert f"signed by key {told[name]}" in run("verify", out, "--key-file", key).stdout
    assert told["one"] == told["two"] != told["three"]
    assert tokens["one"] == tokens["two"]
    assert not tokens["one"] & tokens["three"]
