"""The commands of the way out: export, verify, and the keys that tokens are made with."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from invitekit.cli import options as o
from invitekit.cli.reading import Remembering, reads, remembered

if TYPE_CHECKING:
    from invitekit.export import Exported
    from invitekit.privacy import Level

key = typer.Typer(help="Keys for tokens: the same key gives the same customer the same token.", no_args_is_help=True)


@reads
def export(
    reading: Remembering,
    output: o.Output = None,
    level: o.Level = None,
    policy: o.Policy = None,
    purpose: o.Purpose = None,
    key_file: o.KeyFile = None,
    remarks: o.Remarks = "drop",
    machine: o.Machine = False,
    history: o.History = False,
    overwrite: o.Overwrite = False,
    as_of: o.AsOf = None,
    language: o.Language = "en",
    as_json: o.Json = False,
) -> None:
    """Write annotated records for analysts, without what tells who somebody is, and prove it first.

    Names, addresses and numbers become tokens, times become months; a column that the policy does
    not name stops the export. The file is read back by another engine and checked before it gets
    its name; FILE.manifest.json comes last.
    """
    from invitekit.annotate import annotate
    from invitekit.cli import say
    from invitekit.export import export as export_records
    from invitekit.moments import as_utc

    if history:
        return _show_history(reading.workspace, as_json=as_json)
    if output is None:
        raise typer.BadParameter("Say where to write: -o FILE.", param_hint="--output")
    moment, words = as_utc(o.parse_time(as_of, "--as-of")), o.parse_language(language)
    read = reading.check_output(output, overwrite=overwrite, inputs=[policy, key_file, reading.workspace])
    with reading.opened(to_write=True, both=True) as known:
        annotated = annotate(known.records, as_of=moment, catalogue=reading.known, language=words)
        with say.progress("rows") as tick:
            done = export_records(
                annotated, output, level=cast("Level | None", level), policy=policy, key=key_file, purpose=purpose,
                remarks=remarks, language=words, overwrite=overwrite, spreadsheet_safe=not machine,
                workspace=known.workspace, progress=tick, sources=read,
            )  # fmt: skip
        if as_json:
            return say.json_line(known.told() | _json(done))
        known.say()
    return say.exported(done)


def verify(
    file: Annotated[Path, typer.Argument(help="An exported file; its manifest stands beside it.")],
    key_file: o.KeyFile = None,
    as_json: o.Json = False,
) -> None:
    """Check that an exported file is still the one that was proved: its bytes, every gate again, and its signature."""
    from invitekit.cli import say
    from invitekit.export import find_key, signer
    from invitekit.export import verify as verify_file

    manifest = verify_file(file)
    words = signer(manifest, find_key(key_file))
    if as_json:
        say.json_line(
            {"rows_read": manifest.rows, "records": manifest.rows, "rejects": 0, "file": manifest.file}
            | {"sha256": manifest.sha256, "level": manifest.level, "gates": list(manifest.gates), "signature": words}
        )
        return
    say.line(f"{manifest.file} is the file that was exported on {manifest.created_at}: {manifest.rows:,} rows.")
    say.line(words)
    say.line(f"Level {manifest.level}; every gate that needs no records passed again.")


@key.command("new")
def new(key_file: o.KeyFile = None) -> None:
    """Make a key and keep it: in the keyring, else in a file that only you can read."""
    from invitekit.cli import say
    from invitekit.export import new_key, overruled

    instead = overruled(key_file)
    made, where = new_key(key_file)
    say.line(f"Key {made.id} is kept in {where}. Whoever has it can tell whose a token is: give it to nobody.")
    if instead:
        say.line(f"{instead}.")


@key.command("show-id")
def show_id(key_file: o.KeyFile = None) -> None:
    """Print the ID of the key that is kept; manifests name it. It gives nothing of the key away."""
    from invitekit.cli import say
    from invitekit.export import kept_key

    say.line(str(kept_key(key_file).id))


@key.command("rotate")
def rotate(key_file: o.KeyFile = None) -> None:
    """Replace the key that is kept; the old one stays beside it, under its ID."""
    from invitekit.cli import say
    from invitekit.export import rotate_key

    old, made, where = rotate_key(key_file)
    say.line(f"Key {made.id} replaces {old.id} in {where}. Tokens of the two do not join; the old one is kept beside.")


def _show_history(path: Path | None, *, as_json: bool) -> None:
    from invitekit.cli import recall, say
    from invitekit.workspace import Workspace

    if path is None:
        raise typer.BadParameter("Say whose: --workspace FILE.", param_hint="--history")
    with Workspace(path, read_only=True) as memory:
        rows = recall.fetched(memory.exports())
        if as_json:
            return say.json_line(remembered(memory) | {"exports": rows})
    return say.history(rows)


def _json(done: Exported) -> dict[str, Any]:
    """Give what was exported as plain JSON values."""
    return {
        "output": str(done.path),
        "manifest": str(done.manifest),
        "level": done.level,
        "rows": done.rows,
        "exported": done.records,
        "sha256": done.sha256,
        "key_id": done.key_id,
        "columns": list(done.columns),
        "emptied": done.emptied,
        "gates": list(done.gates),
        "alike": [{"by": list(one.by), "unique": one.unique, "small": one.small} for one in done.alike],
    }
