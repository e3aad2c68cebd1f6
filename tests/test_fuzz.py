"""Files, filters and messages of strangers: each is used, or is one error of ours. ``make fuzz`` goes on for hours."""

import atexit
import contextlib
import datetime as dt
import json
import tempfile
import threading
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any, Literal, NotRequired, get_args, get_origin, get_type_hints, is_typeddict

import polars as pl
import typer
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import invitekit as ik
from invitekit.batches import message_templates
from invitekit.batches.message_templates import read_templates
from invitekit.cli.filter_options import PlanFilterOptions
from invitekit.cli.recipes import File, Recipe, Step, as_toml, read_recipe
from invitekit.engine.duckdb import rows
from invitekit.errors import InvitekitError
from invitekit.export import verify
from invitekit.export.manifest import path_of
from invitekit.ingest.words import read_words
from invitekit.model import catalogue, schema
from invitekit.model.filters import COLUMNS, SEARCHED, Filter, where
from invitekit.privacy.policy_file import HOWS, read_policy
from invitekit.widgets import protocol
from invitekit.widgets.base import by_type
from invitekit.widgets.conditions import matching
from invitekit.widgets.explorer import Explorer
from invitekit.widgets.reading import FILE as READING
from invitekit.widgets.reading import Reading
from invitekit.widgets.session import Session
from invitekit.widgets.store import Store
from tests.conftest import DATA, often
from tests.messages import check_response
from tests.test_containers import Draw, bad_files, check_it_adds_up, damage
from tests.test_hostile_texts import HOSTILE

TARGETS: dict[str, Any] = {}
SECRET = "canary@example.com"
FOLDER = Path(tempfile.mkdtemp(prefix="invitekit-fuzz-"))
atexit.register(lambda: __import__("shutil").rmtree(FOLDER, ignore_errors=True))

TEXTS = st.sampled_from([*HOSTILE, "", "\ud800"]) | st.text(max_size=20)
LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS
    | st.sampled_from([0, -1, 1, 2**63, 10**400, dt.date.max, dt.datetime(1, 1, 1), dt.time.min])
)  # fmt: skip
VALUES = st.recursive(
    LEAVES, lambda some: st.lists(some, max_size=4) | st.dictionaries(TEXTS, some, max_size=4), max_leaves=6
)


def changed(draw: Draw, value: Any) -> Any:
    """Change one part of a value: another one in its place, a field more or less, or a list's item twice."""
    if isinstance(value, dict) and value and draw(st.integers(0, 4)):
        key = draw(st.sampled_from(sorted(value)))
        act = draw(st.sampled_from(["change", "change", "change", "drop", "rename"]))
        if act == "change":
            return value | {key: changed(draw, value[key])}
        rest = {name: part for name, part in value.items() if name != key}
        return rest if act == "drop" else rest | {draw(TEXTS): value[key]}
    if isinstance(value, list) and value and draw(st.integers(0, 4)):
        at = draw(st.integers(0, len(value) - 1))
        return [*value[:at], changed(draw, value[at]), *value[at + draw(st.integers(0, 1)) :]]
    return draw(VALUES)


@st.composite
def altered(draw: Draw, seeds: st.SearchStrategy[Any]) -> Any:
    """Build a value that is nearly one of some seeds."""
    value = draw(seeds)
    for _ in range(draw(st.integers(0, 3))):
        value = changed(draw, value)
    return value


def as_toml_value(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {as_toml_value(part)}" for key, part in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(as_toml_value, value)) + "]"
    if isinstance(value, (dt.date, dt.time)):
        return value.isoformat()
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, (int, float)) else json.dumps(value or "").replace("\\ud800", "")


@st.composite
def toml_files(draw: Draw, seeds: st.SearchStrategy[dict[str, Any]]) -> bytes:
    """Build a TOML file that is nearly one of some seeds, sound or damaged."""
    tables = draw(altered(seeds))
    lines = tables.items() if isinstance(tables, dict) else [("x", tables)]
    text = "".join(f"{json.dumps(name)} = {as_toml_value(value)}\n" for name, value in lines)
    return damage(text.encode("utf-8", "replace"), draw) if draw(st.booleans()) else text.encode("utf-8", "replace")


def json_files(seeds: st.SearchStrategy[Any]) -> st.SearchStrategy[bytes]:
    texts = altered(seeds).map(lambda value: json.dumps(value, default=str).encode())
    return texts | st.composite(lambda draw: damage(draw(texts), draw))()


