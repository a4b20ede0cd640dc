"""The data root has room."""

from __future__ import annotations

from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from hosts.conformance.check import FAILS, PASSES, Check, Reading, Verdict, limit
from hosts.conformance.models import Profile


def judge(read: Reading, profile: Profile) -> Verdict:
    free, total = read.number("space", "free"), read.number("space", "total")
    if total <= 0:
        raise read.missing(("space", "total"))
    share, allowed = 100 * free / total, limit(profile, "free_percent")
    values = {"free": filesizeformat(free), "total": filesizeformat(total), "share": share}
    evidence = _("%(free)s of %(total)s free (%(share).0f %%)") % values
    if share >= allowed:
        return Verdict(PASSES, evidence, _("There is room."))
    return Verdict(
        FAILS,
        evidence,
        _("Below %(limit)g %% free: remove what is not used (docker system df shows it).") % {"limit": allowed},
    )


CHECK = Check(
    "free_space",
    gettext_lazy("The data root has free space"),
    gettext_lazy(
        "A full data root stops containers from starting, logs from being written and the engine from answering. "
        "Old images and logs are what usually fills it."
    ),
    judge,
    short="free space",
)
