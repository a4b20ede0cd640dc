"""The verbs of operations on hosts: start one, cancel one. Workers carry them on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from hosts import shell, tasks
from hosts.models import Host, HostOperation
from hosts.operations import KINDS
from hosts.runtimes import TRAITS
from xqplatform import audit, live, work
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.rights import require
from xqplatform.errors import Refused

SHOWN_PARAMS = 1_000  # characters of the parameters in the audit log


def start(
    actor: Actor, host: Host, kind: str, params: Mapping[str, Any] | None = None, *, reason: str = ""
) -> HostOperation:
    """Starts an operation. `params` are stored and shown: never a secret. Raises Refused while another one is active."""
    require(actor, "host.operate", obj=host, extra={"kind": kind[:60]})
    return begin(actor, host, kind, params, reason=reason)


def begin(
    actor: Actor,
    host: Host,
    kind: str,
    params: Mapping[str, Any] | None = None,
    *,
    reason: str = "",
    exclusive: bool | None = None,
) -> HostOperation:
    """`start` for verbs that have asked for a right of their own. `exclusive`: other than the kind says."""
    known = KINDS.get(kind)
    if known is None:
        raise Refused(_("There is no operation «%(kind)s».") % {"kind": kind[:60]}, "kind", 400)
    reason = reason.strip()
    if len(reason) > 500:
        raise Refused(_("At most 500 characters."), "reason", 400)
    if host.state == Host.State.RETIRED:
        raise Refused(_("%(host)s is retired.") % {"host": host})
    if known.upkeep and not TRAITS[host.runtime].upkept:
        words = _("%(host)s is an %(runtime)s host: its server is set up and updated on the machine, not from here.")
        raise Refused(words % {"host": host, "runtime": TRAITS[host.runtime].title})
    if known.ssh and not shell.has_access(host):
        words = _("%(host)s has no SSH access: give it one on its page, then start again.")
        raise Refused(words % {"host": host})
    values = dict(params or {})
    with transaction.atomic():
        try:
            with transaction.atomic():
                row = HostOperation.objects.create(
                    host=host,
                    kind=kind,
                    params=values,
                    exclusive=known.exclusive if exclusive is None else exclusive,
                    who=actor.name,
                    reason=reason,
                )
        except IntegrityError:
            raise _busy(host) from None
        shown = json.dumps(values, ensure_ascii=False)
        after = {
            "kind": kind,
            "title": row.title,
            "operation": row.pk,
            "params": values if len(shown) <= SHOWN_PARAMS else "…",
        }
        audit.record(actor, "host.operation", host, after=after, reason=reason)
        live.bump("operations", f"host:{host.pk}")
        work.enqueue(tasks.operate, row.pk)
    return row


def active_on(host: Host) -> HostOperation | None:
    """The operation that changes the host right now."""
    return HostOperation.objects.filter(host=host, exclusive=True, state__in=HostOperation.ACTIVE).first()


def _busy(host: Host) -> Refused:
    row = active_on(host)
    if row is None:
        return Refused(_("Another operation on %(host)s has just ended; try again.") % {"host": host})
    words = _("«%(title)s» runs on %(host)s, started by %(who)s at %(time)s UTC. Wait for it, or cancel it.")
    time = row.created.strftime("%Y-%m-%d %H:%M")
    return Refused(words % {"title": row.title, "host": host, "who": row.who, "time": time})


def cancel(actor: Actor, operation: HostOperation) -> HostOperation:
    """Asks an operation to stop; what it did is undone. One that waits ends at once."""
    require(actor, "host.operate", obj=operation.host)
    return stop(actor, operation)


def stop(actor: Actor, operation: HostOperation) -> HostOperation:
    """`cancel` for verbs that have asked for a right of their own. Raises Refused for one that has ended."""
    with transaction.atomic():
        row = HostOperation.objects.select_for_update().select_related("host").get(pk=operation.pk)
        if not row.active:
            raise Refused(_("This operation has ended already."))
        if row.state == HostOperation.State.QUEUED and not row.lease:
            row.state, row.ended = HostOperation.State.CANCELLED, timezone.now()
        row.ask_cancel = True
        row.save(update_fields=["state", "ended", "ask_cancel"])
        audit.record(actor, "host.operation.cancel", row.host, after={"kind": row.kind, "operation": row.pk})
        live.bump("operations", f"operation:{row.pk}", f"host:{row.host_id}")
    return row
