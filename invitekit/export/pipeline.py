"""The steps of an export: choose words, write in a private folder, verify, write the manifest, and rename."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import shutil
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Literal

import polars as pl
import pyarrow as pa

from invitekit.export.anonymity import UniquenessReport
from invitekit.export.checks import Expected, verify_file
from invitekit.export.counts import count_cells, counted_rows
from invitekit.export.customer_numbers import CUSTOMER_NUMBER, newest_invitations
from invitekit.export.frequent_values import choose_words
from invitekit.export.manifest import FORMAT, Manifest, describe, path_of, signed
from invitekit.export.prefetch import prefetch
from invitekit.export.remarks import remark_scrubber
from invitekit.export.shuffle import shuffled
from invitekit.export.source import Source
from invitekit.export.transform import ExpectedStats, collect_stats, identifying, release
from invitekit.export.writers import SINKS
from invitekit.i18n import Language, ngettext, translate
from invitekit.io.atomic_write import make_private, not_written, private_dir, publish
from invitekit.io.digest import digest
from invitekit.io.lock import exclusive_lock
from invitekit.model.filters import Filter
from invitekit.privacy import Policy, Rule, Secrets

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Exported:
    """The result of an export, without any of its values.

    Attributes:
        path: The file, readable by its owner only.
        manifest: Its manifest, beside it.
        records: The number of exported records; of counts, the number of invitations, whose newest records are counted.
        level, rows, sha256, key_id, columns, nulled, checks, uniqueness: As in ``Manifest``; columns without types.
        language: The language of its text.
    """

    path: Path
    manifest: Path
    level: str
    rows: int
    records: int
    sha256: str
    key_id: str | None
    columns: tuple[str, ...]
    nulled: dict[str, int]
    checks: tuple[str, ...]
    uniqueness: tuple[UniquenessReport, ...]
    language: Language = "en"

    def __str__(self) -> str:
        rows = translate(ngettext("{n:,} row", "{n:,} rows", self.rows), self.language)
        sentences = [one.sentence(self.language) for one in self.uniqueness]
        return "\n".join([f"{rows}, {self.level}: {self.path.name}", *sentences])


@dataclass(frozen=True, slots=True)
class Job:
    """One export whose arguments have been checked."""

    source: Source
    target: Path
    rows: tuple[Rule, ...]
    policy: Policy
    secrets: Secrets
    remarks: Literal["drop", "scrub"]
    safe: bool
    language: Language
    overwrite: bool
    tick: Progress
    filter: Filter | None = None


def run(job: Job) -> Exported:
    """Write the file, verify it and give it its name; for the errors see ``export``."""
    try:
        with exclusive_lock(job.target), private_dir(job.target.parent, job.target.name) as folder:
            part = folder / job.target.name
            expected, records = _write(job, part)
            job.tick("proving", expected.stats.rows, expected.stats.rows)
            checks, uniqueness = verify_file(part, expected, folder)
            manifest = signed(_manifest(job, expected, checks, uniqueness, digest(part)), job.secrets.key)
            _publish(job, part, manifest)
            return _exported(job, manifest, records)
    except (OSError, pa.ArrowException) as error:
        failure = not_written(job.target, error)
    finally:
        job.source.close()
    # Raised outside of the handler: an error of Arrow may quote a cell, and would be its cause.
    raise failure


def _write(job: Job, part: Path) -> tuple[Expected, int]:
    """Write the released values, and return the expected content of the file and the number of records for it."""
    secret, fewest = identifying(job.source.columns, job.rows), job.policy.fewest
    sink = SINKS[part.suffix.lower()]
    if job.policy.level == "aggregated":
        names = list(dict.fromkeys(row.column for row in job.rows))
        with (
            contextlib.closing(newest_invitations(job.source, names, job.filter)) as newest,
            contextlib.closing(newest.batches([*names, CUSTOMER_NUMBER])) as batches,
        ):
            counts = count_cells(_with_progress(job, batches, newest.rows), job.rows, job.secrets, fewest)
        sink([counts], part, safe=job.safe)
        stats = ExpectedStats(
            rows=counts.height, nulls=Counter({name: counts[name].null_count() for name in counts.columns})
        )
        return Expected(counted_rows(job.rows, fewest), stats, safe=job.safe, fewest=fewest), newest.rows
    rows = choose_words(job.source, job.rows, secret, fewest)
    stats = ExpectedStats()
    with contextlib.closing(_released(job, rows, secret, stats)) as frames:
        sink(frames, part, safe=job.safe)
    return Expected(rows, stats, safe=job.safe), job.source.rows


def _released(job: Job, rows: tuple[Rule, ...], secret: list[str], stats: ExpectedStats) -> Generator[pl.DataFrame]:
    """Yield the released frames; a thread computes the next one while one is written."""
    scrub = remark_scrubber(job.source, rows, secret)
    names = list(dict.fromkeys([*(row.column for row in job.rows), *secret]))

    def transform(batch: pl.DataFrame) -> pl.DataFrame:
        scrubbed = scrub(batch)
        released = release(scrubbed, rows, job.secrets)
        collect_stats(stats, scrubbed, released, rows, secret)
        return released

    with contextlib.closing(prefetch(shuffled(job.source, names, transform))) as frames:
        yield from _with_progress(job, frames, job.source.rows)


def _with_progress(job: Job, frames: Iterable[pl.DataFrame], total: int) -> Generator[pl.DataFrame]:
    """Yield the frames and report the progress."""
    done = 0
    job.tick("writing", 0, total)
    for frame in frames:
        yield frame
        done += frame.height
        job.tick("writing", done, total)


def _manifest(
    job: Job, expected: Expected, checks: tuple[str, ...], uniqueness: tuple[UniquenessReport, ...], sha256: str
) -> Manifest:
    return Manifest(
        file=job.target.name,
        sha256=sha256,
        rows=expected.stats.rows,
        level=job.policy.level,
        key_id=job.secrets.key.id,
        purpose=job.secrets.purpose,
        filter=job.filter.public_words() if job.filter else None,
        columns={row.into: describe(row) for row in expected.rows},
        checks=checks,
        nulls={row.into: expected.stats.nulls[row.into] for row in expected.rows},
        nulled={name: count for name, count in expected.stats.nulled.items() if count},
        uniqueness=uniqueness,
        remarks=job.remarks,
        spreadsheet_safe=job.safe,
        fewest=expected.fewest,
        signature=None,
        created_at=dt.datetime.now(dt.UTC).replace(microsecond=0),
        invitekit=version("invitekit"),
        format=FORMAT,
    )


def _publish(job: Job, part: Path, manifest: Manifest) -> None:
    """Rename the file to its target, then the manifest: an export is complete if its manifest exists."""
    new = part.with_name("manifest")
    new.write_text(manifest.text(), encoding="utf-8")
    target = path_of(job.target)
    with _restored_on_error((part, job.target), (new, target)):
        if job.overwrite:
            target.unlink(missing_ok=True)
        publish(part, job.target, overwrite=job.overwrite)
        publish(new, target, overwrite=job.overwrite)


@contextlib.contextmanager
def _restored_on_error(*pairs: tuple[Path, Path]) -> Iterator[None]:
    """If an error occurs, remove the new files and restore the files that they replaced."""
    earlier = [
        (new.stat(), _backup(target, new.with_name(f"earlier {n}")), target) for n, (new, target) in enumerate(pairs)
    ]
    try:
        yield
    except BaseException:
        for own, backup, target in earlier:
            with contextlib.suppress(OSError):
                if os.path.lexists(target) and not os.path.samestat(target.lstat(), own):
                    continue  # it was there before
                target.unlink(missing_ok=True)
                if backup:
                    backup.replace(target)
        raise


def _backup(target: Path, backup: Path) -> Path | None:
    """Link or copy a file to a second name; None if there is no file."""
    if not os.path.lexists(target):
        return None
    try:
        os.link(target, backup, follow_symlinks=False)
    except (OSError, NotImplementedError):  # a disk without hard links
        shutil.copyfile(target, backup, follow_symlinks=False)
        make_private(backup)
    return backup


def _exported(job: Job, manifest: Manifest, records: int) -> Exported:
    return Exported(
        path=job.target,
        manifest=path_of(job.target),
        level=manifest.level,
        rows=manifest.rows,
        records=records,
        sha256=manifest.sha256,
        key_id=manifest.key_id,
        columns=tuple(manifest.columns),
        nulled=dict(manifest.nulled),
        checks=manifest.checks,
        uniqueness=manifest.uniqueness,
        language=job.language,
    )