def target(examples: int = often(40), **inputs: st.SearchStrategy[Any]) -> Callable[[Callable[..., None]], Any]:
    """Make a test of a function, which ``make fuzz`` runs too, with a number of examples."""

    def register(check: Callable[..., None]) -> Any:
        how: dict[str, Any] = {"deadline": None, "database": None, "derandomize": True, "phases": [Phase.generate]}
        quick = settings(max_examples=examples, suppress_health_check=[*HealthCheck], **how)
        test = TARGETS[check.__name__.removeprefix("test_fuzz_")] = quick(given(**inputs)(check))
        return test

    return register


@contextlib.contextmanager
def one_error() -> Iterator[None]:
    """Let an error of ours pass: it says what to do, in a text that fits a terminal, and quotes no cell."""
    said = "Hint: something"
    try:
        yield
    except InvitekitError as error:
        said = str(error)
    except typer.BadParameter as error:
        said += error.message
    assert "Hint: " in said
    assert SECRET not in said
    assert len(said) < 2_000


def written(name: str, content: bytes) -> Path:
    path = FOLDER / name
    path.write_bytes(content)
    return path


# Files that are read


@target(examples=often(400, 40), file=bad_files())
def test_fuzz_readers(file: tuple[str, bytes]) -> None:
    check_it_adds_up(written(*file))


RULES = {field.name: getattr(ik.ResendRules(), field.name) or 30 for field in fields(ik.ResendRules)}


@target(content=toml_files(st.just(RULES)))
def test_fuzz_rules(content: bytes) -> None:
    with one_error():
        rules = ik.ResendRules.from_toml(written("rules.toml", content))
        assert ik.ResendRules.from_json(rules.to_json()) == rules
        assert rules.words("zh")


def seeds(name: str, path: Path) -> dict[str, Any]:
    return {name: tomllib.loads(path.read_text("utf-8"))[name][:3]}


@target(content=toml_files(st.just(seeds("failure", Path(catalogue.__file__).with_name("catalogue.toml")))))
def test_fuzz_catalogues(content: bytes) -> None:
    with one_error():
        known = ik.read_catalogue(written("catalogue.toml", content))
        for failure in known.failures:
            assert all(known.find(message) for message in failure.messages)
            assert known.by_code(failure.code) == failure


PLANNED = pl.DataFrame({
    **{name: [SECRET, None, "***"] for name in ("customer_name", "customer_full_name", "account_name")},
    "account_manager": ["m", "", "*"], "reason_code": ["customer_must_act", "link_open", None],
    "failure_code": ["system_busy", None, "x"], "reason": ["r"] * 3, "next_step": ["n"] * 3, "advice": ["a"] * 3,
})  # fmt: skip


@target(content=toml_files(st.just(seeds("message", Path(message_templates.__file__).with_suffix(".toml")))))
def test_fuzz_templates(content: bytes) -> None:
    with one_error():
        templates = read_templates(written("templates.toml", content))
        for language in message_templates.LANGUAGES:
            how = ("customer", language, templates)
            filled = PLANNED.select(subject=message_templates.subject(*how), body=message_templates.body(*how))
            assert filled["subject"].str.contains(r"[\r\n]").any() is False


WORDS = {"status": {"in Bearbeitung": "invited"}, "method": {"Post": "email"}, "type": {"Wiederverkauf": "reseller"}}


@target(content=toml_files(st.just(WORDS)))
def test_fuzz_words(content: bytes) -> None:
    with one_error():
        read_words(written("words.toml", content))


ACTIONS = [(action, how) for action, hows in HOWS.items() for how in (*hows, "")]
POLICIES = st.fixed_dictionaries(
    {"column": st.lists(st.fixed_dictionaries(
        {"name": st.sampled_from(["Deal", "Größe", *schema.BY_NAME]), "action": st.sampled_from([*HOWS])},
        optional={"how": st.sampled_from(sorted({how for _, how in ACTIONS})), "into": st.sampled_from(["deal", "a-b"]),
                  "values": st.lists(st.sampled_from(["gold", "small", SECRET, "+44 7700 900199"])),
                  "range": st.sampled_from([[0, 100], [1.5, 2], [2, 1]])},
    ), max_size=3)},
    optional={"level": st.sampled_from(["masked", "pseudonymised", "aggregated"]), "fewest": st.sampled_from([10, 3])},
)  # fmt: skip


@target(content=toml_files(POLICIES))
def test_fuzz_policies(content: bytes) -> None:
    with one_error():
        released = read_policy(written("policy.toml", content)).applied([*schema.BY_NAME])
        assert len({row.into.casefold() for row in released}) == len(released)


RECIPE = Recipe("0.1.0", [
    Step("plan", ["exports/*.csv"], {"as-of": "2026-03-30", "batch-dir": "out", "json": True, "policy": "p.toml"},
         [File("a.csv", 1, "00")], [File("out")]),
])  # fmt: skip


