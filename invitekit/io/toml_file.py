"""Read a TOML file that a user wrote."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any

from invitekit.errors import SourceError
from invitekit.i18n import _
from invitekit.io.atomic_write import os_reason


def read_toml(path: str | os.PathLike[str], example: str) -> dict[str, Any]:
    """Read a file.

    Args:
        path: The file.
        example: What such a file holds, for the hint of an error.

    Raises:
        SourceError: It cannot be read, or is not TOML.
    """
    path = Path(path)
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise SourceError(
            _("'{name}' cannot be read: {reason}.", name=path.name, reason=os_reason(error)),
            hint=_("check its path and mode."),
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        where = error if isinstance(error, tomllib.TOMLDecodeError) else _("it is not UTF-8 text")
        problem = _("'{name}' is not a TOML file ({where}).", name=path.name, where=where)
        raise SourceError(problem, hint=_("write lines such as {example}.", example=example)) from None
