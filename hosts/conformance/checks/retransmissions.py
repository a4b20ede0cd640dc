"""TCP does not have to send much twice."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from hosts.conformance.check import FAILS, PASSES, Check, Missing, Reading, Verdict, limit
from hosts.conformance.models import Profile

FEW = 20  # segments sent again: below, a share means nothing


def judge(read: Reading, profile: Profile) -> Verdict:
    sent, again = read.number("tcp", "OutSegs"), read.number("tcp", "RetransSegs")
    if not read.has("before", "tcp"):
        raise Missing(
            _("Cannot tell yet: a rate needs two readings."), f"OutSegs = {sent:.0f}, RetransSegs = {again:.0f}"
        )
    sent -= read.number("before", "tcp", "OutSegs")
    again -= read.number("before", "tcp", "RetransSegs")
    span = read.number("taken") - read.number("before", "time")
    if sent < 0 or again < 0 or span <= 0:
        raise Missing(_("Cannot tell yet: the machine was started again since the last reading."))
    share, allowed = (100 * again / sent if sent else 0.0), limit(profile, "retransmission_percent")
    evidence = _("%(again).0f of %(sent).0f segments were sent again in %(span).0f s (%(share).2f %%)") % {
        "again": again, "sent": sent, "span": span, "share": share,
    }  # fmt: skip
    if share <= allowed or again < FEW:
        return Verdict(
            PASSES,
            evidence,
            _("Below %(limit)g %%.") % {"limit": allowed} if share <= allowed else _("Too few to matter."),
        )
    words = _(
        "Above %(limit)g %%: packets are lost. Look at the drops of the cards, the tracker's table, the switch port's errors."
    )
    return Verdict(FAILS, evidence, words % {"limit": allowed})


CHECK = Check(
    "retransmissions",
    gettext_lazy("TCP sends little twice"),
    gettext_lazy(
        "Each segment that is sent again makes a request slower by a fifth of a second or more, long before anything is «down». "
        "A rate that rises on one host shows a bad cable, a full table or a loaded card there."
    ),
    judge,
    short="retransmit",
)
