"""The commands of anonymised exports: export, verify, and the keys of the tokens."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from invitekit.cli import options as o
from invitekit.cli import output as out
from invitekit.cli.filter_options import FilterOptions, matched
from invitekit.cli.help import Command, new_app
from invitekit.cli.run import recordable
from invitekit.cli.source_options import SourcesOrWorkspace, with_option_groups, workspace_json
from invitekit.errors import many

if TYPE_CHECKING:
    from invitekit.export import Exported

key = new_app("Manage the key of the tokens in exports.")


@recordable
@with_option_groups
def export(
    source: SourcesOrWorkspace,
    chosen: FilterOptions,
    output: o.Output = None,
    level: Annotated[o.LevelName | None, typer.Option("--level", help="Export level. Default: pseudonymised.")] = None,
    policy: Annotated[
        Path | None, typer.Option("--policy", metavar="FILE", help="A TOML file with actions for extra columns.")
    ] = None,
    purpose: Annotated[
        str | None,
        typer.Option("--purpose", metavar="WORD", help="What the export is for. Tokens of two purposes do not join."),
    ] = None,
    key_file: o.KeyFile = None,
    remarks: Annotated[
        o.RemarksName,
        typer.Option("--remarks", help="Drop remarks, or remove recognised personal data from them (best effort)."),
    ] = "drop",
    raw_csv: Annotated[
        bool, typer.Option("--raw-csv", help="Write CSV without spreadsheet escaping and byte order mark.")
    ] = False,
    history: Annotated[
        bool, typer.Option("--history", help="List earlier exports of the workspace, and write nothing.")
    ] = False,
    overwrite: o.Overwrite = False,
    as_of: o.AsOf = None,
    language: o.Language = "en",
    as_json: o.Json = False,
) -> None:
    """Write records without names and contacts, for analysts.

    Names, addresses and numbers become tokens, times become months. A column that the policy does
    not name stops the export. The file is read back and checked by another engine before it gets
    its name; FILE.manifest.json is written last. It states a filter in words, without those that may
    identify people. At the level 'aggregated', each invitation counts once, by its newest state; a filter
    keeps the invitations whose newest state matches.
    """
    from invitekit.export import export as export_records
    from invitekit.export.api import chosen_policy
    from invitekit.model.annotate import annotate
    from invitekit.model.filters import where, where_newest
    from invitekit.model.resolve import resolve

    if history:
        return _show_history(source.workspace, as_json=as_json)
    if output is None:
        raise typer.BadParameter("Name the file to write: -o FILE.", param_hint="--output")
    moment, choice = o.parse_as_of(as_of), chosen.read(source.failures)
    read = source.check_output(output, overwrite=overwrite, inputs=[policy, key_file, source.workspace])
    with source.opened(language, to_write=True, both=True) as inputs:
        annotated = annotate(inputs.records, as_of=moment, catalogue=source.failures, language=language)
        if choice and chosen_policy(policy, level).level == "aggregated":
            history = resolve(annotated)
            _, filtered = matched(choice, history, lambda final: where_newest(history, final), "invitations")
        else:
            _, filtered = matched(choice, annotated, lambda final: where(annotated, final))
        with out.progress("rows") as tick:
            exported = export_records(
                annotated, output, filter=filtered.choice, level=level, policy=policy, key=key_file, purpose=purpose,
                remarks=remarks, language=language, overwrite=overwrite, spreadsheet_safe=not raw_csv,
                workspace=inputs.workspace, progress=tick, sources=read,
            )  # fmt: skip
        if as_json:
            return out.json_line(inputs.json() | filtered.json() | _json(exported))
        inputs.print_summary()
        filtered.print()
    return out.exported(exported)


def verify(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="An exported file with its manifest beside it.")],
    key_file: o.KeyFile = None,
    as_json: o.Json = False,
) -> None:
    """Check an exported file against its manifest."""
    from invitekit.export import describe_signature, resolve_key
    from invitekit.export import verify as verify_file

    manifest = verify_file(file)
    words = describe_signature(manifest, resolve_key(key_file))
    if as_json:
        out.json_line(
            {"rows_read": manifest.rows, "records": manifest.rows, "rejects": 0, "file": manifest.file}
            | {"sha256": manifest.sha256, "level": manifest.level, "checks": list(manifest.checks), "signature": words}
        )
        return
    when = f"{manifest.created_at:%Y-%m-%d %H:%M} UTC"
    out.line(f"{manifest.file} is the file that was exported on {when}: {many(manifest.rows, 'row')}.")
    out.line(words)
    out.line(f"Level {manifest.level}; every check that needs no records passed again.")


@key.command("new", cls=Command)
def new(key_file: o.KeyFile = None) -> None:
    """Create a key and store it.

    It is stored in the keyring, else in a file that only you can read.
    """
    from invitekit.export import key_override, new_key

    override = key_override(key_file)
    created, where = new_key(key_file)
    out.line(f"Key {created.id} is stored in {where}. With it, tokens can be traced to customers: do not share it.")
    if override:
        out.line(f"{override}.")


@key.command("show-id", cls=Command)
def show_id(key_file: o.KeyFile = None) -> None:
    """Print the ID of the stored key.

    Manifests name it; it does not reveal the key.
    """
    from invitekit.export import stored_key

    out.line(str(stored_key(key_file).id))


@key.command("rotate", cls=Command)
def rotate(key_file: o.KeyFile = None) -> None:
    """Replace the stored key.

    The old key is kept under its ID.
    """
    from invitekit.export import rotate_key

    old, new_one, where = rotate_key(key_file)
    out.line(
        f"Key {new_one.id} replaces {old.id} in {where}. Tokens of the two do not join; the old one is kept beside."
    )


def _show_history(path: Path | None, *, as_json: bool) -> None:
    from invitekit.workspace import Workspace

    if path is None:
        raise typer.BadParameter("Name the workspace: --workspace FILE.", param_hint="--history")
    with Workspace(path, read_only=True) as workspace:
        rows = out.fetch(workspace.exports())
        if as_json:
            return out.json_line(workspace_json(workspace) | {"exports": rows})
    return out.history(rows)


def _json(done: Exported) -> dict[str, Any]:
    return {
        "output": str(done.path),
        "manifest": str(done.manifest),
        "exported": done.records,
        **{name: getattr(done, name) for name in ("level", "rows", "sha256", "key_id", "columns", "nulled", "checks")},
        "uniqueness": [{"by": list(one.by), "unique": one.unique, "small": one.small} for one in done.uniqueness],
    }
