"""Accept the result of ``load`` where a frame is expected."""

from __future__ import annotations

from typing import Any

import narwhals.stable.v2 as nw

from invitekit.engine.duckdb import connection_of
from invitekit.engine.materialize import is_relation
from invitekit.errors import ArgumentError, SchemaError, database_error
from invitekit.i18n import _


class HasRecords:
    """A value with the frames ``records`` and ``rejects``, such as the result of ``load``."""

    __slots__ = ()

    records: Any
    rejects: Any


def as_frame(records: Any) -> Any:
    """Return the records of the result of ``load``; a frame is returned unchanged.

    Raises:
        WorkspaceError: Their workspace or DuckDB connection is closed.
    """
    frame = records.records if isinstance(records, HasRecords) else records
    if is_relation(frame) and (owner := connection_of(frame)) is not None:
        import duckdb  # noqa: PLC0415 - loaded before, by the relation

        try:
            owner.cursor().close()
        except duckdb.Error as error:
            raise database_error(error) or error from None
    return frame


def as_narwhals(records: Any, *, same_engine: bool = False) -> Any:
    """Convert a user's records to a Narwhals frame.

    Unless ``same_engine``, frames of pandas and Arrow become Polars frames: these engines lack windows and integers
    without a value.

    Raises:
        ArgumentError: It is not a frame.
        SchemaError: Two columns have one name.
    """
    try:
        frame: Any = nw.from_native(as_frame(records))
    except nw.exceptions.DuplicateError:
        raise SchemaError(
            _("Two columns of the records have one name."), hint=_("rename or drop one of them.")
        ) from None
    except TypeError:
        problem = _("Records have the type {kind}, which is not a frame.", kind=type(records).__name__)
        raise ArgumentError(problem, hint=_("pass what load(...) returns.")) from None
    engine = frame.implementation
    if same_engine or not (engine.is_pandas_like() or engine.is_pyarrow()):
        return frame
    import polars as pl  # noqa: PLC0415 - loaded where a frame needs it

    from invitekit.engine.arrow import as_table  # noqa: PLC0415 - pyarrow is loaded where a frame needs it

    return nw.from_native(pl.from_arrow(as_table(frame.to_native())))


def as_narwhals_like(base: Any, records: Any, name: str) -> Any:
    """Convert a user's records to a Narwhals frame that can be joined to a Narwhals frame.

    Args:
        base: The other frame.
        records: The records.
        name: Their argument, for the error.

    Raises:
        ArgumentError: They are not a frame, or of another engine, or in DuckDB of another connection.
    """
    frame = as_narwhals(records)
    natives = [base.to_native(), frame.to_native()]
    connections = [connection_of(native) for native in natives if is_relation(native)]
    alike = type(frame) is type(base) and frame.implementation is base.implementation
    if not alike or len({*map(id, connections)}) > 1:
        raise ArgumentError(
            _("{name} cannot be joined to the records.", name=name),
            hint=_("pass both on the same engine, in DuckDB on the same connection."),
        )
    return frame
