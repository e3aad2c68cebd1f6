"""Prefetch the next item in a background thread."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
_END = object()


def prefetch(items: Iterable[Item]) -> Generator[Item]:
    """Yield the items in order, and compute the next one in another thread meanwhile.

    At most two items are in memory. A caller that stops early closes ``items`` too; an error is raised instead of its
    item.
    """
    coming = iter(items)
    with ThreadPoolExecutor(1, thread_name_prefix="invitekit-prefetch") as worker:
        try:
            following = worker.submit(next, coming, _END)
            while (item := following.result()) is not _END:
                following = worker.submit(next, coming, _END)
                yield item  # type: ignore[misc]  # _END went no further than the line above
        finally:
            following.cancel()
            if isinstance(coming, Generator):
                worker.submit(coming.close).result()
