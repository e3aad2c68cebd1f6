"""What the code can say to a person when something cannot be done: read from it, in all its variants."""

from __future__ import annotations

import ast
import errno
import importlib
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import invitekit
from invitekit.errors import ChangedError, LeakError, many
from invitekit.export import GATES
from invitekit.ingest import discover
from invitekit.planning import ResendRules
from invitekit.privacy import policy_file

HOUSE = Path(invitekit.__file__).parent
NAME = "x.csv"
"""What stands for a name, or for whatever else is filled in."""
CODES = ("ENOSPC", "EACCES", "EPERM", "EROFS", "ENAMETOOLONG", "EISDIR", "ENOENT", "ENOTDIR", "EEXIST", "EDQUOT",
         "EIO", "EBUSY", "EMFILE", "EFBIG", "ELOOP")  # fmt: skip
REASONS = [os.strerror(getattr(errno, code)) for code in CODES]
SAMPLES = {
    "error.strerror": REASONS,
    "os.strerror(number)": REASONS,
    "getattr(error, 'strerror', None)": REASONS,
    "ascii(path.name[:SHOWN_NAME])": [f"'{NAME}'"],
    "field.name": [field.name for field in fields(ResendRules)],
    "value": ["None", "0"],
    "is_what": sorted({*discover._SIGNATURES.values()} - {"ole"}),
    "schema.label(required).lower()": ["status"],
    "show_headers(names)": [f"['{NAME}', '{NAME}']", f"['{NAME}']"],
    "column.kind": ["time"],
    "_called(row, number)": ["", f" ('{NAME}')"],
    "_FIELDS[field].__name__": [kind.__name__ for kind in policy_file._FIELDS.values()],
    "number": ["7"],
    "position": ["7"],
    "error.problem": ["The policy leaves no column to release."],
    "error.hint": ["keep one."],
    "refused.gate": list(GATES),
}
"""Expressions whose values stand nowhere in the code, or far away."""

Texts = tuple[str, ...]


@dataclass(frozen=True)
class Raised:
    """What one place of the code may say: its problem and its hint, each in all its variants."""

    file: str
    problems: Texts
    hints: Texts


