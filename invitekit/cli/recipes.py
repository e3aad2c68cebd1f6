"""Recipes: recorded commands with the hashes of their files, to repeat them or to run them on other files."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import re
from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import version
from pathlib import Path, PurePath
from typing import Any

import msgspec
import typer
from msgspec import Struct

from invitekit.cli import output as out
from invitekit.errors import ArgumentError, OutputError, SourceError, many
from invitekit.i18n import Message, _
from invitekit.ingest.discover import list_files
from invitekit.io.atomic_write import check_target, not_written, os_reason, write_file
from invitekit.io.digest import digest
from invitekit.io.toml_file import read_toml

PERSONAL = ("text", "manager", "tag")
"""Options that may name a person: a recipe never records their values."""
WRITES = ("output", "batch-dir", "words-skeleton")
"""Options that name a file or a folder which the command writes."""
_CHANGES = ("workspace add", "reconcile")
"""Commands that change their workspace."""
_CUSTOMER_LISTS = ("reconcile",)
"""Commands whose sources are a customer list, not exports of invitations."""
_FROM_PORTAL = ("from-huawei", "endpoint")
"""Options that query the portal with the user's keys. They are not recorded: the answer has no hash, and a recipe from
another person could name another host."""
_READS = ("messages", "catalogue", "words", "rules", "policy", "templates")
"""Options that name files which a command reads. A workspace changes with each use, and a key is a secret."""
_NOT_RECORDED = ("sources", "overwrite", "as_json")
_ALWAYS = ("as_of", "workspace")
"""Recorded with their default too."""
_HEAD = """\
# Commands of invitekit, and the files that they read and wrote. Paths start from the folder of this file.
# Repeat them:                 invitekit run THIS_FILE --overwrite
# The same on this week's files: invitekit run THIS_FILE FILES -o FOLDER
# It contains names of files, but no key and nothing of a record.
"""
_BARE_KEY = re.compile("[A-Za-z0-9_-]+")
Options = dict[str, Any]


class File(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A file or folder that a command reads or writes; without a hash if each run writes other bytes."""

    name: str
    size: int = 0
    sha256: str | None = None


class Step(Struct, frozen=True, forbid_unknown_fields=True):
    """One command.

    Attributes:
        command: Its words after ``invitekit``.
        sources: Files, folders and globs, as typed.
        options: The value of each option that was typed, and the time that it was run for.
        input: The files that it read.
        output: What it wrote.
    """

    command: str
    sources: list[str]
    options: dict[str, bool | int | float | str | list[str]]
    input: list[File] = []
    output: list[File] = []

    def written(self) -> list[str]:
        """Return the files and folders that the command writes."""
        return [str(self.options[name]) for name in WRITES if name in self.options]

    def replaces(self, other: Step) -> bool:
        """Return whether the command is the same as another one, or writes one of its files."""
        is_same = (self.command, self.sources, self.options) == (other.command, other.sources, other.options)
        return is_same or not {*self.written()}.isdisjoint(other.written())


class Recipe(Struct, frozen=True, forbid_unknown_fields=True):
    """The commands, and the version that ran them."""

    invitekit: str
    step: list[Step]


def read_recipe(path: Path) -> Recipe:
    """Read a recipe.

    Raises:
        SourceError: It cannot be read, or is no recipe.
    """
    try:
        return msgspec.convert(read_toml(path, 'invitekit = "0.1.0"'), Recipe)
    except msgspec.ValidationError as error:
        problem = _("'{name}' is not a recipe: {problem}.", name=path.name, problem=str(error))
        raise SourceError(problem, hint=_("write one with --save-recipe.")) from None


def as_toml(recipe: Recipe) -> str:
    """Return the text of a recipe."""
    lines = [_HEAD, f"invitekit = {_value(recipe.invitekit)}"]
    for step in recipe.step:
        lines += ["", "[[step]]", f"command = {_value(step.command)}", f"sources = {_value(step.sources)}"]
        for kind, files in (("input", step.input), ("output", step.output)):
            rows = [", ".join(f"{name} = {_value(value)}" for name, value in msgspec.to_builtins(file).items())
                    for file in files]  # fmt: skip
            lines += [f"{kind} = [", *(f"  {{{row}}}," for row in rows), "]"]
        lines += ["[step.options]", *(f"{_key(name)} = {_value(value)}" for name, value in step.options.items())]
    return "\n".join([*lines, ""])


def _key(name: str) -> str:
    """Return the name of an option as TOML; a recipe that a person changed may have any name."""
    return name if _BARE_KEY.fullmatch(name) else _value(name)


