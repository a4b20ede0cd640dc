"""A segment's network as an engine really has it, against what the segment says: judged in words, put right where it can be.

The engine tells its networks; whether the host has the bridge or the parent interface only a helper container sees. Without
that look an engine would invent a bridge of that name, with no machine behind it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from hosts import helper
from hosts.engine import Engine, EngineError
from hosts.models import Segment
from hosts.networks import ensure_network, spec_of_segment
from hosts.probe import interface

Json = dict[str, Any]
LINK = re.compile(r"^\d+: ([^:@\s]+)[^\n]*? mtu (\d+)", re.M)
OK, MISSING, DIFFERS, NO_INTERFACE, UNKNOWN = "ok", "missing", "differs", "no_interface", "unknown"


@dataclass(frozen=True)
class Reality:
    """`state` is one of the words above; `differences` says each one in words."""

    state: str
    differences: list[Json] = field(default_factory=list)
    note: str = ""


@dataclass(frozen=True)
class Card:
    """The host's bridge or parent interface. `there`: None where nobody looked."""

    there: bool | None = None
    mtu: int | None = None


def judge(segment: Segment, networks: Sequence[Mapping[str, Any]], card: Card) -> Reality:
    """What the engine's list of networks, and the host's interface, say of this segment. Pure."""
    mine = next((dict(one) for one in networks if one.get("Name") == segment.network_name), None)
    if card.there is False:
        return Reality(NO_INTERFACE, note=no_interface(segment))
    if mine is None:
        return Reality(MISSING, note=_rival(segment, networks))
    found = [_said(what, is_, should) for what, is_, should in spec_of_segment(segment).compare(mine)]
    if segment.driver == Segment.Driver.MACVLAN and segment.mtu and card.mtu and card.mtu != segment.mtu:
        # Engines of that time do not set it: the containers have their parent's.
        words = _(
            "The parent %(name)s has an MTU of %(is)s, the segment says %(should)s: set it on the host, or change the segment."
        )
        values = {"name": segment.bridge, "is": str(card.mtu), "should": str(segment.mtu)}
        found.append({"what": "parent's MTU", "is": values["is"], "should": values["should"], "words": words % values})
    return Reality(DIFFERS, found) if found else Reality(OK)


def no_interface(segment: Segment) -> str:
    """What is missing on the host, and what to do."""
    if segment.driver == Segment.Driver.MACVLAN:
        return _(
            "The host has no interface %(name)s to be the parent. Bring it up there, or name another in the segment."
        ) % {"name": segment.bridge}
    return _(
        "The host has no bridge %(name)s. Make it there with the machine's network card as a port, or name another in the "
        "segment."
    ) % {"name": segment.bridge}


def _rival(segment: Segment, networks: Sequence[Mapping[str, Any]]) -> str:
    """Another network of the engine that stands in the way of this one; empty if none does."""
    for one in networks:
        options = one.get("Options") or {}
        pools = [pool.get("Subnet") for pool in ((one.get("IPAM") or {}).get("Config") or [])]
        wire = options.get("com.docker.network.bridge.name") or options.get("parent")
        if segment.cidr in pools or wire == interface(segment):
            return _(
                "The network %(name)s of this engine has the subnet or the interface already. Remove it there first."
            ) % {"name": one.get("Name")}
    return ""


def _said(what: str, is_: str | None, should: str | None) -> Json:
    """One difference, with its words."""
    values = {"is": is_ or _("none"), "should": should or _("none")}
    text = {
        "driver": _("It has the driver %(is)s, not %(should)s."),
        "CIDR": _("It has another subnet: %(is)s, not %(should)s."),
        "gateway": _("It has another gateway: %(is)s, not %(should)s."),
        "name": _("It is on another bridge: %(is)s, not %(should)s."),
        "parent": _("It has another parent interface: %(is)s, not %(should)s."),
        "enable_ip_masquerade": _(
            "Masquerading is on: others would see the host's address instead of the containers'."
        ),
        "inhibit_ipv4": _("The engine puts the gateway's address on the bridge itself, which is the router's."),
        "mtu": _("It has another MTU: %(is)s, not %(should)s."),
    }.get(what, _("%(what)s is %(is)s, not %(should)s."))
    return {"what": what, "is": is_, "should": should, "words": text % {**values, "what": what}}


def look_at_card(engine: Engine, segment: Segment) -> Card:
    """The segment's bridge or parent on the host. Raises NoHelper, EngineError."""
    found = engine.interfaces()
    if found is None:
        said = helper.run(engine, ("ip", "-o", "link"), network="host")
        found = {name: int(mtu) for name, mtu in LINK.findall(said.output)}
        if not found:
            raise helper.NoHelper(_("What it said could not be read: %(text)s") % {"text": said.output[:120]})
    # A VLAN's own interface is made by the engine on its parent.
    mtu = found.get(interface(segment), found.get(segment.bridge))
    return Card(mtu is not None, mtu)


def verify(engine: Engine, segment: Segment, *, make: bool, card: Card) -> tuple[Reality, bool]:
    """What there is, made first where it lacks if `make`; and whether it was made. Raises EngineError."""
    found = judge(segment, engine.list_networks(), card)
    if not make or found.state != MISSING or found.note:
        return found, False
    ensure_network(engine, segment)
    return judge(segment, engine.list_networks(), card), True


def users(engine: Engine, network: str) -> list[str]:
    """The containers that are on the network, stopped ones too: «snow-production-1 (running)». Raises EngineError."""
    found = []
    for one in engine.list_containers():
        if network in ((one.get("NetworkSettings") or {}).get("Networks") or {}):
            name = str((one.get("Names") or ["/?"])[0]).lstrip("/")
            found.append(f"{name} ({one.get('State')})")
    return sorted(found)


def remake(engine: Engine, segment: Segment, *, card: Card) -> Reality:
    """Removes the network and makes it as the segment says; while containers are on it nothing is done, and who they are is
    the note. Raises EngineError.
    """
    on_it = users(engine, segment.network_name)
    if on_it:
        found = judge(segment, engine.list_networks(), card)
        named = ", ".join(on_it[:5]) + (_(" and %(n)s more") % {"n": len(on_it) - 5} if len(on_it) > 5 else "")
        return Reality(
            found.state,
            found.differences,
            _("It was not made anew: %(who)s would lose it. Move or remove them first.") % {"who": named},
        )
    if card.there is False:
        return Reality(NO_INTERFACE, note=no_interface(segment))
    try:
        engine.remove_network(segment.network_name)
    except EngineError as error:
        if error.out_of_reach:
            raise
        return Reality(judge(segment, engine.list_networks(), card).state, note=error.words)
    return verify(engine, segment, make=True, card=card)[0]
