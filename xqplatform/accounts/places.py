"""Names of environments and services, for forms and checks. Looked up by name: accounts stand below the app that has them."""

from __future__ import annotations

from django.apps import apps

from xqplatform.accounts.actor import Actor
from xqplatform.accounts.visibility import visible


def environments() -> list[tuple[str, str]]:
    """Slugs and titles of all environments."""
    return [(one.slug, str(one)) for one in apps.get_model("containers", "Environment").objects.all()]


def services(actor: Actor) -> dict[str, int | None]:
    """The services that the actor may know of, each with the key of its team."""
    found = visible(actor, apps.get_model("containers", "Service")).filter(removed=None)
    return dict(found.values_list("slug", "team_id"))
