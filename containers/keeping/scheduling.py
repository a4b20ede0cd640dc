"""What the beat does: snapshots that are due are begun, those that no rule keeps are removed. What is due is decided in `retention`."""

from __future__ import annotations

import logging
from collections import defaultdict
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from containers.keeping import seeing
from containers.keeping.models import Restore, Snapshot
from containers.keeping.policies import policy_of
from containers.keeping.retention import Kept, is_due, spared
from containers.keeping.services import snapshots
from containers.keeping.shape import Policy
from containers.models import Deployment, Instance, ServiceEnvironment
from containers.services import holders
from xqplatform.accounts.actor import Actor
from xqplatform.errors import Refused

log = logging.getLogger(__name__)
AGAIN = timedelta(minutes=15)  # after one that failed
# What is of later than this was taken when the clock was wrong: it stays, and counts for none of those that are due, or kept.
AHEAD = timedelta(hours=1)
MOST_DROPS = 200  # in one round


def run(now: datetime | None = None) -> None:
    now = now or timezone.now()
    policies: dict[int, Policy] = {}
    for instance in seeing.standing().filter(place__service__kind="stateful"):
        policy = policies.setdefault(instance.place_id, policy_of(instance.place))
        if _due(instance, policy, now):
            _begin(instance)
    tidy()


def _due(instance: Instance, policy: Policy, now: datetime) -> bool:
    mine = instance.snapshots.filter(why=Snapshot.Why.SCHEDULE)
    done = mine.exclude(state=Snapshot.State.FAILED).filter(created__lte=now + AHEAD)
    times = done.aggregate(newest=Max("created"))
    lately = mine.filter(state=Snapshot.State.FAILED, created__gt=now - AGAIN).exists()
    return not lately and is_due(policy, times["newest"], instance.created, now)


def _begin(instance: Instance) -> None:
    """One that cannot be begun now is due still, the next time."""
    if snapshots.why_not(instance):
        return
    try:
        with transaction.atomic():
            holders.free(instance.place)
            snapshots.begin(Actor.system("keeping"), instance, Snapshot.Why.SCHEDULE)
    except Refused as refused:
        log.info("No snapshot of %s by schedule now: %s", instance, refused.message)


def tidy() -> None:
    """Removes what no rule keeps. What a release or a restore may go back to stays as long as that is under way."""
    # One of a backup is the backup's, and goes with its end.
    rows = Snapshot.objects.filter(state=Snapshot.State.READY).exclude(why=Snapshot.Why.BACKUP)
    rows = rows.exclude(deployment__state__in=Deployment.ACTIVE)
    used = Restore.objects.filter(state=Restore.State.RUNNING)
    rows = rows.exclude(pk__in=used.values("snapshot")).exclude(pk__in=used.exclude(safety=None).values("safety"))
    latest = timezone.now() + AHEAD
    of_instance: dict[int, list[Kept]] = defaultdict(list)
    places = {}
    for row in rows.values("pk", "taken", "created", "pinned", "why", "instance", "instance__place"):
        taken = row["taken"] or row["created"]
        mine = row["why"] != Snapshot.Why.HAND and taken <= latest
        kept = Kept(row["pk"], taken, row["pinned"], mine)
        of_instance[row["instance"]].append(kept)
        places[row["instance"]] = row["instance__place"]
    policies = {place.pk: policy_of(place) for place in ServiceEnvironment.objects.filter(pk__in=places.values())}
    gone: list[int] = []
    for instance, rows_of in of_instance.items():
        stay = spared(policies[places[instance]], rows_of)
        gone += [one.pk for one in rows_of if one.pk not in stay]
    if gone:
        snapshots.drop(
            Actor.system("keeping"), list(Snapshot.objects.filter(pk__in=sorted(gone)[:MOST_DROPS])), by_rule=True
        )
