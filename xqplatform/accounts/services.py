"""Verbs about people and teams: right, change and audit event in one transaction."""

from __future__ import annotations

import functools
import zoneinfo
from typing import Any

from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.core.exceptions import ValidationError
from django.core.validators import validate_slug
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from xqplatform import audit
from xqplatform.accounts import leaving
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.models import AccessRequest, Membership, Role, Team, User
from xqplatform.accounts.rights import require
from xqplatform.accounts.roles import grants
from xqplatform.accounts.roles.foureyes import REPLAYS, Asked, NeedsSecond, carry
from xqplatform.accounts.roles.instead import require_as_much
from xqplatform.accounts.sessions.verbs import drop
from xqplatform.accounts.telling import tell
from xqplatform.errors import Denied, Refused

THEMES = ("auto", "light", "dark")


# --- People -----------------------------------------------------------------------------------------------------


def _checked_password(password: str, user: User, field: str = "password") -> str:
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise Refused(" ".join(error.messages), field, 400) from None
    return password


def _facts(user: User) -> dict[str, Any]:
    """What the log compares of a person; never the password."""
    return {
        "display_name": user.display_name,
        "role": user.role,
        "active": user.is_active,
        "teams": {
            m.team.slug: m.environments or "all" for m in user.memberships.select_related("team").order_by("team__slug")
        },
    }


def _set_teams(user: User, teams: dict[int, list[str]]) -> None:
    """Memberships as given: {team's key: allowed environments, none for all}."""
    known = set(Team.objects.filter(pk__in=teams).values_list("pk", flat=True))
    if known != set(teams):
        raise Refused(_("One of the teams does not exist any more."), "teams", 400)
    user.memberships.exclude(team_id__in=teams).delete()
    for team_id, environments in teams.items():
        Membership.objects.update_or_create(
            user=user, team_id=team_id, defaults={"environments": sorted(set(environments))}
        )


def checked_username(username: str) -> str:
    """As it is stored. Raises Refused for what is no name to sign in with, and for one that is taken."""
    username = username.strip()
    try:
        UnicodeUsernameValidator()(username)
    except ValidationError as error:
        raise Refused(" ".join(error.messages), "username", 400) from None
    if len(username) > 150:
        raise Refused(_("At most 150 characters."), "username", 400)
    if User.objects.filter(username__iexact=username).exists():
        raise Refused(_("This name is taken."), "username")
    return username


def create_person(
    actor: Actor,
    username: str,
    password: str,
    *,
    role: str = Role.DEVELOPER,
    display_name: str = "",
    teams: dict[int, list[str]] | None = None,
) -> User:
    """A new person who can sign in. Raises Refused for a name that is taken or a weak password."""
    require(actor, "people.manage", extra={"username": username})
    username = checked_username(username)
    if role not in Role.values:
        raise Refused(_("There is no such role."), "role", 400)
    user = User(username=username, display_name=display_name.strip()[:120], role=role, time_zone="Asia/Shanghai")
    user.set_password(_checked_password(password, user))

    def change() -> User:
        user.role = role
        user.save()
        _set_teams(user, teams or {})
        audit.record(actor, "person.create", user, after=_facts(user))
        return user

    try:
        return carry(actor, Asked("create", {}, user.username), change, keep=False)
    except NeedsSecond:
        user.pk, user.role = None, Role.READER  # the person comes, their rights wait
    except IntegrityError:
        raise Refused(_("This name is taken."), "username") from None
    with transaction.atomic():
        user.save()
        audit.record(actor, "person.create", user, after=_facts(user))
    return change_person(actor, user, role=role, display_name=display_name, active=True, teams=teams or {})


def change_person(
    actor: Actor,
    user: User,
    *,
    role: str,
    display_name: str,
    active: bool,
    teams: dict[int, list[str]],
    second: AccessRequest | None = None,
) -> User:
    """Role, teams, allowed environments, and whether the person may sign in. The last active admin stays one. Raises Waits where
    a second person has to approve it.
    """
    require(actor, "people.manage", obj=user)
    if user.service_account and set(teams) != set(user.memberships.values_list("team_id", flat=True)):
        raise Refused(_("A service account stays with its team."), "teams", 400)
    if not active and actor.user is not None and actor.user.pk == user.pk:
        raise Refused(_("Somebody else has to deactivate you."), "active")
    if role not in Role.values:
        raise Refused(_("There is no such role."), "role", 400)

    def change() -> User:
        return write_person(actor, user, role=role, display_name=display_name, active=active, teams=teams)

    data = {"user": user.pk, "role": role, "display_name": display_name, "active": active}
    data["teams"] = {str(team): environments for team, environments in teams.items()}
    return carry(actor, Asked("person", data, _("Role and teams of %(who)s") % {"who": user}, "", second), change)


def write_person(
    actor: Actor, user: User, *, role: str, display_name: str, active: bool, teams: dict[int, list[str]]
) -> User:
    """The change itself, with its event: whoever calls it has asked for the right, and goes through `carry`."""
    with transaction.atomic():
        user = User.objects.select_for_update().get(pk=user.pk)
        before = _facts(user)
        with grants.one_admin_stays("role" if active else "active"):
            user.role, user.display_name, user.is_active = role, display_name.strip()[:120], active
            user.save(update_fields=["role", "display_name", "is_active"])
            _set_teams(user, teams)
        was, now = audit.changed(before, _facts(user))
        if was or now:
            audit.record(actor, "person.change", user, before=was, after=now)
        if was.get("active"):
            leaving.end_all(actor, user)
    return user


