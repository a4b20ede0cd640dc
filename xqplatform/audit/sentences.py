"""Events as sentences, with links to what they are about."""

from __future__ import annotations

import json
from typing import Any

from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from xqplatform.audit.actions import ACTIONS
from xqplatform.audit.models import Event
from xqplatform.audit.vias import VIAS

# Where an object's page is; {id} is its key, {name} what the event froze of it,
# {parent} the key of what it belongs to.
PAGES = {
    "accounts.user": "/settings/people/{id}/",
    "accounts.team": "/settings/teams/{id}/",
    "hosts.host": "/hosts/{name}/",
    "hosts.hostcommand": "/hosts/commands/{name}/",
    "hosts.segment": "/network/id/{id}/",
    "hosts.address": "/network/id/{parent}/#{name}",
    "hosts.authority": "/settings/certificates/",
    "alerts.rule": "/alerts/rules/{id}/",
    "alerts.channel": "/alerts/channels/{id}/",
    "alerts.silence": "/alerts/silences/",
    "audit.savedview": "/audit/views/",
    "reports.monthlyreport": "/audit/reports/",
    "notices.subscription": "/settings/notices/",
    "builds.build": "/builds/{id}/",
    "builds.wave": "/images/waves/{id}/",
    "containers.calendar": "/settings/calendars/id/{id}/",
    "containers.service": "/services/{name}/",
    "containers.serviceenvironment": "/services/{name}/",
    "containers.deployment": "/releases/{id}/",
    "containers.train": "/trains/{id}/",
    "containers.traintemplate": "/trains/",
    "containers.instance": "/instances/{id}/",
    "containers.terminal": "/terminals/{id}/",
    "containers.commandrun": "/commands/{id}/",
}

# Denied attempts carry the right that was lacking; these are its words.
RIGHTS = {
    "read": gettext_lazy("look at what a closed team owns"),
    "capacity.manage": gettext_lazy("change prices and budgets"),
    "service.create": gettext_lazy("make a service"),
    "service.change": gettext_lazy("change the service"),
    "service.deploy": gettext_lazy("release the service"),
    "service.scale": gettext_lazy("scale the service"),
    "service.operate": gettext_lazy("operate the service"),
    "service.remove": gettext_lazy("remove the service"),
    "service.logs": gettext_lazy("read the logs"),
    "service.restart": gettext_lazy("restart the service"),
    "service.secrets": gettext_lazy("set secrets of the service"),
    "service.terminal": gettext_lazy("open a terminal"),
    "service.command": gettext_lazy("run a command in a container"),
    "fleet.read": gettext_lazy("see the whole fleet"),
    "roles.manage": gettext_lazy("manage roles and who has them"),
    "roles.approve": gettext_lazy("approve changes of rights"),
    "build.start": gettext_lazy("start a build"),
    "build.cancel": gettext_lazy("cancel a build"),
    "image.discard": gettext_lazy("discard an image"),
    "project.change": gettext_lazy("change the project"),
    "blueprint.change": gettext_lazy("change the blueprint"),
    "token.manage": gettext_lazy("manage tokens"),
    "session.manage": gettext_lazy("see and end their sessions"),
    "inbox.manage": gettext_lazy("change their inbox"),
    "host.manage": gettext_lazy("manage the host"),
    "host.operate": gettext_lazy("operate on the host"),
    "persisted.remove": gettext_lazy("remove a persisted folder"),
    "segment.manage": gettext_lazy("manage the segment"),
    "address.manage": gettext_lazy("manage addresses"),
    "registry.manage": gettext_lazy("manage the registry"),
    "data.restore": gettext_lazy("put back or remove data of the service"),
    "backup.manage": gettext_lazy("manage stores of backups"),
    "environment.manage": gettext_lazy("manage the environment"),
    "release.approve": gettext_lazy("approve the release"),
    "release.break_glass": gettext_lazy("go on in spite of guardrails"),
    "service_account.manage": gettext_lazy("manage service accounts"),
    "people.manage": gettext_lazy("manage people"),
    "secrets.manage": gettext_lazy("manage the keys of stored secrets"),
    "base_image.manage": gettext_lazy("manage base images"),
    "alerts.manage": gettext_lazy("manage alerts"),
    "alerts.silence": gettext_lazy("silence alerts"),
    "notices.manage": gettext_lazy("say who hears of releases"),
    "audit.read": gettext_lazy("read the audit log"),
    "audit.review": gettext_lazy("review events"),
    "terminal.recordings": gettext_lazy("watch recordings of terminals"),
    "metrics.read": gettext_lazy("read all measurements at /metrics"),
}

