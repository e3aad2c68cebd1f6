"""The content of messages to the export panel: its words, what each column becomes, what was exported, the history."""

from __future__ import annotations

import datetime as dt
import tomllib
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import polars as pl

from invitekit.errors import own_error
from invitekit.export import CHECKS, Exported, describe_signature, verify
from invitekit.export.counts import counted_rows
from invitekit.export.transform import release
from invitekit.i18n import read_texts, translate
from invitekit.model import schema
from invitekit.model.catalogue import read_catalogue
from invitekit.privacy import FirstOf, Key, Policy, Range, Rule, Secrets, Text, Words
from invitekit.privacy.policy import FEWEST
from invitekit.privacy.scrub import KnownNames, scrub_remarks
from invitekit.widgets import worker

MAX_EXPORTS = 50
"""The most exports of the history that are shown, the newest first."""
_ANY = "Example 42"
_OF_FAILURE = ("cause", "advice", "suggested_operation")


@cache
def made_up() -> dict[str, Any]:
    """Return the made-up value of each column, for the examples."""
    return tomllib.loads(files(__package__).joinpath("made_up.toml").read_text("utf-8"))


@cache
def words(language: str) -> dict[str, Any]:
    """Return the texts of the panel in a language."""
    return read_texts(__package__, "export_words.toml", language)


def levels(language: str) -> list[dict[str, str]]:
    """Return each level with its name, a short description, and a sentence on its meaning."""
    return [
        {"level": level, "name": name, "mark": mark, "says": says.format(fewest=FEWEST)}
        for level, (name, mark, says) in words(language)["levels"].items()
    ]


def key_words(key_id: str | None, level: str, language: str) -> str:
    """Return the text about the key at a level; None is a key that is thrown away."""
    name = "key_kept" if key_id else "key_thrown"
    text: str = words(language)[name if level == "pseudonymised" else f"{name}_unused"]
    return text.format(id=key_id)


def becomes(columns: Iterable[str], policy: Policy, language: str) -> list[dict[str, Any]]:
    """Return a line for each column with its exported form; columns without a rule come first, dropped ones last.

    Returns:
        Lines with ``label, action, into, made_up, example, kind``; ``kind`` is ``leaves``, ``left_out`` or ``refused``.
    """
    texts = words(language)

    def line(label: str, action: str, kind: str, **shown: str | None) -> dict[str, Any]:
        text = texts["actions"][action].format(fewest=policy.fewest)
        return {"label": label, "action": text, "into": None, "made_up": None, "example": None, "kind": kind} | shown

    names = {name: schema.label(name, language) for name in columns}
    named = {row.column for row in policy.rows}
    rows = policy.applied([name for name in names if name in named])
    lines = [line(label, "refused", "refused") for name, label in names.items() if name not in named]
    for row in rows:
        made_up_value, shown = example(row, language)
        label = schema.label(row.column, language)
        lines.append(line(label, _action(row), "leaves", into=row.into, made_up=made_up_value, example=shown))
    if policy.level == "aggregated":
        for row in counted_rows(rows, policy.fewest)[len(rows) :]:
            label = texts["counted"][row.into].format(fewest=policy.fewest)
            lines.append(line(label, row.action, "leaves", into=row.into))
    dropped = named - {row.column for row in rows}
    return lines + [line(label, "drop", "left_out") for name, label in names.items() if name in dropped]


def example(row: Rule, language: str = "en") -> tuple[str | None, str | None]:
    """Return a made-up value, and its exported form with a key that is used for nothing else."""
    value = _made_up(row, language)
    exported = release(pl.DataFrame({row.column: [value]}), [row], Secrets(_key()))[row.into]
    if isinstance(row.form, Text):
        own = [pl.Series([str(made_up()["email"])])]
        exported = scrub_remarks(pl.Series([str(value)]), own, KnownNames(pl.Series([], dtype=pl.String)))
    return _text(value), _text(exported.item())


@cache
def _key() -> Key:
    return Key.new(stored=False)


def _action(row: Rule) -> str:
    """Return the key of the text for the action on a column."""
    if row.action == "keep" and row.how != "scrubbed":
        return "words" if isinstance(row.form, Words) else "range"
    return row.how or row.action


def _made_up(row: Rule, language: str) -> Any:
    failure = read_catalogue().failures[0]
    known = made_up() | {name: getattr(failure, name)(language) for name in _OF_FAILURE}
    known |= {"failure_code": failure.code, "failure_message": failure.message_en}
    if row.column in known:
        return known[row.column]
    match row.form:
        case Range(least=least):
            return least
        case FirstOf():
            return dt.datetime(2026, 3, 9, 10, 24)  # noqa: DTZ001 - naive UTC, as everywhere
        case Words(values=values, open=False) if row.action == "keep":
            return min(values)
        case _:
            return 21 if row.how == "days" else _ANY


