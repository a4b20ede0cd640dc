"""Who is asked and who is heard: instances that hold an address of the ledger. Nobody else's address is ever contacted."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address

from django.db.models import F

from containers.models import ConfigVersion, Container, Instance
from containers.told.names import Wanted, wanted
from hosts.models import Address

SHARES = 4  # of the reading, so that several workers can divide it
_RUNS = ("running", "healthy", "unhealthy", "starting")


@dataclass(frozen=True, slots=True)
class Target:
    instance: int
    ip: str
    port: int
    path: str
    wanted: tuple[Wanted, ...]

    @property
    def subject(self) -> str:
        return f"instance:{self.instance}"


@dataclass(frozen=True, slots=True)
class _Endpoint:
    port: int
    path: str
    wanted: tuple[Wanted, ...]


class Endpoints:
    """What settings say of endpoints. A version never changes, so each is read once."""

    def __init__(self) -> None:
        self._known: dict[int, _Endpoint] = {}
        self._last = 0

    def known(self) -> dict[int, _Endpoint]:
        """Those of all versions that have one, by the version's key."""
        rows = ConfigVersion.objects.filter(pk__gt=self._last).order_by("pk")
        # A version that is committed later than one made after it would be missed: the newest are looked at again.
        for pk, told in rows.values_list("pk", "content__metrics"):
            if isinstance(told, dict) and told.get("port"):
                names = [one for one in map(wanted, told.get("keep") or []) if one is not None]
                self._known[pk] = _Endpoint(int(told["port"]), str(told.get("path") or "/metrics"), tuple(names))
            self._last = max(self._last, pk - 100)
        return self._known


def targets(endpoints: Endpoints, shares: set[int]) -> dict[int, Target]:
    """The endpoints of instances that run, of these shares. Which it has say the settings that its container was made with."""
    known = endpoints.known()
    if not known or not shares:
        return {}
    rows = (
        Container.objects.filter(ended=None, instance__removed=None, instance__state__in=_RUNS)
        .filter(instance__address__state=Address.State.HELD, instance__address__conflict="")
        .filter(config__in=known)
        .order_by("pk")
        .annotate(ip=F("instance__address__ip"))
        .values_list("instance_id", "ip", "config_id")
    )
    return {
        instance: Target(instance, ip, known[config].port, known[config].path, known[config].wanted)
        for instance, ip, config in rows
        if instance % SHARES in shares and may_be_asked(ip)
    }


def may_be_asked(ip: str) -> bool:
    """An address that is this machine's own, or nobody's in particular, is no container's, whatever a segment says."""
    address = ip_address(ip)
    return not (address.is_loopback or address.is_link_local or address.is_multicast or address.is_unspecified)


def senders() -> dict[str, int]:
    """Which instance has which address; an address that two hold, in different segments, is nobody's."""
    rows = Instance.objects.filter(removed=None, address__state=Address.State.HELD, address__conflict="")
    found: dict[str, int] = {}
    twice: set[str] = set()
    for ip, instance in rows.values_list("address__ip", "pk"):
        if ip in found:
            twice.add(ip)
        found[ip] = instance
    return {ip: instance for ip, instance in found.items() if ip not in twice}
