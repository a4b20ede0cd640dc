"""The certificates of both sides are good for long."""

from __future__ import annotations

import math
from datetime import UTC, datetime

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from hosts.conformance.check import FAILS, PASSES, SERVER, Check, Reading, Verdict, limit
from hosts.conformance.models import Profile


def judge(read: Reading, profile: Profile) -> Verdict:
    if read.text("host", "connection") == "local":
        return Verdict(PASSES, _("The server is reached by its local socket"), _("No certificate is in use."))
    now = read.number("taken")
    ends = {"server": read.number("server", "certificate_ends"), "client": read.number("certificates", "client")}
    if not all(0 < one < 253402300800 for one in ends.values()):  # the year 9999
        raise read.missing(("certificates",))
    evidence = ", ".join(f"{name}: {datetime.fromtimestamp(one, UTC):%Y-%m-%d}" for name, one in sorted(ends.items()))
    least, allowed = (min(ends.values()) - now) / 86400, limit(profile, "certificate_days")
    if least < 0:
        return Verdict(FAILS, evidence, _("Ended %(n)d days ago.") % {"n": math.ceil(-least)})
    if least < allowed:
        words = _("Ends in %(n)d days. Give the server a new one, or the platform by joining it anew.")
        return Verdict(FAILS, evidence, words % {"n": math.floor(least)})
    return Verdict(PASSES, evidence, _("%(n)d days are left.") % {"n": math.floor(least)})


CHECK = Check(
    "server_certificate",
    gettext_lazy("The certificates of server and platform are good"),
    gettext_lazy(
        "On the day that one of them ends the platform loses the server: no release, no backup, no health. "
        "The server's own is changed there, and its new fingerprint pinned by joining it anew."
    ),
    judge,
    families=SERVER,
    short="certificates",
)
