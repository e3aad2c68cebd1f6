"""The screen's own script, put together from its parts: no build, no network."""

from __future__ import annotations

import re
from importlib.resources import files

_INDENT = re.compile(r"^\s+", re.MULTILINE)
_AROUND = re.compile(r" (=>|===|!==|&&|\|\||\?\?|[-=?:+*/<>]) ")
_AFTER = re.compile(r"([,;{]|(?<=\w):) (?!\$)|(?<=\)) (?=[\w{])|\b(if|for) (?=\()| (?=\})")
_REMARK = re.compile(r"^(?://|/\*\*).*\n| // .*", re.MULTILINE)
_BREAK = re.compile(r"(?<=[;{},])\n")


def script(*names: str) -> str:
    """Give parts of the script as one module, without what only readers need: it is sent to each view."""
    read = "".join(files(__package__).joinpath(name).read_text("utf-8") for name in names)
    bare = _BREAK.sub("", _REMARK.sub("", _INDENT.sub("", read)))
    return _AFTER.sub(r"\1\2", _AROUND.sub(r"\1", bare))


def style(*names: str) -> str:
    """Give parts of the style sheet as one."""
    return "".join(files(__package__).joinpath(name).read_text("utf-8") for name in names)
