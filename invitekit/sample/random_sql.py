"""Random choices as SQL: the same key, question and seed give the same result."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from invitekit.engine.duckdb import lit


def roll(question: str, below: int, seed: int, key: str = "k") -> str:
    """Return the SQL of a whole number from 0 to ``below - 1``, which depends on key, question and seed only."""
    return f"(hash({key}, '{question}', {seed}) % {below})::bigint"


def normal(seed: int) -> str:
    """Return the SQL of a standard normal number, from two uniform ones (Box and Muller)."""
    one, two = (f"(({roll(name, 1_000_000, seed)} + 0.5) / 1000000)" for name in ("u1", "u2"))
    return f"(sqrt(-2 * ln({one})) * cos(2 * pi() * {two}))"


def pick(items: Sequence[str], rolled: str) -> str:
    """Return the SQL of one of the texts, each equally likely."""
    return f"[{', '.join(map(lit, items))}][1 + {rolled} % {len(items)}]"


def weighted(items: Iterable[tuple[str, int]], rolled: str, below: int) -> str:
    """Return the SQL of one of the texts by weight, for a number from 0 to ``below - 1``."""
    choices = list(items)
    total, reached, cases = sum(weight for _, weight in choices), 0, []
    for item, weight in choices:
        reached += weight
        cases.append(f"when {rolled} < {reached * below // total} then {lit(item)}")
    return f"case {' '.join(cases)} end"
