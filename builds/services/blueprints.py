"""The verbs of blueprints, and the tree that base images form."""

from __future__ import annotations

import difflib
import hashlib
import json
import posixpath
import re
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.db.models import Count, ProtectedError, Q
from django.utils.translation import gettext as _

from builds.dockerfile import File, Recipe, Rendered, render
from builds.models import Blueprint, BlueprintVersion, Image
from builds.services.checks import clean, text
from builds.tags import REPOSITORY
from xqplatform import audit, live
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.models import Team
from xqplatform.accounts.rights import require
from xqplatform.accounts.visibility import visible
from xqplatform.errors import Refused

_MODE = re.compile(r"0?[0-7]{3}")


def save_blueprint(actor: Actor, blueprint: Blueprint | None, data: dict[str, Any]) -> Blueprint:
    """Makes a blueprint or its next version. Raises Denied, and Refused with the field.

    `parent`: a base blueprint, its key or its name; or `parent_reference`: an image outside the tree. `files`: a list of
    {"path", "text", "mode"}. Keys that are not there stay as they are.
    """
    row = blueprint or Blueprint()
    if blueprint is not None:
        _require(actor, blueprint.base, blueprint.team_id, blueprint)
    base = bool(data.get("base", row.base))
    team = _find(Team.objects.all(), data.get("team", row.team), "team", "slug")
    _require(actor, base, team.pk if team else None, blueprint)
    before = content_of(row) if blueprint else {}
    if blueprint is not None and base != row.base:
        raise Refused(_("A blueprint stays what it is: make another one."), field="base", code=400)
    row.base, row.team = base, team
    name = text(data, "name", default=row.name)
    if blueprint is not None and name != row.name:
        raise Refused(_("The name is in the tags of its images, and stays."), field="name", code=400)
    row.name = name
    row.parent = _find(visible(actor, Blueprint), data.get("parent", row.parent), "parent", "name")
    row.parent_reference = text(data, "parent_reference", default=row.parent_reference)
    row.static_script = text(data, "static_script", default=row.static_script, longest=200_000).replace("\r\n", "\n")
    row.runtime_script = text(data, "runtime_script", default=row.runtime_script, longest=200_000).replace("\r\n", "\n")
    if "files" in data:
        row.files = _files(data["files"])
    _check(row)
    clean(row, exclude=["files"])
    after = content_of(row)
    with transaction.atomic():
        if blueprint is not None:
            Blueprint.objects.select_for_update().get(pk=row.pk)
            if after != before:
                newest = row.versions.first()
                row.version = (newest.version if newest else row.version) + 1
        row.save()
        if blueprint is None or after != before:
            BlueprintVersion.objects.create(blueprint=row, version=row.version, content=after, author=actor.name)
        old, new = audit.changed(
            {"version": row.version - 1, **before} if blueprint else {}, {"version": row.version, **after}
        )
        audit.record(actor, "blueprint.change" if blueprint else "blueprint.create", row, before=old, after=new)
        live.bump("builds")
    return row


def remove_blueprint(actor: Actor, blueprint: Blueprint) -> None:
    """Removes a blueprint that nothing stands on. Raises Denied, Refused."""
    _require(actor, blueprint.base, blueprint.team_id, blueprint)
    kept = blueprint.images.exclude(state="discarded").count()
    if kept:
        raise Refused(_("%s images were made of it: discard them first.") % kept)
    with transaction.atomic():
        audit.record(actor, "blueprint.remove", blueprint, before=content_of(blueprint))
        try:
            blueprint.delete()
        except ProtectedError:
            raise Refused(_("Other blueprints or projects stand on it.")) from None
        live.bump("builds")


def content_of(blueprint: Blueprint) -> dict[str, Any]:
    """What a version keeps."""
    return {
        "parent": blueprint.parent.name if blueprint.parent else "",
        "parent_reference": blueprint.parent_reference,
        "files": blueprint.files,
        "static_script": blueprint.static_script,
        "runtime_script": blueprint.runtime_script,
    }


