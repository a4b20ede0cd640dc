"""No default bridge."""

from __future__ import annotations

from django.utils.translation import gettext_lazy

from hosts.conformance.check import Check
from hosts.conformance.daemon_settings import fix_keys, judge_key

CHECK = Check(
    "daemon_bridge",
    gettext_lazy("The engine makes no default bridge"),
    gettext_lazy(
        "A daemon that is not told otherwise makes docker0, a private network behind NAT that nobody outside can see into. "
        "Instances stand on segments, so the default bridge only invites containers to the wrong network."
    ),
    judge_key("bridge"),
    fix_keys("bridge"),
    short="bridge",
)
