"""Persisted folders: `<root>/<ip>` on a host, mounted at /persist, kept when containers go, removed only by an SRE."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from containers.config import Config
from containers.models import Container, Instance, PersistedFolder
from containers.persisted import parse_sizes, root_of
from hosts import helper
from hosts.engine import EngineError, connect
from hosts.models import Address, Host
from hosts.runtimes import TRAITS
from xqplatform import audit, live, work
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.rights import require
from xqplatform.errors import Refused

log = logging.getLogger(__name__)
EVERY = timedelta(hours=6)  # a look at a host's sizes
AGAIN = timedelta(minutes=10)  # a removal that was not carried out
NOT_YET = timedelta(minutes=30)  # that a noted folder may take to be there
SECONDS = 540.0  # that measuring or removing may take
INSIDE = "/persist"  # where the helper has the root


def _root(host: Host) -> tuple[str, str]:
    return root_of(host.labels, settings.PERSIST_ROOT, settings.VOLUME_ROOTS)


def folder(host: Host, ip: str) -> str:
    """The address's folder on the host."""
    return f"{_root(host)[0]}/{ip}"


def missing(config: Config, host: Host) -> list[str]:
    """Why a host cannot persist anything where the settings want a folder; empty: it can."""
    if not persists(config):
        return []
    if not TRAITS[host.runtime].folders:
        return [_("it persists in volumes, not in folders of the host: choose volumes in the settings")]
    wrong = _root(host)[1]
    return [wrong] if wrong else []


def persists(config: Config) -> bool:
    return config.persist and config.persist_in == "folder"


def note(container: Container, config: Config, address: Address | None) -> PersistedFolder | None:
    """Remembers the folder that a container has with its address, if its settings give it one."""
    instance = container.instance
    if not persists(config) or address is None:
        return None
    root, ip = _root(container.host)[0], address.ip
    row, _made = PersistedFolder.objects.update_or_create(
        host=container.host,
        root=root,
        ip=ip,
        removed=None,
        defaults={"instance": instance, "holder": address.holder},
    )
    if row.measured is None:
        from containers import tasks

        work.enqueue(tasks.measure_persisted, container.host_id)
    return row


def in_use(row: PersistedFolder) -> Instance | None:
    """The standing instance that has the folder mounted."""
    found = Instance.objects.filter(removed=None, host=row.host, address__ip=row.ip).select_related(
        "place__service", "place__environment"
    )
    return found.first()


# --- Measuring ----------------------------------------------------------------------------------------------------


def measure_all() -> None:
    """Measures every host whose figures are old; takes up removals that nobody carried out."""
    from containers import tasks

    old = timezone.now() - EVERY
    rows = PersistedFolder.objects.filter(removed=None, host__state__in=Host.ANSWERING)
    for host in set(rows.filter(Q(measured=None) | Q(measured__lt=old)).values_list("host_id", flat=True)):
        work.enqueue(tasks.measure_persisted, host)
    for pk in rows.filter(removing__lt=timezone.now() - AGAIN, reason="").values_list("pk", flat=True):
        work.enqueue(tasks.remove_persisted, pk)


def measure(host_pk: int) -> None:
    """Stores the sizes, notes folders that no row knows, and closes rows of folders that are gone."""
    host = Host.objects.get(pk=host_pk)
    now = timezone.now()
    roots = set(PersistedFolder.objects.filter(host=host, removed=None).values_list("root", flat=True)) | {
        _root(host)[0]
    }
    for root in sorted(roots):
        try:
            said = helper.run(
                connect(host),
                ("sh", "-c", f'cd {INSIDE} && for one in *; do [ -d "$one" ] && busybox du -skx "$one"; done; true'),
                binds=[f"{root}:{INSIDE}:ro"],
                timeout=SECONDS,
            )
        except (EngineError, helper.NoHelper) as error:
            log.info("Persisted folders of %s could not be measured: %s", host, error)
            return
        sizes = parse_sizes(said.output)
        rows = {row.ip: row for row in PersistedFolder.objects.filter(host=host, root=root, removed=None)}
        for ip, size in sizes.items():
            if ip in rows:
                PersistedFolder.objects.filter(pk=rows[ip].pk).update(size=size, measured=now)
            elif all(part.isdigit() for part in ip.split(".")) and ip.count(".") == 3:
                PersistedFolder.objects.get_or_create(
                    host=host,
                    root=root,
                    ip=ip,
                    removed=None,
                    defaults={"size": size, "measured": now, **_owner(host, ip)},
                )
        gone = [row.pk for ip, row in rows.items() if ip not in sizes and _was_there(row, now)]
        PersistedFolder.objects.filter(pk__in=gone).update(removed=now, size=0, measured=now)
    live.bump(f"host:{host.pk}")


def _was_there(row: PersistedFolder, now: datetime) -> bool:
    """A folder comes with its container's start, which may be well after the row; seen once, it is gone when it is not seen."""
    return row.measured is not None or row.created < now - NOT_YET


def _owner(host: Host, ip: str) -> dict[str, Any]:
    """The instance that has the folder's address on this host, if one stands."""
    found = Instance.objects.filter(removed=None, host=host, address__ip=ip).select_related("address").first()
    return {"instance": found, "holder": found.address.holder} if found and found.address else {}


# --- Removing -----------------------------------------------------------------------------------------------------


def remove(actor: Actor, row: PersistedFolder, name: str, reason: str = "") -> PersistedFolder:
    """Has the folder removed with all that is in it. `name`: its address, typed by the person. Raises Denied, Refused."""
    require(actor, "persisted.remove", obj=row)
    if row.removed:
        raise Refused(_("It is gone already."))
    if name.strip() != row.ip:
        raise Refused(_("That is not the name. It is «%(name)s».") % {"name": row.ip}, "name", 400)
    user = in_use(row)
    if user is not None:
        raise Refused(_("%(instance)s has it mounted: remove the instance first.") % {"instance": user.name})
    from containers import tasks

    with transaction.atomic():
        PersistedFolder.objects.filter(pk=row.pk).update(removing=timezone.now(), reason="")
        audit.record(
            actor, "persisted.remove", row, before={"path": row.path, "size": row.size}, reason=reason, parent=row.host
        )
        live.bump(f"host:{row.host_id}")
        work.enqueue(tasks.remove_persisted, row.pk)
    row.refresh_from_db()
    return row


def carry_out(pk: int) -> None:
    """Removes it on its host; safe to repeat."""
    row = PersistedFolder.objects.select_related("host").filter(pk=pk, removed=None).exclude(removing=None).first()
    if row is None:
        return
    now = timezone.now()
    fields: dict[str, Any]
    user = in_use(row)
    if user is not None:
        fields = {"removing": None, "reason": _("%(instance)s has it mounted again.") % {"instance": user.name}}
    else:
        try:
            said = helper.run(
                connect(row.host),
                ("rm", "-rf", f"{INSIDE}/{row.ip}"),
                binds=[f"{row.root}:{INSIDE}"],
                timeout=SECONDS,
            )
            fields = {"removed": now, "size": 0} if said.exit == 0 else {"removing": None, "reason": said.output[-250:]}
        except (EngineError, helper.NoHelper) as error:
            words = getattr(error, "words", "") or str(error)
            fields = {"removing": None, "reason": words[:250]}
    PersistedFolder.objects.filter(pk=pk).update(**fields)
    live.bump(f"host:{row.host_id}")
