"""What makes up for every accident: nobody stays out who is well, and no front stays behind.

A step that failed, a worker that died, an nginx machine that was away: whatever it was, once no step has the instance in hand,
rows alone say what is right, and this puts it right.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta

from django.db import connections
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from containers.config import Config, parse
from containers.hooks import running, shape
from containers.hooks.kinds import Setting
from containers.hooks.running import Guard
from containers.models import Container, Deployment, HookRun, ServiceEnvironment, Serving, Step, Upstream
from containers.services.settings import secrets_of
from containers.traffic import fronts, rows, switch
from containers.traffic.wanted import One, wanted
from hosts.engine import connect
from hosts.models import Host
from xqplatform.errors import Refused

log = logging.getLogger(__name__)
AGAIN = timedelta(seconds=60)  # until a front that failed is tried again
SECONDS = 45.0
PATIENCE = 15.0  # seconds that a sweep waits for hosts of fronts: one that hangs is left to its thread
SLOW = 5.0  # seconds: a host that fails as slowly is away, and asked about no other place for a while
_hosts: dict[int, threading.Thread] = {}  # on which a sweep still works
_away: dict[int, float] = {}  # until when (monotonic) they are left alone


def sweep() -> int:
    """Looks at every place whose traffic is handled; how many instances were put back."""
    places = ServiceEnvironment.objects.filter(
        Q(current_config__content__traffic__way__in=["nginx", "hooks"])
        | Q(upstreams__applied__lt=F("upstreams__wanted"))
    )
    count, late = 0, []
    for place in places.select_related("service", "environment", "current_config").distinct():
        try:
            config = parse(place.current_config.content) if place.current_config is not None else Config()
            count += _place(place, config)
            late += behind(place)
        except Refused as refused:
            log.warning("Traffic of %s: %s", place, refused.message)
        except Exception:  # of one place: all others are still seen to
            log.exception("Traffic of %s could not be seen to", place)
    tell(late)
    return count


def _place(place: ServiceEnvironment, config: Config) -> int:
    if config.traffic.way != "none":
        rows.ensure(place, config.traffic)
        active = place.deployments.filter(state__in=Deployment.ACTIVE).first()
        if active is not None and switch.is_blue_green(active):
            switch.follow(active)
        if active is None and config.traffic.way == "nginx":
            rows.ports_of_containers(place)
    return sum(_put_back(place, config, row) for row in out_by_accident(place))


def tell(upstreams: Sequence[Upstream]) -> None:
    """Hosts hear side by side what they lack, each one place after the other; none waits for one that hangs."""
    by_host: dict[int, list[Upstream]] = defaultdict(list)
    for one in upstreams:
        by_host[one.host_id].append(one)
    now = time.monotonic()
    for host, mine in by_host.items():
        if _away.get(host, 0) < now and (host not in _hosts or not _hosts[host].is_alive()):
            _hosts[host] = threading.Thread(target=_tell_host, args=(host, mine), name=f"front-{host}", daemon=True)
            _hosts[host].start()
    for host in by_host:
        if host in _hosts:
            _hosts[host].join(max(0.0, now + PATIENCE - time.monotonic()))


def _tell_host(host: int, upstreams: Sequence[Upstream]) -> None:
    try:
        for one in upstreams:
            began = time.monotonic()
            try:
                fronts.settle(one, _("sweep"), SECONDS, lambda: None)
            except fronts.NotApplied as error:
                log.info("Upstream of %s: %s", one.place, error)
                if time.monotonic() - began > SLOW:
                    _away[host] = time.monotonic() + AGAIN.total_seconds()
                    return
    except Exception:  # a thread's end: the next sweep tries again
        log.exception("A front's host (%s) could not be told", host)
    finally:
        connections.close_all()


def in_hand(place: ServiceEnvironment) -> set[int]:
    """Instances that a step works on, or whose step has removed them already."""
    steps = Step.objects.filter(deployment__place=place, deployment__state__in=Deployment.ACTIVE)
    busy = Q(state__in=[*Step.IN_WORK, *Step.HALTS, Step.State.UNDOING, Step.State.FAILED])
    gone = Q(state=Step.State.DONE, action=Step.Action.REMOVE)
    sides = Q(deployment__policy__strategy=switch.STRATEGY)
    return set(steps.filter(busy | gone | sides).values_list("instance_id", flat=True))


def out_by_accident(place: ServiceEnvironment) -> list[Serving]:
    """Instances that are out and should not be."""
    found = Serving.objects.filter(instance__place=place, instance__removed=None).select_related(
        "instance__place__service", "instance__place__environment", "instance__host", "instance__address"
    )
    servings = {row.instance_id: row for row in found}
    ones = [One(pk, row.state, row.instance.state, row.instance.wanted_state) for pk, row in servings.items()]
    right = wanted(ones, in_hand(place))
    return [row for pk, row in servings.items() if right[pk] and row.state != Serving.State.IN]


def behind(place: ServiceEnvironment) -> list[Upstream]:
    """Upstreams that have not what is wanted, and whose host was not tried in vain just now."""
    late = Upstream.objects.filter(place=place, applied__lt=F("wanted")).exclude(host__state=Host.State.UNREACHABLE)
    waits = Q(tried__gt=timezone.now() - AGAIN) & ~Q(trouble="")
    return list(late.exclude(waits).select_related("host", "front", "place__service", "place__environment"))


def _put_back(place: ServiceEnvironment, config: Config, row: Serving) -> bool:
    if config.traffic.way == "hooks" and not _hooks_in(place, config, row):
        return False
    return rows.put_back(row)


def _hooks_in(place: ServiceEnvironment, config: Config, row: Serving) -> bool:
    """The service's own hooks put it in: once a minute until they have."""
    instance = row.instance
    container = Container.objects.filter(instance=instance, ended=None).order_by("-id").first()
    for hook in shape.at(config.hooks, "traffic.in"):
        run, _made = HookRun.objects.get_or_create(
            slot=f"sweep/{instance.pk}/{row.since.isoformat()}/{hook.name}",
            defaults={"place": place, "instance": instance, "point": hook.at, "name": hook.name, "kind": hook.kind,
                      "way": "sweep", "what": hook.what, "state": HookRun.State.HELD},
        )  # fmt: skip
        if run.state in HookRun.DONE:
            continue
        if run.started is not None and run.started > timezone.now() - AGAIN:
            return False
        facts = {
            "point": hook.at, "hook": hook.name, "service": place.service.slug, "environment": place.environment.slug,
            "way": "sweep", "time": timezone.now().isoformat(),
            "instance": {"number": instance.number, "name": instance.name, "host": instance.host.name,
                         "address": instance.address.ip if instance.address else instance.ip},
        }  # fmt: skip
        secret = secrets_of(place.current_config).get(shape.secret_key(hook), "") if hook.signed else ""
        setting = Setting(
            facts, connect(instance.host), container.engine_id if container else "", instance.host, secret, _("sweep")
        )
        if not running.once(run, hook, setting, Guard(None, "", lambda: None, lambda _s: None)):
            return False
    return True
