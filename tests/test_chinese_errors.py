"""What cannot be done is said in Chinese on a Chinese screen: every sentence of the code, and some real failures."""

from __future__ import annotations

import datetime as dt
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import invitekit as ik
from invitekit.errors import translated
from invitekit.ingest.headers import IDENTIFYING
from invitekit.model import schema
from invitekit.widgets import worker
from invitekit.widgets.picker import ADJUSTABLE
from invitekit.widgets.session import Session
from tests.conftest import DATA
from tests.sentences import Raised, raised
from tests.test_widgets import Heard

ROOMS = ("batches", "engine/datetimes.py", "export", "ingest", "io", "model/annotate.py", "model/filters.py",
         "model/identity.py", "planning", "privacy", "widgets", "workspace")  # fmt: skip
ELSEWHERE = {
    "batches/message_templates.py": "no screen takes texts of one's own",
    "ingest/failure_messages.py": "no screen takes a second file",
    "privacy/scrub/__init__.py": "the export gives it columns of one length",
    "widgets/export_records.py": "said in the cell that makes the panel",
    "workspace/compare.py": "the page compares only what has two snapshots",
    "workspace/customers.py": "no screen asks for a customer's name",
    "workspace/customer_lists.py": "no screen takes a customer list",
    "workspace/huawei_api.py": "no screen asks the portal",
}
"""Files whose errors reach no screen, and why."""
CHOSEN = "the screen chooses it itself"
TYPED = "a wrong type of an argument, in a cell"
KEYS = "the commands of keys alone"
BY_CODE = "an argument that no screen hands on"
OWN_PLAN = "a screen writes the plan that it made"
NO_SCREEN = {
    ("model/annotate.py", "language is 'x.csv'."): CHOSEN,
    ("model/annotate.py", "Records of type x.csv cannot be annotated: it is no frame."): TYPED,
    ("batches/write.py", "language is 'None'."): CHOSEN,
    ("batches/write.py", "formats is 'x.csv'."): CHOSEN,
    ("export/keys.py", "No key is kept: each export makes one of its own."): KEYS,
    ("export/keys.py", "'x.csv' exists already."): KEYS,
    ("export/keys.py", "The key comes from INVITEKIT_KEY."): KEYS,
    ("export/keys.py", "The keyring does not take the new key."): KEYS,
    ("export/keys.py", "The key file 'x.csv' cannot be written: the disk refused it."): KEYS,
    ("export/api.py", "language is 'x.csv'."): CHOSEN,
    ("export/api.py", "remarks is 'x.csv'."): CHOSEN,
    ("export/api.py", "level is 'x.csv', the policy's is 'x.csv'."): CHOSEN,
    ("export/source.py", "A Loaded is no frame."): TYPED,
    ("ingest/__init__.py", "engine is 'x.csv'."): CHOSEN,
    ("ingest/encoding.py", "'x.csv' is no text encoding."): BY_CODE,
    ("ingest/headers.py", "Your choice of columns maps x.csv and x.csv to 'x.csv'."): BY_CODE,
    ("ingest/headers.py", "Your choice of columns names 'x.csv', which is no column."): BY_CODE,
    ("ingest/headers.py", "Your choice of columns maps x.csv to 'x.csv', which no file has. Found: x.csv."): BY_CODE,
    ("ingest/datetimes.py", "This machine has no time zone database: only UTC is known."): BY_CODE,
    ("engine/datetimes.py", "as_of is a x.csv."): TYPED,
    ("privacy/policy.py", "level is 'x.csv'."): CHOSEN,
    ("privacy/tokens.py", "A key has another length than 32 bytes."): TYPED,
    ("planning/plan.py", "language is 'x.csv'."): CHOSEN,
    ("planning/rules.py", "plan_rules holds no rules."): OWN_PLAN,
    ("planning/settings.py", "The plan mixes 7 plans: their rules or dates differ."): OWN_PLAN,
    ("planning/settings.py", "rules are not those that the plan was made with."): OWN_PLAN,
    ("planning/settings.py", "as_of is x.csv, but the plan was made for x.csv UTC."): OWN_PLAN,
    ("planning/settings.py", "planned_at or plan_rules of the plan cannot be read."): OWN_PLAN,
    ("widgets/export_panel.py", "language is 'x.csv'."): "said in the cell that makes the panel",
    ("widgets/server.py", "Port x.csv cannot be used."): "said on the command line, before there is a page",
    ("widgets/picker.py", "There are no records."): "said in the cell that makes the picker",
    ("workspace/__init__.py", "Name files, or the portal."): "no screen takes a customer list",
    ("workspace/import_files.py", "A workspace takes files, not a x.csv."): TYPED,
    ("workspace/batches.py", "No batch is named."): "a screen names one",
    ("workspace/batches.py", "A batch is named twice; nothing was changed."): "a screen names one",
    ("workspace/batches.py", "Every customer of the batch would be excluded; nothing was marked."): BY_CODE,
    ("workspace/batches.py", "Of 7 customers to exclude, number x.csv, x.csv is not in the batch."): BY_CODE,
    ("workspace/validation.py", "x.csv is a x.csv."): TYPED,
    ("workspace/exports.py", "An export has no level."): CHOSEN,
    ("workspace/exports.py", "'x.csv' is no end of an export."): CHOSEN,
    ("workspace/resolutions.py", "on is missing."): "a screen always sends a day",
    ("workspace/resolutions.py", "record_ids is empty."): "a screen marks one record",
    ("workspace/resolutions.py", "record_ids holds no texts."): TYPED,
    ("workspace/resolutions.py", "mark_ids is empty."): "no screen takes a mark back",
    (
        "workspace/resolutions.py",
        "7 of 7 marks are unknown, or were taken back already.",
    ): "no screen takes a mark back",
    ("workspace/batches.py", "A batch of type x.csv cannot be read."): TYPED,
    ("workspace/batches.py", "7 customers of the batch were invited on that day already, in x.csv."): BY_CODE,
}
"""Sentences that reach no screen, by their file, and why."""
KEPT = (
    r'name = "…"，action = "drop"', r'\[\[column\]\](?:，name = "Deal")?', r'values = \["gold", "silver"\]',
    r"max_attempts = 2", "invitekit key new", "spring-report", "generalise top", "a-z、0-9、_",
    r"records\.parquet", r"invitekit\.duckdb", r"x\.csv(?:\.\.\.|1)?", r"\.(?:csv|jsonl|parquet|xlsx?)\b",
    "record_id", "customer_id", "客户ID", r"\[(?:status|method|type)\]",
    *(rf"\b{word}\b" for word in ("column", "fewest", "how", "into", "keep", "range", "values")),
    *(rf"\b{word}\b" for word in ("7z", "gzip", "mht", "parquet", "pdf", "rar", "sqlite", "zip")),
    "Asia/Shanghai", "IANA",
    "CSV", "DuckDB", "Excel", "GB18030", "JSON", "Parquet", "TOML", "UTC", r"UTF-\d+", "Windows", "XLSX", "invitekit",
)  # fmt: skip
"""What a Chinese sentence may keep: names of programs, formats and files, and what is written in a policy file."""


