"""The data root can hold more files."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from hosts.conformance.check import FAILS, PASSES, Check, Reading, Verdict, limit
from hosts.conformance.models import Profile


def judge(read: Reading, profile: Profile) -> Verdict:
    free, total = read.number("space", "inodes_free"), read.number("space", "inodes")
    if total <= 0:
        return Verdict(PASSES, _("inodes are not counted"), _("This file system makes inodes as it needs them."))
    share, allowed = 100 * free / total, limit(profile, "inodes_percent")
    values = {"free": f"{free:,.0f}", "total": f"{total:,.0f}", "share": share}
    evidence = _("%(free)s of %(total)s inodes free (%(share).0f %%)") % values
    if share >= allowed:
        return Verdict(PASSES, evidence, _("There is room."))
    return Verdict(
        FAILS, evidence, _("Below %(limit)g %% free: remove images of many small files.") % {"limit": allowed}
    )


CHECK = Check(
    "inodes",
    gettext_lazy("The data root has free inodes"),
    gettext_lazy(
        "Images of many small files use up the inodes long before the bytes, and the error then says «no space left» on a half-empty disk. "
        "Only removing images or making the file system anew helps."
    ),
    judge,
    short="inodes",
)
