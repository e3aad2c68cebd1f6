"""A workspace's life: opened, used, closed; what it says of itself are counts."""

from __future__ import annotations

import contextlib
import html
import os
from collections.abc import Iterator
from types import TracebackType
from typing import Self

import duckdb

from invitekit.errors import WorkspaceError, many
from invitekit.load.sql import run
from invitekit.workspace.database import Shared, share
from invitekit.workspace.relations import counts
from invitekit.workspace.transactions import private_files, transaction


class Opened:
    """An open workspace file, with a connection of its own."""

    def __init__(
        self, path: str | os.PathLike[str] = "invitekit.duckdb", *, read_only: bool = False, make: bool = True
    ) -> None:
        self._shared: Shared | None = share(path, read_only=read_only, make=make)
        self._cursor = self._shared.con.cursor()
        run(self._cursor, "set TimeZone = 'UTC'")
        run(self._cursor, "set enable_progress_bar = false")
        self.path = self._shared.path
        self.read_only = read_only

    def close(self) -> None:
        """Close the file and let others have it; its relations cannot be looked at any more."""
        if self._shared is not None:
            with private_files():
                self._cursor.close()
                self._shared = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def _con(self) -> duckdb.DuckDBPyConnection:
        if self._shared is None:
            raise WorkspaceError(f"'{self.path.name}' is closed.", hint="open it again: Workspace(...).")
        return self._cursor

    def _to_write(self) -> duckdb.DuckDBPyConnection:
        """Give the connection, if it may write."""
        con = self._con
        if self.read_only:
            raise WorkspaceError(
                f"'{self.path.name}' is open for reading only; nothing was written.",
                hint="close it, and open it for writing.",
            )
        return con

    @contextlib.contextmanager
    def _writing(self) -> Iterator[duckdb.DuckDBPyConnection]:
        con = self._to_write()
        with transaction(con):
            yield con

    def __repr__(self) -> str:
        if self._shared is None:
            return f"Workspace '{self.path.name}' (closed)"
        n = counts(self._con)
        mode = " (read-only)" if self.read_only else ""
        rows = f"{n['rows_read']:,} rows read = {n['records']:,} records + {n['rejects']:,} rejects"
        sent = f"{many(n['batches'], 'batch', 'batches')} logged ({many(n['resends'], 'resend')})"
        rest = f"{many(n['marks'], 'mark')}, {many(n['exports'], 'export')}"
        return f"Workspace '{self.path.name}'{mode}: {many(n['files'], 'file')}, {rows}; {sent}, {rest}"

    def _repr_html_(self) -> str:
        first, _, rest = repr(self).partition(": ")
        return f"<p><b>{html.escape(first)}</b><br>{html.escape(rest)}</p>"
