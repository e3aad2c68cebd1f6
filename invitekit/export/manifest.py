"""The manifest of an exported file, which describes the file so that it can be verified later."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Literal, cast

import msgspec
from msgspec import Meta, Struct, field

from invitekit.engine.scratch_dirs import scratch_dir
from invitekit.errors import ChangedError, LeakError, PolicyError, SourceError, raise_alone
from invitekit.export.anonymity import UniquenessReport
from invitekit.export.checks import CHECKS, Expected, verify_file
from invitekit.export.counts import COUNTS
from invitekit.export.read_written import READERS
from invitekit.export.transform import ExpectedStats
from invitekit.i18n import Message, _
from invitekit.io.atomic_write import os_reason
from invitekit.io.digest import digest
from invitekit.model import schema
from invitekit.privacy import FirstOf, Flag, Form, Key, Level, Range, Rule, Text, Token, Words
from invitekit.privacy.disclosure import STEP
from invitekit.privacy.policy import make_row
from invitekit.privacy.policy_file import HOWS

FORMAT = 1
ENDING = ".manifest.json"
_Count = Annotated[int, Meta(ge=0)]
_Sha256 = Annotated[str, Meta(pattern=r"\A[0-9a-f]{64}\Z")]
_Kind = Literal["words", "token", "range", "date", "flag", "text"]
_SIGNING = "signature of a manifest"
_FORMS: Mapping[type[Form], _Kind] = {
    Words: "words", Token: "token", Range: "range", FirstOf: "date", Flag: "flag", Text: "text",
}  # fmt: skip
_EXPORT_ONLY = (("remarks", "keep", "scrubbed"), *(("", "count", name) for name in COUNTS))
"""Rules of an export that a policy file cannot have."""


class Column(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The action on a column, and its type.

    Attributes:
        source: The column of the records; ``from`` in the file.
        action, how: The action and its variant.
        form: The kind of its type.
        values: The words from a policy file; None for built-in sets, and for words that were chosen from the records.
        prefix, least, most, whole, step, unit: The attributes of ``Token``, ``Range`` and ``FirstOf``.
    """

    source: str = field(name="from")
    action: str
    how: str
    form: _Kind
    values: tuple[str, ...] | None = None
    prefix: str | None = None
    least: int | float | None = None
    most: int | float | None = None
    whole: bool | None = None
    step: int | None = None
    unit: str | None = None


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
        """Return the rules of the exported columns; raises what ``row_of`` does."""
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
    """Check what types cannot express: fields that depend on others, and the rules of columns."""
    is_counted = manifest.fewest is None or manifest.level == "aggregated"
    is_signed = manifest.signature is None or manifest.key_id is not None
    if manifest.file != name or not (is_counted and is_signed) or not CHECKS.keys() >= set(manifest.checks):
        raise ValueError(name)
    manifest.expected_rows()


def describe(row: Rule) -> Column:
    """Describe a rule; with its words only if they are from a policy file."""
    form = cast("Form", row.form)  # only a dropped column has no form
    details = asdict(form)
    if isinstance(form, Words):
        own = make_row(row.column, row.action, row.how).form if row.column in schema.BY_NAME else None
        is_listed = not form.open and form != own
        details = {"values": tuple(sorted(form.values))} if is_listed else {}
    return Column(source=row.column, action=row.action, how=row.how, form=_FORMS[type(form)], **details)


def row_of(name: str, column: Column) -> Rule:
    """Return the rule of a description; words that were chosen from the records are not checked again.

    Raises:
        ValueError: The description is invalid.
        LookupError: There is no such column or action.
        TypeError: A range lacks a number.
    """
    row = Rule(column.source, column.action, column.how, name, _form(column))
    is_known = (row.column, row.action, row.how) in _EXPORT_ONLY or row.how in (HOWS[row.action] or ("",))
    if not is_known or describe(row) != column:
        raise ValueError(name)
    return replace(row, form=Text()) if row.how == "top" else row


def _form(column: Column) -> Form | None:
    """Return the type of a column: from the description for kept and counted ones, else from the policy."""
    if column.how == "scrubbed":
        return Text()
    if column.action == "keep" and column.values is not None:
        return Words(frozenset(column.values))
    if column.action in ("keep", "count") and column.form == "range":
        span = Range(column.least, column.most, whole=column.whole, step=column.step)  # type: ignore[arg-type]
        # Counts are always rounded.
        step = STEP if column.action == "count" else 1
        if span.step != step or (step > 1 and span.least < step) or span.least > span.most:
            raise ValueError(column.source)
        return span
    return make_row(column.source, column.action, column.how).form


def signed(manifest: Manifest, key: Key) -> Manifest:
    """Return a manifest with its signature; a key that is not stored adds none."""
    return msgspec.structs.replace(manifest, signature=_signature(manifest, key)) if key.id else manifest


def describe_signature(manifest: Manifest, key: Key | None) -> Message:
    """Check the signature of a manifest, and describe it in a sentence.

    Args:
        manifest: The result of ``verify``.
        key: The stored key, if any.

    Raises:
        ChangedError: The signature by this key is wrong.
    """
    if manifest.signature is None:
        return _("It is not signed: the bytes are those of the manifest, but anyone could have written both.")
    if key is None or key.id is None or key.id != manifest.key_id:
        return _("It names key {id}, which is not stored here: its signature was not checked.", id=manifest.key_id)
    if not hmac.compare_digest(manifest.signature, _signature(manifest, key)):
        raise ChangedError("manifest", "signature", 1)
    return _("It is signed by key {id}.", id=key.id)


def _signature(manifest: Manifest, key: Key) -> str:
    content = msgspec.json.encode(msgspec.structs.replace(manifest, signature=None), order="sorted", enc_hook=str)
    # Derived with an empty column name, which no column has.
    secret = bytes.fromhex(key.subkey("", _SIGNING).text())
    return hmac.new(secret, content, hashlib.sha256).hexdigest()
