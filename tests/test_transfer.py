"""Uploads and downloads of the page without a server: which files are stored, and which are refused."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from invitekit.errors import ArgumentError, SourceError
from invitekit.widgets import transfer
from invitekit.widgets.reading import FILE, Reading
from invitekit.widgets.session import Session
from invitekit.widgets.transfer import Transfers
from tests.test_page import Tab, download_request


@pytest.fixture
def transfers() -> Iterator[Transfers]:
    one = Transfers()
    yield one
    one.close()


def test_an_upload_of_an_unexpected_size_is_deleted(transfers: Transfers) -> None:
    incoming = transfers.begin("a.csv", 6)
    incoming.write(b"Acc")
    with pytest.raises(SourceError, match="More bytes"):
        incoming.write(b"ount")
    incoming.abandon()
    incoming = transfers.begin("a.csv", 6)
    incoming.write(b"Accou")
    with pytest.raises(SourceError, match="did not arrive whole"):
        transfers.finish(incoming)
    assert [*transfers.folder.iterdir()] == []


def test_the_number_of_waiting_uploads_is_limited(transfers: Transfers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "MAX_FILES", 2)
    for _ in range(2):
        incoming = transfers.begin("a.csv", 1)
        incoming.write(b"A")
        upload = transfers.finish(incoming)
    with pytest.raises(SourceError, match="Too many files wait"):
        transfers.begin("a.csv", 1)
    assert transfers.take(upload.id, "2026-03-30").name == "a_2026-03-30.csv"
    transfers.begin("a.csv", 1).abandon()  # there is room again
    with pytest.raises(ArgumentError, match="is gone"):
        transfers.take(upload.id)


@pytest.mark.parametrize(
    "text", ["unknown = 1", "day_first = 1", "encoding = true", "[columns]\nstatus = 3", "columns = 'x'"]
)
def test_invalid_reading_options_are_named(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    with pytest.raises(SourceError, match="holds no settings for reading files"):
        Reading.of(tmp_path)


@pytest.mark.parametrize("what", ["rejected", "list", "batch", "export"])
def test_before_files_are_open_there_is_nothing_to_download(tmp_path: Path, what: str) -> None:
    session = Session(tmp_path)
    tab = Tab(session)
    session.receive("page", download_request("r", what, "shown.csv"))
    assert "nothing to download" in tab.until("page", "problem")["problem"]
    session.close()


def test_a_language_without_texts_is_refused_and_opens_no_folder(tmp_path: Path) -> None:
    session = Session(tmp_path)
    tab = Tab(session)
    session.receive("page", {"type": "set_language", "language": "../zh"})
    assert "language" in tab.until("page", "problem")["problem"]
    session.close()
