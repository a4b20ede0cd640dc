"""Forwarding between cards: off where services run, on where images are built."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from hosts.conformance.check import FAILS, PASSES, Check, Fix, Reading, Verdict, with_line
from hosts.conformance.models import Profile
from hosts.conformance.script import SYSCTL_FILE

KEY = "net.ipv4.ip_forward"


def wanted(profile: Profile) -> str:
    return "1" if profile.role == Profile.Role.BUILD else "0"


def judge(read: Reading, profile: Profile) -> Verdict:
    value = read.text("sysctl", KEY).strip()
    evidence = f"{KEY} = {value}"
    if value == wanted(profile):
        return Verdict(PASSES, evidence, _("As hosts of this role shall have it."))
    if wanted(profile) == "0":
        return Verdict(
            FAILS,
            evidence,
            _("This host forwards packets between its networks. Something, often the engine, switched it on."),
        )
    return Verdict(FAILS, evidence, _("Containers of a build cannot reach anything outside."))


def fix(read: Reading, profile: Profile) -> Fix:
    new, old = wanted(profile), read.text("sysctl", KEY).strip()
    text = with_line(read.table("files").get(SYSCTL_FILE), KEY, f"{KEY} = {new}")
    return Fix(
        files=((SYSCTL_FILE, text),),
        commands=(("sysctl", "-w", f"{KEY}={new}"),),
        undo_commands=(("sysctl", "-w", f"{KEY}={old}"),),
        words=_("A daemon that starts with ip-forward on sets it again: see that check, too."),
    )


CHECK = Check(
    "ip_forward",
    gettext_lazy("IP forwarding fits the role"),
    gettext_lazy(
        "With forwarding on, a run host routes what it should only bridge, and packets take ways that no switch knows of: "
        "spikes and losses follow. A build host needs it, as containers of a build get out through it."
    ),
    judge,
    fix,
    short="ip_forward",
)
