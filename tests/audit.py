"""Audit what is installed against requirements.lock, without a network: ``python -m tests.audit``."""

import base64
import csv
import hashlib
import re
import sys
from collections import defaultdict
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

LOCK = Path(__file__).parent.parent / "requirements.lock"
ALLOWED = re.compile(
    r"(Apache([ -]Software)?([ -]License)?,?( Version)?[ -]?(2\.0)?|BSD([ -][23]-Clause| License)?|0BSD|CC0-1\.0|Zlib"
    r"|ISC( License \(ISCL\))?|MIT(-0| License)?|MPL-2\.0|Mozilla Public License 2\.0 \(MPL 2\.0\)|PSF-2\.0"
    r"|Python Software Foundation License|Public Domain)"
)
"""Licences compatible with Apache-2.0, as packages spell them; MPL-2.0 covers files that we do not change."""
OTHERS = {"atheris": "Apache-2.0", "axe-playwright-python": "MIT", "docutils": "Public Domain", "simplejson": "MIT"}
"""Licences that the metadata leave out, or offer to choose from; read in the packages themselves."""


def locked(text: str) -> dict[str, tuple[set[str], bool]]:
    """Return the versions of each package in a lock, and whether all have a hash; numpy has two, for two Pythons."""
    found: dict[str, tuple[set[str], bool]] = {}
    for entry in re.split(r"\n(?=\S)", text.strip()):
        if match := re.match(r"([\w.-]+)==([^\s;]+)", entry):
            versions, hashed = found.get(match[1], (set(), True))
            found[match[1]] = (versions | {match[2]}, hashed and "--hash=sha256:" in entry)
    return found


def installed(name: str) -> Distribution | None:
    """Return an installed package, or None: some are for other systems."""
    try:
        return distribution(name)
    except PackageNotFoundError:
        return None


def licence(package: Distribution) -> str:
    """Return the licence of a package, as its metadata state it."""
    data = package.metadata
    names = [text.split(" :: ")[-1] for text in data.get_all("Classifier", []) if text.startswith("License ::")]
    classifiers = "; ".join(name for name in names if name != "OSI Approved")
    stated = [*data.get_all("License-Expression", []), classifiers, *data.get_all("License", [])]
    return OTHERS.get(data["Name"]) or next((text.strip() for text in stated if text), "")


def is_allowed(text: str) -> bool:
    """Return whether every part of a licence expression is compatible with ours."""
    return all(ALLOWED.fullmatch(part.strip()) for part in re.split(r" AND | OR |;", text))


def changed_files(package: Distribution) -> list[str]:
    """Return the installed files of a package that differ from those of its wheel."""
    changed = []
    # Not package.files: from Python 3.12 on, that leaves out missing files.
    for name, stated, _ in csv.reader((package.read_text("RECORD") or "").splitlines()):
        if stated:
            algorithm, _, expected = stated.partition("=")
            path = Path(str(package.locate_file(name)))
            digest = hashlib.new(algorithm, path.read_bytes()).digest() if path.is_file() else b""
            if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != expected:
                changed.append(name)
    return changed


def problems(text: str, *, files: bool) -> list[str]:
    """Return the problems of a lock and of the packages installed from it.

    Args:
        text: The content of the lock.
        files: Whether to compare every installed file with its wheel, which takes a while.
    """
    found = [f"{name}: no hash" for name, (_, hashed) in locked(text).items() if not hashed]
    for name, (versions, _) in locked(text).items():
        if (package := installed(name)) is None:
            continue
        if package.version not in versions:
            found.append(f"{name}: {package.version} is installed, {' or '.join(sorted(versions))} is locked")
        if not is_allowed(licence(package)):
            found.append(f"{name}: licence {licence(package)!r}")
        found += [f"{name}: {file} was changed" for file in (changed_files(package) if files else ())]
    return found


def main() -> None:
    """Print each licence with its packages, and exit with the problems, if any."""
    text, names = LOCK.read_text("utf-8"), defaultdict(list)
    for name in locked(text):
        if package := installed(name):
            names[licence(package)].append(name)
    for one in sorted(names):
        sys.stdout.write(f"{one}: {', '.join(names[one])}\n")
    found = problems(text, files=True)
    sys.exit("\n".join(found) or None)


if __name__ == "__main__":
    main()
