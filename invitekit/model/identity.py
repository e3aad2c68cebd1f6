"""Identify customers: one ID for all records of a customer, from the keys that the records share."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, TypeVar, cast

import narwhals.stable.v2 as nw

from invitekit.engine.frames import as_narwhals
from invitekit.engine.materialize import collect, count_rows, materialize
from invitekit.model import schema
from invitekit.model.schema import require

Frame = TypeVar("Frame")

ALONE = "row:"
"""The prefix of the ID of a record whose keys do not identify its customer."""
PORTAL = "customer:"
"""The prefix of the ID of a customer whom the portal's own ID identifies."""
_OF_ACCOUNT, _OF_EMAIL, _OF_PERSON = "account:", "email:", "person:"
NEEDED = ("record_id", *schema.NATURAL_KEY, "source_file", "source_row")
OPTIONAL = ("portal_customer_id",)
"""Optional key columns."""
_UNSEEN = "[\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2064\ufeff]"
"""Invisible characters, without escapes, which differ between engines."""
_WHITE = "[ \t\r\n\f\v\u0085\u00a0\u2000-\u200a\u202f\u205f\u3000]"
_ODD = f"{_UNSEEN}|{_WHITE}{_WHITE}|[\t\r\n\f\v\u0085\u00a0\u2000-\u200a\u202f\u205f\u3000]"
"""Matches cells that need normalisation, which are few."""
_FILLED = f"[^{_UNSEEN[1:-1]}{_WHITE[1:-1]}]"
_WRAPPED = "^[<\"']*(?:mailto:)?|[>\"'.;,]+$"
"""Matches the characters that may surround an address."""
OWN_ID = "^r[0-9a-f]{32}$"
"""Matches a record ID that ``load`` derived from the position of a row, which has no meaning in another file."""
_DIGITS = 10
"""The last digits of a mobile number, which are compared."""
_PORTAL, _LEAST, _MOST = "_ik_portal", "_ik_least_portal", "_ik_most_portal"
_ACCOUNT, _EMAIL, _PERSON, _NAME = "_ik_account", "_ik_email", "_ik_person", "_ik_name"
_KEYS = [_ACCOUNT, _EMAIL, _PERSON, _NAME]


def identify(records: Frame) -> Frame:
    """Add ``customer_id``: the same text for all records of one customer (record linkage).

    A customer is identified by the first of these keys: the portal's customer ID, the account name, the email address,
    the full name and mobile number together, the record ID of the file, and last the row itself (``customer_id``
    begins with ``row:``). Case, white space and invisible characters are ignored, and only the last ten digits of a
    mobile number are compared. Masked values are not used, because many customers share them.

    Portal IDs of one account are one ID if no file has two of them: a spreadsheet may have rounded it in one file. A
    record without a portal ID gets the one that its other keys have on other records, if there is exactly one. A record
    without an account name gets the account of its email address, or of its full name and mobile, in the same way. If
    an address without an account has several full names, each of them is a customer. Without an account, addresses with
    the same full name and mobile belong to one customer, transitively.

    Args:
        records: A frame of any engine with the columns of ``schema.RECORD``; ``portal_customer_id`` may be absent.

    Returns:
        The same rows on the same engine, with ``customer_id`` (text, never null).

    Raises:
        SchemaError: A column that is needed is missing.

    Example:
        >>> import polars as pl
        >>> from invitekit import load
        >>> rows = pl.DataFrame({"Account": ["Acme"], "Email": ["a@example.com"], "Status": ["Invited"]})
        >>> identify(load(rows).records)["customer_id"].to_list()
        ['account:acme']
    """
    frame: Any = as_narwhals(records)
    names = frame.collect_schema().names()
    require(names, NEEDED)
    portal = key("portal_customer_id") if "portal_customer_id" in names else nw.lit(None, nw.String)
    frame = frame.with_columns(key("account_name").alias(_ACCOUNT), portal.alias(_PORTAL))
    presence = frame.select(_ik_lacks=nw.col(_ACCOUNT).is_null().any(), _ik_has=(~nw.col(_PORTAL).is_null()).any())
    lacks_account, has_portal_id = collect(presence).rows()[0]
    identified = _by_other_keys(frame, lacks_account=bool(lacks_account))
    if has_portal_id:
        files = [name for name in ("source_file", "snapshot_at") if name in names]
        identified = _by_portal_id(materialize(identified), files)
    return cast("Frame", identified.drop(_PORTAL).to_native())


