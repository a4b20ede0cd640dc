"""What the engine calls take besides a container: credentials, networks, references of images. Pure."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from hosts.engine_body import Json

Labels = Mapping[str, str]
MTU = "com.docker.network.driver.mtu"


@dataclass(frozen=True)
class Auth:
    """Credentials of a registry."""

    username: str
    password: str
    server: str = ""

    def header(self) -> str:
        """What X-Registry-Auth carries."""
        values = {"username": self.username, "password": self.password, "serveraddress": self.server}
        return base64.urlsafe_b64encode(json.dumps(values).encode()).decode()


@dataclass(frozen=True)
class NetworkSpec:
    """A segment as an engine's network. `bridge`: the bridge, or the parent interface of a macvlan."""

    name: str
    cidr: str
    gateway: str = ""
    driver: str = "bridge"
    bridge: str = "br0"
    vlan: int | None = None
    mtu: int | None = None
    labels: Labels = field(default_factory=dict)

    def body(self) -> Json:
        pool = {"Subnet": self.cidr} | ({"Gateway": self.gateway} if self.gateway else {})
        if self.driver == "macvlan":
            options = {"parent": f"{self.bridge}.{self.vlan}" if self.vlan else self.bridge}
        else:
            # The bridge is the machine's own: the engine must not put the gateway's address on it, nor do NAT.
            options = {
                "com.docker.network.bridge.name": self.bridge,
                "com.docker.network.bridge.inhibit_ipv4": "true",
                "com.docker.network.bridge.enable_ip_masquerade": "false",
            }
        if self.mtu:
            options[MTU] = str(self.mtu)
        return {
            "Name": self.name,
            "CheckDuplicate": True,
            "Driver": self.driver,
            "IPAM": {"Driver": "default", "Config": [pool]},
            "Options": options,
            "Labels": dict(self.labels),
        }

    def differences(self, seen: Json) -> list[str]:
        """In what an engine's network of this name differs, as «what: is, should be»."""
        return [f"{what}: {is_}, {should}" for what, is_, should in self.compare(seen)]

    def compare(self, seen: Json) -> list[tuple[str, str | None, str | None]]:
        """The same as (what, is, should be): driver, CIDR, gateway, and the last words of the engine's options."""
        pool = ((seen.get("IPAM") or {}).get("Config") or [{}])[0]
        want = self.body()
        pairs: list[tuple[str, str | None, str | None]] = [
            ("driver", seen.get("Driver"), self.driver),
            ("CIDR", pool.get("Subnet"), self.cidr),
        ]
        if self.gateway:
            pairs.append(("gateway", pool.get("Gateway"), self.gateway))
        options = seen.get("Options") or {}
        pairs += [(key.rpartition(".")[2], options.get(key), value) for key, value in want["Options"].items()]
        if not self.mtu:
            pairs.append(("mtu", options.get(MTU) or None, None))
        return [(what, is_, should) for what, is_, should in pairs if is_ != should]


def split_ref(ref: str) -> tuple[str, str]:
    """`registry:5000/a/b:tag` or `…@sha256:…` as (name, tag or digest); without one: latest."""
    if "@" in ref:
        name, _at, digest = ref.partition("@")
        return name, digest
    head, colon, tail = ref.rpartition(":")
    return (head, tail) if colon and "/" not in tail else (ref, "latest")
