"""The manifest of an export: which ones are refused, and who signed it."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from msgspec.structs import replace

import invitekit as ik
from invitekit.errors import ChangedError, SourceError
from invitekit.export import Manifest, describe_signature, verify
from invitekit.export.manifest import FORMAT, path_of
from invitekit.privacy import Key

KEY, OTHER = Key(bytes(range(32))), Key(bytes(range(1, 33)))
FRAME = pl.DataFrame({
    "account_name": [f"acct {n}" for n in range(30)], "email": [f"{n}@x.example" for n in range(30)],
    "status": ["expired"] * 30, "attempts": [1] * 30,
})  # fmt: skip
FIELDS = list(Manifest.__struct_fields__)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A signed export, and its manifest, which each test replaces."""
    done = ik.export(FRAME, tmp_path_factory.mktemp("export") / "out.csv", key=KEY)
    return done.path, done.manifest.read_text("utf-8")


@pytest.fixture
def file(exported: tuple[Path, str]) -> Path:
    path_of(exported[0]).write_text(exported[1], "utf-8")
    return exported[0]


@pytest.fixture
def made(file: Path) -> Manifest:
    return verify(file)


def put(file: Path, page: object) -> Path:
    path_of(file).write_text(json.dumps(page), "utf-8")
    return file


def manifest_of(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path_of(file).read_text("utf-8"))
    return found


# Invalid manifests

FORGED: tuple[tuple[str, Any], ...] = (
    ("rows", "x"), ("rows", True), ("rows", -1), ("file", "other.csv"), ("created_at", "yesterday"),
    ("checks", ["trust"]),
    ("level", "anonymous"), ("columns", {}), ("columns", []), ("nulls", {"status": "x"}), ("sha256", 3), ("fewest", 3),
    ("spreadsheet_safe", "no"), ("columns.status.form", "anything"), ("columns.status.form", "text"),
    ("columns.status.action", "copy"), ("columns.status.how", "raw"), ("columns.status.values", [1]),
    ("columns.email.form", "text"), ("columns.email.form", "range"), ("columns.attempts.most", "1"),
    ("columns.attempts.least", "(select 0)"), ("columns.attempts.least", float("nan")), ("columns.attempts.more", 1),
    ("columns.email.prefix", "a"), ("uniqueness", [{"unique": 0}]), ("created_at", "2026-03-30"), ("more", 1),
    ("signature", "x"), ("signature", 3), ("key_id", None),
    *(("format", number) for number in (True, float(FORMAT), str(FORMAT), None, [FORMAT])),
)  # fmt: skip


@pytest.mark.parametrize(("field", "value"), FORGED)
def test_an_invalid_manifest_is_rejected(file: Path, field: str, value: Any) -> None:
    told = place = manifest_of(file)
    *path, last = field.split(".")
    for step in path:
        place = place[step]
    place[last] = value
    with pytest.raises(SourceError, match="not a readable manifest"):
        verify(put(file, told))


@pytest.mark.parametrize("page", [[], "manifest", 1, None, {}])
def test_what_is_no_manifest_is_rejected(file: Path, page: object) -> None:
    with pytest.raises(SourceError, match="not a readable manifest"):
        verify(put(file, page))


@pytest.mark.parametrize("field", FIELDS)
def test_a_manifest_with_a_missing_field_is_rejected(file: Path, field: str) -> None:
    page = manifest_of(file)
    assert list(page) == FIELDS
    del page[field]
    with pytest.raises(SourceError, match="not a readable manifest"):
        verify(put(file, page))


@pytest.mark.parametrize("number", [FORMAT + 1, FORMAT - 1, 2**70])
@pytest.mark.parametrize("more", [{}, {"more": 1}, {"checks": ["of another version"]}])
def test_a_manifest_of_another_version_is_reported_as_such(file: Path, number: int, more: dict[str, Any]) -> None:
    with pytest.raises(SourceError, match=r"another version of invitekit.*check it with that version"):
        verify(put(file, manifest_of(file) | {"format": number} | more))


# Signatures


def test_a_manifest_is_signed_by_the_stored_key(file: Path, made: Manifest) -> None:
    assert describe_signature(made, KEY) == f"It is signed by key {KEY.id}."
    assert "was not checked" in describe_signature(made, OTHER)
    assert "was not checked" in describe_signature(made, None)
    assert KEY.text() not in path_of(file).read_text()


def test_without_a_stored_key_a_manifest_is_reported_as_unsigned(tmp_path: Path) -> None:
    made = verify(ik.export(FRAME, tmp_path / "out.csv", key=Key.new(stored=False)).path)
    assert made.signature is None
    assert "is not signed" in describe_signature(made, KEY)


@pytest.mark.parametrize("field", sorted({*FIELDS} - {"key_id"}))
def test_every_field_of_a_manifest_is_signed(made: Manifest, field: str) -> None:
    """All fields are signed, also new ones, except the key of the signature."""
    with pytest.raises(ChangedError, match="signature"):
        describe_signature(replace(made, **{field: "0" * 64}), KEY)


def test_another_key_cannot_sign_with_this_key_id(tmp_path: Path) -> None:
    made = verify(ik.export(FRAME, tmp_path / "out.csv", key=OTHER).path)
    with pytest.raises(ChangedError, match="signature"):
        describe_signature(replace(made, key_id=KEY.id), KEY)


EDITED: tuple[dict[str, object], ...] = (
    {"nulled": {"account_name": 3}}, {"uniqueness": []}, {"created_at": "2026-01-01T00:00:00+00:00"},
    {"checks": ["rows"]},
)  # fmt: skip


@pytest.mark.parametrize("edit", EDITED, ids=lambda edit: next(iter(edit)))
def test_fields_that_no_check_covers_are_protected_by_the_signature(file: Path, edit: dict[str, object]) -> None:
    made = verify(put(file, manifest_of(file) | edit))
    with pytest.raises(ChangedError, match="signature"):
        describe_signature(made, KEY)
    assert "was not checked" in describe_signature(made, OTHER)
