"""How the pool keeps volumes."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from hosts.conformance.check import FAILS, PASSES, SERVER, Check, Reading, Verdict
from hosts.conformance.models import Profile


def judge(read: Reading, profile: Profile) -> Verdict:
    name = read.text("server", "pool")
    driver = read.text("server", "pools", name, "driver")
    wanted = [str(one) for one in profile.limit("pool_drivers")]
    evidence = f"{name}: {driver}"
    if driver in wanted and driver == "zfs":
        words = _("As the profile wants it; but of a volume's snapshots only the newest can be put back there.")
        return Verdict(PASSES, evidence, words)
    if driver in wanted:
        return Verdict(PASSES, evidence, _("As the profile wants it."))
    words = _(
        "The profile wants %(drivers)s. Make another pool and move instances there one by one; a pool's driver never changes."
    )
    return Verdict(FAILS, evidence, words % {"drivers": ", ".join(wanted)})


CHECK = Check(
    "pool_driver",
    gettext_lazy("The pool's driver can take snapshots"),
    gettext_lazy(
        "With the driver dir a snapshot is a whole copy of the volume, and an instance stands still as long as that takes. "
        "It also knows no sizes, so one volume can fill the disk for all."
    ),
    judge,
    families=SERVER,
    short="pool driver",
)
