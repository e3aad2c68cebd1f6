"""The command that runs a recipe, and the option that writes one."""

from __future__ import annotations

import contextlib
import datetime as dt
import functools
import inspect
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import typer

from invitekit.cli import options as o
from invitekit.cli import output as out

SaveRecipe = Annotated[
    Path | None,
    typer.Option("--save-recipe", metavar="FILE", help="Add this command to a recipe, for 'invitekit run FILE'."),
]


def recordable(command: Callable[..., None]) -> Callable[..., None]:
    """Add the option ``--save-recipe`` to a command."""
    own = inspect.signature(command, eval_str=True).parameters.values()
    context = inspect.Parameter("ctx", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)
    option = inspect.Parameter("save_recipe", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=SaveRecipe)

    @functools.wraps(command)
    def recorded(*, ctx: typer.Context, save_recipe: Path | None, **values: Any) -> None:
        if save_recipe is None:
            return command(**values)
        from invitekit.cli.recipes import start_step

        if "as_of" in values and values["as_of"] is None:
            values["as_of"] = _now()
        finish = start_step(ctx, save_recipe, values)
        command(**values)
        return finish()

    recorded.__signature__ = inspect.Signature([*own, context, option])  # type: ignore[attr-defined]
    recorded.__annotations__ = {p.name: p.annotation for p in (*own, context, option)}
    return recorded


def run(
    ctx: typer.Context,
    recipe: Annotated[Path, typer.Argument(metavar="RECIPE", help="A .toml file of --save-recipe.")],
    files: Annotated[
        list[str] | None, typer.Argument(metavar="FILES", help="Read these instead of the files of the recipe.")
    ] = None,
    customer_list: Annotated[
        list[str] | None,
        typer.Option("--customer-list", metavar="FILE", help="Read this instead of the recipe's customer list."),
    ] = None,
    as_of: Annotated[
        str | None,
        typer.Option("--as-of", metavar="DATE", help="Compute ages and expiry at this UTC date or time. Default: the "
                     "recipe's, or now for other files."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="DIR", help="Write everything into this folder.")
    ] = None,
    allow_changed: Annotated[
        bool, typer.Option("--allow-changed", help="Use the files as they are now, and the time of now.")
    ] = False,
    overwrite: o.Overwrite = False,
    as_json: o.Json = False,
) -> None:  # fmt: skip
    """Run the commands of a recipe again.

    Without FILES, repeats them: every file must be as the recipe has it, and what is written is compared with it,
    byte for byte; exit code 1 if it differs. With FILES, --customer-list, --as-of or --allow-changed, runs the same
    commands on other files or at another time. Paths in a recipe start from its own folder.
    """
    from invitekit.cli import recipes

    o.parse_time(as_of, "--as-of")
    recorded, is_changed = recipes.read_recipe(recipe), bool(files or customer_list or allow_changed)
    moment, is_repeat = as_of or (_now() if is_changed else None), not (as_of or is_changed)
    exports, lists = ([str(Path(name).absolute()) for name in names or ()] for names in (files, customer_list))
    folder = output.absolute() if output else None
    others = recipes.new_sources(recorded, recipe, exports, lists)
    if recorded.invitekit != version("invitekit"):
        out.note(f"{recipe.name} was written by invitekit {recorded.invitekit}: this version may write other bytes.")
    with contextlib.chdir(recipe.parent.resolve()):
        if not allow_changed:
            recipes.check_unchanged(recorded, recipe, others)
        steps = [recipes.changed(step, new, moment, folder) for step, new in zip(recorded.step, others, strict=True)]
        recipes.check_outputs(steps, folder, overwrite=overwrite)
        results = [recipes.run_step(ctx, step, overwrite=overwrite, as_json=as_json) for step in steps]
        pairs = zip(recorded.step, steps, strict=True)
        outputs = [one for pair in pairs for one in recipes.compare_outputs(*pair, is_repeat=is_repeat)]
    if as_json:
        counts = {name: sum(one[name] for one in results) for name in ("rows_read", "records", "rejects")}
        named = [{"command": step.command} | one for step, one in zip(steps, results, strict=True)]
        out.json_line(counts | {"recipe": str(recipe), "repeat": is_repeat, "steps": named, "outputs": outputs})
    else:
        recipes.print_comparison(outputs, is_repeat=is_repeat)
    if any(one["as_recorded"] is False for one in outputs):
        raise typer.Exit(1)


def _now() -> str:
    return dt.datetime.now(dt.UTC).replace(tzinfo=None).isoformat(timespec="seconds")
