"""One source on its way into the staging table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from invitekit.load.headers import Headers
from invitekit.load.table import Table
from invitekit.model import schema

READ = tuple(c for c in schema.RECORD if c.name not in schema.DERIVED)
TIMES = tuple(c.name for c in READ if c.kind == "time")
CODES = tuple(c.name for c in READ if c.kind == "code")
IDENTIFYING = ("record_id", "account_name", "email", "customer_full_name", "customer_name", "mobile")


@dataclass
class Intake:
    """One source on its way into the staging table, and what was found on the way."""

    number: int
    table: Table
    headers: Headers
    first_rowid: int = 0
    rows_read: int = 0
    forms: dict[str, str | None] = field(default_factory=dict)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)


def extra_names(intakes: Sequence[Intake]) -> list[str]:
    """Name the extra columns of all sources, each once; names differ in more than case."""
    names: dict[str, str] = {}
    for intake in intakes:
        for name in intake.headers.extra.values():
            names.setdefault(name.casefold(), name)
    return list(names.values())


def raw_column(name: str) -> str:
    """Name the staging column that keeps a time's text until it is read."""
    return f"_ik_raw_{name}"


def staged_names(intakes: Sequence[Intake]) -> list[str]:
    """Name the schema columns that any source has, in the schema's order."""
    present = {name for intake in intakes for name in intake.headers.canonical.values()}
    return [column.name for column in READ if column.name in present]
