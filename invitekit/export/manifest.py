"""The manifest of an exported file, which describes the file so that it can be verified later."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from invitekit.engine.scratch_dirs import scratch_dir
from invitekit.errors import ChangedError, LeakError, PolicyError, SourceError, raise_alone
from invitekit.export.anonymity import UniquenessReport
from invitekit.export.checks import CHECKS, Expected, verify_file
from invitekit.export.manifest_columns import Column, row_of
from invitekit.export.read_written import READERS
from invitekit.export.transform import ExpectedStats
from invitekit.i18n import _
from invitekit.io.atomic_write import os_reason
from invitekit.io.digest import digest
from invitekit.privacy import Rule
from invitekit.privacy.policy import Level

FORMAT = 1
ENDING = ".manifest.json"
_Count = Annotated[int, Meta(ge=0)]
_Sha256 = Annotated[str, Meta(pattern=r"\A[0-9a-f]{64}\Z")]


class Manifest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The description of an exported file, without paths and values of records.

    Attributes:
        file: Its name.
        sha256: The hash of its bytes.
        rows: Its number of rows.
        level: The level of the policy.
        key_id: The ID of the key of its tokens; None for a key that is not stored.
        purpose: What the export is for, in the user's words.
        filter: The filter of the exported records, without identifying values; None for all records.
        columns: The source, the action and the type of each released column.
        checks: The checks of ``CHECKS`` that it passed.
        nulls: Empty cells, by released column.
        nulled: Masked values and placeholders that were exported as null, by released column.
        uniqueness: How many records are unique, as ``UniquenessReport``.
        remarks: ``drop`` or ``scrub``.
        spreadsheet_safe: Whether CSV was escaped for spreadsheets.
        fewest: The fewest customers of each cell of counts; None for records.
        signature: The signature by the key ``key_id``; None without a stored key.
        created_at: UTC.
        invitekit: The version of invitekit.
        format: The version of the manifest.
    """

    file: str
    sha256: _Sha256
    rows: _Count
    level: Level
    key_id: str | None
    purpose: str | None
    filter: str | None
    columns: Annotated[dict[str, Column], Meta(min_length=1)]
    checks: tuple[str, ...]
    nulls: dict[str, _Count]
    nulled: dict[str, _Count]
    uniqueness: tuple[UniquenessReport, ...]
    remarks: Literal["drop", "scrub"]
    spreadsheet_safe: bool
    fewest: _Count | None
    signature: _Sha256 | None
    created_at: Annotated[dt.datetime, Meta(tz=True)]
    invitekit: str
    format: int

    def text(self) -> str:
        """Return the manifest as JSON."""
        return msgspec.json.format(msgspec.json.encode(self, enc_hook=str), indent=2).decode() + "\n"

    def expected_rows(self) -> tuple[Rule, ...]:
        """Return the rules of the exported columns.

        Raises:
            ValueError, LookupError, TypeError: A column is invalid.
        """
        return tuple(row_of(name, column) for name, column in self.columns.items())


class _AnyVersion(Struct):
    """The field of all versions of the manifest."""

    format: int


def path_of(file: Path) -> Path:
    """Return the path of a file's manifest."""
    return file.with_name(file.name + ENDING)


def verify(path: str | Path) -> Manifest:
    """Check that an exported file is unchanged: its hash, then every check that needs no records.

    Args:
        path: The exported file, with ``NAME.manifest.json`` beside it.

    Raises:
        SourceError: The file or the manifest is missing or cannot be read: the export was not completed.
        ChangedError: The file was changed, or fails a check; this is also a ``LeakError``.
    """
    path = Path(path)
    if path.suffix.lower() not in READERS:
        raise SourceError(
            _("'{name}' is not an export.", name=path.name),
            hint=_("name a file that ends in {known}.", known=tuple(READERS)),
        )
    manifest = _read(path)
    try:
        sha256 = digest(path)
    except OSError as error:
        problem = _("'{name}' cannot be read: {reason}.", name=path.name, reason=os_reason(error))
        raise SourceError(problem, hint=_("check its path and mode.")) from None
    if sha256 != manifest.sha256:
        raise ChangedError("file", "sha256", 1)
    stats = ExpectedStats(rows=manifest.rows, nulls=Counter(manifest.nulls))
    expected = Expected(manifest.expected_rows(), stats, safe=manifest.spreadsheet_safe, fewest=manifest.fewest)
    with scratch_dir() as folder:
        try:
            verify_file(path, expected, Path(folder))
        except LeakError as error:
            raise_alone(ChangedError(error.column, error.check, error.count))
    return manifest


def _read(path: Path) -> Manifest:
    """Read and validate the manifest of a file before trusting it: its values are used to build SQL."""
    manifest_path = path_of(path)
    try:
        content = manifest_path.read_bytes()
        # The fields of another version may differ.
        known = msgspec.json.decode(content, type=_AnyVersion).format == FORMAT
        manifest = msgspec.json.decode(content, type=Manifest) if known else None
        if manifest is not None:
            _check(manifest, path.name)
    except FileNotFoundError:
        raise SourceError(
            _(
                "'{name}' has no manifest: its export was not completed, or the two files were separated.",
                name=path.name,
            ),
            hint=_("put '{name}' beside it, or export again.", name=manifest_path.name),
        ) from None
    except (OSError, ValueError, TypeError, LookupError, RecursionError, PolicyError):
        raise SourceError(
            _("'{name}' is not a readable manifest.", name=manifest_path.name), hint=_("export again.")
        ) from None
    if manifest is None:
        raise SourceError(
            _("'{name}' is of another version of invitekit.", name=manifest_path.name),
            hint=_("check it with that version."),
        )
    return manifest


def _check(manifest: Manifest, name: str) -> None:
    """Check what types cannot express: fields that depend on others, and the rules of columns.

    Raises:
        ValueError: The manifest is invalid.
    """
    is_counted = manifest.fewest is None or manifest.level == "aggregated"
    is_signed = manifest.signature is None or manifest.key_id is not None
    if manifest.file != name or not (is_counted and is_signed) or not CHECKS.keys() >= set(manifest.checks):
        raise ValueError(name)
    manifest.expected_rows()
