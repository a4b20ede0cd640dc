"""The connection tracker's table is not about to overflow."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from hosts.conformance.check import FAILS, PASSES, Check, Fix, Reading, Verdict, limit, with_line
from hosts.conformance.models import Profile
from hosts.conformance.script import SYSCTL_FILE

COUNT, MAX = "net.netfilter.nf_conntrack_count", "net.netfilter.nf_conntrack_max"


def judge(read: Reading, profile: Profile) -> Verdict:
    table = read.table("sysctl")
    if COUNT not in table and MAX not in table and read.has("modules") and _is_out(read):
        return Verdict(PASSES, _("nf_conntrack is not loaded"), _("Nothing is tracked."))
    count, most = read.number("sysctl", COUNT), read.number("sysctl", MAX)
    if most <= 0:
        raise read.missing(("sysctl", MAX))
    share, allowed = 100 * count / most, limit(profile, "conntrack_percent")
    evidence = f"nf_conntrack_count = {count:.0f}, nf_conntrack_max = {most:.0f} ({share:.1f} %)"
    if share < allowed:
        return Verdict(PASSES, evidence, _("There is room."))
    return Verdict(
        FAILS,
        evidence,
        _("Above %(limit)g %%: when it is full, new connections are dropped without a word.") % {"limit": allowed},
    )


def _is_out(read: Reading) -> bool:
    names = read.maybe(read.texts, "modules", "loaded")
    return "nf_conntrack" not in (names if names is not None else read.texts("modules", "built_in"))


def fix(read: Reading, profile: Profile) -> Fix:
    old = int(read.number("sysctl", MAX))
    return Fix(
        files=((SYSCTL_FILE, with_line(read.table("files").get(SYSCTL_FILE), MAX, f"{MAX} = {2 * old}")),),
        commands=(("sysctl", "-w", f"{MAX}={2 * old}"),),
        undo_commands=(("sysctl", "-w", f"{MAX}={old}"),),
        words=_("This gains time. The cure is not to track at all: see the check of the packet filter's modules."),
    )


CHECK = Check(
    "conntrack",
    gettext_lazy("The connection tracker has room"),
    gettext_lazy(
        "A full table drops new connections while old ones go on, which looks like a service that is ill now and then. "
        "Hosts without the packet filter have no such table at all."
    ),
    judge,
    fix,
    short="conntrack",
)
