"""Whoever needs a second factor and has none gets no further than to where one is set up."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.urls import Resolver404, resolve
from django.utils.translation import gettext as _

from xqplatform import audit
from xqplatform.accounts.models import User
from xqplatform.accounts.signin import policy, services


class SecondFactorMiddleware:
    """Behind PersonMiddleware and, like it, synchronous: no further change of threads.

    A bearer token is no session: the API's own authentication comes later and is not asked here.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        user = request.user
        if isinstance(user, User) and services.must_set_up(user) and not policy.may_pass(_view_name(request)):
            return self.refusal(request)
        return self.get_response(request)

    def refusal(self, request: HttpRequest) -> HttpResponse:
        """The way for a page, words for a script."""
        if request.method not in {"GET", "HEAD"}:
            audit.record(request.actor, "signin.held", None, denied=True, after={"path": request.path[:200]})  # type: ignore[attr-defined]
        text = _("Set up a second factor first: your role needs one.")
        if request.path.startswith("/api/"):
            return JsonResponse({"error": text, "field": None}, status=403)
        if request.method in {"GET", "HEAD"} and not request.headers.get("HX-Request"):
            return redirect("mfa_index")
        response = HttpResponse(text, status=403, content_type="text/plain; charset=utf-8")
        response["HX-Redirect"] = "/account/signing-in/"
        return response


def _view_name(request: HttpRequest) -> str:
    try:
        return resolve(request.path_info).view_name
    except Resolver404:
        return ""
