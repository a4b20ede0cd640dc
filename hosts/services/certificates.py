"""The verbs of certificates: make and retire an authority, issue for a host, look at what is in use and warn in time."""

from __future__ import annotations

import logging
import socket
import ssl
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from cryptography import x509
from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from hosts import ca, engine
from hosts.engine_address import ConnectionSpec
from hosts.engine_transport import tls_context
from hosts.models import Authority, Host, IssuedCertificate, SeenCertificate
from hosts.ssh import CONNECT_SECONDS
from xqplatform import audit, live
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.rights import require
from xqplatform.errors import Refused

log = logging.getLogger(__name__)
TOPIC = "certificates"


def make_authority(actor: Actor, name: str = "") -> Authority:
    """A new authority issues from now on; the one before it stays trusted until it is retired."""
    require(actor, "host.manage")
    name = name.replace("\x00", "").strip() or _("xqplatform %(day)s") % {"day": f"{timezone.now():%Y-%m-%d}"}
    if len(name) > 64:
        raise Refused(_("At most 64 characters."), "name", 400)
    pair = ca.make_authority(name)
    found = ca.facts(pair.cert)
    with transaction.atomic():
        Authority.objects.filter(state=Authority.State.ACTIVE).update(state=Authority.State.TRUSTED)
        try:
            with transaction.atomic():
                row = Authority.objects.create(
                    name=name,
                    certificate=pair.cert,
                    key=pair.key,
                    fingerprint=found.fingerprint,
                    not_after=found.not_after,
                )
        except IntegrityError:
            raise Refused(_("Somebody else made an authority at this moment.")) from None
        audit.record(actor, "authority.create", row, after={"name": name, "fingerprint": found.fingerprint})
        live.bump(TOPIC)
    return row


def retire_authority(actor: Actor, authority: Authority) -> Authority:
    """It is trusted no more: the next rotation of each host leaves it out, and its key is destroyed."""
    require(actor, "host.manage", obj=authority)
    with transaction.atomic():
        row = Authority.objects.select_for_update().get(pk=authority.pk)
        if row.state == Authority.State.ACTIVE:
            raise Refused(_("%(name)s issues certificates. Make a new authority first.") % {"name": row})
        if row.state == Authority.State.RETIRED:
            raise Refused(_("%(name)s is retired already.") % {"name": row})
        using = sorted({c.host.name for c in in_use(row) if c.host})
        if using:
            words = _("Certificates of %(name)s are in use on %(hosts)s. Rotate them there first.")
            raise Refused(words % {"name": row, "hosts": ", ".join(using[:10])})
        row.state, row.key = Authority.State.RETIRED, ""
        row.save(update_fields=["state", "key"])
        audit.record(actor, "authority.retire", row, before={"state": "trusted"}, after={"state": "retired"})
        live.bump(TOPIC)
    return row


def in_use(authority: Authority) -> Any:
    """Its certificates that hosts still run with."""
    return authority.issued.filter(superseded=None).exclude(installed=None).exclude(host=None).select_related("host")


def active_authority(actor: Actor) -> Authority:
    """The one that issues; made when there is none yet."""
    row = Authority.objects.filter(state=Authority.State.ACTIVE).first()
    if row is not None:
        return row
    try:
        return make_authority(Actor.system() if not actor.is_system else actor)
    except Refused:
        return Authority.objects.get(state=Authority.State.ACTIVE)


def trusted() -> str:
    """The bundle that hosts and clients trust: the authority that issues, and those before it that are not retired."""
    rows = Authority.objects.exclude(state=Authority.State.RETIRED).order_by("state", "-pk")
    return ca.bundle(*(row.certificate for row in rows))


def issue(actor: Actor, host: Host, kind: ca.Kind, names: list[str]) -> IssuedCertificate:
    """A certificate for a host with its key, not yet installed. One that was issued and never installed is replaced."""
    authority = active_authority(actor)
    days = settings.CERTIFICATE_DAYS
    subject = host.name if kind == "server" else f"xqplatform for {host.name}"
    pair = ca.issue(authority.pair, kind, subject, names, days=days)
    found = ca.facts(pair.cert)
    with transaction.atomic():
        IssuedCertificate.objects.filter(host=host, kind=kind, installed=None).delete()
        row = IssuedCertificate.objects.create(
            host=host, authority=authority, kind=kind, subject=subject, serial=found.serial,
            fingerprint=found.fingerprint, certificate=pair.cert, key=pair.key, not_after=found.not_after,
        )  # fmt: skip
        after = {"kind": kind, "serial": found.serial, "until": f"{found.not_after:%Y-%m-%d}", "names": names}
        audit.record(actor, "certificate.issue", host, after=after)
        live.bump(TOPIC)
    return row


