"""Valid data for verbs of teams, accounts, notices and reports, which need nobody beside who acts (see verb_data.py)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.utils import timezone

from tests.accounts.access_table import World
from tests.audit.verb_people import PROVIDER
from xqplatform.accounts import invitations, service_accounts, tokens
from xqplatform.accounts import services as people
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.models import Team
from xqplatform.accounts.signin import providers
from xqplatform.accounts.signin import services as signin
from xqplatform.accounts.signin.models import Provider
from xqplatform.alerts.models import Channel
from xqplatform.audit.reports import months
from xqplatform.audit.reports import services as reports
from xqplatform.notices.services import own, preferences, subscriptions
from xqplatform.secrets import services as secret_keys

Call = Callable[[], Any]
Prepare = Callable[[World, Actor], Call]


def own_channel(world: World, actor: Actor) -> Channel:
    fields = {"kind": "apprise", "url": "slack://a/b/c", "owner": actor.user}
    return Channel.objects.create(name=f"person:{actor.user.pk}", **fields)  # type: ignore[union-attr]


def remove_own(world: World, actor: Actor) -> Call:
    own_channel(world, actor)
    return lambda: own.remove_own(actor)


def test_own(world: World, actor: Actor) -> Call:
    own_channel(world, actor)
    return lambda: own.test_own(actor)


def remove_team(world: World, actor: Actor) -> Call:
    row = people.create_team(actor, "leaving")
    return lambda: people.remove_team(actor, row)


def subscribe(world: World, actor: Actor) -> Call:
    return lambda: subscriptions.subscribe(actor, channel=world.more["channel"], service="floe", kinds=["failed"])


def set_own(world: World, actor: Actor) -> Call:
    address = "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/"
    return lambda: own.set_own(actor, "apprise", address)


def accept(w: World, a: Actor) -> Callable[[], Any]:
    token = invitations.invite(a, "nora")[1]
    return lambda: invitations.accept(a, token, "correct horse 9")


def this_month() -> str:
    return months.name(timezone.now())


def take_report(world: World, actor: Actor) -> Call:
    reports.make_now(actor, this_month())
    return lambda: reports.take(actor, this_month(), "csv")


ACCOUNTS: dict[str, Prepare] = {
    "xqplatform.audit.reports.services.ask": lambda w, a: lambda: reports.ask(a, this_month()),
    "xqplatform.audit.reports.services.make_now": lambda w, a: lambda: reports.make_now(a, this_month()),
    "xqplatform.audit.reports.services.take": take_report,
    "xqplatform.accounts.invitations.invite": lambda w, a: lambda: invitations.invite(a, "nora"),
    "xqplatform.accounts.invitations.accept": accept,
    # (a team that was granted nothing: else it waits for a second person)
    "xqplatform.accounts.service_accounts.create": lambda w, a: (
        lambda: service_accounts.create(a, "robot", Team.objects.create(slug="bare"))
    ),
    "xqplatform.accounts.services.close_team": lambda w, a: lambda: people.close_team(a, w.team, True),
    "xqplatform.accounts.signin.providers.save": lambda w, a: lambda: providers.save(a, Provider(), PROVIDER),
    "xqplatform.accounts.signin.providers.remove": lambda w, a: (
        lambda: providers.remove(a, providers.save(a, Provider(), PROVIDER))
    ),
    "xqplatform.accounts.signin.providers.set_rule": lambda w, a: (
        lambda: providers.set_rule(a, "corp", "devs", [], "reader")
    ),
    "xqplatform.accounts.signin.services.demand_second_factor": lambda w, a: (
        lambda: signin.demand_second_factor(a, ["manager"])
    ),
    "xqplatform.secrets.services.rotate": lambda w, a: lambda: secret_keys.rotate(a),
    "xqplatform.accounts.services.change_account": lambda w, a: (
        lambda: people.change_account(a, display_name="Sara L.", language="en", time_zone="UTC", theme="dark")
    ),
    "xqplatform.accounts.services.create_person": lambda w, a: (
        lambda: people.create_person(a, "nina", "correct horse 9")
    ),
    "xqplatform.accounts.services.create_team": lambda w, a: lambda: people.create_team(a, "fog"),
    "xqplatform.accounts.tokens.create_token": lambda w, a: lambda: tokens.create_token(a, a.user, "ci"),  # type: ignore[arg-type]
    "xqplatform.accounts.services.remove_team": remove_team,
    "xqplatform.accounts.signin.services.sign_in_failed": lambda w, a: (
        lambda: signin.sign_in_failed(a, "x", "password")
    ),
    "xqplatform.accounts.signin.services.signed_in": lambda w, a: lambda: signin.signed_in(a, ["password"]),
    "xqplatform.notices.services.own.remove_own": remove_own,
    "xqplatform.notices.services.own.set_own": set_own,
    "xqplatform.notices.services.own.test_own": test_own,
    "xqplatform.notices.services.preferences.save": lambda w, a: lambda: preferences.save(a, {"failed": "all"}, {}),
    "xqplatform.notices.services.subscriptions.subscribe": subscribe,
}
