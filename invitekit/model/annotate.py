"""Annotate records: the meaning of each failure, and the effective status."""

from __future__ import annotations

import datetime as dt
from typing import Any, TypeVar, overload

import narwhals.stable.v2 as nw

from invitekit.engine.datetimes import as_utc, days_between, literal, without_zone
from invitekit.engine.frames import HasRecords, as_narwhals
from invitekit.engine.materialize import collect
from invitekit.errors import SchemaError, check_language
from invitekit.i18n import Language, _
from invitekit.model import schema
from invitekit.model.catalogue import NOT_GIVEN, UNKNOWN_FAILURE, Catalogue, Failure, known_failures

Frame = TypeVar("Frame")

EMAIL_LIFE = dt.timedelta(days=7)
"""How long an email invitation is valid (the portal's Chinese FAQ); a link or QR code has no limit."""
PRE_REGISTRATION_LIFE = dt.timedelta(days=15)
"""How long a pre-registration is valid and exclusive (the portal's manual)."""
_FAILURE_COLUMNS = ("failure_code", "cause", "advice", "suggested_operation", "who_acts", "resend_rule")
_KEY = "_ik_key"
_NO_MESSAGE = "\ue000no message"
"""The key of failed records without a message; no message begins with this private character."""
NEEDED = ("status", "failure_message", "invitation_method", "invited_at", "expires_at", "associated_at")
_INVISIBLE = "\u200b\u2060\ufeff"
"""Invisible characters that are not white space."""
_TYPES: dict[schema.Kind, Any] = {
    "text": nw.String(),
    "code": nw.String(),
    "time": nw.Datetime("us"),
    "integer": nw.Int64(),
    "number": nw.Float64(),
}


@overload
def annotate(
    records: HasRecords,
    *,
    as_of: dt.datetime | dt.date | None = None,
    catalogue: Catalogue | None = None,
    language: Language = "en",
) -> Any: ...
@overload
def annotate(
    records: Frame,
    *,
    as_of: dt.datetime | dt.date | None = None,
    catalogue: Catalogue | None = None,
    language: Language = "en",
) -> Frame: ...
def annotate(
    records: Any,
    *,
    as_of: dt.datetime | dt.date | None = None,
    catalogue: Catalogue | None = None,
    language: Language = "en",
) -> Any:
    """Add the cause and advice of each failure, the effective status and the ages to each record.

    Each distinct message is classified once and joined; nothing is guessed. A failed record without a message gets the
    code ``not_given``, a record whose message is not in the catalogue ``unknown``. The message of an associated record
    is history and is not classified.

    Args:
        records: The result of ``load``, or a frame of any engine (Polars, DuckDB relation, PySpark, ...) with the
            columns of ``schema.RECORD``. Times without a zone are UTC; times with a zone become UTC without an offset,
            independent of the zone of the engine's session.
        as_of: The time for ages and expiry; a date means its midnight UTC, a time without an offset is UTC.
            Default: now.
        catalogue: The known failures; else the built-in ones.
        language: Of ``cause``, ``advice`` and ``suggested_operation``: ``en`` or ``zh``.

    Returns:
        A frame of the same engine with the same rows (in order on Polars; DuckDB and Spark promise no order,
        so sort by ``source_file, source_row`` if it matters),
        and ``failure_code, cause, advice, suggested_operation, who_acts, resend_rule,
        effective_status, age_days, days_to_associate``. ``age_days`` counts whole days from the
        invitation to ``as_of``.

    Raises:
        SchemaError: A required column is missing, duplicated or has values of another type.
        ArgumentError: ``records`` is not a frame; ``language`` or ``as_of`` is not valid.

    Example:
        >>> import polars as pl
        >>> from invitekit import load
        >>> rows = pl.DataFrame({"Account": ["a1"], "Status": ["Association failed"],
        ...                      "Failure Cause": ["The invitation link has expired."]})
        >>> annotate(load(rows))["resend_rule"].to_list()
        ['now']
    """
    check_language(language)
    moment = as_utc(as_of)
    frame = as_narwhals(records, same_engine=True)
    schema.require(frame.collect_schema().names(), NEEDED)
    frame = _typed(frame.drop([c.name for c in schema.ANNOTATED], strict=False))
    frame = _with_failures(frame, known_failures(catalogue), language)
    engine = frame.implementation
    annotated = frame.with_columns(
        effective_status=_effective_status(literal(moment)),
        age_days=days_between(nw.col("invited_at"), literal(moment), engine),
        days_to_associate=days_between(nw.col("invited_at"), nw.col("associated_at"), engine),
    )
    return annotated.to_native()


