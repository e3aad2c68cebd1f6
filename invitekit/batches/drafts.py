"""Build reminders that are ready to send: a draft for each customer who has to act, and a table for a mail merge."""

from __future__ import annotations

from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from pathlib import Path
from typing import Any, cast

import narwhals.stable.v2 as nw
import polars as pl

from invitekit.batches import message_templates
from invitekit.batches.message_templates import Templates
from invitekit.batches.worklists import WorkList, lay_out
from invitekit.engine.frames import as_narwhals
from invitekit.model.identity import address
from invitekit.privacy.actions import country

COLUMNS = ("Draft", "Email", "Customer", "Account Manager", "Language", "Subject", "Body")
"""The columns of the mail merge; mail programs look for fields by these names."""
_ADDRESS = r"^[^\s@,;:<>()\[\]\\\x22]+@[^\s@,;:<>()\[\]\\\x22]+\.[^\s@,;:<>()\[\]\\\x22]+$"
_CHINESE = ("China", "Hong Kong SAR China", "Macao SAR China", "Taiwan")
"""Customers in these countries get their reminder in Chinese [assumed]."""


def build(worklist: WorkList, shared: list[str], templates: Templates) -> pl.DataFrame:
    """Build a reminder for each customer with an address that is not masked and that no other customer has.

    Args:
        worklist: The customers who have to act.
        shared: Addresses that several customers have: a reminder would name one customer to another.
        templates: The messages.

    Returns:
        ``COLUMNS``, in the order of the work list. A customer in Greater China, or with a name in Chinese
        characters, gets the reminder in Chinese, any other in English [assumed].
    """
    records: Any = nw.from_native(cast("Any", worklist.records))
    rows = cast("pl.DataFrame", records.with_columns(_email=address()).to_native())
    rows = rows.filter(pl.col("_email").str.contains(_ADDRESS) & ~pl.col("_email").is_in(shared))
    names = pl.concat_str("customer_name", "customer_full_name", ignore_nulls=True)
    is_chinese = pl.col("_country").is_in(_CHINESE) | names.str.contains(r"\p{Han}")
    rows = rows.with_columns(_country=country(rows["country"]).cast(pl.String))
    rows = rows.with_columns(
        _language=pl.when(is_chinese.fill_null(value=False)).then(pl.lit("zh")).otherwise(pl.lit("en"))
    )
    parts = {"Subject": message_templates.subject, "Body": message_templates.body}
    in_english = pl.col("_language") == "en"
    messages = {
        name: pl.when(in_english)
        .then(part(worklist.who, "en", templates))
        .otherwise(part(worklist.who, "zh", templates))
        for name, part in parts.items()
    }
    number = pl.int_range(1, pl.len() + 1).cast(pl.String).str.zfill(4)
    return rows.select(
        pl.concat_str(pl.lit("reminder_"), number, pl.lit(".eml")).alias("Draft"),
        pl.col("_email").alias("Email"),
        pl.coalesce("customer_full_name", "customer_name", "account_name").alias("Customer"),
        pl.col("account_manager").alias("Account Manager"),
        pl.col("_language").alias("Language"),
        **messages,
    )


def shared_addresses(plan: Any) -> list[str]:
    """Return the normalised email addresses that several customers of a plan have."""
    frame: Any = as_narwhals(plan)
    pairs = frame.select(_email=address(), _customer=nw.coalesce("customer_id", "record_id"))
    by_address = pairs.filter(~nw.col("_email").is_null()).group_by("_email")
    customers = by_address.agg(_first=nw.col("_customer").min(), _last=nw.col("_customer").max())
    several = customers.filter(nw.col("_first") != nw.col("_last")).select("_email")
    return cast("list[str]", several.lazy().collect("polars")["_email"].to_list())


def write_drafts(reminders: pl.DataFrame, folder: Path) -> None:
    """Write each reminder as an ``.eml`` file that a mail program opens as a draft: ``X-Unsent: 1``, and no sender."""
    for row in reminders.iter_rows(named=True):
        message = EmailMessage(policy=SMTP if row["Email"].isascii() else SMTPUTF8)
        message["To"], message["Subject"], message["X-Unsent"] = row["Email"], row["Subject"], "1"
        message.set_content(row["Body"])
        (folder / row["Draft"]).write_bytes(bytes(message))


def merge_list(reminders: pl.DataFrame) -> WorkList:
    """Build the table for a mail merge, a row for each reminder."""
    return lay_out("mail_merge", "customer", reminders, COLUMNS, reminders, messages=1)
