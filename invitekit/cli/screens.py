"""What opens in a browser: the page for people without a notebook."""

from __future__ import annotations

import json
import os
import sys
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from invitekit.cli import options as o
from invitekit.errors import ArgumentError


def app(
    sources: Annotated[list[str] | None, typer.Argument(help="Files, folders or globs; none: the page asks.")] = None,
    *,
    workspace: Annotated[Path | None, typer.Option("--workspace", "-w", help="What remembers batches.")] = None,
    rules: o.Rules = None,
    as_of: o.AsOf = None,
    language: o.Language = "en",
    port: o.Port = None,
    browser: o.Browser = True,
) -> None:
    """Open the sales-ops page: pick whom to invite again, read why, write the batch.

    It is served to this machine alone, and to whoever has the address with its token.
    """
    if find_spec("voila") is None:
        raise ArgumentError("Voila is not installed.", hint="install invitekit[lab], or run 'make setup'.")
    moment = o.parse_time(as_of, "--as-of")
    asked = {
        "sources": [str(Path(one).absolute()) for one in sources or []],
        "workspace": str(workspace.absolute()) if workspace else None,
        "rules": str(rules.absolute()) if rules else None,
        "as_of": moment.isoformat() if moment else None,
        "folder": str(Path.cwd()),
        "language": o.parse_language(language),
    }
    beside = files("invitekit.widgets").joinpath("app")
    notebook = beside.joinpath("invitekit.ipynb")
    paths = os.pathsep.join(filter(None, [str(beside), os.environ.get("JUPYTER_PATH")]))
    env = os.environ | {"INVITEKIT_PAGE": json.dumps(asked), "JUPYTER_PATH": paths}
    words = [sys.executable, "-m", "voila", str(notebook), "--Voila.ip=127.0.0.1", "--template=invitekit", "--token"]
    words += [f"--port={port}"] if port else []
    words += [] if browser else ["--no-browser"]
    os.execve(sys.executable, words, env)  # noqa: S606 - this very Python
