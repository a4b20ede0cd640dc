"""The connection is encrypted, and goes to this server and no other."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from hosts.conformance.check import FAILS, PASSES, SERVER, Check, Missing, Reading, Verdict
from hosts.conformance.models import Profile


def judge(read: Reading, profile: Profile) -> Verdict:
    if read.text("host", "connection") == "local":
        return Verdict(PASSES, _("The server is reached by its local socket"), _("No network is in between."))
    pinned, told = read.text("server", "pinned"), read.text("server", "fingerprint")
    if not pinned:
        return Verdict(
            FAILS, "–", _("No certificate is pinned: join the host anew, with the fingerprint that the server shows.")
        )
    if not told:
        raise Missing(_("Cannot tell: the server does not say which certificate it has."))
    evidence = f"SHA-256 {pinned[:16]}…"
    if pinned != told:
        words = _(
            "The server says that it has another certificate (%(other)s…): somebody may stand in between. Join the host anew."
        )
        return Verdict(FAILS, evidence, words % {"other": told[:16]})
    return Verdict(PASSES, evidence, _("HTTPS with a certificate on both sides, the server's own pinned."))


CHECK = Check(
    "pinned",
    gettext_lazy("The server's certificate is pinned"),
    gettext_lazy(
        "A server's certificate is signed by nobody, so what is pinned is all that tells it from somebody in between. "
        "Whoever is taken for it gets the data of all databases."
    ),
    judge,
    families=SERVER,
    short="pinned",
)
