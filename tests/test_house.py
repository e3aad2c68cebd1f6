"""The floor plan as a test: every import in the package is read, none is run.

A rule is a function from a house (the folder of the package) to the problems it sees. Each is
asked about this house, and proved on a copy with one violation planted.
"""

from __future__ import annotations

import ast
import re
import shutil
import sys
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

import invitekit

HOUSE = Path(__file__).resolve().parent.parent / "invitekit"

FLOORS: dict[float, tuple[str, ...]] = {
    0: ("errors",),
    0.1: ("engine",),
    0.2: ("io", "examples", "extras"),  # escaping a cell and undoing that are in this one room
    0.4: ("vocabularies",),
    0.5: ("schema", "frames"),  # under its two neighbours: both are written in its columns and vocabularies
    1: ("catalogue", "constants", "distributions", "filters", "moments"),
    1.5: ("customers",),
    1.7: ("model",),
    2: ("annotate", "chances", "scrub"),
    2.5: ("resend", "progress"),  # one ranks by chances, the other tells them
    2.6: ("privacy",),  # knows every word that the rooms below may say: only those leave
    3: ("load", "charts"),
    3.5: ("workspace", "batch", "export"),  # a workspace remembers what was loaded
    4: ("sample", "report", "widgets"),
    5: ("cli",),
    6: ("__main__",),  # python -m invitekit
}
FLOOR = {room: floor for floor, rooms in FLOORS.items() for room in rooms}
TO_COME: frozenset[str] = frozenset()
"""Rooms of the plan that need not stand yet: strike each one out when it is built."""

NARWHALS = (
    "engine",
    "moments",
    "constants",
    "model",
    "filters",
    "customers",
    "annotate",
    "chances",
    "progress",
    "resend",
    "privacy",
    "load",
    "workspace",
    "batch",
    "export",
    "charts",
)
LIBRARIES = {
    "anywidget": ("widgets",),
    "duckdb": ("engine", "io", "privacy", "load", "workspace", "export", "sample", "widgets"),
    "fastexcel": ("load", "export"),
    "filelock": ("io",),
    "ipywidgets": ("widgets",),
    "jinja2": ("report",),
    "jupyterlab": (),  # started as a command of its own
    "keyring": ("export",),
    "narwhals": (*NARWHALS, "sample", "report", "widgets"),
    "pandas": (),  # a guest: its frames are taken, it is never asked for
    "platformdirs": ("export", "widgets"),
    "plotly": ("charts",),
    "polars": ("io", "load", "batch", "privacy", "scrub", "export", "sample", "report", "widgets"),
    "psutil": ("engine",),
    "pyarrow": ("load", "export", "widgets"),
    "pyspark": (),  # the user brings it, and its frames
    "rich": ("cli",),
    "scipy": ("report",),
    "tornado": ("widgets",),
    "traitlets": ("widgets",),
    "typer": ("cli",),
    "tzdata": (),  # Python reads it where the system has no zone database
    "typst": ("report",),
    "xlsxwriter": ("io", "batch", "export"),
}
"""Which rooms may import which library; a library without a row has no room."""

Rule = Callable[[Path], list[str]]


@dataclass(frozen=True)
class Import:
    """One imported module, by its full name, and where it is asked for."""

    file: Path
    line: int
    module: str

    @property
    def where(self) -> str:
        return f"{self.file.as_posix()}:{self.line}"

    @property
    def room(self) -> str:
        return self.file.parts[0].removesuffix(".py")

    @property
    def parts(self) -> list[str]:
        return self.module.split(".")


def modules(house: Path) -> Iterator[tuple[Path, ast.Module]]:
    for path in sorted(house.rglob("*.py")):
        yield path.relative_to(house), parsed(path.read_text(encoding="utf-8"))


@cache
def parsed(text: str) -> ast.Module:
    """Parse a module once: each rule reads each of them, here and in a copy."""
    return ast.parse(text)


def imports(house: Path) -> Iterator[Import]:
    for file, tree in modules(house):
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield Import(file, node.lineno, alias.name)
            elif isinstance(node, ast.ImportFrom):
                for name in _from_names(house, file, node):
                    yield Import(file, node.lineno, name)


def _from_names(house: Path, file: Path, node: ast.ImportFrom) -> Iterator[str]:
    """Name each module that a "from" import reads: the name itself where it is one, else its parent."""
    here = ("invitekit", *file.parts[:-1])
    above = here[: len(here) - node.level + 1] if node.level else ()
    parent = ".".join((*above, *([node.module] if node.module else ())))
    for alias in node.names:
        name = f"{parent}.{alias.name}"
        inside = house.joinpath(*name.split(".")[1:])
        ours = parent.startswith("invitekit")
        yield name if ours and (parent == "invitekit" or _is_module(inside)) else parent


