"""How the engine keeps layers."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from hosts.conformance.check import FAILS, PASSES, Check, Reading, Verdict
from hosts.conformance.models import Profile


def judge(read: Reading, profile: Profile) -> Verdict:
    driver = read.text("engine", "Driver")
    wanted = [str(one) for one in profile.limit("storage_drivers")]
    # Newer engines name the same driver by its containerd snapshotter.
    if driver in wanted or (driver == "overlayfs" and "overlay2" in wanted):
        return Verdict(PASSES, driver, _("As the profile wants it."))
    words = _("The profile wants %(drivers)s. A change hides all images and containers: drain the host first.")
    return Verdict(FAILS, driver, words % {"drivers": ", ".join(wanted)})


CHECK = Check(
    "storage_driver",
    gettext_lazy("The storage driver fits"),
    gettext_lazy(
        "devicemapper, aufs and vfs are slow, unmaintained or eat the disk, and newer engines have dropped them. "
        "The same driver everywhere means that an image behaves alike on every host."
    ),
    judge,
    short="driver",
)
