"""The wheel without extras, in an environment of its own: "make test-core" makes it and runs these."""

import os
import subprocess
from pathlib import Path

import pytest

CORE = os.environ.get("INVITEKIT_CORE", "")
pytestmark = pytest.mark.skipif(not CORE, reason="make test-core makes the environment")
LIMIT = 460
"""Megabytes that the core may take on Linux."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty folder outside of the repository, with the packaged notebooks and data."""
    folder = tmp_path_factory.mktemp("empty folder")
    script = "from pathlib import Path; from invitekit.cli.examples import copy_examples; copy_examples(Path())"
    subprocess.run([f"{CORE}/bin/python", "-c", script], cwd=folder, check=True)
    return folder


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [f"{CORE}/bin/invitekit", *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


COMMANDS = (
    "check data", "check data/zh", "annotate data --as-of 2026-03-30 -o annotated.parquet",
    "workspace add data -w w.duckdb", "compare -w w.duckdb",
    "plan -w w.duckdb --as-of 2026-03-30 --batch-dir batches -o plan.xlsx",
    "trend -w w.duckdb --as-of 2026-03-30 --by cause", "key new --key-file key",
    "export -w w.duckdb --as-of 2026-03-30 --purpose demo --key-file key -o export.parquet",
    "export data --as-of 2026-03-30 --remarks scrub -o export.xlsx", "verify export.parquet",
    "sample --rows 50 --format xlsx -o made",
)  # fmt: skip


def test_the_commands_of_the_core_run_one_after_the_other(folder: Path) -> None:
    for command in COMMANDS:
        done = run(folder, *command.split())
        assert (done.returncode, done.stderr) == (0, ""), command


@pytest.mark.parametrize(
    ("command", "extra"),
    [
        ("report data -o report.html", "report"),
        ("lab", "lab"),
        ("app data", "lab"),
        ("reconcile --from-huawei -w w.duckdb", "huawei"),
    ],
)
def test_a_command_of_a_missing_extra_names_it_in_one_line(folder: Path, command: str, extra: str) -> None:
    done = run(folder, *command.split())
    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 1
    assert f"invitekit[{extra}]" in done.stderr


def test_the_core_is_small() -> None:
    (packages,) = Path(CORE).glob("lib/python3*/site-packages")
    measured = subprocess.run(
        ["du", "-sm", "--exclude=__pycache__", str(packages)], capture_output=True, text=True, check=True
    )
    assert int(measured.stdout.split()[0]) < LIMIT
