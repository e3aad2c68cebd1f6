"""Help of the command line: every command has a help text in plain words, and shows its choices."""

import re
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any, get_args

import pytest

from invitekit import cli, sample
from invitekit.cli import options
from invitekit.metrics import BY, PERIODS
from invitekit.privacy import policy
from tests.conftest import Run

Words = tuple[str, ...]


def walk(command: Any, words: Words = ()) -> Iterator[tuple[Words, Any]]:
    yield words, command
    for name, inner in getattr(command, "commands", {}).items():
        yield from walk(inner, (*words, name))


COMMANDS = dict(walk(cli.app))
CHOICES: dict[str, Any] = {
    "--language": ("en", "zh"), "--level": policy.LEVELS, "--period": PERIODS, "--by": BY,
    "--remarks": ("drop", "scrub"), "--format": tuple(sample.FORMATS), "--encoding": sample.ENCODINGS,
}  # fmt: skip
RAW = re.compile(r"<[^|>]+>|\b(TEXT|PATH|INTEGER|FLOAT|FILENAME|INTEGER RANGE|BOOLEAN)\b|list\[")
"""Types of Python or of the parser: nobody knows what to type for them."""


def type_words(shown: str) -> list[str]:
    return [found[0] for found in RAW.finditer(shown)]


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: " ".join(words) or "invitekit")
def test_every_command_has_a_help_text(words: Words, run: Run) -> None:
    short = run(*words, "-h")
    assert (short.returncode, "-h, --help" in short.stdout) == (0, True)
    assert ("completion" in short.stdout) == (words == ()), "only the first page tells of the completion of a shell"
    text = COMMANDS[words].help
    assert text
    assert text.splitlines()[0].endswith("."), "the first line of help is a sentence"
    assert type_words(short.stdout) == []
    assert not re.search(r"^  \S+  .*\.\.\.$", short.stdout, re.MULTILINE), (
        "a summary in a list of commands is not cut off"
    )


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: " ".join(words) or "invitekit")
def test_every_option_and_argument_has_a_help_text(words: Words) -> None:
    for param in COMMANDS[words].params:
        assert param.help, param.name
        assert param.help.endswith("."), param.help


def closed(words: Words) -> Iterator[tuple[str, Any]]:
    """Return the options of a command that have fixed choices."""
    for param in COMMANDS[words].params:
        for option in param.opts:
            # A workspace command takes a person's name with --by; files may have any encoding.
            free = (option == "--by" and words[0] == "workspace") or (option == "--encoding" and words != ("sample",))
            if option in CHOICES and not free:
                one = words in (("plan",), ("report",)) and option == "--by"
                yield option, get_args(options.ManagerName) if one else CHOICES[option]


CLOSED = [(words, option, choices) for words in COMMANDS for option, choices in closed(words)]


@pytest.mark.parametrize(("words", "option", "choices"), CLOSED, ids=lambda value: str(value)[:40])
def test_choices_are_shown_and_other_values_are_wrong_usage(words: Words, option: str, choices: Any, run: Run) -> None:
    assert "|".join(choices) in "".join(run(*words, "-h").stdout.split())
    refused = run(*words, option, "nothing", "x.csv")
    assert refused.returncode == 2
    assert option in refused.stderr
    assert "'nothing'" in refused.stderr


def test_options_have_the_choices_of_the_functions() -> None:
    assert {(words, option) for words, option, _ in CLOSED} >= {
        (("trend",), "--by"), (("trend",), "--period"), (("report",), "--period"), (("export",), "--level"),
        (("export",), "--remarks"), (("sample",), "--format"), (("sample",), "--encoding"), (("plan",), "--language"),
    }  # fmt: skip
    assert get_args(options.LevelName) == policy.LEVELS
    assert get_args(options.PeriodName) == PERIODS
    assert get_args(options.GroupName) == BY
    assert get_args(options.FormatName) == tuple(sample.FORMATS)
    assert get_args(options.SampleEncoding) == sample.ENCODINGS


def test_filters_have_their_own_help_panel(run: Run) -> None:
    for command in ("annotate", "plan", "trend", "report", "export"):
        options, filters = run(command, "-h").stdout.split("\nFilter:\n")
        listed = re.findall("^  (--[a-z-]+)", filters, re.MULTILINE)
        assert {"--status", "--method", "--manager", "--text", "--since"} <= set(listed)
        assert ("--decision" in listed) == (command == "plan")
        assert not set(listed) & set(re.findall("--[a-z-]+", options))


def test_the_version_is_printed(run: Run) -> None:
    found = run("--version")
    assert (found.returncode, found.stdout) == (0, f"invitekit {version('invitekit')}\n")


@pytest.mark.parametrize(("typed", "offered"), [("invitekit tr", "trend"), ("invitekit trend --period mo", "month"),
                                                ("invitekit plan --decision resend_n", "resend_now"),
                                                ("invitekit workspace mark-s", "mark-sent")])  # fmt: skip
def test_the_shell_completes_commands_and_choices(
    typed: str, offered: str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = {"_INVITEKIT_COMPLETE": "complete_bash", "COMP_WORDS": typed, "COMP_CWORD": str(typed.count(" "))}
    for name, value in asked.items():
        monkeypatch.setenv(name, value)
    assert run().stdout.split() == [offered]
