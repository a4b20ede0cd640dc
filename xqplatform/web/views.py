"""Pages that belong to no app: home, search, what a refusal or an error looks like."""

from __future__ import annotations

import logging
from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.db import connection
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import redirect, render
from django.urls import is_valid_path
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import check_for_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from containers.services.sample import make_sample
from xqplatform.accounts.http import actor_of
from xqplatform.web import dashboard
from xqplatform.web.search import find

log = logging.getLogger(__name__)


@login_not_required
@require_GET
def healthz(request: HttpRequest) -> HttpResponse:
    """200 when this process answers and reaches its database: for supervisors and load balancers."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except Exception as error:
        log.warning("healthz: %s", error)
        return JsonResponse({"ok": False, "database": "unreachable"}, status=503)
    return JsonResponse({"ok": True})


@require_GET
def home(request: HttpRequest) -> HttpResponse:
    return render(request, "web/home.html", dashboard.build(request.actor))  # type: ignore[attr-defined]


@require_GET
def search(request: HttpRequest) -> HttpResponse:
    """Goes straight to what was named if it is one thing, else lists what fits."""
    q = request.GET.get("q", "").replace("\x00", "").strip()[:200]
    found = find(actor_of(request), q)
    exact = [hit for hit in found if hit.exact]
    if len(exact) == 1 or (len(found) == 1 and q):
        return redirect((exact or found)[0].url)
    return render(request, "web/search.html", {"q": q, "hits": found})


@require_GET
def hits(request: HttpRequest) -> HttpResponse:
    """The list under the Ctrl-K box."""
    q = request.GET.get("q", "").replace("\x00", "").strip()[:200]
    return render(request, "web/_hits.html", {"q": q, "hits": find(actor_of(request), q, limit=12)})


@require_POST
def sample(request: HttpRequest) -> HttpResponse:
    """The newcomer's second step: the sample service, made by one click."""
    service = make_sample(request.actor)  # type: ignore[attr-defined]
    messages.success(request, _("The service %(name)s is there. Build it now.") % {"name": service.slug})
    return redirect("web:home")


@login_not_required
@require_POST
def set_language(request: HttpRequest) -> HttpResponse:
    """Keeps the language in the person's row, or in a cookie for someone who is not signed in."""
    language = request.POST.get("language", "")
    target = request.POST.get("next", "/")
    if not url_has_allowed_host_and_scheme(target, {request.get_host()}, request.is_secure()):
        target = "/"
    response = HttpResponseRedirect(target)
    if language in dict(settings.LANGUAGES) and check_for_language(language):
        if request.user.is_authenticated:
            request.user.language = language
            request.user.save(update_fields=["language"])
        response.set_cookie(settings.LANGUAGE_COOKIE_NAME, language, max_age=365 * 86400, samesite="Lax")
    return response


def refused(request: HttpRequest, message: str, code: int) -> HttpResponse:
    """A refusal with its reason: a page, or for htmx a text that the page shows as a note."""
    if request.headers.get("HX-Request"):
        response = HttpResponse(message, status=code, content_type="text/plain; charset=utf-8")
        response["X-Reason"] = quote(message[:500])
        return response
    heading = _("You may not do this") if code == 403 else _("This was not done")
    return _page(request, code, heading, message, "lock" if code == 403 else "hand-stop")


def _page(request: HttpRequest, code: int, heading: str, message: str, icon: str) -> HttpResponse:
    context: dict[str, Any] = {"code": code, "error_heading": heading, "message": message, "error_icon": icon}
    return render(request, "web/error.html", context, status=code)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    if request.path.startswith("/api/"):
        return JsonResponse({"error": _("There is nothing at this address."), "field": None}, status=404)
    text = _("There is no page at this address, or what it showed has been removed.")
    return _page(request, 404, _("Nothing here"), text, "map-pin")


def only_forms(request: HttpRequest) -> HttpResponse:
    """Who opens the address that a form is sent to: after a reload, or a log-in in between. The page above it is offered."""
    text = _("This address only takes what a form sends. Nothing was changed: open the page that the form is on.")
    parts = request.path.strip("/").split("/")[:-1]
    above = (f"/{'/'.join(parts[:count])}/" for count in range(len(parts), 0, -1))
    back = next((path for path in above if is_valid_path(path)), "")
    context = {
        "code": 405,
        "error_heading": _("Nothing to see here"),
        "message": text,
        "error_icon": "click",
        "back": back,
    }
    return render(request, "web/error.html", context, status=405)


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return refused(request, str(exception or "") or _("You do not have the right for this."), 403)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    text = _("This form is too old or came from another site. Go back, reload the page and send it again.")
    return refused(request, text, 403)


def broken(request: HttpRequest, *args: Any) -> HttpResponse:
    """A mistake of ours. Uses nothing that may be broken too: no rows, no session."""
    from django.template.loader import render_to_string

    request_id = getattr(request, "request_id", "")
    if request.path.startswith("/api/"):
        return JsonResponse({"error": _("The platform made a mistake."), "request_id": request_id}, status=500)
    return HttpResponse(render_to_string("web/broken.html", {"request_id": request_id}), status=500)
