"""What the export panel is told: small JSON of what was exported, and of what was exported before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from invitekit.errors import InvitekitError, database_error
from invitekit.export import Exported, signer, verify
from invitekit.i18n import translate
from invitekit.privacy import Key
from invitekit.widgets import worker
from invitekit.widgets.export_words import gates, words

MOST = 50
"""Exports of the history that are shown, the newest first."""


def failed(error: BaseException, language: str) -> dict[str, str]:
    """Return an error as the panel shows it: our own whole; of any other only its kind, as its text may quote data."""
    if isinstance(error, InvitekitError) or database_error(error):
        return worker.error_payload(error, language)
    said = words(language)
    return {"problem": said["failed"].format(kind=type(error).__name__), "hint": said["failed_hint"]}


def told(done: Exported, language: str) -> dict[str, Any]:
    """Return what was exported, for the screen."""
    said, path = words(language), done.path
    emptied, checks = sum(done.emptied.values()), gates(done.gates, language)
    alike = [one.sentence(done.language) for one in done.alike]
    return {
        "file": path.name,
        "paths": places(path),
        "facts": [
            said["levels"][done.level][0],
            said["rows"].format(n=f"{done.rows:,}"),
            size_of(path),
            f"{said['sha256']} {done.sha256[:12]}…",
        ],
        "still": said["publish" if done.level == "aggregated" else "still"],
        "said": [*alike, *([said["emptied"].format(n=f"{emptied:,}")] if emptied else [])],
        "passed": said["passed"].format(n=len(checks)),
        "gates": checks,
    }


def far(step: str, done: int, total: int | None, left: float | None, language: str) -> dict[str, Any]:
    """Return how far an export is: the rows, and in words how long it still takes, if that can be said."""
    said = words(language)
    text = said[step].format(done=f"{done:,}", total=f"{total or 0:,}")
    if left is None:
        return {"step": step, "done": done, "total": total, "text": text, "left": ""}
    time = said["seconds"].format(n=max(1, round(left))) if left < 90 else said["minutes"].format(n=round(left / 60))
    return {"step": step, "done": done, "total": total, "text": text, "left": said["left"].format(time=time)}


def places(path: Path) -> list[str]:
    """Return a file's path as it was named, and without links: the server's folder may be either."""
    whole = path.expanduser().absolute()
    return list(dict.fromkeys(one.as_posix() for one in (whole, whole.resolve())))


def size_of(path: Path) -> str | None:
    """Return a file's size in words; None where there is none."""
    try:
        size: float = path.stat().st_size
    except OSError:
        return None
    for unit in ("B", "KB", "MB"):
        if size < 1024:
            return f"{size:.3g} {unit}" if unit != "B" else f"{size:.0f} B"
        size /= 1024
    return f"{size:,.1f} GB"


def history(exports: Any, folder: Path, language: str) -> list[dict[str, Any]]:
    """Return exports of a workspace for the screen, the newest first; a file is looked for in the panel's folder."""
    newest = exports.order("id desc").limit(MOST)
    rows = [dict(zip(newest.columns, row, strict=True)) for row in newest.fetchall()]
    told, taken = [], set[str]()
    for row in rows:
        there = row["status"] == "completed" and row["file_name"] not in taken
        told.append(_line(row, folder / row["file_name"] if there else None, language))
        if row["status"] == "completed":
            taken.add(row["file_name"])
    return told


def checked(path: Path, sha256: str | None, key: Key, language: str) -> dict[str, Any]:
    """Verify an export of the history again, and say what was found in words.

    Raises:
        InvitekitError: The file is missing, is another one, or a gate refuses it.
    """
    manifest = verify(path)
    if manifest.sha256 != sha256:
        return {"good": False, "words": words(language)["later"]}
    return {"good": True, "words": f"{words(language)['verified']} {translate(signer(manifest, key), language)}"}


def _line(row: dict[str, Any], path: Path | None, language: str) -> dict[str, Any]:
    """Return one export; ``path`` is where its file should be, None for one that was never written or was replaced."""
    said = words(language)
    size = size_of(path) if path else None
    return {
        "id": row["id"],
        "when": f"{row['started_at']:%Y-%m-%d %H:%M}",
        "status": row["status"],
        "status_words": said["statuses"].get(row["status"], row["status"]),
        "level": said["levels"].get(row["level"], [row["level"]])[0],
        "rows": None if row["rows"] is None else f"{row['rows']:,}",
        "size": size,
        "file": row["file_name"],
        "purpose": row["purpose"],
        "sha256": row["sha256"],
        "paths": places(path) if path and size is not None else [],
        "missing": _missing(row, path, size, said),
    }


def _missing(row: dict[str, Any], path: Path | None, size: str | None, said: dict[str, Any]) -> str:
    """Say why a completed export has no file to look at; nothing where it has."""
    if row["status"] != "completed" or size is not None:
        return ""
    return str(said["gone" if path else "replaced"])
