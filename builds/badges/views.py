"""Badges for everybody who knows their address, and the verbs of the page."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from builds.badges import services
from builds.badges.svg import badge
from builds.models import Project
from xqplatform.accounts.http import ActorRequest
from xqplatform.accounts.visibility import get_visible

SECONDS = 60  # that others may keep it


def picture(label: str, text: str, tone: str, status: int = 200) -> HttpResponse:
    response = HttpResponse(badge(label, text, tone), content_type="image/svg+xml; charset=utf-8", status=status)
    response["Cache-Control"] = f"public, max-age={SECONDS}"
    response["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
    return response


def unknown() -> HttpResponse:
    return picture("badge", "unknown", "off", 404)


@login_not_required
@require_GET
def build(request: HttpRequest, key: str) -> HttpResponse:
    """How the newest build of a branch (`branch`; else the project's own) went."""
    with translation.override(settings.LANGUAGE_CODE):
        project = services.project_of(key)
        if project is None:
            return unknown()
        branch = request.GET.get("branch", "").replace("\0", "")[:120]
        return picture(f"build {branch}".strip(), *services.build_words(project, branch))


@require_POST
def change(request: ActorRequest, name: str) -> HttpResponse:
    project = get_visible(request.actor, Project, name=name)
    if request.POST.get("do") == "remove":
        services.remove(request.actor, project)
    else:
        renew = request.POST.get("do") == "renew"
        services.save(request.actor, project, public=request.POST.get("public") == "1", renew=renew)
    messages.success(request, _("Saved."))
    return redirect("builds:forge", project.name)
