"""Where an engine is, and all that is needed to reach it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from django.utils.translation import gettext as _

from hosts.engine_errors import EngineError
from hosts.runtimes import TRAITS, Runtime

POOL = 32  # connections kept an engine


@dataclass(frozen=True)
class ConnectionSpec:
    """All that is needed to reach an engine. Certificates and keys are PEM texts.

    url: `unix:///var/run/docker.sock`, `tcp://HOST:PORT` or `ssh://USER@HOST[:PORT]`; the scheme may be left out.
    `ssh_host_key`: the pinned key («ssh-ed25519 AAAA…»); empty: the first one seen is trusted and reported.
    """

    kind: Literal["local", "tcp", "ssh"]
    url: str
    ca: str = ""
    cert: str = ""
    key: str = ""
    ssh_key: str = ""
    ssh_host_key: str = ""
    name: str = ""
    runtime: Runtime = "docker"

    @property
    def where(self) -> str:
        """What sentences call it: the host's name, else its address."""
        return self.name or self.bare

    @property
    def bare(self) -> str:
        """The URL without its scheme."""
        return self.url.partition("://")[2] or self.url

    @property
    def full(self) -> str:
        """The URL with its scheme, and the port where there is a usual one."""
        scheme = {"local": "unix", "tcp": "tcp", "ssh": "ssh"}[self.kind]
        url = f"{scheme}://{self.bare}"
        port = TRAITS[self.runtime].port
        return f"{url}:{port}" if self.kind == "tcp" and port_of(url) is None else url


def port_of(url: str) -> int | None:
    try:
        return urlsplit(url).port
    except ValueError as error:
        raise EngineError("name", str(error), _("%(url)s is not a valid address.") % {"url": url}) from error
