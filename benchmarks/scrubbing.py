"""The remarks scrub beside Presidio's recognisers: rows a second, on the same made-up remarks in the same run.

Presidio needs ``uv pip install --group bench``. Its recognisers are asked one by one, without an analyzer
engine and so without a language model. It is given the classes that both sides know (addresses, phones,
cards, bank accounts, links); ids, handles, accounts and names are looked for by our side only.
"""

from __future__ import annotations

import importlib.util
import random
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl

ROUNDS = 3
NAMES = 2_000_000
THEIRS = 2_000
"""Remarks that Presidio gets: enough for a rate, and not half an hour."""
GIVEN = ("Anna", "Jürgen", "Olivia", "Wei", "Arjun", "Siti", "Lucía", "Ramón")
FAMILY = ("Müller", "Schäfer", "Smith", "Patel", "Tan", "García", "Köhler", "Weiß")
SURNAMES, SIGNS = "王李张刘陈杨赵黄周吴徐孙", "伟芳秀英敏静丽强磊军洋勇艳杰娜思远子涵"
TEMPLATES = (
    "Called {name}, will come back next week, offer USD 5 000.00 from 2026-03-30",
    "已电话联系{name}，下周回复，手机{mobile}，报价12万元",
    "Rückruf am Freitag, {name} fragen, {email}",
    "客户要求先看报价，账号{account}",
    "needs invoice in SGD, renewal in Q3, v2.14.{n}",
    "waiting for approval of {n} licences until 30.06.2026, then call again",
    "{name} asks for a call, +49 171 39200{n}",
)


def scrub(_folder: Path, rows: int | None = None) -> None:
    """Compare rows a second, of wall and of processor time (goal: 100 times those of Presidio)."""
    from invitekit.privacy.scrub import scrub_remarks  # noqa: PLC0415 - not needed where only the start is timed
    from invitekit.privacy.scrub.names import Directory  # noqa: PLC0415 - as above

    count = rows or 500_000
    remarks, own, names = _made_up(count)
    begin = time.perf_counter()
    Directory(names)
    print(f"{count:,} remarks, no two alike; the names of {NAMES:,} customers are read in {_since(begin):.1f} s, once")
    ours = {
        "patterns alone": lambda: scrub_remarks(remarks, [], names.head(0)),
        "and six columns of each record": lambda: scrub_remarks(remarks, own, names.head(0)),
        f"and {NAMES:,} names, reading them included": lambda: scrub_remarks(remarks, own, names),
    }
    theirs = _presidio(remarks.head(THEIRS).to_list())
    sizes = {**dict.fromkeys(ours, count), **dict.fromkeys(theirs, THEIRS)}
    rounds = [{name: _spent(run) for name, run in {**ours, **theirs}.items()} for _ in range(ROUNDS)]
    for clock, at in (("wall", 0), ("processor", 1)):
        rates = {name: sizes[name] / statistics.median(one[name][at] for one in rounds) for name in sizes}
        for name, rate in rates.items():
            ratios = ", ".join(f"{rate / rates[other]:6.1f} x {other}" for other in theirs if name in ours)
            print(f"{clock:9} {name:46} {rate:10,.0f} rows/s   {ratios}")
    print("goal: 100 times")


def _made_up(count: int) -> tuple[pl.Series, list[pl.Series], pl.Series]:
    dice = random.Random(7)
    people = [_person(n, dice) for n in range(count)]
    emails, mobiles = [f"user{n}@example.com" for n in range(count)], [f"+86 199{n:08}" for n in range(count)]
    said = [
        dice.choice(TEMPLATES).format(
            name=people[n if n % 3 else n - 1], mobile=mobiles[n][4:], email=emails[n], account=f"hw_{n}", n=n
        )
        for n in range(count)
    ]
    own = [people, [f"Firma {n} Anlagen GmbH" for n in range(count)], [f"hw_{n}" for n in range(count)]]
    columns = [pl.Series(column) for column in [*own, emails, mobiles, ["mgr.chen"] * count]]
    others = [_person(n, dice) for n in range(NAMES // 2)] + [f"acct{n:07}" for n in range(NAMES // 2)]
    return pl.Series(said), columns, pl.Series(others)


def _person(n: int, dice: random.Random) -> str:
    if n % 2:
        return f"{dice.choice(GIVEN)} {dice.choice(FAMILY)}-{n % 977}x"
    return dice.choice(SURNAMES) + dice.choice(SIGNS) + dice.choice(SIGNS)


def _presidio(texts: list[str]) -> dict[str, Callable[[], object]]:
    """Give Presidio's recognisers, with and without the one for phones, which is no pattern but a parser."""
    if importlib.util.find_spec("presidio_analyzer") is None:
        print("Presidio is not here: uv pip install --group bench")
        return {}
    import tldextract  # noqa: PLC0415 - in the group bench only
    from presidio_analyzer import predefined_recognizers as known  # noqa: PLC0415 - as above

    # It would ask the internet which ends of addresses exist; the list that it brings along does.
    tldextract.tldextract.TLD_EXTRACTOR = tldextract.TLDExtract(suffix_list_urls=())
    patterns = [known.EmailRecognizer(), known.CreditCardRecognizer(), known.IbanRecognizer(), known.UrlRecognizer()]
    phones = known.PhoneRecognizer(supported_regions=["CN", "DE", "GB", "ES", "SG"])
    return {
        "Presidio's patterns": lambda: _asked(patterns, texts),
        "Presidio's patterns and phones": lambda: _asked([*patterns, phones], texts),
    }


def _asked(recognisers: list[Any], texts: list[str]) -> list[Any]:
    return [one.analyze(text, one.supported_entities, None) for text in texts for one in recognisers]


def _spent(run: Callable[[], object]) -> tuple[float, float]:
    wall, processor = time.perf_counter(), time.process_time()
    run()
    return _since(wall), time.process_time() - processor


def _since(begin: float) -> float:
    return time.perf_counter() - begin
