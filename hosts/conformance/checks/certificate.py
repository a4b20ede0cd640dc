"""No certificate is about to end."""

from __future__ import annotations

import math
from datetime import UTC, datetime

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from hosts.conformance.check import FAILS, PASSES, Check, Fix, Missing, Reading, Verdict, limit
from hosts.conformance.models import Profile


def judge(read: Reading, profile: Profile) -> Verdict:
    now = read.number("taken")
    ends = dict(read.maybe(read.table, "certificates") or {})
    connection = read.text("host", "connection")
    if not ends:
        if connection in {"local", "ssh"} and read.has("arguments"):
            return Verdict(
                PASSES, _("The engine is reached by %(way)s") % {"way": connection}, _("No certificate is in use.")
            )
        raise read.missing(("certificates",))
    days = {str(name): (read.number("certificates", name) - now) / 86400 for name in ends}
    if not all(0 < read.number("certificates", name) < 253402300800 for name in ends):  # the year 9999
        raise read.missing(("certificates",))
    evidence = ", ".join(
        f"{name}: {datetime.fromtimestamp(read.number('certificates', name), UTC):%Y-%m-%d}" for name in sorted(days)
    )
    least, allowed = min(days.values()), limit(profile, "certificate_days")
    if least < 0:
        return Verdict(FAILS, evidence, _("Ended %(n)d days ago.") % {"n": math.ceil(-least)})
    if least < allowed:
        return Verdict(FAILS, evidence, _("Ends in %(n)d days.") % {"n": math.floor(least)})
    if connection == "tcp" and not {"server", "client"} <= set(days):
        # The other one may be about to end.
        raise Missing(_("Cannot tell: of the engine's certificates only one was seen."), evidence)
    return Verdict(PASSES, evidence, _("%(n)d days are left.") % {"n": math.floor(least)})


def fix(read: Reading, profile: Profile) -> Fix | None:
    if read.text("host", "connection") != "tcp":
        return None
    return Fix(
        operation="tls.rotate",
        words=_("The platform issues new certificates and puts them in place without an interruption."),
    )


CHECK = Check(
    "certificate",
    gettext_lazy("No certificate is about to end"),
    gettext_lazy(
        "On the day that a certificate of the engine ends, the platform loses the host: no deploy, no restart, no health. "
        "Rotating in time costs nothing; afterwards it takes somebody at the machine."
    ),
    judge,
    fix,
    short="certificate",
)
