"""Take the records of what ``load`` returned, where a frame is wanted."""

from __future__ import annotations

from typing import Any

import narwhals.stable.v2 as nw

from invitekit.engine.duckdb import connection_of
from invitekit.engine.materialize import is_relation
from invitekit.errors import ArgumentError, SchemaError, database_error
from invitekit.i18n import _


class HasRecords:
    """A value whose ``records`` and ``rejects`` are frames: what ``load`` returns."""

    __slots__ = ()

    records: Any
    rejects: Any


def as_frame(records: Any) -> Any:
    """Return the records of what ``load`` returned; a frame stays as it is.

    Raises:
        WorkspaceError: They are in a workspace, or on a DuckDB connection, that is closed.
    """
    frame = records.records if isinstance(records, HasRecords) else records
    if is_relation(frame) and (owner := connection_of(frame)) is not None:
        import duckdb  # noqa: PLC0415 - loaded before, by the relation

        try:
            owner.cursor().close()
        except duckdb.Error as error:
            raise database_error(error) or error from None
    return frame


def as_narwhals(records: Any) -> Any:
    """Return what a user passed as a Narwhals frame.

    Args:
        records: A frame of any engine, or what ``load`` returned.

    Raises:
        ArgumentError: It is not a frame.
        SchemaError: Two columns have one name.
    """
    try:
        return nw.from_native(as_frame(records))
    except nw.exceptions.DuplicateError:
        raise SchemaError(
            _("Two columns of the records have one name."), hint=_("rename or drop one of them.")
        ) from None
    except TypeError:
        raise ArgumentError(
            _("Records are of the type {kind}, which is no frame.", kind=type(records).__name__),
            hint=_("pass what load(...) returns."),
        ) from None
