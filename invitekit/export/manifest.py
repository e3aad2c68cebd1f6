"""The page that comes with an exported file, and lets anybody check later that it is still the proved one."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from invitekit.engine.scratch_dirs import scratch_dir
from invitekit.errors import ChangedError, LeakError, PolicyError, SourceError, raise_alone
from invitekit.export.checks import Expected, prove
from invitekit.export.manifest_schema import KINDS, check, row_of
from invitekit.export.read_written import READERS
from invitekit.export.transform import Seen
from invitekit.io.atomic_write import os_reason
from invitekit.model import schema
from invitekit.privacy import FirstOf, Form, Range, Row, Token, Words
from invitekit.privacy.policy import make_row

FORMAT = 1
ENDING = ".manifest.json"
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Manifest:
    """What is known of an exported file: no path, no value of a record.

    Attributes:
        file: Its name.
        sha256: Of its bytes.
        rows: How many it holds.
        level: Of the policy.
        key_id: Which key made its tokens; None for one that was thrown away.
        purpose: What the export is for, in the user's words.
        filter: Which records were exported, in words that name nobody; None for all.
        columns: By released column: where it is from, what was done, and what may leave.
        gates: The checks that it passed.
        nulls: By released column, empty cells.
        emptied: By released column, values that came masked or stand for nothing.
        alike: How many records can be told apart, as ``Unique``.
        remarks: ``drop`` or ``scrub``.
        spreadsheet_safe: Whether CSV was written for spreadsheets.
        fewest: In counts, customers that each cell has at least.
        signature: By the key of ``key_id``; None where none is kept.
        created_at: UTC.
        invitekit: The version.
        format: Of this page.
    """

    file: str
    sha256: str
    rows: int
    level: str
    key_id: str | None
    purpose: str | None
    filter: str | None
    columns: Mapping[str, Mapping[str, Any]]
    gates: tuple[str, ...]
    nulls: Mapping[str, int]
    emptied: Mapping[str, int] = field(default_factory=dict)
    alike: tuple[Mapping[str, Any], ...] = ()
    remarks: str = "drop"
    spreadsheet_safe: bool = True
    fewest: int | None = None
    signature: str | None = None
    created_at: str = field(default_factory=lambda: dt.datetime.now(dt.UTC).isoformat(timespec="seconds"))
    invitekit: str = field(default_factory=lambda: version("invitekit"))
    format: int = FORMAT

    def text(self) -> str:
        """Give the page as JSON."""
        return json.dumps(asdict(self), ensure_ascii=False, indent=2) + "\n"


def path_of(file: Path) -> Path:
    """Give where a file's manifest stands."""
    return file.with_name(file.name + ENDING)


def digest(path: Path) -> str:
    """Give the SHA-256 of a file's bytes."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            found.update(block)
    return found.hexdigest()


def described(row: Row) -> dict[str, Any]:
    """Describe what a column may hold; words that the records chose are not told, those of a policy file are."""
    kind = next(name for name, form in KINDS.items() if isinstance(row.form, form))
    found: dict[str, Any] = {"from": row.column, "action": row.action, "how": row.how, "form": kind}
    match row.form:
        case Words(values=values, open=False) if row.form != _standard(row):
            found["values"] = sorted(values)
        case Token() | Range() | FirstOf():
            found |= asdict(row.form)
    return found


def verify(path: str | Path) -> Manifest:
    """Check that an exported file is still the proved one: its bytes, then every gate that needs no records.

    Args:
        path: The exported file; ``NAME.manifest.json`` stands beside it. Nothing is written.

    Raises:
        SourceError: File or manifest is missing or cannot be read: the export did not come to its end.
        ChangedError: The file is another one, or a gate refuses it; it is a ``LeakError`` too.
    """
    path = Path(path)
    if path.suffix.lower() not in READERS:
        raise SourceError(f"'{path.name}' is no export.", hint=f"name a file that ends in {', '.join(READERS)}.")
    manifest = _read(path)
    try:
        found = digest(path)
    except OSError as error:
        problem = f"'{path.name}' cannot be read: {os_reason(error)}."
        raise SourceError(problem, hint="check its path and mode.") from None
    if found != manifest.sha256:
        raise ChangedError("file", "sha256", 1)
    rows = tuple(row_of(name, told) for name, told in manifest.columns.items())
    seen = Seen(rows=manifest.rows, nulls=Counter(manifest.nulls))
    expected = Expected(rows, seen, safe=manifest.spreadsheet_safe, fewest=manifest.fewest)
    with scratch_dir() as folder:
        try:
            prove(path, expected, Path(folder))
        except LeakError as refused:
            raise_alone(ChangedError(refused.column, refused.gate, refused.count))
    return manifest


def _standard(row: Row) -> Form | None:
    """Give the form that the policy's own row has; None for a column that only a policy file names."""
    return make_row(row.column, row.action, row.how).form if row.column in schema.BY_NAME else None


def _read(path: Path) -> Manifest:
    page = path_of(path)
    try:
        found = json.loads(page.read_text("utf-8"))
        told = found["format"]
        # What another version writes is not looked at: it may have other fields.
        known = None if type(told) is int and told != FORMAT else _believed(found, path.name)
    except FileNotFoundError:
        raise SourceError(
            f"'{path.name}' has no manifest: its export did not come to its end, or they were parted.",
            hint=f"put '{page.name}' beside it, or export again.",
        ) from None
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError, PolicyError):
        raise SourceError(f"'{page.name}' is no manifest that can be read.", hint="export again.") from None
    if known is None:
        raise SourceError(f"'{page.name}' is of another version of invitekit.", hint="check it with that version.")
    return known


def _believed(found: dict[str, Any], name: str) -> Manifest:
    check(found, name)
    return Manifest(**found)