def _typed(frame: Any) -> Any:
    """Cast each column to the type of its kind: times to UTC without an offset, columns of nulls too."""
    types = frame.collect_schema()
    columns = [c for c in schema.RECORD if c.name in types]
    zoned = [c.name for c in columns if getattr(types[c.name], "time_zone", None)]
    odd = [c for c in columns if not _fits(types[c.name], c.kind)]
    filled = _filled(frame, [c.name for c in odd]) if odd else set()
    changed = {c.name: nw.lit(None, _TYPES[c.kind]) for c in odd if c.name not in filled}
    for column in (c for c in odd if c.name in filled):
        kind = types[column.name]
        if column.kind == "time" and isinstance(kind, nw.Object | nw.Unknown) and isinstance(frame, nw.DataFrame):
            zoned.append(column.name)  # pandas: times of Python, or a zone that is unknown to Narwhals
        else:
            changed[column.name] = _cast(column, kind)
    frame = without_zone(frame, zoned)
    return frame.with_columns(**changed) if changed else frame


def _fits(actual: Any, kind: schema.Kind) -> bool:
    return isinstance(actual, type(_TYPES[kind])) or (kind in ("integer", "number") and actual.is_numeric())


def _filled(frame: Any, names: list[str]) -> set[str]:
    """Return the columns that are not empty."""
    filled = collect(frame.select((~nw.col(name).is_null()).any().alias(name) for name in names))
    return {name for name in names if filled[name].to_list()[0]}


def _cast(column: schema.Column, kind: Any) -> Any:
    """Build the expression that casts a column to its own type.

    Raises:
        SchemaError: It cannot be cast.
    """
    castable = (nw.Date,) if column.kind == "time" else (nw.Categorical, nw.Enum)
    if not isinstance(kind, castable):
        raise SchemaError(
            _("{column} has type {kind}, not {wanted}.", column=column.name, kind=kind, wanted=column.kind),
            hint=_("pass what load(...) returns."),
        )
    return nw.col(column.name).cast(_TYPES[column.kind])


def _with_failures(frame: Any, catalogue: Catalogue, language: Language) -> Any:
    """Classify each distinct message once and join the result; records without a failure get nulls."""
    message = nw.col("failure_message").cast(nw.String)
    # Not unique(), which numbers the rows of each group and takes five times as long.
    distinct = frame.filter(~message.is_null()).select(message.alias(_KEY)).group_by(_KEY).agg().select(_KEY)
    texts = collect(distinct)[_KEY].to_list()
    failures = {text: failure for text in texts if (failure := catalogue.find(text)) is not None}
    empty = [text for text in texts if not text.translate(dict.fromkeys(map(ord, _INVISIBLE))).strip()]
    keys = nw.concat([distinct, frame.head(1).select(nw.lit(_NO_MESSAGE).alias(_KEY))])
    classified = keys.with_columns(**_failure_columns(failures | {_NO_MESSAGE: NOT_GIVEN}, language))
    return frame.with_columns(_key(empty).alias(_KEY)).join(classified, on=_KEY, how="left").drop(_KEY)


def _key(empty: list[str]) -> Any:
    """Build the expression of the key to classify by: the message, or ``_NO_MESSAGE`` of failed records without one."""
    # Cast, because Arrow has two kinds of text and cannot join one with the other.
    status, message = nw.col("status"), nw.col("failure_message").cast(nw.String)
    if empty:
        message = nw.when(~message.is_in(empty)).then(message)
    missing = (status == "association_failed") & message.is_null()
    open_message = nw.when(status != "associated").then(message)
    return nw.when(missing).then(nw.lit(_NO_MESSAGE)).otherwise(open_message)


def _columns_of(failure: Failure, language: Language) -> dict[str, str | None]:
    return {
        "failure_code": failure.code,
        "cause": failure.cause(language),
        "advice": failure.advice(language),
        "suggested_operation": failure.suggested_operation(language),
        "who_acts": failure.who_acts,
        "resend_rule": failure.resend_rule,
    }


def _failure_columns(failures: dict[str, Failure], language: Language) -> dict[str, Any]:
    """Build the expression of each failure column from the key."""
    other = _columns_of(UNKNOWN_FAILURE, language)
    meanings = {text: _columns_of(failure, language) for text, failure in failures.items()}
    return {
        name: nw.col(_KEY).replace_strict(
            list(meanings),
            [meaning[name] for meaning in meanings.values()],
            default=nw.lit(other[name], nw.String),
            return_dtype=nw.String,
        )
        for name in _FAILURE_COLUMNS
    }


def ends_at() -> Any:
    """Build the expression of when an invitation expires: its own date, else 7 days for an email; else null."""
    life = nw.when(nw.col("invitation_method") == "email").then(nw.col("invited_at") + nw.lit(EMAIL_LIFE))
    return nw.coalesce(nw.col("expires_at"), life)


def _effective_status(as_of: Any) -> Any:
    """Build the expression of the effective status: an overdue invitation is expired [assumed: labels may be stale]."""
    over = (nw.col("status") == "invited") & (ends_at() <= as_of)
    return nw.when(over).then(nw.lit("expired")).otherwise(nw.col("status"))
