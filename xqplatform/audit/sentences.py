"""Events as sentences, with links to what they are about."""

from __future__ import annotations

import json
from typing import Any

from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from xqplatform.audit.actions import ACTIONS
from xqplatform.audit.models import Event

# Where an object's page is; {id} is its key, {name} what the event froze of it,
# {parent} the key of what it belongs to.
PAGES = {
    "accounts.user": "/settings/people/{id}/",
    "accounts.team": "/settings/teams/{id}/",
    "hosts.host": "/hosts/{name}/",
    "hosts.segment": "/network/id/{id}/",
    "hosts.address": "/network/id/{parent}/#{name}",
    "builds.build": "/builds/{id}/",
    "containers.service": "/services/{name}/",
    "containers.serviceenvironment": "/services/{name}/",
    "containers.deployment": "/releases/{id}/",
    "containers.instance": "/instances/{id}/",
}

# Denied attempts carry the right that was lacking; these are its words.
RIGHTS = {
    "service.create": _lazy("make a service"),
    "service.change": _lazy("change the service"),
    "service.deploy": _lazy("release the service"),
    "service.scale": _lazy("scale the service"),
    "service.operate": _lazy("operate the service"),
    "service.remove": _lazy("remove the service"),
    "service.logs": _lazy("read the logs"),
    "build.start": _lazy("start a build"),
    "build.cancel": _lazy("cancel a build"),
    "image.discard": _lazy("discard an image"),
    "project.change": _lazy("change the project"),
    "blueprint.change": _lazy("change the blueprint"),
    "token.manage": _lazy("manage tokens"),
    "host.manage": _lazy("manage the host"),
    "segment.manage": _lazy("manage the segment"),
    "address.manage": _lazy("manage addresses"),
    "registry.manage": _lazy("manage the registry"),
    "environment.manage": _lazy("manage the environment"),
    "people.manage": _lazy("manage people"),
    "base_image.manage": _lazy("manage base images"),
    "audit.read": _lazy("read the audit log"),
}


def verb(event: Event) -> str:
    """The words of the action; a denied one says so first."""
    if event.denied and event.action in RIGHTS:
        return _("was not allowed to %(what)s") % {"what": RIGHTS[event.action]}
    return str(ACTIONS.get(event.action, event.action))


def link(event: Event) -> str:
    """The address of the object's page; empty where it has none."""
    pattern = PAGES.get(event.object_type, "")
    if not pattern or not event.object_id:
        return ""
    return pattern.format(id=event.object_id, name=event.object_name, parent=event.parent_id)


def kind(event: Event) -> str:
    """The model's name for people."""
    return capfirst(event.object_type.partition(".")[2])


def text(value: Any) -> str:
    """A stored value as one reads it: no quotes around words, lists and maps as JSON."""
    if value is None:
        return "–"
    if value is True:
        return _("yes")
    if value is False:
        return _("no")
    if isinstance(value, str):
        return value or "«»"
    if isinstance(value, int | float):
        return str(value)
    return json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True)


def difference(event: Event) -> list[dict[str, Any]]:
    """Rows of key, before, after. A side that the event does not have is None."""
    before, after = event.before or {}, event.after or {}
    if not isinstance(before, dict) or not isinstance(after, dict):
        before, after = {"": before}, {"": after}
    return [
        {
            "key": key,
            "before": text(before[key]) if key in before else None,
            "after": text(after[key]) if key in after else None,
        }
        for key in dict.fromkeys([*before, *after])
    ]
