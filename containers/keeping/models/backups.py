"""Stores of backups, backups with their parts, a place's rules for them, and drills that show whether they start."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from containers.keeping.models.snapshots import Snapshot
from containers.models import Instance, ServiceEnvironment
from hosts.models import Address, Host, HostOperation
from xqplatform.secrets import EncryptedTextField


class BackupTarget(models.Model):
    """Where backups lie."""

    class Kind(models.TextChoices):
        FOLDER = "folder", _("a folder of the platform's machine")
        S3 = "s3", _("an S3-compatible store")

    name = models.SlugField(_("name"), max_length=40, unique=True)
    kind = models.CharField(_("kind"), max_length=8, choices=Kind)
    endpoint = models.CharField(_("endpoint"), max_length=250, blank=True)
    region = models.CharField(_("region"), max_length=60, blank=True)
    bucket = models.CharField(_("bucket"), max_length=100, blank=True)
    key_prefix = models.CharField(_("prefix of keys"), max_length=200, blank=True)
    access_key = models.CharField(_("access key"), max_length=200, blank=True)
    secret_key = EncryptedTextField(_("secret key"), blank=True, default="")
    ca = models.TextField(_("certificate of its authority"), blank=True)  # PEM; empty: what the machine trusts
    # What opens the backups: an age identity. Its public half seals them.
    key = EncryptedTextField()
    recipient = models.CharField(max_length=80)
    # Public keys whose owners open them, too, also when the platform is lost: one a line.
    others = models.TextField(_("public keys that open them, too"), blank=True)
    author_name = models.CharField(max_length=150, blank=True)
    created = models.DateTimeField(auto_now_add=True)
    changed = models.DateTimeField(auto_now=True)
    # What it said when it was last asked.
    checked = models.DateTimeField(null=True)
    problem = models.TextField(blank=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def recipients(self) -> list[str]:
        return [self.recipient, *self.others.split()]


class BackupPolicy(models.Model):
    """When a place's data is backed up by itself and where to, how long that is kept, and how often a drill shows that it starts."""

    place = models.OneToOneField(ServiceEnvironment, models.CASCADE, related_name="backup_policy")
    target = models.ForeignKey(
        BackupTarget, models.PROTECT, related_name="policies", null=True
    )  # None: none by themselves
    content = models.JSONField(default=dict)  # see `containers.keeping.backup_rules.Rules`
    author_name = models.CharField(max_length=150, blank=True)
    changed = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return str(self.place)


class Backup(models.Model):
    """The data of an instance at one moment, away from its host."""

    class State(models.TextChoices):
        TAKING = "taking", _("being taken")
        READY = "ready", _("ready")
        FAILED = "failed", _("failed")
        DROPPING = "dropping", _("being removed")
        GONE = "gone", _("removed")

    class Why(models.TextChoices):
        HAND = "hand", _("by hand")
        SCHEDULE = "schedule", _("by schedule")

    # A backup outlives what it is of: what is in a store is never forgotten.
    instance = models.ForeignKey(Instance, models.PROTECT, related_name="backups")
    host = models.ForeignKey(Host, models.SET_NULL, null=True, related_name="+")
    target = models.ForeignKey(BackupTarget, models.PROTECT, related_name="backups")
    snapshot = models.ForeignKey(Snapshot, models.SET_NULL, null=True, related_name="+")
    state = models.CharField(max_length=10, choices=State, default=State.TAKING)
    why = models.CharField(max_length=10, choices=Why, default=Why.HAND)
    folder = models.CharField(max_length=250)  # before the keys of its objects
    # {"image": reference, "tag", "config": version, "address", "stood": ms, "volumes": [{"source", "target", "bytes"}]}
    manifest = models.JSONField(default=dict)
    size = models.BigIntegerField(null=True)  # bytes in the store
    pinned = models.BooleanField(default=False)  # no rule removes it
    who = models.CharField(max_length=150)
    reason = models.CharField(max_length=500, blank=True)
    operation = models.ForeignKey(HostOperation, models.SET_NULL, null=True, related_name="+")
    created = models.DateTimeField(auto_now_add=True)
    taken = models.DateTimeField(null=True)  # the moment that the data is of
    ended = models.DateTimeField(null=True)
    words = models.CharField(max_length=500, blank=True)
    removed = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["instance", "state"], name="backups_of_instance")]

    def __str__(self) -> str:
        return f"{self.instance} {self.label}"

    @property
    def label(self) -> str:
        return f"backup-{self.pk}"

    @property
    def mark(self) -> str:
        """Begins the names of volumes that are made for it."""
        return f"xq-bak-{self.pk}-"


class BackupPart(models.Model):
    """A part as it lies in the store."""

    backup = models.ForeignKey(Backup, models.CASCADE, related_name="parts")
    volume = models.PositiveSmallIntegerField()  # from 0 on, in the order of the manifest
    number = models.PositiveIntegerField()  # from 1 on
    size = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64)

    class Meta:
        ordering = ["backup", "volume", "number"]
        constraints = [models.UniqueConstraint(fields=["backup", "volume", "number"], name="a_part_once")]

    def __str__(self) -> str:
        return f"{self.backup_id}/{self.volume}/{self.number}"


class Drill(models.Model):
    """A backup that was restored under another name and address, to see whether it starts; nothing of that stays."""

    class State(models.TextChoices):
        RUNNING = "trying", _("under way")
        STARTS = "starts", _("starts")
        FAILS = "fails", _("does not start")
        BROKEN = "broken", _("could not be tried")

    backup = models.ForeignKey(Backup, models.CASCADE, related_name="drills")
    host = models.ForeignKey(Host, models.SET_NULL, null=True, related_name="+")
    address = models.ForeignKey(Address, models.SET_NULL, null=True, related_name="+")  # while it has it
    ip = models.CharField(max_length=45, blank=True)
    state = models.CharField(max_length=8, choices=State, default=State.RUNNING)
    why = models.CharField(max_length=10, choices=Backup.Why, default=Backup.Why.HAND)
    who = models.CharField(max_length=150)
    operation = models.ForeignKey(HostOperation, models.SET_NULL, null=True, related_name="+")
    created = models.DateTimeField(auto_now_add=True)
    ended = models.DateTimeField(null=True)
    fetched = models.FloatField(null=True)  # seconds until the data were on the host
    seconds = models.FloatField(null=True)  # from its start until it was well
    words = models.TextField(blank=True)
    tidied = models.BooleanField(default=False)  # nothing of it is left on the host
    said = models.TextField(blank=True)  # what the command of the check said, or its last lines

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.label

    @property
    def label(self) -> str:
        """The name of the instance."""
        return f"xq-drill-{self.pk}"

    @property
    def told(self) -> str:
        """What came of it, or why it could not be tried."""
        if self.words or self.operation is None or self.state != self.State.BROKEN:
            return self.words
        return self.operation.words

    @property
    def mark(self) -> str:
        return f"{self.label}-"
