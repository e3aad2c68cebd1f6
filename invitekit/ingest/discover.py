"""Find the source files and check the type of each one before any row is read."""

from __future__ import annotations

import datetime as dt
import errno
import glob
import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import NamedTuple

from invitekit.errors import SourceError
from invitekit.i18n import _
from invitekit.ingest.containers import PACKED, Unpacked, is_old_workbook, markup, table_inside, unpack, workbook_in_zip
from invitekit.ingest.datetimes import MONTHS
from invitekit.ingest.encoding import checked, looks_like_utf16
from invitekit.ingest.time_forms import plain
from invitekit.io.atomic_write import os_reason

FORMATS = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".xlsx": "xlsx",
    ".xlsm": "xlsx",
    ".xls": "xls",
    ".xlsb": "xlsb",
    ".ods": "ods",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".json": "json",
    ".jsonl": "json_lines",
    ".ndjson": "json_lines",
}
_TEXTS = ("csv", "json", "json_lines")
_WORKBOOKS = ("xlsx", "xls", "xlsb", "ods")
_OTHER_ENDINGS = (".manifest.json",)
_ARCHIVES = (".7z", ".bz2", ".rar", ".tar", ".tgz", ".xz", ".zst")
_SIGNATURES = {
    b"PAR1": "parquet",
    b"PK\x03\x04": "zip",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": "ole",
    b"\x1f\x8b": "gzip",
    b"%PDF": "pdf",
    b"\x89PNG": _("picture"),
    b"\xff\xd8\xff": _("picture"),
    b"SQLite format 3": "sqlite",
    b"7z\xbc\xaf": "7z",
    b"Rar!": "rar",
    b"MIME-Version:": "mht",
}
_GLOB = re.compile(r"[*?\[]")
_DATES = tuple(re.compile(rf"(?<!\d){pattern}(?!\d)", re.ASCII) for pattern in (
    r"(?P<year>20\d\d)(?P<month>\d\d)(?P<day>\d\d)(?:[ t]?\d{4}(?:\d\d)?)?",
    r"(?P<day>\d{1,2})[-. ]+m(?P<month>\d{1,2})[-. ]+(?P<year>20\d\d)",
    r"m(?P<month>\d{1,2})[-. ]+(?P<day>\d{1,2})[-. ]+(?P<year>20\d\d)",
    r"(?P<day>\d{1,2})\.(?P<month>\d{1,2})\.(?P<year>20\d\d)",
    r"(?P<year>20\d\d)[-. ]+m?(?P<month>\d{1,2})[-. ]+(?P<day>\d{1,2})(?:t\d+)?",
    r"(?P<first>\d{1,2})(?P<mark>[- ])(?P<second>\d{1,2})(?P=mark)(?P<year>20\d\d)",
))  # fmt: skip
"""Patterns of dates in a file name, rewritten by ``plain``; the last one needs an order of day and month."""
_FULL, _SOME = 0.9, 0.05
"""Shares of control characters: above the first a file is binary; above the second, if it also does not decode."""
_CONTROL = bytes(c for c in range(32) if c not in b"\t\n\r\f\x1a\x1b")


@dataclass(frozen=True, slots=True)
class Source:
    """One file: its path, its format, its name, the date in its name (midnight UTC), and what it was unpacked to."""

    path: Path
    format: str
    name: str
    snapshot_at: dt.datetime | None
    unpacked: Unpacked | None = None

    @property
    def content(self) -> Path:
        """The file to read."""
        return self.unpacked.path if self.unpacked else self.path

    @property
    def size(self) -> int:
        """Bytes of the file to read."""
        return self.content.stat().st_size


class Files(NamedTuple):
    """The files to read, and the names of ignored files and subfolders, except hidden ones and a README."""

    paths: list[Path]
    ignored: list[str]


def find_sources(sources: Iterable[str | os.PathLike[str]], encoding: str | None = None) -> list[Source]:
    """List the files of paths, folders and globs, each once, in the order of their names.

    ``encoding`` is the user's choice, if any: binary content is detected in decoded text.

    Raises:
        SourceError: Nothing was found, or a file is missing, empty, binary or of an unknown type.
    """
    paths = list_files(sources).paths
    if not paths:
        raise SourceError(_("No source was given."), hint=_("name at least one file, folder or glob."))
    names = _names(paths)
    dates = snapshot_dates([path.stem for path in paths])
    files = [_source(path, names[path], at, encoding) for path, at in zip(paths, dates, strict=True)]
    packed = snapshot_dates([file.content.stem for file in files])
    return [replace(file, snapshot_at=file.snapshot_at or at) for file, at in zip(files, packed, strict=True)]


