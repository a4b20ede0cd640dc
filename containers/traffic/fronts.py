"""Carries the wanted upstream files to the hosts of a front, and waits there until old requests have ended. The edge."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from django.db import connections
from django.utils.translation import gettext as _

from containers.models import Front, Upstream
from containers.traffic import script
from containers.traffic.operation import KIND
from hosts import operation_runner, shell
from hosts.models import Host, HostOperation
from hosts.services import operations
from hosts.shell import ShellError
from xqplatform.accounts.actor import Actor
from xqplatform.errors import Refused

TICK = 0.1
_begun: dict[int, threading.Lock] = {}
_guard = threading.Lock()


class NotApplied(Exception):
    """A host of the front has not the wanted file; the text is for people."""


def settle(upstream: Upstream, why: str, seconds: float, check: Callable[[], object]) -> str:
    """Sees to it that the host has at least what is wanted now; what came of it, in words.

    Calls of one moment share an operation. Raises NotApplied, or what `check` raises.
    """
    wanted = Upstream.objects.values_list("wanted", flat=True).get(pk=upstream.pk)
    until = time.monotonic() + seconds
    with _guard:
        mine = _begun.setdefault(upstream.pk, threading.Lock())
    while True:
        check()
        if Upstream.objects.filter(pk=upstream.pk, applied__gte=wanted).exists():
            return _("%(host)s: generation %(n)s") % {"host": upstream.host, "n": wanted}
        if time.monotonic() > until:
            raise NotApplied(_("%(host)s did not get it in time.") % {"host": upstream.host})
        if mine.acquire(timeout=TICK):
            try:
                _carry(upstream, wanted, why)
            finally:
                mine.release()


def _carry(upstream: Upstream, wanted: int, why: str) -> None:
    """One operation, begun or gone on with. Raises NotApplied when it failed."""
    if Upstream.objects.filter(pk=upstream.pk, applied__gte=wanted).exists():
        return
    mine = HostOperation.objects.filter(host=upstream.host, kind=KIND, params__upstream=upstream.pk)
    row = mine.filter(state__in=HostOperation.ACTIVE).first()
    if row is None:
        try:
            row = operations.begin(
                Actor.system("traffic"),
                upstream.host,
                KIND,
                {"upstream": upstream.pk, "place": str(upstream.place)},
                reason=why[:500],
            )
        except Refused as refused:
            raise NotApplied(refused.message) from refused
    operation_runner.execute(row.pk)
    row.refresh_from_db()
    if row.state in {HostOperation.State.FAILED, HostOperation.State.CANCELLED}:
        raise NotApplied(f"{upstream.host}: {row.words or row.state}")
    if row.active:
        time.sleep(TICK)  # another process carries it on


def settle_all(rows: list[Upstream], why: str, seconds: float, check: Callable[[], object]) -> list[str]:
    """The same on all hosts side by side. Raises NotApplied with what all of them said."""
    answers: dict[int, str] = {}
    wrong: list[Exception] = []

    def one(row: Upstream) -> None:
        try:
            answers[row.pk] = settle(row, why, seconds, check)
        except Exception as error:
            wrong.append(error)

    _side_by_side([lambda row=row: one(row) for row in rows])  # type: ignore[misc]
    stops = [error for error in wrong if not isinstance(error, NotApplied)]
    if stops:
        raise stops[0]
    if wrong:
        raise NotApplied(" ".join(str(error) for error in wrong))
    return [answers[row.pk] for row in rows]


def drained(front_hosts: list[tuple[Front, Host]], seconds: float, check: Callable[[], object]) -> bool:
    """Waits at most so long until no old worker of any host is left; whether all were gone. Raises what `check` raises."""
    gone: list[bool] = []
    wrong: list[Exception] = []

    def one(front: Front, host: Host) -> None:
        try:
            with shell.connect(host, check=check) as sh:
                argv = ["sh", "-c", script.DRAIN, "sh", front.pid, str(max(1, int(seconds)))]
                gone.append("xq-drained" in sh.run(argv, timeout=seconds + 10).out)
        except ShellError:
            gone.append(False)  # nobody can tell: then the whole time is waited
        except Exception as error:
            wrong.append(error)

    _side_by_side([lambda pair=pair: one(*pair) for pair in front_hosts])  # type: ignore[misc]
    if wrong:
        raise wrong[0]
    return len(gone) == len(front_hosts) and all(gone)


def _side_by_side(calls: list[Callable[[], None]]) -> None:
    if len(calls) == 1:
        return calls[0]()

    def run(call: Callable[[], None]) -> None:
        try:
            call()
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(call,), daemon=True) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return None
