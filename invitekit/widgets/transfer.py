"""Uploads and downloads of the page, in a private folder that is removed when the process ends."""

from __future__ import annotations

import secrets
import shutil
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from invitekit.engine.scratch_dirs import ScratchDir, scratch_dir
from invitekit.errors import ArgumentError, SourceError
from invitekit.i18n import _
from invitekit.ingest.containers import PACKED
from invitekit.ingest.discover import FORMATS, snapshot_dates
from invitekit.io.atomic_write import windows_allows

MAX_FILES = 200
"""The most uploads at a time."""
_RESERVE = 256 * 2**20
"""Bytes of the disk that an upload leaves free."""
_MAX_NAME = 120
"""The most characters of a file's name."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A complete upload: its ID on the page, the file in its own folder, and the date in its name."""

    id: str
    path: Path
    day: str | None


class Incoming:
    """An upload in progress; its file gets its name once it is complete."""

    def __init__(self, folder: Path, name: str, size: int) -> None:
        self.id, self.size, self._name = secrets.token_hex(8), size, name
        self._folder = folder / self.id
        self._folder.mkdir(mode=0o700)
        self._file: BinaryIO = (self._folder / "part").open("xb")
        self._written = 0

    def write(self, chunk: bytes) -> None:
        """Add bytes.

        Raises:
            OSError: The disk is full.
            SourceError: There are more than were announced.
        """
        self._written += len(chunk)
        if self._written > self.size:
            raise SourceError(_("More bytes came than were announced."), hint=_("send the file again."))
        self._file.write(chunk)

    def finish(self) -> Upload:
        """Close the file, and give it its name.

        Raises:
            SourceError: Bytes are missing.
        """
        self._file.close()
        if self._written != self.size:
            self.abandon()
            raise SourceError(_("The file did not arrive whole."), hint=_("send it again."))
        path = (self._folder / "part").rename(self._folder / self._name)
        (at,) = snapshot_dates([path.stem])
        return Upload(self.id, path, f"{at:%Y-%m-%d}" if at else None)

    def abandon(self) -> None:
        """Remove the incomplete upload."""
        self._file.close()
        shutil.rmtree(self._folder, ignore_errors=True)


class Transfers:
    """The uploads and downloads of a page."""

    def __init__(self) -> None:
        self._scratch: ScratchDir | None = None
        self._lock = threading.Lock()
        self._uploads: dict[str, Upload] = {}
        self._downloads: dict[str, Path] = {}

    @property
    def folder(self) -> Path:
        """The private folder, which is created when it is first needed."""
        with self._lock:
            self._scratch = self._scratch or scratch_dir()
            return Path(self._scratch.name)

    def close(self) -> None:
        """Remove every file."""
        if self._scratch is not None:
            self._scratch.cleanup()

    # Uploads.

    def begin(self, name: str, size: int) -> Incoming:
        """Begin an upload of that many bytes; the name is the browser's, and untrusted.

        Raises:
            SourceError: Files of that type are not read, or there is no space for it.
        """
        safe = safe_name(name)
        if Path(safe).suffix.lower() not in (*FORMATS, *PACKED):
            raise SourceError(
                _("Files of this type are not read."),
                hint=_("choose one of {known}.", known=" ".join((*FORMATS, *PACKED))),
            )
        if len(self._uploads) >= MAX_FILES:
            raise SourceError(_("Too many files wait to be opened."), hint=_("open them, or load this page again."))
        if size <= 0:
            raise SourceError(_("The file is empty."), hint=_("export it again from the portal."))
        if shutil.disk_usage(self.folder).free < size + _RESERVE:
            raise SourceError(
                _("The disk has no room for this file."), hint=_("free some space, or choose a smaller one.")
            )
        return Incoming(self.folder, safe, size)

    def finish(self, incoming: Incoming) -> Upload:
        """Complete an upload, and register it."""
        upload = incoming.finish()
        with self._lock:
            self._uploads[upload.id] = upload
        return upload

    def take(self, upload_id: str, day: str | None = None) -> Path:
        """Return the path of an upload; if its name has no date, the day is added, which a workspace needs.

        Raises:
            ArgumentError: There is no such upload.
        """
        with self._lock:
            upload = self._uploads.pop(upload_id, None)
        if upload is None:
            raise ArgumentError(_("An uploaded file is gone."), hint=_("choose it again."))
        return upload.path if upload.day or not day else upload.path.rename(dated(upload.path, day))

    def discard(self, upload_id: str) -> None:
        """Remove an upload that will not be opened."""
        with self._lock:
            upload = self._uploads.pop(upload_id, None)
        if upload is not None:
            shutil.rmtree(upload.path.parent, ignore_errors=True)

    def new_file(self, name: str) -> Path:
        """Return a path in a new private folder."""
        folder = self.folder / secrets.token_hex(8)
        folder.mkdir(mode=0o700)
        return folder / name

    # Downloads.

    def offer(self, path: Path) -> str:
        """Return an ID by which a file can be fetched once."""
        download_id = secrets.token_urlsafe(24)
        with self._lock:
            self._downloads[download_id] = path
        return download_id

    def fetch(self, download_id: str) -> Path | None:
        """Return the file of an ID, which is then no longer valid."""
        with self._lock:
            return self._downloads.pop(download_id, None)

    def fetched(self, path: Path) -> None:
        """Remove a file that was created for one download; a file of a batch stays."""
        if path.parent.parent == self.folder:
            shutil.rmtree(path.parent, ignore_errors=True)


def safe_name(name: str) -> str:
    """Return a file name without folders and control characters, of a length that every file system allows."""
    last = name.replace("\\", "/").rpartition("/")[2]
    clean = "".join(c if c.isprintable() and windows_allows(f"a{c}a") else "_" for c in last).strip(" .~$")
    stem, dot, suffix = clean.rpartition(".")
    stem = (stem if dot else suffix)[: _MAX_NAME - 20].rstrip(" .")
    # On Windows, the name of a device, such as CON, cannot be the name of a file.
    stem = stem if windows_allows(stem or "_") else f"_{stem}"
    return f"{stem or 'file'}{dot}{suffix[:20] if dot else ''}"


def dated(path: Path, day: str) -> Path:
    """Return a path with a date in its name, which ``load`` reads as the date of the export."""
    ends = "".join(path.suffixes[-2:]) if path.suffix.lower() in PACKED else path.suffix
    return path.with_name(f"{path.name.removesuffix(ends)}_{day}{ends}")
