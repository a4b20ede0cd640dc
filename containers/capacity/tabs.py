"""The pages of capacity, in the order of their tabs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from containers.models import Service
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.rights import READ, can, visible_teams


def of_the_fleet(actor: Actor) -> bool:
    return can(actor, "fleet.read")


def of_everybody(actor: Actor) -> bool:
    """What the page shows of is what the actor may see."""
    return can(actor, READ)


@dataclass(frozen=True)
class Tab:
    key: str  # what a page says in `here`
    view: str
    title: Any  # a lazy text
    allowed: Callable[[Actor], bool]

    @property
    def url(self) -> str:
        return reverse(self.view)


TABS = [
    Tab("overview", "capacity:overview", _("Overview"), of_the_fleet),
    Tab("right_sizing", "capacity:right_sizing", _("Right-sizing"), of_everybody),
    Tab("calculator", "capacity:calculator", _("Calculator"), of_everybody),
    Tab("what_if", "capacity:what_if", _("What if"), of_the_fleet),
    Tab("rebalance", "capacity:rebalance", _("Rebalance"), of_the_fleet),
    Tab("cost", "capacity:cost", _("Cost"), of_the_fleet),
    Tab("scorecard", "capacity:scorecard", _("Scorecard"), of_everybody),
]


def shown(actor: Actor) -> list[Tab]:
    return [tab for tab in TABS if tab.allowed(actor)]


def entry(actor: Actor) -> str:
    """Where the side bar leads: the first page for who reads the fleet or has a service; empty for anybody else."""
    if not of_the_fleet(actor) and not Service.objects.filter(team__in=visible_teams(actor), removed=None).exists():
        return ""
    found = shown(actor)
    return found[0].url if found else ""
