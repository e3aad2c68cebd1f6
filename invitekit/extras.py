"""The extras of the installation: what needs more libraries than the core says so in one line that names the extra."""

from __future__ import annotations

from importlib.util import find_spec

from invitekit.errors import InvitekitError


class MissingExtraError(InvitekitError):
    """A part of invitekit needs an extra that is not installed; the message names it."""


def require_extra(extra: str, what: str, *modules: str) -> None:
    """Check that the libraries of an extra are installed.

    Args:
        extra: The extra, as in ``pip install "invitekit[report]"``.
        what: What needs it, the first words of the message.
        modules: The top-level modules that have to be there; none is imported.

    Raises:
        MissingExtraError: One is missing.
    """
    if any(find_spec(module) is None for module in modules):
        raise MissingExtraError(f"{what} more libraries.", hint=f'pip install "invitekit[{extra}]".')