def _by_portal_id(frame: Any, files: list[str]) -> Any:
    """Set ``customer_id`` to the portal's ID: that of the record, else the only one among the customer's records."""
    known = _portal_ids(frame)
    several = known.filter((nw.col(_LEAST) != nw.col(_MOST)) & nw.col("customer_id").str.starts_with(_OF_ACCOUNT))
    if count_rows(several):
        frame = _merge_portal_ids(frame, several, files)
        known = _portal_ids(frame)
    one = materialize(known.filter(nw.col(_LEAST) == nw.col(_MOST)).select("customer_id", _LEAST))
    frame = frame.join(one, on="customer_id", how="left")
    portal = nw.concat_str([nw.lit(PORTAL), nw.coalesce(_PORTAL, _LEAST)])
    return materialize(frame.with_columns(customer_id=nw.coalesce(portal, "customer_id")).drop(_LEAST))


def _portal_ids(frame: Any) -> Any:
    """Return the lowest and the highest portal ID of each customer that has one."""
    known = frame.filter(~nw.col(_PORTAL).is_null()).group_by("customer_id")
    return materialize(known.agg(nw.col(_PORTAL).min().alias(_LEAST), nw.col(_PORTAL).max().alias(_MOST)))


def _merge_portal_ids(frame: Any, accounts: Any, files: list[str]) -> Any:
    """Replace the portal IDs of each of these accounts by the lowest one (connected components).

    An account with two IDs in one file keeps them. An ID on two accounts of one file is used for an account without
    another ID only. A record without an account name keeps its ID.
    """
    has_both = ~nw.col(_PORTAL).is_null() & ~key("account_name").is_null()
    pairs = materialize(frame.filter(has_both).select("customer_id", _PORTAL, *files).unique())
    links = pairs.join(accounts.select("customer_id"), on="customer_id", how="semi")
    for name in ("customer_id", _PORTAL):
        counted = pairs.group_by(name, *files).agg(_ik_pairs=nw.len())
        links = links.join(counted.filter(nw.col("_ik_pairs") > 1).select(name).unique(), on=name, how="anti")
    lowest = _lowest_linked(materialize(links.select("customer_id", _PORTAL).unique()), _PORTAL, "customer_id")
    of_accounts = links.join(lowest, on=_PORTAL).group_by("customer_id").agg(_ik_lowest=nw.col("_ik_low").min())
    frame = _replace_by_lowest(frame, lowest, _PORTAL).join(of_accounts, on="customer_id", how="left")
    of_account = nw.when(has_both).then(nw.coalesce("_ik_lowest", _PORTAL)).otherwise(nw.col(_PORTAL))
    return materialize(frame.with_columns(of_account.alias(_PORTAL)).drop("_ik_lowest"))


