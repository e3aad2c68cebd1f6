"""Write a plan as a folder of files."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from invitekit.batches import (
    by_manager,
    calendar_file,
    drafts,
    output_folder,
    readme,
    sheets,
    verify_written,
    worklists,
)
from invitekit.batches.message_templates import Templates, read_templates
from invitekit.batches.readme import Extra
from invitekit.batches.worklists import WorkList
from invitekit.errors import ArgumentError, check_choice, check_language, check_path_type, check_type
from invitekit.i18n import Language, _
from invitekit.io.atomic_write import publish_folder
from invitekit.planning import ResendRules, agreed_settings, count_decisions

By = Literal["account_manager"]
CalendarTexts = Literal["counts", "names"]


@dataclass(frozen=True, slots=True)
class Written:
    """What was written, without its contents.

    Attributes:
        paths: Every file; the read-me comes first.
        customers: Customers to invite again, each in one batch.
        batches: How many batches there are.
        worklists: Rows by work list (``customer, customer_service, review``); an empty one is not written.
        rows: Rows by file name; of a calendar, dates. Drafts are counted by the mail merge.
        batch_ids: The ID of each batch in the workspace, by its number; empty without one.
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
    by: By | None = None,
    reminders: bool = False,
    templates: str | os.PathLike[str] | None = None,
    calendar: CalendarTexts | None = None,
    whole: Any = None,
) -> Written:
    """Write the customers to invite again, batch by batch, and a work list for everyone else who has to act.

    The files name real customers: they are for the person who clicks in the portal, readable by their
    owner only, and to be deleted after use. They appear together, after they have been read back and
    verified: no customer is in two batches, no batch is larger than the rules allow, and batches have only decisions
    to resend. ``00_read_me_first.txt`` gets its name last: if it exists, the set is complete.

    Args:
        plan: What ``plan_resends`` returns, of any engine. It is read twice: a lazy one is computed twice.
        directory: Created, readable by its owner only, if it is missing; other files in it stay as they are.
        as_of: The time that the plan was made for. It is in the plan: leave it out, or pass the same.
        rules: The rules that the plan was made with. They are in the plan too.
        language: Of headers, values and the read-me: ``en`` or ``zh``. Reasons and next steps are in the
            plan's language; reminders and tickets are in both.
        formats: ``csv``, ``xlsx`` or both.
        overwrite: Replace all files of an earlier run.
        batch_ids: What ``Workspace.record_batches`` returned; the read-me names them for mark-sent.
        by: ``account_manager`` writes a workbook for each account manager too, with a sheet for each list.
        reminders: Write a draft for each customer who has to act (``reminder_0001.eml``; mail programs open it ready
            to send) and all of them as a table for a mail merge. A customer whose address is missing, masked or
            shared with another customer gets none.
        templates: A TOML file with messages of your own; see ``message_templates.read_templates``.
        calendar: Write ``dates.ics``: from when customers may be invited again, and when pre-registrations lapse;
            ``counts`` names no customers, ``names`` names them.
        whole: If ``plan`` was filtered, the whole plan: the warnings in the read-me are about it.

    Returns:
        ``Written(paths, customers, batches, worklists, rows, batch_ids)``.

    Raises:
        ArgumentError: A language or format that does not exist, several plans in one frame, or ``as_of``
            or ``rules`` that differ from the plan's.
        SchemaError: The plan lacks a column.
        OutputError: The folder cannot be written, it has files of an earlier run, or the written files are not as
            expected. Nothing is left behind.

    Example:
        >>> import datetime as dt, tempfile
        >>> import polars as pl
        >>> from invitekit import annotate, load, plan_resends
        >>> rows = pl.DataFrame({"Account": ["acme"], "Status": ["Pre-registered"]})
        >>> day = dt.date(2026, 3, 30)
        >>> plan = plan_resends(annotate(load(rows).records, as_of=day), as_of=day)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_batches(plan, folder, formats=["csv"]).rows
        {'batch_01_invite.csv': 1}
    """
    check_language(language)
    _check(formats, by=(by, get_args(By)), calendar=(calendar, get_args(CalendarTexts)))
    check_path_type(directory, "directory")
    check_type("batch_ids", batch_ids or {}, Mapping, _("pass {what}.", what="workspace.record_batches(plan)"))
    messages = read_templates(templates)
    target = output_folder.check(Path(directory), overwrite=overwrite)
    kinds = tuple(dict.fromkeys(formats))
    summary = count_decisions(plan, whole)
    settings = agreed_settings(summary.settings, rules, as_of)
    lists = worklists.make(plan, language, messages)
    with output_folder.private_set(target) as folder:
        for worklist in lists:
            for kind in kinds:
                sheets.WRITERS[kind](worklist, folder / worklist.file_name(kind), settings.as_of)
        verify_written.verify_lists(lists, folder, kinds, settings.rules, summary.candidates)
        rows = {each.file_name(kind): each.rows.height for each in lists for kind in kinds}
        extras = [_write_by_manager(lists, folder, settings.as_of, language)] if by is not None else []
        if reminders:
            waiting = [each for each in lists if each.who == "customer"]
            extras += [_write_reminders(plan, each, folder, settings.as_of, messages) for each in waiting]
        if calendar is not None:
            how: dict[str, Any] = {"language": language, "names": calendar == "names"}
            dates = calendar_file.write(plan, folder / calendar_file.FILE, settings, **how)
            extras.append(
                Extra("calendar", {calendar_file.FILE: dates}, dates) if dates else Extra("no_calendar", {}, 0)
            )
        known = dict(batch_ids or {})
        named: dict[str, Any] = {"batch_ids": known, "extras": extras, "is_filtered": whole is not None}
        page = readme.text(summary, settings, lists, kinds, language=language, **named)
        (folder / output_folder.PAGE).write_text(page, encoding="utf-8-sig")
        replaced = output_folder.earlier_files(target, overwrite=overwrite)
        names = publish_folder(folder, target, replaced=replaced)
    rows |= {name: count for extra in extras for name, count in extra.rows.items()}
    return _written(target, names, lists, rows, known)


