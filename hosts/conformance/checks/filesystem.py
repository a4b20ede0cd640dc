"""The data root's file system is one that overlayfs works well on."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from hosts.conformance.check import FAILS, PASSES, Check, Reading, Verdict
from hosts.conformance.models import Profile


def judge(read: Reading, profile: Profile) -> Verdict:
    kind, device = read.text("space", "type"), read.maybe(read.text, "space", "device") or "?"
    wanted = [str(one) for one in profile.limit("filesystems")]
    backing = ""
    status = (read.maybe(read.table, "engine") or {}).get("DriverStatus")
    for row in status if isinstance(status, list) else []:
        if isinstance(row, list) and len(row) == 2 and row[0] == "Supports d_type":
            backing = str(row[1])
    evidence = f"{kind} ({device})" + (f", d_type = {backing}" if backing else "")
    if backing == "false":
        return Verdict(
            FAILS,
            evidence,
            _("The file system does not tell types of entries (xfs made with ftype=0): overlay2 breaks on it."),
        )
    if kind in wanted:
        return Verdict(PASSES, evidence, _("As the profile wants it."))
    return Verdict(FAILS, evidence, _("The profile wants %(kinds)s.") % {"kinds": ", ".join(wanted)})


CHECK = Check(
    "filesystem",
    gettext_lazy("The data root's file system fits"),
    gettext_lazy(
        "The engine's layers lean on features of the file system below that not every one has. "
        "One disk layout on all hosts makes their speed and their limits alike."
    ),
    judge,
    short="file system",
)
