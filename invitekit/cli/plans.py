"""The command that plans: whom to invite again today, whom not, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from invitekit.cli import options as o
from invitekit.cli.reading import Reading, reads

if TYPE_CHECKING:
    from invitekit.resend import Decisions, ResendRules


@reads
def plan(
    reading: Reading,
    output: o.Output = None,
    overwrite: o.Overwrite = False,
    as_of: o.AsOf = None,
    rules: o.Rules = None,
    batch_dir: o.BatchDir = None,
    language: o.Language = "en",
    as_json: o.Json = False,
) -> None:
    """Decide for every record whether to invite its customer again, and say why.

    Give the whole history: all weekly files together. Prints the records by decision and reason;
    with -o, writes every record with its decision, personal data included. With --batch-dir, writes
    the batches for the person who clicks in the portal: they name customers.
    """
    from invitekit.annotate import annotate
    from invitekit.batch import write_batches
    from invitekit.batch.place import check as check_folder
    from invitekit.cli import say
    from invitekit.load import keep
    from invitekit.moments import as_utc
    from invitekit.resend import ResendRules, count_decisions, plan_resends
    from invitekit.write import write

    moment, words = as_utc(o.parse_time(as_of, "--as-of")), o.parse_language(language)
    chosen = ResendRules.from_toml(rules) if rules else ResendRules()
    reading.check_output(output, overwrite=overwrite, inputs=[rules])
    if batch_dir is not None:
        check_folder(batch_dir, overwrite=overwrite)
    loaded = reading.load()
    annotated = annotate(loaded.records, as_of=moment, catalogue=reading.known, language=words)
    planned = keep(plan_resends(keep(annotated), chosen, as_of=moment, language=words))
    if output is not None:
        write(planned, output, overwrite=overwrite)
    how: dict[str, Any] = {"as_of": moment, "rules": chosen, "language": words, "overwrite": overwrite}
    batches = write_batches(planned, batch_dir, **how) if batch_dir else None
    found = count_decisions(planned)
    if as_json:
        files = say.output_json(output) | ({"batch_files": batches.rows} if batches else {})
        return say.json_line(say.summary_json(loaded.summary) | _json(found, chosen) | files)
    say.personal(batch_dir)
    say.headline(loaded.summary)
    say.decisions(found, chosen, words)
    say.batches(batches)
    return say.written(output, "The decisions")


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
