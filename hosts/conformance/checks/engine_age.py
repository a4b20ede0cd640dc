"""The engine is neither too old nor one of the versions known to be bad."""

from __future__ import annotations

import re

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from hosts.conformance.check import FAILS, PASSES, UNKNOWN, Check, Reading, Verdict
from hosts.conformance.models import Profile

Version = tuple[int, int, int]
# From, first good version, what is wrong, where that is written. Few, and only what hits a fleet like this one.
BAD: tuple[tuple[Version, Version, str, str], ...] = (
    ((0, 0, 0), (18, 9, 2), "runc is overwritten from inside a container, CVE-2019-5736", "release notes of 18.09.2"),
    (
        (19, 3, 0),
        (19, 3, 11),
        "a container's router advertisements are believed, CVE-2020-13401",
        "release notes of 19.03.11",
    ),
    (
        (20, 10, 0),
        (20, 10, 24),
        "encrypted overlay networks send plain text, CVE-2023-28840",
        "release notes of 20.10.24",
    ),
    ((23, 0, 0), (23, 0, 3), "encrypted overlay networks send plain text, CVE-2023-28840", "release notes of 23.0.3"),
    (
        (24, 0, 0),
        (24, 0, 9),
        "runc leaks a file of the host into containers, CVE-2024-21626",
        "release notes of 24.0.9",
    ),
    (
        (25, 0, 0),
        (25, 0, 2),
        "runc leaks a file of the host into containers, CVE-2024-21626",
        "release notes of 25.0.2",
    ),
    ((26, 0, 0), (26, 0, 2), "IPv6 is on in networks that have it off, CVE-2024-32473", "release notes of 26.0.2"),
    ((27, 0, 0), (27, 1, 1), "authorization plugins are bypassed, CVE-2024-41110", "release notes of 27.1.1"),
)


def version(text: str) -> Version | None:
    found = re.match(r"v?(\d{1,4})\.(\d{1,4})(?:\.(\d{1,4}))?", text)
    return (int(found[1]), int(found[2]), int(found[3] or 0)) if found else None


def judge(read: Reading, profile: Profile) -> Verdict:
    said = read.text("engine", "ServerVersion")
    mine, oldest = version(said), version(str(profile.limit("oldest_engine")))
    if mine is None or oldest is None:
        return Verdict(UNKNOWN, said, _("Cannot tell: this version has no number."))
    for first, good, fault, source in BAD:
        if first <= mine < good:
            words = _("Known to be bad: %(fault)s (%(source)s). Good from %(good)s on.")
            return Verdict(FAILS, said, words % {"fault": fault, "source": source, "good": ".".join(map(str, good))})
    if mine < oldest:
        return Verdict(
            FAILS,
            said,
            _("Older than %(oldest)s, the oldest that the profile allows.")
            % {"oldest": profile.limit("oldest_engine")},
        )
    return Verdict(PASSES, said, _("New enough, and nothing bad is known of it."))


CHECK = Check(
    "engine_age",
    gettext_lazy("The engine's version is good"),
    gettext_lazy(
        "Old engines lack fixes that a fleet needs, and some versions are known to lose packets, leak, or let containers out. "
        "Mixed versions are fine; forgotten ones are not."
    ),
    judge,
    short="engine",
)