def _change_again(actor: Actor, data: dict[str, Any], second: AccessRequest) -> User:
    user = User.objects.filter(pk=data["user"]).first()
    if user is None:
        raise Refused(_("This person does not exist any more."))
    more = {name: data[name] for name in ("role", "display_name", "active")}
    return change_person(
        actor, user, teams={int(team): list(e) for team, e in data["teams"].items()}, second=second, **more
    )


REPLAYS["person"] = _change_again


def set_active(actor: Actor, user: User, *, active: bool) -> User:
    """Whether somebody may come in. Who is deactivated loses at once all that is open (`leaving.TIES`). Raises Refused."""
    teams = {m.team_id: m.environments for m in user.memberships.all()}
    return change_person(actor, user, role=user.role, display_name=user.display_name, active=active, teams=teams)


def set_password(actor: Actor, user: User, password: str, *, old: str | None = None, keep: str = "") -> None:
    """One's own with the old one; another's by who manages people. Never in the log. Ends all sessions but the row `keep`."""
    if actor.user is not None and actor.user.pk == user.pk:
        if old is None or not user.check_password(old):
            raise Refused(_("The old password is wrong."), "old", 400)
    else:
        require(actor, "people.manage", obj=user)
        require_as_much(actor, user)
    if user.service_account:
        raise Refused(_("A service account has no password: it never signs in."))
    user.set_password(_checked_password(password, user))
    with transaction.atomic():
        user.save(update_fields=["password"])
        ended = drop(user, keep)
        audit.record(actor, "person.password", user, after={"sessions ended": ended} if ended else None)
        tell(user, actor, "password")


@functools.lru_cache(maxsize=1)
def known_zones() -> set[str]:
    """Read from the machine's files once."""
    return zoneinfo.available_timezones()


def change_account(actor: Actor, *, display_name: str, language: str, time_zone: str, theme: str) -> User:
    """One's own name, language (empty: the browser's), time zone and theme."""
    user = actor.user
    if user is None:
        raise Denied(_("Sign in first."))
    if language and language not in dict(settings.LANGUAGES):
        raise Refused(_("There is no such language."), "language", 400)
    if time_zone not in known_zones():
        raise Refused(_("There is no such time zone."), "time_zone", 400)
    if theme not in THEMES:
        raise Refused(_("There is no such theme."), "theme", 400)
    fields = {"display_name": display_name.strip()[:120], "language": language, "time_zone": time_zone, "theme": theme}
    was, now = audit.changed({key: getattr(user, key) for key in fields}, fields)
    with transaction.atomic():
        User.objects.filter(pk=user.pk).update(**fields)
        if now:
            audit.record(actor, "person.change", user, before=was, after=now)
    user.refresh_from_db()
    return user


def set_theme(actor: Actor, theme: str) -> None:
    """The switch in the top bar: a preference, no event."""
    if theme not in THEMES:
        raise Refused(_("There is no such theme."), "theme", 400)
    if actor.user is not None:
        User.objects.filter(pk=actor.user.pk).update(theme=theme)


# --- Teams --------------------------------------------------------------------------------------------------------


def _checked_slug(slug: str) -> str:
    slug = slug.strip().lower()
    try:
        validate_slug(slug)
    except ValidationError:
        raise Refused(_("Letters, digits, dashes and underscores only."), "slug", 400) from None
    if len(slug) > 60:
        raise Refused(_("At most 60 characters."), "slug", 400)
    return slug


def create_team(actor: Actor, slug: str, title: str = "") -> Team:
    require(actor, "people.manage", extra={"team": slug})
    slug = _checked_slug(slug)
    try:
        with transaction.atomic():
            team = Team.objects.create(slug=slug, title=title.strip()[:120], closed=settings.TEAMS_CLOSED)
            facts = {"slug": slug, "title": team.title, "closed": team.closed}
            audit.record(actor, "team.create", team, after=facts)
    except IntegrityError:
        raise Refused(_("There is a team of this name already."), "slug") from None
    return team


def close_team(actor: Actor, team: Team, closed: bool) -> Team:
    """Closed: what the team owns is there for its people and for who reads everything only. Open: for all."""
    require(actor, "people.manage", obj=team)
    with transaction.atomic():
        locked = Team.objects.select_for_update().get(pk=team.pk)
        if locked.closed != closed:
            Team.objects.filter(pk=team.pk).update(closed=closed)
            action = "team.close" if closed else "team.open"
            audit.record(actor, action, team, before={"closed": not closed}, after={"closed": closed})
    team.closed = closed
    return team


def change_team(actor: Actor, team: Team, slug: str, title: str = "") -> Team:
    require(actor, "people.manage", obj=team)
    slug = _checked_slug(slug)
    was, now = audit.changed({"slug": team.slug, "title": team.title}, {"slug": slug, "title": title.strip()[:120]})
    if not now:
        return team
    try:
        with transaction.atomic():
            Team.objects.filter(pk=team.pk).update(slug=slug, title=title.strip()[:120])
            team.refresh_from_db()
            audit.record(actor, "team.change", team, before=was, after=now)
    except IntegrityError:
        raise Refused(_("There is a team of this name already."), "slug") from None
    return team


def remove_team(actor: Actor, team: Team) -> None:
    """Refused while anything belongs to it."""
    require(actor, "people.manage", obj=team)
    from django.db.models import ProtectedError

    try:
        with transaction.atomic():
            facts = {"slug": team.slug, "title": team.title, "people": team.memberships.count()}
            audit.record(actor, "team.remove", team, before=facts)
            team.delete()
    except ProtectedError as error:
        count = len(error.protected_objects)
        text = ngettext(
            "%(n)d thing belongs to this team; give it to another team first.",
            "%(n)d things belong to this team; give them to another team first.",
            count,
        )
        raise Refused(text % {"n": count}) from None
