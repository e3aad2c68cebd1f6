"""Find customers whose newest row may have been rejected, because an older record must not decide."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

import narwhals.stable.v2 as nw

from invitekit.engine.literal_table import literal_table
from invitekit.engine.materialize import collect
from invitekit.i18n import Language, _, translate
from invitekit.model.identity import OWN_ID, address, key, person
from invitekit.model.schema import label

COLUMNS = ("source_file", "source_row", "column", "content", "snapshot_at")
"""The columns of rejected rows that are needed, as ``load`` returns them."""
REJECTED = "_ik_rejected"
_KEY = "_ik_key"
_PORTAL, _ACCOUNT, _EMAIL, _PERSON, _ID = "customer:", "account:", "email:", "person:", "id:"
_NAME = "name:"
_CELLS = re.compile(r"""[,;\t|"'\r\n]+""")
"""The separators of the cells of a row that was not split."""
_MAX_CELLS = 40
"""The most cells of such a row to search."""
_MOBILE_DIGITS = 7
"""The fewest digits of a mobile number."""


def with_rejected(newest: Any, frame: Any, addresses: Any, rejected: Any, language: Language) -> Any:
    """Add ``_ik_rejected``: file and row of a rejected row that may be newer than a customer's newest record, or null.

    Any key in a rejected row matches a customer: the portal's ID, account name, email address, full name with mobile,
    or record ID. A name without any key matches customers that are identified by name and mobile. A row that could not
    be split into columns is searched for these keys. The row may be newer unless its snapshot is older than that of
    the newest record. ``rejected`` has ``COLUMNS`` and may be of any engine.
    """
    rows = collect(rejected.select(*COLUMNS)).rows(named=True)
    rows_by_key = _customer_keys(rows)
    found: dict[str, Mapping[str, Any]] = {}
    if rows_by_key:
        for customer, matched_key, snapshot in _matches(newest, frame, addresses, list(rows_by_key)):
            for row in rows_by_key[matched_key]:
                if snapshot is None or row["snapshot_at"] is None or row["snapshot_at"] >= snapshot:
                    found[customer] = max(found.get(customer, row), row, key=_age)
    if not found:
        return newest.with_columns(nw.lit(None, nw.String).alias(REJECTED))
    labels = [_label(row, language) for row in found.values()]
    table = literal_table(newest, {"_ik_customer": list(found), REJECTED: labels})
    return newest.join(table, on="_ik_customer", how="left")


def _age(row: Mapping[str, Any]) -> tuple[str, str, int]:
    """Return the order of rejected rows, the newest last."""
    return str(row["snapshot_at"] or ""), row["source_file"] or "", row["source_row"] or 0


def _label(row: Mapping[str, Any], language: Language) -> str:
    where = {"file": row["source_file"], "row": row["source_row"]}
    if not row["column"]:
        return translate(_("{file}, row {row}", **where), language)
    column = label(row["column"], language)
    return translate(_("{file}, row {row} ({column})", **where, column=column), language)


def _matches(newest: Any, frame: Any, addresses: Any, keys: list[str]) -> list[tuple[str, str, dt.datetime | None]]:
    """Return each customer that has one of the keys, the key, and the snapshot of the customer's newest record."""
    customer = nw.col("_ik_customer")
    sources = [
        ("", newest, customer),
        (_EMAIL, addresses, nw.col("_ik_address")),
        # A customer with a portal ID is not identified by its account.
        (_ACCOUNT, frame.select("_ik_customer", "account_name").filter(customer.str.starts_with(_PORTAL)),
         key("account_name")),
        (_PERSON, newest, person()),
        (_NAME, newest.filter(customer.str.starts_with(_PERSON)), key("customer_full_name")),
        (_ID, frame, nw.col("record_id")),
    ]  # fmt: skip
    if "portal_customer_id" in frame.collect_schema().names():
        # Several IDs of one account are one ID.
        sources.append((_PORTAL, frame, key("portal_customer_id")))
    pairs = []
    for prefix, records, value in sources:
        # The many records are matched without the prefix.
        if wanted := [one.removeprefix(prefix) for one in keys if one.startswith(prefix)]:
            matched = records.select(customer, value.alias(_KEY)).join(literal_table(frame, {_KEY: wanted}), on=_KEY)
            pairs.append(matched.select(customer, nw.concat_str([nw.lit(prefix), nw.col(_KEY)]).alias(_KEY)))
    pairs = nw.concat(pairs)
    pairs = pairs.join(newest.select("_ik_customer", "snapshot_at"), on="_ik_customer")
    return [tuple(row) for row in collect(pairs.select("_ik_customer", _KEY, "snapshot_at")).rows()]


def _customer_keys(rows: list[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    """Return the keys in rejected rows, normalised for comparison, each with its rows."""
    cells = [(row, one) for row in rows for one in _identifying(row["content"] or "")]
    if not cells:
        return {}
    names = ("portal_customer_id", "account_name", "email", "customer_full_name", "mobile", "record_id")
    columns = {name: [one.get(name) for _row, one in cells] for name in names}
    schema = dict.fromkeys(names, nw.String())
    table = nw.from_dict(columns, schema, backend="polars")
    own_id = nw.when(~nw.col("record_id").str.contains(OWN_ID)).then(nw.col("record_id"))
    has_key = nw.any_horizontal(*(~key(n).is_null() for n in names if n != "customer_full_name"), ignore_nulls=True)
    name_only = nw.when(~has_key).then(key("customer_full_name"))
    prefixed = {_PORTAL: key("portal_customer_id"), _ACCOUNT: key("account_name"), _EMAIL: address(),
                _PERSON: person(), _ID: own_id, _NAME: name_only}  # fmt: skip
    keys = table.select(nw.concat_str([nw.lit(prefix), value]).alias(prefix) for prefix, value in prefixed.items())
    rows_of: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for (row, _one), values in zip(cells, keys.rows(), strict=True):
        for value in values:
            if value is not None:
                rows_of[value].append(row)
    return rows_of


def _identifying(content: str) -> Iterator[Mapping[str, str]]:
    """Yield possible keys of a rejected row: its columns, or combinations of its cells if it was not split."""
    try:
        columns = json.loads(content)
    except ValueError:
        columns = None
    if isinstance(columns, dict):
        yield {name: str(value) for name, value in columns.items()}
        return
    cells = [cell.strip() for cell in _CELLS.split(content) if cell.strip()][:_MAX_CELLS]
    for cell in cells:
        yield dict.fromkeys(("portal_customer_id", "account_name", "email", "record_id"), cell)
        if sum(map(str.isdigit, cell)) >= _MOBILE_DIGITS:
            yield from ({"customer_full_name": name, "mobile": cell} for name in cells if name != cell)