def to_be_said() -> list[Raised]:
    """Give what may reach a screen."""
    told = [one for one in raised(*ROOMS) if one.file not in ELSEWHERE]
    return [one for one in told if not any((one.file, problem) in NO_SCREEN for problem in one.problems)]


def english(told: str, *names: str) -> list[str]:
    """Give the English that is left in a text, but names."""
    return re.findall("[A-Za-z]+", re.sub("|".join([*map(re.escape, names), *KEPT]), "", told))


def test_whatever_may_reach_a_screen_is_said_in_chinese() -> None:
    forms = worker._chinese()
    for one in to_be_said():
        for text in dict.fromkeys((*one.problems, *one.hints)):
            told = translated(text, forms)
            assert re.search("[一-鿿]", told), f"{one.file}: {text}"
            assert not english(told), f"{one.file}: {text} -> {told}"


def test_what_reaches_no_screen_is_still_in_the_code_and_is_left_as_it_is() -> None:
    found = {(one.file, problem) for one in raised(*ROOMS) for problem in one.problems}
    assert not NO_SCREEN.keys() - found
    assert not ELSEWHERE.keys() - {file for file, _ in found}
    assert not {file for file, _ in NO_SCREEN} & ELSEWHERE.keys()
    elsewhere = {problem for one in to_be_said() for problem in one.problems}
    for _, problem in NO_SCREEN:
        if problem not in elsewhere:
            assert translated(problem, worker._chinese()) == problem


def test_every_form_is_of_something_that_the_code_can_say() -> None:
    forms, used = worker._chinese(), set[str]()
    waiting = [text for one in to_be_said() for text in (*one.problems, *one.hints)]
    waiting += worker.error_payload(KeyError("of another kind")).values()
    while waiting:
        text = waiting.pop()
        for pattern in forms:
            if found := re.fullmatch(pattern, text):
                used.add(pattern)
                waiting += found.groups("")
                break
    assert [pattern for pattern in forms if pattern not in used] == []


def test_a_form_says_whatever_its_pattern_holds() -> None:
    for pattern, form in worker._chinese().items():
        held = {str(number + 1) for number in range(re.compile(pattern).groups)}
        assert set(re.findall(r"\\(\d)", form)) == held, pattern


