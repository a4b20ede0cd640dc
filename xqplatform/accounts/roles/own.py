"""Verbs of own roles: make, change, remove."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_slug
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from xqplatform import audit
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.catalogue import TICKABLE
from xqplatform.accounts.models import AccessPolicy, AccessRequest, Grant, OwnRole
from xqplatform.accounts.rights import require
from xqplatform.accounts.roles.builtin import BUILTIN
from xqplatform.accounts.roles.foureyes import REPLAYS, Asked, carry
from xqplatform.accounts.roles.grants import RIGHT, one_admin_stays
from xqplatform.errors import Refused


def facts(role: OwnRole) -> dict[str, Any]:
    return {"title": role.title, "text": role.text, "rights": sorted(role.rights)}


def _checked(title: str, text: str, rights: Collection[str]) -> dict[str, Any]:
    title, text = title.replace("\0", "").strip(), text.replace("\0", "").strip()
    if not 1 <= len(title) <= 80:
        raise Refused(_("From 1 to 80 characters."), "title", 400)
    if len(text) > 300:
        raise Refused(_("At most 300 characters."), "text", 400)
    if set(rights) - TICKABLE:
        raise Refused(_("There is no such right."), "rights", 400)
    return {"title": title, "text": text, "rights": sorted(set(rights))}


def make(actor: Actor, slug: str, title: str, text: str = "", rights: Collection[str] = ()) -> OwnRole:
    """A role of one's own, which nobody has yet. Raises Denied, Refused."""
    require(actor, RIGHT, extra={"role": slug[:40].replace("\0", "")})
    slug = slug.strip().lower()
    try:
        validate_slug(slug)
    except ValidationError:
        raise Refused(_("Letters, digits, dashes and underscores only."), "slug", 400) from None
    if len(slug) > 40:
        raise Refused(_("At most 40 characters."), "slug", 400)
    data = _checked(title, text, rights)
    if slug in BUILTIN:
        raise Refused(_("There is a role of this name already."), "slug")
    try:
        with transaction.atomic():
            row = OwnRole.objects.create(slug=slug, **data)
            audit.record(actor, "role.create", row, after={"slug": slug, **facts(row)})
    except IntegrityError:
        raise Refused(_("There is a role of this name already."), "slug") from None
    return row


def change(
    actor: Actor,
    role: OwnRole,
    title: str,
    text: str = "",
    rights: Collection[str] = (),
    *,
    second: AccessRequest | None = None,
) -> OwnRole:
    """What it says, and its rights: for all who have it, at once. Raises Denied, Refused, Waits."""
    require(actor, RIGHT, obj=role)
    data = _checked(title, text, rights)

    def do() -> OwnRole:
        row = OwnRole.objects.select_for_update().get(pk=role.pk)
        before = facts(row)
        row.title, row.text, row.rights = data["title"], data["text"], data["rights"]
        with one_admin_stays("rights"):
            row.save()
        was, now = audit.changed(before, facts(row))
        if now:
            audit.record(actor, "role.change", row, before=was, after=now)
        return row

    words = _("The role «%(name)s»") % {"name": role.slug}
    return carry(actor, Asked("role", {"role": role.pk, **data}, words, "", second), do)


def _again(actor: Actor, data: dict[str, Any], second: AccessRequest) -> OwnRole:
    row = OwnRole.objects.filter(pk=data["role"]).first()
    if row is None:
        raise Refused(_("This role does not exist any more."))
    return change(actor, row, data["title"], data["text"], data["rights"], second=second)


REPLAYS["role"] = _again


def remove(actor: Actor, role: OwnRole) -> None:
    """Refused while somebody has it."""
    require(actor, RIGHT, obj=role)
    with transaction.atomic():
        AccessPolicy.locked()  # no grant of it comes meanwhile
        if count := Grant.objects.filter(role=role.slug).count():
            words = ngettext("%(n)d grant names this role; take it away first.", "%(n)d grants name this role; take them away first.", count)  # fmt: skip
            raise Refused(words % {"n": count})
        audit.record(actor, "role.remove", role, before={"slug": role.slug, **facts(role)})
        role.delete()