@target(content=toml_files(st.just(tomllib.loads(as_toml(RECIPE)))))
def test_fuzz_recipes(content: bytes) -> None:
    with one_error():
        recipe = read_recipe(written("recipe.toml", content))
        assert read_recipe(written("again.toml", as_toml(recipe).encode())) == recipe


@cache
def exported() -> tuple[Path, dict[str, Any]]:
    frame = pl.DataFrame({"account_name": [f"acct {n}" for n in range(30)], "status": ["expired"] * 30})
    ik.export(frame, FOLDER / "out.csv", overwrite=True)
    return FOLDER / "out.csv", json.loads(path_of(FOLDER / "out.csv").read_text("utf-8"))


@target(content=json_files(st.deferred(lambda: st.just(exported()[1]))))
def test_fuzz_manifests(content: bytes) -> None:
    path, manifest = exported()
    path_of(path).write_bytes(content)
    with one_error():
        assert verify(path).sha256 == manifest["sha256"]


@target(content=toml_files(st.just({"columns": {"status": "State"}, "encoding": "big5", "day_first": True})))
def test_fuzz_how_files_are_read(content: bytes) -> None:
    written(READING, content)
    with one_error():
        reading = Reading.of(FOLDER)
        reading.save(FOLDER)
        assert Reading.of(FOLDER) == reading


# Filters

SOME: list[Any] = ["lena", None, 7]
LISTED: dict[str, Any] = {
    name: st.lists(st.sampled_from([value.code for value in schema.BY_NAME[column].values] or SOME))
    for name, column in COLUMNS.items()
}  # fmt: skip
DAYS = st.dates().map(str)
FILTERS = st.fixed_dictionaries(
    {}, optional=LISTED | {"text": TEXTS, "invited_from": DAYS, "invited_to": DAYS, "snapshot": st.lists(DAYS)}
)
SHAPE: dict[str, Any] = dict.fromkeys([*SEARCHED, *COLUMNS.values()], pl.String) | {
    "invited_at": pl.Datetime("us"), "snapshot_at": pl.Datetime("us"), "batch": pl.Int64,
}  # fmt: skip


@cache
def stored() -> tuple[pl.DataFrame, Store]:
    """Rows with the hostile texts, in memory and on a screen."""
    records = pl.DataFrame(
        [{"account_name": text, "custom_tag": text or None, "account_manager": "lena", "country": text[:3],
          "mobile": f"+44 7700-{n}", "effective_status": ["expired", "invited", None][n % 3],
          "invited_at": dt.datetime(2026, 3, n % 28 + 1), "batch": n % 3 or None} for n, text in enumerate(HOSTILE)],
        schema=SHAPE,
    )  # fmt: skip
    store = Store(records)
    store.build(store.cursor())
    return records, store


def check_filter(choice: Filter) -> None:
    """Check that a filter comes back from its plain values, and matches the same rows in memory and on the screen."""
    assert Filter.from_dict(json.loads(json.dumps(choice.to_dict()))) == choice
    assert str(choice)
    assert choice.public_words()
    records, store = stored()
    with store.cursor() as con:
        shown = [name for (name,) in rows(con, f"select account_name from records where {matching(choice)}")]
    assert sorted(where(records, choice)["account_name"]) == sorted(shown)


@target(value=altered(FILTERS).filter(lambda value: isinstance(value, dict)))
def test_fuzz_filters(value: dict[str, Any]) -> None:
    with one_error():
        check_filter(Filter.from_dict(value))


@target(text=TEXTS | st.lists(TEXTS).map(" ".join) | st.text(alphabet="aäßſﬁﬄ\u0308İıⅣ①\u200b.*[]^-&~\\", max_size=40))
def test_fuzz_search(text: str) -> None:
    with one_error():
        check_filter(Filter(text=text))


OPTIONS = st.builds(
    PlanFilterOptions,
    **{field.name: st.none() | st.lists(TEXTS | st.sampled_from(["Expired", "已关联", "email"]), max_size=3)
       for field in fields(PlanFilterOptions) if field.name not in ("text", "since", "until")},
    text=st.none() | TEXTS, since=st.none() | TEXTS | DAYS, until=st.none() | DAYS,
)  # fmt: skip


@target(options=OPTIONS)
def test_fuzz_filters_of_the_command_line(options: PlanFilterOptions) -> None:
    with one_error():
        check_filter(options.read(ik.read_catalogue()))


# Screens

VIEW = {"filter": {"status": ["expired"]}, "by": "status", "down": True, "every_row": False, "grouped": False,
        "two_lines": False, "columns": ["account_name", "status"]}  # fmt: skip


