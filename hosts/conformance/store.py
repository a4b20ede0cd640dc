"""Reading a host and storing each check's verdict. Rows are written, pages told."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from hosts.conformance import checks, gather
from hosts.conformance.check import UNKNOWN, Verdict
from hosts.conformance.facts import counters, without_secrets
from hosts.conformance.profiles import choose, family, profile_of
from hosts.models import CheckResult, Host, HostFacts, Profile
from xqplatform import live

log = logging.getLogger(__name__)
CLAIM = timedelta(minutes=4)  # longer than all time-outs of one reading together
EVERY = timedelta(minutes=5)
STALE = timedelta(minutes=15)  # so long what was read last still counts when a host does not answer
WINDOW = 60.0  # seconds that a rate's first reading is at least old
TOPIC = "conformance"


def due() -> QuerySet[Host]:
    """Hosts that answer and were not read lately."""
    old = timezone.now() - EVERY
    waiting = Q(facts=None) | Q(facts__tried=None) | Q(facts__tried__lt=old)
    return Host.objects.filter(waiting).exclude(state__in=[Host.State.RETIRED, Host.State.NEW])


def read_host(host_pk: int) -> bool:
    """Reads the host and judges it. False: another worker is just doing it, or it is retired. Never raises for a host."""
    now = timezone.now()
    host = Host.objects.filter(pk=host_pk).exclude(state=Host.State.RETIRED).select_related("group").first()
    if host is None:
        return False
    HostFacts.objects.get_or_create(host=host)
    mine = HostFacts.objects.filter(Q(claimed=None) | Q(claimed__lt=now - CLAIM), host=host)
    if not mine.update(claimed=now, tried=now):
        return False
    try:
        facts, note = gather.read(host)
    except gather.Unreadable as reason:
        _not_read(host, str(reason))
    else:
        keep(host, facts, note)
    finally:
        HostFacts.objects.filter(host=host, claimed=now).update(claimed=None)
    return True


def keep(host: Host, facts: Mapping[str, Any], note: str = "") -> dict[str, Verdict]:
    """Stores facts and what the host's profile makes of them; returns the verdicts."""
    taken = float(facts["taken"])
    with transaction.atomic():
        row, _made = HostFacts.objects.select_for_update().get_or_create(host=host)
        row.facts, row.note, row.taken = without_secrets(dict(facts)), note, timezone.now()
        if taken - float(row.counters.get("time", 0)) >= WINDOW:
            row.counters = counters(facts, taken)
        row.save(update_fields=["facts", "note", "taken", "counters"])
        return judge(host, profile_of(host), facts)


def judge(host: Host, profile: Profile, facts: Mapping[str, Any], seen: Any = None) -> dict[str, Verdict]:
    """Stores the verdict of each check that counts for the host, and forgets those of the others."""
    verdicts = {check.slug: check.evaluate(facts, profile) for check in checks.of(profile, family(host))}
    return _store(host, verdicts, seen)


def judge_again(hosts: Iterable[Host]) -> None:
    """Judges what was read last anew: a profile has changed."""
    profiles = list(Profile.objects.all())
    for host in hosts:
        row = HostFacts.objects.filter(host=host).exclude(taken=None).first()
        if row is not None:
            judge(host, choose(host, profiles), row.facts, row.taken)


def _not_read(host: Host, reason: str) -> None:
    row = HostFacts.objects.get(host=host)
    HostFacts.objects.filter(pk=row.pk).update(note=reason)
    if row.taken is None or row.taken < timezone.now() - STALE:
        words = _("Cannot tell: %(reason)s") % {"reason": reason}
        _store(host, {check.slug: Verdict(UNKNOWN, "", words) for check in checks.of(profile_of(host), family(host))})
    live.bump(TOPIC, f"host:{host.pk}")


def _store(host: Host, verdicts: Mapping[str, Verdict], seen: Any = None) -> dict[str, Verdict]:
    now = seen or timezone.now()
    with transaction.atomic():
        known = {row.check_slug: row for row in CheckResult.objects.select_for_update().filter(host=host)}
        rows = []
        for slug, verdict in verdicts.items():
            old = known.get(slug)
            since = old.since if old is not None and old.state == verdict.state else timezone.now()
            rows.append(
                CheckResult(
                    host=host, check_slug=slug, state=verdict.state, evidence=verdict.evidence[:4000],
                    words=verdict.words[:2000], seen=now, since=since,
                )
            )  # fmt: skip
        CheckResult.objects.bulk_create(
            rows, update_conflicts=True, unique_fields=["host", "check_slug"],
            update_fields=["state", "evidence", "words", "seen", "since"],
        )  # fmt: skip
        CheckResult.objects.filter(host=host).exclude(check_slug__in=verdicts).delete()
        live.bump(TOPIC, f"host:{host.pk}")
    return dict(verdicts)
