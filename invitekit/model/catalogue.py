"""The failure catalogue: the meaning of the portal's messages, from ``catalogue.toml`` and the user's own files.

The portal has no failure codes, so the text of the message is the key. A message matches exactly, apart from spelling
variants, or not at all; the most similar one is only a suggestion.
"""

from __future__ import annotations

import os
import re
import tomllib
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from difflib import SequenceMatcher, get_close_matches
from functools import cache, cached_property
from importlib.resources import files
from itertools import chain
from pathlib import Path
from typing import Any

from invitekit.errors import CatalogueError, check_path_type, check_type
from invitekit.i18n import Language, Message, _
from invitekit.io.toml_file import read_toml
from invitekit.model.portal import with_portal_names
from invitekit.model.vocabularies import RESEND_RULES, UNKNOWN, WHO_ACTS

_Row = dict[str, Any]

CLOSE_ENOUGH = 0.9
"""The smallest similarity of a suggestion, 0 to 1; known messages of different failures have up to 0.8997."""
DO_NOT_INVITE = "do_not_invite"
"""The code of a mark that the customer must not be invited any more; other marks have the code of a failure."""
RESERVED_CODES = (UNKNOWN, "not_given", "other", DO_NOT_INVITE)
"""Codes that no failure of a catalogue can have."""

_FOLDED = str.maketrans("‘’‚‛ʼ′´`“”„‟″。、", "'" * 8 + '"' * 5 + ".,")
_MEANINGLESS_SPACE = re.compile(r"\s*([,.;:!?\u4e00-\u9fff])\s*")
_VOCABULARIES = {"who_acts": [v.code for v in WHO_ACTS], "resend_rule": [v.code for v in RESEND_RULES]}
_MESSAGES = ("message_en", "message_zh")
_REQUIRED = (("code",), _MESSAGES, ("cause_en", "cause_zh"), ("advice_en", "advice_zh"), *zip(_VOCABULARIES))
_CODE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")


