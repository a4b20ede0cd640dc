"""Images: the tree of base images, one blueprint with its versions, one image."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from builds import guards
from builds.dockerfile import lint, lint_script
from builds.forms import BlueprintForm
from builds.models import Blueprint, Image
from builds.place import at
from builds.services import blueprints as verbs
from builds.services.builds import start_base_build
from builds.services.images import discard_image
from xqplatform.accounts.http import ActorRequest, put_refusal
from xqplatform.accounts.rights import can
from xqplatform.accounts.visibility import get_visible, visible
from xqplatform.errors import Refused
from xqplatform.web.tables import Table


@require_GET
def images(request: ActorRequest) -> HttpResponse:
    """The tree, and below it the images that were built."""
    table = Table(
        request,
        visible(request.actor, Image).select_related("project", "blueprint", "registry", "only_on", "parent", "build"),
        search=["tag", "repository", "digest", "revision__startswith"],
        sorts={"image": ("repository", "tag"), "size": "size", "made": "created", "state": "state"},
        default="-made",
    )
    context = {
        "tree": verbs.tree(),
        "others": visible(request.actor, Blueprint).filter(base=False).select_related("parent", "team"),
        "table": table,
        "may": can(request.actor, "base_image.manage"),
    }
    return render(request, "builds/images.html", context)


@require_GET
def image(request: ActorRequest, pk: int) -> HttpResponse:
    row = get_visible(
        request.actor,
        Image.objects.select_related("project", "blueprint", "registry", "only_on", "parent", "build", "imported"),
        pk=pk,
    )
    words: list[str] = []
    for words_of in guards.RUNNING_WORDS:
        words += words_of([row]).get(row.pk, [])
    if row.project is not None:
        may = can(request.actor, "image.discard", **at(row.project))
    else:
        may = can(request.actor, "base_image.manage")
    context = {
        "image": row,
        "running": words,
        "needed": guards.reason_to_keep(row) if row.state == Image.State.DEPLOYABLE else None,
        "may": may,
        "children": visible(request.actor, row.children.all()).select_related("project")[:50],
    }
    return render(request, "builds/image.html", context)


@require_POST
def discard(request: ActorRequest, pk: int) -> HttpResponse:
    row = get_visible(request.actor, Image, pk=pk)
    try:
        discard_image(request.actor, row, request.POST.get("reason", "")[:1000])
        messages.success(request, _("The image is discarded: its manifest is deleted in the registry."))
    except Refused as refusal:
        messages.error(request, refusal.message)
    return redirect("builds:image", pk)


@require_GET
def blueprint(request: ActorRequest, name: str) -> HttpResponse:
    """One blueprint: the Dockerfile it makes, its images, its versions and what changed between two of them."""
    row = get_visible(request.actor, Blueprint.objects.select_related("parent", "team"), name=name)
    made = verbs.rendered(row)
    versions = list(row.versions.all()[:50])
    new = _version(versions, request.GET.get("new", ""), 0)
    old = _version(versions, request.GET.get("old", ""), 1)
    uses = (
        visible(request.actor, Image)
        .filter(parent__blueprint=row, state=Image.State.DEPLOYABLE)
        .select_related("project", "blueprint")
    )
    context = {
        "blueprint": row,
        "dockerfile": made.dockerfile,
        "warnings": lint(made.dockerfile),
        "script_warnings": lint_script(row.static_script),
        "ancestors": list(reversed(verbs.ancestors(row))),
        "children": visible(request.actor, row.children.all()),
        "images": row.images.filter(project=None).select_related("registry", "build")[:20],
        "uses": uses.order_by("-id")[:50],
        "versions": versions,
        "old": old,
        "new": new,
        "difference": _difference(old, new),
        "may": _may(request, row),
    }
    return render(request, "builds/blueprint.html", context)


def _version(versions: list[Any], asked: str, otherwise: int) -> Any:
    found = [v for v in versions if str(v.version) == asked]
    return found[0] if found else (versions[otherwise] if len(versions) > otherwise else None)


def _difference(old: Any, new: Any) -> list[tuple[str, str]]:
    """Lines of the diff with their kind: ins, del, head or empty."""
    if old is None or new is None:
        return []
    kinds = {"+": "ins", "-": "del", "@": "head"}
    return [(kinds.get(line[:1], ""), line) for line in verbs.difference(old.content, new.content).splitlines()[2:]]


def _may(request: ActorRequest, row: Blueprint) -> bool:
    if row.base:
        return can(request.actor, "base_image.manage")
    return can(request.actor, "blueprint.change", team_id=row.team_id)


@require_http_methods(["GET", "POST"])
def edit(request: ActorRequest, name: str = "") -> HttpResponse:
    """A new blueprint, or the next version of one."""
    row = get_visible(request.actor, Blueprint, name=name) if name else None
    form = BlueprintForm(request.actor, request.POST or None, blueprint=row)
    if request.method == "POST" and form.is_valid():
        try:
            saved = verbs.save_blueprint(request.actor, row, form.cleaned_data)
            return redirect("builds:blueprint", saved.name)
        except Refused as refusal:
            put_refusal(form, refusal)
    context = {"form": form, "blueprint": visible(request.actor, Blueprint).filter(pk=row.pk).first() if row else None}
    return render(request, "builds/blueprint_form.html", context, status=400 if form.errors else 200)


@require_POST
def build_base(request: ActorRequest, name: str) -> HttpResponse:
    row = get_visible(request.actor, Blueprint, name=name)
    try:
        return redirect("builds:build", start_base_build(request.actor, row).pk)
    except Refused as refusal:
        messages.error(request, refusal.message)
        return redirect("builds:blueprint", name)


@require_POST
def remove(request: ActorRequest, name: str) -> HttpResponse:
    row = get_visible(request.actor, Blueprint, name=name)
    try:
        verbs.remove_blueprint(request.actor, row)
    except Refused as refusal:
        messages.error(request, refusal.message)
        return redirect("builds:blueprint", name)
    messages.success(request, _("The blueprint is removed."))
    return redirect("builds:images")
