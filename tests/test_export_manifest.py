import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import invitekit as ik
from invitekit.errors import SourceError
from invitekit.export import Manifest, verify
from invitekit.export.manifest import FORMAT, path_of

FRAME = pl.DataFrame({"account_name": [f"acct {n}" for n in range(30)], "status": ["expired"] * 30})
FIELDS = list(Manifest.__struct_fields__)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an export; each test writes its own manifest."""
    made = tmp_path_factory.mktemp("export")
    ik.export(FRAME, made / "out.csv")
    (made / "page").write_bytes(path_of(made / "out.csv").read_bytes())
    return made


def manifest_of(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "page").read_text("utf-8"))
    assert list(found) == FIELDS
    return found


def put(folder: Path, page: object) -> Path:
    path_of(folder / "out.csv").write_text(json.dumps(page), "utf-8")
    return folder / "out.csv"


@pytest.mark.parametrize("field", FIELDS)
def test_a_manifest_with_a_missing_field_is_rejected(folder: Path, field: str) -> None:
    page = manifest_of(folder)
    verify(put(folder, page))
    del page[field]
    with pytest.raises(SourceError, match="not a readable manifest"):
        verify(put(folder, page))


@pytest.mark.parametrize("number", [FORMAT + 1, FORMAT - 1, 2**70])
@pytest.mark.parametrize("more", [{}, {"more": 1}, {"checks": ["of another version"]}])
def test_a_manifest_of_another_version_is_reported_as_such(folder: Path, number: int, more: dict[str, Any]) -> None:
    with pytest.raises(SourceError, match=r"another version of invitekit.*check it with that version"):
        verify(put(folder, manifest_of(folder) | {"format": number} | more))


FORMATS: list[dict[str, Any]] = [{"format": number} for number in (True, float(FORMAT), str(FORMAT), None, [FORMAT])]


def test_a_manifest_with_extra_fields_or_an_invalid_version_is_rejected(folder: Path) -> None:
    pages: list[object] = [
        [],
        "manifest",
        1,
        None,
        {},
        *(manifest_of(folder) | wrong for wrong in [{"more": 1}, *FORMATS]),
    ]
    for page in pages:
        with pytest.raises(SourceError, match="not a readable manifest"):
            verify(put(folder, page))
