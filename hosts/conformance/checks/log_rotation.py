"""Containers' logs do not fill the disk."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from hosts.conformance.check import FAILS, PASSES, Check, Reading, Verdict
from hosts.conformance.daemon_settings import fix_keys, setting, shown
from hosts.conformance.models import Profile

ROTATING = {"local", "journald", "none", "syslog", "fluentd", "gelf", "splunk", "awslogs", "gcplogs"}


def judge(read: Reading, profile: Profile) -> Verdict:
    driver, _source = setting(read, "log-driver")
    options, source = setting(read, "log-opts")
    evidence = f"log-driver = {shown(driver)}, log-opts = {shown(options)} ({source})"
    if isinstance(driver, str) and driver in ROTATING:
        return Verdict(PASSES, evidence, _("This driver keeps no endless file."))
    size = options.get("max-size") if isinstance(options, dict) else None
    if size and str(size) != "-1":
        return Verdict(PASSES, evidence, _("A log is turned over at %(size)s.") % {"size": size})
    return Verdict(FAILS, evidence, _("A container's log grows until the disk is full: max-size is not set."))


CHECK = Check(
    "log_rotation",
    gettext_lazy("Containers' logs are turned over"),
    gettext_lazy(
        "The json-file driver writes without an end unless it is told a size, and a chatty service fills the data root in days. "
        "A full data root then stops every container of the machine."
    ),
    judge,
    fix_keys("log-driver", "log-opts"),
    short="log rotation",
)