def list_files(sources: Iterable[str | os.PathLike[str]]) -> Files:
    """List the files of paths, folders and globs, each once, and the ignored ones; no file is a ``SourceError``."""
    paths: dict[Path, None] = {}
    ignored: list[str] = []
    for path in map(Path, sources):
        matches, others = _expand(path)
        paths |= dict.fromkeys(match.resolve() for match in matches)
        ignored += others
    return Files([*paths], ignored)


def would_read(sources: Iterable[str | os.PathLike[str]], path: Path) -> bool:
    """Return whether folders and globs would include a new file of this path."""
    target = path.parent.resolve() / path.name
    return not _is_hidden(target) and any(
        target.parent == source.resolve() and _is_known(target)
        if source.is_dir()
        else bool(_GLOB.search(str(source))) and target.match(os.path.abspath(source))  # noqa: PTH100 - keeps the glob
        for source in map(Path, sources)
    )


def _source(path: Path, name: str, snapshot_at: dt.datetime | None, encoding: str | None) -> Source:
    if path.suffix.lower() not in PACKED:
        return Source(path, _format_of(path, encoding), name, snapshot_at)
    head = _head(path)
    if head.startswith(b"PK") and (kind := workbook_in_zip(path)):
        return Source(path, kind, name, snapshot_at)
    unpacked = unpack(path, FORMATS)
    return Source(path, _format_of(unpacked.path, encoding), name, snapshot_at, unpacked)


def snapshot_dates(stems: Sequence[str]) -> list[dt.datetime | None]:
    """Return the latest date in each file's name, midnight UTC, or None: a range is dated by its end.

    The other names decide the order of day and month in ``02-03-2026``; if they do not, the name has no date.
    """
    dates_of = [_dates_in(stem) for stem in stems]
    day_first, month_first = (
        any(date.get(part, 0) > MONTHS for dates in dates_of for date in dates) for part in ("first", "second")
    )
    for date in (date for dates in dates_of for date in dates if "first" in date):
        day, month = ("first", "second") if day_first else ("second", "first")
        if day_first != month_first or date[day] == date[month]:
            date |= {"day": date[day], "month": date[month]}
    return [max(filter(None, map(_day, dates)), default=None) for dates in dates_of]


def _dates_in(stem: str) -> list[dict[str, int]]:
    text = plain(stem.replace("_", " "))
    dates = []
    for pattern in _DATES:
        dates += [{n: int(v) for n, v in date.groupdict().items() if n != "mark"} for date in pattern.finditer(text)]
        text = pattern.sub("#", text)
    return dates


def _day(date: dict[str, int]) -> dt.datetime | None:
    try:
        return dt.datetime(date["year"], date["month"], date["day"])  # noqa: DTZ001 - naive UTC, like every time here
    except (KeyError, ValueError):
        return None


def _expand(path: Path) -> tuple[list[Path], list[str]]:
    try:
        path.stat()
    except (OSError, ValueError) as error:
        # A missing path may be a pattern, but not if no file can have such a name.
        if not isinstance(error, OSError) or error.errno == errno.ENAMETOOLONG:
            raise SourceError(_("A source has a name that no file can have."), hint=_("check it.")) from None
    if path.is_dir():
        inside = {one: one.is_dir() for one in sorted(path.iterdir())}
        known = [one for one in inside if one.is_file() and (_is_known(one) or _is_packed_only(one))]
        if not known:
            raise SourceError(
                _("The folder '{name}' holds no file that can be read.", name=path.name),
                hint=_("put files of these types there: {known}.", known=" ".join((*FORMATS, *PACKED))),
            )
        shown = [one for one in inside if not (_is_hidden(one) or one.stem.upper() == "README")]
        return known, [one.name + "/" * inside[one] for one in shown if one not in known]
    if not path.exists() and _GLOB.search(str(path)):
        matched = sorted(Path(p) for p in glob.glob(str(path), recursive=True))  # noqa: PTH207 - absolute patterns
        matched = [path for path in matched if path.is_file() and not _is_hidden(path)]
        if not matched:
            raise SourceError(
                _("The pattern '{pattern}' matches no file.", pattern=path),
                hint=_("check its spelling, or name a folder."),
            )
        return matched, []
    return [path], []


def _is_hidden(path: Path) -> bool:
    return path.name.startswith((".", "~$"))


def _is_known(path: Path) -> bool:
    return path.suffix.lower() in FORMATS and not _is_hidden(path) and not path.name.endswith(_OTHER_ENDINGS)


def _is_packed_only(path: Path) -> bool:
    """Return whether a file of a folder is a packed table that is not unpacked beside it."""
    if path.suffix.lower() not in PACKED or _is_hidden(path):
        return False
    table = table_inside(path, FORMATS)
    return table is not None and not (table and (path.parent / table).exists())


