"""Request ids, and what a refusal looks like in a page."""

from __future__ import annotations

import re
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.db import DataError
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotAllowed
from django.utils.translation import gettext as _

from xqplatform.errors import Denied, Refused

GOOD_ID = re.compile(r"[A-Za-z0-9._-]{6,40}")


class Hybrid:
    """A middleware that runs in both worlds: under an async handler nothing here costs a thread."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)  # type: ignore[arg-type]

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if self.is_async:
            return self._async(request)
        self.before(request)
        return self.refusal(request) or self.after(request, self.get_response(request))

    async def _async(self, request: HttpRequest) -> HttpResponseBase:
        self.before(request)
        return self.refusal(request) or self.after(request, await self.get_response(request))

    def refusal(self, request: HttpRequest) -> HttpResponse | None:
        """An answer in the place of the page, or None."""
        return None

    def before(self, request: HttpRequest) -> None:
        """What happens on the way in."""

    def after(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """What happens on the way out."""
        return response


class RequestIdMiddleware(Hybrid):
    """One id from the caller's log through ours to the audit log: `X-Request-ID` in, or made here, and always out."""

    def before(self, request: HttpRequest) -> None:
        given = request.headers.get("X-Request-ID", "")
        request.request_id = given if GOOD_ID.fullmatch(given) else uuid.uuid4().hex[:16]  # type: ignore[attr-defined]

    def after(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        response["X-Request-ID"] = request.request_id  # type: ignore[attr-defined]
        return response


class PolicyMiddleware(Hybrid):
    """What a browser may load and run in our pages: our own files. Neither scripts nor styles may stand in the page.

    The one exception: xterm.js writes the terminal's styles into the page (`styles_in_page`).
    """

    POLICY = (
        "default-src 'self'; img-src 'self' data:; style-src 'self'; object-src 'none'; base-uri 'none'; "
        "form-action 'self'; frame-ancestors 'none'"
    )
    TERMINAL = POLICY.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'")
    # Pages and answers are of who asked: neither a browser nor a proxy keeps them (files of /static/ do not come this way).
    KEPT = "no-store"
    # An answer of the API that somebody is led to by a link is a file, whatever stands in it.
    FILE = 'attachment; filename="api.json"'
    PERMISSIONS = "camera=(), microphone=(), geolocation=(), payment=(), usb=(), serial=(), bluetooth=()"

    def after(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        policy = self.TERMINAL if getattr(response, "styles_in_page", False) else self.POLICY
        response.headers.setdefault("Content-Security-Policy", policy)
        response.headers.setdefault("Permissions-Policy", self.PERMISSIONS)
        response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        response.headers.setdefault("Cache-Control", self.KEPT)
        if request.path.startswith("/api/v1/"):
            response.headers.setdefault("Content-Disposition", self.FILE)
        return response


def styles_in_page(response: HttpResponse) -> HttpResponse:
    """Marks a page of the terminal's: its styles may be written into it."""
    response.styles_in_page = True  # type: ignore[attr-defined]
    return response


class RefusalMiddleware(Hybrid):
    """`Refused` and `Denied` that a view let pass become a page, or a message for htmx, with the reason; never a 500.

    So does a GET of an address that takes only forms: a browser shows an error of its own for an empty answer.
    """

    async def _async(self, request: HttpRequest) -> HttpResponseBase:
        response = await super()._async(request)
        return await sync_to_async(self._page)(request, response) if self._is_bare(request, response) else response

    def after(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        return self._page(request, response) if not self.is_async and self._is_bare(request, response) else response

    def _is_bare(self, request: HttpRequest, response: HttpResponseBase) -> bool:
        return (
            isinstance(response, HttpResponseNotAllowed)
            and request.method == "GET"
            and "text/html" in request.headers.get("Accept", "")
            and not request.headers.get("HX-Request")
            and not request.path.startswith("/api/")
        )

    def _page(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponse:
        from xqplatform.web.views import only_forms

        page = only_forms(request)
        page["Allow"] = response["Allow"]
        return page

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        from xqplatform.web.views import not_found, refused

        if isinstance(exception, Refused):
            return refused(request, exception.message, exception.code)
        if isinstance(exception, Denied):
            return refused(request, exception.message, 403)
        if isinstance(exception, OverflowError | DataError):  # a number that no row can have
            if request.method in {"GET", "HEAD"}:
                return not_found(request)
            return refused(request, _("A number is out of range."), 400)
        if isinstance(exception, ValueError) and "NUL" in str(exception):
            return refused(request, _("NUL characters are not allowed."), 400)
        return None
