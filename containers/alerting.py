"""What alerts know of services: instances and places, and the states that rules may be made of."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial

from django.db.models import OuterRef, QuerySet, Subquery
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from containers import alerting_past as past
from containers import happenings
from containers.guardrails import glass
from containers.models import Deployment, Environment, Instance, InstanceEvent, Service, ServiceEnvironment, Step
from hosts.alerting import busy, held
from xqplatform.alerts import sources, subjects
from xqplatform.alerts.sources import Found, History
from xqplatform.alerts.subjects import About

# A kill is told of for so long after the last one; a failed release until the next one, at the longest.
KILL_HOLDS = timedelta(minutes=10)
FAILURE_HOLDS = timedelta(days=1)
AGAIN_AND_AGAIN = 3  # restarts, none later than ten minutes after the one before it
GONE = ("missing", "exited", "dead", "stopped", "created")


def _standing() -> QuerySet[Instance]:
    return Instance.objects.filter(removed=None)


def _in_work() -> dict[int, str]:
    """Instances that a release or a move has in hand right now, with why nobody is told of alerts there."""
    rows = Step.objects.filter(
        deployment__state__in=Deployment.ACTIVE, state__in=[*Step.IN_WORK, *Step.HALTS, Step.State.UNDOING]
    ).values_list("instance_id", "deployment_id", "deployment__kind")
    kinds = dict(Deployment.Kind.choices)
    words = _("%(kind)s #%(n)d has it in hand.")
    return {pk: capfirst(words % {"kind": kinds[kind], "n": number}) for pk, number, kind in rows}


def _instances() -> Iterator[About]:
    work, operated = _in_work(), busy()
    rows = _standing().values_list(
        "pk", "number", "place__service__slug", "place__environment__slug", "place__service__team_id",
        "host_id", "host__name", "host__group__slug", "host__draining", "wanted_state",
    )  # fmt: skip
    for pk, number, service, environment, team, host_pk, host, group, draining, wanted in rows.iterator(
        chunk_size=5000
    ):
        yield About(
            f"instance:{pk}", f"{service}-{environment}-{number}", f"/instances/{pk}/", service, environment, host,
            group or "", team, work.get(pk) or held(host_pk, draining, operated), wanted == "running",
        )  # fmt: skip


def _places() -> Iterator[About]:
    rows = ServiceEnvironment.objects.filter(service__removed=None)
    values = rows.values_list("pk", "service__slug", "environment__slug", "service__team_id")
    for pk, service, environment, team in values:
        url = f"/services/{service}/{environment}/"
        yield About(f"place:{pk}", f"{service}/{environment}", url, service, environment, team=team)


def _unhealthy(now: float) -> Iterator[Found]:
    rows = _standing().filter(state="unhealthy", wanted_state="running")
    for pk, status in rows.values_list("pk", "status"):
        yield Found(f"instance:{pk}", None, status or _("Its health check fails."))


def _missing(now: float) -> Iterator[Found]:
    """Of those that were released at all: the others have no container yet."""
    rows = _standing().filter(state__in=GONE, wanted_state="running", place__current_image__isnull=False)
    for pk, status in rows.values_list("pk", "status"):
        yield Found(f"instance:{pk}", None, status or _("It has no container that runs."))


def _drift(now: float) -> Iterator[Found]:
    for pk, since, drift in _standing().exclude(drift_since=None).values_list("pk", "drift_since", "drift"):
        what = ", ".join(sorted({str(one.get("what", "")) for one in drift or []}))
        yield Found(
            f"instance:{pk}",
            since.timestamp() if since else None,
            _("It differs from what is stored: %(what)s") % {"what": what},
        )


def _kills(now: float) -> Iterator[Found]:
    since = datetime.fromtimestamp(now, UTC) - KILL_HOLDS
    rows = InstanceEvent.objects.filter(kind=InstanceEvent.Kind.OOM, last__gte=since, instance__removed=None)
    newest: dict[int, Found] = {}
    for pk, time, count, text in rows.order_by("pk").values_list("instance_id", "time", "count", "text"):
        words = _("%(words)s (%(n)d times)") % {"words": text, "n": count} if count > 1 else text
        newest[pk] = Found(f"instance:{pk}", time.timestamp(), words)
    yield from newest.values()


def _restarting(now: float) -> Iterator[Found]:
    """Instances that start again and again."""
    since = datetime.fromtimestamp(now, UTC) - happenings.AGAIN
    rows = InstanceEvent.objects.filter(
        kind=InstanceEvent.Kind.RESTART, last__gte=since, count__gte=AGAIN_AND_AGAIN, instance__removed=None
    )
    for pk, time, count in rows.values_list("instance_id", "time", "count"):
        yield Found(f"instance:{pk}", time.timestamp(), _("It started again %(n)d times.") % {"n": count})


def _releases(now: float) -> Iterator[Found]:
    """Places whose last release, of those that ended, failed."""
    since = datetime.fromtimestamp(now, UTC) - FAILURE_HOLDS
    ended = Deployment.objects.filter(place=OuterRef("pk"), state__in=Deployment.TERMINAL).order_by("-finished", "-pk")
    rows = ServiceEnvironment.objects.filter(service__removed=None, deployments__finished__gte=since).distinct()
    last = rows.annotate(last=Subquery(ended.values("pk")[:1])).values_list("last", flat=True)
    failed = [Deployment.State.FAILED, Deployment.State.ROLLED_BACK]
    for row in Deployment.objects.filter(pk__in=list(last), state__in=failed, finished__gte=since):
        words = _("%(kind)s #%(n)d: %(outcome)s") % {
            "kind": row.get_kind_display(),
            "n": row.pk,
            "outcome": row.outcome or row.get_state_display(),
        }
        yield Found(f"place:{row.place_id}", row.finished.timestamp() if row.finished else None, capfirst(words))


def _addresses(now: float) -> Iterator[Found]:
    rows = _standing().exclude(address=None).exclude(address__conflict="")
    for pk, words, since in rows.values_list("pk", "address__conflict", "address__conflict_since"):
        yield Found(f"instance:{pk}", since.timestamp() if since else None, words)


def _services() -> Iterator[subjects.ServiceName]:
    for slug, team in Service.objects.filter(removed=None).values_list("slug", "team_id"):
        yield subjects.ServiceName(slug, team)


def register() -> None:
    subjects.register("instance", gettext_lazy("Instance"), _instances)
    subjects.register("place", gettext_lazy("Service in an environment"), _places)
    subjects.SERVICES.append(_services)
    subjects.ENVIRONMENTS.append(lambda: Environment.objects.values_list("slug", flat=True))
    add = sources.register
    add(
        "instance.unhealthy",
        gettext_lazy("Instance unhealthy"),
        "instance",
        _unhealthy,
        history=History(past.unhealthy, 10),
    )
    add("instance.missing", gettext_lazy("Instance missing"), "instance", _missing)
    add("instance.drift", gettext_lazy("Instance in drift"), "instance", _drift)
    add(
        "instance.oom",
        gettext_lazy("Killed for lack of memory"),
        "instance",
        _kills,
        history=History(partial(past.kills, KILL_HOLDS)),
    )
    add("instance.restarting", gettext_lazy("Starts again and again"), "instance", _restarting,
        history=History(partial(past.restarts, AGAIN_AND_AGAIN)))  # fmt: skip
    add("instance.address", gettext_lazy("Address used twice"), "instance", _addresses)
    add(
        "place.release",
        gettext_lazy("Release failed"),
        "place",
        _releases,
        history=History(partial(past.releases, FAILURE_HOLDS)),
    )
    add("place.break_glass", gettext_lazy("Break-glass used, not reviewed yet"), "place", glass.found,
        history=History(glass.was))  # fmt: skip
