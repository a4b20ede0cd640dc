"""Where a project's repository lives (GitHub, GitLab, Gitea), and what it told of pushes."""

from __future__ import annotations

import secrets

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from builds.models.builds import Build, Project
from xqplatform.secrets import EncryptedTextField


def new_key() -> str:
    """What cannot be guessed, for an address or a secret."""
    return secrets.token_urlsafe(24)


class Forge(models.Model):
    """A project's link with its forge. Whoever saved it last stands behind the builds that pushes begin."""

    class Kind(models.TextChoices):
        GITHUB = "github", "GitHub"
        GITLAB = "gitlab", "GitLab"
        GITEA = "gitea", "Gitea, Forgejo"

    project = models.OneToOneField(Project, models.CASCADE, related_name="forge")
    kind = models.CharField(_("kind"), max_length=8, choices=Kind)
    enabled = models.BooleanField(_("takes pushes"), default=True)
    key = models.CharField(max_length=40, unique=True, default=new_key)  # of the address that the forge calls
    secret = EncryptedTextField(default=new_key)
    secret_made = models.DateTimeField(default=timezone.now)
    branches = models.TextField(_("branches that are built"), blank=True, default="*")  # fnmatch patterns
    tags = models.TextField(_("tags that are built"), blank=True, default="*")
    # Commit statuses that are sent back.
    report = models.BooleanField(_("sends commit statuses"), default=False)
    api = models.CharField(_("address of its API"), max_length=250, blank=True)
    repository = models.CharField(_("repository there"), max_length=250, blank=True)
    token = EncryptedTextField(_("token"), blank=True, default="")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    author_name = models.CharField(max_length=150, blank=True)
    changed = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return self.project.name


class ForgeDelivery(models.Model):
    """One event of a forge, however often it was sent: what came, what was made of it."""

    class Kind(models.TextChoices):
        PUSH = "push", _("push")
        TAG = "tag", _("tag")
        DELETED = "deleted", _("deleted")
        OTHER = "other", _("other")

    class State(models.TextChoices):
        RECEIVED = "received", _("received")
        BUILDING = "building", _("building")
        DONE = "done", _("done")
        FAILED = "failed", _("failed")  # the build did not succeed
        NOTHING = "nothing", _("nothing to do")
        REFUSED = "refused", _("refused")

    OPEN = (State.RECEIVED, State.BUILDING)

    forge = models.ForeignKey(Forge, models.CASCADE, related_name="deliveries")
    identity = models.CharField(max_length=100)  # the forge's own id of it, else of its content
    digest = models.CharField(max_length=64)  # SHA-256 of the body: ids are not signed, bodies are
    signed = models.BooleanField(default=True)
    event = models.CharField(max_length=60, blank=True)  # as the forge names it
    kind = models.CharField(max_length=8, choices=Kind, default=Kind.OTHER)
    name = models.CharField(max_length=120, blank=True)  # of the branch or tag
    revision = models.CharField(max_length=40, blank=True)
    sender = models.CharField(max_length=150, blank=True)
    commits = models.PositiveIntegerField(default=0)
    received = models.DateTimeField(default=timezone.now)
    times = models.PositiveIntegerField(default=1)  # that it came
    last = models.DateTimeField(default=timezone.now)  # time that it came
    state = models.CharField(max_length=8, choices=State, default=State.RECEIVED)
    words = models.TextField(blank=True)
    began = models.JSONField(default=list, blank=True)  # after the build: [{"words", "url"}]
    build = models.ForeignKey(Build, models.SET_NULL, null=True, related_name="deliveries")
    tries = models.PositiveSmallIntegerField(default=0)
    # Nobody takes it up before: somebody works on it, or it is tried again then.
    due = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["forge", "identity"], name="an_event_once")]
        indexes = [
            models.Index(fields=["forge", "digest"]),
            models.Index(fields=["forge", "received"]),
            models.Index(fields=["state", "due"]),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.name}".strip()


class Badge(models.Model):
    """That a project's badges can be seen: by an address that nobody guesses, or by its name."""

    project = models.OneToOneField(Project, models.CASCADE, related_name="badge")
    key = models.CharField(max_length=40, unique=True, default=new_key)
    public = models.BooleanField(default=False)

    def __str__(self) -> str:
        return self.project.name


class ForgeStatus(models.Model):
    """What the forge is told of a commit: the newest status of one context, and how the telling went."""

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting")
        SENT = "sent", _("sent")
        FAILED = "failed", _("failed")

    forge = models.ForeignKey(Forge, models.CASCADE, related_name="statuses")
    revision = models.CharField(max_length=40)
    context = models.CharField(max_length=100)  # «xq/build», «xq/deploy/production»
    status = models.CharField(max_length=8)  # pending, success, failure, error
    words = models.CharField(max_length=140, blank=True)
    path = models.CharField(max_length=200, blank=True)  # of the page that says more
    version = models.PositiveIntegerField(default=1)
    state = models.CharField(max_length=8, choices=State, default=State.WAITING)
    tries = models.PositiveSmallIntegerField(default=0)
    due = models.DateTimeField(default=timezone.now)
    busy_until = models.DateTimeField(null=True)  # somebody sends it
    answer = models.TextField(blank=True)
    created = models.DateTimeField(auto_now_add=True)
    sent = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["forge", "revision", "context"], name="a_status_once")]
        indexes = [models.Index(fields=["state", "due"])]

    def __str__(self) -> str:
        return f"{self.context} {self.revision[:8]}"
