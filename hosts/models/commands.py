"""Commands that may be run on machines: by name, from a list that two people made."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _


class HostCommand(models.Model):
    """A command with typed parameters. It runs only as it was reviewed; a change waits for a review of its own."""

    name = models.SlugField(_("name"), max_length=60, unique=True)
    title = models.CharField(_("title"), max_length=120)
    why = models.CharField(_("what it is for"), max_length=500, blank=True)
    argv = models.JSONField(_("command"))  # words, «{name}» stands for a parameter
    parameters = models.JSONField(_("parameters"), default=list, blank=True)  # see hosts.commands
    timeout = models.PositiveIntegerField(_("ends after"), default=30)  # seconds
    roles = models.JSONField(_("who may run it"), default=list, blank=True)  # beside SREs: developer, manager
    looks_only = models.BooleanField(_("only looks"), default=False)
    builtin = models.BooleanField(default=False)
    version = models.PositiveIntegerField(default=1)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    author_name = models.CharField(max_length=150)  # of this version
    changed = models.DateTimeField()
    reviewed = models.DateTimeField(null=True)  # null: this version waits for a review
    reviewer_name = models.CharField(max_length=150, blank=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def shown_title(self) -> str:
        """Those that come with the platform are in the reader's language."""
        return gettext(self.title) if self.builtin else self.title

    @property
    def state(self) -> str:
        return "reviewed" if self.reviewed else "waiting"
