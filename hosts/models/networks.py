"""Networks on hosts, and their addresses."""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from hosts.models.machines import Host


class Segment(models.Model):
    """An L2/L3 network on hosts, with a pool of fixed addresses."""

    class Driver(models.TextChoices):
        BRIDGE = "bridge", _("bridge")
        MACVLAN = "macvlan", _("macvlan")

    slug = models.SlugField(_("name"), max_length=60, unique=True)
    title = models.CharField(_("title"), max_length=120, blank=True)
    cidr = models.CharField(_("CIDR"), max_length=43)
    gateway = models.GenericIPAddressField(_("gateway"), null=True, blank=True)
    # Where instances' addresses come from, inside the CIDR: «10.1.2.10-10.1.2.200, 10.1.2.220»; empty: all of it.
    pool = models.CharField(_("pool"), max_length=500, blank=True)
    reserved = models.CharField(_("reserved ranges"), max_length=500, blank=True)
    vlan = models.PositiveIntegerField(_("VLAN"), null=True, blank=True)
    driver = models.CharField(_("driver"), max_length=10, choices=Driver, default=Driver.BRIDGE)
    bridge = models.CharField(_("bridge or parent interface"), max_length=15, default="br0")
    dns = models.JSONField(_("DNS servers"), default=list, blank=True)
    search = models.JSONField(_("search domains"), default=list, blank=True)
    mtu = models.PositiveIntegerField(_("MTU"), null=True, blank=True)
    # Off where a router answers for addresses that nobody has (proxy ARP).
    probe = models.BooleanField(_("probe addresses before their first use"), default=True)
    hosts = models.ManyToManyField(Host, related_name="segments", blank=True, verbose_name=_("hosts"))
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["slug"]

    def __str__(self) -> str:
        return self.title or self.slug

    @property
    def network_name(self) -> str:
        """The name of the engine network on each host."""
        return f"xq-{self.slug}"


class SegmentNetwork(models.Model):
    """A segment's network on one host's engine, as a worker last verified it."""

    class State(models.TextChoices):
        OK = "ok", _("fine")
        MISSING = "missing", _("missing")
        DIFFERS = "differs", _("differs")
        NO_INTERFACE = "no_interface", _("no such interface")
        UNKNOWN = "unknown", _("unknown")

    segment = models.ForeignKey(Segment, models.CASCADE, related_name="networks")
    host = models.ForeignKey(Host, models.CASCADE, related_name="networks")
    state = models.CharField(max_length=12, choices=State, default=State.UNKNOWN)
    differences = models.JSONField(default=list, blank=True)  # [{"what", "is", "should", "words"}]
    note = models.TextField(blank=True)  # why it is not known, or what a person asked for and was refused
    verified = models.DateTimeField(null=True)  # when the engine last answered
    since = models.DateTimeField(null=True)  # of this state
    # Whether the host has the bridge or the parent: only a helper container can see it, so it is asked seldom.
    interface = models.BooleanField(null=True)
    interface_mtu = models.PositiveIntegerField(null=True)
    interface_seen = models.DateTimeField(null=True)
    asked = models.CharField(max_length=8, blank=True)  # verify, remake: what a worker still has to do
    asked_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["host__name"]
        constraints = [models.UniqueConstraint(fields=["segment", "host"], name="a_network_a_host_and_segment")]

    def __str__(self) -> str:
        return f"{self.segment} · {self.host}"


class Address(models.Model):
    """One row for each address that is not free: held by a holder, reserved, or resting after its release."""

    class State(models.TextChoices):
        HELD = "held", _("held")
        RESERVED = "reserved", _("reserved")
        QUARANTINE = "quarantine", _("quarantine")

    segment = models.ForeignKey(Segment, models.PROTECT, related_name="addresses")
    ip = models.CharField(max_length=45)  # as text: every database then searches parts of it in the same way
    number = models.BigIntegerField(editable=False)  # the IP as a number: the order in which people read addresses
    mac = models.CharField(max_length=17)
    state = models.CharField(max_length=12, choices=State, default=State.HELD)
    holder = models.CharField(max_length=200, blank=True)  # «snow/production/3»: apps above name their instances so
    note = models.CharField(max_length=250, blank=True)
    since = models.DateTimeField()
    until = models.DateTimeField(null=True)  # end of the quarantine
    conflict = models.CharField(max_length=250, blank=True)  # who else was seen with it, in words
    conflict_since = models.DateTimeField(null=True)

    class Meta:
        ordering = ["segment", "number"]
        constraints = [
            models.UniqueConstraint(fields=["segment", "ip"], name="an_address_is_held_once"),
            models.UniqueConstraint(
                fields=["segment", "holder"],
                condition=models.Q(state="held") & ~models.Q(holder=""),
                name="a_holder_holds_one_address_a_segment",
            ),
        ]
        indexes = [models.Index(fields=["holder"]), models.Index(fields=["mac"])]

    def __str__(self) -> str:
        return self.ip

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.number = int(IPv4Address(self.ip))
        super().save(*args, **kwargs)

    @property
    def holder_url(self) -> str:
        """The page of who holds it; empty if the holder is not named like «service/environment/number»."""
        parts = self.holder.split("/")
        return f"/services/{parts[0]}/{parts[1]}/" if len(parts) == 3 and parts[2].isdigit() else ""
