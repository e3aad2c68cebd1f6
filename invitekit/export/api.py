"""Export records to one verified file."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

from invitekit.errors import ArgumentError, check_language, check_type
from invitekit.export.keys import resolve_key
from invitekit.export.manifest import path_of
from invitekit.export.pipeline import Exported, Job, Progress, run
from invitekit.export.source import open_source
from invitekit.export.writers import SINKS
from invitekit.i18n import Language, _
from invitekit.io.atomic_write import check_target
from invitekit.model.filters import Filter
from invitekit.privacy import Key, Level, Policy, Secrets, read_policy, scrubbed_remarks, standard

REMARKS = ("drop", "scrub")
DEFAULT: Level = "pseudonymised"


def export(
    records: Any,
    path: str | os.PathLike[str],
    *,
    level: Level | None = None,
    policy: Policy | str | os.PathLike[str] | None = None,
    key: Key | str | os.PathLike[str] | None = None,
    purpose: str | None = None,
    filter: Filter | None = None,  # noqa: A002 - what it is
    remarks: Literal["drop", "scrub"] = "drop",
    language: Language = "en",
    overwrite: bool = False,
    spreadsheet_safe: bool = True,
    workspace: Any = None,
    progress: Progress | None = None,
    sources: Iterable[Path] = (),
) -> Exported:
    """Export records without personal identifiers to a file, and check the file before it gets its name.

    A policy drops, masks, tokenises, generalises or keeps every column; a column without a rule stops the export. The
    file is written in a private folder beside its target, read back by another engine and compared with the policy.
    Then it is renamed to its target, followed by its manifest. ``masked`` and ``pseudonymised`` files are still
    personal data. Rows are in a new random order each time.

    Args:
        records: The result of ``annotate`` or ``plan_resends``, of any engine; for counts, the whole history. Without
            ``invited_at`` and ``snapshot_at``, each record counts as an invitation.
        path: Ends in ``.parquet``, ``.csv`` or ``.xlsx``.
        level: ``masked`` (as the portal does), ``pseudonymised`` (the default: tokens, months) or
            ``aggregated`` (counts of at least ten customers; each invitation counts once, by its newest record).
        policy: A policy, or the path of a TOML file with rows for extra columns.
        key: A key or the path of a key file. Default: ``INVITEKIT_KEY``, else the stored key of ``new_key``, else a
            new key for this export only. The same key and purpose give the same tokens.
        purpose: What the export is for. Tokens of different purposes cannot be joined.
        filter: The records to export; default: all. Counts are of the invitations whose newest record matches. The
            manifest has it, without values that may identify people.
        remarks: ``drop`` exports only whether there are remarks; ``scrub`` removes recognised personal data, best
            effort.
        language: The language of the sentences about unique records: ``en`` or ``zh``.
        overwrite: Replace a file of that name.
        spreadsheet_safe: In CSV, put an apostrophe before a cell that would run as a formula.
        workspace: Records the export in its history, by ``start_export`` and ``finish_export``.
        progress: Called with the current step, the rows done so far and in all.
        sources: Files that must not be overwritten.

    Returns:
        ``Exported``; its text states how many records are unique.

    Raises:
        PolicyError: A column is not in the policy, or the policy file is wrong.
        ArgumentError: An argument is not valid.
        SchemaError: A column has values that its rule cannot handle.
        OutputError: The name, the folder or the disk does not allow it.
        LeakError: The file failed a check and was deleted.

    Example:
        >>> import datetime as dt, tempfile
        >>> import polars as pl
        >>> from invitekit import annotate, load
        >>> rows = pl.DataFrame({"Account": ["acme"], "Status": ["Invited"]})
        >>> records = annotate(load(rows).records, as_of=dt.date(2026, 3, 30))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     done = export(records, folder + "/out.parquet")
        >>> done.rows, "account_name" in done.columns, "source_file" in done.columns
        (1, True, False)
    """
    _check(language, remarks, purpose)
    protected = tuple(sources)
    target = check_target(path, extensions=SINKS, overwrite=overwrite, sources=protected)
    check_target(path_of(target), extensions=[path_of(target).suffix], overwrite=overwrite, sources=protected)
    chosen = chosen_policy(policy, level)
    secrets = Secrets(resolve_key(key), purpose)
    # Counts need the whole history: the newest record of an invitation has to match.
    source = open_source(records, None if chosen.level == "aggregated" else filter)
    if "remarks" not in source.columns or chosen.level == "aggregated":
        remarks = "drop"
    if remarks == "scrub":
        chosen = chosen.with_rows([scrubbed_remarks()])
    rows = chosen.applied(source.columns)
    job = Job(
        source, target, rows, chosen, secrets, remarks, spreadsheet_safe, language, overwrite,
        progress or (lambda *_step: None), filter,
    )  # fmt: skip
    return run(job) if workspace is None else _run_recorded(job, workspace)


def _check(language: str, remarks: str, purpose: str | None) -> None:
    check_language(language)
    if remarks not in REMARKS:
        raise ArgumentError(_("{name} is '{value}'.", name="remarks", value=remarks), hint=_("use 'drop' or 'scrub'."))
    check_type("purpose", purpose, (str, type(None)), _("give a text."))
    if purpose is not None and not purpose.strip():
        raise ArgumentError(_("purpose is empty."), hint=_("say what the export is for, or leave it out."))


def chosen_policy(policy: Policy | str | os.PathLike[str] | None, level: Level | None) -> Policy:
    """Return the policy of an export; raises ``ArgumentError`` if it has another level than the given one."""
    if isinstance(policy, Policy):
        chosen = policy
    else:
        chosen = read_policy(policy, level) if policy else standard(level or DEFAULT)
    if level is not None and chosen.level != level:
        raise ArgumentError(
            _("level is '{level}', the policy's is '{own}'.", level=level, own=chosen.level),
            hint=_("leave one of them out."),
        )
    return chosen


def _run_recorded(job: Job, workspace: Any) -> Exported:
    """Record in the workspace that an export starts and how it ends, even after an error."""
    if not hasattr(workspace, "start_export"):
        check_type("workspace", workspace, (), _("pass {what}.", what="Workspace(...)"))
    number = workspace.start_export(
        level=job.policy.level, purpose=job.secrets.purpose, file_name=job.target.name, key_id=job.secrets.key.id
    )
    status, rows, sha256 = "failed", None, None
    try:
        exported = run(job)
        status, rows, sha256 = "completed", exported.rows, exported.sha256
    finally:
        workspace.finish_export(number, status, rows=rows, sha256=sha256)
    return exported
