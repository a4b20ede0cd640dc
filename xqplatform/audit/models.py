"""The audit log: one row an event, never changed. The database itself refuses to (`chain/triggers.py`)."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models

from xqplatform.audit.chain import canonical, own
from xqplatform.audit.chain.models import Archive, Checkpoint, Link, Outlet, Unlinked, Verification
from xqplatform.audit.search.models import Indexed, SavedView

__all__ = [
    "Archive",
    "Checkpoint",
    "Event",
    "Fold",
    "Indexed",
    "Link",
    "Outlet",
    "SavedView",
    "Unlinked",
    "Verification",
]


class SealField(models.CharField):  # type: ignore[type-arg]
    """Fills itself when an event is inserted, also by `bulk_create`."""

    def deconstruct(self) -> Any:
        name, _path, args, kwargs = super().deconstruct()
        return name, "django.db.models.CharField", args, kwargs

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        if add:
            seal = own.current().seal(canonical.body(content(model_instance)))
            setattr(model_instance, self.attname, seal)
        return super().pre_save(model_instance, add)


class Event(models.Model):
    time = models.DateTimeField(auto_now_add=True, db_index=True)
    # Not bound to the person's row: who was deleted stays the author, and the event as it was.
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.DO_NOTHING, null=True, related_name="+", db_constraint=False
    )
    actor = models.CharField(max_length=150, db_index=True)  # frozen as text: people leave, the log stays
    via = models.CharField(max_length=8)
    ip = models.CharField(max_length=45, blank=True)
    request_id = models.CharField(max_length=40, blank=True, db_index=True)
    action = models.CharField(max_length=60, db_index=True)
    object_type = models.CharField(max_length=40, blank=True)
    object_id = models.CharField(max_length=40, blank=True)
    object_name = models.CharField(max_length=250, blank=True)
    parent_type = models.CharField(max_length=40, blank=True)
    parent_id = models.CharField(max_length=40, blank=True)
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    reason = models.TextField(blank=True)
    denied = models.BooleanField(default=False)
    # The key of the team that owned it, 0: nobody; null: nothing that teams own, or not known (`visibility.owner_of`).
    owner = models.BigIntegerField(null=True)
    # The API token that it came by: its name and first characters, as text; null: none, or older than that is noted.
    token = models.CharField(max_length=150, null=True)
    seal = SealField(max_length=80, null=True, editable=False)  # the last field: it is over all others

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["object_type", "object_id"]),
            models.Index(fields=["parent_type", "parent_id"]),
            # Few of all; asked for every ten seconds (`refused`).
            models.Index(fields=["time"], name="audit_event_denied", condition=models.Q(denied=True)),
        ]

    def __str__(self) -> str:
        return f"{self.actor} {self.action} {self.object_name}"


class Fold(models.Model):
    """What comes again and again (`folding`): `event` is the first; the others up to `until` are counted."""

    key = models.CharField(max_length=200, unique=True)
    until = models.DateTimeField(db_index=True)
    count = models.PositiveIntegerField(default=0)
    event = models.BigIntegerField(null=True)

    def __str__(self) -> str:
        return self.key


def content(event: Any) -> dict[str, Any]:
    """What of an event goes into its canonical form, as the database will give it back."""
    found: dict[str, Any] = {
        name: str(getattr(event, name))
        for name in (
            "actor", "via", "ip", "request_id", "action", "object_type", "object_id", "object_name",
            "parent_type", "parent_id", "reason",
        )
    }  # fmt: skip
    found["time"] = canonical.time_text(event.time)
    found["user"] = event.user_id
    found["denied"] = bool(event.denied)
    found["before"], found["after"] = canonical.normal(event.before), canonical.normal(event.after)
    if getattr(event, "owner", None) is not None:  # the migration that seals what was there knows no owner
        found["owner"] = event.owner
    if getattr(event, "token", None) is not None:
        found["token"] = event.token
    return found
