"""It stands for itself."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from hosts.conformance.check import FAILS, PASSES, SERVER, Check, Reading, Verdict
from hosts.conformance.models import Profile


def judge(read: Reading, profile: Profile) -> Verdict:
    name = read.text("server", "name")
    if read.flag("server", "clustered"):
        words = _(
            "It is a member of a cluster: the platform knows this member only, and the cluster may move instances away from it by itself."
        )
        return Verdict(FAILS, name, words)
    return Verdict(PASSES, name, _("It is no member of a cluster."))


CHECK = Check(
    "alone",
    gettext_lazy("It is no member of a cluster"),
    gettext_lazy(
        "Where instances stand is the platform's decision, with addresses, data and releases that go by it. "
        "A cluster decides the same for itself, when it evacuates or heals a member."
    ),
    judge,
    families=SERVER,
    short="alone",
)
