"""The rules of a plan: when a customer may be invited again; and the settings that a plan keeps in its columns."""

from __future__ import annotations

import datetime as dt
import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from invitekit.engine.datetimes import as_utc
from invitekit.errors import ArgumentError, check_type
from invitekit.i18n import Language, _, ngettext, translate
from invitekit.io.toml_file import read_toml
from invitekit.metrics.follow_up import FOLLOW_UP_DAYS
from invitekit.model.annotate import EMAIL_LIFE, PRE_REGISTRATION_LIFE

SETTINGS = ("planned_at", "plan_rules")
"""The columns of a plan that have its settings."""
PORTAL_CAP = 100
"""Customers that may be pending review or pre-registered at one time (the portal's manual)."""
_NOT_A_PLAN = _("pass what plan_resends(...) returns.")
_NAMES = {str(name): name for name in (
    _("cool_down_days"), _("max_attempts"), _("batch_size"), _("email_life_days"), _("link_life_days"),
    _("pre_registration_days"), _("portal_cap"), _("stale_after_days"), _("vanished_percent"), _("min_history"),
    _("follow_up_days"),
)}  # fmt: skip
"""The names of the rules, for translation."""


@dataclass(frozen=True, slots=True)
class ResendRules:
    """When a customer may be invited again; ``[assumed]`` values are not documented by the portal.

    Attributes:
        cool_down_days: Days between two invitations of one customer [assumed]; 0 for none.
        max_attempts: Invitations of one customer in all [assumed].
        batch_size: Customers in one batch [assumed]; never more than ``portal_cap``.
        email_life_days: Days that an email invitation is valid (the portal's Chinese FAQ).
        link_life_days: Days that a link, QR code or campaign is valid; None: no limit (the same FAQ).
        pre_registration_days: Days that a pre-registration is valid (the portal's manual).
        portal_cap: Customers pending review or pre-registered at one time (the portal's manual).
        stale_after_days: Age of the newest export at which a plan warns of it [assumed].
        vanished_percent: The largest percentage of an account manager's customers that can vanish from one export to
            the next and be for review; if more vanish, the later export counts as partial [assumed]. See ``vanished``.
        min_history: The fewest resends with a known outcome for a ranking by success rate [assumed].
        follow_up_days: Days after which an unused link counts as not used in rates and ranking [assumed].

    Raises:
        ArgumentError: A number is not valid.

    Example:
        >>> print(ResendRules(cool_down_days=14))
        Invite again after 14 days, 3 times at most, in batches of 100.
    """

    cool_down_days: int = 7
    max_attempts: int = 3
    batch_size: int = 100
    email_life_days: int = EMAIL_LIFE.days
    link_life_days: int | None = None
    pre_registration_days: int = PRE_REGISTRATION_LIFE.days
    portal_cap: int = PORTAL_CAP
    stale_after_days: int = 8
    vanished_percent: int = 10
    min_history: int = 30
    follow_up_days: int = FOLLOW_UP_DAYS

    def __post_init__(self) -> None:
        for field in fields(self):
            value, least = getattr(self, field.name), _LEAST.get(field.name, 1)
            if value is None and field.name == "link_life_days":
                continue
            if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= _MOST:
                name = _NAMES[field.name]
                raise ArgumentError(
                    _("{name} is None.", name=name)
                    if value is None
                    else _("{name} is {value!r}.", name=name, value=value),
                    hint=_("use a whole number from {least} to {most:,}.", least=least, most=_MOST),
                )
        if self.batch_size > self.portal_cap:
            raise ArgumentError(
                _(
                    "batch_size is {batch_size}, more than the portal's cap of {portal_cap}.",
                    batch_size=self.batch_size,
                    portal_cap=self.portal_cap,
                ),
                hint=_("make it smaller."),
            )

    @classmethod
    def from_toml(cls, path: str | os.PathLike[str]) -> ResendRules:
        """Read rules from a TOML file with any of the attributes; the others keep their defaults.

        Raises:
            SourceError: There is no such file, or it is not TOML.
            ArgumentError: A name or a number in it is not valid.
        """
        values = read_toml(path, "max_attempts = 2")
        names = [field.name for field in fields(cls)]
        strange = sorted(set(values) - set(names))
        if strange:
            raise ArgumentError(
                _("'{name}' sets {names}.", name=Path(path).name, names=tuple(strange)),
                hint=_("use {known}.", known=tuple(names)),
            )
        return cls(**values)

    def to_json(self) -> str:
        """Write the rules as one line of JSON: the column ``plan_rules`` of a plan."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> ResendRules:
        """Read rules that ``to_json`` wrote.

        Raises:
            ArgumentError: The text is not valid.
        """
        try:
            return cls(**json.loads(text))
        except (ValueError, TypeError):
            raise ArgumentError(_("plan_rules is not the rules of a plan."), hint=_NOT_A_PLAN) from None

    def words(self, language: Language = "en") -> str:
        """Return the rules as one or two sentences, in ``en`` or ``zh``."""
        days, most = self.cool_down_days, self.max_attempts
        text = _(
            "Invite again {pause}, {times} at most, in batches of {batch_size}.",
            pause=ngettext("after {n:,} day", "after {n:,} days", days) if days else _("without a pause"),
            times=ngettext("once", "{n} times", most),
            batch_size=self.batch_size,
        )
        for name, life in _LIVES.items():
            value = getattr(self, name)
            if value not in (None, getattr(_DEFAULT, name)):
                text = _("{first} {second}", first=text, second=life.with_number(value))
        return translate(text, language)

    def __str__(self) -> str:
        return self.words()


def chosen_rules(rules: ResendRules | None) -> ResendRules:
    """Return the rules of a plan; None means the default ones.

    Raises:
        ArgumentError: They are no rules, such as the path of a file.
    """
    hint = _("pass {what}.", what="ResendRules(...)")
    check_type("rules", rules, (ResendRules, type(None)), hint)
    return rules or _DEFAULT


_MOST = 100_000
_LEAST = {"cool_down_days": 0, "min_history": 2, "vanished_percent": 0}
_DEFAULT = ResendRules()
_LIVES = {
    "email_life_days": ngettext(
        "An email invitation is valid for {n:,} day.", "An email invitation is valid for {n:,} days.", 0
    ),
    "link_life_days": ngettext(
        "A link or QR code is valid for {n:,} day.", "A link or QR code is valid for {n:,} days.", 0
    ),
    "pre_registration_days": ngettext(
        "A pre-registration is valid for {n:,} day.", "A pre-registration is valid for {n:,} days.", 0
    ),
    "follow_up_days": ngettext(
        "A link that is not used within {n:,} day counts as not associated.",
        "A link that is not used within {n:,} days counts as not associated.",
        0,
    ),
}
"""A sentence on each limit in days, by the name of its rule."""


@dataclass(frozen=True, slots=True)
class PlanSettings:
    """The rules of a plan, and its ``as_of`` in UTC to the second."""

    rules: ResendRules
    as_of: dt.datetime


def settings_of(values: Iterable[tuple[Any, Any]]) -> PlanSettings | None:
    """Return the settings of a plan, or None if it has no rows.

    Args:
        values: The distinct values of ``SETTINGS``; null rows of a join are ignored.

    Raises:
        ArgumentError: Several plans are mixed, or the values are not those of a plan.
    """
    distinct = {_read_settings(*pair) for pair in values if any(value is not None for value in pair)}
    if len(distinct) > 1:
        raise ArgumentError(
            _("The plan mixes {plans:,} plans: their rules or dates differ.", plans=len(distinct)),
            hint=_("pass one plan, or plan all records together."),
        )
    return next(iter(distinct), None)


def agreed_settings(
    settings: PlanSettings | None, rules: ResendRules | None, as_of: dt.datetime | dt.date | None
) -> PlanSettings:
    """Return a plan's settings, after checking that the caller's are equal; for a plan without rows, the caller's.

    Raises:
        ArgumentError: ``rules`` or ``as_of`` differ from the plan's.
    """
    moment = as_utc(as_of).replace(microsecond=0)
    if settings is None:
        return PlanSettings(rules or ResendRules(), moment)
    if rules not in (None, settings.rules):
        raise ArgumentError(
            _("rules are not those that the plan was made with."), hint=_("leave rules out, or plan again with them.")
        )
    if as_of is not None and moment != settings.as_of:
        raise ArgumentError(
            _("as_of is {moment}, but the plan was made for {as_of} UTC.", moment=moment, as_of=settings.as_of),
            hint=_("leave as_of out, or plan again for that time."),
        )
    return settings


def _read_settings(planned_at: Any, plan_rules: Any) -> PlanSettings:
    try:
        # A plan that was read back from CSV has its times as text.
        at = dt.datetime.fromisoformat(planned_at) if isinstance(planned_at, str) else planned_at
        moment = as_utc(at.to_pydatetime() if hasattr(at, "to_pydatetime") else at)
    except ValueError:
        moment = None
    if moment is None or planned_at is None or not isinstance(plan_rules, str):
        raise ArgumentError(_("planned_at or plan_rules of the plan cannot be read."), hint=_NOT_A_PLAN)
    return PlanSettings(ResendRules.from_json(plan_rules), moment.replace(microsecond=0))
