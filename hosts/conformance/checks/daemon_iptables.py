"""The daemon writes no packet filter rules."""

from __future__ import annotations

from django.utils.translation import gettext_lazy

from hosts.conformance.check import Check
from hosts.conformance.daemon_settings import fix_keys, judge_key

CHECK = Check(
    "daemon_iptables",
    gettext_lazy("The engine leaves iptables alone"),
    gettext_lazy(
        "The daemon's rules load the connection tracker, which costs time for every packet and loses some when its table is full. "
        "Containers with addresses of their own on the wire need none of these rules."
    ),
    judge_key("iptables"),
    fix_keys("iptables"),
    short="iptables",
)
