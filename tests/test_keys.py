"""Storage of keys in a file or a keyring, and rotation with a kill at any moment."""

import signal
import stat
import subprocess
import sys
from pathlib import Path

import keyring
import keyring.errors
import pytest
from keyring.backend import KeyringBackend

from invitekit.errors import ArgumentError, OutputError
from invitekit.export import key_override, new_key, resolve_key, rotate_key, stored_key
from invitekit.export.keys import NAME, SERVICE, default_file
from invitekit.privacy import Key
from tests.conftest import SOAK, Run

KEY = Key(bytes(range(32)))


class Chest(KeyringBackend):
    """A keyring in memory that can be made to fail."""

    priority = -1  # never chosen but where a test puts it: keyring looks through every class of its kind

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call] # keyring's own
        self.kept: dict[tuple[str, str], str] = {}
        self.writes_left = 100

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        if not self.writes_left:
            raise keyring.errors.PasswordSetError("locked")
        self.writes_left -= 1
        self.kept[service, username] = password


@pytest.fixture
def chest(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Chest:
    """A machine with a keyring and without settings."""
    made = Chest()
    monkeypatch.delenv("INVITEKIT_KEY", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    monkeypatch.setattr(keyring.core, "_keyring_backend", made)
    return made


def test_a_key_is_stored_in_the_keyring_and_in_no_file(chest: Chest) -> None:
    made, where = new_key()
    assert where == "the system's keyring"
    assert chest.kept == {(SERVICE, NAME): made.text()}
    assert stored_key().id == resolve_key().id == made.id
    assert made.text() not in default_file().read_text()
    with pytest.raises(OutputError, match="key rotate"):
        new_key()
    assert stored_key().id == made.id
    chest.kept.clear()
    with pytest.raises(ArgumentError, match=r"keyring does not return the key.*delete"):
        resolve_key()


def test_the_keyring_is_not_read_before_a_key_is_stored(chest: Chest) -> None:
    chest.kept[SERVICE, NAME] = KEY.text()
    assert resolve_key().id != KEY.id


def test_without_a_keyring_the_key_is_stored_in_a_file(chest: Chest) -> None:
    chest.writes_left = 0
    made, where = new_key()
    assert str(default_file()) in where
    assert stat.S_IMODE(default_file().stat().st_mode) == 0o600
    assert stored_key().id == made.id
    chest.writes_left = 1
    with pytest.raises(OutputError, match="exists already"):
        new_key()
    assert stored_key().id == made.id


@pytest.mark.parametrize("writes", [0, 1])
def test_a_keyring_failure_during_a_rotation_loses_no_key(chest: Chest, writes: int) -> None:
    made, _ = new_key()
    chest.writes_left = writes
    with pytest.raises(OutputError, match="rotate again") as refused:
        rotate_key()
    assert made.text() not in str(refused.value)
    assert stored_key().id == made.id
    chest.writes_left = 2
    old, new, where = rotate_key()
    assert (old.id, stored_key().id, where) == (made.id, new.id, "the system's keyring")
    assert chest.kept[SERVICE, f"{NAME} {made.id}"] == made.text()


def test_the_environment_overrides_a_new_key(chest: Chest, monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    assert key_override() is None
    monkeypatch.setenv("INVITEKIT_KEY", KEY.text())
    said = run("key", "new")
    assert said.returncode == 0
    assert f"INVITEKIT_KEY is set: key {KEY.id} is used until it is unset." in said.stdout
    assert KEY.text() not in said.stdout
    assert chest.kept[SERVICE, NAME] != KEY.text()
    assert resolve_key().id == KEY.id
    assert key_override("named") is None
    monkeypatch.setenv("INVITEKIT_KEY", "no key")
    with pytest.raises(ArgumentError):
        key_override()


KILLED_AT = """
import os, signal, sys
from pathlib import Path
from invitekit.export import rotate_key

def count(event, arguments):
    global left
    if event.startswith(("open", "os.", "shutil.", "tempfile.")) and str(file.parent) in str(arguments):
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)

for file in map(Path, sys.argv[1:]):
    left, child = int(file.parent.name), os.fork()
    if child == 0:
        sys.addaudithook(count)
        rotate_key(file)
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
"""Rotates keys; each rotation is killed at another access to the disk."""
MOMENTS = range(0, 40, 1 if SOAK else 2)


def test_a_kill_during_a_rotation_loses_no_key(tmp_path: Path) -> None:
    files = [tmp_path / str(moment) / "key" for moment in MOMENTS]
    for file in files:
        file.parent.mkdir()
    made = [new_key(file)[0] for file in files]
    said = subprocess.run([sys.executable, "-c", KILLED_AT, *files], check=True, capture_output=True, text=True).stdout
    ends = [int(line) for line in said.split()]
    assert set(ends) == {-signal.SIGKILL, 0}
    assert ends == sorted(ends)
    for file, first in zip(files, made, strict=True):
        now = stored_key(file)
        old, new, _ = rotate_key(file)
        assert old.id == now.id != new.id
        assert stored_key(file).id == new.id
        assert stored_key(file.with_name(f"key.{first.id}")).text() == first.text()
