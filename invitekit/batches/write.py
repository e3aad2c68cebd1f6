"""A plan to a folder of files: the steps in their order."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from invitekit.batches import output_folder, readme, sheets, verify_written, worklists
from invitekit.batches.columns import Language
from invitekit.batches.worklists import List
from invitekit.errors import ArgumentError
from invitekit.io.atomic_write import publish_folder
from invitekit.planning import ResendRules, agreed_settings, count_decisions


@dataclass(frozen=True, slots=True)
class Written:
    """What was written, without a word of it.

    Attributes:
        paths: Every file, the one to read first at the head.
        customers: Customers to invite again, each in one batch.
        batches: How many batches there are.
        worklists: Rows by work-list (``customer, customer_service, review``); an empty one is not written.
        rows: Rows by file name.
        batch_ids: By which ID a workspace knows each batch, by its number; empty without one.
    """

    paths: tuple[Path, ...]
    customers: int
    batches: int
    worklists: dict[str, int]
    rows: dict[str, int]
    batch_ids: dict[int, str]


def write_batches(
    plan: Any,
    directory: str | os.PathLike[str],
    *,
    as_of: dt.datetime | dt.date | None = None,
    rules: ResendRules | None = None,
    language: Language = "en",
    formats: Sequence[str] = ("csv", "xlsx"),
    overwrite: bool = False,
    batch_ids: Mapping[int, str] | None = None,
) -> Written:
    """Write whom to invite again, batch by batch, and a work-list for each other hand that has to act.

    The files name real customers: they are for the person who clicks in the portal, readable by their
    owner only, and to be deleted after use. They appear together, after what was written has been read
    back and proved: no customer stands in two batches, none is larger than the rules allow, and only
    decisions to resend are in them. ``00_read_me_first.txt`` gets its name last: it says the set is whole.

    Args:
        plan: What ``plan_resends`` gives, of any engine. It is looked at twice: a lazy one is computed twice.
        directory: Made for its owner only if it is missing; what else is in it stays as it is.
        as_of: The time that the plan was made for. The plan holds it: leave it out, or give the same.
        rules: The rules that the plan was made with. The plan holds them too.
        language: Of headers, values and the page to read first: ``en`` or ``zh``. Reasons and next steps
            have the plan's language; reminders and tickets always have both.
        formats: ``csv``, ``xlsx`` or both.
        overwrite: Replace the files of an earlier run, those that this one does not have included.
        batch_ids: What ``Workspace.record_batches`` returned: the page says by which ID each batch is marked as sent.

    Returns:
        ``Written(paths, customers, batches, worklists, rows, batch_ids)``.

    Raises:
        ArgumentError: A language, format or plan that means nothing, several plans in one frame, or ``as_of``
            or ``rules`` that differ from the plan's.
        SchemaError: The plan lacks a column.
        OutputError: The folder or the disk does not allow it, an earlier run's files are in the way, or
            what was written is not what had to be. Nothing is left behind.

    Example:
        >>> import datetime as dt, tempfile
        >>> import polars as pl
        >>> from invitekit import annotate, load, plan_resends
        >>> rows = pl.DataFrame({"Account": ["acme"], "Status": ["Pre-registered"]})
        >>> day = dt.date(2026, 3, 30)
        >>> plan = plan_resends(annotate(load(rows).records, as_of=day), as_of=day)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_batches(plan, folder, formats=["csv"]).rows
        {'batch_01_resend_now.csv': 1}
    """
    _check(language, formats)
    target = output_folder.check(Path(directory), overwrite=overwrite)
    kinds = tuple(dict.fromkeys(formats))
    summary = count_decisions(plan)
    settings = agreed_settings(summary.settings, rules, as_of)
    made = worklists.make(plan, language)
    with output_folder.private_set(target) as folder:
        for one in made:
            for kind in kinds:
                sheets.WRITERS[kind](one, folder / one.file(kind), settings.as_of)
        verify_written.prove(made, folder, kinds, settings.rules, summary.candidates)
        known = dict(batch_ids or {})
        page = readme.text(summary, settings, made, kinds, language=language, batch_ids=known)
        (folder / output_folder.PAGE).write_text(page, encoding="utf-8-sig")
        replaced = output_folder.earlier_files(target, overwrite=overwrite)
        names = publish_folder(folder, target, replaced=replaced)
    return _written(target, names, made, kinds, known)


def _check(language: str, formats: Sequence[str]) -> None:
    languages = get_args(Language)
    if language not in languages:
        raise ArgumentError(f"language is '{language}'.", hint=f"use {' or '.join(map(repr, languages))}.")
    if not formats or isinstance(formats, str) or set(formats) - sheets.WRITERS.keys():
        raise ArgumentError(f"formats is {formats!r}.", hint=f"give some of {', '.join(sheets.WRITERS)} in a list.")


def _written(
    target: Path, names: Sequence[str], made: Sequence[List], kinds: Sequence[str], known: dict[int, str]
) -> Written:
    batches = [one for one in made if one.batch is not None]
    return Written(
        paths=tuple(target / name for name in names),
        customers=sum(one.rows.height for one in batches),
        batches=len(batches),
        worklists={one.who: one.rows.height for one in made if one.batch is None},
        rows={one.file(kind): one.rows.height for one in made for kind in kinds},
        batch_ids=known,
    )
