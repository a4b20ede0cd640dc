"""The edge to the engines: `connect(host)` for a registered host, `diagnose(spec)` for one that shall become it."""

from __future__ import annotations

import datetime as dt
import os
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from cryptography import x509
from django.utils.translation import gettext as _

from hosts import engine_body, labels
from hosts.engine_address import ConnectionSpec
from hosts.engine_body import ContainerSpec, Healthcheck, Limits, create_body, version_tuple
from hosts.engine_client import Engine as DockerEngine
from hosts.engine_errors import EngineError
from hosts.engine_link import NEWEST_API, OLDEST_API
from hosts.engine_specs import Auth, NetworkSpec, split_ref
from hosts.engine_ssh import SshAdapter
from hosts.engine_streams import LogLine, Stream
from hosts.lxd import making
from hosts.lxd.engine import LxdEngine
from hosts.lxd.kept_rows import Rows
from hosts.runtime import Answer, Engine
from hosts.runtimes import TRAITS
from hosts.ssh import fingerprint

if TYPE_CHECKING:
    from hosts.models import Host, Segment

__all__ = [
    "NEWEST_API", "OLDEST_API", "Answer", "Auth", "ConnectionSpec", "ContainerSpec", "Diagnosis", "DockerEngine", "Engine", "EngineError",
    "Healthcheck", "Limits", "LogLine", "NetworkSpec", "Stream", "connect", "connect_spec", "create_body", "diagnose",
    "docker_of", "forget", "missing_features", "network_of", "spec_of", "split_ref", "version_tuple",
]  # fmt: skip

# One engine a host and process: (process, host) → (version of its connection settings, engine).
# The process is part of the key because a forked worker must not use its parent's connections.
_engines: dict[tuple[int, int], tuple[int, Engine]] = {}
_lock = threading.Lock()


RUNTIMES: dict[str, Callable[..., Engine]] = {"docker": DockerEngine, "lxd": LxdEngine}
# The same for hosts that have a row: what an LXD server does not keep of its instances is kept in rows, too.
OF_HOSTS: dict[str, Callable[..., Engine]] = {**RUNTIMES, "lxd": partial(LxdEngine, kept=Rows(), mine=labels.is_ours)}


def spec_of(host: Host) -> ConnectionSpec:
    """How a host is reached, from its row."""
    return ConnectionSpec(
        kind=host.connection,  # type: ignore[arg-type]
        url=host.address,
        ca=host.ca,
        cert=host.certificate,
        key=host.key,
        ssh_key=host.ssh_key,
        ssh_host_key=host.ssh_host_key,
        name=host.name,
        runtime=host.runtime,  # type: ignore[arg-type]
    )


def network_of(segment: Segment, marks: dict[str, str] | None = None) -> NetworkSpec:
    """A segment's row as the engine's network."""
    return NetworkSpec(
        name=segment.network_name,
        cidr=segment.cidr,
        gateway=segment.gateway or "",
        driver=segment.driver,
        bridge=segment.bridge,
        vlan=segment.vlan,
        mtu=segment.mtu,
        labels=marks or {},
    )


def connect(host: Host) -> Engine:
    """The engine of a host. Nothing is sent yet; the API version comes from the inventory if it is known there."""
    key = (os.getpid(), host.pk)
    with _lock:
        version, engine = _engines.get(key, (-1, None))
        if engine is not None and version == host.connection_version:
            return engine
        made = OF_HOSTS[host.runtime](spec_of(host), host.api_version)
        # The old one is not closed: another thread may be in the middle of a call; it goes with its last user.
        _engines[key] = (host.connection_version, made)
        return made


def forget(host: Host) -> None:
    """Let go of a host's cached engine (it was retired, or its connection changed)."""
    with _lock:
        _engines.pop((os.getpid(), host.pk), None)


def connect_spec(spec: ConnectionSpec, timeout: float = 10) -> Engine:
    """An engine that is not cached; close it after use."""
    return RUNTIMES[spec.runtime](spec, timeout=timeout)