def test_no_pattern_stands_in_two_tables() -> None:
    rooms = tomllib.loads(Path(worker.__file__).with_name("errors.toml").read_text("utf-8"))
    assert sum(map(len, rooms.values())) == len(worker._chinese())


def test_columns_are_called_as_their_headers_may_be_called() -> None:
    told = worker._chinese()["give one of these: .+"]
    assert all(schema.label(name, "zh") in told for name in IDENTIFYING)
    assert schema.canonical_name("状态") == "status"


# ---- real failures


def said(error: BaseException, *names: str) -> list[str]:
    """Give what a Chinese screen says of an error, without a word of English."""
    told = list(worker.error_payload(error, "zh").values())
    assert not english(" ".join(told), *names)
    return told


def alert(sources: list[str] | None = None, workspace: str | None = None) -> str:
    """Open files or a workspace on a Chinese page, and return what it says of the error."""
    with pytest.raises(Exception) as opening:  # noqa: PT011 - of any kind, as the page takes it
        Session(Path(), language="zh").open(sources or (), workspace)
    told = " ".join(worker.error_payload(opening.value, "zh").values())
    assert not english(told, "w.duckdb", "s.csv", "Customer", "Email", "Status", "Notes", "Serialization", "IO")
    return told


@pytest.fixture
def memory(tmp_path: Path) -> Path:
    ik.Workspace(tmp_path / "w.duckdb").close()
    return tmp_path / "w.duckdb"


HOLDS = "import duckdb, sys; held = duckdb.connect(sys.argv[1]); print('held', flush=True); sys.stdin.read()"


def test_a_workspace_that_another_process_holds(memory: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLDS, memory], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as held:
        assert held.stdout is not None
        assert held.stdout.readline()
        told = alert(workspace=str(memory))
        with pytest.raises(ik.InvitekitError) as reading:
            ik.Workspace(memory, read_only=True)
        held.communicate()
    assert told.startswith(f"“w.duckdb”正被另一个程序打开（进程 {held.pid}）。 请在那个程序中关闭它")
    assert said(reading.value, "w.duckdb")[0] == f"“w.duckdb”正被另一个程序写入（进程 {held.pid}）。"


