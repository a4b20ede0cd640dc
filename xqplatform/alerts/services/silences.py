"""The verbs of silences. Developers silence what their own teams own."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from xqplatform import audit, live
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.rights import can, require
from xqplatform.accounts.visibility import sees_team
from xqplatform.alerts import subjects
from xqplatform.alerts.models import Rule, Silence
from xqplatform.errors import Refused

RIGHT = "alerts.silence"
LONGEST = timedelta(days=92)


def may_silence(actor: Actor, service: str, environment: str, team: int | None) -> bool:
    """`environment` empty: all of them, which somebody who is kept to some may not."""
    return can(actor, RIGHT, team_id=team if service else None, environment=environment or "*", service=service or None)


def create_silence(
    actor: Actor,
    *,
    reason: str,
    until: datetime,
    rule: Rule | None = None,
    service: str = "",
    environment: str = "",
    host: str = "",
    group: str = "",
    subject: str = "",
) -> Silence:
    """From now on nobody is told of what matches, until the end; what then still fires is told of. Raises Refused."""
    about = subjects.find(subject) if subject else None
    about = about if about is not None and sees_team(actor, about.team) else None
    if subject and about is None:
        raise Refused(_("There is no such instance or host any more."), "subject", 400)
    if about is not None:
        service, environment = about.service or service, about.environment or environment
    extra = {"service": service, "environment": environment, "host": host, "subject": subject}
    team = subjects.team_seen(actor, service) if service else None
    # What is no service's is an SRE's to silence; so is a service that no team owns.
    require(actor, RIGHT, team_id=team, environment=environment or "*", service=service or None, extra=extra)
    reason = reason.strip()
    if not reason:
        raise Refused(_("Say why."), "reason", 400)
    if len(reason) > 500:
        raise Refused(_("The reason is too long."), "reason", 400)
    if not (rule or service or environment or host or group or subject):
        raise Refused(_("Choose what is silenced: everything at once would hide the next outage."), None, 400)
    _check_scope(actor, service, environment, host, group)
    now = timezone.now()
    if until <= now:
        raise Refused(_("It would have ended already."), "until", 400)
    if until > now + LONGEST:
        raise Refused(_("At most three months: what is silent longer needs another rule."), "until", 400)
    row = Silence(
        rule=rule, service=service, environment=environment, host=host, group=group, subject=subject,
        subject_name=about.name if about else "", reason=reason, starts=now, until=until, created_by=actor.user,
        created_name=actor.name,
    )  # fmt: skip
    with transaction.atomic():
        row.save()
        after = {k: v for k, v in extra.items() if v} | {"rule": str(rule or ""), "until": f"{until:%Y-%m-%d %H:%M}"}
        audit.record(actor, "alert.silence.create", row, after=after, reason=reason)
        live.bump("alerts", "alerts:silences")
    return row


def _check_scope(actor: Actor, service: str, environment: str, host: str, group: str) -> None:
    if service and service not in subjects.services_seen_by(actor):
        raise Refused(_("There is no such service."), "service", 400)
    if environment and environment not in subjects.environments():
        raise Refused(_("There is no such environment."), "environment", 400)
    if group and group not in subjects.groups():
        raise Refused(_("There is no such host group."), "group", 400)
    if host and not any(about.host == host for about in subjects.world(["host"]).values()):
        raise Refused(_("There is no such host."), "host", 400)


def end_silence(actor: Actor, silence: Silence) -> Silence:
    """Ends it now; what fires is told of at the next evaluation."""
    team = subjects.team_of(silence.service) if silence.service else None
    require(
        actor, RIGHT, team_id=team, environment=silence.environment or "*", service=silence.service or None, obj=silence
    )
    now = timezone.now()
    with transaction.atomic():
        if not Silence.objects.filter(pk=silence.pk, until__gt=now).update(until=now):
            raise Refused(_("It has ended already."))
        audit.record(actor, "alert.silence.end", silence, before={"until": f"{silence.until:%Y-%m-%d %H:%M}"})
        live.bump("alerts", "alerts:silences")
    silence.refresh_from_db()
    return silence
