"""What is done on a machine, step by step: one row an operation."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from hosts.models.machines import Host
from xqplatform.secrets import EncryptedTextField


class HostOperation(models.Model):
    """One operation on a host. A worker carries it on while it holds the lease; whoever comes after a death goes on."""

    class State(models.TextChoices):
        QUEUED = "queued", _("queued")
        RUNNING = "running", _("running")
        SUCCEEDED = "succeeded", _("succeeded")
        FAILED = "failed", _("failed")
        CANCELLED = "cancelled", _("cancelled")

    ACTIVE = (State.QUEUED, State.RUNNING)

    host = models.ForeignKey(Host, models.CASCADE, related_name="operations")
    kind = models.CharField(max_length=60)  # a name of hosts.operations.KINDS
    params = models.JSONField(default=dict, blank=True)  # never a secret
    # Those that change the host go one after the other; those that only look do not wait for each other.
    exclusive = models.BooleanField(default=True)
    state = models.CharField(max_length=12, choices=State, default=State.QUEUED)
    who = models.CharField(max_length=150)
    reason = models.CharField(max_length=500, blank=True)
    steps = models.JSONField(default=list, blank=True)  # [{name, text, state, started, ended, words}]
    output = models.TextField(blank=True)
    truncated = models.BooleanField(default=False)  # the output was longer than what is kept
    exit_code = models.IntegerField(null=True)  # of the command, where there is one
    words = models.TextField(blank=True)  # why it failed, or what came of it
    # What the body noted to go on, or to undo, after a restart: JSON; old files may hold passwords.
    notes = EncryptedTextField(blank=True, default="")
    undoing = models.BooleanField(default=False)
    created = models.DateTimeField(auto_now_add=True)
    started = models.DateTimeField(null=True)
    ended = models.DateTimeField(null=True)
    ask_cancel = models.BooleanField(default=False)
    attempts = models.PositiveSmallIntegerField(default=0)  # how many workers took it up
    lease = models.CharField(max_length=160, blank=True)
    lease_until = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["host"],
                condition=models.Q(state__in=["queued", "running"], exclusive=True),
                name="one_operation_a_host",
            )
        ]
        indexes = [models.Index(fields=["state"])]

    def __str__(self) -> str:
        return f"{self.kind} #{self.pk}"

    @property
    def active(self) -> bool:
        return self.state in self.ACTIVE

    @property
    def shown_state(self) -> str:
        """The word for people."""
        if self.state == self.State.RUNNING and self.undoing:
            return "undoing"
        return "cancelling" if self.active and self.ask_cancel else self.state

    @property
    def title(self) -> str:
        """What it is, for people."""
        from hosts.operations import KINDS

        kind = KINDS.get(self.kind)
        return str(kind.title_of(self)) if kind else self.kind

    def get_absolute_url(self) -> str:
        return f"/hosts/{self.host.name}/operations/{self.pk}/"