class Module:
    """A module of the house: what its expressions may say, each asked within its function."""

    def __init__(self, path: Path) -> None:
        self.file = path.relative_to(HOUSE).as_posix()
        self.tree = ast.parse(path.read_text("utf-8"))
        self.scopes = [self.tree, *(node for node in ast.walk(self.tree) if isinstance(node, ast.FunctionDef))]
        self.functions = {node.name: node for node in self.scopes if isinstance(node, ast.FunctionDef)}
        self.name = "invitekit." + self.file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        self.values = vars(importlib.import_module(self.name))

    def raised(self) -> Iterator[Raised]:
        """Give whatever is said to a person: each call with a hint, and each refusal of a gate."""
        for within in self.scopes:
            for call in _own(within, ast.Call):
                hints = [one.value for one in call.keywords if one.arg == "hint"]
                if hints and call.args:
                    yield Raised(self.file, self.says(call.args[0], within), self.says(hints[0], within))
                elif isinstance(call.func, ast.Name) and call.func.id in ("LeakError", "ChangedError"):
                    yield self._refused(
                        call, {"LeakError": LeakError, "ChangedError": ChangedError}[call.func.id], within
                    )

    def _refused(self, call: ast.Call, kind: type[LeakError], within: ast.AST) -> Raised:
        names = product(*(self.says(one, within) for one in call.args[:2]))
        errors = [kind(column, gate, count) for column, gate in names for count in (1, 7)]
        return Raised(self.file, tuple(error.problem for error in errors), (kind.advice,))

    def says(self, node: ast.expr, within: ast.AST) -> Texts:
        """Give the texts that an expression may be."""
        if not isinstance(node, ast.JoinedStr | ast.FormattedValue) and (text := ast.unparse(node)) in SAMPLES:
            return tuple(SAMPLES[text])
        ask = SAYS.get(type(node))
        return ask(self, node, within) if ask else (NAME,)

    def any_of(self, nodes: Iterable[ast.expr], within: ast.AST) -> Texts:
        """Give the texts of each expression."""
        return tuple(text for node in nodes for text in self.says(node, within))

    def joined(self, nodes: Iterable[ast.expr], within: ast.AST) -> Texts:
        """Give the texts of all expressions, one after the other."""
        return tuple(map("".join, product(*(self.says(node, within) for node in nodes))))

    def filled(self, node: ast.FormattedValue, within: ast.AST) -> Texts:
        """Give what fills a place of a text; what has a format is a number."""
        if node.format_spec:
            return ("7",)
        found = self.says(node.value, within)
        quoted = node.conversion == ord("r") and ast.unparse(node.value) not in SAMPLES
        return tuple(map(repr, found)) if quoted else found

    def called(self, call: ast.Call, within: ast.AST) -> Texts:
        """Give what a call gives: of a function of the house whatever it returns."""
        match call.func:
            case ast.Name(id="many"):
                words = [str(one.value) for one in call.args[1:] if isinstance(one, ast.Constant)]
                return many(1, *words), many(7, *words)
            case ast.Name(id=name) if name in self.functions:
                own = self.functions[name]
                return self.any_of((one.value for one in _own(own, ast.Return) if one.value), own)
            case ast.Name(id=name):
                home = str(getattr(self.values.get(name), "__module__", ""))
                return (
                    read(home).called(call, within) if home.startswith("invitekit.") and home != self.name else (NAME,)
                )
            case ast.Attribute(attr="lower", value=value):
                return tuple(text.lower() for text in self.says(value, within))
            case ast.Attribute(attr="join", value=ast.Constant(value=str(between))):
                return (f"{NAME}{between}{NAME}",)
        return (NAME,)

    def bound(self, name: ast.Name, within: ast.AST) -> Texts:
        """Give what a name may stand for: what it is assigned, what its loops go through, else a constant."""
        found: list[str] = []
        for node in ast.walk(within):
            if isinstance(node, ast.Assign):
                found += self.any_of(self._paired(node.targets[0], node.value, name.id), within)
            elif isinstance(node, ast.NamedExpr):
                found += self.any_of(self._paired(node.target, node.value, name.id), within)
            elif isinstance(node, ast.For):
                for scope, row in self._rows(node.iter, within):
                    found += self.any_of(self._paired(node.target, row, name.id), scope)
        constant = self.values.get(name.id)
        return tuple(found) or ((str(constant),) if isinstance(constant, str | int) else (NAME,))

    def _rows(self, node: ast.expr, within: ast.AST) -> Iterator[tuple[ast.AST, ast.expr]]:
        """Give the rows that a loop goes through: of a list or table in sight, or those that a function yields."""
        match node:
            case ast.Call(func=ast.Name(id=name)) if name in self.functions:
                own = self.functions[name]
                yield from ((own, one.value) for one in _own(own, ast.Yield))
                for more in _own(own, ast.YieldFrom):
                    yield from self._rows(more.value, own)
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr="items")):
                for table in _literals(name, self.tree, ast.Dict):
                    for pair in zip(table.keys, table.values, strict=True):
                        yield self.tree, ast.Tuple([*pair])
            case ast.Name(id=name):
                for table in _literals(name, within, ast.List):
                    yield from ((within, row) for row in table.elts)

    def _paired(self, target: ast.expr, value: ast.expr, name: str) -> Iterator[ast.expr]:
        """Give what stands for a name of a target."""
        if isinstance(target, ast.Name) and target.id == name:
            yield value
        if isinstance(target, ast.Tuple):
            pairs = _literals(value.id, self.tree, ast.Tuple) if isinstance(value, ast.Name) else [value]
            for pair in pairs:
                if isinstance(pair, ast.Tuple) and len(pair.elts) == len(target.elts):
                    for one, other in zip(target.elts, pair.elts, strict=True):
                        yield from self._paired(one, other, name)


SAYS: dict[type[ast.expr], Callable[[Module, Any, ast.AST], Texts]] = {
    ast.Constant: lambda _module, node, _within: () if node.value is None else (str(node.value),),
    ast.JoinedStr: lambda module, node, within: module.joined(node.values, within),
    ast.FormattedValue: Module.filled,
    ast.BinOp: lambda module, node, within: (
        module.joined([node.left, node.right], within) if isinstance(node.op, ast.Add) else (NAME,)
    ),
    ast.IfExp: lambda module, node, within: module.any_of([node.body, node.orelse], within),
    ast.BoolOp: lambda module, node, within: module.any_of(node.values, within),
    ast.Call: Module.called,
    ast.Name: Module.bound,
}
"""How each kind of expression is read; any other one is a name."""


def _own(within: ast.AST, kind: type[Any]) -> Iterator[Any]:
    """Give the nodes of a function, or of a module, that stand in no function inside of it."""
    waiting = list(ast.iter_child_nodes(within))
    while waiting:
        node = waiting.pop()
        if isinstance(node, kind):
            yield node
        if not isinstance(node, ast.FunctionDef):
            waiting += ast.iter_child_nodes(node)


def _literals(name: str, within: ast.AST, kind: type[Any]) -> Iterator[Any]:
    """Give the lists, tuples or tables that a name is assigned."""
    for node in ast.walk(within):
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, kind):
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            if isinstance(target, ast.Name) and target.id == name:
                yield node.value


@cache
def read(name: str) -> Module:
    """Read a module of the house by its name."""
    path = HOUSE.parent / name.replace(".", "/")
    return Module(path / "__init__.py" if path.is_dir() else path.with_suffix(".py"))


@cache
def raised(*rooms: str) -> tuple[Raised, ...]:
    """Give what the code of some rooms can say."""
    paths = [path for room in rooms for path in ((HOUSE / room).rglob("*.py") if "." not in room else [HOUSE / room])]
    return tuple(one for path in sorted(paths) for one in Module(path).raised())
