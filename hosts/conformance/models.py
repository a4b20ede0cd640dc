"""Rows of conformance: what is wanted of hosts, what was read last, each check's verdict, and what is tolerated."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

# What a check's limits are unless the profile says otherwise. Shares are per cent, spans as their names say.
THRESHOLDS: dict[str, Any] = {
    "bridge": "br0",
    "data_root": "/var/lib/docker",
    "filesystems": ["ext4", "xfs"],
    "storage_drivers": ["overlay2"],
    "free_percent": 15,
    "inodes_percent": 10,
    "conntrack_percent": 70,
    "retransmission_percent": 1,
    "drops_percent": 0.1,
    "skew_seconds": 1,
    "oldest_engine": "20.10",
    "pool_drivers": ["zfs", "btrfs", "lvm", "ceph"],
    "oldest_lxd": "5.0",
    "oldest_incus": "6.0",
    "certificate_days": 30,
    "nofile": 65536,
}
_COMMON: dict[str, Any] = {
    "iptables": False,
    "ip-masq": False,
    "bridge": "none",
    "live-restore": True,
    "log-driver": "json-file",
    "log-opts": {"max-size": "50m", "max-file": "3"},
    "default-ulimits": {"nofile": {"Name": "nofile", "Soft": 65536, "Hard": 65536}},
}
# The wanted part of daemon.json by role; where data lies is not in it, as changing that loses what is there.
DAEMON: dict[str, dict[str, Any]] = {
    "run": {**_COMMON, "ip-forward": False},
    "build": {**_COMMON, "ip-forward": True},
    "registry": {**_COMMON, "ip-forward": False},
}


class Profile(models.Model):
    """What hosts of a role (of one group, or of all) shall look like. Without a row the built-in values hold."""

    class Role(models.TextChoices):
        RUN = "run", _("run")
        BUILD = "build", _("build")
        REGISTRY = "registry", _("registry")

    name = models.CharField(_("name"), max_length=60, unique=True)
    role = models.CharField(_("role"), max_length=8, choices=Role, default=Role.RUN)
    group = models.ForeignKey(
        "hosts.HostGroup", models.CASCADE, null=True, blank=True, related_name="profiles", verbose_name=_("group")
    )
    daemon = models.JSONField(_("daemon.json"), default=dict, blank=True)  # the wanted values, no others
    thresholds = models.JSONField(_("limits"), default=dict, blank=True)  # what differs from THRESHOLDS
    off = models.JSONField(_("checks switched off"), default=list, blank=True)  # slugs
    changed = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["role", "group__slug"]
        constraints = [
            models.UniqueConstraint(fields=["role", "group"], name="a_profile_a_role_and_group"),
            models.UniqueConstraint(fields=["role"], condition=Q(group=None), name="one_general_profile_a_role"),
        ]

    def __str__(self) -> str:
        return self.name

    def limit(self, name: str) -> Any:
        """A limit of the checks: the profile's own, else the built-in one."""
        return self.thresholds.get(name, THRESHOLDS[name])


class HostFacts(models.Model):
    """What was read last on a host, without secrets, and the counters that rates are made of."""

    host = models.OneToOneField("hosts.Host", models.CASCADE, related_name="facts")
    facts = models.JSONField(default=dict)
    counters = models.JSONField(default=dict)  # of a reading that is a minute old or more: {"time": epoch s, …}
    taken = models.DateTimeField(null=True)
    tried = models.DateTimeField(null=True)
    claimed = models.DateTimeField(null=True)  # workers agree by it: one reading a host at a time
    note = models.TextField(blank=True)  # why not everything could be read

    def __str__(self) -> str:
        return str(self.host)


class CheckResult(models.Model):
    """A check's verdict on a host. «waived» is no state of its own: a waiver only changes how it is shown."""

    class State(models.TextChoices):
        PASSES = "passes", _("passes")
        FAILS = "fails", _("fails")
        UNKNOWN = "unknown", _("cannot tell")

    host = models.ForeignKey("hosts.Host", models.CASCADE, related_name="check_results")
    check_slug = models.CharField(max_length=40)
    state = models.CharField(max_length=8, choices=State)
    evidence = models.TextField(blank=True)  # what was read
    words = models.TextField(blank=True)  # what it means, for people
    seen = models.DateTimeField()
    since = models.DateTimeField()  # in this state

    class Meta:
        ordering = ["host__name", "check_slug"]
        constraints = [models.UniqueConstraint(fields=["host", "check_slug"], name="one_result_a_host_and_check")]
        indexes = [models.Index(fields=["state"])]

    def __str__(self) -> str:
        return f"{self.host}: {self.check_slug} {self.state}"


class Waiver(models.Model):
    """A failing check is tolerated on a host or a whole group, for a reason, until a day (which still counts)."""

    host = models.ForeignKey("hosts.Host", models.CASCADE, null=True, blank=True, related_name="waivers")
    group = models.ForeignKey("hosts.HostGroup", models.CASCADE, null=True, blank=True, related_name="waivers")
    check_slug = models.CharField(max_length=40)
    reason = models.CharField(max_length=500)
    until = models.DateField()
    who = models.CharField(max_length=150)
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["until", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(host=None, group__isnull=False) | Q(host__isnull=False, group=None),
                name="a_waiver_is_for_a_host_or_a_group",
            )
        ]

    def __str__(self) -> str:
        return f"{self.check_slug} · {self.host or self.group}"

    @property
    def holds(self) -> bool:
        """It ends by itself: nobody has to take it back."""
        return self.until >= timezone.localdate()

    @classmethod
    def holding(cls, today: date | None = None) -> models.QuerySet[Waiver]:
        return cls.objects.filter(until__gte=today or timezone.localdate()).select_related("host", "group")


def built_in(role: str) -> Profile:
    """The profile of a role for which nobody has saved one."""
    return Profile(name=role, role=role, daemon=wanted_daemon(role))


def wanted_daemon(role: str) -> dict[str, Any]:
    return {name: dict(value) if isinstance(value, Mapping) else value for name, value in DAEMON[role].items()}