def _is_module(path: Path) -> bool:
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


def rooms_outside_the_plan(house: Path) -> list[str]:
    built = {file.parts[0].removesuffix(".py") for file, _ in modules(house)} - {"__init__"}
    return [f"room {room} is not in the plan" for room in sorted(built - FLOOR.keys())] + [
        f"room {room} is in the plan and not in the house" for room in sorted(FLOOR.keys() - built - TO_COME)
    ]


def imports_that_do_not_go_down(house: Path) -> list[str]:
    problems = []
    for one in imports(house):
        if one.parts[0] != "invitekit" or one.room == "__init__":
            continue
        target = one.parts[1] if len(one.parts) > 1 else ""
        if target not in FLOOR:
            problems.append(f"{one.where} imports {one.module}, which is no room of the plan")
        elif target != one.room and FLOOR[target] >= FLOOR.get(one.room, -1):
            problems.append(f"{one.where} imports {target}, floor {FLOOR[target]}, from {one.room}")
    return problems


def imports_that_no_plan_can_see(house: Path) -> list[str]:
    """Only ``invitekit/__init__.py`` may import a module by a name computed at run time."""
    return [
        f"{file.as_posix()}:{node.lineno} imports by text"
        for file, tree in modules(house)
        if file != Path("__init__.py")
        for node in ast.walk(tree)
        if (isinstance(node, ast.Name) and node.id in {"__import__", "import_module"})
        or (isinstance(node, ast.Attribute) and node.attr == "import_module")
    ]


def libraries_out_of_their_rooms(house: Path) -> list[str]:
    return [
        f"{one.where} imports {library}, which lives in {', '.join(rooms) or 'no room'}"
        for one in imports(house)
        if (library := one.parts[0]) not in {"invitekit", *sys.stdlib_module_names}
        and one.room not in (rooms := LIBRARIES.get(library.replace("_", "-"), ()))
    ]


def import_cycles(house: Path) -> list[str]:
    """Report each import that leads back to where it stands; Python's own cycles begin here."""
    edges: dict[str, set[str]] = {}
    for one in imports(house):
        if one.parts[0] == "invitekit" and one.file != Path("__init__.py"):
            edges.setdefault(_module_name(one.file), set()).add(one.module)
    return [
        f"{start} imports {target}, which leads back to it"
        for start in sorted(edges)
        for target in sorted(edges[start])
        if start in _reached(target, edges)
    ]


def _module_name(file: Path) -> str:
    return ".".join(("invitekit", *file.with_suffix("").parts)).removesuffix(".__init__")


def _reached(start: str, edges: dict[str, set[str]]) -> set[str]:
    seen: set[str] = set()
    todo = {start}
    while todo:
        seen |= todo
        todo = {target for module in todo for target in edges.get(module, ())} - seen
    return seen


def logic_at_the_front_door(house: Path) -> list[str]:
    tree = ast.parse((house / "__init__.py").read_text(encoding="utf-8"))
    return [f"__init__.py:{node.lineno} does more than name" for node in tree.body if not _only_names(node)]


def _only_names(node: ast.stmt) -> bool:
    match node:
        case ast.Import() | ast.ImportFrom() | ast.Expr(value=ast.Constant()):
            return True
        case ast.If(test=ast.Attribute(attr="TYPE_CHECKING"), body=body, orelse=orelse):
            typed = all(isinstance(one, ast.ImportFrom | ast.AnnAssign) for one in body)
            return typed and all(_only_names(one) for one in orelse)
        case ast.Assign(value=value) | ast.AnnAssign(value=ast.expr() as value):
            return not any(isinstance(one, ast.Call | ast.Lambda) for one in ast.walk(value))
        case ast.FunctionDef(name="__getattr__" | "__dir__") | ast.ClassDef(name="_Package"):
            return True
    return False


def test_every_room_is_in_the_plan_and_every_planned_room_stands() -> None:
    assert rooms_outside_the_plan(HOUSE) == []


def test_a_room_imports_only_from_lower_floors() -> None:
    assert imports_that_do_not_go_down(HOUSE) == []


def test_only_the_front_door_imports_by_text() -> None:
    assert imports_that_no_plan_can_see(HOUSE) == []


def test_a_library_is_imported_in_its_own_rooms_only() -> None:
    assert libraries_out_of_their_rooms(HOUSE) == []


def test_no_import_leads_back_to_where_it_stands() -> None:
    assert import_cycles(HOUSE) == []


def test_the_front_door_only_names() -> None:
    assert logic_at_the_front_door(HOUSE) == []


