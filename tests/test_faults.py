"""Faults of the machine: bytes that change in a workspace, and processes that are killed at any moment."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.conftest import often

if TYPE_CHECKING:
    from tests.conftest import Run as Done

pytestmark = pytest.mark.slow
Run = Callable[..., "Done"]
CLEAR = ("damaged", "is no DuckDB database", "another version of DuckDB")


def test_a_changed_bit_of_a_workspace_is_one_clear_error_and_never_another_answer(run: Run, memory: Path) -> None:
    whole, dice, refused = memory.read_bytes(), random.Random(20260330), set[str]()
    commands = [("plan", "--as-of", "2026-03-30"), ("workspace", "show"), ("compare",)]
    answers = [run(*words, "-w", memory, "--json").stdout for words in commands]
    for _ in range(often(80)):
        content, place = bytearray(whole), dice.randrange(len(whole))
        content[place] ^= 1 << dice.randrange(8)
        memory.write_bytes(content)
        for words, answer in zip(commands, answers, strict=True):
            done = run(*words, "-w", memory, "--json")
            assert (done.returncode, done.stdout) in {(0, answer), (1, "")}, (place, words)
            assert any(word in done.stderr for word in CLEAR) == bool(done.returncode), (place, done.stderr)
            refused |= {done.stderr[:30]} - {""}
    assert len(refused) > 1, "noticed when it is opened, and when it is read"
