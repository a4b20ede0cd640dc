"""Whose measurements a container's are: asked of the apps above, remembered as long as the container is there."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping

from hosts import hooks
from hosts.models import SeenContainer

log = logging.getLogger(__name__)
# Seconds after which a container that belongs to nobody is asked for again: its row may just be being written.
AGAIN, LATER = 2.0, 60.0
YOUNG = 30.0  # seconds for which it is asked for often


class Subjects:
    """`learn` for a batch of all hosts, then look up."""

    def __init__(self) -> None:
        self._known: dict[int, dict[str, str]] = {}
        self._asked: dict[tuple[int, str], tuple[float, float]] = {}  # nobody's: first and last time asked for
        self.health: dict[tuple[int, str], float] = {}

    def of_host(self, host: int) -> Mapping[str, str]:
        """Engine id → subject."""
        return self._known.get(host, {})

    def learn(self, containers: set[tuple[int, str]], hosts: set[int]) -> None:
        """Asks for those that are not known, and how healthy all of the hosts' containers are."""
        now = time.monotonic()
        self._forget(hosts, containers)
        unknown: dict[int, list[str]] = {}
        for host, engine_id in containers:
            if engine_id not in self._known.get(host, {}) and self._is_due((host, engine_id), now):
                unknown.setdefault(host, []).append(engine_id)
        seen = SeenContainer.objects.filter(host__in=hosts, ours=True)
        if unknown:
            names = self._labels(list(unknown))
            for host, engine_ids in unknown.items():
                self._ask(host, {one: names.get((host, one), {}) for one in engine_ids}, now)
        words = seen.filter(health__in=["healthy", "unhealthy"]).values_list("host_id", "engine_id", "health")
        self.health = {(host, engine_id): float(word == "healthy") for host, engine_id, word in words.iterator(2000)}

    def _labels(self, hosts: list[int]) -> dict[tuple[int, str], Mapping[str, str]]:
        rows = SeenContainer.objects.filter(host__in=hosts, ours=True).values_list("host_id", "engine_id", "labels")
        return {(host, engine_id): labels for host, engine_id, labels in rows.iterator(2000)}

    def _is_due(self, which: tuple[int, str], now: float) -> bool:
        if which not in self._asked:
            return True
        first, last = self._asked[which]
        return now - last >= (AGAIN if now - first < YOUNG else LATER)

    def _ask(self, host: int, labels: Mapping[str, Mapping[str, str]], now: float) -> None:
        found: dict[str, str] = {}
        for answer in hooks.ask(hooks.METRIC_SUBJECTS, host, labels):
            found |= answer
        self._known.setdefault(host, {}).update(found)
        for engine_id in labels:
            if engine_id in found:
                self._asked.pop((host, engine_id), None)
            else:
                first, _last = self._asked.get((host, engine_id), (now, now))
                self._asked[host, engine_id] = (first, now)

    def _forget(self, hosts: Iterable[int], containers: set[tuple[int, str]]) -> None:
        """Those that are there no more, when they have become many."""
        for host in hosts:
            known = self._known.get(host)
            if known is not None and len(known) > 2000:
                self._known[host] = {one: subject for one, subject in known.items() if (host, one) in containers}
        if len(self._asked) > 100_000:
            self._asked.clear()