def content_hash(blueprint: Blueprint, parent: str = "") -> str:
    """40 hex digits that change whenever the content (or the parent image) does."""
    text_ = json.dumps([content_of(blueprint), parent], sort_keys=True)
    return hashlib.sha1(text_.encode(), usedforsecurity=False).hexdigest()


def difference(old: dict[str, Any], new: dict[str, Any]) -> str:
    """A unified diff of two versions' contents."""
    return "".join(difflib.unified_diff(_lines(old), _lines(new), _("before"), _("after"), n=3))


def _lines(content: dict[str, Any]) -> list[str]:
    out = [f"parent: {content.get('parent') or content.get('parent_reference') or ''}\n"]
    for file in sorted(content.get("files") or [], key=lambda f: str(f.get("path"))):
        out.append(f"== {file.get('path')} ({file.get('mode', '0644')})\n")
        out += [f"{line}\n" for line in str(file.get("text", "")).split("\n")]
    for key in ("static_script", "runtime_script"):
        out.append(f"== {key}\n")
        out += [f"{line}\n" for line in str(content.get(key, "")).split("\n")]
    return out


def ancestors(blueprint: Blueprint) -> list[Blueprint]:
    """The blueprint's parents, the nearest first."""
    found: list[Blueprint] = []
    at = blueprint.parent
    while at is not None and at not in found:
        found.append(at)
        at = at.parent
    return found


def newest_image(blueprint: Blueprint) -> Image | None:
    """The newest image of a base blueprint that may be built on."""
    return (
        Image.objects.filter(blueprint=blueprint, project=None, state=Image.State.DEPLOYABLE)
        .select_related("registry", "only_on")
        .order_by("-id")
        .first()
    )


def base_blueprint(name: str) -> Blueprint | None:
    """The base blueprint that `FROM java8V16` (or `java8V16:latest`) names."""
    plain = name.removesuffix(":latest")
    return Blueprint.objects.filter(base=True, name=plain).first()


def rendered(
    blueprint: Blueprint, parent: str = "", *, with_source: bool | None = None, arguments: Any = ()
) -> Rendered:
    """The Dockerfile and files of a blueprint; `parent` is the image to stand on (default: as the page shows it)."""
    shown = parent or (blueprint.parent.name if blueprint.parent else blueprint.parent_reference) or "scratch"
    recipe = Recipe(
        name=blueprint.name,
        parent=shown,
        files=tuple(File(f["path"], f.get("text", ""), f.get("mode", "0644")) for f in blueprint.files),
        static_script=blueprint.static_script,
        runtime_script=blueprint.runtime_script,
        depth=len(ancestors(blueprint)),
        with_source=not blueprint.base if with_source is None else with_source,
    )
    return render(recipe, arguments)


@dataclass
class Node:
    """A base image in the tree, with who stands on it."""

    blueprint: Blueprint
    image: Image | None
    depth: int
    children: int = 0
    projects: int = 0
    images: int = 0  # project images that were built on one of its images
    below: list[Node] = field(default_factory=list)


def tree() -> list[Node]:
    """All base blueprints, each followed by what stands on it."""
    rows = list(
        Blueprint.objects.filter(base=True)
        .select_related("parent", "team")
        .annotate(n_children=Count("children", filter=Q(children__base=True), distinct=True))
    )
    newest: dict[int, Image] = {}
    for image in Image.objects.filter(blueprint__in=rows, project=None, state="deployable").order_by("id"):
        newest[image.blueprint_id or 0] = image
    uses = dict(
        Image.objects.filter(project__isnull=False, state="deployable", parent__blueprint__in=rows)
        .values_list("parent__blueprint")
        .annotate(n=Count("id"))
    )
    projects = dict(
        Image.objects.filter(project__isnull=False, state="deployable", parent__blueprint__in=rows)
        .values_list("parent__blueprint")
        .annotate(n=Count("project", distinct=True))
    )
    below: dict[int | None, list[Blueprint]] = {}
    for row in rows:
        below.setdefault(row.parent_id, []).append(row)
    out: list[Node] = []

    def walk(parent: int | None, depth: int) -> None:
        for row in below.get(parent, []):
            out.append(
                Node(
                    row,
                    newest.get(row.pk),
                    depth,
                    getattr(row, "n_children", 0),
                    projects.get(row.pk, 0),
                    uses.get(row.pk, 0),
                )
            )
            walk(row.pk, depth + 1)

    walk(None, 0)
    return out


