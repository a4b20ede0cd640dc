"""The runtime contract of an instance: what its container must see inside, and in what that differs from what it sees. Pure.

The resolver is the segment's: its DNS servers, asked directly, and its search domains. A segment with servers and without
domains gets `search .`: bare names are asked for as they are, and never with the machine's own suffix.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from hosts.inside_types import Observed

ENGINE_RESOLVER = "127.0.0.11"  # the engine's own, which asks the servers that it was given
Json = dict[str, Any]
WORDS: dict[str, Any] = {
    "hostname": gettext_lazy("host name"),
    "hosts": gettext_lazy("hosts file"),
    "nameservers": gettext_lazy("DNS servers"),
    "search": gettext_lazy("search domains"),
    "options": gettext_lazy("resolver options"),
    "address": gettext_lazy("address of eth0"),
    "mac": gettext_lazy("MAC of eth0"),
    "gateway": gettext_lazy("gateway"),
    "mtu": gettext_lazy("MTU"),
}


@dataclass(frozen=True)
class Expected:
    """What shall be seen inside. What is empty is the engine's own affair and only shown."""

    hostname: str
    ip: str = ""
    mac: str = ""
    gateway: str = ""
    mtu: int = 0
    nameservers: tuple[str, ...] = ()
    search: tuple[str, ...] = ()

    @property
    def resolver(self) -> str:
        """The text of /etc/resolv.conf; empty where it is the engine's own affair."""
        if not self.nameservers:
            return ""
        lines = [f"nameserver {server}" for server in self.nameservers]
        return "\n".join([*lines, f"search {' '.join(self.search)}"])


@dataclass(frozen=True)
class Item:
    """One point of the contract. `ok` is None where nothing is demanded."""

    name: str
    expected: str
    observed: str
    ok: bool | None


def expected(
    hostname: str,
    *,
    ip: str = "",
    mac: str = "",
    gateway: str = "",
    mtu: int | None = None,
    dns: Sequence[str] = (),
    search: Sequence[str] = (),
) -> Expected:
    """The contract, from an instance's name, its address, and its segment."""
    servers = tuple(dns) or ((ENGINE_RESOLVER,) if search else ())
    return Expected(hostname, ip, mac.lower(), gateway, mtu or 0, servers, tuple(search) or ((".",) if dns else ()))


def compare(want: Expected, seen: Observed) -> list[Item]:
    """All points, in the order in which people read them."""
    resolver = parse_resolver(seen.resolver)
    hosts = parse_hosts(seen.hosts)
    own = next((f"{ip} {want.hostname}" for ip, names in hosts if want.hostname in names), "")
    loop = any(ip == "127.0.0.1" and "localhost" in names for ip, names in hosts)
    wanted_line = f"{want.ip} {want.hostname}".strip()
    lines = ", ".join(filter(None, ["127.0.0.1 localhost" if loop else "", own])) or _("neither")
    addresses = " ".join(seen.addresses)
    return [
        Item("hostname", want.hostname, seen.hostname, seen.hostname == want.hostname),
        Item(
            "hosts",
            f"127.0.0.1 localhost, {wanted_line}",
            lines,
            loop and (own == wanted_line if want.ip else bool(own)),
        ),
        _item("nameservers", " ".join(want.nameservers), " ".join(resolver["nameserver"])),
        _item("search", " ".join(want.search), " ".join(resolver["search"])),
        Item("options", "", " ".join(resolver["options"]), None),
        Item("address", want.ip, addresses or seen.card, want.ip in seen.addresses if want.ip else None),
        _item("mac", want.mac, seen.mac),
        _item("gateway", want.gateway, seen.gateway),
        _item("mtu", str(want.mtu or ""), str(seen.mtu or "")),
    ]


def _item(name: str, wanted: str, found: str) -> Item:
    return Item(name, wanted, found, wanted == found if wanted else None)


def differences(items: Iterable[Item]) -> list[Item]:
    """The points that are not kept."""
    return [item for item in items if item.ok is False]


def to_json(items: Iterable[Item]) -> list[Json]:
    return [asdict(item) for item in items]


def parse_resolver(text: str) -> dict[str, list[str]]:
    """Servers, search domains and options, as a C library reads them: of `search` and `domain` the last one counts."""
    found: dict[str, list[str]] = {"nameserver": [], "search": [], "options": []}
    for line in text.splitlines():
        word, *rest = line.split() or [""]
        if word == "nameserver":
            found["nameserver"] += rest[:1]
        elif word in {"search", "domain"}:
            found["search"] = rest
        elif word == "options":
            found["options"] += rest
    return found


def parse_hosts(text: str) -> list[tuple[str, list[str]]]:
    """(address, names) of each line."""
    lines = (line.partition("#")[0].split() for line in text.splitlines())
    return [(words[0], words[1:]) for words in lines if len(words) > 1]
