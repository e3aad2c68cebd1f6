"""Texts in other languages: the catalogue has every text of the code, and errors on a Chinese screen are Chinese."""

import ast
import datetime as dt
import pickle
import re
import string
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

import invitekit as ik
from invitekit import i18n
from invitekit.i18n import _, ngettext, translate
from invitekit.ingest.headers import IDENTIFYING
from invitekit.model import schema
from invitekit.privacy.actions import Secrets
from invitekit.privacy.policy_file import read_policy
from invitekit.privacy.tokens import Key
from invitekit.widgets import payloads, worker
from invitekit.widgets.picker import ADJUSTABLE
from invitekit.widgets.session import Session
from tests.conftest import DATA
from tests.test_widgets import FakeBrowser

FRAME = pl.DataFrame({"Account": ["a1"], "Status": ["Expired"]})
CATALOGUES = sorted(i18n.LOCALE.glob("*/LC_MESSAGES/invitekit.po"))


def places(template: str) -> set[str]:
    return {name for _text, name, _form, _conversion in string.Formatter().parse(template) if name is not None}


def texts_of_the_code() -> set[str]:
    """Read the texts from the code, also nested ones, which `make words` overlooks."""
    trees = [ast.parse(path.read_text("utf-8")) for path in i18n.LOCALE.parent.rglob("*.py")]
    calls = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Call)]
    named = {"_": 1, "ngettext": 2}
    return {
        ast.literal_eval(text)
        for call in calls
        if isinstance(call.func, ast.Name)
        for text in call.args[: named.get(call.func.id, 0)]
    }


def test_the_page_has_a_text_of_one_wherever_a_text_counts_things() -> None:
    texts = payloads.words("en")
    things = "customers|dates|headers|invitations|masked rows|records|rows|times"
    counting = {name for name, text in texts.items() if re.search(rf"\{{(n|total)\}} ({things})\b", text)}
    parts = {name for name in counting if re.search(r"of \{total\}", texts[name])}
    assert "read_zone" in counting
    assert {name for name in counting - parts if f"{name}_one" not in texts} == set()


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: path.parts[-3])
def test_a_catalogue_has_every_text_with_its_placeholders(path: Path) -> None:
    with path.open(encoding="utf-8") as file:
        messages = [message for message in read_po(file, abort_invalid=True) if message.id]
    written = [((m.id,), (m.string,)) if isinstance(m.id, str) else (m.id, m.string) for m in messages]
    assert texts_of_the_code() <= {text for english, _told in written for text in english}
    for english, shown in written:
        for text in map(str, shown or ("",)):
            assert text, english
            assert places(text) <= places(english[-1]), english
    assert not [message.id for message in messages if message.fuzzy]


def test_a_message_and_its_parts_are_translated_together() -> None:
    inner = _("process {number}", number=7)
    message = _("'{name}' is open in {who}.", name="{x}.csv", who=inner)
    assert message == "'{x}.csv' is open in process 7."
    assert translate(message, "en") == message
    assert translate(message, "zh") == "“{x}.csv”正被另一个程序（进程 7）打开。"
    assert translate(pickle.loads(pickle.dumps(message)), "zh") == translate(message, "zh")
    assert translate("a plain text", "zh") == "a plain text"


def test_lists_and_plurals_follow_the_language() -> None:
    names = tuple(_("'{name}'", name=name) for name in "ab")
    assert _("{names}", names=names) == "'a', 'b'"
    assert translate(_("{names}", names=names), "zh") == "“a”、“b”"
    for n, english in ((1, "KEY is not set."), (2, "KEY are not set.")):
        message = ngettext("{names} is not set.", "{names} are not set.", n, names="KEY")
        assert message == english
        assert translate(message, "zh") == "没有设置 KEY。"


