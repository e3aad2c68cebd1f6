"""Stored keys: in the environment, in the system's keyring, or in a file that only its owner can read."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import platformdirs

from invitekit.errors import ArgumentError, OutputError, SourceError
from invitekit.i18n import _
from invitekit.io.atomic_write import POSIX_MODES, os_reason, private_dir, publish, publish_new
from invitekit.privacy import Key

VARIABLE = "INVITEKIT_KEY"
"""The environment variable of a key: 64 hexadecimal digits."""
SERVICE, NAME = "invitekit", "export key"
_KEYRING = "the system's keyring"
_IN_KEYRING = "in the system's keyring"
"""The text of the settings' key file if the key is in the keyring; without it, the slow keyring is not used."""


class _KeyringError(Exception):
    """The keyring is locked, this machine has none, or the library for it is not installed."""


def resolve_key(given: Key | str | os.PathLike[str] | None = None) -> Key:
    """Return the key for tokens; without any, a new one that is not stored.

    Args:
        given: A key, or the path of a key file; else the environment's ``INVITEKIT_KEY``, else the stored one of
            ``new_key``.

    Raises:
        ArgumentError: A key is not 64 hexadecimal digits, its file can be read by others, or the keyring is locked.
        SourceError: The key file is missing.
    """
    return _kept(given) or Key.new(kept=False)


def stored_key(given: str | os.PathLike[str] | None = None) -> Key:
    """Return the stored key.

    Raises:
        ArgumentError: There is none, or it is not usable.
        SourceError: The key file is missing.
    """
    found = _kept(given)
    if found is None:
        raise ArgumentError(
            _("No key is stored: each export makes one of its own."), hint=_("run 'invitekit key new'.")
        )
    return found


def new_key(file: str | os.PathLike[str] | None = None) -> tuple[Key, str]:
    """Make a key and store it: in the named file, else in the keyring, else in the settings' key file.

    Returns:
        The key, and the name of where it is stored.

    Raises:
        OutputError: There is a key already, or it cannot be written.
    """
    key, path = Key.new(), Path(file) if file is not None else default_file()
    if file is None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists() and _put_in_keyring(key):
            _write(path, _IN_KEYRING)
            return key, _KEYRING
    _write(path, key.text())
    return key, f"the file {path}"


def key_override(file: str | os.PathLike[str] | None = None) -> str | None:
    """Return the name of what overrides the stored key; None if the stored key is used.

    Raises:
        ArgumentError: What overrides it is not a key.
    """
    text = os.environ.get(VARIABLE)
    return f"{VARIABLE} is set: key {Key.from_text(text).id} is used until it is unset" if text and not file else None


def rotate_key(file: str | os.PathLike[str] | None = None) -> tuple[Key, Key, str]:
    """Replace the stored key by a new one; the old one stays beside it under its ID.

    The old one is stored under its ID first, and replaced by the new one in one step: after an interruption the key is
    one of the two, and it can be rotated again.

    Returns:
        The old key, the new one, and the name of where it is stored.

    Raises:
        ArgumentError: There is none to replace, or it is in the environment.
        OutputError: It cannot be written.
    """
    if file is None and os.environ.get(VARIABLE):
        raise ArgumentError(
            _("The key comes from {variable}.", variable=VARIABLE), hint=_("change it where the variable is set.")
        )
    old, key, path = stored_key(file), Key.new(), Path(file) if file is not None else default_file()
    if _text(path) == _IN_KEYRING:
        if _put_in_keyring(old, f"{NAME} {old.id}") and _put_in_keyring(key):
            return old, key, _KEYRING
        raise OutputError(_("The keyring did not store the new key."), hint=_("unlock it, and rotate again."))
    _write(path.with_name(f"{path.name}.{old.id}"), old.text(), over=True)
    _write(path, key.text(), over=True)
    return old, key, f"the file {path}"


def default_file() -> Path:
    """Return the path of the key file in the user's settings."""
    return Path(platformdirs.user_config_path("invitekit")) / "key"


def _kept(given: Key | str | os.PathLike[str] | None) -> Key | None:
    if isinstance(given, Key):
        return given
    if given is not None:
        return _read(Path(given))
    if text := os.environ.get(VARIABLE):
        return Key.from_text(text)
    return _read(default_file()) if default_file().exists() else None


def _put_in_keyring(key: Key, name: str = NAME) -> bool:
    """Store a key in the keyring, and return whether that worked."""
    try:
        _ask_keyring(lambda keyring: keyring.set_password(SERVICE, name, key.text()))
    except _KeyringError:
        return False
    return True


def _from_keyring(path: Path) -> str:
    try:
        text: str | None = _ask_keyring(lambda keyring: keyring.get_password(SERVICE, NAME))
    except _KeyringError:
        text = None
    if text is None:
        raise ArgumentError(
            _("The system's keyring does not return the key that was stored in it."),
            hint=_("unlock it; if the key is lost, delete '{path}' and run 'invitekit key new'.", path=path),
        )
    return text


def _ask_keyring(ask: Callable[[Any], Any]) -> Any:
    """Read or write the system's keyring.

    Raises:
        _KeyringError: It cannot be used.
    """
    try:
        import keyring  # noqa: PLC0415 - part of an extra
        from keyring.errors import KeyringError  # noqa: PLC0415 - as above
    except ModuleNotFoundError:
        raise _KeyringError from None
    try:
        return ask(keyring)
    except KeyringError:
        raise _KeyringError from None


def _read(path: Path) -> Key:
    text = _text(path)
    return Key.from_text(_from_keyring(path) if text == _IN_KEYRING else text)


def _text(path: Path) -> str:
    """Return the text of a key file.

    Raises:
        ArgumentError: It can be read by others.
        SourceError: It is missing, or cannot be read.
    """
    try:
        mode, text = path.stat().st_mode, path.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = os_reason(error) if isinstance(error, OSError) else _("it is no text")
        raise SourceError(
            _("The key file '{name}' cannot be read: {reason}.", name=path.name, reason=reason),
            hint=_("check its path."),
        ) from None
    if POSIX_MODES and stat.S_IMODE(mode) & 0o077:
        raise ArgumentError(
            _("The key file '{name}' can be read by others.", name=path.name), hint=_("run chmod 600, or rotate it.")
        )
    return text


def _write(path: Path, text: str, *, over: bool = False) -> None:
    """Write a key file whole or not at all; from its first moment only its owner can read it."""
    try:
        with private_dir(path.parent, path.name) as folder:
            part = folder / path.name
            part.touch(0o600)  # private before the key is written, also where its mode cannot be changed
            part.write_text(text + "\n", "ascii")
            if over:
                publish(part, path, overwrite=True)
            else:
                publish_new(part, path)  # never over another key, not even one that appears at this moment
    except FileExistsError:
        raise OutputError(
            _("'{name}' exists already.", name=path.name), hint=_("name another, or run 'key rotate'.")
        ) from None
    except OSError as error:
        raise OutputError(
            _("The key file '{name}' cannot be written: {reason}.", name=path.name, reason=os_reason(error)),
            hint=_("name another."),
        ) from None
