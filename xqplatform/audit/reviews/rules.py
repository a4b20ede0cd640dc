"""Which events are to be reviewed. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _

PATTERN = re.compile(r"[a-z_]+(\.[a-z_]+)*(\.\*)?")
MOST = 40  # patterns of one rule


@dataclass(frozen=True)
class Rule:
    name: str
    actions: tuple[str, ...]
    environment: str = ""
    production: bool = False
    denied: str = ""  # "", only, none


@dataclass(frozen=True)
class Facts:
    """What rules ask of an event. `environments`: where it was; `production`: whether one of them is."""

    action: str
    denied: bool = False
    environments: frozenset[str] = frozenset()
    production: bool = False


@dataclass(frozen=True)
class BuiltIn:
    slug: str
    title: object
    actions: tuple[str, ...]
    production: bool = False


GLASS = "deployment.break_glass"
INSIDE = ("terminal.open", "instance.command")  # what somebody did inside of a container
# Who may come in, by what, and who may what.
OF_PEOPLE = (
    "person.*", "team.*", "token.*", "role.*", "grant.*", "access.*", "invitation.*", "service_account.*", "session.*",
    "factor.*", "signin.*", "oidc.*", "login.unlocked",
)  # fmt: skip
BUILT_IN = (
    BuiltIn("glass", _("Broken glass"), (GLASS,)),
    BuiltIn("terminals", _("Terminals and commands in production"), INSIDE, True),
    BuiltIn(
        "people",
        _("People and rights"),
        OF_PEOPLE,
    ),
    BuiltIn("secrets", _("Secrets that were read"), ("secret.*", "secrets.*")),
    BuiltIn("outside", _("Changes on production hosts past the platform"), ("outside.*",), True),
)
TITLES = {one.slug: one.title for one in BUILT_IN}


def fits(pattern: str, action: str) -> bool:
    """«host.*» fits all of its room, another pattern itself."""
    return action.startswith(pattern[:-1]) if pattern.endswith(".*") else action == pattern


def takes(rule: Rule, facts: Facts) -> bool:
    if rule.denied and facts.denied != (rule.denied == "only"):
        return False
    if rule.production and not facts.production:
        return False
    if rule.environment and rule.environment not in facts.environments:
        return False
    return any(fits(pattern, facts.action) for pattern in rule.actions)


def taking(rules: Iterable[Rule], facts: Facts) -> list[str]:
    """The names of the rules that take it."""
    return [rule.name for rule in rules if takes(rule, facts)]


AGES = ((1, _("today")), (7, _("up to a week")), (30, _("up to a month")), (None, _("older")))
