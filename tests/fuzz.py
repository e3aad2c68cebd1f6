"""Fuzz a target of ``test_fuzz.py``: guided by coverage where atheris is installed. See "make fuzz".

Nothing ends a run before its time: what is found is printed, and kept in ``build/fuzz`` with its input.
"""

import argparse
import contextlib
import functools
import hashlib
import os
import random
import sys
import time
import traceback
from pathlib import Path
from typing import Any

try:
    import atheris  # type: ignore[import-not-found, import-untyped, unused-ignore]  # no wheel of it for every system
except ImportError:
    atheris = None

ROOT = Path(__file__).parent.parent
SLOW = 10
"""Processor seconds after which an input counts as one that hangs; waiting counts a tenth, for a busy machine."""


def processor_seconds() -> float:
    """Return the processor time of this process and its children: some workbooks are read in a child process."""
    return sum(os.times()[:4])


class Runs:
    """Runs of a target: how many there were, and what they found."""

    def __init__(self, name: str, check: Any, seconds: float, inputs: int) -> None:
        self.name, self.check, self.folder = name, check, ROOT / "build" / "fuzz" / name
        self.reported = time.monotonic()
        self.seconds, self.inputs, self.number, self.found = seconds, inputs, 0, set[str]()
        (self.folder / "corpus").mkdir(parents=True, exist_ok=True)

    def run(self, **inputs: Any) -> None:
        """Run the target once, and keep what it raises; end the process once its time is over."""
        began, used = time.monotonic(), processor_seconds()
        try:
            self.check(**inputs)
        except Exception as error:  # noqa: BLE001 - whatever it is, it was found
            self._keep(traceback.format_exception(error), inputs)
        now, self.number = time.monotonic(), self.number + 1
        if processor_seconds() - used > SLOW or now - began > 10 * SLOW:
            self._keep(
                [f"It took {processor_seconds() - used:.0f} processor seconds, {now - began:.0f} in all.\n"], inputs
            )
        if now - self.reported > 60:
            self.reported = now
            self.report()
        if processor_seconds() > self.seconds or self.number == self.inputs:
            self.report()
            os._exit(bool(self.found))  # libFuzzer knows no other way out

    def report(self) -> None:
        """Print how many runs there were."""
        minutes = processor_seconds() / 60
        sys.stdout.write(
            f"{self.name}: {self.number:,} runs in {minutes:.1f} processor minutes; {len(self.found)} finds\n"
        )
        sys.stdout.flush()

    def _keep(self, lines: list[str], inputs: dict[str, Any]) -> None:
        """Keep a find, unless one was raised at the same lines before."""
        frames = [line.split("\n")[0] for line in lines if line.startswith("  File")]
        kind = hashlib.sha256("".join(frames[-3:] or lines[:1]).encode()).hexdigest()[:12]
        if kind not in self.found:
            self.found.add(kind)
            text = "".join(lines) + f"\n{inputs!r}\n"
            (self.folder / f"{kind}.txt").write_text(text, encoding="utf-8", errors="backslashreplace")
            sys.stdout.write(f"{self.name}: found {kind}: {lines[-1][:300]!r}\n")


def main() -> None:
    """Fuzz a target, for some processor seconds or for a number of inputs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target")
    parser.add_argument("--seconds", type=float, default=3600)
    parser.add_argument("--inputs", type=int, default=0, help="so many random inputs, not guided by coverage")
    words = parser.parse_args()
    is_guided = atheris is not None and not words.inputs
    with atheris.instrument_imports(include=["invitekit", "tomllib"]) if is_guided else contextlib.nullcontext():
        from tests import test_fuzz  # noqa: PLC0415 - what is imported here is watched

    test = test_fuzz.TARGETS[words.target]
    check = test.hypothesis.inner_test
    runs = Runs(words.target, check, words.seconds, words.inputs)

    @functools.wraps(check)
    def watched(**inputs: Any) -> None:
        runs.run(**inputs)

    test.hypothesis.inner_test = watched
    dice = random.Random(words.target)
    if is_guided:
        for number in range(20):
            (runs.folder / "corpus" / f"{number}").write_bytes(dice.randbytes(1 << 12))
        options = ["-timeout=600", "-len_control=0", "-rss_limit_mb=4096", "-max_len=16384", "-verbosity=0"]
        atheris.Setup([sys.argv[0], *options, f"-artifact_prefix={runs.folder}/", str(runs.folder / "corpus")],
                      test.hypothesis.fuzz_one_input)  # fmt: skip
        atheris.Fuzz()
    while True:
        test.hypothesis.fuzz_one_input(dice.randbytes(1 << 14))


if __name__ == "__main__":
    main()
