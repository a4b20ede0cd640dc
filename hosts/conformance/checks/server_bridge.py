"""The bridges that segments stand on."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from hosts.conformance.check import FAILS, PASSES, SERVER, Check, Fix, Reading, Verdict
from hosts.conformance.models import Profile


def _wanted(read: Reading, profile: Profile) -> dict[str, list[str]]:
    """Bridge → segments on it; that of the profile without one, too."""
    found: dict[str, list[str]] = {str(profile.limit("bridge")): []}
    for name in read.table("server", "segments"):
        found.setdefault(read.text("server", "segments", name), []).append(str(name))
    return found


def judge(read: Reading, profile: Profile) -> Verdict:
    networks, wanted = read.table("server", "networks"), _wanted(read, profile)
    evidence = ", ".join(sorted(f"{name} ({kind})" for name, kind in networks.items())) or "–"
    lacking = sorted(name for name in wanted if name not in networks)
    if lacking:
        users = sorted({segment for name in lacking for segment in wanted[name]})
        words = _("There is no bridge %(bridges)s (segments: %(segments)s): instances on it do not start.")
        return Verdict(FAILS, evidence, words % {"bridges": ", ".join(lacking), "segments": ", ".join(users) or "–"})
    other = sorted(name for name in wanted if networks[name] != "bridge")
    if other:
        return Verdict(FAILS, evidence, _("%(names)s is no bridge.") % {"names": ", ".join(other)})
    return Verdict(PASSES, evidence, _("All bridges of the segments are there."))


def fix(read: Reading, profile: Profile) -> Fix | None:
    networks = read.table("server", "networks")
    commands = tuple(
        ("ip", "link", "add", "name", name, "type", "bridge")
        for name in sorted(_wanted(read, profile))
        if name not in networks
    )
    words = _(
        "Shown only: the machine's card has to become a port of it, and a mistake cuts the machine off. Do it at its console, and "
        "write it into the system's own network settings so that it stays."
    )
    return Fix(commands=commands, by_hand=True, words=words) if commands else None


CHECK = Check(
    "server_bridge",
    gettext_lazy("The segments' bridges are there"),
    gettext_lazy(
        "Instances have fixed addresses on the same segments as containers, by a bridge of the machine. "
        "A bridge that is missing after a restart of the machine keeps every one of them from starting."
    ),
    judge,
    fix,
    families=SERVER,
    short="bridge",
)
