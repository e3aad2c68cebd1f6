"""Prefetch the next item in a background thread."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
_END = object()


def prefetch(items: Iterable[Item]) -> Generator[Item]:
    """Yield the items in order, while another thread computes the next one.

    At most two items are in memory. Closing this generator also closes ``items``; an error replaces its item.
    """
    iterator = iter(items)
    with ThreadPoolExecutor(1, thread_name_prefix="invitekit-prefetch") as worker:
        try:
            following = worker.submit(next, iterator, _END)
            while (item := following.result()) is not _END:
                following = worker.submit(next, iterator, _END)
                yield item  # type: ignore[misc]  # never _END
        finally:
            following.cancel()
            if isinstance(iterator, Generator):
                worker.submit(iterator.close).result()