def _by_other_keys(frame: Any, *, lacks_account: bool) -> Any:
    if not lacks_account:  # as in most exports: no other key is needed
        return frame.with_columns(customer_id=nw.concat_str([nw.lit(_OF_ACCOUNT), nw.col(_ACCOUNT)])).drop(_ACCOUNT)
    keys = {_EMAIL: address(), _PERSON: person(), _NAME: key("customer_full_name")}
    frame = _link_accounts(frame.with_columns(**keys))
    record_id = nw.col("record_id")
    row = nw.concat_str([nw.col("source_file"), nw.lit("|"), nw.col("source_row").cast(nw.String)])
    ids = [
        (_OF_ACCOUNT, nw.col(_ACCOUNT)),
        (_OF_EMAIL, nw.col(_EMAIL)),
        (_OF_PERSON, nw.col(_PERSON)),
        ("id:", nw.when(~record_id.str.contains(OWN_ID)).then(record_id)),
        (ALONE, record_id),
        (ALONE, row),
    ]
    texts = [nw.concat_str([nw.lit(prefix), value]) for prefix, value in ids]
    return materialize(frame.with_columns(customer_id=nw.coalesce(*texts, nw.lit(ALONE))).drop(_KEYS))


def key_ids(names: Collection[str]) -> list[Any]:
    """Build the ``customer_id`` that each key of a record stands for, from the key columns that the records have."""
    keys = {
        PORTAL: (("portal_customer_id",), key("portal_customer_id")),
        _OF_ACCOUNT: (("account_name",), key("account_name")),
        _OF_EMAIL: (("email",), address()),
        _OF_PERSON: (("customer_full_name", "mobile"), person()),
    }
    return [nw.concat_str([nw.lit(prefix), value]) for prefix, (used, value) in keys.items() if set(used) <= set(names)]


def used_keys(needed: Iterable[str], names: Collection[str]) -> list[str]:
    """Return the needed columns, and the optional key columns that the records have."""
    return list(dict.fromkeys([*needed, *(name for name in OPTIONAL if name in names)]))


def key(name: str) -> Any:
    """Build the expression of a text column for comparison: normalised, and null if it is masked or empty."""
    value = nw.col(name)
    plain = value.str.replace_all(_UNSEEN, "").str.replace_all(f"{_WHITE}+", " ").str.strip_chars()
    folded = nw.when(value.str.contains(_ODD)).then(plain).otherwise(value).str.to_lowercase()
    return nw.when(~value.str.contains(schema.MASKED) & value.str.contains(_FILLED)).then(folded)


def address() -> Any:
    """Build the expression of an email address for comparison: as ``key``, without surrounding characters."""
    return key("email").str.replace_all(_WRAPPED, "")


def _mobile() -> Any:
    """Build the expression of the last digits of a mobile number, which do not depend on the country prefix."""
    value = nw.col("mobile")
    has_digits = value.str.contains("[0-9]") & ~value.str.contains(schema.MASKED)
    digits = value.str.replace_all("[^0-9]", "").str.tail(_DIGITS)
    return nw.when(has_digits).then(digits).otherwise(key("mobile"))


def person() -> Any:
    """Build the expression of full name and mobile number for comparison; null if one is missing."""
    return nw.concat_str([key("customer_full_name"), nw.lit("|"), _mobile()])


def _link_accounts(frame: Any) -> Any:
    """Fill missing accounts from records with the same other keys, if these have exactly one account.

    Only the distinct combinations of keys are linked, because joining a frame with itself computes it twice.
    """
    original = {name: f"{name}_original" for name in _KEYS}
    frame = frame.with_columns(**{read: nw.col(name).fill_null("") for name, read in original.items()}).drop(_KEYS)
    distinct = frame.group_by(*original.values()).agg().select(*original.values())
    links = distinct.with_columns(**{name: nw.when(nw.col(read) != "").then(read) for name, read in original.items()})
    links = materialize(links)
    for by, to in ((_PERSON, _EMAIL), (_EMAIL, _ACCOUNT), (_PERSON, _ACCOUNT)):
        links = _propagate(links, by, to)
    links = _merge_addresses(materialize(_split_shared_addresses(links)))
    return frame.join(links, on=list(original.values()), how="left").drop(*original.values())


