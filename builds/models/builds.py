"""How images are made, the runs that made them, and where they lie."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from hosts.models import Host
from xqplatform.accounts.models import Team
from xqplatform.secrets import EncryptedTextField


class Registry(models.Model):
    class State(models.TextChoices):
        NEW = "new", _("new")
        READY = "ready", _("ready")
        DOWN = "down", _("down")

    name = models.SlugField(_("name"), max_length=60, unique=True)
    address = models.CharField(_("address"), max_length=250)  # HOST[:PORT][/prefix]
    username = models.CharField(_("user"), max_length=120, blank=True)
    password = EncryptedTextField(_("password"), blank=True, default="")
    ca = models.TextField(_("CA certificate"), blank=True)
    insecure = models.BooleanField(_("plain HTTP"), default=False)
    default = models.BooleanField(_("default"), default=False)
    state = models.CharField(max_length=8, choices=State, default=State.NEW)
    state_since = models.DateTimeField(null=True)
    state_reason = models.TextField(blank=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Blueprint(models.Model):
    """How an image is made without a Dockerfile of one's own: parent, files, static and runtime script.

    A blueprint with `base` set makes a base image (a node of the tree); others make the image of a project.
    """

    name = models.SlugField(_("name"), max_length=60, unique=True)  # the «java8V16» of a tag, for a base image
    base = models.BooleanField(_("makes a base image"), default=False)
    parent = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="children", verbose_name=_("parent")
    )
    parent_reference = models.CharField(
        _("parent image outside the tree"), max_length=250, blank=True
    )  # «scratch», «debian:12»
    files = models.JSONField(default=list, blank=True)  # [{"path": "/etc/x", "mode": "0644", "text": "…"}]
    static_script = models.TextField(_("static script"), blank=True)
    runtime_script = models.TextField(_("runtime script"), blank=True)
    version = models.PositiveIntegerField(default=1)
    team = models.ForeignKey(Team, models.PROTECT, null=True, blank=True, related_name="blueprints")
    updated = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class BlueprintVersion(models.Model):
    """What a blueprint was at a version: for the diff, and for a build to say what it was made from."""

    blueprint = models.ForeignKey(Blueprint, models.CASCADE, related_name="versions")
    version = models.PositiveIntegerField()
    content = models.JSONField()
    author = models.CharField(max_length=150)
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-version"]
        constraints = [models.UniqueConstraint(fields=["blueprint", "version"], name="a_version_once")]

    def __str__(self) -> str:
        return f"{self.blueprint} v{self.version}"


class Project(models.Model):
    """A repository and how its image is made. A service (in `containers`) has one."""

    name = models.SlugField(_("name"), max_length=60, unique=True)
    team = models.ForeignKey(Team, models.PROTECT, null=True, related_name="projects", verbose_name=_("team"))
    repository = models.CharField(
        _("repository"), max_length=500, blank=True
    )  # URL or path; empty: images from elsewhere
    repository_password = EncryptedTextField(_("repository password or token"), blank=True, default="")
    repository_user = models.CharField(_("repository user"), max_length=120, blank=True)
    subfolder = models.CharField(_("folder in the repository"), max_length=250, blank=True)
    dockerfile = models.CharField(_("Dockerfile"), max_length=250, default="Dockerfile", blank=True)
    blueprint = models.ForeignKey(Blueprint, models.PROTECT, null=True, blank=True, related_name="projects")
    registry = models.ForeignKey(Registry, models.PROTECT, null=True, blank=True, related_name="projects")
    build_arguments = models.JSONField(default=dict, blank=True)
    build_secrets = EncryptedTextField(
        blank=True, default=""
    )  # JSON object; reaches the build only, never log or history
    network = models.CharField(_("build network"), max_length=60, blank=True)
    default_branch = models.CharField(_("default branch"), max_length=120, default="main")

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Build(models.Model):
    """One run of a project (or base blueprint) at a Git revision on a build host."""

    class State(models.TextChoices):
        QUEUED = "queued", _("queued")
        RUNNING = "running", _("running")
        PUSHING = "pushing", _("pushing")
        SUCCEEDED = "succeeded", _("succeeded")
        FAILED = "failed", _("failed")  # it ran, the result is bad
        ERRORED = "errored", _("errored")  # it could not run
        CANCELLED = "cancelled", _("cancelled")

    ACTIVE = (State.QUEUED, State.RUNNING, State.PUSHING)

    project = models.ForeignKey(Project, models.CASCADE, null=True, blank=True, related_name="builds")
    blueprint = models.ForeignKey(Blueprint, models.CASCADE, null=True, blank=True, related_name="builds")
    blueprint_version = models.PositiveIntegerField(null=True)
    branch = models.CharField(max_length=120, blank=True)
    revision = models.CharField(max_length=40, blank=True)
    commit_author = models.CharField(max_length=250, blank=True)
    commit_message = models.TextField(blank=True)
    commit_time = models.DateTimeField(null=True)
    state = models.CharField(max_length=10, choices=State, default=State.QUEUED, db_index=True)
    reason = models.TextField(blank=True)
    failing_step = models.CharField(max_length=500, blank=True)
    host = models.ForeignKey(Host, models.SET_NULL, null=True, blank=True, related_name="builds")
    tag = models.CharField(max_length=250, blank=True)
    progress = models.JSONField(default=dict, blank=True)  # {"step": 3, "steps": 9, "pushed": bytes, "total": bytes}
    cancel_requested = models.BooleanField(default=False)
    attempts = models.PositiveSmallIntegerField(default=0)
    retry_at = models.DateTimeField(null=True)
    # Only the process that holds the lease writes; it renews it while it works.
    lease = models.CharField(max_length=40, blank=True)
    lease_until = models.DateTimeField(null=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_name = models.CharField(max_length=150, blank=True)
    created = models.DateTimeField(auto_now_add=True)
    started = models.DateTimeField(null=True)
    finished = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["project", "revision"])]
        constraints = [
            models.UniqueConstraint(
                fields=["project", "revision", "branch"],
                condition=models.Q(state__in=["queued", "running", "pushing"]),
                name="two_builds_of_one_revision_are_one",
            )
        ]

    def __str__(self) -> str:
        return self.tag or f"#{self.pk}"

    @property
    def active(self) -> bool:
        return self.state in self.ACTIVE


class BuildLine(models.Model):
    """A piece of a build's log, in order; written while it runs."""

    build = models.ForeignKey(Build, models.CASCADE, related_name="lines")
    number = models.PositiveIntegerField()
    step = models.PositiveIntegerField(default=0)
    text = models.TextField()
    time = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["number"]
        constraints = [models.UniqueConstraint(fields=["build", "number"], name="a_line_once")]

    def __str__(self) -> str:
        return self.text


