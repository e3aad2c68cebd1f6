"""The public names: offered by the tab key, loaded at first use, and never hidden by a module of the same name."""

import ast
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.manager import start_new_kernel

import invitekit as ik
from tests.conftest import DATA

PUBLIC = {
    "Explorer", "ExportPanel", "Filter", "InvitekitError", "LeakError", "Loaded", "ResendPicker", "ResendRules",
    "Workspace", "annotate", "compare", "customer_history", "export", "failure_trend", "latest", "load",
    "plan_resends", "progress", "read_catalogue", "report", "resolve", "where", "write_batches", "write_sample",
}  # fmt: skip


def python(code: str) -> str:
    """Run code in a new Python process and return what it prints."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def completions(client: Any, code: str) -> set[str]:
    client.complete(code, len(code))
    return set(client.get_shell_msg(timeout=60)["content"]["matches"])


@pytest.mark.filterwarnings("ignore")  # jupyter_client warns of a socket that it closes itself
def test_tab_completion_offers_exactly_the_public_names() -> None:
    manager, client = start_new_kernel(kernel_name="python3")
    try:
        client.execute_interactive("import invitekit as ik")
        assert completions(client, "ik.") == PUBLIC
        assert completions(client, "ik.pl") == {"plan_resends"}
        # The modules are imported now; a module must not replace the function of its name.
        client.execute_interactive("import invitekit.export, invitekit.report; ik.load, ik.errors")
        assert completions(client, "ik.") == PUBLIC
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def test_type_checkers_see_the_same_names_from_the_same_modules() -> None:
    tree = ast.parse(Path(ik.__file__).read_text("utf-8"))
    typed = {
        alias.asname: node.module
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.asname
    }
    assert typed == {name: f"invitekit.{module}" for name, module in ik._MODULES.items()}


def test_every_public_name_is_listed_and_can_be_loaded() -> None:
    assert set(ik.__all__) == PUBLIC
    assert {*dir(ik)} == PUBLIC | {"__version__"}
    for name in PUBLIC:
        assert getattr(ik, name).__name__ == name


def test_a_module_does_not_replace_the_function_of_its_name() -> None:
    """``import invitekit.export`` binds the module to the package, before and after the first use of the function."""
    modules_first = "import invitekit.export, invitekit.report, invitekit as ik; print(callable(ik.export), callable("
    assert python(f"{modules_first}ik.report))") == "True True"
    names_first = "import invitekit as ik; ik.export, ik.report; import invitekit.export, invitekit.report; "
    assert python(f"{names_first}print(callable(ik.export), callable(ik.report))") == "True True"
    by_others = "from invitekit.widgets.grid import Grid; from invitekit import export, report; "
    assert python(f"{by_others}print(callable(export), callable(report))") == "True True"


def test_importing_the_package_loads_no_engine() -> None:
    heavy = "{'polars', 'duckdb', 'narwhals', 'pyarrow', 'typer', 'ipywidgets', 'importlib.metadata'}"
    code = f"import sys; before = {{*sys.modules}}; import invitekit; print({heavy} & {{*sys.modules}} - before)"
    assert python(code) == "set()"


def test_a_name_that_does_not_exist_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'invitekit' has no attribute 'plan'"):
        _ = ik.plan  # type: ignore[attr-defined]


ENGINES, SCREENS = ["duckdb", "pandas", "pyarrow", "pyspark"], ["anywidget", "jinja2", "scipy", "tornado"]
EXPORTING = ["invitekit.batches", "invitekit.export", "invitekit.report", "invitekit.workspace", "invitekit.widgets"]


@pytest.mark.parametrize(
    ("command", "idle"),
    [
        (["--help"], [*ENGINES, *SCREENS, *EXPORTING, "narwhals", "polars"]),
        (["check"], [*ENGINES, *SCREENS, *EXPORTING, "invitekit.metrics", "invitekit.planning"]),
        (["annotate", "--as-of", "2026-03-30"], [*ENGINES, *SCREENS, *EXPORTING, "invitekit.planning"]),
        (["plan", "--as-of", "2026-03-30"], [*ENGINES, *SCREENS, *EXPORTING]),
        (["trend", "--as-of", "2026-03-30"], [*ENGINES, *SCREENS, *EXPORTING, "invitekit.planning"]),
    ],
    ids=lambda value: value[0],
)
def test_a_command_loads_only_what_it_needs(command: list[str], idle: list[str]) -> None:
    source = [] if command == ["--help"] else [str(DATA)]
    code = f"""import contextlib, sys
from invitekit.cli import main
with contextlib.suppress(SystemExit), contextlib.redirect_stdout(sys.stderr):
    sys.argv[1:] = {[*command, *source]!r}
    main()
print([name for name in {idle!r} if name in sys.modules])"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]", done.stderr


def test_the_picker_loads_no_module_for_writing_or_drawing() -> None:
    idle = ["icalendar", "xlsxwriter", "plotly", "invitekit.charts", "invitekit.export", "invitekit.report"]
    code = f"import sys, invitekit as ik; ik.ResendPicker; print([name for name in {idle} if name in sys.modules])"
    assert python(code) == "[]"
