"""The daemon hides no addresses."""

from __future__ import annotations

from django.utils.translation import gettext_lazy

from hosts.conformance.check import Check
from hosts.conformance.daemon_settings import fix_keys, judge_key

CHECK = Check(
    "daemon_ip_masq",
    gettext_lazy("The engine does not masquerade"),
    gettext_lazy(
        "Masquerading hides a container's address behind the machine's: alerts and access lists that are tied to it stop to fit. "
        "It works by connection tracking, with its costs."
    ),
    judge_key("ip-masq"),
    fix_keys("ip-masq"),
    short="ip-masq",
)
