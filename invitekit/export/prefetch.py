"""One step ahead: the next small frame is made on another core while the last one is used."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
_END = object()


def ahead(items: Iterable[Item]) -> Generator[Item]:
    """Yield the items in their order; another thread computes the next one while the caller uses this one.

    No more than two items are held at once. A caller that stops early closes ``items`` with it, and an error
    is raised in place of its item.
    """
    coming = iter(items)
    with ThreadPoolExecutor(1, thread_name_prefix="invitekit-ahead") as worker:
        try:
            following = worker.submit(next, coming, _END)
            while (item := following.result()) is not _END:
                following = worker.submit(next, coming, _END)
                yield item  # type: ignore[misc]  # _END went no further than the line above
        finally:
            following.cancel()
            if isinstance(coming, Generator):
                worker.submit(coming.close).result()
