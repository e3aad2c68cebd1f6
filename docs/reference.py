"""Generate the pages of the reference from the code: public names, commands, columns, failures, reasons, policy."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import typer

import invitekit
from invitekit import cli
from invitekit.model import schema
from invitekit.model.catalogue import read_catalogue
from invitekit.planning import ResendRules
from invitekit.planning.reason_texts import read_reasons
from invitekit.privacy.policy import TABLE

SECTION = re.compile(r"^(Args|Attributes|Returns|Raises|Example):$")
ENTRY = re.compile(r"^([\w*][\w*, ]*): (.*)$")
QUOTED = re.compile(r"""(: |-> )(['"])(.*?)\2(?= = |,$|$)""", re.MULTILINE)
"""A type annotation that Python shows as a quoted string."""
STAGES = {
    "record": "in the records of `load`",
    "annotated": "added by `annotate`",
    "resolved": "added by `resolve`, with `customer_id`",
    "plan": "added by `plan_resends`",
}


def python() -> str:
    """Describe every public name by its signature and its docstring."""
    names = (line for name in invitekit.__all__ for line in described(f"ik.{name}", getattr(invitekit, name), 2))
    return "\n".join(["# Python", "", "After `import invitekit as ik`.", "", *names])


def described(name: str, value: Any, level: int) -> Iterator[str]:
    """Yield the heading, signature and docstring of a name, then those of its methods."""
    yield from ("#" * level + f" {name}", "")
    if not isinstance(value, property):
        yield from ("```python", signature(name, value), "```", "")
    yield from (*prose(inspect.getdoc(value) or ""), "")
    if inspect.isclass(value):
        for part, member in vars(value).items():
            own = member.__func__ if isinstance(member, classmethod | staticmethod) else member
            if not part.startswith("_") and (inspect.isfunction(own) or isinstance(own, property)):
                yield from described(f"{name}.{part}", own, level + 1)


def signature(name: str, value: Any) -> str:
    """Return the signature of a callable, one argument per line."""
    shown = inspect.signature(value)
    parameters = [each for each in shown.parameters.values() if each.name != "self"]
    rows = [f"    {each}," for each in parameters]
    named = [index for index, each in enumerate(parameters) if each.kind is each.KEYWORD_ONLY]
    if named and all(each.kind is not each.VAR_POSITIONAL for each in parameters):
        rows.insert(named[0], "    *,")
    _, arrow, returned = str(shown).rpartition(") -> ")
    result = f" -> {returned}" if arrow and returned != "'None'" else ""
    text = "\n".join([f"{name}(", *rows, f"){result}"]) if rows else f"{name}(){result}"
    return QUOTED.sub(r"\1\3", text)


def prose(doc: str) -> Iterator[str]:
    """Convert a Google-style docstring to Markdown."""
    section = ""
    for line in doc.splitlines():
        heading, body = SECTION.match(line), line[4:]
        if heading:
            title = {"Args": "Arguments"}.get(heading[1], heading[1])
            yield from filter(None, ("```" if section == "Example" else "", "", f"**{title}**", ""))
            yield ""
            section = heading[1]
            if section == "Example":
                yield "```pycon"
        elif section in {"Args", "Attributes", "Raises"} and line.startswith("    "):
            entry = ENTRY.match(body)
            yield f"- `{entry[1]}`: {markdown(entry[2])}" if entry else f"  {markdown(body.strip())}"
        elif section:
            yield body if section == "Example" else markdown(line.strip())
        else:
            yield markdown(line)
    if section == "Example":
        yield "```"


def markdown(text: str) -> str:
    """Convert one line of a docstring to Markdown."""
    return text.replace("``", "`").replace("<", "&lt;") if "`<" not in text else text.replace("``", "`")


def commands() -> str:
    """List the help text of every command."""
    parts = ["# Commands", "", "The help text of each command (`-h`).", ""]
    for words, command in walk(cli.app, ("invitekit",)):
        context = typer.Context(
            command, info_name=" ".join(words), terminal_width=80, help_option_names=["-h", "--help"]
        )
        parts += [f"## {' '.join(words)}", "", "```text", command.get_help(context), "```", ""]
    return "\n".join(parts)


def walk(command: Any, words: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield a command and all its subcommands, each with the words that call it."""
    yield words, command
    for name, inner in getattr(command, "commands", {}).items():
        yield from walk(inner, (*words, name))


def table(heads: Iterable[str], rows: Iterable[Iterable[object]]) -> list[str]:
    """Return the lines of a Markdown table; in cells, bars are escaped and line breaks become spaces."""

    def line(cells: Iterable[object]) -> str:
        return "| " + " | ".join(str(c or "").replace("|", "\\|").replace("\n", " ") for c in cells) + " |"

    names = list(heads)
    return [line(names), line(["---"] * len(names)), *map(line, rows), ""]


def columns() -> str:
    """List every column with its labels, kind, privacy class and the headers that files use for it."""
    parts = ["# Columns", "", "Times are UTC without an offset. A header of a file may be any of a column's names;",
             "case, spaces and punctuation do not matter.", ""]  # fmt: skip
    for stage, where in STAGES.items():
        chosen = [column for column in schema.COLUMNS if column.stage == stage]
        parts += [f"## Columns {where}", "", *table(
            ("Column", "Kind", "English", "中文", "Privacy class", "Other headers"),
            ((f"`{c.name}`", c.kind, c.en, c.zh, c.privacy.replace("_", " "),
              ", ".join((*c.aliases, *c.loose, *c.by_values, *c.maybe))) for c in chosen),
        )]  # fmt: skip
    parts += ["## Values", ""]
    for column in schema.COLUMNS:
        if column.values:
            parts += [f"### Values of {column.name}", "", *table(
                ("Value", "English", "中文", "Other words of files"),
                ((f"`{v.code}`", v.en, v.zh, ", ".join(v.aliases)) for v in column.values),
            )]  # fmt: skip
    return "\n".join(parts)


def failures() -> str:
    """List every failure message with its cause, its advice and who acts."""
    parts = ["# Failure messages", "", "The portal has no failure codes: a failure is identified by its message.", ""]
    for row in read_catalogue().failures:
        parts += [f"## {row.code}", "", *(f"> {text}  " for text in (row.message_en, row.message_zh) if text), "", *(
            table(("", "English", "中文"), (
                ("Cause", row.cause("en"), row.cause("zh")), ("Advice", row.advice("en"), row.advice("zh")),
                ("The portal suggests", row.suggested_operation("en"), row.suggested_operation("zh")),
                ("Who acts", row.who_acts, ""), ("Resend", row.resend_rule, ""),
            ))
        )]  # fmt: skip
    return "\n".join(parts)


def reasons() -> str:
    """List every reason of a plan with the decision it leads to."""
    rules, chinese = ResendRules(), read_reasons("zh")
    return "\n".join(["# Reasons of a plan", "", "The first reason that is true for a customer decides.", "", *table(
        ("Reason", "Decision", "English", "中文"),
        ((f"`{code}`", f"`{one.decision}`", one.summary(rules), chinese[code].summary(rules))
         for code, one in read_reasons().items()),
    )])  # fmt: skip


def policy() -> str:
    """List what happens to each column at each export level."""
    return "\n".join(["# What is exported at each level", "", *table(
        ("Column", "masked", "pseudonymised", "aggregated"), ((f"`{name}`", *actions) for name, *actions in TABLE),
    )])  # fmt: skip


PAGES: dict[str, Callable[[], str]] = {
    "python": python, "commands": commands, "columns": columns, "failures": failures, "reasons": reasons,
    "policy": policy,
}  # fmt: skip
