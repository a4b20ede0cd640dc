"""Puts into effect what a person's groups say, at each sign-in, with an event for what changed."""

from __future__ import annotations

from django.db import transaction

from xqplatform import audit
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.models import Membership, Role, Team, User
from xqplatform.accounts.roles import grants
from xqplatform.accounts.roles.decide import Held
from xqplatform.accounts.roles.holding import from_rows, rights_of_roles, standing
from xqplatform.accounts.signin import mapping
from xqplatform.accounts.signin.models import Given, GroupRule
from xqplatform.errors import Refused


def rules_of(provider: str) -> list[mapping.Rule]:
    known = dict(Team.objects.values_list("slug", "pk"))
    return [
        mapping.Rule(row.group, frozenset(known[slug] for slug in row.teams if slug in known), row.role)
        for row in GroupRule.objects.filter(provider=provider)
    ]


def holdings(provider: str, group: str) -> tuple[Held, ...]:
    """What somebody new holds who comes in by this group alone; nothing while no rule names it."""
    row = next((one for one in rules_of(provider) if one.group == group), None)
    if row is None:
        return ()
    theirs = list(standing().filter(group__in=row.teams))
    members = [Membership(team_id=team, environments=[]) for team in row.teams]
    rights = rights_of_roles({one.role for one in theirs})
    return tuple(from_rows(User(role=row.role or Role.DEVELOPER), members, theirs, rights))


def apply(actor: Actor, user: User, provider: str, groups: frozenset[str]) -> None:
    """Teams and role as the groups say; what the groups gave and give no longer is taken, and nothing else."""
    with transaction.atomic():
        user = User.objects.select_for_update().get(pk=user.pk)
        was = _facts(user)
        teams, role = mapping.wanted(rules_of(provider), groups)
        _teams(user, provider, teams)
        said: dict[str, object] = {"groups": sorted(groups)[:50], "provider": provider}
        try:
            with transaction.atomic(), grants.one_admin_stays("role"):
                _role(user, provider, role)
        except Refused as refusal:  # no reason to keep the last admin out: the role stays, and the log says why
            user.refresh_from_db()
            said["role kept"] = refusal.message
        before, after = audit.changed(was, _facts(user))
        if after or "role kept" in said:
            audit.record(actor, "person.groups", user, before=before, after=after | said)


def _facts(user: User) -> dict[str, object]:
    slugs = user.memberships.order_by("team__slug").values_list("team__slug", flat=True)
    return {"role": user.role, "teams": list(slugs)}


def _teams(user: User, provider: str, want: set[int]) -> None:
    now = set(user.memberships.values_list("team_id", flat=True))
    rows = Given.objects.filter(user=user, provider=provider, team__isnull=False)
    change = mapping.teams(now, set(rows.values_list("team_id", flat=True)), want)
    user.memberships.filter(team_id__in=change.take).delete()
    rows.filter(team_id__in=change.take | change.forget).delete()
    for team in sorted(change.add):
        Membership.objects.create(user=user, team_id=team)
        Given.objects.create(user=user, provider=provider, team_id=team)


def _role(user: User, provider: str, want: str) -> None:
    row = Given.objects.filter(user=user, provider=provider, team=None).first()
    given, before = (row.role, row.role_before) if row else ("", "")
    role, given, before = mapping.role(user.role, given, before, want)
    if role != user.role:
        user.role = role
        user.save(update_fields=["role"])
    if given:
        Given.objects.update_or_create(
            user=user, provider=provider, team=None, defaults={"role": given, "role_before": before}
        )
    elif row:
        row.delete()