def _value(value: Any) -> str:
    """Return a value as TOML: text, numbers, flags and lists are written as in JSON."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


# Writing a recipe


def start_step(ctx: typer.Context, path: Path, values: Options) -> Callable[[], None]:
    """Check that a command can be added to a recipe, and hash the files that it reads.

    Returns:
        A function that adds the command to the recipe once it has run.

    Raises:
        ArgumentError: An option may name a person or queries the portal, a name is not UTF-8 text, or the command
            reads what another command of the recipe writes.
        OutputError: The recipe cannot be written.
        SourceError: A file of that name is not a recipe, or an input cannot be read.
    """
    options = _typed_options(ctx, values)
    if personal := [name for name in PERSONAL if name in options]:
        problem = _("--{option} may name a person, and a recipe must not contain personal data.", option=personal[0])
        raise ArgumentError(problem, hint=_("leave it out, or run this command without --save-recipe."))
    if not options.keys().isdisjoint(_FROM_PORTAL):
        problem = _("What the portal answers cannot be repeated, so --from-huawei is in no recipe.")
        hint = _("name a customer list as a file, or run this command without --save-recipe.")
        raise ArgumentError(problem, hint=hint)
    folder, sources = path.parent.resolve(), list(values.get("sources") or ())
    read = [*list_files(sources).paths, *_own_files(options)]
    check_target(path, extensions=[".toml"], overwrite=True, sources=read)
    command = " ".join(_words(ctx))
    step = Step(
        command,
        [_relative(source, folder) for source in sources],
        {name: _plain(value, folder) for name, value in options.items()},
        _hashed(read, folder),
    )
    try:
        as_toml(Recipe("", [step])).encode()
    except UnicodeEncodeError:
        problem = _("The command has a name that is not UTF-8 text, so it cannot be in a recipe.")
        raise ArgumentError(problem, hint=_("rename it, or run this command without --save-recipe.")) from None
    steps = [one for one in (read_recipe(path).step if path.exists() else []) if not step.replaces(one)]
    others = {PurePath(name) for one in steps for name in one.written()}
    if any(not others.isdisjoint([PurePath(file.name), *PurePath(file.name).parents]) for file in step.input):
        problem = _("The command reads what another command of the recipe writes.")
        raise ArgumentError(problem, hint=_("read the files that the other one reads."))

    def finish() -> None:
        with contextlib.chdir(folder):
            is_exact = "workspace" not in options and not (step.command == "export" and _holds_records(step))
            output = [File(name, *_digest(Path(name))) if is_exact else File(name) for name in step.written()]
        steps.append(msgspec.structs.replace(step, output=output))
        text = as_toml(Recipe(version("invitekit"), steps))
        write_file(path, lambda part: part.write_text(text, encoding="utf-8"), overwrite=True)
        if not values["as_json"]:
            is_inside = all((folder / name).resolve().is_relative_to(folder) for one in steps for name in one.written())
            again = f"invitekit run {out.shell_quoted(str(path))} {'--overwrite' if is_inside else '-o FOLDER'}"
            out.line(f"This is command {len(steps)} of the recipe {path}; to repeat it: {again}")

    return finish


def _typed_options(ctx: typer.Context, values: Options) -> Options:
    """Return the options that were typed, by their long names."""
    options = {}
    for param in ctx.command.params:
        source = ctx.get_parameter_source(param.name or "")
        is_typed = param.name in _ALWAYS or (source is not None and source.name == "COMMANDLINE")
        if is_typed and param.name not in _NOT_RECORDED and values.get(param.name) is not None:
            options[_long(param)] = values[param.name]
    return options


def _words(ctx: Any) -> list[str]:
    return [*_words(ctx.parent), ctx.info_name] if ctx.parent is not None else []


def _long(param: Any) -> str:
    """Return the long name of an option, without its dashes."""
    return str(max(param.opts, key=len)).removeprefix("--")


def _plain(value: Any, folder: Path) -> Any:
    """Return the value of an option as TOML has it."""
    if isinstance(value, list):
        return [_plain(one, folder) for one in value]
    return _relative(value, folder) if isinstance(value, Path) else value


def _relative(path: str | Path, folder: Path) -> str:
    """Return a path relative to a folder; an absolute path, or one on another Windows drive, is returned absolute."""
    with contextlib.suppress(ValueError):
        if not Path(path).is_absolute():
            return Path(os.path.relpath(path, folder)).as_posix()
    return Path(path).absolute().as_posix()


def _own_files(options: Options) -> list[Path]:
    """Return the files that a command reads because an option names them."""
    values = [options[name] for name in _READS if name in options]
    return [Path(one) for value in values for one in (value if isinstance(value, list) else [value])]


def _hashed(paths: Iterable[Path], folder: Path) -> list[File]:
    """Return files with their sizes and hashes, sorted by their paths relative to a folder."""
    named = {_relative(os.path.relpath(path), folder): path for path in paths}
    return [File(name, *_digest(named[name])) for name in sorted(named)]


def _digest(path: Path) -> tuple[int, str]:
    """Return the size and the SHA-256 of a file, or of the names and contents of all files in a folder.

    Raises:
        SourceError: It cannot be read.
    """
    if path.is_dir():
        files = {one.relative_to(path).as_posix(): _digest(one) for one in sorted(path.rglob("*")) if one.is_file()}
        listed = json.dumps([(name, sha256) for name, (_size, sha256) in files.items()])
        return sum(size for size, _sha256 in files.values()), hashlib.sha256(listed.encode()).hexdigest()
    try:
        return path.stat().st_size, digest(path)
    except OSError as error:
        problem = _("'{name}' cannot be read: {reason}.", name=path.name, reason=os_reason(error))
        raise SourceError(problem, hint=_("check its path and mode.")) from None


def _holds_records(step: Step) -> bool:
    """Return whether an export contains records, which are in random order; counts are sorted."""
    from invitekit.export.manifest import path_of  # noqa: PLC0415 - only for exports

    pages = [json.loads(path_of(Path(name)).read_text("utf-8")) for name in step.written()]
    return any(page["level"] != "aggregated" for page in pages)


# Running a recipe


def new_sources(recipe: Recipe, path: Path, files: list[str], customer_list: list[str]) -> list[list[str]]:
    """Return the new sources of each command; a command with an empty list keeps its own.

    Raises:
        ArgumentError: No command would read them.
    """
    kinds = {step.command in _CUSTOMER_LISTS for step in recipe.step if step.sources}
    for sources, is_list in ((files, False), (customer_list, True)):
        if sources and is_list not in kinds:
            problem = _("No command of {recipe} reads '{name}'.", recipe=path.name, name=Path(sources[0]).name)
            raise ArgumentError(problem, hint=_("exports are named as FILES, a customer list by --customer-list."))
    return [customer_list if step.command in _CUSTOMER_LISTS else files for step in recipe.step]


def changed(step: Step, sources: list[str], as_of: str | None, folder: Path | None) -> Step:
    """Return a command for other sources, another time or another folder, without the files that it read and wrote.

    Raises:
        ArgumentError: The recipe dates its sources by an option, which would date the new ones too.
    """
    options, is_other = dict(step.options), bool(step.sources and sources)
    if is_other and "snapshot" in options:
        problem = _("The recipe dates its files by --snapshot, which would date the others too.")
        raise ArgumentError(problem, hint=_("record the command again, with the date in the names of its files."))
    if as_of is not None and "as-of" in options:
        options["as-of"] = as_of
    if folder is not None:
        options |= {name: str(folder / Path(str(options[name])).name) for name in WRITES if name in options}
    return Step(step.command, sources if is_other else step.sources, options)


def check_unchanged(recipe: Recipe, path: Path, others: list[list[str]]) -> None:
    """Check that every input file that is read again is unchanged; paths start from the current folder.

    Raises:
        SourceError: A file is missing, new, or has changed; the message names each.
    """
    problems = set[Message]()
    for step, other in zip(recipe.step, others, strict=True):
        read, with_sources = _own_files(step.options), not other
        own = {_relative(file, Path()) for file in read}
        if with_sources:
            with contextlib.suppress(SourceError):  # the folder is empty: each of its files is missing
                read += list_files(step.sources).paths
        before = {file.name: file for file in step.input if with_sources or file.name in own}
        now = {file.name: file for file in _hashed([one for one in read if one.is_file()], Path())}
        problems |= {_("{name} is missing", name=name) for name in before.keys() - now.keys()}
        problems |= {_("{name} is new", name=name) for name in now.keys() - before.keys()}
        problems |= {
            _("{name} has changed ({size:,} bytes, now {now:,})", name=name, size=before[name].size, now=now[name].size)
            for name in before.keys() & now.keys()
            if before[name] != now[name]
        }
    if problems:
        listed = tuple(sorted(problems))
        raise SourceError(
            _("These files are not as {recipe} has them: {problems}.", recipe=path.name, problems=listed),
            hint=_("put back what it has, to repeat it; or name the files to use instead, or use --allow-changed."),
        )


def check_outputs(steps: Sequence[Step], folder: Path | None, *, overwrite: bool) -> None:
    """Check, before the first command runs, that no output exists or is outside of the allowed folder.

    A recipe may come from another person: without ``folder``, it writes into its own folder only.

    Raises:
        OutputError: A file exists or is elsewhere, two commands write the same one, or the folder cannot be made.
    """
    home = Path.cwd()
    workspaces = [str(step.options.get("workspace", "")) for step in steps if step.command in _CHANGES]
    for name in [*(name for step in steps if folder is None for name in step.written()), *workspaces]:
        if not Path(name).resolve().is_relative_to(home):
            problem = _("The recipe writes '{name}', outside of its own folder.", name=name)
            raise OutputError(problem, hint=_("move the recipe, or name the folder to write to: -o DIR."))
    paths = [Path(name) for step in steps for name in step.written()]
    if twice := [path for path in paths if paths.count(path) > 1]:
        problem = _("Two commands write '{name}'.", name=twice[0].name)
        raise OutputError(problem, hint=_("leave out -o, or record other names."))
    if folder is not None:
        try:
            folder.mkdir(exist_ok=True, parents=True)
        except OSError as error:
            raise not_written(folder, error) from None
    for path in paths if not overwrite else ():
        if any(path.iterdir()) if path.is_dir() else os.path.lexists(path):
            hint = _("use --overwrite, or another folder: -o DIR.")
            raise OutputError(_("'{name}' exists already.", name=path.name), hint=hint)


def run_step(ctx: typer.Context, step: Step, *, overwrite: bool, as_json: bool) -> dict[str, Any]:
    """Run one command, and return its output with ``--json``; without ``--json``, let it print.

    Raises:
        ArgumentError: The command, or an option of it, cannot be in a recipe.
    """
    root: Any = ctx.find_root().command
    command, words = root, step.command.split()
    for word in words:
        command = getattr(command, "commands", {}).get(word)
    params = {_long(param): param for param in getattr(command, "params", ())}
    unknown = step.options.keys() - (params.keys() - {*PERSONAL, *_FROM_PORTAL, "overwrite", "json"})
    if "save-recipe" not in params or unknown:
        shown = " ".join([step.command, *(f"--{name}" for name in sorted(unknown))])
        problem = _("'invitekit {command}' cannot be in a recipe.", command=shown)
        raise ArgumentError(problem, hint=_("record the command again, with --save-recipe."))
    for name, value in step.options.items():
        if isinstance(value, bool):
            words += params[name].opts[:1] if value else params[name].secondary_opts[:1]
        else:
            words += [f"--{name}={one}" for one in (value if isinstance(value, list) else [value])]
    words += ["--overwrite"] * (overwrite and "overwrite" in params) + ["--json"] * as_json + ["--", *step.sources]
    if not as_json:
        out.line(f"> invitekit {' '.join([step.command, *step.sources])}")
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed) if as_json else contextlib.nullcontext():
        code = root.main(args=words, prog_name="invitekit", standalone_mode=False)
    if isinstance(code, int) and code:
        raise typer.Exit(code)
    return dict(json.loads(printed.getvalue())) if as_json else {}


def compare_outputs(before: Step, step: Step, *, is_repeat: bool) -> list[dict[str, Any]]:
    """Return each output of a command, and whether it is as recorded: None if that cannot be compared."""
    recorded, compared = {file.name: file.sha256 for file in before.output}, []
    for was, name in zip(before.written(), step.written(), strict=True):
        sha256, expected = _digest(Path(name))[1], recorded.get(was) if is_repeat else None
        is_same = sha256 == expected if expected else None
        compared.append({"name": name, "sha256": sha256, "as_recorded": is_same})
    return compared


def print_comparison(outputs: list[dict[str, Any]], *, is_repeat: bool) -> None:
    """Print how many files are byte for byte as recorded, and which are not."""
    if not is_repeat:
        return out.line("Not compared with the recipe: other files, or another time.")
    compared = [one for one in outputs if one["as_recorded"] is not None]
    differing = [one["name"] for one in compared if not one["as_recorded"]]
    out.line(f"{len(compared) - len(differing):,} of {many(len(compared), 'output')} byte for byte as recorded.")
    for name in differing:
        out.line(f"  - {name} differs.")
    if len(compared) < len(outputs):
        out.line("Not compared: exported records, whose order is random, and results from a workspace.")
    return None
