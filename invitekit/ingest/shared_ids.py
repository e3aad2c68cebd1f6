"""Find Customer IDs that one file has on several accounts: such rows count as one customer, maybe by mistake."""

from __future__ import annotations

from typing import Any

import narwhals.stable.v2 as nw

from invitekit.engine.materialize import collect
from invitekit.i18n import Message, _, ngettext
from invitekit.model import schema
from invitekit.model.identity import key

_FILE = ("source_file", "snapshot_at")


def note_on_shared_ids(records: Any) -> Message | None:
    """Return the note on Customer IDs that are on several account names of one file; None if there are none.

    Args:
        records: The loaded records, of any engine. Masked values are not compared.
    """
    keys = nw.from_native(records).select(*_FILE, _ik_id=key("portal_customer_id"), _ik_account=key("account_name"))
    filled = keys.filter(~nw.col("_ik_id").is_null() & ~nw.col("_ik_account").is_null())
    ids = filled.group_by(*_FILE, "_ik_id").agg(
        _ik_low=nw.col("_ik_account").min(), _ik_high=nw.col("_ik_account").max(), _ik_rows=nw.len()
    )
    shared = ids.filter(nw.col("_ik_low") != nw.col("_ik_high"))
    found = collect(shared.select(_ik_ids=nw.len(), _ik_rows=nw.col("_ik_rows").sum())).rows()
    ((count, rows),) = found
    if not count:
        return None
    note = ngettext(
        "{n:,} ID of a file is on several account names ({rows:,} rows), which count as one customer. If these are "
        "different customers, the ID lost its last digits in a spreadsheet or is that of a group: export again with "
        "the column as text, or leave the column out.",
        "{n:,} IDs of a file are on several account names each ({rows:,} rows), which count as one customer. If these "
        "are different customers, the IDs lost their last digits in a spreadsheet or are those of groups: export again "
        "with the column as text, or leave the column out.",
        count,
        rows=rows,
    )
    return _("{column}: {note}", column=schema.label_in_message("portal_customer_id"), note=note)
