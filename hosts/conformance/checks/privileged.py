"""Root inside is not root of the machine."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from hosts.conformance.check import FAILS, PASSES, SERVER, Check, Fix, Reading, Verdict, tool
from hosts.conformance.models import Profile


def judge(read: Reading, profile: Profile) -> Verdict:
    profiles, instances = read.texts("server", "privileged_profiles"), read.texts("server", "privileged")
    if profiles:
        words = _("Profiles make instances privileged: what is root inside is root of the machine.")
        return Verdict(FAILS, ", ".join(profiles), words)
    if instances:
        words = _("Instances are privileged: make them again without security.privileged; their volumes stay.")
        return Verdict(FAILS, ", ".join(instances[:20]), words)
    return Verdict(PASSES, "security.privileged=false", _("Each instance has user ids of its own."))


def fix(read: Reading, profile: Profile) -> Fix | None:
    commands = tuple(
        (tool(read), "profile", "unset", name, "security.privileged")
        for name in read.texts("server", "privileged_profiles")
    )
    words = _(
        "Shown only: instances that run with it change at their next start, and their files have to be given other owners then."
    )
    return Fix(commands=commands, by_hand=True, words=words) if commands else None


CHECK = Check(
    "privileged",
    gettext_lazy("Instances are not privileged"),
    gettext_lazy(
        "In a privileged instance root is root of the machine, and one fault of the kernel or a mount away from all of its neighbours. "
        "What needs it, needs another place to run."
    ),
    judge,
    fix,
    families=SERVER,
    short="privileged",
)
