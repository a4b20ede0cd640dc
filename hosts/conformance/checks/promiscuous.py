"""No card listens to everything, save those that must."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from hosts.conformance.check import FAILS, PASSES, Check, Fix, Reading, Verdict
from hosts.conformance.models import Profile


def by_hand(link: Any) -> bool:
    """Somebody set the flag: the kernel's own listeners, such as a bridge, do not show in it."""
    flags = link.get("flags") if isinstance(link, dict) else None
    return isinstance(flags, list) and "PROMISC" in flags


def listened_to(link: Any) -> int:
    """How many programs listen to everything on the card. A bridge's port counts one less: that is the bridge itself."""
    count = link.get("promiscuity") if isinstance(link, dict) else None
    if not isinstance(count, int) or isinstance(count, bool):
        return 0
    return max(0, count - (1 if link.get("port") else 0))


def judge(read: Reading, profile: Profile) -> Verdict:
    links = read.table("links")
    if not any(isinstance(link, dict) and ("port" in link) for link in links.values()):
        raise read.missing(("links", "promiscuity"))
    flagged = sorted(name for name, link in links.items() if by_hand(link))
    heard = sorted(name for name, link in links.items() if name not in flagged and listened_to(link))
    ports = sorted(name for name, link in links.items() if isinstance(link, dict) and link.get("port"))
    parts = [_("flag PROMISC: %(names)s") % {"names": ", ".join(flagged)}] if flagged else []
    parts += [_("listened to: %(names)s") % {"names": ", ".join(heard)}] if heard else []
    excepted = _("ports of a bridge, which must hear everything to pass it on: %(n)d") % {"n": len(ports)}
    evidence = "; ".join([*parts, *([excepted] if ports else [])]) or _("%(n)d cards, none promiscuous") % {
        "n": len(links)
    }
    if flagged or heard:
        return Verdict(FAILS, evidence, _("Somebody set the flag, or a program such as tcpdump listens right now."))
    return Verdict(PASSES, evidence, _("No card hears more than it must."))


def fix(read: Reading, profile: Profile) -> Fix | None:
    flagged = sorted(name for name, link in read.table("links").items() if by_hand(link))
    if not flagged:
        return None
    return Fix(
        commands=tuple(("ip", "link", "set", "dev", name, "promisc", "off") for name in flagged),
        undo_commands=tuple(("ip", "link", "set", "dev", name, "promisc", "on") for name in flagged),
    )


CHECK = Check(
    "promiscuous",
    gettext_lazy("No card is promiscuous"),
    gettext_lazy(
        "A promiscuous card hands every frame of the wire to the kernel, which costs processor time exactly when traffic is high. "
        "Ports of a bridge must do so and are left out; on any other card it is a forgotten tcpdump or worse."
    ),
    judge,
    fix,
    short="promiscuous",
)
