"""Instances are asked what they are before each batch of a release, and those that wait for their turn are put in order by it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from django.db import connections, transaction
from django.db.models import QuerySet
from django.utils import timezone

from containers.config import parse
from containers.leases import Lease
from containers.models import Container, Deployment, Instance, Step
from containers.plan import BY_ROLE
from containers.rollout.roles import Turn, ordered, said
from hosts.engine import EngineError, connect
from xqplatform import audit, live
from xqplatform.accounts.actor import Actor

log = logging.getLogger(__name__)
SECONDS = 10.0  # that an instance may take to say it
SIDE_BY_SIDE = 8


def command_of(row: Deployment) -> str:
    """What the release's instances are asked by; empty: they are not, or their order is not the release's to choose."""
    strategy = row.policy.get("strategy", "rolling")
    if row.config is None or row.kind not in BY_ROLE or strategy not in {"rolling", "canary"}:
        return ""
    return parse(row.config.content).role_command


def settle(row: Deployment, lease: Lease) -> int:
    """Asks all that wait, and puts them in order. The batch that comes next."""
    steps = list(waiting(row).select_related("instance__host"))
    roles = asked([step.instance for step in steps], command_of(row))
    turns = [Turn(step.pk, step.batch, step.position, roles[step.instance_id]) for step in steps]
    after = {turn.key: turn for turn in ordered(turns)}
    with transaction.atomic():
        news = [step for step in steps if step.instance.role != roles[step.instance_id]]
        for step in steps:
            Instance.objects.filter(pk=step.instance_id).update(role=roles[step.instance_id], role_asked=timezone.now())
            turn = after[step.pk]
            if (turn.batch, turn.position) != (step.batch, step.position):
                mine = waiting(row).filter(pk=step.pk, deployment__lease=lease.text)
                if mine.update(batch=turn.batch, position=turn.position):
                    news.append(step)
        if news:
            told = {f"#{s.instance.number}": roles[s.instance_id] or "?" for s in steps}
            order = [f"#{s.instance.number}" for s in sorted(steps, key=lambda s: after[s.pk].position)]
            after_ = {"roles": told, "order": order}
            audit.record(Actor.system(), "deployment.roles", row, after=after_, parent=row.place.service)
            live.bump(f"release:{row.pk}")
    return min((turn.batch for turn in after.values()), default=-1)


def waiting(row: Deployment) -> QuerySet[Step]:
    """Steps that nothing was done for yet."""
    return Step.objects.filter(deployment=row, state=Step.State.WAITING, times={}).order_by("position")


def asked(instances: Sequence[Instance], command: str) -> dict[int, str]:
    """What each says it is; empty for one that does not run, or does not say."""
    rows = Container.objects.filter(instance__in=instances, ended=None).order_by("id")
    containers = dict(rows.values_list("instance_id", "engine_id"))

    def ask(one: Instance) -> str:
        try:
            container = containers.get(one.pk)
            if container is None:
                return ""
            code, output = connect(one.host).exec(container, ("/bin/sh", "-c", command), timeout=SECONDS)
        except EngineError as error:
            log.info("%s did not say what it is: %s", one, error)
            return ""
        finally:
            connections.close_all()
        return said(code, output)

    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        return dict(zip([one.pk for one in instances], pool.map(ask, instances), strict=True))
