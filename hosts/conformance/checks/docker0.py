"""No left-over default bridge."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from hosts.conformance.check import FAILS, PASSES, Check, Fix, Missing, Reading, Verdict
from hosts.conformance.daemon_settings import setting
from hosts.conformance.models import Profile

NAME = "docker0"


def judge(read: Reading, profile: Profile) -> Verdict:
    links = read.table("links")
    addresses = read.maybe(read.texts, "addresses", NAME) or []
    if NAME not in links:
        return Verdict(
            PASSES, _("Links: %(names)s") % {"names": ", ".join(sorted(links)[:12])}, _("There is no docker0.")
        )
    shown = " ".join(addresses) or _("no address")
    evidence = f"{NAME}: {shown}"
    if profile.daemon.get("bridge", "none") != "none":
        return Verdict(PASSES, evidence, _("The profile wants a default bridge."))
    return Verdict(FAILS, evidence, _("The default bridge is there: a network behind NAT that no segment knows of."))


def fix(read: Reading, profile: Profile) -> Fix:
    try:
        bridge, _source = setting(read, "bridge")
    except Missing:
        bridge = ""
    ports = [
        name for name, link in read.table("links").items() if isinstance(link, dict) and link.get("master") == NAME
    ]
    commands = (("ip", "link", "delete", NAME),)
    if bridge != "none":
        words = _("First the check «The engine makes no default bridge»: the engine would make docker0 again.")
        return Fix(commands=commands, by_hand=True, words=words)
    if ports:
        words = _("Containers stand on it (%(ports)s): move them to a segment first.") % {
            "ports": ", ".join(sorted(ports))
        }
        return Fix(commands=commands, by_hand=True, words=words)
    back: list[tuple[str, ...]] = [("ip", "link", "add", "name", NAME, "type", "bridge")]
    back += [("ip", "addr", "add", one, "dev", NAME) for one in read.maybe(read.texts, "addresses", NAME) or []]
    return Fix(commands=commands, undo_commands=(*back, ("ip", "link", "set", NAME, "up")))


CHECK = Check(
    "docker0",
    gettext_lazy("There is no docker0"),
    gettext_lazy(
        "docker0 takes a private range that may well be in use elsewhere in the company, and hides containers behind NAT. "
        "Containers on it are seen neither by the switch nor by anything that is tied to an address."
    ),
    judge,
    fix,
    short="docker0",
)
