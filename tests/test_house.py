"""The floor plan as a test: every import in the package is read, none is run."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import invitekit

HOUSE = Path(__file__).resolve().parent.parent / "invitekit"

FLOORS: dict[float, tuple[str, ...]] = {
    0: ("errors",),
    0.1: ("engine",),
    0.2: ("io", "extras"),  # escaping a cell and undoing that are in this one room
    0.5: ("model",),
    1: ("metrics",),
    2: ("planning",),  # ranks by the success rates that metrics count
    2.6: ("privacy",),  # knows every word that the rooms below may say: only those leave
    3: ("load", "charts"),
    3.5: ("workspace", "batches", "export"),  # a workspace remembers what was loaded
    4: ("sample", "report", "widgets"),
    5: ("cli",),
    6: ("__main__",),  # python -m invitekit
}
FLOOR = {room: floor for floor, rooms in FLOORS.items() for room in rooms}
TO_COME: frozenset[str] = frozenset()
"""Rooms of the plan that need not stand yet: strike each one out when it is built."""

NARWHALS = ("engine", "model", "metrics", "planning", "privacy", "load", "workspace", "batches", "export", "charts")
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
    "polars": ("io", "load", "batches", "privacy", "export", "sample", "report", "widgets"),
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
    "xlsxwriter": ("io", "batches", "export"),
}
"""Which rooms may import which library; a library without a row has no room."""


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