def installed(rows: list[IssuedCertificate], now: datetime | None = None) -> None:
    """They are in use now; those before them are superseded. Call it inside the transaction that switches the host."""
    now = now or timezone.now()
    for row in rows:
        older = IssuedCertificate.objects.filter(host=row.host, kind=row.kind, superseded=None).exclude(pk=row.pk)
        older.exclude(installed=None).update(superseded=now)
        row.installed, row.key = now, ""
        row.save(update_fields=["installed", "key"])
    live.bump(TOPIC)


def look(host: Host, now: datetime | None = None) -> list[SeenCertificate]:
    """Stores which certificates the host is used with, and records one event for each that nears its end."""
    now = now or timezone.now()
    found: list[tuple[str, x509.Certificate]] = []
    for kind, pem in (("ca", host.ca), ("client", host.certificate)):
        try:
            every = x509.load_pem_x509_certificates(pem.encode()) if pem.strip() else []
        except ValueError:
            every = []
        found += [(kind, one) for one in (every if kind == "ca" else every[:1])]
    shown = presented(host) if host.connection == Host.Connection.TCP else None
    if shown is not None:
        found.append(("server", shown))
    kept = []
    for kind, certificate in found:
        facts = ca.facts(certificate)
        ours = (
            IssuedCertificate.objects.filter(fingerprint=facts.fingerprint).exists()
            or Authority.objects.filter(fingerprint=facts.fingerprint).exists()
        )
        row, _made = SeenCertificate.objects.update_or_create(
            host=host, kind=kind, fingerprint=facts.fingerprint,
            defaults={"subject": facts.subject[:250], "issuer": facts.issuer[:250], "not_after": facts.not_after, "ours": ours, "seen": now},
        )  # fmt: skip
        kept.append(row)
        _warn(row, now)
    gone = SeenCertificate.objects.filter(host=host).exclude(pk__in=[row.pk for row in kept])
    if shown is None and host.connection == Host.Connection.TCP:
        gone = gone.exclude(kind=SeenCertificate.Kind.SERVER)  # it did not answer: what it showed last still counts
    gone.delete()
    return kept


def _warn(row: SeenCertificate, now: datetime) -> None:
    state = ca.due(row.not_after, now)
    if state == "fine" or state == row.warned:
        return
    with transaction.atomic():
        # Whoever changes the row tells of it: two workers tell once.
        if not SeenCertificate.objects.filter(pk=row.pk, warned=row.warned).update(warned=state):
            return
        after = {"kind": row.kind, "subject": row.subject, "until": f"{row.not_after:%Y-%m-%d}"}
        action = "certificate.expired" if state == "expired" else "certificate.due"
        audit.record(Actor.system(), action, row.host, after=after)
        live.bump("hosts", f"host:{row.host_id}", TOPIC)
    row.warned = state


def presented(host: Host) -> x509.Certificate | None:
    """The certificate that the host's engine shows now, valid or not; None if it does not answer."""
    return shown_by(engine.spec_of(host))


def shown_by(spec: ConnectionSpec) -> x509.Certificate | None:
    """See `presented`. What is shown is not trusted here, only read."""
    try:
        context = tls_context(spec)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        parts = urlsplit(spec.full)
        address = (parts.hostname or "", parts.port or 2376)
        with (
            socket.create_connection(address, CONNECT_SECONDS) as plain,
            context.wrap_socket(plain, server_hostname=address[0]) as secured,
        ):
            data = secured.getpeercert(binary_form=True)
    except (OSError, ValueError, engine.EngineError):
        return None
    return x509.load_der_x509_certificate(data) if data else None


def look_if_new(host_pk: int) -> None:
    """The first look at a host that was just connected; the others are on a timer."""
    host = Host.objects.filter(pk=host_pk, seen_certificates=None).exclude(ca="").first()
    if host is not None:
        look(host)


def look_at_all() -> int:
    """Every host of the fleet; returns how many. One that cannot be read disturbs no other."""
    rows = list(Host.objects.exclude(state=Host.State.RETIRED))
    for host in rows:
        try:
            look(host)
        except Exception:
            log.exception("The certificates of %s could not be looked at", host)
    return len(rows)


def warnings(now: datetime | None = None) -> Any:
    """Certificates in use that need somebody, the most urgent first."""
    limit = (now or timezone.now()) + timedelta(days=ca.WARN_DAYS)
    rows = SeenCertificate.objects.filter(not_after__lte=limit).exclude(host__state=Host.State.RETIRED)
    return rows.select_related("host").order_by("not_after")
