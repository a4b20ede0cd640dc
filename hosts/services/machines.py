"""The verbs of hosts: connect, change, cordon, retire, remove, test; and of the groups that they stand in."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, transaction
from django.db.models import ProtectedError
from django.utils import timezone
from django.utils.translation import gettext as _

from hosts import engine, group_limits, hooks, tasks
from hosts.connection import check_ssh_key, check_tls, clean_address, clean_labels
from hosts.models import Collector, Host, HostChange, HostGroup
from hosts.runtimes import TRAITS
from hosts.services.joining import JOIN, joined, look_at, must_be_trusted
from xqplatform import audit, live, work
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.rights import require
from xqplatform.audit.secret_uses import used
from xqplatform.errors import Refused

if TYPE_CHECKING:
    from hosts.engine import Diagnosis

SLUG = re.compile(r"[a-z0-9][a-z0-9_-]{0,59}")
TAKEN = {"new", "groups", "setup", "conformance", "commands"}  # pages of the fleet itself
CONNECTION = ("runtime", "connection", "address", "ca", "certificate", "key", "ssh_key", "ssh_host_key")
SECRET = ("key", "ssh_key")
OPEN = ("name", "runtime", "connection", "address", "role_run", "role_build", "role_registry", "labels", "build_slots")
FIELDS = {*OPEN, *CONNECTION, "group"}


def create_host(actor: Actor, data: Mapping[str, Any]) -> Host:
    """Connects a host; its inventory is read by a worker. `data` holds FIELDS. Raises Refused with the field."""
    require(actor, "host.manage", extra={"name": str(data.get("name", ""))[:60]})
    free(filled(Host(), {name: value for name, value in data.items() if name not in JOIN}))  # before a token is used up
    host = filled(Host(), joined(data))
    must_be_trusted(host)
    with transaction.atomic():
        insert(host)
        audit.record(actor, "host.create", host, after=_facts(host))
        live.bump("hosts")
        work.enqueue(tasks.refresh, host.pk)
    return host


def change_host(actor: Actor, host: Host, data: Mapping[str, Any]) -> Host:
    """Changes what `data` names. An empty key means: the stored one stays, as it is never shown."""
    require(actor, "host.manage", obj=host)
    data = joined({"runtime": host.runtime, "connection": host.connection, "address": host.address, **data})
    with transaction.atomic():
        host = Host.objects.select_for_update().get(pk=host.pk)
        before, was = _facts(host), [getattr(host, name) for name in CONNECTION]
        was_runtime = host.runtime
        filled(host, {k: v for k, v in data.items() if k not in SECRET or v})
        if host.runtime != was_runtime:
            raise Refused(_("A host stays of its kind: connect this machine as another host."), "runtime", 400)
        must_be_trusted(host)
        changed = [name for name, old in zip(CONNECTION, was, strict=True) if getattr(host, name) != old]
        if changed:
            host.connection_version += 1
        insert(host)
        old, new = audit.changed(before, _facts(host))
        new |= {name: _("new") for name in changed if name in {"ca", "certificate", *SECRET}}
        if new:
            audit.record(actor, "host.change", host, before=old, after=new)
        live.bump("hosts", f"host:{host.pk}")
        work.enqueue(tasks.refresh, host.pk)
    return host


def remove_host(actor: Actor, host: Host) -> None:
    """Forgets a host on which nothing of ours stands. What runs on the engine is left alone."""
    require(actor, "host.manage", obj=host)
    with transaction.atomic():
        host = Host.objects.select_for_update().get(pk=host.pk)
        _refuse_if_used(host)
        _refuse_if_kept(host)
        audit.record(actor, "host.remove", host, before=_facts(host))
        pk = host.pk
        try:
            host.delete()
        except ProtectedError:
            raise Refused(
                _(
                    "Releases and builds of the past name %(host)s. Retire it instead: it leaves the fleet, its history stays."
                )
                % {"host": host}
            ) from None
        live.bump("hosts", f"host:{pk}", "network")


def _refuse_if_used(host: Host) -> None:
    users = hooks.users_of(host.pk)
    if users:
        words = _(
            "%(n)s instances stand on %(host)s. Move or remove them first; if it never comes back, give them up on the run "
            "page of their service."
        )
        raise Refused(words % {"n": users, "host": host})


def _refuse_if_kept(row: Host | HostGroup) -> None:
    words = next((words for words in hooks.ask(hooks.KEEPS, row) if words), "")
    if words:
        raise Refused(words)


def cordon(actor: Actor, host: Host, reason: str = "") -> Host:
    """No new instance comes to the host; those on it stay and run."""
    require(actor, "host.manage", obj=host)
    if len(reason.strip()) > 250:
        raise Refused(_("At most 250 characters."), "reason", 400)
    return _mark(actor, host, "host.cordon", reason.strip(), cordoned=True, cordon_reason=reason.strip())


def begin_drain(actor: Actor, host: Host, reason: str = "") -> Host:
    """Cordoned, and shown as draining: the apps above move what stands there (`hooks`)."""
    require(actor, "host.manage", obj=host)
    marks = {"cordoned": True, "cordon_reason": reason.strip()[:250], "draining": True}
    return _mark(actor, host, "host.drain", reason.strip(), **marks)


def end_drain(actor: Actor, host: Host, action: str, reason: str = "") -> Host:
    """It drains no more; it stays cordoned until somebody brings it back. `action`: host.drained, host.drain.cancel."""
    require(actor, "host.manage", obj=host)
    return _mark(actor, host, action, reason.strip(), draining=False)


def uncordon(actor: Actor, host: Host) -> Host:
    require(actor, "host.manage", obj=host)
    return _mark(actor, host, "host.uncordon", "", cordoned=False, cordon_reason="", draining=False)


def retire(actor: Actor, host: Host, reason: str = "") -> Host:
    """The host leaves the fleet for good: nobody talks to it any more, its history stays."""
    require(actor, "host.manage", obj=host)
    _refuse_if_used(host)
    now = timezone.now()
    with transaction.atomic():
        old = host.state
        host = _mark(actor, host, "host.retire", reason, state="retired", state_since=now, state_reason=reason)
        HostChange.objects.create(host=host, old=old, new="retired", reason=reason, time=now)
        host.seen_containers.all().delete()
        host.segments.clear()
        Collector.objects.filter(host=host).update(tried=None)
        work.enqueue(tasks.place_collector, host.pk)
    return host


def bring_back(actor: Actor, host: Host) -> Host:
    """A retired host joins the fleet again, as a new one."""
    require(actor, "host.manage", obj=host)
    with transaction.atomic():
        if host.state != Host.State.RETIRED:
            raise Refused(_("%(host)s is not retired.") % {"host": host})
        now = timezone.now()
        host = _mark(actor, host, "host.change", "", state="new", state_since=now, state_reason="")
        HostChange.objects.create(host=host, old="retired", new="new", time=now)
        work.enqueue(tasks.refresh, host.pk)
    return host


def ask_refresh(actor: Actor, host: Host) -> None:
    """Reads the host now instead of at the next round; nothing of it changes, so there is no event."""
    require(actor, "read", obj=host)
    work.enqueue(tasks.refresh, host.pk)


def _mark(actor: Actor, host: Host, action: str, reason: str, **values: Any) -> Host:
    with transaction.atomic():
        host = Host.objects.select_for_update().get(pk=host.pk)
        if host.state == Host.State.RETIRED and "state" not in values:
            raise Refused(_("%(host)s is retired.") % {"host": host})
        keys = [name for name in values if name not in {"state_since", "state_reason"}]
        before = {name: getattr(host, name) for name in keys}
        for name, value in values.items():
            setattr(host, name, value)
        host.save(update_fields=list(values))
        old, new = audit.changed(before, {name: getattr(host, name) for name in keys})
        if new:
            audit.record(actor, action, host, before=old, after=new, reason=reason)
        live.bump("hosts", f"host:{host.pk}")
    return host


def register_local(actor: Actor) -> Host | None:
    """The engine of this machine, registered with the roles run and build if it answers; repeating changes nothing."""
    named = os.environ.get("DOCKER_HOST", "")
    path = named.removeprefix("unix://") if named.startswith("unix://") else "/var/run/docker.sock"
    known = Host.objects.filter(connection=Host.Connection.LOCAL, address=path).first()
    if known is not None:
        return known
    data = {"connection": "local", "address": path, "name": "probe", "role_run": True, "role_build": True}
    if not engine.diagnose(engine.spec_of(filled(Host(), data))).ok:
        return None
    try:
        return create_host(actor, {**data, "name": _free_name()})
    except Refused:
        # Another process of this machine was faster.
        return Host.objects.filter(connection=Host.Connection.LOCAL, address=path).first()


def _free_name() -> str:
    wish = re.sub(r"[^a-z0-9-]+", "-", socket.gethostname().split(".")[0].lower()).strip("-")[:50] or "local"
    taken = set(Host.objects.values_list("name", flat=True))
    return next(name for name in [wish, *(f"{wish}-{n}" for n in range(2, 1000))] if name not in taken)


def test_connection(actor: Actor, data: Mapping[str, Any], host: Host | None = None) -> Diagnosis:  # noqa: PT028
    """Talks to the engine as `data` says (for an existing host: with its stored keys where none is given)."""
    require(actor, "host.manage", obj=host)
    row = Host.objects.get(pk=host.pk) if host is not None else Host()
    given = {k: v for k, v in data.items() if k in CONNECTION and (k not in SECRET or v or host is None)}
    row = filled(row, {"name": row.name or "probe", **given})
    stored = [name for name in SECRET if host is not None and getattr(host, name) and not data.get(name)]
    for name in stored:
        used(actor, host, name.replace("_", " "))  # type: ignore[arg-type]
    row.pk = None  # a connection of its own: nothing cached is used or left behind
    if TRAITS[row.runtime].joins and row.connection == Host.Connection.TCP and not row.ca:
        return look_at(engine.spec_of(row))
    return engine.diagnose(engine.spec_of(row))


test_connection.__test__ = False  # type: ignore[attr-defined]


def filled(host: Host, data: Mapping[str, Any]) -> Host:
    """The row with the data in it, checked as a whole; not saved."""
    unknown = set(data) - FIELDS
    if unknown:
        raise Refused(_("There is no field «%(field)s».") % {"field": min(unknown)}, min(unknown), 400)
    for name in FIELDS & set(data):
        value = data[name]
        if name == "labels":
            value = clean_labels(value)
        elif name == "group":
            value = _group(value)
        elif name.startswith("role_"):
            value = bool(value)
        elif name == "build_slots":
            value = _slots(value)
        else:
            value = _plain(value, name)
        setattr(host, name, value)
    if not SLUG.fullmatch(host.name):
        raise Refused(_("Small letters, digits, - and _; at most 60."), "name", 400)
    if host.name in TAKEN:
        raise Refused(_("«%(name)s» is the name of a page.") % {"name": host.name}, "name", 400)
    if host.connection not in Host.Connection.values:
        raise Refused(_("local, tcp or ssh."), "connection", 400)
    if host.runtime not in Host.Runtime.values:
        raise Refused(_("docker or lxd."), "runtime", 400)
    _check_runtime(host)
    host.address = clean_address(host.connection, host.address, host.runtime)
    if host.connection == Host.Connection.TCP and (host.ca or not TRAITS[host.runtime].joins):
        check_tls(host.ca, host.certificate, host.key)
    elif host.connection == Host.Connection.SSH and host.ssh_key:
        check_ssh_key(host.ssh_key)
    return host


def _check_runtime(host: Host) -> None:
    """What one kind of engine has and the other has not."""
    traits = TRAITS[host.runtime]
    if host.connection not in traits.connections:
        words = _("%(runtime)s is not reached this way: choose one of %(ways)s.")
        ways = ", ".join(str(way.label) for way in Host.Connection if way in traits.connections)
        raise Refused(words % {"runtime": traits.title, "ways": ways}, "connection", 400)
    if not traits.builds and (host.role_build or host.role_registry):
        field = "role_build" if host.role_build else "role_registry"
        raise Refused(_("Only a Docker Engine builds images and holds a registry."), field, 400)


def _plain(value: Any, field: str) -> str:
    text = str(value or "").strip()
    if "\x00" in text:
        raise Refused(_("A character that cannot be stored."), field, 400)
    # A key file ends with a newline; some libraries insist on it.
    return text + "\n" if text and field in {"ca", "certificate", "key", "ssh_key"} else text


def _slots(value: Any) -> int:
    try:
        number = int(value)
    except (TypeError, ValueError):
        number = 0
    if not 1 <= number <= 64:
        raise Refused(_("A whole number from 1 to 64."), "build_slots", 400)
    return number


def _group(value: Any) -> HostGroup | None:
    if value is None or value == "" or isinstance(value, HostGroup):
        return value or None
    group = HostGroup.objects.filter(slug=str(value)).first()
    if group is None:
        raise Refused(_("There is no host group «%(group)s».") % {"group": value}, "group", 400)
    return group


def insert(host: Host) -> None:
    """Saves it. Raises Refused when its name or address is taken."""
    free(host)
    try:
        with transaction.atomic():
            host.save()
    except IntegrityError:
        raise Refused(_("There is a host of this name already."), "name") from None


def free(host: Host) -> None:
    """Raises Refused when its name or address is taken."""
    twin = Host.objects.exclude(pk=host.pk).filter(connection=host.connection, address=host.address).first()
    if twin is not None:
        raise Refused(_("%(host)s has this address already.") % {"host": twin}, "address")
    if Host.objects.exclude(pk=host.pk).filter(name=host.name).exists():
        raise Refused(_("There is a host of this name already."), "name")


def _facts(host: Host) -> dict[str, Any]:
    return {**{name: getattr(host, name) for name in OPEN}, "group": host.group.slug if host.group else None}


def save_group(actor: Actor, data: Mapping[str, Any], group: HostGroup | None = None) -> HostGroup:
    """Makes a host group, or changes one. `data`: slug, title, kind, and LIMITS (None: the default)."""
    require(actor, "host.manage", obj=group)
    row = HostGroup.objects.get(pk=group.pk) if group is not None else HostGroup()
    before = {name: getattr(row, name) for name in ("slug", "title", "kind", *group_limits.LIMITS)}
    for name in before:
        if name in data:
            known = name in group_limits.LIMITS
            setattr(row, name, group_limits.clean(name, data[name]) if known else _plain(data[name], name))
    if not SLUG.fullmatch(row.slug):
        raise Refused(_("Small letters, digits, - and _; at most 60."), "slug", 400)
    if len(row.title) > 120:
        raise Refused(_("At most 120 characters."), "title", 400)
    if row.kind not in {"room", "cloud"}:
        raise Refused(_("room or cloud."), "kind", 400)
    with transaction.atomic():
        try:
            with transaction.atomic():
                row.save()
        except IntegrityError:
            raise Refused(_("There is a group of this name already."), "slug") from None
        old, new = audit.changed(before, {name: getattr(row, name) for name in before})
        if group is None:
            audit.record(actor, "host.group.create", row, after=new)
        elif new:
            audit.record(actor, "host.group.change", row, before=old, after=new)
        live.bump("hosts")
    return row


def remove_group(actor: Actor, group: HostGroup) -> None:
    """Removes a group that no host stands in and no environment names."""
    require(actor, "host.manage", obj=group)
    with transaction.atomic():
        n = group.hosts.count()
        if n:
            raise Refused(_("%(n)s hosts stand in %(group)s.") % {"n": n, "group": group})
        _refuse_if_kept(group)
        audit.record(actor, "host.group.remove", group, before={"slug": group.slug})
        try:
            group.delete()
        except ProtectedError:
            raise Refused(_("%(group)s is named by an environment.") % {"group": group}) from None
        live.bump("hosts")
