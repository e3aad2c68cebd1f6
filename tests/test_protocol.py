"""The messages between the browser and Python: both sides know the same ones. What is sent is checked wherever a test
hears it, by ``tests/messages.py``."""

import runpy
from typing import Any

import polars as pl
import pytest

import invitekit as ik
from invitekit.widgets import protocol
from invitekit.widgets.base import by_type
from invitekit.widgets.session import Session
from tests.conftest import ROOT
from tests.messages import check_response

ROWS = pl.DataFrame({"Account": ["acme"], "Status": ["Expired"]})


def test_the_typescript_types_are_generated_from_the_python_messages() -> None:
    written = runpy.run_path(str(ROOT / "frontend" / "write_protocol.py"))["typescript"]()
    assert (ROOT / "frontend" / "src" / "protocol.ts").read_text("utf-8") == written, "Run: make frontend"


@pytest.mark.parametrize(
    ("widget", "requests"),
    [
        (ik.Explorer, protocol.ExplorerRequest),
        (ik.ResendPicker, protocol.PickerRequest),
        (ik.ExportPanel, protocol.ExportRequest),
    ],
)
def test_a_widget_answers_every_request_of_its_screen_and_no_other(widget: Any, requests: Any) -> None:
    screen = widget(ik.load(ROWS).records)
    assert screen._handlers().keys() == by_type(requests).keys()
    screen.stop()


def test_the_page_answers_every_request_and_no_other(tmp_path: Any) -> None:
    session = Session(tmp_path)
    assert session._handlers().keys() == by_type(protocol.PageRequest).keys()
    session.close()


@pytest.mark.parametrize(
    "wrong",
    [
        {"type": "dance"},
        {"type": "customers", "version": 1},
        {"type": "customers", "version": 1, "customers": "569"},
        {"type": "customers", "version": 1, "customers": 569, "of": "invitations"},
        {"type": "state", "version": 1, "unit": "people"},
    ],
)
def test_an_unknown_message_is_an_error(wrong: dict[str, Any]) -> None:
    assert check_response("Explorer", {"type": "customers", "version": 1, "customers": 569})
    with pytest.raises((AssertionError, KeyError)):
        check_response("Explorer", wrong)
