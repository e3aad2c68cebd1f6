"""How much memory a process may still take."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

from invitekit.errors import InvitekitError
from invitekit.i18n import _

_CGROUP = Path("/sys/fs/cgroup")
LEAST_LIMIT = 1_600_000_000
"""Bytes of address space without which no command ends well: Polars would abort the process [measured: 1.2 GB]."""


def address_space() -> int:
    """Return the bytes that this process may address (``ulimit -v``); a huge number without a limit."""
    with contextlib.suppress(ImportError, OSError):  # Windows has no such limit
        import resource  # noqa: PLC0415

        limit = resource.getrlimit(resource.RLIMIT_AS)[0]
        return sys.maxsize if limit == resource.RLIM_INFINITY else limit
    return sys.maxsize


def check_address_space() -> None:
    """Check that the limit of this process lets it work.

    Raises:
        InvitekitError: It is so low that a library would abort the process.
    """
    if (limit := address_space()) < LEAST_LIMIT:
        amounts = {"limit": f"{limit / 1e6:,.0f}", "least": f"{LEAST_LIMIT / 1e6:,.0f}"}
        raise InvitekitError(
            _("This process may use {limit} MB of address space, and needs {least}.", **amounts),
            hint=_("raise the limit, with ulimit -v."),
        )


def free_memory() -> int:
    """Return the bytes of memory that are free on this machine, or within the limits of its container and process."""
    import psutil  # noqa: PLC0415 - loaded only where it is asked

    free = min(int(psutil.virtual_memory().available), address_space() - int(psutil.Process().memory_info().vms))
    with contextlib.suppress(OSError, ValueError):  # no container, or one without a limit
        limit = int((_CGROUP / "memory.max").read_text())
        free = min(free, limit - int((_CGROUP / "memory.current").read_text()))
    return max(free, 0)
