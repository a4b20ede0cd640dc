"""The daemon does not switch forwarding on at each start."""

from __future__ import annotations

from django.utils.translation import gettext_lazy

from hosts.conformance.check import Check
from hosts.conformance.daemon_settings import fix_keys, judge_key

CHECK = Check(
    "daemon_ip_forward",
    gettext_lazy("The engine leaves IP forwarding alone"),
    gettext_lazy(
        "With this setting on, the daemon sets ip_forward to 1 at every start, whatever the machine's own settings say. "
        "On a run host the check of ip_forward then fails again after the next restart."
    ),
    judge_key("ip-forward"),
    fix_keys("ip-forward"),
    short="ip-forward",
)
