"""Rows of releases and alerts as `scoring` takes them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime, timedelta

from django.db.models import Q, QuerySet

from containers.capacity import scoring
from containers.capacity.scoring import Alarm, Release, Verdict
from containers.models import Deployment, ServiceEnvironment
from xqplatform.alerts.models import Alert, Severity

SCORED = (
    Deployment.State.SUCCEEDED,
    Deployment.State.FAILED,
    Deployment.State.ROLLED_BACK,
    Deployment.State.CANCELLED,
)
# Before a stretch of time: a release whose way back lies in it.
BEFORE = timedelta(seconds=scoring.FOLLOWED)


def verdicts(start: datetime, places: Collection[int] | None = None) -> dict[int, list[Verdict]]:
    """Of these (or all) places what ended from `start` on, the oldest first; judged by what is known by now."""
    rows = _ended(places).filter(finished__gte=start - BEFORE).order_by("finished", "pk")
    found: dict[int, list[Release]] = defaultdict(list)
    fields = ("pk", "place_id", "state", "created", "started", "finished", "image_id", "old_image_id",
              "image__revision", "image__build__commit_time")  # fmt: skip
    for pk, place, state, created, began, ended, image, old, revision, commit in rows.values_list(*fields).iterator():
        found[place].append(
            Release(
                pk, state, (began or created).timestamp(), ended.timestamp(), image, old, _code(revision, image),
                commit.timestamp() if commit else None,
            )
        )  # fmt: skip
    fired, out = _alarms(start - BEFORE, places), _brought(start - BEFORE, found)
    first = start.timestamp()
    return {
        place: [
            one
            for one in scoring.judge(releases, fired.get(place, []), out.get(place, frozenset()))
            if one.release.end >= first
        ]
        for place, releases in found.items()
    }


def _ended(places: Collection[int] | None) -> QuerySet[Deployment]:
    """Releases that did something; one that was cancelled before it began did not."""
    rows = Deployment.objects.filter(kind=Deployment.Kind.DEPLOY, state__in=SCORED).exclude(finished=None)
    rows = rows.exclude(state=Deployment.State.CANCELLED, started=None)
    return rows if places is None else rows.filter(place__in=places)


def _code(revision: str, image: int | None) -> str:
    """What is brought: a revision, whichever image of it; of an image that says none the image."""
    return revision or (f"image:{image}" if image else "")


def _brought(before: datetime, found: dict[int, list[Release]]) -> dict[int, set[str]]:
    """By place what was out there before, of what comes in these releases."""
    codes = {one.code for rows in found.values() for one in rows if one.state == Deployment.State.SUCCEEDED}
    rows = Deployment.objects.filter(
        kind=Deployment.Kind.DEPLOY, state=Deployment.State.SUCCEEDED, finished__lt=before, place__in=[*found]
    )
    out: dict[int, set[str]] = defaultdict(set)
    pairs = rows.order_by().values_list("place_id", "image__revision", "image_id").distinct()
    for place, revision, image in pairs.iterator():
        if (code := _code(revision or "", image)) in codes:
            out[place].add(code)
    return out


def _alarms(since: datetime, places: Collection[int] | None) -> dict[int, list[Alarm]]:
    """Critical alerts of instances, by their place."""
    rows = Alert.objects.filter(severity=Severity.CRITICAL, subject__startswith="instance:", fired__gte=since)
    named = ServiceEnvironment.objects.all() if places is None else ServiceEnvironment.objects.filter(pk__in=places)
    keys = {
        (service, environment): pk
        for pk, service, environment in named.order_by().values_list("pk", "service__slug", "environment__slug")
    }
    if places is not None:
        rows = rows.filter(Q(service__in={service for service, _e in keys}))
    found: dict[int, list[Alarm]] = defaultdict(list)
    fields = ("pk", "service", "environment", "started", "fired", "resolved")
    for pk, service, environment, began, fired, resolved in rows.order_by("pk").values_list(*fields):
        place = keys.get((service, environment))
        if place is not None and fired is not None:
            ended = resolved.timestamp() if resolved else None
            found[place].append(Alarm(pk, began.timestamp(), fired.timestamp(), ended))
    return found
