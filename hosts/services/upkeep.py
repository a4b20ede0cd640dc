"""The verbs of a machine's upkeep: set a new one up, apply daemon.json, rotate certificates, restart and upgrade its engine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from hosts import ca, shell
from hosts.bridging import NAME
from hosts.models import Host, HostOperation, Segment
from hosts.procedures.engine import VERSION
from hosts.services import certificates, machines, operations, ssh_access
from xqplatform import audit, live
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.rights import require
from xqplatform.errors import Refused

SETUP = {"name", "address", "user", "port", "key", "sudo", "group", "role_run", "role_build", "role_registry", "bridge", "segments", "labels"}  # fmt: skip
# What the host's page and the API may start here, and the parameters of each.
KINDS: dict[str, tuple[str, ...]] = {
    "daemon.read": (),
    "daemon.apply": ("base", "confirm"),
    "tls.rotate": ("only_ours", "confirm"),
    "tls.issue": ("only_ours", "confirm"),
    "engine.restart": ("drain", "confirm"),
    "engine.upgrade": ("version", "drain", "confirm"),
}


def start(actor: Actor, host: Host, kind: str, given: Mapping[str, Any], reason: str = "") -> HostOperation:
    """Starts one of KINDS. Raises Refused."""
    if kind not in KINDS:
        raise Refused(_("There is no operation «%(kind)s».") % {"kind": kind[:60]}, "kind", 400)
    require(actor, "host.operate", obj=host, extra={"kind": kind})
    if not shell.has_access(host):
        raise Refused(_("%(host)s has no SSH access: give it one first.") % {"host": host})
    params: dict[str, Any] = {}
    for name in KINDS[kind]:
        value = given.get(name)
        if name == "version":
            params[name] = str(value or "").strip()
            if params[name] and not VERSION.fullmatch(params[name]):
                raise Refused(_("A version as the machine's packages name it, such as 5:27.3.1-1."), "version", 400)
        elif name == "base":
            params[name] = str(value or "")[:64]
        else:
            params[name] = value in {True, "on", "true", "1"}
    if kind == "tls.rotate" and host.connection != Host.Connection.TCP:
        raise Refused(_("%(host)s is not reached over TCP: it uses no certificates.") % {"host": host})
    if kind == "tls.issue" and host.connection == Host.Connection.TCP:
        raise Refused(_("%(host)s is reached over TCP already: rotate its certificates.") % {"host": host})
    return operations.start(actor, host, kind, params, reason=reason)


def set_up(actor: Actor, data: Mapping[str, Any], *, reason: str = "", confirm: bool = False) -> HostOperation:
    """Registers a machine by its SSH access, and starts to make a host of it. `data` holds SETUP. Raises Refused."""
    require(actor, "host.manage", extra={"name": str(data.get("name", ""))[:60]})
    unknown = set(data) - SETUP
    if unknown:
        raise Refused(_("There is no field «%(field)s».") % {"field": min(unknown)}, min(unknown), 400)
    bridge = str(data.get("bridge") or "").strip()
    if bridge and not NAME.fullmatch(bridge):
        raise Refused(_("The name of an interface, such as br0."), "bridge", 400)
    wanted = [str(one) for one in data.get("segments") or []]
    known = set(Segment.objects.filter(slug__in=wanted).values_list("slug", flat=True))
    if set(wanted) - known:
        words = _("There is no segment «%(name)s».")
        raise Refused(words % {"name": min(set(wanted) - known)}, "segments", 400)
    address = str(data.get("address") or "").strip()
    if not address:
        raise Refused(_("The machine's address, such as 10.1.2.3."), "address", 400)
    with transaction.atomic():
        row, names = Host(), ("name", "group", "role_run", "role_build", "role_registry", "labels")
        authority = certificates.active_authority(actor)
        # Its own certificate comes with the row: a host over TCP is never without one.
        pair = ca.issue(authority.pair, "client", "xqplatform", days=1)
        values = {name: data[name] for name in names if name in data} | {
            "connection": "tcp", "address": f"{address}:2376", "ca": certificates.trusted(), "certificate": pair.cert, "key": pair.key,
        }  # fmt: skip
        machines.filled(row, values)
        machines.insert(row)
        client = certificates.issue(actor, row, "client", [])
        row.certificate, row.key = client.certificate, client.key
        row.save(update_fields=["certificate", "key"])
        audit.record(actor, "host.create", row, after={"name": row.name, "address": address, "setup": True})
        access = {name: data[name] for name in ("user", "port", "key", "sudo") if name in data}
        ssh_access.set_access(actor, row, {"user": "root", **access, "address": address})
        params = {"address": address, "bridge": bridge, "segments": sorted(known), "confirm": confirm}
        operation = operations.begin(actor, row, "host.setup", params, reason=reason)
        live.bump("hosts")
    return operation


def set_up_again(actor: Actor, host: Host, reason: str = "") -> HostOperation:
    """Goes on with a machine whose setting up failed, with what was asked for then."""
    require(actor, "host.manage", obj=host)
    last = host.operations.filter(kind="host.setup").order_by("-pk").first()
    if last is None or last.active or last.state == HostOperation.State.SUCCEEDED:
        raise Refused(_("%(host)s is not being set up, or it is done.") % {"host": host})
    return operations.begin(actor, host, "host.setup", last.params, reason=reason)
