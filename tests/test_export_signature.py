import json
from pathlib import Path

import polars as pl
import pytest
from msgspec.structs import replace

import invitekit as ik
from invitekit.errors import ChangedError, SourceError
from invitekit.export import Manifest, describe_signature, verify
from invitekit.export.manifest import path_of
from invitekit.privacy import Key

KEY, OTHER = Key(bytes(range(32))), Key(bytes(range(1, 33)))
FRAME = pl.DataFrame({"account_name": [f"acct {n}" for n in range(30)], "status": ["expired"] * 30})


def exported(folder: Path, key: Key) -> Manifest:
    return verify(ik.export(FRAME, folder / "out.csv", key=key).path)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    return exported(tmp_path_factory.mktemp("signed"), KEY)


def test_a_manifest_is_signed_by_the_stored_key(tmp_path: Path) -> None:
    made = exported(tmp_path, KEY)
    assert describe_signature(made, KEY) == f"It is signed by key {KEY.id}."
    assert "was not checked" in describe_signature(made, OTHER)
    assert "was not checked" in describe_signature(made, None)
    assert KEY.text() not in path_of(tmp_path / "out.csv").read_text()


def test_without_a_stored_key_a_manifest_is_reported_as_unsigned(tmp_path: Path) -> None:
    made = exported(tmp_path, Key.new(stored=False))
    assert made.signature is None
    assert "is not signed" in describe_signature(made, KEY)


@pytest.mark.parametrize(
    "changed", [{"purpose": "another"}, {"rows": 31}, {"sha256": "0" * 64}, {"signature": "0" * 64}]
)
def test_a_manifest_changed_after_signing_is_rejected(made: Manifest, changed: dict[str, object]) -> None:
    with pytest.raises(ChangedError, match="signature"):
        describe_signature(replace(made, **changed), KEY)


def test_another_key_cannot_sign_with_this_key_id(tmp_path: Path) -> None:
    with pytest.raises(ChangedError, match="signature"):
        describe_signature(replace(exported(tmp_path, OTHER), key_id=KEY.id), KEY)


@pytest.mark.parametrize("field", sorted({*Manifest.__struct_fields__} - {"key_id", "signature"}))
def test_every_field_of_a_manifest_is_signed(made: Manifest, field: str) -> None:
    """All fields are signed, also new ones, except the signature and its key."""
    with pytest.raises(ChangedError, match="signature"):
        describe_signature(replace(made, **{field: "another"}), KEY)


EDITED: tuple[dict[str, object], ...] = (
    {"nulled": {"account_name": 3}}, {"uniqueness": []}, {"created_at": "2026-01-01T00:00:00+00:00"},
    {"checks": ["rows"]},
)  # fmt: skip


@pytest.mark.parametrize("edit", EDITED, ids=lambda edit: next(iter(edit)))
def test_fields_that_no_check_covers_are_protected_by_the_signature(tmp_path: Path, edit: dict[str, object]) -> None:
    exported(tmp_path, KEY)
    page = path_of(tmp_path / "out.csv")
    page.write_text(json.dumps(json.loads(page.read_text("utf-8")) | edit), "utf-8")
    made = verify(tmp_path / "out.csv")
    with pytest.raises(ChangedError, match="signature"):
        describe_signature(made, KEY)
    assert "was not checked" in describe_signature(made, OTHER)


@pytest.mark.parametrize("wrong", [{"signature": "x"}, {"signature": 3}, {"key_id": None}])
def test_an_invalid_signature_field_is_rejected(tmp_path: Path, wrong: dict[str, object]) -> None:
    exported(tmp_path, KEY)
    page = path_of(tmp_path / "out.csv")
    page.write_text(json.dumps(json.loads(page.read_text()) | wrong))
    with pytest.raises(SourceError, match="not a readable manifest"):
        verify(tmp_path / "out.csv")
