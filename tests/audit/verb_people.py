"""Valid data for verbs about people, their sessions and keys: the same as verb_data.py, for what needs somebody beside who acts."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from axes.models import AccessAttempt
from django.test import override_settings
from django.utils import timezone

from tests.accounts.access_table import World
from tests.conftest import make_person
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.roles import foureyes, grants
from xqplatform.accounts.sessions import verbs as sessions
from xqplatform.accounts.sessions.models import Session
from xqplatform.accounts.signin import groups, lockout, providers, ways
from xqplatform.accounts.signin import services as signin
from xqplatform.accounts.signin.models import GroupRule, Provider
from xqplatform.audit.reviews import services as reviews
from xqplatform.audit.reviews.models import Review
from xqplatform.secrets import keys
from xqplatform.secrets import services as secret_keys

Call = Callable[[], Any]
Prepare = Callable[[World, Actor], Call]
PROVIDER = {
    "slug": "corp", "name": "Corp", "issuer": "https://id.example", "client_id": "xq", "secret": "s", "scopes": "openid",
    "group_claim": "groups", "enabled": True, "makes_people": False, "link_by_name": False, "domains": [], "groups": [],
}  # fmt: skip


def session(world: World) -> Session:
    until = timezone.now() + timedelta(days=1)
    return Session.objects.create(session_key="k", session_data="", expire_date=until, user=world.developer)


def end_session(world: World, actor: Actor) -> Call:
    row = session(world)
    return lambda: sessions.end(actor, row)


def end_sessions(world: World, actor: Actor) -> Call:
    session(world)
    return lambda: sessions.end_all(actor, world.developer)


def unlock(world: World, actor: Actor) -> Call:
    AccessAttempt.objects.create(username="x", ip_address="10.0.0.9", failures_since_start=9)
    return lambda: lockout.unlock(actor, "", "10.0.0.9")


def reset_factors(world: World, actor: Actor) -> Call:
    Authenticator.objects.create(user=world.developer, type=Authenticator.Type.TOTP, data={})
    return lambda: signin.reset_factors(actor, world.developer)


def unlink_provider(world: World, actor: Actor) -> Call:
    SocialAccount.objects.create(user=world.sre, provider="corp", uid="1")
    return lambda: ways.unlink(actor, world.sre, "corp")


def follow_groups(world: World, actor: Actor) -> Call:
    """Somebody signs in by a provider whose group gives a team."""
    providers.save(actor, Provider(), PROVIDER)
    GroupRule.objects.create(provider="corp", group="devs", teams=[world.team.slug])
    newcomer = make_person("nils", "developer")
    return lambda: groups.apply(actor, newcomer, "corp", frozenset({"devs"}))


def approve_rights(world: World, actor: Actor) -> Call:
    """Asked by one admin, approved by another."""
    ann, bob = (Actor.person(make_person(name, "admin")) for name in ("ann", "bob"))
    try:
        grants.give(ann, "sre", user=world.developer, environment="production", reason="on call")
    except foureyes.Waits as waits:
        request = waits.request
    return lambda: foureyes.approve(bob, request)


def review_glass(world: World, actor: Actor) -> Call:
    glass = world.more["glass"]
    row = Review.objects.create(
        event=77, time=timezone.now(), actor="x", action="deployment.break_glass", object_id=str(glass.deployment_id)
    )
    return lambda: reviews.review(actor, [row.pk], "fine")


def with_key(call: Callable[[Actor], Any]) -> Prepare:
    """With a file of keys that is only this call's."""

    def prepare(world: World, actor: Actor) -> Call:
        def run() -> None:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder, "keys")
                path.write_text("first\n")
                path.chmod(0o600)
                with override_settings(ENCRYPTION_KEYS=[], ENCRYPTION_KEY_FILE=str(path), ENCRYPTION_KEY=""):
                    call(actor)

        return run

    return prepare


def drop_old(actor: Actor) -> None:
    (old,) = keys.in_file()
    secret_keys.add_key(actor)
    secret_keys.drop_key(actor, old)


PEOPLE: dict[str, Prepare] = {
    "containers.reviewing.glass_too": review_glass,
    "xqplatform.accounts.roles.foureyes.approve": approve_rights,
    "xqplatform.accounts.sessions.verbs.end": end_session,
    "xqplatform.accounts.sessions.verbs.end_all": end_sessions,
    "xqplatform.accounts.signin.groups.apply": follow_groups,
    "xqplatform.accounts.signin.lockout.unlock": unlock,
    "xqplatform.accounts.signin.services.reset_factors": reset_factors,
    "xqplatform.accounts.signin.ways.unlink": unlink_provider,
    "xqplatform.secrets.services.add_key": with_key(secret_keys.add_key),
    "xqplatform.secrets.services.drop_key": with_key(drop_old),
}