def _split_shared_addresses(links: Any) -> Any:
    """Make a separate customer of each full name that shares an address without an account."""
    without_account = links.filter(nw.col(_ACCOUNT).is_null())
    ends = without_account.group_by(_EMAIL).agg(_ik_low=nw.col(_NAME).min(), _ik_high=nw.col(_NAME).max())
    several = ends.filter(nw.col("_ik_low") != nw.col("_ik_high")).select(_EMAIL, "_ik_low")
    own = nw.when(~nw.col("_ik_low").is_null()).then(nw.concat_str([nw.col(_EMAIL), nw.lit("|"), nw.col(_NAME)]))
    split = links.join(several, on=_EMAIL, how="left").with_columns(nw.coalesce(own, _EMAIL).alias(_EMAIL))
    return split.drop("_ik_low")


def _merge_addresses(links: Any) -> Any:
    """Replace linked addresses of customers without an account by the lowest one (connected components).

    Addresses of the same person (full name and mobile) are linked.
    """
    no_account = nw.col(_ACCOUNT).is_null()
    neighbours = links.filter(no_account & ~nw.col(_EMAIL).is_null() & ~nw.col(_PERSON).is_null())
    ends = neighbours.group_by(_PERSON).agg(_ik_low=nw.col(_EMAIL).min(), _ik_high=nw.col(_EMAIL).max())
    several = ends.filter(nw.col("_ik_low") != nw.col("_ik_high")).select(_PERSON)
    neighbours = materialize(neighbours.select(_EMAIL, _PERSON).unique().join(several, on=_PERSON))
    merged = _replace_by_lowest(links, _lowest_linked(neighbours, _EMAIL, _PERSON), _EMAIL)
    # Records of a person without an address get the address of the person's other records.
    return materialize(_propagate(merged, _PERSON, _EMAIL, among=no_account))


def _lowest_linked(pairs: Any, name: str, by: str) -> Any:
    """Return each key ``name`` with the lowest key that it is linked with, ``_ik_low`` (connected components).

    Of the distinct pairs, keys with the same value of ``by`` are neighbours. Each round takes the lowest key of the
    neighbours, until none changes.
    """
    lowest, changed = pairs.select(name, _ik_low=name).unique(), count_rows(pairs)
    while changed:
        joined = pairs.join(lowest, on=name).with_columns(nw.col("_ik_low").min().over(by))
        lower = joined.group_by(name).agg(nw.col("_ik_low").min())
        # Jump to the lowest key of the lowest key: this halves the rounds for a long chain.
        jump = lowest.select(_ik_low=name, _ik_end="_ik_low")
        lower = lower.join(jump, on="_ik_low").select(name, _ik_low=nw.min_horizontal("_ik_low", "_ik_end"))
        lower = materialize(lower.join(lowest.select(name, _ik_before="_ik_low"), on=name))
        changed = count_rows(lower.filter(nw.col("_ik_low") != nw.col("_ik_before")))
        lowest = lower.select(name, "_ik_low")
    return lowest


def _replace_by_lowest(frame: Any, lowest: Any, name: str) -> Any:
    """Replace each key by the lowest key that it is linked with."""
    joined = frame.join(lowest, on=name, how="left")
    return joined.with_columns(nw.coalesce("_ik_low", name).alias(name)).drop("_ik_low")


def _propagate(frame: Any, by: str, to: str, *, among: Any | None = None) -> Any:
    """Fill a missing key ``to`` from rows with the same ``by`` if these have exactly one; ``among`` limits the rows."""
    known = frame if among is None else frame.filter(among)
    both = known.select(by, to).filter(~nw.col(by).is_null() & ~nw.col(to).is_null())
    ends = both.group_by(by).agg(_ik_low=nw.col(to).min(), _ik_high=nw.col(to).max())
    one = ends.filter(nw.col("_ik_low") == nw.col("_ik_high")).select(by, "_ik_low")
    value = nw.col("_ik_low") if among is None else nw.when(among).then("_ik_low")
    filled = frame.join(one, on=by, how="left").with_columns(nw.coalesce(nw.col(to), value).alias(to))
    return filled.drop("_ik_low")