@cache
def explorer() -> Explorer:
    screen = Explorer(ik.load(DATA / "history_records_2026-03-30.csv"), views=str(FOLDER / "views.json"))
    atexit.register(screen.stop)
    return screen


@target(content=json_files(st.just({"Explorer": {"mine": VIEW}, "ResendPicker": {}})))
def test_fuzz_saved_views(content: bytes) -> None:
    written("views.json", content)
    with one_error():
        explorer().open_view("mine")
        assert explorer().count >= 0
    with one_error():
        explorer().save_view("yours")


POOL = [*COLUMNS, *schema.BY_NAME, "expired", "2026-03-30", "", "all", "shown.xlsx", "selected.xlsx", "mine", "new",
        "history_records_2026-03-30.csv", "w.duckdb", "out.csv", "status", "invited"]  # fmt: skip
SIMPLE: dict[Any, st.SearchStrategy[Any]] = {
    str: st.sampled_from(POOL) | TEXTS, int: st.integers(-2, 300), bool: st.booleans(), None: st.none(),
    type(None): st.none(),
}  # fmt: skip


def of_kind(kind: Any) -> st.SearchStrategy[Any]:
    """Return the values of a type of the protocol, as JSON has them."""
    args = get_args(kind)
    makers: dict[Any, Callable[[], st.SearchStrategy[Any]]] = {
        Literal: lambda: st.sampled_from(args),
        list: lambda: st.lists(of_kind(args[0]), max_size=3),
        tuple: lambda: st.tuples(*map(of_kind, args)).map(list),
        dict: lambda: st.dictionaries(of_kind(args[0]), of_kind(args[1]), max_size=3),
    }
    if is_typeddict(kind):
        return fields_of(kind)
    if kind in SIMPLE:
        return SIMPLE[kind]
    return makers.get(get_origin(kind), lambda: st.one_of(*map(of_kind, args)))()


def fields_of(kind: Any) -> st.SearchStrategy[dict[str, Any]]:
    hints = get_type_hints(kind, include_extras=True)
    optional = {name for name, hint in hints.items() if get_origin(hint) is NotRequired}
    parts = {name: of_kind(get_args(hint)[0] if name in optional else hint) for name, hint in hints.items()}
    parts |= {"filter": FILTERS} if "filter" in parts else {}
    needed = {name: part for name, part in parts.items() if name not in optional}
    return st.fixed_dictionaries(needed, optional={name: parts[name] for name in optional})


REQUESTS = {
    "page": by_type(protocol.PageRequest), "pick": by_type(protocol.PickerRequest),
    "explore": by_type(protocol.ExplorerRequest), "export": by_type(protocol.ExportRequest),
}  # fmt: skip
SCREENS = {"pick": "ResendPicker", "explore": "Explorer", "export": "ExportPanel"}
MESSAGES = st.sampled_from([(to, kind) for to, kinds in REQUESTS.items() for kind in kinds.values()]).flatmap(
    lambda one: st.tuples(st.just(one[0]), of_kind(one[1]) | altered(of_kind(one[1])))
)


@cache
def page() -> tuple[Session, list[str]]:
    """A page with records and a workspace, and a list of what goes wrong on it."""
    folder, wrong = FOLDER / "page" / "own", list[str]()
    folder.mkdir(parents=True)
    session = Session(folder, as_of=dt.datetime(2026, 3, 30))
    atexit.register(session.close)
    threading.excepthook = lambda args: wrong.append(repr(args.exc_value))

    def hear(name: str, message: dict[str, Any], _buffers: object) -> None:
        check_response(SCREENS.get(name, name), json.loads(json.dumps(message)))
        if "This cannot be shown" in message.get("problem", ""):
            wrong.append(message["problem"])

    session.listen(hear)
    session.open([str(DATA / "history_records_2026-03-30.csv")], folder / "w.duckdb")
    return session, wrong


@target(messages=st.lists(MESSAGES, min_size=1, max_size=5))
def test_fuzz_messages(messages: list[tuple[str, Any]]) -> None:
    session, wrong = page()
    for to, message in messages:
        session.receive(to, message)
    for thread in threading.enumerate():
        if thread.name in {"invitekit-page", *(f"invitekit-{tab}" for tab in SCREENS)}:
            thread.join(60)
            assert not thread.is_alive(), "a message is answered within a minute, on a busy machine too"
    for screen in [*session._screens.values()]:
        assert screen.wait(60)
    found, wrong[:] = [*wrong], []
    assert found == []
    assert [path.name for path in (FOLDER / "page").iterdir()] == ["own"]