def _check(formats: Sequence[str], **choices: tuple[str | None, Sequence[str]]) -> None:
    for name, (value, allowed) in choices.items():
        if value is not None:
            check_choice(name, value, allowed)
    if not formats or isinstance(formats, str) or set(formats) - sheets.WRITERS.keys():
        problem = _("{name} is {value!r}.", name="formats", value=formats)
        raise ArgumentError(problem, hint=_("give some of {known} in a list.", known=tuple(sheets.WRITERS)))


def _write_by_manager(lists: Sequence[WorkList], folder: Path, as_of: dt.datetime, language: Language) -> Extra:
    """Write a workbook for each account manager, and verify them."""
    workbooks = {f"{name}.xlsx": parts for name, parts in by_manager.divide(lists, language).items()}
    for name, parts in workbooks.items():
        sheets.write_workbook(parts, folder / name, as_of)
    verify_written.verify_workbooks(workbooks, lists, folder)
    rows = {name: sum(part.rows.height for part in parts) for name, parts in workbooks.items()}
    return Extra("managers", rows, len(workbooks))


def _write_reminders(plan: Any, waiting: WorkList, folder: Path, as_of: dt.datetime, templates: Templates) -> Extra:
    """Write a draft for each customer who has to act, and all of them as a table for a mail merge."""
    table = drafts.build(waiting, drafts.shared_addresses(plan), templates)
    drafts.write_drafts(table, folder)
    merge = drafts.merge_list(table)
    sheets.write_xlsx(merge, folder / merge.file_name("xlsx"), as_of)
    without = waiting.rows.height - table.height
    return Extra("reminders", {merge.file_name("xlsx"): table.height}, table.height, without)


def _written(
    target: Path, names: Sequence[str], lists: Sequence[WorkList], rows: dict[str, int], known: dict[int, str]
) -> Written:
    batches = [each for each in lists if each.batch is not None]
    return Written(
        paths=tuple(target / name for name in names),
        customers=sum(each.rows.height for each in batches),
        batches=len(batches),
        worklists={each.who: each.rows.height for each in lists if each.batch is None},
        rows=rows,
        batch_ids=known,
    )
