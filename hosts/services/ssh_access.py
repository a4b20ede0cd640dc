"""The verbs of SSH accesses: set, test, remove, and trust a host key that changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from hosts import shell, ssh
from hosts.connection import USER, check_ssh_key, host_port
from hosts.models import Host, SshAccess
from xqplatform import audit, live
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.rights import require
from xqplatform.audit.secret_uses import used
from xqplatform.errors import Refused

FIELDS = ("user", "address", "port", "key", "sudo")


@dataclass(frozen=True)
class Tested:
    """What a test of an access found: whether it works, and a sentence."""

    ok: bool
    kind: str
    sentence: str
    fingerprint: str = ""


def set_access(actor: Actor, host: Host, data: Mapping[str, Any]) -> SshAccess:
    """Gives the host an access, or changes it. `data` holds FIELDS; an empty key keeps the stored one.

    Another address or port is another machine: its host key is pinned anew on first use.
    """
    require(actor, "host.manage", obj=host)
    unknown = set(data) - set(FIELDS)
    if unknown:
        raise Refused(_("There is no field «%(field)s».") % {"field": min(unknown)}, min(unknown), 400)
    with transaction.atomic():
        # The host's row is the lock: two who give it its first access come one after the other.
        Host.objects.select_for_update().get(pk=host.pk)
        row = SshAccess.objects.filter(host=host).first()
        new = row is None
        row = row or SshAccess(host=host)
        before = {} if new else _facts(row)
        key = row.key
        _fill(row, data)
        if not new and (row.address, row.port) != (before["address"], before["port"]):
            row.host_key, row.pinned_at = "", None
        row.problem, row.offered_key, row.offered_at, row.checked = "", "", None, None
        row.save()
        old, changed = audit.changed(before, _facts(row))
        if row.key != key:
            changed["key"] = _("new")
        if changed:
            audit.record(actor, "host.ssh.set", host, before=old or None, after=changed)
        live.bump("hosts", f"host:{host.pk}")
    return row


def _fill(row: SshAccess, data: Mapping[str, Any]) -> None:
    for name in ("user", "address"):
        if name in data:
            setattr(row, name, str(data[name] or "").strip())
    if not USER.fullmatch(row.user):
        raise Refused(_("The name of a user on the host, such as root."), "user", 400)
    if "port" in data:
        row.port = _port(data["port"])
    address, inside = host_port(row.address, None)
    if inside is not None:
        raise Refused(_("The port has a field of its own."), "address", 400)
    row.address = address
    if "sudo" in data:
        row.sudo = bool(data["sudo"])
    text = str(data.get("key") or "").strip()
    if text:
        check_ssh_key(text, "key")
        row.key = text + "\n"
    if not row.key:
        raise Refused(_("Paste the private key or choose its file."), "key", 400)


def _port(value: Any) -> int:
    try:
        port = 22 if value in (None, "") else int(value)
    except (TypeError, ValueError):
        port = 0
    if not 1 <= port <= 65535:
        raise Refused(_("A port is a number from 1 to 65535."), "port", 400)
    return port


def remove_access(actor: Actor, host: Host) -> None:
    """Forgets the access and its key. The key stays in the host's authorized_keys: take it out there."""
    require(actor, "host.manage", obj=host)
    with transaction.atomic():
        row = _access(host)
        audit.record(actor, "host.ssh.remove", host, before=_facts(row))
        row.delete()
        live.bump("hosts", f"host:{host.pk}")


def trust_key(actor: Actor, host: Host, fingerprint: str) -> SshAccess:
    """Pins the key that answered instead of the pinned one, if it is still the one with this fingerprint."""
    require(actor, "host.manage", obj=host)
    with transaction.atomic():
        row = SshAccess.objects.select_for_update().filter(host=host).first() or _access(host)
        offered = ssh.fingerprint(row.offered_key)
        if not offered:
            raise Refused(_("No other host key was offered: test the access first."))
        if offered != fingerprint.strip():
            words = _("The key that answers now is %(print)s, not the one you saw. Look again before you trust it.")
            raise Refused(words % {"print": offered}, "fingerprint")
        old = ssh.fingerprint(row.host_key)
        row.host_key, row.pinned_at = row.offered_key, timezone.now()
        row.offered_key, row.offered_at, row.problem = "", None, ""
        row.save()
        audit.record(actor, "host.ssh.trust", host, before={"fingerprint": old}, after={"fingerprint": offered})
        live.bump("hosts", f"host:{host.pk}")
    return row


def test_access(actor: Actor, host: Host) -> Tested:
    """Logs in and asks who it is there. The first host key that answers is pinned."""
    require(actor, "host.manage", obj=host)
    _access(host)
    used(actor, host, "SSH key")
    try:
        with shell.connect(host) as sh:
            who = sh.must(["id", "-un"], timeout=10).out.strip()
            system = sh.run(["uname", "-sr"], timeout=10).out.strip()
    except shell.ShellError as error:
        live.bump(f"host:{host.pk}")
        return Tested(False, error.kind, error.words, ssh.fingerprint(error.host_key))
    live.bump(f"host:{host.pk}")
    row = _access(host)
    words = _("Logged in as %(user)s, commands run as %(who)s on %(system)s; host key %(print)s.")
    values = {"user": row.user, "who": who, "system": system, "print": row.fingerprint}
    return Tested(True, "ok", words % values, row.fingerprint)


test_access.__test__ = False  # type: ignore[attr-defined]


def _access(host: Host) -> SshAccess:
    row = SshAccess.objects.filter(host=host).first()
    if row is None:
        raise Refused(_("%(host)s has no SSH access.") % {"host": host}, code=409)
    return row


def _facts(row: SshAccess) -> dict[str, Any]:
    return {name: getattr(row, name) for name in ("user", "address", "port", "sudo")}