def normalise_message(text: str) -> str:
    """Fold a message so that spelling variants of it are equal.

    Folded are width and compatibility forms (NFKC), case, quotes, Chinese stops and commas, invisible characters,
    repeated white space, spaces next to punctuation and Chinese characters, and the final full stop. Words stay.

    >>> normalise_message("  The invitation  link has EXPIRED。")
    'the invitation link has expired'
    """
    straight = unicodedata.normalize("NFKC", text.translate(_FOLDED)).casefold().translate(_FOLDED)
    visible = "".join(c for c in straight if unicodedata.category(c) != "Cf")
    return _MEANINGLESS_SPACE.sub(r"\1", " ".join(visible.split())).rstrip(". ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One reason why an association failed, as the portal words it and in plain words.

    ``message_*`` and ``suggested_operation_*`` are the portal's texts, ``cause_*`` and ``advice_*`` our short ones.
    ``who_acts`` and ``resend_rule`` are values of their vocabularies. ``replaced_messages`` are the messages of a row
    that this one replaced: old records still have them.
    """

    code: str
    who_acts: str
    resend_rule: str
    position: int | None = None
    message_en: str | None = None
    message_zh: str | None = None
    suggested_operation_en: str | None = None
    suggested_operation_zh: str | None = None
    cause_en: str | None = None
    cause_zh: str | None = None
    advice_en: str | None = None
    advice_zh: str | None = None
    replaced_messages: tuple[str, ...] = ()

    @property
    def messages(self) -> tuple[str, ...]:
        """All distinct messages of this failure."""
        texts = (self.message_en, self.message_zh, *self.replaced_messages)
        return tuple(dict.fromkeys(text for text in texts if text))

    def cause(self, language: Language = "en") -> str:
        """Return why it failed; in the other language if there is no text."""
        return _either(language, self.cause_en, self.cause_zh) or ""

    def advice(self, language: Language = "en") -> str:
        """Return the next step; in the other language if there is no text."""
        return _either(language, self.advice_en, self.advice_zh) or ""

    def suggested_operation(self, language: Language = "en") -> str | None:
        """Return the portal's suggestion; in the other language if there is no text, None without any."""
        return _either(language, self.suggested_operation_en, self.suggested_operation_zh)


_TYPES: dict[str, type] = {f.name: str for f in fields(Failure) if f.name != "replaced_messages"}
_TYPES["position"] = int


@dataclass(frozen=True, slots=True)
class Suggestion:
    """The failure with the message that is most similar to an unknown one, as a suggestion."""

    failure: Failure
    similarity: float


UNKNOWN_FAILURE = Failure(
    code=UNKNOWN,
    who_acts="partner",
    resend_rule=UNKNOWN,
    cause_en="The message is not in the catalogue.",
    cause_zh="该消息不在失败目录中。",
    advice_en="Read the original message, then add it to your own catalogue file.",
    advice_zh="请阅读原始消息，并将其添加到自己的目录文件中。",
)
"""The failure of a message that is not in the catalogue."""
NOT_GIVEN = Failure(
    code="not_given",
    who_acts="partner",
    resend_rule=UNKNOWN,
    cause_en="The file gives no failure message for this record.",
    cause_zh="文件中没有该记录的失败消息。",
    advice_en=with_portal_names(
        "In the portal, at {records_page}, point at the failed status and read the message; then give it in a "
        "messages file.",
        "en",
    ),
    advice_zh=with_portal_names(
        "请在门户的“{records_page}”页面将鼠标移到失败状态上查看消息，再通过消息文件补充。", "zh"
    ),
)
"""The failure of a failed record without a message."""


@dataclass(frozen=True)
class Catalogue:
    """The known failures, by message and by code. Create one with ``read_catalogue``."""

    failures: tuple[Failure, ...]

    @cached_property
    def _by_message(self) -> dict[str, Failure]:
        return {normalise_message(text): failure for failure in self.failures for text in failure.messages}

    @cached_property
    def _by_code(self) -> dict[str, Failure]:
        return {failure.code: failure for failure in (UNKNOWN_FAILURE, NOT_GIVEN, *self.failures)}

    def find(self, message: str | None) -> Failure | None:
        """Return the failure of a message, or None: a similar message does not match."""
        return self._by_message.get(normalise_message(message or ""))

    def closest(self, message: str | None) -> Suggestion | None:
        """Return the most similar known failure as a suggestion, or None below ``CLOSE_ENOUGH``."""
        # autojunk would ignore frequent letters in a text of 200 letters or more.
        matcher = SequenceMatcher(autojunk=False)
        matcher.set_seq2(normalise_message(message or ""))
        suggestions: list[Suggestion] = []
        for text, failure in self._by_message.items():
            matcher.set_seq1(text)
            if matcher.real_quick_ratio() >= CLOSE_ENOUGH:
                suggestions.append(Suggestion(failure, matcher.ratio()))
        best = max(suggestions, key=lambda suggestion: suggestion.similarity, default=None)
        return best if best and best.similarity >= CLOSE_ENOUGH else None

    def by_code(self, code: str) -> Failure | None:
        """Return the failure of that code, "unknown" and "not_given" included, or None."""
        return self._by_code.get(code)


def read_catalogue(*paths: str | os.PathLike[str]) -> Catalogue:
    """Return the built-in failures, changed and extended by the rows of the user's TOML files.

    A row with a known code replaces the row with that code, and also gets its messages. Any other row is added.
    ``catalogue.toml`` explains the fields.

    Raises:
        SourceError: A file cannot be read.
        CatalogueError: One of its rows is wrong.
    """
    known = _built_in()
    for path in paths:
        check_path_type(path)
    for path in map(Path, paths):
        known = _extended(known, read_toml(path, '[[failure]], code = "link_expired"'), path.name)
    return known


def known_failures(catalogue: Catalogue | None) -> Catalogue:
    """Return a catalogue; None means the built-in one.

    Raises:
        ArgumentError: It is not a catalogue, such as the path of a file.
    """
    check_type("catalogue", catalogue, (Catalogue, type(None)), _("pass {what}.", what="read_catalogue(...)"))
    return catalogue or read_catalogue()


@cache
def _built_in() -> Catalogue:
    name = "catalogue.toml"
    return _extended(Catalogue(()), tomllib.loads(files("invitekit.model").joinpath(name).read_text("utf-8")), name)


def _extended(known: Catalogue, data: Mapping[str, Any], name: str) -> Catalogue:
    failures = {failure.code: failure for failure in known.failures}
    owners = {normalise_message(message): f.code for f in known.failures for message in f.messages}
    numbers: dict[str, int] = {}
    for number, row in enumerate(_tables(data, name), 1):
        for problem, hint in chain(_row_problems(row), _clashes(row, owners, numbers)):
            where = _("{file}, row {number}: {problem}.", file=name, number=number, problem=problem)
            if isinstance(code := row.get("code"), str):
                where = _(
                    "{file}, row {number} ({code}): {problem}.",
                    file=name, number=number, code=" ".join(code.split()), problem=problem,
                )  # fmt: skip
            raise CatalogueError(where, hint=hint)
        failure = Failure(**{field: value for field, value in row.items() if normalise_message(str(value))})
        old = failures.get(failure.code)
        failures[failure.code] = replace(failure, replaced_messages=old.messages if old else ())
        owners |= {normalise_message(message): failure.code for message in failure.messages}
        numbers[failure.code] = number
    return Catalogue(tuple(failures.values()))


def _tables(data: Mapping[str, Any], name: str) -> list[_Row]:
    rows = data.get("failure")
    if len(data) == 1 and isinstance(rows, list) and rows and all(isinstance(row, dict) for row in rows):
        return rows
    problem = _(
        "{name} may contain [[failure]] tables only; found: {found}.", name=name, found=tuple(data) or _("nothing")
    )
    raise CatalogueError(problem, hint=_('Begin every row with the line "[[failure]]".'))


def _row_problems(row: _Row) -> Iterator[tuple[Message, Message]]:
    """Yield what is wrong and what to do; each check relies on the previous ones."""
    for field, value in row.items():
        if field not in _TYPES:
            near = get_close_matches(field, _TYPES, n=1, cutoff=0)[0]
            yield _("unknown field '{field}'", field=repr(field)[1:-1]), _("Did you mean '{name}'?", name=near)
        elif type(value) is not _TYPES[field]:
            yield (
                _("field '{field}' has a wrong type", field=field),
                _("Only position is a number, every other field a text."),
            )
    for either in _REQUIRED:
        if not any(normalise_message(row.get(field, "")) for field in either):
            yield (
                _(
                    "field {field} is missing",
                    field=_("{name} or {other}", name=either[0], other=either[1]) if len(either) > 1 else either[0],
                ),
                _("Add it; an empty text counts as missing."),
            )
    if not _CODE.fullmatch(row["code"]):
        yield _("field 'code' is not lower_snake_case"), _("Write it like link_expired.")
    if row["code"] in RESERVED_CODES:
        yield _("field 'code' is a reserved code"), _("Choose another code.")
    for field, allowed in _VOCABULARIES.items():
        if row[field] not in allowed:
            yield (
                _("field '{field}' is {value!r}, an unknown value", field=field, value=row[field]),
                _("Use one of {known}.", known=tuple(allowed)),
            )


def _clashes(row: _Row, owners: dict[str, str], numbers: dict[str, int]) -> Iterator[tuple[Message, Message]]:
    code = row["code"]
    if code in numbers:
        yield _("field 'code' was given in row {number} already", number=numbers[code]), _("Keep one of the two rows.")
    for field in _MESSAGES:
        owner = owners.get(normalise_message(row.get(field, "")), code)
        if owner != code:
            hint = _("Use the code {code} to replace that failure, or remove the message.", code=owner)
            yield _("field '{field}' is the message of {code} already", field=field, code=owner), hint


def _either(language: Language, english: str | None, chinese: str | None) -> str | None:
    return (chinese or english) if language == "zh" else (english or chinese)
