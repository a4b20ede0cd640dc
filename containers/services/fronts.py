"""The verbs of nginx fronts: SREs say where they are, services only name them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils.translation import gettext as _

from containers.models import Front, ServiceEnvironment, Upstream
from containers.traffic.shape import SLUG
from hosts import shell
from hosts.models import Host
from xqplatform import audit, live
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.rights import require
from xqplatform.errors import Refused
from xqplatform.work import enqueue

PATHS = ("folder", "conf", "pid", "program")
FIELDS = ("slug", "title", "hosts", *PATHS)
PATH = re.compile(r"/[A-Za-z0-9._+/-]{1,198}")
PROGRAM = re.compile(r"[A-Za-z0-9._-]{1,60}")


def save_front(actor: Actor, data: Mapping[str, Any], front: Front | None = None) -> Front:
    """Makes a front, or changes one; `hosts`: names. Raises Refused with the field."""
    require(actor, "host.operate", obj=front, extra={"name": str(data.get("slug", ""))[:60].replace("\0", "")})
    if unknown := set(data) - set(FIELDS):
        raise Refused(_("There is no field «%(field)s».") % {"field": min(unknown)}, min(unknown), 400)
    row = front or Front()
    before = facts(row) if front is not None else {}
    if front is None:
        row.slug = _slug(str(data.get("slug") or ""))
    row.title = str(data.get("title", row.title) or "").replace("\x00", "").strip()[:120]
    for name in PATHS:
        if data.get(name):
            setattr(row, name, _path(name, str(data[name])))
    hosts = _hosts(data["hosts"]) if "hosts" in data or front is None else list(row.hosts.all())
    try:
        with transaction.atomic():
            row.save()
            row.hosts.set(hosts)
            Upstream.objects.filter(front=row).exclude(host__in=hosts).delete()
            old, new = audit.changed(before, facts(row))
            if new or not before:  # else its files stay as they are
                Upstream.objects.filter(front=row).update(wanted=F("wanted") + 1)
                audit.record(actor, "front.change" if before else "front.create", row, before=old or None, after=new)
            live.bump("fronts")
    except IntegrityError:
        raise Refused(_("There is a front of this name already."), "slug") from None
    return row


def facts(row: Front) -> dict[str, Any]:
    """What the log tells of a front."""
    found = {name: getattr(row, name) for name in ("slug", "title", *PATHS)}
    return found | {"hosts": sorted(host.name for host in row.hosts.all()) if row.pk else []}


def _slug(text: str) -> str:
    if not SLUG.fullmatch(text) or text == "new":
        raise Refused(_("Small letters, digits and -; at most 50."), "slug", 400)
    return text


def _path(name: str, text: str) -> str:
    good = PATH.fullmatch(text) or (name == "program" and PROGRAM.fullmatch(text))
    if not good or "/../" in f"{text}/" or "//" in text:
        raise Refused(_("Give a whole path, such as /etc/nginx/conf.d."), name, 400)
    return text.rstrip("/")


def _hosts(names: Any) -> list[Host]:
    wanted = {str(name) for name in names or []}
    rows = list(Host.objects.filter(name__in=wanted))
    if not rows or len(rows) != len(wanted):
        missing = min(wanted - {row.name for row in rows}, default="")
        words = _("There is no host «%(name)s».") % {"name": missing} if missing else _("Choose at least one host.")
        raise Refused(words, "hosts", 400)
    blind = next((row for row in rows if not shell.has_access(row)), None)
    if blind is not None:
        words = _("%(host)s has no SSH access: give it one on its page, files are put there by SSH.")
        raise Refused(words % {"host": blind}, "hosts")
    return rows


def users_of(front: Front) -> list[ServiceEnvironment]:
    """The places whose settings name the front: those in use, or the newest."""
    named = {"content__traffic__way": "nginx", "content__traffic__front": front.slug}
    rows = ServiceEnvironment.objects.filter(service__removed=None).select_related("service", "environment")
    current = rows.filter(**{f"current_config__{key}": value for key, value in named.items()})
    newest = rows.filter(**{f"config__{key}": value for key, value in named.items()})
    return list({row.pk: row for row in (*current, *newest)}.values())


def remove_front(actor: Actor, front: Front) -> None:
    """Takes a front away; what is on its hosts stays there. Refused while a service names it."""
    require(actor, "host.operate", obj=front)
    users = users_of(front)
    if users:
        words = _("%(places)s get traffic by it: change their settings first.")
        raise Refused(words % {"places": ", ".join(str(one) for one in users[:5])})
    with transaction.atomic():
        audit.record(actor, "front.remove", front, before=facts(front))
        front.delete()
        live.bump("fronts")


def apply(actor: Actor, front: Front) -> int:
    """Writes all upstream files of the front anew, on all of its hosts; how many."""
    from containers.tasks import sweep_traffic

    require(actor, "host.operate", obj=front)
    with transaction.atomic():
        count = Upstream.objects.filter(front=front).update(wanted=F("wanted") + 1, trouble="")
        audit.record(actor, "front.apply", front, after={"files": count})
        live.bump("fronts")
        enqueue(sweep_traffic)
    return count
