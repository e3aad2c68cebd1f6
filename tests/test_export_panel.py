"""The export panel without a browser: its messages are the screen's, its exports are real."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import duckdb
import polars as pl
import pytest

import invitekit as ik
from invitekit.errors import ArgumentError, InvitekitError, LeakError, SchemaError
from invitekit.export import CHECKS, keys, verify
from invitekit.export.manifest import path_of
from invitekit.i18n import _
from invitekit.model import schema
from invitekit.privacy import ACTIONS, LEVELS, Key, Level, scrubbed_remarks, standard
from invitekit.widgets import export_payloads
from invitekit.widgets.export_panel import CancelledError, ExportPanel, ProgressReporter
from invitekit.widgets.worker import sentence
from tests.conftest import KINDS, busy
from tests.messages import check_response

COUNT = 40
FRAME = pl.DataFrame({"account_name": [f"secretacct{n}" for n in range(COUNT)],
                      "email": [f"secret{n}@hidden.example" for n in range(COUNT)],
                      "remarks": [f"call secretacct{n}" for n in range(COUNT)],
                      "status": "expired", "effective_status": "expired"})  # fmt: skip
KEY = Key(bytes(range(32)))


class Screen:
    """A panel, and all messages to its screen."""

    def __init__(self, records: Any, *arguments: Any, **how: Any) -> None:
        self.panel = cast("Any", ExportPanel(records, *arguments, **how))
        self.messages: list[dict[str, Any]] = []
        self.panel.send = lambda message: self.messages.append(check_response("ExportPanel", message))

    def say(self, kind: str, **content: Any) -> list[dict[str, Any]]:
        """Send one message of the screen, wait for its work, and return the answers."""
        before = len(self.messages)
        more = {"overwrite": False} if kind == "export" else {}
        self.panel._handle_custom_msg({"type": kind, **more, **content}, [])
        assert self.panel.wait(30)
        return self.messages[before:]

    def last(self, kind: str) -> dict[str, Any]:
        return [message for message in self.messages if message["type"] == kind][-1]


@pytest.fixture(autouse=True)
def no_key_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(keys.VARIABLE, raising=False)
    monkeypatch.setattr(keys, "default_file", lambda: tmp_path / "no key")


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[ik.Workspace]:
    with ik.Workspace(tmp_path / "w.duckdb") as opened:
        yield opened


def kinds(messages: list[dict[str, Any]]) -> set[str]:
    return {message["type"] for message in messages}


def test_one_message_exports_a_file_that_verifies(tmp_path: Path) -> None:
    screen = Screen(FRAME, folder=tmp_path)
    screen.say("export", level="pseudonymised", file="out.csv", purpose="spring", remarks="drop")
    manifest = verify(tmp_path / "out.csv")
    result = screen.panel.result
    assert result is not None
    assert (manifest.purpose, manifest.rows, result.sha256) == ("spring", COUNT, manifest.sha256)
    answer = screen.last("result")
    assert answer["facts"][:2] == ["Pseudonymised", f"{COUNT} rows"]
    assert answer["checks"] == [CHECKS[name] for name in manifest.checks]
    assert answer["notes"][0] == result.uniqueness[0].sentence()
    assert (tmp_path / "out.csv").as_posix() in answer["paths"]


def test_the_screen_and_its_state_contain_no_person(tmp_path: Path, workspace: ik.Workspace) -> None:
    screen = Screen(FRAME, workspace, folder=tmp_path)
    for level in LEVELS[:2]:
        screen.say("export", level=level, file=f"{level}.xlsx", purpose="typed-here", remarks="scrub")
    screen.say("connect")
    assert "secret" not in json.dumps(screen.messages)
    assert "<p>ExportPanel: pseudonymised. Names and addresses are hidden here. Run" in screen.panel.saved_html()
    state = json.dumps(screen.panel.get_state(), default=str)
    assert not [word for word in ("secret", "typed-here", ".xlsx", tmp_path.name) if word in state]


@pytest.mark.parametrize("step", ["preparing", "writing"])
def test_cancelling_leaves_nothing_behind(tmp_path: Path, workspace: ik.Workspace, step: str) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    screen = Screen(FRAME, workspace, folder=folder)

    def send(message: dict[str, Any]) -> None:
        screen.messages.append(message)
        if message["type"] == "progress" and message["step"] == step:
            screen.panel._handle_custom_msg({"type": "cancel"}, [])

    screen.panel.send = send
    screen.say("export", file="out.parquet")
    assert "cancelled" in kinds(screen.messages)
    assert list(folder.iterdir()) == []
    begun = {"preparing": [], "writing": ["failed"]}
    assert [row["status"] for row in screen.last("history")["rows"]] == begun[step]
    assert screen.panel.result is None
    screen.panel.send = screen.messages.append
    screen.say("export", file="out.parquet")
    assert verify(folder / "out.parquet").rows == COUNT


def test_an_export_between_queries_is_cancelled_at_its_next_step() -> None:
    steps: list[Any] = []
    reporter = ProgressReporter(lambda *step: steps.append(step))
    reporter("writing", 0, 9)
    reporter.stop()
    with pytest.raises(CancelledError):
        reporter("writing", 9, 9)
    with pytest.raises(CancelledError):
        reporter.stoppable(reporter.stop)
    assert steps == [("writing", 0, 9, None)]


def test_an_error_without_a_cancellation_stays_itself() -> None:
    with pytest.raises(SchemaError), ProgressReporter(lambda *_step: None).stopped():
        raise SchemaError(_("It is wrong."), hint=_("correct it."))


def test_the_time_left_follows_from_the_rows_done(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 10.0])
    monkeypatch.setattr("time.monotonic", lambda: next(clock))
    steps: list[tuple[str, int, int, float | None]] = []
    ProgressReporter(lambda *step: steps.append(step))("writing", 25, 100)
    assert steps == [("writing", 25, 100, 30.0)]
    assert export_payloads.progress_payload(*steps[0], language="en")["left"] == ", about 30 s left"


def test_cancelling_interrupts_a_long_query(tmp_path: Path) -> None:
    con = duckdb.connect()
    slow = "select sum(hash(a.range, b.range)) from range(1000000) a, range(1000000) b"
    acme = "select 'acme' as account_name, 'x' as effective_status"
    screen = Screen(con.sql(f"select *, 0 * ({slow}) as age_days from ({acme})"), folder=tmp_path)

    def send(message: dict[str, Any]) -> None:
        screen.messages.append(message)
        if message["type"] == "progress":
            threading.Timer(0.5, screen.panel._handle_custom_msg, [{"type": "cancel"}, []]).start()

    screen.panel.send = send
    screen.say("export", file="out.parquet")
    assert "cancelled" in kinds(screen.messages)
    assert list(tmp_path.iterdir()) == []


def test_an_existing_file_or_manifest_is_replaced_only_after_a_confirmation(tmp_path: Path) -> None:
    for there in (tmp_path / "out.csv", path_of(tmp_path / "lone.csv")):
        there.write_text("mine")
    screen = Screen(FRAME, folder=tmp_path)
    assert kinds(screen.say("export", file="out.csv")) == {"form", "file_exists"}
    assert "file_exists" in kinds(screen.say("export", file="lone.csv"))
    assert (tmp_path / "out.csv").read_text() == "mine"
    screen.say("export", file="out.csv", overwrite=True)
    assert verify(tmp_path / "out.csv").rows == COUNT


def test_an_error_of_a_check_names_its_column_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ACTIONS, "pseudonymise", lambda values, _row, _secret: values)
    screen = Screen(FRAME, folder=tmp_path)
    screen.say("export", file="out.parquet")
    answer = screen.last("problem")
    assert answer["problem"].startswith(f"The export was refused: account_name, check 'declared', {COUNT}")
    assert answer["hint"] == sentence(LeakError.advice)
    assert "secret" not in json.dumps(screen.messages)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["", "..", "a/b.csv", "..\\b.csv", "../b.csv"])
def test_a_name_that_leaves_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    screen = Screen(FRAME, folder=tmp_path / "inner")
    (tmp_path / "inner").mkdir()
    screen.say("export", file=name)
    assert screen.last("problem")["problem"] == "The file's name is none."
    assert [path.name for path in tmp_path.iterdir()] == ["inner"]


def test_an_unexpected_error_shows_only_its_type() -> None:
    screen = Screen(FRAME)
    screen.panel._fail(ValueError("secret0@hidden.example"))
    assert screen.last("problem")["problem"] == "The export failed (ValueError)."
    assert "secret" not in json.dumps(screen.messages)


def test_a_column_without_a_rule_is_first_and_a_policy_file_adds_it(tmp_path: Path) -> None:
    frame = FRAME.with_columns(shoe_size=pl.lit(40))
    lines = Screen(frame, folder=tmp_path).say("connect")[1]["columns"]
    assert (lines[0]["label"], lines[0]["kind"]) == ("shoe_size", "refused")
    policy = tmp_path / "mine.toml"
    policy.write_text('[[column]]\nname = "shoe_size"\naction = "drop"\n')
    helped = Screen(frame, folder=tmp_path, policy=policy)
    assert "refused" not in {line["kind"] for line in helped.say("connect")[1]["columns"]}
    helped.say("export", file="out.csv", level="masked")
    assert verify(tmp_path / "out.csv").level == "masked"


@pytest.mark.parametrize("level", LEVELS)
def test_the_shown_columns_are_the_exported_ones(tmp_path: Path, level: Level) -> None:
    empty = {c.name: pl.Series([None] * COUNT, dtype=KINDS.get(c.kind, pl.String())) for c in schema.COLUMNS}
    own = FRAME.select("account_name", "status", "effective_status", is_latest_of_invitation=pl.lit(value=True))
    frame = pl.DataFrame(empty).with_columns(own)
    for language in ("zh", "en"):
        screen = Screen(frame, folder=tmp_path, language=language)
        screen.panel.level = level
        lines = screen.say("connect")[1]["columns"]
        assert {line["label"] for line in lines} >= {schema.label(column, language) for column in frame.columns}
    done = screen.panel.run()
    assert [line["into"] for line in lines if line["kind"] == "leaves"] == list(done.columns)


def test_each_example_passes_the_check_of_its_column() -> None:
    for row in (row for level in LEVELS[:2] for row in standard(level).rows if row.action != "drop"):
        made_up, shown = export_payloads.example(row)
        assert shown not in (None, "")
        if row.action == "pseudonymise":
            assert made_up
            assert (made_up in shown, len(shown)) == (False, 33)
    made_up, shown = export_payloads.example(scrubbed_remarks())
    assert (made_up, shown) == ("Call li.wei@example.com after lunch", "Call [email] after lunch")


def test_only_the_publishable_level_is_called_so() -> None:
    levels = Screen(FRAME).say("connect")[0]["levels"]
    assert [one["mark"] for one in levels] == ["still personal data", "still personal data", "may be published"]
    assert "anonym" not in json.dumps(export_payloads.words("en")).lower()


def test_the_key_is_named_by_its_id_or_called_temporary() -> None:
    assert f"Kept key {KEY.id}" in Screen(FRAME, key=KEY).say("connect")[1]["key"]
    thrown = Screen(FRAME).say("connect")[1]["key"]
    assert "thrown away" in thrown
    assert "not signed" in thrown


def test_settings_from_python_are_shown() -> None:
    screen = Screen(FRAME)
    screen.panel.level, screen.panel.purpose = "aggregated", "spring"
    assert (screen.last("form")["level"], screen.last("form")["purpose"]) == ("aggregated", "spring")
    assert [line["into"] for line in screen.last("form")["columns"]][-5:-3] == ["customers", None]


def test_the_history_lists_each_export_and_verifies_it(tmp_path: Path, workspace: ik.Workspace) -> None:
    screen = Screen(FRAME, workspace, folder=tmp_path)
    screen.say("connect")
    assert screen.last("history") == {"type": "history", "rows": [], "note": "no_history"}
    screen.say("export", file="one.csv", level="masked")
    screen.say("export", file="one.csv", level="masked", overwrite=True)
    newest, oldest = screen.last("history")["rows"]
    shown = [newest[name] for name in ("status", "level", "rows", "file")]
    assert shown == ["completed", "Masked", "40", "one.csv"]
    assert newest["size"] is not None
    assert (oldest["size"], oldest["missing"]) == (None, "replaced by a later one")
    assert screen.say("verify", id=newest["id"])[-1]["good"]
    with (tmp_path / "one.csv").open("a") as file:
        file.write("more\n")
    found = screen.say("verify", id=newest["id"])[-1]
    assert not found["good"]
    assert found["words"].startswith("The file does not match its manifest")


def test_a_replaced_file_is_not_verified_as_the_older_export(tmp_path: Path, workspace: ik.Workspace) -> None:
    screen = Screen(FRAME, workspace, folder=tmp_path)
    screen.say("export", file="one.csv")
    (row,) = screen.last("history")["rows"]
    ik.export(FRAME, tmp_path / "one.csv", overwrite=True)
    found = screen.say("verify", id=row["id"])[-1]
    assert (found["good"], found["words"]) == (False, "The file of this name is that of a later export.")


def test_a_cell_may_use_the_workspace_while_the_panel_does(tmp_path: Path, workspace: ik.Workspace) -> None:
    screen = Screen(FRAME, workspace, folder=tmp_path)
    with busy(workspace):
        screen.say("export", file="one.csv")
        assert [row["status"] for row in screen.last("history")["rows"]] == ["completed"]


def test_a_closed_workspace_is_reported_and_the_form_stays(workspace: ik.Workspace) -> None:
    screen = Screen(FRAME, workspace)
    workspace.close()
    assert {"init", "form", "history"} <= kinds(screen.say("connect"))
    assert screen.last("history")["note"] == "no_reading"


def test_the_screen_reports_a_missing_workspace_or_missing_records() -> None:
    answer = {message["type"]: message for message in Screen(FRAME.clear()).say("connect")}
    assert answer["history"]["note"] == "no_workspace"
    assert (answer["count"]["total"], answer["count"]["words"]) == (0, "There are no records to export.")


def test_run_refuses_while_an_export_runs(tmp_path: Path) -> None:
    screen = Screen(FRAME, folder=tmp_path)
    refused: list[InvitekitError] = []

    def send(message: dict[str, Any]) -> None:
        if message["type"] == "progress" and not refused:
            with pytest.raises(ArgumentError) as error:
                screen.panel._export(overwrite=True)
            refused.append(error.value)

    screen.panel.send = send
    screen.panel.run()
    assert refused[0].problem == "An export of this panel is running."


def test_run_raises_what_the_screen_shows(tmp_path: Path) -> None:
    screen = Screen(FRAME, folder=tmp_path / "missing")
    with pytest.raises(InvitekitError) as error:
        screen.panel.run()
    assert screen.last("problem")["problem"] == error.value.problem


@pytest.mark.parametrize("records", [None, "a text"])
def test_an_object_that_is_no_frame_is_a_clear_error(records: Any) -> None:
    with pytest.raises(ArgumentError, match="is not a frame"):
        ExportPanel(records)


def test_records_without_a_cause_are_annotated_first() -> None:
    records = ik.load(pl.DataFrame({"Account": ["acme"], "Status": ["Invited"]})).records
    names = {line["into"] for line in Screen(records).say("connect")[1]["columns"]}
    assert {"effective_status", "failure_code"} <= names


def test_a_relation_is_exported_while_a_cell_uses_its_connection(tmp_path: Path) -> None:
    con = duckdb.connect()
    con.register("given", FRAME.to_arrow())
    con.execute("create table held as from given")
    screen = Screen(con.sql("from held"), folder=tmp_path)
    used = con.execute("select * from range(1000000)")
    used.fetchone()
    screen.say("export", file="out.parquet")
    assert verify(tmp_path / "out.parquet").rows == COUNT
    assert used.fetchone() == (1,)
