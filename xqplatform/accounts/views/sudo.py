"""The short page that asks again, in the way of a dangerous verb. What was typed goes along and on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import auth, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from xqplatform.accounts import sudo
from xqplatform.accounts.http import ActorRequest

NOT_CARRIED = {"csrfmiddlewaretoken", *sudo.FIELDS}


def own_path(path: str) -> str:
    """The path, if it is one of ours; empty otherwise."""
    return path if path.startswith("/") and url_has_allowed_host_and_scheme(path, allowed_hosts=None) else ""


class SudoMiddleware:
    """Behind the check of the CSRF token: what is carried on was ours when it came."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponse | None:
        if not request.user.is_authenticated:
            return None
        if not sudo.dangerous(request) or sudo.fresh(request):
            return None
        if request.method == "POST" and sudo.offered(request):
            if sudo.prove(request):
                return None
            return _wrong(request, lambda: _ask(request, error=_words()))
        return _ask(request)


def _words() -> str:
    return _("That was wrong. Try again.")


def _wrong(request: HttpRequest, ask: Callable[[], HttpResponse]) -> HttpResponse:
    """Asks again, or ends the session of who guesses."""
    if not sudo.too_many(request):
        return ask()
    auth.logout(request)
    messages.error(request, _("Too many wrong answers: sign in again."))
    response = redirect("accounts:login")
    return HttpResponse(headers={"HX-Redirect": response.url}) if request.headers.get("HX-Request") else response


def _ask(request: HttpRequest, error: str = "") -> HttpResponse:
    """Of a POST the same address again, with everything that was typed; of a GET one that leads back there."""
    posted = request.method == "POST"
    carried = [(n, v) for n, values in request.POST.lists() if n not in NOT_CARRIED for v in values] if posted else []
    return _page(request, request.get_full_path(), carried, error, posted=posted)


def _page(request: HttpRequest, path: str, carried: list[tuple[str, str]], error: str, *, posted: bool) -> HttpResponse:
    context = {
        "posted": posted,
        "path": path,
        "carried": carried,
        "error": error,
        "field": sudo.FIELD,
        "passkey_field": sudo.PASSKEY,
        "has_password": request.user.has_usable_password(),  # type: ignore[union-attr]
    }
    for offer in sudo.OFFERS:
        context |= offer(request)
    partial = bool(request.headers.get("HX-Request"))
    response = render(request, "accounts/sudo.html", context, status=200 if partial else 403)
    if partial:  # the whole page gives way to the question; an ordinary form leads on from there
        response["HX-Retarget"], response["HX-Reswap"], response["HX-Push-Url"] = "body", "innerHTML", "false"
    response["Cache-Control"] = "no-store"
    return response


@never_cache
@require_POST
def sudo_confirm(request: ActorRequest) -> HttpResponse:
    """Before something is read: the proof, then the way there."""
    path = own_path(request.POST.get("next", "")) or "/"
    if sudo.fresh(request) and not sudo.offered(request):  # shown meanwhile in another tab
        return redirect(path)
    if sudo.prove(request):
        return redirect(path)
    return _wrong(request, lambda: _page(request, path, [], _words(), posted=False))


@never_cache
@require_GET
def sudo_done(request: ActorRequest) -> HttpResponse:
    """Where somebody ends who went to a provider from a page that keeps what they typed: in a tab of its own."""
    return render(request, "accounts/sudo_done.html", {"fresh": sudo.fresh(request)})