def missing_features(spec: ContainerSpec, speaks: str) -> list[str]:
    """What the spec asks for and a runtime cannot do, as sentences. `speaks`: `Host.speaks`."""
    return making.missing(spec) if speaks == "lxd" else engine_body.missing_features(spec, speaks)


def docker_of(engine: Engine) -> DockerEngine:
    """The engine where only a Docker Engine will do: it builds images, carries helpers. Raises EngineError."""
    if isinstance(engine, DockerEngine):
        return engine
    words = _("%(where)s is no Docker Engine, which this needs.")
    raise EngineError("other", "another runtime", words % {"where": engine.where})


@dataclass(frozen=True)
class Diagnosis:
    """What «test the connection» found: `ok`, else the kind of EngineError and a sentence that says what to do."""

    ok: bool
    kind: str
    sentence: str
    engine_version: str = ""
    api_version: str = ""
    min_api_version: str = ""
    os: str = ""
    architecture: str = ""
    kernel: str = ""
    ssh_host_key: str = ""

    @property
    def ssh_fingerprint(self) -> str:
        return fingerprint(self.ssh_host_key) if self.ssh_host_key else ""


HUNG_UP = re.compile("reset|closed|aborted|EOF|broken pipe", re.I)


def _own_certificate(spec: ConnectionSpec) -> EngineError | None:
    """What is wrong with the given client certificate by itself: the engine would only break the connection off."""
    if spec.kind != "tcp" or not spec.cert.strip():
        return None
    try:
        certificate = x509.load_pem_x509_certificate(spec.cert.strip().encode())
    except ValueError:
        return None  # the TLS context says it better
    now = dt.datetime.now(dt.UTC)
    if certificate.not_valid_after_utc < now:
        words = _("The given client certificate expired on %(date)s.")
        return EngineError("expired", "client", words % {"date": f"{certificate.not_valid_after_utc:%Y-%m-%d}"})
    if certificate.not_valid_before_utc > now:
        words = _("The given client certificate is valid only from %(date)s on.")
        return EngineError("expired", "client", words % {"date": f"{certificate.not_valid_before_utc:%Y-%m-%d}"})
    return None


def _missing_certificate(spec: ConnectionSpec, error: EngineError) -> EngineError:
    """An engine that wants a client certificate may just hang up on a client that has none."""
    if (
        spec.kind == "tcp"
        and not TRAITS[spec.runtime].joins
        and error.kind == "unreachable"
        and HUNG_UP.search(error.message)
    ):
        if not spec.cert.strip():
            words = _("%(where)s closed the connection: it probably wants a client certificate, and none is given.")
        else:
            words = _("%(where)s closed the connection: it probably does not accept the client certificate.")
        return EngineError("tls", error.message, words % {"where": spec.where})
    return error


def diagnose(spec: ConnectionSpec, timeout: float = 10) -> Diagnosis:
    """Try a connection and say precisely what is wrong, or what answers. Never raises EngineError."""
    engine: Engine | None = None
    try:
        own = _own_certificate(spec)
        if own:
            raise own
        engine = connect_spec(spec, timeout)
        api, seen = engine.api_version, engine.version()
    except EngineError as error:
        found = _missing_certificate(spec, error)
        return Diagnosis(False, found.kind, found.words, ssh_host_key=_host_key(engine))
    finally:
        if engine is not None:
            engine.close()
    words = _("%(title)s %(version)s answers, API %(api)s.")
    return Diagnosis(
        True,
        "ok",
        words % {"title": TRAITS[spec.runtime].title, "version": seen.get("Version", "?"), "api": api},
        engine_version=str(seen.get("Version", "")),
        api_version=str(seen["ApiVersion"]),
        min_api_version=str(seen.get("MinAPIVersion", "")),
        os=str(seen.get("Os", "")),
        architecture=str(seen.get("Arch", "")),
        kernel=str(seen.get("KernelVersion", "")),
        ssh_host_key=_host_key(engine),
    )


def _host_key(engine: Engine | None) -> str:
    adapter = engine.api._custom_adapter if isinstance(engine, DockerEngine) else None
    return adapter.host_key if isinstance(adapter, SshAdapter) else ""
