"""Recipes: the commands of a week are repeated byte for byte, or run on other files."""

import json
import os
import shlex
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from invitekit.cli.recipes import File, Recipe, Step, as_toml, read_recipe
from tests.conftest import Run

HEADER = "Account,Email,Account Manager,Status,Method,Failure Cause,Invited At\n"
KEY = bytes(range(32)).hex()
DAY = ("--as-of", "2026-03-30")


def snapshot(folder: Path, day: str, failed: int) -> Path:
    """Write an export of a day with a number of failures."""
    rows = [
        f"acct_{n},a{n}@a.example,mgr.{'ab'[n % 2]},{'Failed' if n < failed else 'Invited'},Email,"
        f"{'The invitation link has expired.' if n < failed else ''},2026-03-{n % 20 + 1:02}\n"
        for n in range(40)
    ]
    path = folder / f"history_{day}.csv"
    path.write_text(HEADER + "".join(rows), encoding="utf-8")
    return path


@pytest.fixture
def week(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A new folder with rules and a folder of two exports."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("INVITEKIT_KEY", KEY)
    (tmp_path / "exports").mkdir()
    for day, failed in (("2026-03-16", 12), ("2026-03-23", 20)):
        snapshot(tmp_path / "exports", day, failed)
    (tmp_path / "rules.toml").write_text("cool_down_days = 9\n", encoding="utf-8")
    return tmp_path


def record(run: Run, *words: object) -> dict[str, Any]:
    done = run(*words, "--save-recipe", "weekly.toml")
    assert done.returncode == 0, done.stderr
    return tomllib.loads(Path("weekly.toml").read_text("utf-8"))


def repeated(run: Run, *words: object, code: int = 0) -> dict[str, Any]:
    done = run("run", *words, "--json")
    assert done.returncode == code, done.stderr
    return dict(json.loads(done.stdout))


WRITES: dict[str, tuple[object, ...]] = {
    "c.html": ("check", "-o"), "a.xlsx": ("annotate", *DAY, "-o"), "a.parquet": ("annotate", *DAY, "-o"),
    "batches": ("plan", *DAY, "--rules", "rules.toml", "--by", "account_manager", "--reminders", "--batch-dir"),
    "t.csv": ("trend", *DAY, "-o"), "r.pdf": ("report", *DAY, "-o"), "r.html": ("report", *DAY, "-o"),
    "managers": ("report", *DAY, "--by", "account_manager", "-o"), "changes.csv": ("compare", "-o"),
    "counts.csv": ("export", *DAY, "--level", "aggregated", "-o"),
}  # fmt: skip


def test_every_command_is_repeated_to_the_same_bytes(run: Run, week: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, words in WRITES.items():
        record(run, *words, name, "exports")
    monkeypatch.chdir("/")
    found = repeated(run, week / "weekly.toml", "-o", week / "again")
    assert {Path(one["name"]).name: one["as_recorded"] for one in found["outputs"]} == dict.fromkeys(WRITES, True)
    assert (found["rows_read"], found["records"], found["rejects"]) == (80 * len(WRITES), 80 * len(WRITES), 0)
    assert (week / "again" / "r.html").read_bytes() == (week / "r.html").read_bytes()


def test_a_recipe_has_hashes_and_absolute_times_but_no_key_or_person(run: Run, week: Path) -> None:
    record(run, "plan", "exports", "--batch-dir", "batches", "--by", "account_manager")
    found = record(run, "export", "exports", "-o", "x.csv")
    plan, export = found["step"]
    assert [file["name"] for file in plan["input"]] == ["exports/history_2026-03-16.csv",
                                                         "exports/history_2026-03-23.csv"]  # fmt: skip
    assert len(plan["options"].pop("as-of")) == len("2026-03-30T00:00:00")
    assert plan["options"] == {"batch-dir": "batches", "by": "account_manager"}
    assert export["output"] == [{"name": "x.csv"}], "its rows are in a new order each time"
    found = record(run, "check", week / "exports")
    assert found["step"][-1]["sources"] == [(week / "exports").as_posix()], "an absolute path stays one"
    text = (week / "weekly.toml").read_text("utf-8")
    assert [word for word in (KEY, "acct_1", "mgr.a", "a1@") if word in text] == []


@pytest.mark.parametrize("words", [("--text", "ann"), ("--manager", "mgr.a"), ("--tag", "spring")])
def test_a_filter_that_may_name_a_person_is_not_recorded_nor_run(run: Run, week: Path, words: tuple[str, str]) -> None:
    done = run("annotate", "exports", *words, "-o", "a.csv", "--save-recipe", "weekly.toml")
    assert (done.returncode, f"{words[0]} may name a person" in done.stderr) == (1, True)
    assert not (week / "a.csv").exists()
    record(run, "annotate", "exports", "-o", "a.csv")
    edited = (week / "weekly.toml").read_text("utf-8") + f"{words[0].removeprefix('--')} = ['x']\n"
    (week / "weekly.toml").write_text(edited, encoding="utf-8")
    assert f"'invitekit annotate {words[0]}' cannot be in a recipe" in run("run", "weekly.toml", "-o", "again").stderr


def change(path: Path) -> None:
    path.write_text(path.read_text("utf-8") + "\n", encoding="utf-8")


DIFFERENT: dict[str, tuple[Callable[[Path], object], str]] = {
    "a source": (lambda week: change(week / "exports/history_2026-03-16.csv"),
                 "exports/history_2026-03-16.csv has changed ("),
    "a source that is gone": (lambda week: (week / "exports/history_2026-03-16.csv").unlink(),
                              "exports/history_2026-03-16.csv is missing."),
    "a new source": (lambda week: snapshot(week / "exports", "2026-03-30", 3),
                     "exports/history_2026-03-30.csv is new."),
    "the rules": (lambda week: change(week / "rules.toml"), "rules.toml has changed (19 bytes, now 20)."),
}  # fmt: skip


@pytest.mark.parametrize(("act", "problem"), DIFFERENT.values(), ids=DIFFERENT)
def test_a_changed_file_is_named_and_nothing_is_run(run: Run, week: Path, act: Any, problem: str) -> None:
    record(run, "plan", "exports", "--rules", "rules.toml", "-o", "plan.csv")
    act(week)
    done = run("run", "weekly.toml", "-o", "again")
    assert (done.returncode, problem in done.stderr, (week / "again").exists()) == (1, True, False)
    if problem.startswith("rules"):  # it is no source: other sources do not change it
        assert problem in run("run", "weekly.toml", "exports", "-o", "again").stderr
    found = repeated(run, "weekly.toml", "--allow-changed", "-o", "again")
    assert ([one["as_recorded"] for one in found["outputs"]], found["repeat"]) == ([None], False)


def test_a_recipe_and_unusual_names_are_read_back_exactly(tmp_path: Path) -> None:
    files = [File("a", 1, ""), File("a"), File("b", 0, "00")]
    odd = Step("check", ['a"b\\\x7f\n\u2028é.csv', "''"], {"column": ["status=# \x00"], "as-of": ""})
    recipe = Recipe("0.1.0", [odd, Step("plan", ["a"], {"as-of": "2026-03-30", '"=1+1"\n': True}, files)])
    (tmp_path / "r.toml").write_text(as_toml(recipe), encoding="utf-8")
    assert read_recipe(tmp_path / "r.toml") == recipe


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere every name is text")
def test_a_name_that_is_not_utf_8_is_refused_before_the_command_runs(run: Run, week: Path) -> None:
    name = os.fsdecode(b"a\xff_2026-03-16.csv")
    (week / "exports" / "history_2026-03-16.csv").rename(week / name)
    done = run("check", name, "-o", "c.html", "--save-recipe", "weekly.toml")
    assert (done.returncode, "a name that is not UTF-8 text" in done.stderr) == (1, True), done.stderr
    assert not (week / "c.html").exists()


def test_all_missing_files_are_named(run: Run, week: Path) -> None:
    record(run, "plan", "exports", "--rules", "rules.toml", "-o", "plan.csv")
    for path in (*week.glob("exports/*"), week / "rules.toml"):
        path.unlink()
    problem = run("run", "weekly.toml", "-o", "again").stderr
    assert problem.count(".csv is missing") == 2
    assert "rules.toml is missing" in problem


def test_the_same_commands_run_on_the_files_of_another_week(run: Run, week: Path) -> None:
    record(run, "plan", "exports", *DAY, "--rules", "rules.toml", "-o", "plan.csv")
    record(run, "report", "exports", *DAY, "-o", "r.html")
    problem = run("run", "weekly.toml", "--customer-list", "customers.csv", "-o", "again").stderr
    assert "No command of weekly.toml reads 'customers.csv'" in problem
    (week / "next").mkdir()
    new = snapshot(week / "next", "2026-03-30", 30)
    found = repeated(run, "weekly.toml", new, "--as-of", "2026-04-06", "-o", "again")
    assert [(step["command"], step["records"]) for step in found["steps"]] == [("plan", 40), ("report", 40)]
    run("report", new, "--as-of", "2026-04-06", "-o", "direct.html")
    assert (week / "again/r.html").read_bytes() == (week / "direct.html").read_bytes()
    assert "Not compared with the recipe" in run("run", "weekly.toml", new, "-o", "third").stdout


def test_a_command_that_fails_ends_the_run(run: Run, week: Path) -> None:
    record(run, "check", "exports", "--strict")
    record(run, "trend", "exports", "-o", "t.csv")
    (week / "exports" / "history_2026-03-30.csv").write_text(f"{HEADER},,,Failed,Email,,\n", encoding="utf-8")
    done = run("run", "weekly.toml", "--allow-changed", "-o", "again")
    assert (done.returncode, (week / "again" / "t.csv").exists()) == (1, False)


def test_existing_files_stay_and_different_ones_are_named(run: Run, week: Path) -> None:
    record(run, "trend", "exports", *DAY, "-o", "a.csv")
    record(run, "trend", "exports", *DAY, "--by", "cause", "-o", "b.csv")
    (week / "a.csv").unlink()
    done = run("run", "weekly.toml")
    assert (done.returncode, "'b.csv' exists already" in done.stderr, (week / "a.csv").exists()) == (1, True, False)
    text = (week / "weekly.toml").read_text("utf-8")
    edited = text.replace('by = "cause"', 'by = "country"').replace('invitekit = "', 'invitekit = "0.0.')
    (week / "weekly.toml").write_text(edited, encoding="utf-8")
    done = run("run", "weekly.toml", "--overwrite")
    assert "was written by invitekit 0.0." in done.stderr
    assert (done.returncode, "1 of 2 outputs byte for byte" in done.stdout) == (1, True)
    assert "  - b.csv differs." in done.stdout


def test_an_output_folder_is_refused_if_names_clash_or_it_cannot_be_created(run: Run, week: Path) -> None:
    for name in ("one", "two"):
        (week / name).mkdir()
        record(run, "trend", "exports", *DAY, "-o", f"{name}/t.csv")
        done = run("run", "weekly.toml", "-o", "rules.toml/again")
        assert {"one": "'again' cannot be written", "two": "Two commands write 't.csv'"}[name] in done.stderr


def test_a_folder_of_batches_is_replaced_if_it_is_empty_or_with_overwrite(run: Run, week: Path) -> None:
    record(run, "plan", "exports", *DAY, "--batch-dir", "batches")
    done = run("run", "weekly.toml")
    assert (done.returncode, "'batches' exists already" in done.stderr) == (1, True)
    repeated(run, "weekly.toml", "--overwrite")
    (week / "again" / "batches").mkdir(parents=True)
    assert [one["as_recorded"] for one in repeated(run, "weekly.toml", "-o", "again")["outputs"]] == [True]
    done = run("check", "batches", "--save-recipe", "weekly.toml")
    assert "reads what another command of the recipe writes" in done.stderr


@pytest.mark.usefixtures("week")
@pytest.mark.skipif(os.name == "nt", reason="shlex reads what a shell of Linux and macOS does")
def test_the_printed_command_repeats_the_recipe(run: Run) -> None:
    done = run("trend", "exports", *DAY, "-o", "t.csv", "--save-recipe", "our weekly.toml")
    _, *words = shlex.split(done.stdout.rpartition("to repeat it: ")[2])
    done = run(*words)
    assert (done.returncode, "1 of 1 output byte for byte as recorded" in done.stdout) == (0, True), done.stderr
    Path("recipes").mkdir()
    done = run("trend", "exports", *DAY, "-o", "t2.csv", "--save-recipe", "recipes/weekly.toml")
    assert done.stdout.rpartition("to repeat it: ")[2].split()[1:] == ["run", "recipes/weekly.toml", "-o", "FOLDER"]
    assert run("run", "recipes/weekly.toml", "--overwrite").returncode == 1, "it writes outside of its folder"
    assert run("run", "recipes/weekly.toml", "-o", "again").returncode == 0


@pytest.mark.usefixtures("week")
def test_a_command_replaces_the_one_that_wrote_the_same_file(run: Run) -> None:
    for words in (("annotate", "-o", "t.csv"), ("trend", "-o", "t.csv"), ("check",), ("check",),
                  ("trend", "--by", "cause", "-o", "t.csv")):  # fmt: skip
        found = record(run, *words, "exports", *(["--overwrite"] if "-o" in words else []))
    assert [(step["command"], step["options"].get("by")) for step in found["step"]] == [("check", None),
                                                                                       ("trend", "cause")]  # fmt: skip
    done = run("check", "t.csv", "--save-recipe", "weekly.toml")
    assert "reads what another command of the recipe writes" in done.stderr
    done = run("plan", "exports", "--rules", "rules.toml", "--save-recipe", "rules.toml")
    assert "'rules.toml' is a source of this very run" in done.stderr


def test_a_workspace_is_used_in_its_current_state_and_results_are_not_compared(run: Run, week: Path) -> None:
    record(run, "workspace", "add", "exports", "-w", "w.duckdb")
    found = record(run, "report", *DAY, "-w", "w.duckdb", "-o", "r.html")
    assert found["step"][1]["output"] == [{"name": "r.html"}]
    record(run, "workspace", "outcomes", "-w", "w.duckdb")
    new = snapshot(week / "exports", "2026-03-30", 30)
    found = repeated(run, "weekly.toml", new, "-o", "again")
    assert [step["records"] for step in found["steps"]] == [120, 120, 120]
    done = run("run", "weekly.toml", "--allow-changed", "-o", "third")
    assert (done.returncode, "Not compared" in done.stdout) == (0, True)


def test_a_customer_list_is_recorded_by_its_hash_and_repeated_or_replaced(run: Run, week: Path) -> None:
    for day, names in (("2026-03-24", "acct_1"), ("2026-03-31", "acct_2\nacct_3")):
        rows = "".join(f"{name},2026-03-20\n" for name in names.split())
        (week / f"customers_{day}.csv").write_text(f"Account,Association Time\n{rows}", encoding="utf-8")
    record(run, "workspace", "add", "exports", "-w", "w.duckdb")
    found = record(run, "reconcile", "customers_2026-03-24.csv", *DAY, "-w", "w.duckdb", "-o", "found.csv")
    (listed,) = found["step"][1]["input"]
    assert (listed["name"], len(listed["sha256"])) == ("customers_2026-03-24.csv", 64)
    step = repeated(run, "weekly.toml", "--overwrite")["steps"][1]
    assert (step["listed"], step["findings"]["ours_already"]) == (1, 1)
    new = ("--customer-list", "customers_2026-03-31.csv")
    steps = repeated(run, "weekly.toml", snapshot(week, "2026-03-30", 30), *new, "-o", "again")["steps"]
    assert (steps[0]["records"], steps[1]["listed"]) == (120, 2), "each command reads its own kind of file"
    change(week / "customers_2026-03-24.csv")
    problem = run("run", "weekly.toml", "exports", "-o", "third").stderr
    assert "customers_2026-03-24.csv has changed" in problem, "other exports do not replace the list"


def test_answers_of_the_portal_are_neither_recorded_nor_repeated(run: Run, week: Path) -> None:
    done = run("reconcile", "--from-huawei", "-w", "w.duckdb", "--save-recipe", "weekly.toml")
    assert (done.returncode, "What the portal answers cannot be repeated" in done.stderr) == (1, True), done.stderr
    options = "from-huawei = true\nendpoint = 'https://elsewhere.example'\n"
    (week / "weekly.toml").write_text(f"{ONE_STEP}'reconcile'{NO_MORE}\n{options}", encoding="utf-8")
    problem = run("run", "weekly.toml", "-o", "again").stderr
    assert "'invitekit reconcile --endpoint --from-huawei' cannot be in a recipe" in problem


ONE_STEP, NO_MORE = 'invitekit = "1"\n[[step]]\ncommand = ', "\nsources = []\n[step.options]"
WRONG: dict[str, tuple[str, str]] = {
    "no TOML": ("x", "is not a TOML file"),
    "another file": ("cooldown_days = 3", "is not a recipe: Object contains unknown field `cooldown_days`"),
    "another type": (f"{ONE_STEP}3", "is not a recipe: Expected `str`, got `int`"),
    "a command that asks a person": (f"{ONE_STEP}'key new'{NO_MORE}", "'invitekit key new' cannot be in a recipe"),
    "no command": (f"{ONE_STEP}'x'{NO_MORE}", "'invitekit x' cannot be in a recipe"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "problem"), WRONG.values(), ids=WRONG)
def test_a_file_that_is_not_a_recipe_is_refused(run: Run, week: Path, text: str, problem: str) -> None:
    (week / "weekly.toml").write_text(text, encoding="utf-8")
    done = run("run", "weekly.toml")
    assert (done.returncode, problem in done.stderr) == (1, True), done.stderr


STRANGE: dict[str, tuple[str, str, str]] = {
    "a file elsewhere": ("check", "output = '../stolen.csv'", "outside of its own folder"),
    "an absolute path": ("report", "output = '/tmp/invitekit-stolen.html'", "outside of its own folder"),
    "a folder elsewhere": ("plan", "batch-dir = 'exports/../../stolen'", "outside of its own folder"),
    "a workspace elsewhere": ("workspace add", "workspace = '../stolen.duckdb'", "outside of its own folder"),
    "a workspace elsewhere for a list": ("reconcile", "workspace = '../stolen.duckdb'", "outside of its own folder"),
    "another program": ("check; touch stolen", "", "cannot be in a recipe"),
    "an option for a source": ("check", "source = '--output=../stolen.csv'", "cannot be in a recipe"),
    "an option among the sources": ("check", "", "'stolen.csv' does not exist"),
    "an option of the run itself": ("check", "overwrite = true", "cannot be in a recipe"),
}  # fmt: skip


@pytest.mark.parametrize(("command", "option", "problem"), STRANGE.values(), ids=STRANGE)
def test_a_foreign_recipe_starts_nothing_and_stays_in_its_folder(
    run: Run, week: Path, command: str, option: str, problem: str
) -> None:
    sources = "sources = ['--output=../stolen.csv', 'exports']\n[step.options]\n"
    (week / "weekly.toml").write_text(f"{ONE_STEP}{json.dumps(command)}\n{sources}{option}\n", encoding="utf-8")
    before = {path.name for path in week.parent.iterdir()}
    done = run("run", "weekly.toml", "--allow-changed")
    assert (done.returncode, problem in done.stderr) == (1, True), done.stderr
    assert {path.name for path in week.parent.iterdir()} == before
    assert not Path("/tmp/invitekit-stolen.html").exists()


@pytest.mark.usefixtures("week")
def test_a_date_of_the_recorded_files_does_not_apply_to_others(run: Run) -> None:
    record(run, "check", "exports/history_2026-03-16.csv", "--snapshot", "2026-03-17")
    done = run("run", "weekly.toml", "exports/history_2026-03-23.csv")
    assert (done.returncode, "would date the others too" in done.stderr) == (1, True)
