"""The machine's own address lies on the bridge that containers stand on."""

from __future__ import annotations

from ipaddress import ip_address

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from hosts.conformance.check import FAILS, PASSES, Check, Fix, Reading, Verdict
from hosts.conformance.models import Profile


def own_addresses(read: Reading) -> list[str]:
    """What the machine is known by: to the platform's engine connection, and to SSH."""
    names = [read.maybe(read.text, "host", "ip"), read.maybe(read.text, "ssh_address")]
    return [name for name in names if name and _is_address(name)]


def _is_address(text: str) -> bool:
    try:
        return not ip_address(text).is_loopback
    except ValueError:
        return False


def judge(read: Reading, profile: Profile) -> Verdict:
    bridge = str(profile.limit("bridge"))
    links, addresses, routes = read.table("links"), read.table("addresses"), read.texts("routes")
    places = {
        str(cidr).partition("/")[0]: str(name)
        for name, cidrs in addresses.items()
        for cidr in (cidrs if isinstance(cidrs, list) else [])
    }
    known = [ip for ip in own_addresses(read) if ip in places]
    said = ", ".join(f"{ip} {places[ip]}" for ip in known) or ", ".join(
        f"{ip} {name}" for ip, name in list(places.items())[:8]
    )
    evidence = _("%(addresses)s; default route: %(routes)s") % {"addresses": said, "routes": ", ".join(routes) or "–"}
    if bridge not in links:
        return Verdict(FAILS, evidence, _("There is no bridge %(bridge)s.") % {"bridge": bridge})
    where = {places[ip] for ip in known} or set(routes)
    if not where:
        # Nothing tells which of the addresses is the machine's: one on the bridge is good enough.
        where = {bridge} if addresses.get(bridge) else set()
    if where == {bridge}:
        return Verdict(PASSES, evidence, _("The machine's address is on %(bridge)s.") % {"bridge": bridge})
    words = _("The machine's address is on %(links)s, not on %(bridge)s.")
    return Verdict(FAILS, evidence, words % {"links": ", ".join(sorted(where)) or "–", "bridge": bridge})


def fix(read: Reading, profile: Profile) -> Fix | None:
    bridge = str(profile.limit("bridge"))
    addresses, routes = read.table("addresses"), read.texts("routes")
    card = next((name for name in routes if name != bridge), "")
    mine = addresses.get(card)
    if not card or not isinstance(mine, list):
        return None
    commands: list[tuple[str, ...]] = []
    if bridge not in read.table("links"):
        commands.append(("ip", "link", "add", "name", bridge, "type", "bridge"))
    commands += [("ip", "link", "set", card, "master", bridge), ("ip", "link", "set", bridge, "up")]
    for cidr in mine:
        commands += [("ip", "addr", "del", str(cidr), "dev", card), ("ip", "addr", "add", str(cidr), "dev", bridge)]
    commands.append(("ip", "route", "replace", "default", "via", "GATEWAY", "dev", bridge))
    words = _(
        "Shown only: between these commands the machine has no address, and a mistake cuts it off. Do it at its console, and "
        "write it into the system's own network settings so that it stays."
    )
    return Fix(commands=tuple(commands), by_hand=True, words=words)


CHECK = Check(
    "bridge_address",
    gettext_lazy("The machine's address is on the bridge"),
    gettext_lazy(
        "Containers are visible to the switch only when the network card is a port of the bridge and the machine's own address lies on "
        "the bridge. With the address on the card, the machine and its containers cannot reach each other reliably."
    ),
    judge,
    fix,
    roles=("run",),
    short="address on br0",
)
