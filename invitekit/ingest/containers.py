"""Unpack .gz and .zip files within a size limit, and detect the kind of a workbook by its content."""

from __future__ import annotations

import gzip
import re
import weakref
import zipfile
import zlib
from collections.abc import Container
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, cast

from invitekit.engine.scratch_dirs import scratch_dir
from invitekit.errors import SourceError
from invitekit.i18n import _

PACKED = (".gz", ".zip")
MAX_UNPACKED = 1 << 31
"""The most bytes to unpack: a small file may unpack to any size."""
_ALWAYS, _MAX_RATIO = 1 << 26, 100
"""Bytes that any file may unpack to, and the largest ratio to the packed size beyond that: tables have about 30."""
UNREADABLE = (OSError, EOFError, zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError)
"""Errors of packed content that is damaged, protected or of an unknown kind."""
_BLOCK = 1 << 20
_WORKBOOK_PARTS = {"xl/workbook.xml": "xlsx", "xl/workbook.bin": "xlsb", "content.xml": "ods"}
_WEB_PAGE = re.compile(rb"^\W*(?:<[!?][^>]*>\s*)*<(?:html|head|body|table|meta|style|div)\b", re.IGNORECASE)
_XML_WORKBOOK = re.compile(rb"<(?:\w+:)?Workbook\b[^>]*urn:schemas-microsoft-com:office:spreadsheet")


@dataclass(frozen=True, eq=False)
class Unpacked:
    """A file in a private folder, which is removed when this value is garbage-collected."""

    path: Path


def unpack(path: Path, known: Container[str]) -> Unpacked:
    """Unpack the one table of a .gz or .zip file; ``known`` has the extensions of tables.

    Raises:
        SourceError: It is damaged, protected or too large, or does not contain exactly one table.
    """
    try:
        if path.suffix.lower() == ".gz":
            with gzip.open(path) as packed:
                return _copy(cast("IO[bytes]", packed), path.stem, path)
        with zipfile.ZipFile(path) as archive:
            inside = [info for info in archive.infolist() if _is_table(info.filename, known)]
            if len(inside) != 1:
                raise _not_one(path, [info.filename for info in inside])
            with archive.open(inside[0]) as packed:
                return _copy(packed, PurePosixPath(inside[0].filename).name, path)
    except UNREADABLE:
        raise SourceError(
            _("'{name}' cannot be unpacked: it is damaged, or protected by a password.", name=path.name),
            hint=_("unpack it yourself and name the file inside."),
        ) from None


def table_inside(path: Path, known: Container[str]) -> str | None:
    """Return the name of the one table of a .gz or .zip file, "" if it cannot be opened, None if there is not one."""
    if path.suffix.lower() == ".gz":
        return path.stem if _is_table(path.stem, known) else None
    try:
        if workbook_in_zip(path):
            return path.stem
        with zipfile.ZipFile(path) as archive:
            inside = [name for name in archive.namelist() if _is_table(name, known)]
    except UNREADABLE:
        return ""
    return PurePosixPath(inside[0]).name if len(inside) == 1 else None


def _is_table(name: str, known: Container[str]) -> bool:
    inside = PurePosixPath(name)
    hidden = inside.name.startswith((".", "~$")) or "__MACOSX" in inside.parts
    return inside.suffix.lower() in known and not hidden


def _not_one(path: Path, names: list[str]) -> SourceError:
    if not names:
        return SourceError(_("'{name}' holds no table.", name=path.name), hint=_("unpack it and see what is inside."))
    shown = ", ".join(names[:10]) + ", ..." * (len(names) > 10)
    return SourceError(
        _("'{name}' holds {count} tables: {names}.", name=path.name, count=len(names), names=shown),
        hint=_("unpack it and name the files to read."),
    )


def _copy(packed: IO[bytes], name: str, path: Path) -> Unpacked:
    folder = scratch_dir()
    target = Path(folder.name) / re.sub(r"[^\w.() -]", "_", name)[-100:]
    unpacked = Unpacked(target)
    weakref.finalize(unpacked, folder.cleanup)
    left = limit = _limit(path)
    with target.open("wb") as file:
        while block := packed.read(_BLOCK):
            left -= len(block)
            if left < 0:
                raise _too_large(path, limit)
            file.write(block)
    return unpacked


def _limit(path: Path) -> int:
    """Return how many bytes a packed file may unpack to."""
    return min(MAX_UNPACKED, max(_ALWAYS, path.stat().st_size * _MAX_RATIO))


def _too_large(path: Path, limit: int) -> SourceError:
    return SourceError(
        _(
            "'{name}' holds more than {most:,} bytes when it is unpacked, far more than files of its size do.",
            name=path.name,
            most=limit,
        ),
        hint=_("unpack it yourself and name the file inside; save a workbook again."),
    )


def workbook_in_zip(path: Path) -> str | None:
    """Return the kind of a workbook in ZIP format, or None; one that unpacks to far too much is a ``SourceError``."""
    try:
        with zipfile.ZipFile(path) as archive:
            parts = archive.infolist()
    except UNREADABLE:
        return None
    names = {part.filename.casefold().lstrip("/") for part in parts}
    kind = next((kind for part, kind in _WORKBOOK_PARTS.items() if part in names), None)
    if kind and sum(part.file_size for part in parts) > (limit := _limit(path)):
        raise _too_large(path, limit)
    return kind


def is_old_workbook(path: Path) -> bool:
    """Return whether an OLE file contains a workbook that is not encrypted as a whole."""
    with path.open("rb") as file:
        head = file.read(512)
        sector = 1 << min(int.from_bytes(head[30:32], "little"), 12)
        # A damaged file may state an offset beyond its end.
        file.seek(min((int.from_bytes(head[48:52], "little") + 1) * sector, path.stat().st_size))
        directory = file.read(1 << 13)
    names = [name.encode("utf-16-le") for name in ("Workbook", "Book", "EncryptedPackage")]
    return any(name in directory for name in names[:2]) and names[2] not in directory


def markup(head: bytes) -> str | None:
    """Return ``html`` for a web page, ``xml`` for a workbook of Excel 2003 in XML, or None."""
    text = head.replace(b"\0", b"")
    if _XML_WORKBOOK.search(text):
        return "xml"
    return "html" if _WEB_PAGE.search(text.lstrip(b"\xef\xbb\xbf\xff\xfe")) else None