def _require(actor: Actor, base: bool, team_id: int | None, obj: Blueprint | None) -> None:
    if base:
        require(actor, "base_image.manage", obj=obj)
    else:
        require(actor, "blueprint.change", team_id=team_id, obj=obj)


def _check(row: Blueprint) -> None:
    if not REPOSITORY.fullmatch(row.name.lower()) or "__" in row.name:
        raise Refused(_("A name has letters, digits and single dashes or underscores."), field="name", code=400)
    if Blueprint.objects.exclude(pk=row.pk).filter(name__iexact=row.name).exists():
        raise Refused(_("This name is taken (registries do not tell case apart)."), field="name", code=400)
    if row.parent is not None:
        if not row.parent.base:
            raise Refused(_("The parent must be a base image."), field="parent", code=400)
        if row.pk and (row.parent == row or row in ancestors(row.parent)):
            raise Refused(_("The parent stands on this blueprint itself."), field="parent", code=400)
        row.parent_reference = ""
    elif not row.parent_reference:
        raise Refused(
            _("Choose a parent, or name an image outside the tree (scratch, debian:12)."), field="parent", code=400
        )
    if not re.fullmatch(r"[\w./:@-]*", row.parent_reference, re.ASCII) or row.parent_reference.startswith("-"):
        raise Refused(_("This cannot be the name of an image."), field="parent_reference", code=400)


def _files(value: Any) -> list[dict[str, str]]:
    if isinstance(value, str):
        try:
            value = json.loads(value) if value.strip() else []
        except ValueError:
            raise Refused(_("This is no JSON."), field="files", code=400) from None
    if not isinstance(value, list) or len(value) > 500:
        raise Refused(_("A list of files (path, mode, text), 500 at most."), field="files", code=400)
    out: list[dict[str, str]] = []
    for entry in value:
        if not isinstance(entry, dict):
            raise Refused(_("A list of files (path, mode, text), 500 at most."), field="files", code=400)
        path, mode, body = entry.get("path", ""), entry.get("mode") or "0644", entry.get("text", "")
        if not all(isinstance(part, str) and "\0" not in part for part in (path, mode, body)):
            raise Refused(_("A file's path, mode and text are texts."), field="files", code=400)
        if not path.startswith("/") or posixpath.normpath(path) != path or path == "/" or not path.isprintable():
            raise Refused(_("«%s» is no absolute path of a file.") % path[:200], field="files", code=400)
        if not _MODE.fullmatch(mode):
            raise Refused(_("«%s» is no file mode (0644, 0755 …).") % mode[:20], field="files", code=400)
        if any(file["path"] == path for file in out):
            raise Refused(_("«%s» is there twice.") % path, field="files", code=400)
        out.append({"path": path, "mode": mode.zfill(4), "text": body.replace("\r\n", "\n")})
    if sum(len(file["text"]) for file in out) > 5_000_000:
        raise Refused(_("The files are larger than 5 MB together."), field="files", code=400)
    return out


def _find(rows: Any, value: Any, field_: str, name: str) -> Any:
    if value is None or value == "" or isinstance(value, rows.model):
        return value or None
    query = Q(**{name: str(value)})
    if str(value).isascii() and str(value).isdigit():
        query |= Q(pk=int(value))
    found = rows.filter(query).first()
    if found is None:
        raise Refused(_("«%s» is not there.") % str(value)[:60], field=field_, code=400)
    return found
