"""Check that the extra that a feature needs is installed."""

from __future__ import annotations

from importlib.util import find_spec

from invitekit.errors import InvitekitError
from invitekit.i18n import Message, _


class MissingExtraError(InvitekitError):
    """A part of invitekit needs an extra that is not installed; the message names it."""


def require_extra(extra: str, what: Message, *modules: str) -> None:
    """Check that the libraries of an extra are installed.

    Args:
        extra: The extra, as in ``pip install "invitekit[report]"``.
        what: The sentence that says what needs the extra.
        modules: The top-level modules of the extra, which are not imported.

    Raises:
        MissingExtraError: A module is missing.
    """
    if any(find_spec(module) is None for module in modules):
        raise MissingExtraError(what, hint=_('pip install "invitekit[{extra}]".', extra=extra))
