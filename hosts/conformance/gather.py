"""Reading a host: over SSH where there is an access, else what the engine and a helper on it can tell."""

from __future__ import annotations

import logging
import time
from typing import Any

from django.utils.translation import gettext as _

from hosts import engine as edge
from hosts import helper, shell
from hosts.conformance.facts import Facts, engine_facts, parse
from hosts.conformance.script import IN_HELPER, OVER_SSH
from hosts.connection import expiry
from hosts.engine import EngineError
from hosts.models import Host, HostFacts, SeenCertificate
from hosts.shell import ShellError

log = logging.getLogger(__name__)
SECONDS = 60.0  # that the script may take
DATA_ROOT = "/var/lib/docker"


class Unreadable(Exception):
    """Nothing could be read; the text says why, for people."""


def read(host: Host) -> tuple[Facts, str]:
    """Facts, and why not everything could be read (empty: everything was). Raises Unreadable."""
    try:
        if told := edge.connect(host).facts():
            said: Facts = {"source": "server"}
            said.update(told)  # type: ignore[typeddict-item]
            return _complete(host, said), ""
    except EngineError as error:
        raise Unreadable(error.words) from error
    info, notes = _info(host)
    root = str(info.get("DockerRootDir") or host.data_root or DATA_ROOT)
    facts = None
    if shell.has_access(host):
        try:
            with shell.connect(host) as sh:
                facts = over_ssh(sh, root, bool(info))
        except ShellError as error:
            notes.append(error.words)
    else:
        notes.append(_("There is no SSH access: the machine's files and its daemon's settings were not read."))
    if facts is None:
        if not info:
            raise Unreadable(" ".join(notes))
        facts = _by_helper(host, notes)
    if info:
        facts["engine"] = engine_facts(info)
    return _complete(host, facts), " ".join(notes) if facts["source"] != "ssh" or not info else ""


def over_ssh(sh: shell.Shell, root: str, known: bool) -> Facts:
    """One run of the script on the machine; `known`: the engine has told of itself. Raises ShellError."""
    sh.open()  # so that the time it takes does not blur the clocks
    asked = time.time()
    ran = sh.run(("sh", "-s", root, "known" if known else ""), stdin=OVER_SSH, timeout=SECONDS)
    return parse(ran.out, "ssh", asked, time.time(), root)


def again(host: Host, sh: shell.Shell) -> Facts:
    """Complete facts over an open shell, for an operation. Raises ShellError."""
    info, _notes = _info(host)
    facts = over_ssh(sh, str(info.get("DockerRootDir") or host.data_root or DATA_ROOT), bool(info))
    if info:
        facts["engine"] = engine_facts(info)
    return _complete(host, facts)


def _info(host: Host) -> tuple[dict[str, Any], list[str]]:
    try:
        return edge.connect(host).info(), []
    except EngineError as error:
        return {}, [error.words]


def _by_helper(host: Host, notes: list[str]) -> Facts:
    try:
        said = helper.run(edge.connect(host), ("sh", "-c", IN_HELPER), network="host", timeout=SECONDS)
    except (EngineError, helper.NoHelper) as error:
        log.info("No helper could look at %s: %s", host, error)
        notes.append(getattr(error, "words", "") or str(error))
        return {"source": "engine"}
    return parse(said.output, "engine")


def _complete(host: Host, facts: Facts) -> Facts:
    """Adds what the platform itself knows: the host's row, its certificates, other hosts' ids, the last counters."""
    facts["taken"] = time.time()
    address = host.address.rpartition("@")[2].rpartition(":")[0] or host.address.rpartition("@")[2]
    facts["host"] = {
        "name": host.name,
        "ip": address.strip("[]") if host.connection != Host.Connection.LOCAL else "",
        "connection": host.connection,
        "clock_skew": host.clock_skew,
    }
    ends = facts.get("certificates", {})
    for row in SeenCertificate.objects.filter(host=host):
        ends.setdefault(str(row.kind), row.not_after.timestamp())
    own = expiry(host.certificate)
    if own is not None:
        ends["client"] = own.timestamp()
    if ends:
        facts["certificates"] = ends
    facts["fleet"] = _others(host)
    known = HostFacts.objects.filter(host=host).first()
    if known is not None and known.counters:
        facts["before"] = known.counters
    return facts


def _others(host: Host) -> dict[str, dict[str, list[str]]]:
    """Who else has which ids."""
    found: dict[str, dict[str, list[str]]] = {"engine_ids": {}, "machine_ids": {}}
    rows = Host.objects.exclude(pk=host.pk).exclude(state=Host.State.RETIRED)
    for name, engine in rows.exclude(engine_id="").values_list("name", "engine_id"):
        found["engine_ids"].setdefault(engine, []).append(name)
    for name, machine in rows.values_list("name", "facts__facts__machine_id"):
        if machine:
            found["machine_ids"].setdefault(str(machine), []).append(name)
    return found
