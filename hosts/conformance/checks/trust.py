"""Who else may do everything there."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from hosts.conformance.check import FAILS, PASSES, SERVER, Check, Fix, Reading, Verdict, tool
from hosts.conformance.models import Profile


def judge(read: Reading, profile: Profile) -> Verdict:
    clients = int(read.number("server", "clients"))
    evidence = _("%(n)d trusted certificates") % {"n": clients}
    if read.flag("server", "trust_password"):
        words = _(
            "A trust password is set: whoever knows or guesses it may do everything there. Joined hosts do not need it any more."
        )
        return Verdict(FAILS, evidence, words)
    return Verdict(PASSES, evidence, _("New ones join by a token, which is good once."))


def fix(read: Reading, profile: Profile) -> Fix:
    return Fix(
        commands=((tool(read), "config", "unset", "core.trust_password"),),
        by_hand=True,
        words=_("Shown only: others may just be joining with it. What is trusted already stays."),
    )


CHECK = Check(
    "trust",
    gettext_lazy("No trust password is set"),
    gettext_lazy(
        "A trust password may be tried from the network as often as somebody likes, and is good for ever. "
        "A token is good once, and for a time."
    ),
    judge,
    fix,
    families=SERVER,
    short="trust",
)
