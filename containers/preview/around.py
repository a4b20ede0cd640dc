"""What else is going on where a release would happen: other changes, and alerts that fire."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Collection
from typing import Any

from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from containers.guardrails import windows
from containers.models import Deployment, Drain, ServiceEnvironment, Step
from containers.plan import Plan
from containers.services import holders
from hosts.models import HostOperation
from xqplatform.alerts.models import Alert

MOST_ALERTS = 50
Found = dict[str, Any]


def hosts_of(plan: Plan) -> set[int]:
    return {entry.host for entry in plan.entries}


def conflicts(place: ServiceEnvironment, plan: Plan, own: int | None = None) -> list[Found]:
    """Other changes that matter to it, each with `kind`, `words` and `link`; what keeps it from beginning comes first.
    `own`: the release that the plan is of, once it is made.

    Kinds: active (one at a time a place), queue, service (the same service elsewhere), hosts (changes on its hosts),
    drain, operation.
    """
    hosts = hosts_of(plan)
    here = [one for one in _here(place, own) if one["release"] != own]
    others = _on_hosts(place, hosts)
    seen = {one["release"] for one in others}
    return [*here, *(one for one in _same_service(place) if one["release"] not in seen), *others, *_upkeep(hosts)]


def _found(kind: str, words: str, link: str, release: int | None = None) -> Found:
    return {"kind": kind, "words": words, "link": link, "release": release}


def _release(pk: int) -> str:
    return reverse("containers:release", args=[pk])


def _here(place: ServiceEnvironment, own: int | None) -> list[Found]:
    active = place.deployments.filter(state__in=Deployment.ACTIVE).first()
    found = [_found("active", holders.held_by(place), _release(active.pk), active.pk)] if active is not None else []
    queue = place.deployments.filter(state=Deployment.State.WAITING).exclude(pk=own or 0)
    waiting = list(queue.order_by("turn", "id").values_list("pk"))
    if waiting:
        words = ngettext("%(n)d release waits here.", "%(n)d releases wait here.", len(waiting)) % {"n": len(waiting)}
        found.append(_found("queue", words, _release(waiting[0][0]), waiting[0][0]))
    return found


def _same_service(place: ServiceEnvironment) -> list[Found]:
    rows = Deployment.objects.filter(state__in=Deployment.ACTIVE, place__service=place.service_id)
    rows = rows.exclude(place=place).select_related("place__environment")
    words = _("This service has a %(kind)s (#%(pk)s) under way in %(where)s, too.")
    return [
        _found(
            "service",
            words % {"kind": row.get_kind_display(), "pk": row.pk, "where": row.place.environment.local_title},
            _release(row.pk),
            row.pk,
        )
        for row in rows
    ]


def _on_hosts(place: ServiceEnvironment, hosts: Collection[int]) -> list[Found]:
    """Changes of other places that have still something to do on these hosts: both wait for the same engines."""
    steps = Step.objects.filter(deployment__state__in=Deployment.ACTIVE).exclude(deployment__place=place)
    steps = steps.exclude(state__in=Step.ENDED)
    steps = steps.filter(Q(host__in=hosts) | Q(host=None, instance__host__in=hosts))
    touched: dict[Deployment, list[str]] = defaultdict(list)
    of = ("deployment__place__service__team", "deployment__place__environment", "host", "instance__host")
    for step in steps.select_related(*of).order_by("deployment", "position"):
        touched[step.deployment].append(step.target.name)
    own = place.service.team_id
    return [
        _found("hosts", _beside(row, names, row.place.service.team_id != own), _release(row.pk), row.pk)
        for row, names in touched.items()
    ]


def _beside(row: Deployment, names: list[str], foreign: bool) -> str:
    words = ngettext(
        "A %(kind)s (#%(pk)s) of %(place)s has %(n)d instance to go on %(hosts)s.",
        "A %(kind)s (#%(pk)s) of %(place)s has %(n)d instances to go on %(hosts)s.",
        len(names),
    )
    hosts = sorted(set(names))
    shown = ", ".join(hosts[:4]) + (" …" if len(hosts) > 4 else "")
    place = f"{row.place.service.slug} · {row.place.environment.local_title}"
    if foreign and row.place.service.team is not None and row.place.service.team.closed:
        place = _("a closed team")  # (what is shown is kept with the release, whoever reads it later)
    return words % {"kind": row.get_kind_display(), "pk": row.pk, "place": place, "n": len(names), "hosts": shown}


def freezes(place: ServiceEnvironment, seconds: float | None) -> list[Found]:
    """A freeze that begins while it is probably still under way. `seconds`: how long that is; None: not known."""
    now = time.time()
    found = windows.now(place.environment, now) if seconds is not None else None
    if found is None or found.next is None or seconds is None or found.next.start > now + seconds:
        return []
    words = _("A freeze begins at %(when)s, before it is likely over: it would hold between two batches. %(why)s")
    values = {"when": windows.moment_words(found.next.start), "why": found.next.why}
    return [_found("freeze", words % values, reverse("containers:guardrails_of", args=[place.environment.slug]))]


def _upkeep(hosts: Collection[int]) -> list[Found]:
    drains = Drain.objects.filter(state=Drain.State.ACTIVE, host__in=hosts).select_related("host")
    drained = _("%(host)s is being drained: %(why)s")
    found = [
        _found(
            "drain",
            drained % {"host": row.host.name, "why": row.reason or _("no reason was given")},
            reverse("containers:drain", args=[row.host.name]),
        )
        for row in drains
    ]
    running = HostOperation.objects.filter(state__in=HostOperation.ACTIVE, exclusive=True, host__in=hosts)
    operated = _("An operation (%(kind)s) is under way on %(host)s.")
    return found + [
        _found(
            "operation",
            operated % {"kind": row.kind, "host": row.host.name},
            reverse("hosts:host", args=[row.host.name]),
        )
        for row in running.select_related("host")
    ]


def alerts(place: ServiceEnvironment, plan: Plan) -> list[Found]:
    """What fires now on the place, its instances, or the hosts of the plan; critical first, the newest first."""
    instances = place.instances.filter(removed=None).values_list("pk", flat=True)
    subjects = [f"place:{place.pk}", *(f"instance:{pk}" for pk in instances), *(f"host:{pk}" for pk in hosts_of(plan))]
    rows = Alert.objects.filter(state=Alert.State.FIRING, subject__in=subjects).order_by("severity", "-fired", "-pk")
    return [
        {
            "id": row.pk,
            "severity": row.severity,
            "rule": row.rule_name,
            "about": row.name,
            "words": row.words,
            "since": (row.fired or row.since).timestamp(),
            "held": row.held,
            "link": row.get_absolute_url(),
        }
        for row in rows[:MOST_ALERTS]
    ]