def _text(value: Any) -> str | None:
    """Return a value as text, as the exported file has it."""
    if value is None:
        return None
    if isinstance(value, dt.datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    return str(value).lower() if isinstance(value, bool) else str(value)


def error_payload(error: BaseException, language: str) -> dict[str, str]:
    """Return the texts of an error; of an unexpected error only its type, since its message may quote data."""
    if own_error(error) is not None:
        return worker.error_payload(error, language)
    texts = words(language)
    return {"problem": texts["failed"].format(kind=type(error).__name__), "hint": texts["failed_hint"]}


def result_payload(done: Exported, language: str) -> dict[str, Any]:
    """Return the texts about a completed export."""
    texts, path = words(language), done.path
    nulled = sum(done.nulled.values())
    uniqueness = [one.sentence(done.language) for one in done.uniqueness]
    return {
        "file": path.name,
        "paths": file_paths(path),
        "facts": [
            texts["levels"][done.level][0],
            texts["rows"].format(n=f"{done.rows:,}"),
            size_of(path),
            f"{texts['sha256']} {done.sha256[:12]}…",
        ],
        "still": texts["publish" if done.level == "aggregated" else "still"],
        "notes": [*uniqueness, *([texts["nulled"].format(n=f"{nulled:,}")] if nulled else [])],
        "passed": texts["passed"].format(n=len(done.checks)),
        "checks": [translate(CHECKS[name], language) for name in done.checks],
    }


def progress_payload(step: str, done: int, total: int | None, left: float | None, language: str) -> dict[str, Any]:
    """Return the progress of an export: its rows, and the remaining time as text, if it can be estimated."""
    texts, remaining = words(language), ""
    if left is not None:
        unit, n = ("seconds", max(1, round(left))) if left < 90 else ("minutes", round(left / 60))
        remaining = texts["left"].format(time=texts[unit].format(n=n))
    text = texts[step].format(done=f"{done:,}", total=f"{total or 0:,}")
    return {"step": step, "done": done, "total": total, "text": text, "left": remaining}


def file_paths(path: Path) -> list[str]:
    """Return a file's absolute path, and that with links resolved: the server's root folder may be either."""
    absolute = path.expanduser().absolute()
    return list(dict.fromkeys(path.as_posix() for path in (absolute, absolute.resolve())))


def size_of(path: Path) -> str | None:
    """Return a file's size as text; None if there is no file."""
    try:
        size: float = path.stat().st_size
    except OSError:
        return None
    for unit in ("B", "KB", "MB"):
        if size < 1024:
            return f"{size:.3g} {unit}" if unit != "B" else f"{size:.0f} B"
        size /= 1024
    return f"{size:,.1f} GB"


def history_payload(exports: Any, folder: Path, language: str) -> list[dict[str, Any]]:
    """Return the exports of a workspace, the newest first, with their files in the panel's folder."""
    lines, written = [], set[str]()
    for row in exports.order("id desc").limit(MAX_EXPORTS).pl().to_dicts():
        is_current = row["status"] == "completed" and row["file_name"] not in written
        lines.append(_line(row, folder / row["file_name"] if is_current else None, language))
        if is_current:
            written.add(row["file_name"])
    return lines


def verification_payload(path: Path, sha256: str | None, key: Key, language: str) -> dict[str, Any]:
    """Verify an export of the history again, and return the result as text.

    Raises:
        InvitekitError: The file is missing, is another one, or fails a check.
    """
    manifest = verify(path)
    if manifest.sha256 != sha256:
        return {"good": False, "words": words(language)["later"]}
    return {
        "good": True,
        "words": f"{words(language)['verified']} {translate(describe_signature(manifest, key), language)}",
    }


def _line(row: dict[str, Any], path: Path | None, language: str) -> dict[str, Any]:
    """Return one export; ``path`` is where its file should be, None if it was never written or was replaced."""
    texts = words(language)
    size = size_of(path) if path else None
    return {
        "id": row["id"],
        "when": f"{row['started_at']:%Y-%m-%d %H:%M}",
        "status": row["status"],
        "status_words": texts["statuses"].get(row["status"], row["status"]),
        "level": texts["levels"].get(row["level"], [row["level"]])[0],
        "rows": None if row["rows"] is None else f"{row['rows']:,}",
        "size": size,
        "file": row["file_name"],
        "purpose": row["purpose"],
        "sha256": row["sha256"],
        "paths": file_paths(path) if path and size is not None else [],
        # Why a completed export has no file.
        "missing": "" if row["status"] != "completed" or size is not None else texts["gone" if path else "replaced"],
    }
