"""The pool has room."""

from __future__ import annotations

from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from hosts.conformance.check import FAILS, PASSES, SERVER, Check, Reading, Verdict, limit
from hosts.conformance.models import Profile


def judge(read: Reading, profile: Profile) -> Verdict:
    free, total = read.number("space", "free"), read.number("space", "total")
    if total <= 0:
        raise read.missing(("space", "total"))
    share, allowed = 100 * free / total, limit(profile, "free_percent")
    values = {"free": filesizeformat(free), "total": filesizeformat(total), "share": share}
    evidence = _("%(free)s of %(total)s free (%(share).0f %%)") % values
    inodes, inodes_free = (read.maybe(read.number, "space", name) or 0 for name in ("inodes", "inodes_free"))
    if share < allowed:
        words = _(
            "Below %(limit)g %% free: remove snapshots, volumes and images that nobody needs, or make the pool larger."
        )
        return Verdict(FAILS, evidence, words % {"limit": allowed})
    if inodes > 0 and 100 * inodes_free / inodes < limit(profile, "inodes_percent"):
        evidence = _("%(free)s of %(total)s inodes free (%(share).0f %%)") % {
            "free": f"{inodes_free:,.0f}", "total": f"{inodes:,.0f}", "share": 100 * inodes_free / inodes,
        }  # fmt: skip
        words = _("Below %(limit)g %% free: remove images of many small files.") % {
            "limit": limit(profile, "inodes_percent")
        }
        return Verdict(FAILS, evidence, words)
    return Verdict(PASSES, evidence, _("There is room."))


CHECK = Check(
    "pool_space",
    gettext_lazy("The pool has free space"),
    gettext_lazy(
        "A full pool stops databases in the middle of a write, and a snapshot of what would have to be saved does not fit either. "
        "Snapshots grow with what is written after them."
    ),
    judge,
    families=SERVER,
    short="pool space",
)
