"""The words of the export panel, in both languages."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

from invitekit.export import GATES
from invitekit.privacy.policy import FEWEST


@cache
def _read() -> dict[str, dict[str, Any]]:
    return tomllib.loads(files(__package__).joinpath("export_words.toml").read_text("utf-8"))


def table(name: str) -> dict[str, Any]:
    """Give a table of the file, as a copy."""
    return dict(_read()[name])


def words(language: str) -> dict[str, Any]:
    """Give what the panel says in a language."""
    return table(f"export_{language}")


def levels(language: str) -> list[dict[str, str]]:
    """Give each level with its name, a word on what it is, and what it means in a sentence."""
    said = words(language)["levels"].items()
    return [
        {"level": level, "name": name, "mark": mark, "says": says.format(fewest=FEWEST)}
        for level, (name, mark, says) in said
    ]


def gates(names: tuple[str, ...], language: str) -> list[str]:
    """Say which checks a file passed."""
    said = GATES if language == "en" else table("gates_zh")
    return [said[name] for name in names]


def key_words(key_id: str | None, level: str, language: str) -> str:
    """Say which key is used at a level, and what that means; None is a key that is thrown away."""
    name = "key_kept" if key_id else "key_thrown"
    said: str = words(language)[name if level == "pseudonymised" else f"{name}_unused"]
    return said.format(id=key_id)
