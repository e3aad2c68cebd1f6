"""The reading options of a folder: chosen on the page, stored in the folder, and used for its next files too."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self, TypeVar

import msgspec
from msgspec.structs import asdict, replace

from invitekit.errors import InvitekitError, SourceError
from invitekit.i18n import _
from invitekit.io.atomic_write import write_file
from invitekit.io.toml_file import read_toml
from invitekit.widgets.transfer import Transfers

FILE = "invitekit-reading.toml"
_HEADING = "# How the files of this folder are read. Written by the page; the names are those of load(...)."
_BLOCK = 1 << 20
Result = TypeVar("Result")


class Reading(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How files are read; the fields are arguments of ``load``.

    Attributes:
        columns: The header of each chosen column; ignored for a file that lacks that header.
        encoding: The encoding of files whose encoding is not detected.
        time_zone: The time zone of times without an offset.
        day_first: Whether ``03/04/2025`` is in April; None if the cells of each file decide.
    """

    columns: dict[str, str] = {}
    encoding: str | None = None
    time_zone: str = "UTC"
    day_first: bool | None = None

    @classmethod
    def of(cls, folder: Path) -> Self:
        """Read the file of a folder.

        Raises:
            SourceError: The file has other content.
        """
        path = folder / FILE
        if not path.exists():
            return cls()
        try:
            return msgspec.convert(read_toml(path, 'time_zone = "UTC"'), cls)
        except msgspec.ValidationError:
            raise SourceError(
                _("'{name}' holds no settings for reading files.", name=path.name),
                hint=_("move it away; the page writes it anew."),
            ) from None

    def save(self, folder: Path) -> None:
        """Write the file of a folder.

        Raises:
            OutputError: The file cannot be written.
        """
        settings = {name: value for name, value in asdict(self).items() if name != "columns" and value is not None}
        lines = [_HEADING, *(f"{name} = {_toml(value)}" for name, value in settings.items()), "", "[columns]"]
        lines += [f"{_toml(name)} = {_toml(header)}" for name, header in self.columns.items()]
        text = "\n".join(lines) + "\n"
        write_file(folder / FILE, lambda part: part.write_text(text, encoding="utf-8"), overwrite=True)

    def with_options(self, options: Mapping[str, Any]) -> Self:
        """Return the same with the time zone and the order of day and month that options of ``load`` set."""
        named = {name: options[name] for name in ("time_zone", "day_first") if options.get(name) not in (None, "UTC")}
        return replace(self, **named)

    def apply(
        self,
        paths: Sequence[Path],
        options: Mapping[str, Any],
        transfers: Transfers,
        read: Callable[[Sequence[Path], dict[str, Any]], Result],
    ) -> Result:
        """Read files with the stored options that fit them, after ``with_options``; other options of ``load`` stay.

        Raises:
            InvitekitError: What ``read`` raises.
        """
        paths, requested = list(paths), options.get("columns") or {}
        how: dict[str, Any] = dict(options) | {"columns": {**self.columns, **requested}}
        how |= {"time_zone": self.time_zone, "day_first": self.day_first}
        while True:
            try:
                return read(paths, how)
            except InvitekitError as error:
                choice = error.choice
                if choice is None:
                    raise
                stale = {name for name in choice.columns if name in how["columns"] and name not in requested}
                if stale:
                    how["columns"] = {name: header for name, header in how["columns"].items() if name not in stale}
                elif choice.kind == "encoding" and self.encoding in choice.options:
                    paths = [as_utf8(path, self.encoding, transfers) if path.name == choice.source else path
                             for path in paths]  # fmt: skip
                else:
                    raise


def as_utf8(path: Path, encoding: str, transfers: Transfers) -> Path:
    """Return a copy of a text file in UTF-8: files may have different encodings, and ``load`` takes one for all."""
    target = transfers.new_file(path.name)
    with (
        path.open(encoding=encoding, errors="replace", newline="") as source,
        target.open("w", encoding="utf-8", newline="") as copy,
    ):
        while block := source.read(_BLOCK):
            copy.write(block)
    return target


def previews(path: Path, encodings: Sequence[str], *, lines: int = 3, length: int = 240) -> list[list[str]]:
    """Return the first lines of a file, decoded in each encoding."""
    with path.open("rb") as file:
        head = file.read(1 << 14)
    return [[line[:length] for line in head.decode(one, "replace").splitlines()[:lines]] for one in encodings]


def _toml(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
