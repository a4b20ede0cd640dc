"""The server is neither too old nor a release that gets no fixes any more."""

from __future__ import annotations

import re

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from hosts.conformance.check import FAILS, PASSES, SERVER, UNKNOWN, Check, Reading, Verdict
from hosts.conformance.models import Profile


def judge(read: Reading, profile: Profile) -> Verdict:
    brand, said = read.text("server", "brand"), read.text("server", "version")
    name = "oldest_incus" if brand == "incus" else "oldest_lxd"
    mine, oldest = _numbers(said), _numbers(str(profile.limit(name)))
    evidence = f"{brand} {said}"
    if mine is None or oldest is None:
        return Verdict(UNKNOWN, evidence, _("Cannot tell: this version has no number."))
    if mine < oldest:
        words = _("Older than %(oldest)s, the oldest that the profile allows.")
        return Verdict(FAILS, evidence, words % {"oldest": profile.limit(name)})
    lacking = read.texts("server", "extensions", "lacking")
    if lacking:
        words = _("The server's API lacks what the platform asks for; update it.")
        return Verdict(FAILS, f"{evidence}: {', '.join(lacking)}", words)
    return Verdict(PASSES, evidence, _("New enough, and its API has all that the platform asks for."))


def _numbers(text: str) -> tuple[int, int] | None:
    found = re.match(r"(\d{1,4})\.(\d{1,4})", text)
    return (int(found[1]), int(found[2])) if found else None


CHECK = Check(
    "server_version",
    gettext_lazy("The server's version is good"),
    gettext_lazy(
        "The platform asks the server for snapshots, files, metrics and copies, each of which came with some version of its API. "
        "Releases that are not long-term ones get fixes for some months only."
    ),
    judge,
    families=SERVER,
    short="server",
)