@pytest.fixture
def esperanto(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Add a language as a translator does: one file of texts, compiled."""
    with (i18n.LOCALE / "zh" / "LC_MESSAGES" / "invitekit.po").open(encoding="utf-8") as file:
        known = read_po(file)
    written = Catalog(locale="eo")
    for message in known:
        text = f"«{message.id}»" if isinstance(message.id, str) else [f"«{each}»" for each in message.id]
        if message.id:
            written.add(message.id, "Esperanto" if message.id == "English" else text, context=message.context)
    folder = tmp_path / "locale" / "eo" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    with (folder / "invitekit.mo").open("wb") as file:
        write_mo(file, written)
    monkeypatch.setattr(i18n, "LOCALE", tmp_path / "locale")
    return "eo"


def test_a_language_is_one_file(esperanto: str, tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text("")
    page = Session(tmp_path, language=esperanto)
    messages: list[dict[str, Any]] = []
    page.listen(lambda _name, message, _buffers: messages.append(message))
    with pytest.raises(ik.InvitekitError) as opening:
        page.open([str(tmp_path / "s.csv")], None)
    assert page.error_payload(opening.value) == {
        "problem": "«'s.csv' is empty.»", "hint": "«export it again from the portal.»",
    }  # fmt: skip
    page.receive("page", {"type": "connect"})
    state = next(message for message in messages if message["type"] == "state")
    assert state["languages"] == {"en": "English", "eo": "Esperanto"}
    assert state["words"]["open_files"] == "«Open»"
    plan = ik.plan_resends(ik.annotate(ik.load(FRAME).records, language=esperanto), language=esperanto)
    assert plan["reason"].str.starts_with("«").all()
    ik.report(ik.annotate(ik.load(FRAME).records), tmp_path / "r.md", language=esperanto)
    assert "«In short»" in (tmp_path / "r.md").read_text("utf-8")
    with pytest.raises(ik.InvitekitError, match="use one of en, eo"):
        ik.annotate(FRAME, language="zh")


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


def english(shown: str, *names: str) -> list[str]:
    """Return the English words of a text, except names."""
    return re.findall("[A-Za-z]+", re.sub("|".join([*map(re.escape, names), *KEPT]), "", shown))


def test_a_message_calls_columns_by_headers_of_its_language() -> None:
    message = _("give one of these: {columns}.", columns=tuple(map(schema.label_in_message, IDENTIFYING)))
    assert message.startswith("give one of these: Record ID, ")
    shown = translate(pickle.loads(pickle.dumps(message)), "zh")
    assert shown == f"请至少提供以下一列：{'、'.join(schema.label(name, 'zh') for name in IDENTIFYING)}。"
    assert schema.canonical_name("状态") == "status"


# ---- real failures


def chinese_error(error: BaseException, *names: str) -> list[str]:
    """Return how a Chinese screen shows an error, without a word of English."""
    shown = list(worker.error_payload(error, "zh").values())
    assert not english(" ".join(shown), *names)
    return shown


def alert(sources: list[str] | None = None, workspace: str | None = None) -> str:
    """Open files or a workspace on a Chinese page, and return its error."""
    with pytest.raises(Exception) as opening:  # noqa: PT011 - of any kind, as the page takes it
        Session(Path(), language="zh").open(sources or (), workspace)
    shown = " ".join(worker.error_payload(opening.value, "zh").values())
    assert not english(shown, "w.duckdb", "s.csv", "Customer", "Email", "Status", "Notes", "Serialization", "IO")
    return shown


@pytest.fixture
def memory(tmp_path: Path) -> Path:
    ik.Workspace(tmp_path / "w.duckdb").close()
    return tmp_path / "w.duckdb"


HOLDS = "import duckdb, sys; held = duckdb.connect(sys.argv[1]); print('held', flush=True); sys.stdin.read()"


def test_a_workspace_that_another_process_holds(memory: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLDS, memory], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as held:
        assert held.stdout is not None
        assert held.stdout.readline()
        shown = alert(workspace=str(memory))
        with pytest.raises(ik.InvitekitError) as reading:
            ik.Workspace(memory, read_only=True)
        held.communicate()
    assert shown.startswith(f"“w.duckdb”正被另一个程序（进程 {held.pid}）打开。 请在那个程序中关闭它")
    assert chinese_error(reading.value, "w.duckdb")[0] == f"“w.duckdb”正被另一个程序（进程 {held.pid}）写入。"


def test_a_workspace_that_is_invalid_or_damaged(memory: Path) -> None:
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
    "Customer,Email\nAcme,a@b.example\n": (
        "“s.csv”中没有状态列。找到的列：“Customer”、“Email”。 请把该列的表头改为“状态”"
    ),
    "": "“s.csv”是空文件。 请从门户重新导出。",
}


@pytest.mark.parametrize("content", FILES)
def test_a_file_that_cannot_be_read(content: str, tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text(content)
    assert alert([str(tmp_path / "s.csv")]).startswith(FILES[content])


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
    browser = FakeBrowser(panel)
    with pytest.raises(ik.InvitekitError):
        panel.run()
    (shown,) = (one for one in browser.messages if one["type"] == "problem")
    assert (shown["problem"], shown["hint"]) == TARGETS[name]


WRONG = {
    '[[column]]\nname = "email"\naction = "keep"\nvalues = ["a"]': "“p.toml”第 1 条规则（“email”）：该列会透露是谁。",
    'level = "all"\nlevels = 1': "“p.toml”中有无法识别的设置：levels。",
    "fewest = 1": "“p.toml”中的 fewest 不是从 3 起的整数。",
}


@pytest.mark.parametrize("content", WRONG)
def test_an_invalid_policy(content: str, tmp_path: Path) -> None:
    (tmp_path / "p.toml").write_text(content)
    panel = ik.ExportPanel(ik.load(FRAME).records, folder=tmp_path, language="zh", policy=tmp_path / "p.toml")
    assert FakeBrowser(panel).request(type="connect")["form"]["problem"]["problem"] == WRONG[content]


def test_hints_of_settings_are_plain_words(tmp_path: Path) -> None:
    (tmp_path / "p.toml").write_text('[[column]]\nname = "Deal"\naction = 3')
    with pytest.raises(ik.InvitekitError) as wrong_type:
        read_policy(tmp_path / "p.toml")
    with pytest.raises(ik.InvitekitError) as wrong_purpose:
        Secrets(Key.new(), "for Ann")
    with pytest.raises(ik.InvitekitError) as two_columns:
        ik.load(FRAME, columns={"status": "Status", "custom_tag": "Status"})
    assert [translate(error.value.hint, "zh") for error in (wrong_type, wrong_purpose, two_columns)] == [
        "请写成文本，并加引号。",
        "最多 64 个字符，只能用 a-z、0-9、_ 和 -，例如 spring-report。",
        "请将一个表头对应到一列：columns={'status': 'Status'}，或 --column 'status=Status'。",
    ]
    assert translate(two_columns.value.problem, "zh") == "您指定的列将 status、custom_tag 都对应到“Status”。"


def test_an_invalid_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INVITEKIT_KEY", "none")
    panel = ik.ExportPanel(ik.load(FRAME).records, folder=tmp_path, language="zh")
    shown = FakeBrowser(panel).request(type="connect")["form"]["problem"]
    assert list(shown.values()) == ["密钥无效：应为 64 位十六进制数。", "请重新生成密钥（invitekit key new）。"]


def test_requests_that_a_picker_refuses(memory: Path, tmp_path: Path) -> None:
    picker = ik.ResendPicker(ik.load(FRAME).records, workspace=memory, folder=tmp_path, language="zh")
    assert picker.wait(60)
    browser = FakeBrowser(picker)
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
        shown = browser.request(**message)["error"]
        assert (shown["problem"], shown["hint"]) == (problem, hint)
    assert picker.workspace is not None
    picker.workspace.close()
    shown = browser.request(type="discard_batch", batch_id="b")["error"]
    assert (shown["problem"], shown["hint"]) == ("工作区“w.duckdb”已关闭。", "请重新打开该工作区。")


def test_batches_in_an_impossible_folder(memory: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    how: dict[str, Any] = {"workspace": memory, "folder": tmp_path / "file", "as_of": dt.date(2026, 3, 30)}
    browser = FakeBrowser(ik.ResendPicker(ik.load(DATA).records, **how, language="zh"))
    assert browser.widget.wait(60)
    browser.request(type="select", action="add_all")
    digest = browser.request(type="confirm")["confirmation"]["digest"]
    shown = browser.request(type="write_batches", digest=digest)["error"]
    assert shown["problem"] == "无法将批次写入“file”：已有同名文件。"
    assert shown["hint"] == "没有留下任何文件；请检查磁盘空间和访问权限，并在其他程序中关闭它。"
    with ik.Workspace(memory) as kept:
        assert kept.batches().aggregate("count(*)").fetchall() == [(0,)]


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="a folder in which nobody may write, not even root")
def test_a_view_that_cannot_be_saved() -> None:
    explorer = FakeBrowser(ik.Explorer(ik.load(FRAME).records, views="/proc/views.json", language="zh"))
    assert explorer.widget.wait(60)
    shown = explorer.request(type="save_view", name="mine")["error"]
    assert shown["problem"].startswith("无法写入“views.json”：")
    assert shown["hint"] == "没有留下任何文件；请检查磁盘空间和访问权限，并在其他程序中关闭它。"
