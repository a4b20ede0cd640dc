"""People, teams, roles and tokens."""

from __future__ import annotations

import hashlib
import secrets
from typing import Any

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from xqplatform.accounts.scopes import Scopes
from xqplatform.secrets import EncryptedTextField


class Role(models.TextChoices):
    """Roles that come with the platform; a person's base role is one of them."""

    DEVELOPER = "developer", _("developer")
    SRE = "sre", _("SRE")
    MANAGER = "manager", _("manager")
    AUDITOR = "auditor", _("auditor")
    ADMIN = "admin", _("admin")
    READER = "reader", _("reader")


class Team(models.Model):
    slug = models.SlugField(_("name"), max_length=60, unique=True)
    title = models.CharField(_("title"), max_length=120, blank=True)
    closed = models.BooleanField(_("closed"), default=False)  # what it owns is there for its people only (`visibility`)
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["slug"]

    def __str__(self) -> str:
        return self.title or self.slug


class User(AbstractUser):
    """A person. `username` is what they sign in with and what the audit log freezes as text."""

    display_name = models.CharField(_("name"), max_length=120, blank=True)
    role = models.CharField(_("role"), max_length=12, choices=Role, default=Role.DEVELOPER)
    teams = models.ManyToManyField(Team, through="Membership", related_name="people")
    language = models.CharField(_("language"), max_length=10, blank=True)
    time_zone = models.CharField(_("time zone"), max_length=60, default="Asia/Shanghai")
    theme = models.CharField(_("theme"), max_length=8, default="auto")
    # No person: a program of its team's, with tokens and grants, that never signs in.
    service_account = models.BooleanField(default=False)

    def __str__(self) -> str:
        return self.display_name or self.username


class Membership(models.Model):
    """A person in a team; a developer may be kept to some environments there (none named: all)."""

    user = models.ForeignKey(User, models.CASCADE, related_name="memberships")
    team = models.ForeignKey(Team, models.CASCADE, related_name="memberships")
    environments = models.JSONField(default=list, blank=True)  # slugs of environments allowed; empty: all

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "team"], name="one_membership_a_team")]

    def __str__(self) -> str:
        return f"{self.user} · {self.team}"


class Token(models.Model):
    """A bearer token of the API. Only its hash is kept; the first characters tell tokens apart."""

    user = models.ForeignKey(User, models.CASCADE, related_name="tokens")
    label = models.CharField(max_length=120)
    prefix = models.CharField(max_length=12)
    digest = models.CharField(max_length=64, unique=True)
    created = models.DateTimeField(auto_now_add=True)
    created_name = models.CharField(max_length=150, blank=True)  # who made it, as text
    expires = models.DateTimeField(
        null=True, db_index=True
    )  # None: never; of people only those made before tokens ended
    rights = models.JSONField(null=True)  # names of rights; None: all that the person has
    # A number, not a reference: a team that is removed leaves a token that may nothing, not one that may everywhere.
    team_id = models.BigIntegerField(null=True)
    environments = models.JSONField(default=list, blank=True)  # slugs; empty: all
    services = models.JSONField(default=list, blank=True)  # names; empty: all
    last_used = models.DateTimeField(null=True)
    last_ip = models.CharField(max_length=45, blank=True)
    revoked = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created"]

    def __str__(self) -> str:
        return f"{self.label} ({self.prefix}…)"

    @property
    def scopes(self) -> Scopes:
        rights = None if self.rights is None else frozenset(self.rights)
        return Scopes(rights, self.team_id, frozenset(self.environments), frozenset(self.services))

    @property
    def expired(self) -> bool:
        return self.expires is not None and self.expires <= timezone.now()

    @property
    def works(self) -> bool:
        return self.revoked is None and not self.expired and self.user.is_active

    @property
    def shown_state(self) -> str:
        """One of the state words."""
        if self.revoked is not None:
            return "revoked"
        if self.expired:
            return "expired"
        if not self.user.is_active:
            return "deactivated"
        return "unending" if self.expires is None else "enabled"

    @staticmethod
    def hash(raw: str) -> str:
        return hashlib.sha256(raw.encode()).hexdigest()

    @classmethod
    def make(cls, user: User, label: str, **more: Any) -> tuple[Token, str]:
        """A new row (saved) and the token itself, which is shown once."""
        raw = "xq_" + secrets.token_urlsafe(32)
        return cls.objects.create(user=user, label=label, prefix=raw[:10], digest=cls.hash(raw), **more), raw


class Invitation(models.Model):
    """Somebody may come in with a link that is good once, until a day; what they will be is decided already."""

    username = models.CharField(max_length=150)
    display_name = models.CharField(max_length=120, blank=True)
    email = models.CharField(max_length=254, blank=True)
    role = models.CharField(max_length=12)
    teams = models.JSONField(default=dict)  # {team's key as text: allowed environments}
    digest = models.CharField(max_length=64, unique=True)  # of the link; a renewed invitation has another one
    created = models.DateTimeField(auto_now_add=True)
    made_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    made_name = models.CharField(max_length=150)
    expires = models.DateTimeField()
    accepted = models.DateTimeField(null=True)
    person = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")  # who came by it
    withdrawn = models.DateTimeField(null=True)
    # The link while it waits to be mailed, and what came of that: «waiting», «sending», «sent», «failed», or none to be sent.
    link = EncryptedTextField(blank=True)
    mail = models.CharField(max_length=8, blank=True)
    mail_words = models.CharField(max_length=400, blank=True)
    mail_taken = models.DateTimeField(null=True)  # when a worker last began to send it

    class Meta:
        ordering = ["-created"]

    def __str__(self) -> str:
        return self.username

    @property
    def open(self) -> bool:
        return self.accepted is None and self.withdrawn is None and self.expires > timezone.now()

    @property
    def shown_state(self) -> str:
        """One of the state words."""
        if self.accepted is not None:
            return "accepted"
        if self.withdrawn is not None:
            return "withdrawn"
        return "waiting" if self.open else "expired"


from xqplatform.accounts.roles.models import AccessPolicy, AccessRequest, Grant, OwnRole  # noqa: E402  tables of this app
from xqplatform.accounts.sessions.models import Session  # noqa: E402

__all__ = [
    "AccessPolicy",
    "AccessRequest",
    "Grant",
    "Invitation",
    "Membership",
    "OwnRole",
    "Role",
    "Session",
    "Team",
    "Token",
    "User",
]
