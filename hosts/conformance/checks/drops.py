"""Cards drop nothing to speak of."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from hosts.conformance.check import FAILS, PASSES, Check, Missing, Reading, Verdict, limit
from hosts.conformance.models import Profile

FEW = 10  # packets: below, a share means nothing


def judge(read: Reading, profile: Profile) -> Verdict:
    links = read.table("links")
    if not read.has("before", "links"):
        raise Missing(_("Cannot tell yet: a rate needs two readings."))
    span = read.number("taken") - read.number("before", "time")
    allowed, bad, seen, dropped = limit(profile, "drops_percent"), [], 0, 0.0
    for name in links:
        if (
            str(name) == "lo"
            or not read.has("before", "links", name, "packets")
            or not read.has("links", name, "packets")
        ):
            continue
        packets = read.number("links", name, "packets") - read.number("before", "links", name, "packets")
        drops = read.number("links", name, "drops") - read.number("before", "links", name, "drops")
        if packets < 0 or drops < 0:
            continue  # made anew since
        seen, dropped = seen + 1, dropped + drops
        share = 100 * drops / (packets + drops) if drops else 0.0
        if share > allowed and drops >= FEW:
            bad.append(f"{name}: {drops:.0f} / {packets + drops:.0f} ({share:.2f} %)")
    if not seen or span <= 0:
        raise Missing(_("Cannot tell yet: the machine was started again since the last reading."))
    if bad:
        words = _("Cards drop more than %(limit)g %%: their queues are too short or the processors too busy.")
        return Verdict(
            FAILS,
            _("in %(span).0f s: %(cards)s") % {"span": span, "cards": "; ".join(sorted(bad)[:8])},
            words % {"limit": allowed},
        )
    evidence = _("%(n)d cards dropped %(drops).0f packets in %(span).0f s") % {
        "n": seen,
        "drops": dropped,
        "span": span,
    }
    return Verdict(PASSES, evidence, _("Below %(limit)g %%.") % {"limit": allowed})


CHECK = Check(
    "drops",
    gettext_lazy("Network cards drop nothing"),
    gettext_lazy(
        "What a card drops, TCP must send again and UDP loses for good, so that users see it as slowness. "
        "Longer queues (ethtool -G) or fewer packets help; one noisy neighbour container is often the cause."
    ),
    judge,
    short="NIC drops",
)
