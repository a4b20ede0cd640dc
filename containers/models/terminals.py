"""Terminals that people opened into instances, what was seen in them, and commands that ran once."""

from __future__ import annotations

import shlex

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from containers.models.instances import Instance
from hosts.models import Host


class Terminal(models.Model):
    """A terminal of one person into one container. It ends with that container, not with the instance."""

    class State(models.TextChoices):
        OPENING = "opening", _("opening")
        OPEN = "open", _("open")
        ENDED = "ended", _("ended")

    class Why(models.TextChoices):
        """Why it ended."""

        EXIT = "exit", _("the shell ended")
        ASKED = "asked", _("ended by button")
        IDLE = "idle", _("nothing was typed for too long")
        TOTAL = "total", _("the longest time was reached")
        AWAY = "away", _("the browser did not come back")
        RIGHTS = "rights", _("the right was taken away")
        SIGNED_OUT = "signed_out", _("signed out")
        CONTAINER = "container", _("the container was replaced or stopped")
        ENGINE = "engine", _("the engine was lost")
        PLATFORM = "platform", _("the web process died")
        FULL = "full", _("the recording was full")
        NEVER = "never", _("it never opened")

    ACTIVE = (State.OPENING, State.OPEN)

    instance = models.ForeignKey(Instance, models.CASCADE, related_name="terminals")
    host = models.ForeignKey(Host, models.PROTECT, related_name="+")
    engine_id = models.CharField(max_length=64)
    exec_id = models.CharField(max_length=64, blank=True)
    person = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="terminals")
    who = models.CharField(max_length=150)
    ip = models.CharField(max_length=45, blank=True)
    reason = models.TextField(blank=True)
    state = models.CharField(max_length=8, choices=State, default=State.OPENING, db_index=True)
    asked = models.CharField(max_length=150, blank=True)  # who pressed «End»
    shell = models.CharField(max_length=100, blank=True)
    columns = models.PositiveSmallIntegerField(default=80)
    rows = models.PositiveSmallIntegerField(default=24)
    # The digest of the ticket that opens the next socket, good once and until then.
    ticket = models.CharField(max_length=64, blank=True)
    ticket_until = models.DateTimeField(null=True)
    created = models.DateTimeField(auto_now_add=True)
    opened = models.DateTimeField(null=True)
    ended = models.DateTimeField(null=True, db_index=True)
    why = models.CharField(max_length=12, choices=Why, blank=True)
    words = models.TextField(blank=True)  # more about why
    exit_code = models.IntegerField(null=True)
    bytes_out = models.BigIntegerField(default=0)
    bytes_in = models.BigIntegerField(default=0)
    # Of the recording: bytes of its lines, bytes of output that were left out of it, whether what was typed is in it.
    recorded = models.BigIntegerField(default=0)
    left_out = models.BigIntegerField(default=0)
    with_input = models.BooleanField(default=False)
    cleared = models.DateTimeField(null=True)  # when the recording was removed
    # Its processes may still run inside: somebody has to end them.
    loose = models.BooleanField(default=False, db_index=True)
    lease = models.CharField(max_length=150, blank=True)  # the web process that has it
    lease_until = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.instance.name} #{self.pk}"

    @property
    def active(self) -> bool:
        return self.state in self.ACTIVE

    @property
    def seconds(self) -> float | None:
        """How long it was open; None: it never was, or still is."""
        return (self.ended - self.opened).total_seconds() if self.opened and self.ended else None


class TerminalPiece(models.Model):
    """Some lines of a recording (asciicast v2), compressed; written as it goes on."""

    terminal = models.ForeignKey(Terminal, models.CASCADE, related_name="pieces")
    number = models.PositiveIntegerField()
    data = models.BinaryField()

    class Meta:
        ordering = ["terminal", "number"]
        constraints = [models.UniqueConstraint(fields=["terminal", "number"], name="a_piece_of_a_recording_once")]

    def __str__(self) -> str:
        return f"{self.terminal_id}/{self.number}"


class CommandRun(models.Model):
    """A command that ran once in an instance's container."""

    class State(models.TextChoices):
        QUEUED = "queued", _("queued")
        RUNNING = "running", _("running")
        SUCCEEDED = "succeeded", _("succeeded")
        FAILED = "failed", _("failed")  # it ran, with an exit code that is not 0
        TIMEOUT = "timeout", _("took too long")
        CANCELLED = "cancelled", _("cancelled")
        ERRORED = "errored", _("could not run")

    ACTIVE = (State.QUEUED, State.RUNNING)

    instance = models.ForeignKey(Instance, models.CASCADE, related_name="command_runs")
    host = models.ForeignKey(Host, models.PROTECT, related_name="+")
    engine_id = models.CharField(max_length=64)
    exec_id = models.CharField(max_length=64, blank=True)
    person = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    who = models.CharField(max_length=150)
    via = models.CharField(max_length=8)
    reason = models.TextField(blank=True)
    argv = models.JSONField()
    timeout = models.PositiveIntegerField()  # seconds
    state = models.CharField(max_length=10, choices=State, default=State.QUEUED, db_index=True)
    asked = models.CharField(max_length=150, blank=True)  # who cancelled it
    created = models.DateTimeField(auto_now_add=True)
    started = models.DateTimeField(null=True)
    ended = models.DateTimeField(null=True, db_index=True)
    exit_code = models.IntegerField(null=True)
    words = models.TextField(blank=True)  # why it could not run, or what is known no more
    size = models.BigIntegerField(default=0)  # bytes that it said
    kept = models.BigIntegerField(default=0)  # bytes of them that are stored
    loose = models.BooleanField(default=False, db_index=True)
    lease = models.CharField(max_length=150, blank=True)
    lease_until = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.instance.name}: {self.line}"[:120]

    @property
    def active(self) -> bool:
        return self.state in self.ACTIVE

    @property
    def look(self) -> str:
        """The word for its pill: `xqplatform.web.states`."""
        return {"running": "working", "timeout": "failed"}.get(self.state, self.state)

    @property
    def line(self) -> str:
        """As one would type it."""
        return shlex.join(self.argv)

    @property
    def seconds(self) -> float | None:
        return (self.ended - self.started).total_seconds() if self.started and self.ended else None


class CommandPiece(models.Model):
    """Some of a command's output, as it came."""

    run = models.ForeignKey(CommandRun, models.CASCADE, related_name="pieces")
    number = models.PositiveIntegerField()
    text = models.TextField()

    class Meta:
        ordering = ["run", "number"]
        constraints = [models.UniqueConstraint(fields=["run", "number"], name="a_piece_of_an_output_once")]

    def __str__(self) -> str:
        return f"{self.run_id}/{self.number}"
