"""Where forges call, and the page of a project's forge: its set-up, and what came."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST

from builds.badges import services as badges
from builds.forges import noting, receiving, services
from builds.forges.forms import ForgeForm
from builds.models import Forge, ForgeDelivery, ForgeStatus, Project
from builds.place import at
from xqplatform.accounts.http import ActorRequest, actor_of, put_refusal
from xqplatform.accounts.rights import can
from xqplatform.accounts.visibility import get_visible, visible
from xqplatform.errors import Refused
from xqplatform.web.tables import Filter, Table


@csrf_exempt
@login_not_required
@never_cache
@require_POST
def incoming(request: HttpRequest, key: str) -> HttpResponse:
    """A forge tells of something. Its secret proves it; the key in the address only says which project."""
    with translation.override(settings.LANGUAGE_CODE):
        forge = visible(actor_of(request), Forge).select_related("project").filter(key=key).first()
        if forge is None:
            return _answer(404, _("There is no such address."))
        body = _body(request)
        if body is None:
            words = _("The body is larger than %(n)d MiB.") % {"n": receiving.LARGEST >> 20}
            noting.turned_away(forge, 413, words, actor_of(request).ip)
            return _answer(413, words)
        reply = receiving.receive(forge, request.headers, body, actor_of(request).ip)
    return _answer(reply.status, reply.words, reply.delivery)


def _body(request: HttpRequest) -> bytes | None:
    """None when it is too large, which is known before it is read if it says how large it is."""
    length = request.META.get("CONTENT_LENGTH") or "0"
    if length.isascii() and length.isdigit() and (len(length) > 12 or int(length) > receiving.LARGEST):
        return None
    body: bytes = request.read(receiving.LARGEST + 1)
    return body if len(body) <= receiving.LARGEST else None


def _answer(status: int, words: str, delivery: int | None = None) -> HttpResponse:
    response = JsonResponse({"words": words, "delivery": delivery}, status=status)
    if status == 429:
        response["Retry-After"] = "60"
    return response


def address_of(request: HttpRequest, forge: Forge) -> str:
    """Where the forge has to call, as it reaches the platform."""
    return _outside(request, reverse("builds:forge_incoming", args=[forge.key]))


def _outside(request: HttpRequest, path: str) -> str:
    return f"{settings.PUBLIC_URL}{path}" if settings.PUBLIC_URL else request.build_absolute_uri(path)


@never_cache
@require_http_methods(["GET", "POST"])
def show(request: ActorRequest, name: str) -> HttpResponse:
    project = get_visible(request.actor, Project.objects.select_related("team"), name=name)
    if request.method == "GET":
        return _page(request, project)
    form = ForgeForm(request.POST)
    if form.is_valid():
        try:
            _row, secret = services.save(request.actor, project, form.cleaned_data)
            if secret:
                return _page(request, project, secret=secret)
            messages.success(request, _("Saved."))
            return redirect("builds:forge", project.name)
        except Refused as refusal:
            put_refusal(form, refusal)
    else:
        services.may(request.actor, project)
    return _page(request, project, form)


def _page(request: ActorRequest, project: Project, form: ForgeForm | None = None, *, secret: str = "") -> HttpResponse:
    row = services.of(project)
    table = Table(
        request,
        visible(request.actor, ForgeDelivery).filter(forge__project=project).select_related("build"),
        search=["name", "revision__startswith", "sender", "words"],
        sorts={"received": "id", "state": "state", "name": "name"},
        default="-received",
        filters={
            "state": Filter(gettext_lazy("State"), ForgeDelivery.State.choices, "state"),
            "kind": Filter(gettext_lazy("Kind"), ForgeDelivery.Kind.choices, "kind"),
        },
    )
    context = {
        "project": project,
        "forge": row,
        "form": form or ForgeForm(initial=services.shown(row) if row else {"branches": "*", "tags": "*"}),
        "table": table,
        "secret": secret,
        "address": address_of(request, row) if row else "",
        "may": can(request.actor, services.RIGHT, **at(project)),
        "topic": f"forge:{project.pk}",
        "statuses": visible(request.actor, ForgeStatus).filter(forge__project=project)[:20],
        **_badges(request, project),
    }
    return render(request, "builds/forge.html", context, status=400 if form is not None and form.errors else 200)


def _badges(request: HttpRequest, project: Project) -> dict[str, Any]:
    badge = badges.of(project)
    found = badges.paths(badge) if badge is not None else []
    return {"badge": badge, "badges": [(title, path, _outside(request, path)) for title, path in found]}


@never_cache
@require_POST
def renew(request: ActorRequest, name: str) -> HttpResponse:
    """Another secret, shown this once."""
    project = get_visible(request.actor, Project.objects.select_related("team"), name=name)
    return _page(request, project, secret=services.renew(request.actor, project))


@require_POST
def remove(request: ActorRequest, name: str) -> HttpResponse:
    project = get_visible(request.actor, Project, name=name)
    services.remove(request.actor, project)
    return redirect("builds:forge", project.name)