def test_every_library_that_we_depend_on_has_its_rooms() -> None:
    project = tomllib.loads((HOUSE.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = [
        *project["dependencies"],
        *(one for extra in project["optional-dependencies"].values() for one in extra),
    ]
    named = {re.split(r"[^\w-]", one)[0] for one in asked if not one.startswith(project["name"])}
    assert named - LIBRARIES.keys() == set()


def test_the_package_under_test_is_the_one_in_this_tree() -> None:
    assert Path(invitekit.__file__).parent == HOUSE


PLANTED: tuple[tuple[Rule, str, str, str], ...] = (
    (rooms_outside_the_plan, "attic.py", "", "room attic is not in the plan"),
    (rooms_outside_the_plan, "attic/__init__.py", "", "room attic is not in the plan"),
    (
        imports_that_do_not_go_down,
        "annotate.py",
        "import invitekit.load.times",
        "imports load, floor 3, from annotate",
    ),
    (
        imports_that_do_not_go_down,
        "annotate.py",
        "from .resend import x",
        "imports resend, floor 2.5, from annotate",
    ),
    (
        imports_that_do_not_go_down,
        "catalogue.py",
        "from invitekit import filters",
        "imports filters, floor 1",
    ),
    (
        imports_that_do_not_go_down,
        "schema.py",
        "from invitekit.catalogue import x",
        "imports catalogue, floor 1",
    ),
    (imports_that_do_not_go_down, "load/times.py", "from .. import cli", "imports cli, floor 5, from load"),
    (
        imports_that_do_not_go_down,
        "load/times.py",
        "def f():\n    from invitekit.report import x",
        "imports report",
    ),
    (imports_that_do_not_go_down, "annotate.py", "from invitekit import Loaded", "which is no room of the plan"),
    (imports_that_do_not_go_down, "annotate.py", "import invitekit", "which is no room of the plan"),
    (
        imports_that_no_plan_can_see,
        "errors.py",
        "import importlib\nimportlib.import_module('x')",
        "imports by text",
    ),
    (imports_that_no_plan_can_see, "errors.py", "__import__('x')", "imports by text"),
    (libraries_out_of_their_rooms, "annotate.py", "import duckdb", "imports duckdb, which lives in engine"),
    (
        libraries_out_of_their_rooms,
        "load/times.py",
        "from pandas import Series",
        "imports pandas, which lives in no room",
    ),
    (
        libraries_out_of_their_rooms,
        "errors.py",
        "import sklearn.cluster",
        "imports sklearn, which lives in no room",
    ),
    (libraries_out_of_their_rooms, "errors.py", "from tests.conftest import x", "imports tests"),
    (
        import_cycles,
        "load/times.py",
        "from invitekit.load import cells",
        "invitekit.load.times imports invitekit.load.cells",
    ),
    (import_cycles, "load/times.py", "from . import load", "invitekit.load.times imports invitekit.load,"),
    (logic_at_the_front_door, "__init__.py", "def load(): ...", "does more than name"),
    (logic_at_the_front_door, "__init__.py", "VERSION = str(1)", "does more than name"),
    (logic_at_the_front_door, "__init__.py", "if _typing.TYPE_CHECKING:\n    x = 1", "does more than name"),
)


@pytest.mark.parametrize(
    ("rule", "file", "text", "expected"),
    PLANTED,
    ids=[f"{rule.__name__}-{file}" for rule, file, *_ in PLANTED],
)
def test_a_planted_violation_is_reported(tmp_path: Path, rule: Rule, file: str, text: str, expected: str) -> None:
    copy = shutil.copytree(HOUSE, tmp_path / "invitekit", ignore=shutil.ignore_patterns("__pycache__"))
    before = set(rule(copy))
    _append(copy / file, text)
    reported = set(rule(copy)) - before
    assert [problem for problem in reported if expected in problem], f"reported only: {reported}"


def test_a_planned_room_that_is_taken_away_is_reported(tmp_path: Path) -> None:
    copy = shutil.copytree(HOUSE, tmp_path / "invitekit")
    (copy / "schema.py").unlink()
    assert "room schema is in the plan and not in the house" in rooms_outside_the_plan(copy)


def test_a_package_may_import_inside_itself(tmp_path: Path) -> None:
    copy = shutil.copytree(HOUSE, tmp_path / "invitekit")
    before = imports_that_do_not_go_down(copy)
    _append(copy / "load/planted.py", "from invitekit.load import times\nfrom .cells import x")
    assert imports_that_do_not_go_down(copy) == before


def _append(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a", encoding="utf-8") as end:
        end.write(f"\n{text}")