# What an event is about, in people's words rather than the model's.
KINDS = {
    "accounts.user": gettext_lazy("Person"),
    "accounts.team": gettext_lazy("Team"),
    "accounts.token": gettext_lazy("API token"),
    "accounts.invitation": gettext_lazy("Invitation"),
    "accounts.grant": gettext_lazy("Grant of a role"),
    "accounts.accessrequest": gettext_lazy("Request for rights"),
    "accounts.ownrole": gettext_lazy("Role"),
    "hosts.host": gettext_lazy("Host"),
    "hosts.hostgroup": gettext_lazy("Host group"),
    "hosts.hostcommand": gettext_lazy("Command"),
    "hosts.segment": gettext_lazy("Segment"),
    "hosts.address": gettext_lazy("Address"),
    "hosts.authority": gettext_lazy("Certificate authority"),
    "alerts.rule": gettext_lazy("Alert rule"),
    "alerts.channel": gettext_lazy("Alert channel"),
    "alerts.silence": gettext_lazy("Silence"),
    "audit.savedview": gettext_lazy("View of the audit log"),
    "reports.monthlyreport": gettext_lazy("Report of a month"),
    "builds.registry": gettext_lazy("Registry"),
    "builds.project": gettext_lazy("Project"),
    "builds.blueprint": gettext_lazy("Blueprint"),
    "builds.build": gettext_lazy("Build"),
    "builds.image": gettext_lazy("Image"),
    "builds.wave": gettext_lazy("Wave of builds"),
    "containers.environment": gettext_lazy("Environment"),
    "containers.calendar": gettext_lazy("Calendar"),
    "containers.service": gettext_lazy("Service"),
    "containers.serviceenvironment": gettext_lazy("Service in an environment"),
    "containers.deployment": gettext_lazy("Release"),
    "containers.train": gettext_lazy("Train"),
    "containers.traintemplate": gettext_lazy("Template of trains"),
    "containers.instance": gettext_lazy("Instance"),
    "containers.terminal": gettext_lazy("Terminal"),
    "containers.commandrun": gettext_lazy("Command in an instance"),
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


def detail(event: Event) -> tuple[str, str]:
    """What exactly was done to the object, where the action alone does not tell, and the page of that; else empty."""
    after = event.after if isinstance(event.after, dict) else {}
    title, number = after.get("title"), after.get("operation")
    if not isinstance(title, str) or not title:
        return "", ""
    return title, f"/hosts/{event.object_name}/operations/{number}/" if isinstance(number, int) else ""


def kind(event: Event) -> str:
    """What it is about, in a word."""
    return str(KINDS.get(event.object_type) or capfirst(event.object_type.partition(".")[2]))


def via(event: Event) -> str:
    """By which way it came."""
    return str(VIAS.get(event.via, event.via))


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


# Keys under which an event names other rows, and where their pages are.
RELATED = {
    "deployment": (gettext_lazy("Release"), "/releases/{}/"),
    "release": (gettext_lazy("Release"), "/releases/{}/"),
    "terminal": (gettext_lazy("Terminal"), "/terminals/{}/"),
    "train": (gettext_lazy("Train"), "/trains/{}/"),
    "build": (gettext_lazy("Build"), "/builds/{}/"),
    "wave": (gettext_lazy("Wave of builds"), "/images/waves/{}/"),
}


def related(event: Event) -> list[tuple[str, str]]:
    """What the event links to: the release, the recording of a terminal, a build (words, address)."""
    found: dict[str, str] = {}
    for kind, key, name in (
        (event.object_type, event.object_id, event.object_name),
        (event.parent_type, event.parent_id, ""),
    ):
        pattern = PAGES.get(kind, "")
        if pattern and key and ("{name}" not in pattern or name) and "{parent}" not in pattern:
            found.setdefault(pattern.format(id=key, name=name), f"{KINDS.get(kind, kind)} {name or f'#{key}'}")
    after = event.after if isinstance(event.after, dict) else {}
    for name, (word, address) in RELATED.items():
        number = after.get(name)
        if isinstance(number, int) and not isinstance(number, bool):
            found.setdefault(address.format(number), f"{word} #{number}")
    return [(words, address) for address, words in found.items()]