def test_a_workspace_that_is_none_or_damaged(memory: Path) -> None:
    whole = memory.read_bytes()
    memory.write_bytes(whole[: len(whole) // 2])
    damaged = r"“w.duckdb”可能已损坏：DuckDB 无法打开它（\w+）。 请重试；若仍不行，请用备份恢复。"
    assert re.fullmatch(damaged, alert(workspace=str(memory)))
    memory.write_bytes(b"no database" * 1000)
    assert alert(workspace=str(memory)) == "“w.duckdb”不是 DuckDB 数据库，因此不是工作区。 请换用另一个文件。"
    memory.unlink()
    memory.mkdir()
    assert alert(workspace=str(memory)).startswith("“w.duckdb”是文件夹")


FILES = {
    "Status,Notes\nInvited,a\n": "“s.csv”中没有能区分客户的列。找到的列：“Status”、“Notes”。 请至少提供",
    "Customer,Email\nAcme,a@b.example\n": "“s.csv”中没有状态列。找到的列：",
    "": "“s.csv”是空文件。 请从门户重新导出。",
}


@pytest.mark.parametrize("content", FILES)
def test_a_file_that_cannot_be_read(content: str, tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text(content)
    assert alert([str(tmp_path / "s.csv")]).startswith(FILES[content])


FRAME = pl.DataFrame({"Account": ["a1"], "Status": ["Expired"]})
TARGETS = {
    "there.csv": ("“there.csv”已存在。", "请换一个名称，或重新导出并选择“替换”。"),
    "folder.csv": ("“folder.csv”是文件夹，不是文件。", "请换一个名称，或指定其中的文件。"),
    "x" * 300 + ".csv": (f"无法写入“{'x' * 40}...”：名称过长。", "请换用另一个文件。"),
    "none.doc": ("“none.doc”的扩展名不受支持。", "请使用以下之一：.parquet .csv .xlsx。"),
    "../up.csv": ("文件名无效。", "请给出不带文件夹的名称，例如 records.parquet。"),
}


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_that_cannot_be_written(name: str, tmp_path: Path) -> None:
    (tmp_path / "there.csv").write_text("")
    (tmp_path / "folder.csv").mkdir()
    panel = ik.ExportPanel(ik.load(FRAME).records, folder=tmp_path, language="zh", file=name)
    heard = Heard(panel)
    with pytest.raises(ik.InvitekitError):
        panel.run()
    (told,) = (one for one in heard.told if one["type"] == "problem")
    assert (told["problem"], told["hint"]) == TARGETS[name]


WRONG = {
    '[[column]]\nname = "email"\naction = "keep"\nvalues = ["a"]': "“p.toml”第 1 条规则（“email”）：该列会透露是谁。",
    'level = "all"\nlevels = 1': "“p.toml”中有无法识别的设置：levels。",
    "fewest = 1": "“p.toml”中的 fewest 不是从 3 起的整数。",
}


@pytest.mark.parametrize("content", WRONG)
def test_a_policy_that_is_wrong(content: str, tmp_path: Path) -> None:
    (tmp_path / "p.toml").write_text(content)
    panel = ik.ExportPanel(ik.load(FRAME).records, folder=tmp_path, language="zh", policy=tmp_path / "p.toml")
    assert Heard(panel).says(type="connect")["form"]["problem"]["problem"] == WRONG[content]


def test_a_key_that_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INVITEKIT_KEY", "none")
    panel = ik.ExportPanel(ik.load(FRAME).records, folder=tmp_path, language="zh")
    told = Heard(panel).says(type="connect")["form"]["problem"]
    assert list(told.values()) == ["密钥无效：应为 64 位十六进制数。", "请重新生成密钥（invitekit key new）。"]


def test_a_picker_that_may_not_do_what_it_is_asked_for(memory: Path, tmp_path: Path) -> None:
    picker = ik.ResendPicker(ik.load(FRAME).records, workspace=memory, folder=tmp_path, language="zh")
    assert picker.wait(60)
    heard = Heard(picker)
    given = {name: getattr(picker.rules, name) for name in ADJUSTABLE}
    asked: list[tuple[dict[str, Any], str, str]] = [
        ({"type": "preview_rules", "rules": given | {"cool_down_days": None}},
         "“间隔天数”没有填写。", "请填写 0 到 100,000 之间的整数。"),
        ({"type": "preview_rules", "rules": given | {"max_attempts": 0}},
         "“最多邀请次数”不能是 0。", "请填写 1 到 100,000 之间的整数。"),
        ({"type": "preview_rules", "rules": given | {"batch_size": 101}},
         "“每批客户数”为 101，超过了门户上限 100。", "请改小一些。"),
        ({"type": "mark_sent", "batch_id": "b", "user": " ", "day": "2026-03-30", "left_out": []},
         "没有填写经办人。", "请填写经办人。"),
        ({"type": "discard_batch", "batch_id": "b"}, "此工作区没有写出过该编号的批次。", "目前还没有任何批次。"),
        ({"type": "mark_resolved", "version": picker._version, "key": 0, "day": "2026-03-30", "user": "me"},
         "1 条记录中有 1 条不在此工作区的任何文件中、属于两位客户，或已脱敏。",
         "没有做任何标记；请先将这些记录所在的文件添加到工作区。"),
    ]  # fmt: skip
    for message, problem, hint in asked:
        told = heard.says(**message)["error"]
        assert (told["problem"], told["hint"]) == (problem, hint)
    assert picker.workspace is not None
    picker.workspace.close()
    told = heard.says(type="discard_batch", batch_id="b")["error"]
    assert (told["problem"], told["hint"]) == ("工作区“w.duckdb”已关闭。", "请重新打开该工作区。")


def test_what_a_part_holds_is_said_too_and_a_name_stays_a_name() -> None:
    forms = {"(.+) is (.+).": r"\2：\1", "so": "如此"}
    assert translated("x.csv is so.", forms) == "如此：x.csv"
    assert translated(r"\2 is \1.", forms) == r"\1：\2"
    assert translated("not known", forms) == "not known"


def test_batches_where_no_folder_can_be(memory: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    how: dict[str, Any] = {"workspace": memory, "folder": tmp_path / "file", "as_of": dt.date(2026, 3, 30)}
    heard = Heard(ik.ResendPicker(ik.load(DATA).records, **how, language="zh"))
    assert heard.widget.wait(60)
    heard.says(type="select", action="add_all")
    digest = heard.says(type="confirm")["confirmation"]["digest"]
    told = heard.says(type="write_batches", digest=digest)["error"]
    assert told["problem"] == "无法将批次写入“file”：已有同名文件。"
    assert told["hint"] == "没有留下任何文件；请检查磁盘空间和访问权限，并在其他程序中关闭它。"
    with ik.Workspace(memory) as kept:
        assert kept.batches().aggregate("count(*)").fetchall() == [(0,)]


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="a folder in which nobody may write, not even root")
def test_a_view_that_cannot_be_saved() -> None:
    explorer = Heard(ik.Explorer(ik.load(FRAME).records, views="/proc/views.json", language="zh"))
    assert explorer.widget.wait(60)
    told = explorer.says(type="save_view", name="mine")["error"]
    assert told["problem"].startswith("无法写入“views.json”：")
    assert told["hint"] == "没有留下任何文件；请检查磁盘空间和访问权限，并在其他程序中关闭它。"
