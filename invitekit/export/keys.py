"""Keys from the environment, the system's keyring, or a file that only its owner can read."""

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
"""The content of the settings' key file if the key is in the keyring; without it, the slow keyring is not read."""


def resolve_key(key: Key | str | os.PathLike[str] | None = None) -> Key:
    """Return the key for tokens; if there is none, a new key that is not stored.

    Args:
        key: A key, or the path of a key file. Default: ``INVITEKIT_KEY`` in the environment, else the stored key of
            ``new_key``.

    Raises:
        ArgumentError: A key is not 64 hexadecimal digits, its file can be read by others, or the keyring is locked.
        SourceError: The key file is missing.
    """
    return _existing(key) or Key.new(stored=False)


def stored_key(file: str | os.PathLike[str] | None = None) -> Key:
    """Return the stored key.

    Raises:
        ArgumentError: There is none, or it is not usable.
        SourceError: The key file is missing.
    """
    key = _existing(file)
    if key is None:
        raise ArgumentError(_("No key is stored: each export uses a new one."), hint=_("run 'invitekit key new'."))
    return key


def new_key(file: str | os.PathLike[str] | None = None) -> tuple[Key, str]:
    """Create and store a key: in the given file, else in the keyring, else in the settings' key file.

    Returns:
        The key, and the place where it is stored, as text.

    Raises:
        OutputError: A key exists already, or the key cannot be written.
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
    """Return a sentence if the environment overrides the stored key; else None.

    Raises:
        ArgumentError: The environment variable is not a key.
    """
    text = os.environ.get(VARIABLE)
    return f"{VARIABLE} is set: key {Key.from_text(text).id} is used until it is unset" if text and not file else None


def rotate_key(file: str | os.PathLike[str] | None = None) -> tuple[Key, Key, str]:
    """Replace the stored key by a new one; the old key is kept under its ID.

    The old key is copied first, and then replaced in one step, so that an interruption loses no key.

    Returns:
        The old key, the new one, and the place where it is stored, as text.

    Raises:
        ArgumentError: No key is stored, or the key is in the environment.
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
    _write(path.with_name(f"{path.name}.{old.id}"), old.text(), overwrite=True)
    _write(path, key.text(), overwrite=True)
    return old, key, f"the file {path}"


def default_file() -> Path:
    """Return the path of the key file in the user's settings."""
    return Path(platformdirs.user_config_path("invitekit")) / "key"


def _existing(key: Key | str | os.PathLike[str] | None) -> Key | None:
    if isinstance(key, Key):
        return key
    if key is not None:
        return _read(Path(key))
    if text := os.environ.get(VARIABLE):
        return Key.from_text(text)
    return _read(default_file()) if default_file().exists() else None


def _put_in_keyring(key: Key, name: str = NAME) -> bool:
    """Store a key in the keyring, and return whether it succeeded."""
    return _ask_keyring(lambda keyring: [keyring.set_password(SERVICE, name, key.text())]) is not None


def _from_keyring(path: Path) -> str:
    text: str | None = _ask_keyring(lambda keyring: keyring.get_password(SERVICE, NAME))
    if text is None:
        raise ArgumentError(
            _("The system's keyring does not return the key that was stored in it."),
            hint=_("unlock it; if the key is lost, delete '{path}' and run 'invitekit key new'.", path=path),
        )
    return text


def _ask_keyring(ask: Callable[[Any], Any]) -> Any:
    """Read or write the system's keyring; None if it is locked or missing, or its library is not installed."""
    try:
        import keyring  # noqa: PLC0415 - part of an extra
        from keyring.errors import KeyringError  # noqa: PLC0415 - as above
    except ModuleNotFoundError:
        return None
    try:
        return ask(keyring)
    except KeyringError:
        return None


def _read(path: Path) -> Key:
    text = _text(path)
    return Key.from_text(_from_keyring(path) if text == _IN_KEYRING else text)


def _text(path: Path) -> str:
    """Return the text of a key file that only its owner can read."""
    try:
        mode, text = path.stat().st_mode, path.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = os_reason(error) if isinstance(error, OSError) else _("it is not text")
        raise SourceError(
            _("The key file '{name}' cannot be read: {reason}.", name=path.name, reason=reason),
            hint=_("check its path."),
        ) from None
    if POSIX_MODES and stat.S_IMODE(mode) & 0o077:
        raise ArgumentError(
            _("The key file '{name}' can be read by others.", name=path.name), hint=_("run chmod 600, or rotate it.")
        )
    return text


def _write(path: Path, text: str, *, overwrite: bool = False) -> None:
    """Write a key file whole or not at all; only its owner can read it, from the start."""
    try:
        with private_dir(path.parent, path.name) as folder:
            part = folder / path.name
            part.touch(0o600)  # private before the key is written, even if the mode cannot be changed later
            part.write_text(text + "\n", "ascii")
            if overwrite:
                publish(part, path, overwrite=True)
            else:
                publish_new(part, path)  # never replaces a key, not even one of another process
    except FileExistsError:
        raise OutputError(
            _("'{name}' exists already.", name=path.name), hint=_("name another, or run 'key rotate'.")
        ) from None
    except OSError as error:
        raise OutputError(
            _("The key file '{name}' cannot be written: {reason}.", name=path.name, reason=os_reason(error)),
            hint=_("name another."),
        ) from None
