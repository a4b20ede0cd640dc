"""Certificates: the platform's own authorities, what they issued, and what was seen in use on hosts."""

from __future__ import annotations

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from hosts import ca
from xqplatform.secrets import EncryptedTextField


class Authority(models.Model):
    """A certificate authority of the platform. One issues; those before it are trusted until nothing of theirs is in use."""

    class State(models.TextChoices):
        ACTIVE = "active", _("issues")
        TRUSTED = "trusted", _("trusted")
        RETIRED = "retired", _("retired")

    name = models.CharField(max_length=64)
    certificate = models.TextField()
    key = EncryptedTextField(blank=True, default="")  # empty once it is retired
    fingerprint = models.CharField(max_length=64, unique=True)
    not_after = models.DateTimeField()
    state = models.CharField(max_length=8, choices=State, default=State.ACTIVE)
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(fields=["state"], condition=models.Q(state="active"), name="one_authority_issues")
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def pair(self) -> ca.Pair:
        return ca.Pair(self.certificate, self.key)

    @property
    def days_left(self) -> int:
        return ca.days_left(self.not_after)


class IssuedCertificate(models.Model):
    """A certificate that an authority of ours issued for a host: its engine's, or the platform's as the engine's client."""

    class Kind(models.TextChoices):
        SERVER = "server", _("engine")
        CLIENT = "client", _("client")

    host = models.ForeignKey("hosts.Host", models.SET_NULL, null=True, related_name="issued_certificates")
    authority = models.ForeignKey(Authority, models.PROTECT, related_name="issued")
    kind = models.CharField(max_length=8, choices=Kind)
    subject = models.CharField(max_length=250)
    serial = models.CharField(max_length=50)
    fingerprint = models.CharField(max_length=64, unique=True)
    certificate = models.TextField()
    # Only until it is installed: a worker that dies meanwhile finds it here. Engines' keys are then on their machines only.
    key = EncryptedTextField(blank=True, default="")
    not_after = models.DateTimeField()
    created = models.DateTimeField(auto_now_add=True)
    installed = models.DateTimeField(null=True)
    superseded = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.subject} ({self.serial[:8]})"

    @property
    def days_left(self) -> int:
        return ca.days_left(self.not_after)


class SeenCertificate(models.Model):
    """A certificate in use on a host, whoever issued it: the CA that we trust there, our own, and the one that it shows."""

    class Kind(models.TextChoices):
        CA = "ca", _("CA")
        CLIENT = "client", _("client")
        SERVER = "server", _("engine")

    host = models.ForeignKey("hosts.Host", models.CASCADE, related_name="seen_certificates")
    kind = models.CharField(max_length=8, choices=Kind)
    subject = models.CharField(max_length=250)
    issuer = models.CharField(max_length=250)
    fingerprint = models.CharField(max_length=64)
    not_after = models.DateTimeField()
    ours = models.BooleanField(default=False)
    seen = models.DateTimeField()
    warned = models.CharField(max_length=8, blank=True)  # the last of due, expired that an event told of

    class Meta:
        ordering = ["not_after", "host"]
        constraints = [
            models.UniqueConstraint(fields=["host", "kind", "fingerprint"], name="a_certificate_once_a_host_and_use")
        ]

    def __str__(self) -> str:
        return f"{self.host}: {self.get_kind_display()} {self.subject}"

    @property
    def days_left(self) -> int:
        return ca.days_left(self.not_after)

    @property
    def due(self) -> str:
        return ca.due(self.not_after, timezone.now())


class DaemonFile(models.Model):
    """daemon.json of a host as it was read last. It may hold a proxy's password, so it is encrypted."""

    host = models.OneToOneField("hosts.Host", models.CASCADE, related_name="daemon_file")
    text = EncryptedTextField(blank=True, default="")
    there = models.BooleanField(default=True)
    seen = models.DateTimeField()

    def __str__(self) -> str:
        return f"daemon.json: {self.host}"
