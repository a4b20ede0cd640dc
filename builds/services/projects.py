"""The verbs of projects: a repository, and how its image is made."""

from __future__ import annotations

import json
import posixpath
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from builds.git import Source, check_url
from builds.models import Blueprint, Project, Registry
from builds.place import at
from builds.services.checks import clean, string_map, text
from builds.tags import REPOSITORY
from xqplatform import audit, live
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.models import Team
from xqplatform.accounts.rights import require
from xqplatform.accounts.visibility import visible
from xqplatform.errors import Refused

_SHOWN = (
    "name",
    "repository",
    "repository_user",
    "subfolder",
    "dockerfile",
    "network",
    "default_branch",
    "build_arguments",
)


def save_project(actor: Actor, project: Project | None, data: dict[str, Any]) -> Project:
    """Makes or changes a project. Raises Denied, and Refused with the field.

    Keys that are not in `data` stay as they are. `team`, `blueprint`, `registry`: a row, its key, or None.
    `build_arguments`: a mapping or lines NAME=value. `build_secrets`: the same; None keeps the stored ones, and a value
    that is empty keeps the stored value of that name. `repository_password`: empty keeps it.
    """
    row = project or Project()
    if project is not None:
        require(actor, "project.change", **at(project), obj=project)
    team = _row(Team.objects.all(), data.get("team", row.team), "team")
    if project is None or (team and team.pk) != project.team_id:
        require(actor, "project.change", team_id=team.pk if team else None, obj=project)
    before = _shown(row) if project else {}
    row.team = team
    row.name = text(data, "name", default=row.name)
    row.repository = text(data, "repository", default=row.repository, longest=500)
    row.repository_user = text(data, "repository_user", default=row.repository_user)
    row.subfolder = text(data, "subfolder", default=row.subfolder).strip("/")
    row.dockerfile = text(data, "dockerfile", default=row.dockerfile).lstrip("/") or "Dockerfile"
    row.network = text(data, "network", default=row.network)
    row.default_branch = text(data, "default_branch", default=row.default_branch) or "main"
    row.blueprint = _row(visible(actor, Blueprint), data.get("blueprint", row.blueprint), "blueprint")
    row.registry = _row(Registry.objects.all(), data.get("registry", row.registry), "registry")
    if "build_arguments" in data:
        row.build_arguments = string_map(data["build_arguments"], "build_arguments")
    password = text(data, "repository_password", strip=False)
    if password:
        row.repository_password = password
    elif project is not None and row.repository_password and before.get("repository") != row.repository:
        row.repository_password = ""  # a password is for the place it was given for
    secrets = _secrets(row, data)
    _check(row)
    clean(row, exclude=["build_arguments", "team"])
    with transaction.atomic():
        row.save()
        old, new = audit.changed(before, _shown(row))
        if password:
            new["repository_password"] = "•••"  # noqa: S105
        if secrets:
            new["build_secrets"] = sorted(json.loads(row.build_secrets or "{}"))
        audit.record(actor, "project.change" if project else "project.create", row, before=old, after=new)
        live.bump("services")
    return row


def _check(row: Project) -> None:
    if not REPOSITORY.fullmatch(row.name):
        raise Refused(
            _("A name has lower-case letters, digits and single dashes, as registries want it."), field="name", code=400
        )
    problem = check_url(row.repository) if row.repository else None
    if problem:
        raise Refused(problem, field="repository", code=400)
    if _has_password(row):
        raise Refused(_("Give the password in its own field, where it is encrypted."), field="repository", code=400)
    for key in ("subfolder", "dockerfile"):
        value = getattr(row, key)
        if value and (posixpath.normpath(value) != value or value.startswith("..")):
            raise Refused(_("A path inside the repository, without «..»."), field=key, code=400)
    if any(char.isspace() or char in "~^:?*[\\" for char in row.default_branch) or ".." in row.default_branch:
        raise Refused(_("This cannot be the name of a branch."), field="default_branch", code=400)
    if row.blueprint is not None and row.blueprint.base:
        raise Refused(_("A base image is a parent of blueprints, not a project's own."), field="blueprint", code=400)


def _has_password(row: Project) -> bool:
    scheme, mark, rest = row.repository.partition("://")
    place = rest.partition("/")[0]
    return bool(mark) and scheme.lower() in {"http", "https"} and ":" in place.rpartition("@")[0]


def _secrets(row: Project, data: dict[str, Any]) -> bool:
    """Puts the secrets of the input into the row; whether they changed."""
    if data.get("build_secrets") is None:
        return False
    given = string_map(data["build_secrets"], "build_secrets")
    stored = secrets_of(row)
    kept = {name: value or stored.get(name, "") for name, value in given.items()}
    for name, value in kept.items():
        if len(value) < 4:
            raise Refused(_("The secret %s needs 4 characters or more.") % name, field="build_secrets", code=400)
    row.build_secrets = json.dumps(kept) if kept else ""
    return kept != stored


def secrets_of(project: Project) -> dict[str, str]:
    """The build secrets, decrypted: only for the build itself."""
    found: dict[str, str] = json.loads(project.build_secrets) if project.build_secrets else {}
    return found


def source_of(project: Project) -> Source:
    """Where the project's repository is. Raises Refused when it has none."""
    if not project.repository:
        raise Refused(_("The project has no repository."), field="repository")
    return Source(project.repository, project.repository_user, project.repository_password)


def _shown(row: Project) -> dict[str, Any]:
    shown: dict[str, Any] = {key: getattr(row, key) for key in _SHOWN}
    for key in ("team", "blueprint", "registry"):
        value = getattr(row, key)
        shown[key] = str(value) if value else ""
    return shown


def _row(rows: Any, value: Any, field: str) -> Any:
    if value is None or value == "" or isinstance(value, rows.model):
        return value or None
    found = rows.filter(pk=value).first() if str(value).isascii() and str(value).isdigit() else None
    if found is None:
        raise Refused(_("There is no such %s.") % field, field=field, code=400)
    return found
