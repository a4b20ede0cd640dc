"""Certificates of a host from the platform's own authority: installed and rotated, without an interruption.

The order keeps the connection whole whoever dies when: the platform trusts the old and the new first, then the engine
does (it also shows its new certificate), then the platform shows its new one.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from cryptography import x509
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from hosts import ca, daemon, restarts, shell
from hosts.engine import ConnectionSpec, forget, spec_of
from hosts.models import Authority, Host, IssuedCertificate
from hosts.operations import Failed, Run, operation
from hosts.services import certificates
from hosts.shell import Shell
from xqplatform import audit, live
from xqplatform.accounts.actor import Actor

FOLDER = "/etc/docker/xqplatform"
SOCKET = "unix:///var/run/docker.sock"


def names_for(host: Host, address: str) -> list[str]:
    """What the new certificate is for: the usual names, and what the present one is for as well."""
    names = ca.server_names(address, host.name)
    shown = certificates.presented(host) if host.connection == Host.Connection.TCP else None
    if shown is not None:
        try:
            more = shown.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
            names += more.get_values_for_type(x509.DNSName)
            names += [str(one) for one in more.get_values_for_type(x509.IPAddress)]
        except (x509.ExtensionNotFound, ValueError):
            pass
    return list(dict.fromkeys(names))


def issue_both(run: Run, host: Host, address: str) -> tuple[IssuedCertificate, IssuedCertificate]:
    """A server and a client certificate with their keys; after a restart the same ones."""

    def made() -> list[int]:
        actor = Actor.system("operations")
        names = names_for(host, address)
        return [certificates.issue(actor, host, kind, names if kind == "server" else []).pk for kind in ca.PURPOSES]  # type: ignore[arg-type]

    rows = IssuedCertificate.objects.in_bulk(run.remember("issued", made))
    found = {row.kind: row for row in rows.values()}
    if set(found) != set(ca.PURPOSES):
        raise Failed(_("The certificates of this operation are gone: start it again."))
    run.hide(*(line for row in rows.values() for line in row.key.splitlines() if len(line) > 30))
    return found["server"], found["client"]


def files_of(server: IssuedCertificate, bundle: str) -> dict[str, tuple[str, int]]:
    """What is written on the machine: path → (text, mode). A new name each time: the old files stay for the way back."""
    stem = f"{FOLDER}/{server.serial[:12]}"
    return {
        f"{stem}-ca.pem": (bundle, 0o644),
        f"{stem}-cert.pem": (server.certificate, 0o644),
        f"{stem}-key.pem": (server.key, 0o600),
    }


def settings_for(server: IssuedCertificate) -> daemon.Settings:
    stem = f"{FOLDER}/{server.serial[:12]}"
    return {
        "tlsverify": True, "tlscacert": f"{stem}-ca.pem", "tlscert": f"{stem}-cert.pem", "tlskey": f"{stem}-key.pem"
    }  # fmt: skip


def write_files(sh: Shell, server: IssuedCertificate, bundle: str) -> None:
    sh.must(["mkdir", "-p", "-m", "0755", FOLDER])
    for path, (text, mode) in files_of(server, bundle).items():
        sh.write(path, text, mode)


def bundle_for(sh: Shell, settings: daemon.Settings, *, keep: bool) -> str:
    """What the engine shall trust: our authorities, and (if kept) who it trusted before, save those that are retired."""
    ours = certificates.trusted()
    before = (sh.read(str(settings.get("tlscacert") or "")) or "") if settings.get("tlscacert") and keep else ""
    retired = Authority.objects.filter(state=Authority.State.RETIRED).values_list("certificate", flat=True)
    try:
        return ca.without(ca.bundle(ours, before), *retired)
    except ValueError:
        return ours


@operation("tls.rotate", title=gettext_lazy("Rotate the certificates"), upkeep=True)
def rotate(run: Run) -> None:
    """New certificates of engine and platform. Params: `only_ours` (nobody else's CA is trusted any more), `confirm`."""
    if run.host.connection != Host.Connection.TCP:
        raise Failed(_("%(host)s is not reached over TCP. Issue certificates for it instead.") % {"host": run.host})
    _exchange(run, run.host.address)


@operation("tls.issue", title=gettext_lazy("Issue certificates and switch to TCP"), upkeep=True)
def issue(run: Run) -> None:
    """A host that is reached otherwise gets certificates, a TCP port, and is reached by it. Params as tls.rotate."""
    if run.host.connection == Host.Connection.TCP:
        raise Failed(_("%(host)s is reached over TCP already. Rotate its certificates instead.") % {"host": run.host})
    _exchange(run, f"{run.host.ssh_access.address}:2376")


def _exchange(run: Run, address: str) -> None:
    host = run.host
    machine = address.rpartition(":")[0].strip("[]")
    _sooner = run.remember("spec", lambda: dataclasses.asdict(spec_of(host)))
    before = ConnectionSpec(**_sooner)
    with shell.connect(host, check=run.check) as sh:
        old = run.remember("old", lambda: restarts.settings_of(sh))
        was = daemon.parse(old)
        server, client = issue_both(run, host, machine)
        bundle = run.remember("bundle", lambda: bundle_for(sh, was, keep=not run.params.get("only_ours")))
        ours = run.remember("ours", certificates.trusted)
        after = dataclasses.replace(
            before,
            kind="tcp",
            url=address,
            ca=ours,
            cert=client.certificate,
            key=run.remember("key", lambda: client.key),
        )
        settings = daemon.render(settings_for(server), was)
        if before.kind != "tcp":
            listens = [
                SOCKET,
                *(h for h in was.get("hosts", []) if h not in {SOCKET, "fd://"} and not h.startswith("tcp://")),
            ]
            settings["hosts"] = [*listens, f"tcp://{address}"]
        run.on_failure(lambda: _as_before(run, before, server), _("Reach the engine as before"))
        if run.todo("trust"):
            with run.step("trust", _("Trust the old and the new authority")):
                if before.kind == "tcp":
                    _reach(host, ca=ca.bundle(before.ca, ours))
        if run.todo("files"):
            with run.step("files", _("Write the new certificate and key")):
                write_files(sh, server, bundle)
                _tidy(sh, was, settings)
        kept = dataclasses.replace(before, ca=ca.bundle(before.ca, ours)) if before.kind == "tcp" else before
        restarts.switch(run, sh, old, daemon.dump(settings, old), [kept, after])
        if run.todo("client"):
            with run.step("client", _("Show the new client certificate")):
                _take_over(host, after, [server, client])
    certificates.look(Host.objects.get(pk=host.pk))
    run.row.words = _("The new certificates are valid until %(day)s.") % {"day": f"{server.not_after:%Y-%m-%d}"}


def _reach(host: Host, **values: Any) -> None:
    """Changes how the host is reached; cached clients of all processes see it by the version."""
    with transaction.atomic():
        row = Host.objects.select_for_update().get(pk=host.pk)
        if all(getattr(row, name) == value for name, value in values.items()):
            return
        for name, value in values.items():
            setattr(row, name, value)
        row.connection_version += 1
        row.save(update_fields=[*values, "connection_version"])
        live.bump("hosts", f"host:{host.pk}")
    for name in (*values, "connection_version"):
        setattr(host, name, getattr(row, name))
    forget(host)


def _take_over(host: Host, spec: ConnectionSpec, rows: list[IssuedCertificate]) -> None:
    with transaction.atomic():
        _reach(host, connection="tcp", address=spec.url, ca=spec.ca, certificate=spec.cert, key=spec.key)
        certificates.installed(rows)
        after = {row.kind: row.serial for row in rows} | {"until": f"{rows[0].not_after:%Y-%m-%d}"}
        audit.record(Actor.system("operations"), "certificate.install", host, after=after)


def _as_before(run: Run, spec: ConnectionSpec, server: IssuedCertificate) -> None:
    _reach(run.host, connection=spec.kind, address=spec.url, ca=spec.ca, certificate=spec.cert, key=spec.key)
    IssuedCertificate.objects.filter(pk__in=run.remember("issued", []), installed=None).delete()


def _tidy(sh: Shell, was: daemon.Settings, settings: daemon.Settings) -> None:
    """Removes what rotations before the last one left: files of ours that neither the old nor the new settings name."""
    used = {str(one.get(key) or "") for one in (was, settings) for key in ("tlscacert", "tlscert", "tlskey")}
    for name in sh.must(["ls", "-A", FOLDER]).out.split():
        path = f"{FOLDER}/{name}"
        if path not in used and name.endswith(("-ca.pem", "-cert.pem", "-key.pem")):
            sh.remove(path)
