"""Deployments and their steps: a change decided once as a plan, one step an instance."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from builds.models import Image
from containers.models.drains import Drain
from containers.models.instances import Instance
from containers.models.services import ConfigVersion, ServiceEnvironment
from hosts.models import Host


class Deployment(models.Model):
    class Kind(models.TextChoices):
        DEPLOY = "deploy", _("release")
        SCALE = "scale", _("scale")
        RESTART = "restart", _("restart")
        STOP = "stop", _("stop")
        START = "start", _("start")
        REMOVE = "remove", _("removal")
        REPAIR = "repair", _("repair")
        LIMITS = "limits", _("change of limits")
        MOVE = "move", _("move")
        ADDRESS = "address", _("change of address")

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting")  # decided, not begun: neither active (it holds no lock) nor ended
        QUEUED = "queued", _("queued")
        RUNNING = "running", _("running")
        PAUSED = "paused", _("paused")
        ROLLING_BACK = "rolling_back", _("rolling back")
        SUCCEEDED = "succeeded", _("succeeded")
        FAILED = "failed", _("failed")
        ROLLED_BACK = "rolled_back", _("rolled back")
        CANCELLED = "cancelled", _("cancelled")

    class Hold(models.TextChoices):
        CANARY = "canary", _("the first ones are out")
        MEASURING = "measuring", _("its gate measures")
        GATE = "gate", _("its gate holds it")
        FREEZE = "freeze", _("frozen")
        APPROVAL = "approval", _("an approval was withdrawn")
        FAILED = "failed", _("an instance failed")
        SWITCH = "switch", _("the traffic is to be switched")
        SWITCH_FAILED = "switch_failed", _("the switch failed")
        SWITCH_BACK = "switch_back", _("the traffic is to be switched back")
        KEEP = "keep", _("the old ones are kept")

    class Switch(models.TextChoices):
        SWITCHING = "switching", _("switching")
        SWITCHED = "switched", _("switched")
        FAILED = "failed", _("switch failed")
        SWITCHING_BACK = "switching_back", _("switching back")
        BACK = "back", _("switched back")
        BACK_FAILED = "back_fail", _("not switched back")

    ACTIVE = (State.QUEUED, State.RUNNING, State.PAUSED, State.ROLLING_BACK)
    TERMINAL = (State.SUCCEEDED, State.FAILED, State.ROLLED_BACK, State.CANCELLED)

    place = models.ForeignKey(ServiceEnvironment, models.CASCADE, related_name="deployments")
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.DEPLOY)
    state = models.CharField(max_length=14, choices=State, default=State.QUEUED, db_index=True)
    # What a person asked for while it runs; the runner takes it up at once: pause, resume, cancel, rollback
    asked = models.CharField(max_length=10, blank=True)
    # Of a way back: whether data is put back, too, as before the release; None: nobody said, then the place's policy does
    data_back = models.BooleanField(null=True)
    reason = models.TextField(blank=True)  # why it was asked for
    outcome = models.TextField(blank=True)  # what became of it, in a sentence
    image = models.ForeignKey(Image, models.PROTECT, null=True, related_name="deployments")
    config = models.ForeignKey(ConfigVersion, models.PROTECT, null=True, related_name="deployments")
    old_image = models.ForeignKey(Image, models.PROTECT, null=True, related_name="+")
    old_config = models.ForeignKey(ConfigVersion, models.PROTECT, null=True, related_name="+")
    old_wanted = models.PositiveIntegerField(default=0)
    wanted = models.PositiveIntegerField(default=0)
    # `containers.plan.Policy` as JSON, with "size" (a batch's), and "hold_after" (a canary's last batch); seconds
    policy = models.JSONField(default=dict)
    batch_pause_until = models.DateTimeField(null=True)
    # What it waits for besides: after which batch, since when, until when (None: until somebody or something lets it go on)
    hold = models.CharField(max_length=14, choices=Hold, blank=True)
    hold_batch = models.IntegerField(default=-1)
    hold_since = models.DateTimeField(null=True)
    hold_until = models.DateTimeField(null=True)
    hold_why = models.TextField(blank=True)
    passed = models.IntegerField(default=-1)  # the last batch after which somebody let it go on
    # Blue/green: which way the traffic was sent, or is being sent
    switch = models.CharField(max_length=14, choices=Switch, blank=True)
    pulls = models.JSONField(
        default=dict, blank=True
    )  # {host: {"state", "done", "total", "error", "began", "ended"}}; bytes, epoch seconds
    drain = models.ForeignKey(Drain, models.SET_NULL, null=True, related_name="deployments")  # what a move is part of
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_name = models.CharField(max_length=150, blank=True)
    created = models.DateTimeField(auto_now_add=True)
    started = models.DateTimeField(null=True)
    finished = models.DateTimeField(null=True)
    # While it waits: not before when, its place in the queue (from 0), and what was confirmed:
    # {"mark": `planned.mark_of`, "pinned": settings version chosen?, "addresses": {number: ip}, "system": asked by the platform?}
    not_before = models.DateTimeField(null=True)
    turn = models.PositiveIntegerField(default=0)
    confirmed = models.JSONField(default=dict, blank=True)
    changed = models.JSONField(default=list, blank=True)  # when it began: what was not as confirmed, in words
    # What its guardrails said when it was asked for: {"checks": [{"name", "passes", "words", "until"}], "way_back": true}
    guard = models.JSONField(default=dict, blank=True)
    # While a freeze holds it between two batches: until when (asked again all the time), and why.
    held_until = models.DateTimeField(null=True)
    held_why = models.TextField(blank=True)
    # Who advances it: «host/boot/pid namespace/pid/start/token»; only the holder acts on engines.
    lease = models.CharField(max_length=160, blank=True)
    lease_until = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["place"],
                condition=models.Q(state__in=["queued", "running", "paused", "rolling_back"]),
                name="one_active_deployment_a_place",
            )
        ]

    def __str__(self) -> str:
        return f"#{self.pk}"

    @property
    def is_active(self) -> bool:
        return self.state in self.ACTIVE


# Steps for which a release rests until somebody decides: failed, or left out and not brought back
NEEDS_SOMEBODY = models.Q(state="failed", asked="") | models.Q(state="undo_fail", asked="skip")


class Step(models.Model):
    """One instance's part of a deployment, with its times: a row the page draws as a timeline."""

    class Action(models.TextChoices):
        REPLACE = "replace", _("replace")
        ADD = "add", _("add")
        REMOVE = "remove", _("remove")
        RESTART = "restart", _("restart")
        STOP = "stop", _("stop")
        START = "start", _("start")
        LIMITS = "limits", _("change limits")
        MOVE = "move", _("move")
        ADDRESS = "address", _("another address")

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting")
        HALTING = "halting", _("stopping")
        HALTED = "stopped", _("stopped")
        STOPPING = "stopping", _("stopping")
        CREATING = "creating", _("creating")
        STARTING = "starting", _("starting")
        DONE = "done", _("done")
        FAILED = "failed", _("failed")
        SKIPPED = "skipped", _("skipped")
        UNDOING = "undoing", _("rolling back")
        UNDONE = "undone", _("rolled back")
        UNDO_FAILED = "undo_fail", _("not rolled back")

    IN_WORK = (State.STOPPING, State.CREATING, State.STARTING)
    HALTS = (State.HALTING, State.HALTED)  # out of service, and nothing new made there yet
    MAKES = (
        Action.REPLACE,
        Action.ADD,
        Action.MOVE,
        Action.ADDRESS,
    )  # a container is made: image and network are needed there ahead
    ENDED = (State.DONE, State.FAILED, State.SKIPPED, State.UNDONE, State.UNDO_FAILED)

    deployment = models.ForeignKey(Deployment, models.CASCADE, related_name="steps")
    instance = models.ForeignKey(Instance, models.CASCADE, related_name="steps")
    position = models.PositiveIntegerField()
    batch = models.PositiveIntegerField(default=0)
    action = models.CharField(max_length=8, choices=Action)
    state = models.CharField(max_length=9, choices=State, default=State.WAITING)
    # A move's: where to, where from, and whether somebody made sure that the old host is off.
    host = models.ForeignKey(Host, models.PROTECT, null=True, related_name="+")
    old_host = models.ForeignKey(Host, models.PROTECT, null=True, related_name="+")
    fenced = models.BooleanField(default=False)
    # A change of address: from which to which.
    old_ip = models.CharField(max_length=45, blank=True)
    new_ip = models.CharField(max_length=45, blank=True)
    # What this very instance gets, and what it goes back to: they differ over instances after a release that was left half-way.
    image = models.ForeignKey(Image, models.PROTECT, null=True, related_name="+")
    config = models.ForeignKey(ConfigVersion, models.PROTECT, null=True, related_name="+")
    old_image = models.ForeignKey(Image, models.PROTECT, null=True, related_name="+")
    old_config = models.ForeignKey(ConfigVersion, models.PROTECT, null=True, related_name="+")
    old_wanted_state = models.CharField(max_length=8, default="running")
    old_engine_id = models.CharField(max_length=64, blank=True)
    new_engine_id = models.CharField(max_length=64, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    # What a person decided about it: "skip" while it is brought back; who, and why, stays
    asked = models.CharField(max_length=8, blank=True)
    asked_by = models.CharField(max_length=150, blank=True)
    asked_why = models.TextField(blank=True)
    tries = models.PositiveSmallIntegerField(default=0)  # how often somebody had it tried again
    times = models.JSONField(
        default=dict, blank=True
    )  # {"stop": [from, to], "create": …, "start": …, "healthy": …, "limits": …}; epoch seconds
    reason = models.TextField(blank=True)
    log = models.TextField(blank=True)  # the last lines of what failed

    class Meta:
        ordering = ["position"]
        constraints = [models.UniqueConstraint(fields=["deployment", "instance"], name="a_step_an_instance")]

    def __str__(self) -> str:
        return f"{self.instance_id}: {self.action}"

    @property
    def target_id(self) -> int:
        """The host on which its container is made."""
        return self.host_id or self.instance.host_id

    @property
    def target(self) -> Host:
        return self.host or self.instance.host
