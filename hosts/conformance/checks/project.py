"""The project that the platform works in."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from hosts.conformance.check import FAILS, PASSES, SERVER, Check, Reading, Verdict
from hosts.conformance.models import Profile


def judge(read: Reading, profile: Profile) -> Verdict:
    projects = read.texts("server", "projects")
    evidence = ", ".join(projects) or "–"
    if "default" not in projects:
        return Verdict(FAILS, evidence, _("There is no project «default», which the platform works in."))
    if read.flag("server", "restricted"):
        words = _(
            "The project «default» is restricted: raw.lxc, which gives instances their fixed addresses, is refused there."
        )
        return Verdict(FAILS, "restricted=true", words)
    if len(projects) > 1:
        return Verdict(
            PASSES, evidence, _("The platform works in «default»; what is in others it neither shows nor touches.")
        )
    return Verdict(PASSES, evidence, _("It is the only one."))


CHECK = Check(
    "project",
    gettext_lazy("The project is the platform's to use"),
    gettext_lazy(
        "The platform works in the server's project «default», with images, profiles and volumes of its own there. "
        "In a restricted one instances get no fixed addresses and are not made."
    ),
    judge,
    families=SERVER,
    short="project",
)
