"""Whose record is it: one identity for each customer over all of its records."""

from __future__ import annotations

from typing import Any, TypeVar, cast

import narwhals.stable.v2 as nw

from invitekit import schema
from invitekit.errors import SchemaError

Frame = TypeVar("Frame")

ALONE = "row:"
"""How the identity of a record begins that cannot be told to belong with any other."""
NEEDED = ("record_id", *schema.NATURAL_KEY, "source_file", "source_row")
OWN_ID = "^r[0-9a-f]{32}$"
"""A record ID that the loader made from the place of a row: it means nothing in another file."""
_ACCOUNT, _EMAIL, _PERSON = "_ik_account", "_ik_email", "_ik_person"


def identify(records: Frame) -> Frame:
    """Add ``customer_id``: the same text for all records of one customer, another for every other.

    The account name tells customers apart, else the email address, else full name and mobile
    together; letters' case means nothing. A record without an account name
    gets the one that its email address, or its full name and mobile, has on all other records, if
    that is one only. A masked value is shared by many and is not used: what is left without any
    key is known by the file's own ID, else by its row alone (``customer_id`` begins with ``row:``).

    Args:
        records: A frame of any engine with the columns of ``schema.RECORD``.

    Returns:
        The same rows on the same engine, with ``customer_id`` (text, never null).

    Raises:
        SchemaError: A column that is needed is missing.

    Example:
        >>> import polars as pl
        >>> from invitekit import load
        >>> rows = pl.DataFrame({"Account": ["Acme"], "Email": ["a@example.com"], "Status": ["Invited"]})
        >>> identify(load(rows).records).pl()["customer_id"].to_list()
        ['account:acme']
    """
    frame: Any = nw.from_native(cast("Any", records))
    require(frame.collect_schema().names(), NEEDED)
    frame = frame.with_columns(key("account_name").alias(_ACCOUNT))
    ids = [nw.concat_str([nw.lit("account:"), nw.col(_ACCOUNT)])]
    # Most exports name every account: then no other key is looked at.
    if frame.select(_ik_lacks=nw.col(_ACCOUNT).is_null().any()).lazy().collect("pyarrow")["_ik_lacks"].to_list()[0]:
        frame = _linked(frame.with_columns(**{_EMAIL: key("email"), _PERSON: _person()}))
        ids += _other_ids()
    named = frame.with_columns(customer_id=nw.coalesce(*ids, nw.lit(ALONE)))
    return cast("Frame", named.drop([_ACCOUNT, _EMAIL, _PERSON], strict=False).to_native())


def _other_ids() -> list[Any]:
    own_id = nw.when(~nw.col("record_id").str.contains(OWN_ID)).then(nw.col("record_id"))
    row = nw.concat_str([nw.col("source_file"), nw.lit("|"), nw.col("source_row").cast(nw.String)])
    keys = [("email:", _EMAIL), ("person:", _PERSON)]
    ids = [nw.concat_str([nw.lit(prefix), nw.col(name)]) for prefix, name in keys]
    ids += [nw.concat_str([nw.lit("id:"), own_id])]
    return ids + [nw.concat_str([nw.lit(ALONE), value]) for value in (nw.col("record_id"), row)]


def require(names: list[str], needed: tuple[str, ...]) -> None:
    """Refuse records that lack a column.

    Raises:
        SchemaError: Naming what is missing, and which step adds it.
    """
    missing = [name for name in needed if name not in names]
    if missing:
        later = {column.name for column in schema.ANNOTATED} & set(missing)
        hint = "pass what annotate(...) gives." if later else "pass what load(...) gives, or add the columns as nulls."
        raise SchemaError(f"Records lack {', '.join(missing)}.", hint=hint)


def key(name: str) -> Any:
    """The expression by which a column is compared: without case, and null where it is masked or empty."""
    value = nw.col(name)
    hidden = nw.any_horizontal(*(value.str.contains(m, literal=True) for m in schema.MASK_MARKS), ignore_nulls=True)
    folded = value.str.to_lowercase()
    return nw.when(~hidden & (folded != "")).then(folded)


def _person() -> Any:
    return nw.concat_str([key("customer_full_name"), nw.lit("|"), key("mobile")])


def _linked(frame: Any) -> Any:
    """Give records without an account the one that their other keys lead to, where there is one only."""
    frame = _led(frame, _PERSON, _EMAIL)
    frame = _led(frame, _EMAIL, _ACCOUNT)
    return _led(frame, _PERSON, _ACCOUNT)


def _led(frame: Any, by: str, to: str) -> Any:
    """Fill a key where another leads to exactly one value of it."""
    both = frame.select(by, to).filter(~nw.col(by).is_null() & ~nw.col(to).is_null())
    ends = both.group_by(by).agg(_ik_low=nw.col(to).min(), _ik_high=nw.col(to).max())
    one = ends.filter(nw.col("_ik_low") == nw.col("_ik_high")).select(by, "_ik_low")
    filled = frame.join(one, on=by, how="left").with_columns(nw.coalesce(nw.col(to), nw.col("_ik_low")).alias(to))
    return filled.drop("_ik_low")
