"""The words of the export panel, and the values that its examples are made of."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

from invitekit.export import GATES
from invitekit.i18n import read_texts, translate
from invitekit.privacy.policy import FEWEST


@cache
def made_up() -> dict[str, Any]:
    """Return a value of each column that nobody has."""
    return tomllib.loads(files(__package__).joinpath("made_up.toml").read_text("utf-8"))


@cache
def words(language: str) -> dict[str, Any]:
    """Return what the panel says in a language."""
    return read_texts(__package__, "export_words.toml", language)


def levels(language: str) -> list[dict[str, str]]:
    """Return each level with its name, a word on what it is, and what it means in a sentence."""
    said = words(language)["levels"].items()
    return [
        {"level": level, "name": name, "mark": mark, "says": says.format(fewest=FEWEST)}
        for level, (name, mark, says) in said
    ]


def gates(names: tuple[str, ...], language: str) -> list[str]:
    """Return which checks a file passed, in words."""
    return [translate(GATES[name], language) for name in names]


def key_words(key_id: str | None, level: str, language: str) -> str:
    """Return which key is used at a level, and what that means, in words; None is a key that is thrown away."""
    name = "key_kept" if key_id else "key_thrown"
    said: str = words(language)[name if level == "pseudonymised" else f"{name}_unused"]
    return said.format(id=key_id)
