"""The manifest beside an exported file: what was done and checked, so that it can be verified later."""

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
    """The description of an exported file, without a path or a value of a record.

    Attributes:
        file: Its name.
        sha256: The hash of its bytes.
        rows: Its number of rows.
        level: The level of the policy.
        key_id: The ID of the key of its tokens; None for one that was not stored.
        purpose: What the export is for, in the user's words.
        filter: The filter of the exported records, without identifying values; None for all.
        columns: By released column: its source, what was done, and what it may contain.
        checks: The checks that it passed, of ``CHECKS``.
        nulls: By released column, empty cells.
        nulled: By released column, values that were masked already or mean nothing.
        uniqueness: How many records are unique, as ``UniquenessReport``.
        remarks: ``drop`` or ``scrub``.
        spreadsheet_safe: Whether CSV was written for spreadsheets.
        fewest: Fewest customers of each cell of counts.
        signature: By the key of ``key_id``; None where no key is stored.
        created_at: UTC.
        invitekit: The version.
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
        """Return the rules of the policy that the columns were exported by.

        Raises:
            ValueError, LookupError, TypeError: No export describes a column like this.
        """
        return tuple(row_of(name, column) for name, column in self.columns.items())


class _AnyVersion(Struct):
    """The field that manifests of all versions have."""

    format: int


def path_of(file: Path) -> Path:
    """Return the path of a file's manifest."""
    return file.with_name(file.name + ENDING)


def verify(path: str | Path) -> Manifest:
    """Check that an exported file is unchanged: its bytes, then every check that needs no records.

    Args:
        path: The exported file; ``NAME.manifest.json`` is beside it. Nothing is written.

    Raises:
        SourceError: File or manifest is missing or cannot be read: the export was not completed.
        ChangedError: The file is another one, or fails a check; it is a ``LeakError`` too.
    """
    path = Path(path)
    if path.suffix.lower() not in READERS:
        raise SourceError(
            _("'{name}' is not an export.", name=path.name),
            hint=_("name a file that ends in {known}.", known=", ".join(READERS)),
        )
    manifest = _read(path)
    try:
        found = digest(path)
    except OSError as error:
        problem = _("'{name}' cannot be read: {reason}.", name=path.name, reason=os_reason(error))
        raise SourceError(problem, hint=_("check its path and mode.")) from None
    if found != manifest.sha256:
        raise ChangedError("file", "sha256", 1)
    stats = ExpectedStats(rows=manifest.rows, nulls=Counter(manifest.nulls))
    expected = Expected(manifest.expected_rows(), stats, safe=manifest.spreadsheet_safe, fewest=manifest.fewest)
    with scratch_dir() as folder:
        try:
            verify_file(path, expected, Path(folder))
        except LeakError as refused:
            raise_alone(ChangedError(refused.column, refused.check, refused.count))
    return manifest


def _read(path: Path) -> Manifest:
    """Read and validate the manifest of a file before trusting it: its values are used to build SQL."""
    page = path_of(path)
    try:
        content = page.read_bytes()
        # The fields of another version may differ.
        known = msgspec.json.decode(content, type=_AnyVersion).format == FORMAT
        found = msgspec.json.decode(content, type=Manifest) if known else None
        if found is not None:
            _check(found, path.name)
    except FileNotFoundError:
        raise SourceError(
            _(
                "'{name}' has no manifest: its export was not completed, or the two files were separated.",
                name=path.name,
            ),
            hint=_("put '{name}' beside it, or export again.", name=page.name),
        ) from None
    except (OSError, ValueError, TypeError, LookupError, RecursionError, PolicyError):
        raise SourceError(_("'{name}' is not a readable manifest.", name=page.name), hint=_("export again.")) from None
    if found is None:
        raise SourceError(
            _("'{name}' is of another version of invitekit.", name=page.name), hint=_("check it with that version.")
        )
    return found


def _check(manifest: Manifest, name: str) -> None:
    """Check what types cannot express: fields that depend on others, and columns as in the policy.

    Raises:
        ValueError: No export writes this.
    """
    is_counted = manifest.fewest is None or manifest.level == "aggregated"
    is_signed = manifest.signature is None or manifest.key_id is not None
    if manifest.file != name or not (is_counted and is_signed) or not CHECKS.keys() >= set(manifest.checks):
        raise ValueError(name)
    manifest.expected_rows()
