"""The command that plans: whom to invite again today, whom not, and why."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from invitekit.cli import options as o
from invitekit.cli.reading import Known, Remembering, reads

if TYPE_CHECKING:
    from invitekit.batch import Written
    from invitekit.resend import Decisions, ResendRules


@reads
def plan(
    reading: Remembering,
    output: o.Output = None,
    overwrite: o.Overwrite = False,
    as_of: o.AsOf = None,
    rules: o.Rules = None,
    batch_dir: o.BatchDir = None,
    language: o.Language = "en",
    as_json: o.Json = False,
) -> None:
    """Decide for every record whether to invite its customer again, and say why.

    Give the whole history: all weekly files together, or the workspace that remembers them; then
    what was resent and settled since counts too. Prints the records by decision and reason; with
    -o, writes every record with its decision, personal data included. With --batch-dir, writes the
    batches for the person who clicks in the portal: they name customers. A workspace remembers them.
    """
    from invitekit.annotate import annotate
    from invitekit.batch.place import check as check_folder
    from invitekit.cli import say
    from invitekit.engine.materialize import materialize
    from invitekit.moments import as_utc
    from invitekit.resend import ResendRules, count_decisions, plan_resends
    from invitekit.write import write

    moment, words = as_utc(o.parse_time(as_of, "--as-of")), o.parse_language(language)
    chosen = ResendRules.from_toml(rules) if rules else ResendRules()
    reading.check_output(output, overwrite=overwrite, inputs=[rules])
    if batch_dir is not None:
        check_folder(batch_dir, overwrite=overwrite)
    with reading.opened(to_write=batch_dir is not None) as known:
        if not as_json:
            _begin(known, batch_dir)
        annotated = annotate(known.records, as_of=moment, catalogue=reading.known, language=words)
        how: dict[str, Any] = {"as_of": moment, "language": words}
        planned = materialize(plan_resends(materialize(annotated), chosen, **how, **known.memory()))
        if output is not None:
            write(planned, output, overwrite=overwrite)
        how |= {"rules": chosen, "overwrite": overwrite}
        batches = _write_batches(known, planned, batch_dir, how) if batch_dir else None
        found = count_decisions(planned)
        if as_json:
            files = say.output_json(output) | (_files(batches) if batches else {})
            return say.json_line(known.told() | _json(found, chosen) | files)
    say.decisions(found, chosen, words)
    say.batches(batches, reading.workspace)
    return say.written(output, "The decisions")


def _begin(known: Known, batch_dir: Path | None) -> None:
    """Say first what will hold personal data, what was read, and that batches may have been sent unlogged."""
    from invitekit.cli import say

    say.personal(batch_dir)
    known.say()
    if unlogged := known.unlogged():
        say.line(f"  - Batches written and not logged as sent: {unlogged:,}. If they were sent, log them first.")


def _write_batches(known: Known, planned: Any, folder: Path, how: dict[str, Any]) -> Written:
    """Write the batches; what a workspace remembers of them comes first, so that none is out there unknown.

    If they cannot be written, it forgets them again.
    """
    from invitekit.batch import write_batches

    if known.workspace is None:
        return write_batches(planned, folder, **how)
    before = {row[0] for row in known.workspace.batches().select("batch_id").fetchall()}
    noted = known.workspace.note_batches(planned, folder=folder.name)
    try:
        return write_batches(planned, folder, batch_ids=noted, **how)
    except BaseException:
        new = [batch_id for batch_id in noted.values() if batch_id not in before]
        if new:
            known.workspace.discard_batches(new)
        raise


def _files(batches: Written) -> dict[str, Any]:
    return {"batch_files": batches.rows, "batch_ids": batches.batch_ids}


def _json(found: Decisions, rules: ResendRules) -> dict[str, Any]:
    reasons = [{"decision": d, "reason_code": r, "records": n} for (d, r), n in found.by_reason.items()]
    return {
        "decisions": found.by_decision,
        "reasons": reasons,
        "customers": found.customers,
        "candidates": found.candidates,
        "batches": found.batches,
        "open_customers": found.open_customers,
        "portal_cap": rules.portal_cap,
        "with_history": found.with_history,
        "rules": str(rules),
    }
