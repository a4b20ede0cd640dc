"""Data lies in the same place everywhere."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from hosts.conformance.check import FAILS, PASSES, Check, Reading, Verdict
from hosts.conformance.models import Profile


def judge(read: Reading, profile: Profile) -> Verdict:
    root, wanted = read.text("engine", "DockerRootDir"), str(profile.limit("data_root"))
    if root.rstrip("/") == wanted.rstrip("/"):
        return Verdict(PASSES, root, _("As on all hosts."))
    words = _(
        "Hosts shall have %(wanted)s. To move it: drain the host, stop the engine, copy, set data-root, start, bring it back."
    )
    return Verdict(FAILS, root, words % {"wanted": wanted})


CHECK = Check(
    "data_root",
    gettext_lazy("The data root is where it is on all hosts"),
    gettext_lazy(
        "Scripts, backups and people in a hurry look in one place. "
        "A host that differs is found out at the worst moment, with the wrong disk full."
    ),
    judge,
    short="data root",
)
