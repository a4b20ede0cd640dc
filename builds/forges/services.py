"""The verbs of a project's link with its forge. Whoever saves it stands behind the builds that pushes begin."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from builds.forges import events, reporting
from builds.forges.receiving import topic
from builds.models import Forge, Project
from builds.models.forges import new_key
from builds.place import at
from xqplatform import audit, live
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.rights import require
from xqplatform.errors import Refused

RIGHT = "project.change"
MOST_PATTERNS = 30


def of(project: Project) -> Forge | None:
    return Forge.objects.filter(project=project).select_related("project", "author").first()


def save(actor: Actor, project: Project, data: Mapping[str, Any]) -> tuple[Forge, str]:
    """Makes or changes the link: kind, enabled, branches, tags (patterns), report, api, repository, token. The secret too, when it is new: shown once.

    Raises Denied, Refused with the field.
    """
    may(actor, project)
    with transaction.atomic():
        # One after the other: else a secret that is made anew meanwhile would be written over with the old one.
        Project.objects.select_for_update().get(pk=project.pk)
        return _save(actor, project, data)


def _save(actor: Actor, project: Project, data: Mapping[str, Any]) -> tuple[Forge, str]:
    row = of(project)
    new = row is None
    row = row or Forge(project=project, kind="")
    before = {} if new else shown(row)
    kind = data.get("kind", row.kind)
    if kind not in Forge.Kind.values:
        words = _("Choose one of: %(choices)s.") % {"choices": ", ".join(Forge.Kind.values)}
        raise Refused(words, "kind", 400)
    row.kind = kind
    if "enabled" in data:
        row.enabled = data["enabled"] is True
    for name in ("branches", "tags"):
        if name in data:
            setattr(row, name, patterns(data[name], name))
    reporting.fill(row, data, new=new)
    row.author, row.author_name = actor.user, actor.name
    row.save()
    old, now = audit.changed(before, shown(row))
    if data.get("token"):
        now["token"] = "•••"  # noqa: S105
    audit.record(actor, "forge.change", project, before=old or None, after=now)
    live.bump(topic(row))
    return row, row.secret if new else ""


def patterns(value: Any, field: str) -> str:
    """A list of patterns as it is stored, one a space. Raises Refused."""
    if not isinstance(value, str) or not all(char.isprintable() or char in "\r\n\t" for char in value):
        raise Refused(_("Patterns of names, such as: main release/*"), field, 400)
    found = list(dict.fromkeys(events.patterns(value)))
    if len(found) > MOST_PATTERNS or any(len(one) > events.LONGEST_NAME for one in found):
        words = _("At most %(n)d patterns, each of at most %(m)d characters.")
        raise Refused(words % {"n": MOST_PATTERNS, "m": events.LONGEST_NAME}, field, 400)
    return " ".join(found)


def renew(actor: Actor, project: Project) -> str:
    """Another secret; the old one is worth nothing from now on. It is shown once."""
    may(actor, project)
    with transaction.atomic():
        Project.objects.select_for_update().get(pk=project.pk)
        row = Forge.objects.filter(project=project).first()
        if row is None:
            raise Refused(_("This project has no forge yet."))
        row.secret, row.secret_made = new_key(), timezone.now()
        row.save(update_fields=["secret", "secret_made"])
        audit.record(actor, "forge.secret", project)
        live.bump(topic(row))
    return row.secret


def remove(actor: Actor, project: Project) -> None:
    """Pushes are not taken any more, and what came is forgotten; builds stay."""
    may(actor, project)
    with transaction.atomic():
        row = of(project)
        if row is None:
            return
        before = shown(row)
        row.delete()
        audit.record(actor, "forge.remove", project, before=before)


def may(actor: Actor, project: Project) -> None:
    """Raises Denied."""
    require(actor, RIGHT, **at(project), obj=project)


def shown(row: Forge) -> dict[str, Any]:
    """In the names of the verb and of the API; never the secret."""
    return {
        "kind": str(row.kind),
        "enabled": row.enabled,
        "branches": row.branches,
        "tags": row.tags,
        "author": row.author_name,
        "report": row.report,
        "api": row.api,
        "repository": row.repository,
    }
