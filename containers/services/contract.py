"""The runtime contract verified inside running containers, and its resolver written there where the engine did not do it.

Asked for by the engines' start events, and by the beat for what nobody has looked at for long. One helper a host looks into all
containers that are due there.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from containers.contract import Expected, Item, compare, differences, expected, to_json
from containers.models import Container, Instance
from containers.services.settings import topic
from hosts import inside
from hosts.engine import Engine, EngineError, connect
from hosts.helper import NoHelper
from hosts.inside_types import Asked, Observed
from hosts.models import Host
from xqplatform import audit, live, work
from xqplatform.accounts.actor import Actor

log = logging.getLogger(__name__)
EVERY = timedelta(hours=6)
AGAIN = timedelta(minutes=10)  # after nobody could look
CLAIM = timedelta(minutes=2)  # that a worker may take
Json = dict[str, Any]


def expected_of(instance: Instance) -> Expected:
    """What the rows promise."""
    address = instance.address
    if address is None:
        return expected(instance.name)
    segment = address.segment
    return expected(
        instance.name,
        ip=address.ip,
        mac=address.mac,
        gateway=segment.gateway or "",
        mtu=segment.mtu,
        dns=segment.dns,
        search=segment.search,
    )


def _due() -> QuerySet[Container]:
    now = timezone.now()
    return Container.objects.filter(
        Q(contract_at=None) | Q(contract_at__lt=now - EVERY) | Q(contract_ok=None, contract_at__lt=now - AGAIN),
        Q(contract_asked=None) | Q(contract_asked__lt=now - CLAIM),
        ended=None,
        instance__removed=None,
        instance__wanted_state="running",
        host__state__in=Host.ANSWERING,
    ).exclude(engine_id="")


def started(host: int, engine_ids: Iterable[str]) -> None:
    """Containers (re)started: the engine has just written its own files into them."""
    rows = Container.objects.filter(host=host, engine_id__in=list(engine_ids), ended=None)
    if not rows.update(contract_at=None, contract_asked=None):
        return
    # Where nothing is to be written, the beat's next look is soon enough, and a release has its engines for itself.
    segments = rows.values_list("instance__address__segment__dns", "instance__address__segment__search").distinct()
    if any(dns or search for dns, search in segments):
        from containers import tasks

        work.enqueue(tasks.verify_contracts, host)


def sweep() -> None:
    """Enqueues the hosts on which something is due."""
    from containers import tasks

    for host in set(_due().values_list("host_id", flat=True)):
        work.enqueue(tasks.verify_contracts, host)


def verify_host(host: int, only: Iterable[int] | None = None) -> int:
    """Looks into the host's containers that are due (or into `only` these); how many were looked into."""
    due = _due().filter(host=host) if only is None else Container.objects.filter(pk__in=list(only), ended=None)
    pks = list(due.values_list("pk", flat=True)[: inside.MOST])
    if only is None:
        # Compare and swap: what another worker has just taken is left out.
        pks = [pk for pk in pks if _due().filter(pk=pk).update(contract_asked=timezone.now())]
    rows = list(
        Container.objects.filter(pk__in=pks).select_related(
            "instance__place__service", "instance__place__environment", "instance__address__segment", "host"
        )
    )
    if not rows:
        return 0
    try:
        return _look(connect(rows[0].host), rows)
    except (EngineError, NoHelper) as error:
        words = getattr(error, "words", "") or str(error)
        log.info("Contracts on %s could not be verified: %s", rows[0].host, words)
        Container.objects.filter(pk__in=pks).update(
            contract={"problem": words}, contract_ok=None, contract_at=timezone.now(), contract_asked=None
        )
        return 0


def _look(engine: Engine, rows: Sequence[Container]) -> int:
    asked: list[Asked] = []
    starts: dict[str, str] = {}
    for row in rows:
        try:
            seen = engine.inspect(row.engine_id)
        except EngineError as error:
            if error.kind != "not_found":
                raise
            continue
        state = seen.get("State") or {}
        if not state.get("Running") or not state.get("Pid"):
            continue
        starts[row.engine_id] = str(state.get("StartedAt"))
        path, wanted = str(seen.get("ResolvConfPath") or ""), expected_of(row.instance).resolver
        asked.append(Asked(row.engine_id, int(state["Pid"]), path, wanted))
    found = inside.look(engine, asked)
    for row in rows:
        observed = found.get(row.engine_id)
        if observed is not None:
            _store(row, observed, starts[row.engine_id])
        else:  # it does not run: its next start asks again
            Container.objects.filter(pk=row.pk).update(contract_at=timezone.now(), contract_asked=None)
    return len(found)


def _store(row: Container, observed: Observed, start: str) -> None:
    now = timezone.now()
    items = compare(expected_of(row.instance), observed)
    bad = differences(items)
    wrote: Json | None = None
    if observed.wrote:
        wrote = {"at": now.isoformat(), "before": observed.before, "error": observed.error}
    elif row.contract.get("start") == start:
        wrote = row.contract.get("wrote")
    content: Json = {"items": to_json(items), "start": start, "resolver": observed.resolver}
    if wrote:
        content["wrote"] = wrote
    with transaction.atomic():
        # Not what was seen before a restart that came meanwhile.
        stands = Container.objects.filter(pk=row.pk, contract_asked=row.contract_asked)
        if not stands.update(contract=content, contract_ok=not bad, contract_at=now, contract_asked=None):
            return
        if bad and row.contract_ok is not False:
            audit.record(
                Actor.system(), "instance.contract", row.instance, after=_words(bad), parent=row.instance.place.service
            )
        live.bump(f"instance:{row.instance_id}", *([topic(row.instance.place)] if (not bad) != row.contract_ok else []))


def _words(bad: Iterable[Item]) -> Json:
    return {item.name: {"expected": item.expected, "observed": item.observed} for item in bad}