def _names(paths: Sequence[PurePath]) -> dict[PurePath, str]:
    """Name each file by its own name; files of the same name by their folder too."""
    depth = 1
    while len({path.parts[-depth:] for path in paths}) < len(paths):
        depth += 1
    own = Counter(path.name for path in paths)
    return {path: path.name if own[path.name] == 1 else type(path)(*path.parts[-depth:]).as_posix() for path in paths}


def _format_of(path: Path, encoding: str | None) -> str:
    head = _head(path)
    by_name = FORMATS.get(path.suffix.lower())
    if path.suffix.lower() in _ARCHIVES:
        raise SourceError(
            _("'{name}' is an archive of a kind that is not unpacked here.", name=path.name),
            hint=_("unpack it yourself and name the files inside."),
        )
    if by_name is None:
        raise SourceError(
            _("'{name}' is of an unknown type ('{suffix}').", name=path.name, suffix=path.suffix)
            if path.suffix
            else _("'{name}' is of an unknown type ('no extension').", name=path.name),
            hint=_("known types: {known}.", known=" ".join((*FORMATS, *PACKED))),
        )
    if by_content := _workbook_or_page(path, by_name, head):
        return by_content
    content = next((kind for magic, kind in _SIGNATURES.items() if head.startswith(magic)), None)
    _check_type(path, by_name, content)
    if by_name in _TEXTS and _is_binary(head, encoding):
        raise SourceError(
            _("'{name}' is binary, not text.", name=path.name), hint=_("export it again as CSV, XLSX or Parquet.")
        )
    return by_name


def _workbook_or_page(path: Path, by_name: str, head: bytes) -> str | None:
    """Return the format of a workbook or a web page by its content: programs use one extension for several formats."""
    if by_name in _WORKBOOKS and head.startswith(b"PK"):
        return workbook_in_zip(path)
    if by_name in _WORKBOOKS and head.startswith(b"\xd0\xcf\x11\xe0") and is_old_workbook(path):
        return "xls"
    if by_name in (*_WORKBOOKS, "csv") and (kind := markup(head)):
        return kind
    # Spreadsheets also open text with the extension of a workbook.
    is_text = by_name == "xls" and not any(map(head.startswith, _SIGNATURES)) and not _is_binary(head, None)
    return "csv" if is_text else None


def _check_type(path: Path, by_name: str, content: str | None) -> None:
    """Check that the signature of a file's content, if any, is that of its format."""
    if content == "ole":
        raise SourceError(
            _("'{name}' is password-protected or an old .xls workbook.", name=path.name),
            hint=_("open it in Excel and save it as .xlsx without a password."),
        )
    expected = {"parquet": "parquet", "xls": "ole"}.get(by_name, "zip" if by_name in _WORKBOOKS else None)
    if content != expected:
        raise SourceError(
            _(
                "The content of '{name}' does not match its extension: it is {found}, not {by_name}.",
                name=path.name,
                found=content or _("text or unknown content"),
                by_name=by_name,
            ),
            hint=_("rename it to its real type, or unpack or export it again."),
        )


def _head(path: Path) -> bytes:
    if path.exists() and not path.is_file():
        raise SourceError(
            _("'{name}' is a device or a pipe, not a file.", name=path.name),
            hint=_("write what comes from it to a file, and name that."),
        )
    try:
        with path.open("rb") as file:
            head = file.read(65536)
    except FileNotFoundError:
        raise SourceError(
            _("'{name}' does not exist.", name=path.name), hint=_("check the path and its spelling.")
        ) from None
    except OSError as error:
        problem = _("'{name}' cannot be opened: {reason}.", name=path.name, reason=os_reason(error))
        raise SourceError(problem, hint=_("check its permissions.")) from None
    if not head.strip(b"\xef\xbb\xbf\xff\xfe \t\r\n\x00"):
        raise SourceError(_("'{name}' is empty.", name=path.name), hint=_("export it again from the portal."))
    return head


def _is_binary(head: bytes, encoding: str | None) -> bool:
    if encoding is not None:
        head = head.decode(checked(encoding), errors="replace").encode(errors="replace")
    if head.startswith((b"\xff\xfe", b"\xfe\xff")) or looks_like_utf16(head):
        return False
    control = (len(head) - len(head.translate(None, _CONTROL))) / len(head)
    # A few cells may have control characters; a file with many, or with many undecodable bytes, is not text.
    return control > _FULL or (control > _SOME and "\ufffd" in head[:-4].decode("utf-8", errors="replace"))