class Image(models.Model):
    """What a build left in the registry, known by digest; or an image named by hand."""

    class State(models.TextChoices):
        DEPLOYABLE = "deployable", _("deployable")
        DISCARDED = "discarded", _("discarded")

    project = models.ForeignKey(Project, models.CASCADE, null=True, blank=True, related_name="images")
    blueprint = models.ForeignKey(Blueprint, models.CASCADE, null=True, blank=True, related_name="images")
    build = models.OneToOneField(Build, models.SET_NULL, null=True, blank=True, related_name="image")
    parent = models.ForeignKey("self", models.SET_NULL, null=True, blank=True, related_name="children")
    registry = models.ForeignKey(Registry, models.PROTECT, null=True, blank=True, related_name="images")
    repository = models.CharField(max_length=250)  # without the registry's address
    tag = models.CharField(max_length=250)
    digest = models.CharField(max_length=80, blank=True)  # of the manifest in the registry; empty: no registry
    image_id = models.CharField(max_length=80, blank=True)  # of the config, as engines name it
    # Without a registry an image lies on the host that built it, and runs only there.
    only_on = models.ForeignKey(Host, models.SET_NULL, null=True, blank=True, related_name="images")
    size = models.BigIntegerField(default=0)  # bytes
    layers = models.JSONField(default=list, blank=True)
    base = models.CharField(max_length=120, blank=True)
    branch = models.CharField(max_length=120, blank=True)
    revision = models.CharField(max_length=40, blank=True)
    config = models.JSONField(default=dict, blank=True)  # what the engine says of it: Entrypoint, Cmd, Healthcheck, …
    state = models.CharField(max_length=12, choices=State, default=State.DEPLOYABLE)
    discarded = models.DateTimeField(null=True)
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["digest"]), models.Index(fields=["project", "state"])]

    def __str__(self) -> str:
        return self.tag

    @property
    def reference(self) -> str:
        """What an engine is told to run: by digest where there is a registry, else by the image's own id."""
        if self.registry_id and self.registry is not None and self.digest:
            return f"{self.registry.address}/{self.repository}@{self.digest}"
        return self.image_id or f"{self.repository}:{self.tag}"
