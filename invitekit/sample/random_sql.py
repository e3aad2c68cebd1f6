"""The dice that everything made up is thrown with, as SQL: the same key, question and seed fall the same."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def roll(question: str, below: int, seed: int, key: str = "k") -> str:
    """Give a whole number from 0 that depends on the key, the question and the seed only."""
    return f"(hash({key}, '{question}', {seed}) % {below})::bigint"


def normal(seed: int) -> str:
    """Give a standard normal number, from two even ones (Box and Muller)."""
    one, two = (f"(({roll(name, 1_000_000, seed)} + 0.5) / 1000000)" for name in ("u1", "u2"))
    return f"(sqrt(-2 * ln({one})) * cos(2 * pi() * {two}))"


def pick(items: Sequence[str], rolled: str) -> str:
    """Give one of some texts, all as likely."""
    return f"[{', '.join(map(text, items))}][1 + {rolled} % {len(items)}]"


def weighted(items: Iterable[tuple[str, int]], rolled: str, below: int) -> str:
    """Give one of some texts by weight, for a number from 0 to ``below``."""
    kept = list(items)
    whole, reached, cases = sum(weight for _, weight in kept), 0, []
    for item, weight in kept:
        reached += weight
        cases.append(f"when {rolled} < {reached * below // whole} then {text(item)}")
    return f"case {' '.join(cases)} end"


def text(words: str) -> str:
    """Quote a text for SQL."""
    return "'" + words.replace("'", "''") + "'"
