"""Read a TOML file that a user wrote."""

from __future__ import annotations

import errno
import os
import re
import tomllib
from pathlib import Path
from typing import Any

from invitekit.errors import SourceError, check_path_type
from invitekit.i18n import _
from invitekit.io.atomic_write import os_reason

MAX_BYTES = 1 << 21
"""The largest file: parsing a larger one takes seconds."""
_DEEP_KEY = re.compile(r"""(?:(?:[\w-]{1,200}|"[^"\n]{0,200}"|'[^'\n]{0,200}')[ \t]*\.[ \t]*){32}""")
"""A dotted key with many parts: parsing time grows with the square of their number, up to hours."""


def read_toml(path: str | os.PathLike[str], example: str) -> dict[str, Any]:
    """Read a TOML file; ``example`` is a valid line, for the hint of an error.

    Raises:
        SourceError: It cannot be read, or is not TOML.
    """
    check_path_type(path)
    path = Path(path)
    try:
        return tomllib.loads(_text(path))
    except OSError as error:
        raise SourceError(
            _("'{name}' cannot be read: {reason}.", name=path.name, reason=os_reason(error)),
            hint=_("check its path and mode."),
        ) from None
    except (ValueError, RecursionError) as error:
        reasons = {tomllib.TOMLDecodeError: error, UnicodeDecodeError: _("it is not UTF-8 text")}
        where = reasons.get(type(error), _("it is too large, or too deep"))
        problem = _("'{name}' is not a TOML file ({where}).", name=path.name, where=where)
        raise SourceError(problem, hint=_("write lines such as {example}.", example=example)) from None


def _text(path: Path) -> str:
    """Read the text of a file; raise an error if it is not a regular file, or if it cannot be parsed quickly."""
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
    with path.open(encoding="utf-8-sig") as file:
        text = file.read(MAX_BYTES + 1)
    if len(text) > MAX_BYTES or _DEEP_KEY.search(text):
        raise ValueError(path.name)
    return text
