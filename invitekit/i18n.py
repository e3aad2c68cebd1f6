"""Texts that are written in English and translated into any language that has a catalogue in ``locale/``.

A message is an English text that also has its template, which is its key in the catalogues, and its parameters. It is
used like any other text; ``translate`` returns it in another language. English needs no catalogue.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Collection, Mapping
from functools import cache
from gettext import GNUTranslations, NullTranslations
from importlib.resources import files
from pathlib import Path, PurePath
from typing import IO, Any, Self

Language = str
"""The code of a language: en, or the name of a folder of ``LOCALE``."""
LOCALE = Path(__file__).parent / "locale"
"""One folder for each language: LC_MESSAGES/invitekit.po is edited, and `make words` compiles the .mo from it."""
_INVISIBLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters, line ends, characters that change the direction of text, and lone surrogates."""


def printable(text: str) -> str:
    r"""Return a text on one line, with control and invisible characters escaped, as file names may be hostile.

    >>> printable("a\x1b[31m.csv")
    'a\\x1b[31m.csv'
    """
    return text if text.isprintable() else _INVISIBLE.sub(lambda match: ascii(match[0])[1:-1], text)


def languages() -> tuple[str, ...]:
    """Return the codes of English and of each language with a catalogue."""
    return ("en", *sorted(path.parts[-3] for path in LOCALE.glob("*/LC_MESSAGES/invitekit.mo")))


class Message(str):
    """An English text that can be translated.

    Args:
        template: The text, with named placeholders: ``'{name}' is empty.``
        parameters: The values of the placeholders: texts, numbers, messages, or tuples of them, listed with commas.
        plural: The template for any number except 1.
        number: The parameter ``n``, which chooses between the two templates.
    """

    __slots__ = ("number", "parameters", "plural", "template")
    template: str
    parameters: dict[str, Any]
    plural: str | None
    number: int | None

    def __new__(
        cls, template: str, parameters: dict[str, Any], *, plural: str | None = None, number: int | None = None
    ) -> Self:
        """Fill in the English text."""
        chosen = template if plural is None or number == 1 else plural
        message = super().__new__(cls, _fill_in(chosen, parameters, "en"))
        message.template, message.parameters, message.plural, message.number = template, parameters, plural, number
        return message

    def __getnewargs_ex__(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the arguments that create the message again when it is copied or pickled."""
        return (self.template, self.parameters), {"plural": self.plural, "number": self.number}

    def with_number(self, n: int) -> Message:
        """Return a message of ``ngettext`` with another number."""
        return Message(self.template, self.parameters | {"n": n}, plural=self.plural, number=n)


class Label(str):
    """An English label with its Chinese form, as a parameter of a message: ``Label("status", "状态")``."""

    __slots__ = ("zh",)
    zh: str

    def __new__(cls, en: str, zh: str) -> Self:
        """Keep both forms."""
        label = super().__new__(cls, en)
        label.zh = zh
        return label

    def __getnewargs_ex__(self) -> tuple[tuple[str, str], dict[str, Any]]:
        """Return the arguments that create the label again when it is copied or pickled."""
        return (str(self), self.zh), {}


def _(template: str, **parameters: Any) -> Message:
    """Return a message. ``make words`` collects the template, which therefore must be a plain string.

    Args:
        template: The English text, with named placeholders.
        parameters: Their values.
    """
    return Message(template, parameters)


def ngettext(one: str, several: str, n: int, **parameters: Any) -> Message:
    """Return a message with a singular and a plural form, and the parameter ``n``.

    Args:
        one: The English text for 1.
        several: The English text for any other number.
        n: The number.
        parameters: The values of the other placeholders.
    """
    return Message(one, parameters | {"n": n}, plural=several, number=n)


def translate(text: str, language: str) -> str:
    """Return a text in a language; a text that is not a message, or not in the catalogue, is returned unchanged.

    Args:
        text: A message, or any other text.
        language: The code of the language.
    """
    if isinstance(text, Label):
        return text.zh if language == "zh" else str(text)
    if not isinstance(text, Message) or language == "en":
        return str(text)
    catalogue = _catalogue(language)
    if text.plural is None or text.number is None:
        template = catalogue.gettext(text.template)
    else:
        template = catalogue.ngettext(text.template, text.plural, text.number)
    return _fill_in(template, text.parameters, language)


def _fill_in(template: str, parameters: dict[str, Any], language: str) -> str:
    return template.format_map({name: _in_language(value, language) for name, value in parameters.items()})


def _in_language(value: Any, language: str) -> Any:
    if isinstance(value, tuple):
        return translate(_(", "), language).join(str(_in_language(each, language)) for each in value)
    if isinstance(value, (Message, Label)):
        return translate(value, language)
    return printable(str(value)) if isinstance(value, (str, PurePath)) else value


@cache
def _catalogue(language: str) -> GNUTranslations:
    with (LOCALE / language / "LC_MESSAGES" / "invitekit.mo").open("rb") as file:
        return GNUTranslations(file)


@cache
def read_texts(package: str, name: str, language: str, *, codes: Collection[str] = ()) -> dict[str, Any]:
    """Return the texts of an English TOML file in a language; placeholders stay as they are.

    Args:
        package: The package of the file.
        name: The file. A text that needs a context for translators is a table of ``text`` and ``context``.
        language: The code of the language.
        codes: Keys whose values are codes, which are not translated.
    """
    catalogue = NullTranslations() if language == "en" else _catalogue(language)

    def translated(text: str, context: str | None) -> str:
        return catalogue.pgettext(context, text) if context else catalogue.gettext(text)

    source = tomllib.loads(files(package).joinpath(name).read_text("utf-8"))
    texts: dict[str, Any] = _each_text(source, translated, codes)
    return texts


def extract_texts(file: IO[bytes], _keywords: Any, _tags: Any, options: Mapping[str, str]) -> list[tuple[Any, ...]]:
    """Return the texts of a TOML file: the extractor of Babel for ``make words``."""
    messages: list[tuple[Any, ...]] = []

    def collect(text: str, context: str | None) -> None:
        messages.append((1, "pgettext", (context, text), []) if context else (1, None, text, []))

    _each_text(tomllib.load(file), collect, options.get("codes", "").split())
    return messages


def _each_text(texts: Any, change: Callable[[str, str | None], Any], codes: Collection[str]) -> Any:
    """Return nested tables and lists with every text changed; a table of ``text`` and ``context`` is one text."""
    match texts:
        case str():
            return change(texts, None)
        case {"text": str(text), "context": str(context)}:
            return change(text, context)
        case dict():
            return {key: value if key in codes else _each_text(value, change, codes) for key, value in texts.items()}
        case list():
            return [_each_text(value, change, codes) for value in texts]
    return texts
