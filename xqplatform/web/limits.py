"""How much one caller may ask of the web process: the API and the addresses that strangers may call.

Counted in the process itself (`limits`, a minute from the first call on): it guards the process, costs no round trip, and needs nothing that may be away.
Several web processes have a limit each. Log-ins have a limit of their own (by name and address), forges one a project.
"""

from __future__ import annotations

import hashlib
import math
import time

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.utils.translation import gettext as _
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

from xqplatform.web.middleware import Hybrid

LIMITED = ("/api/", "/forge/", "/badges/", "/metrics")
GUESSED = (
    "/api/",
    "/metrics",
)  # a forge is one address for many projects: one with a wrong secret shall not silence the others
_counter = FixedWindowRateLimiter(MemoryStorage())


def caller(request: HttpRequest) -> str:
    """Whose calls are counted together: a token's, a session's, else an address's. Nothing of the secret is kept.

    Where nobody asks for a token, one proves nothing: with a new one each time a caller would be a new one each time.
    """
    token = request.headers.get("Authorization", "") or request.COOKIES.get(settings.SESSION_COOKIE_NAME, "")
    if not request.path.startswith(GUESSED):
        return address(request)
    if token:
        return hashlib.sha256(token.encode()).hexdigest()[:24]
    return address(request)


def address(request: HttpRequest) -> str:
    return str(request.META.get("REMOTE_ADDR") or "")


class LimitMiddleware(Hybrid):
    """429 with the time to wait. Who guesses tokens has a new one each time: what was refused counts for the address."""

    def refusal(self, request: HttpRequest) -> HttpResponse | None:
        if not request.path.startswith(LIMITED):
            return None
        guesses, calls = (
            RateLimitItemPerMinute(settings.REFUSED_A_MINUTE),
            RateLimitItemPerMinute(settings.CALLS_A_MINUTE),
        )
        if request.path.startswith(GUESSED) and not _counter.test(guesses, "refused", address(request)):
            return _answer(guesses, "refused", address(request))
        if not _counter.hit(calls, "calls", caller(request)):
            return _answer(calls, "calls", caller(request))
        return None

    def after(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        if response.status_code == 401 and request.path.startswith(GUESSED):
            _counter.hit(RateLimitItemPerMinute(settings.REFUSED_A_MINUTE), "refused", address(request))
        return response


def _answer(limit: RateLimitItemPerMinute, *who: str) -> HttpResponse:
    wait = max(1, math.ceil(_counter.get_window_stats(limit, *who).reset_time - time.time()))
    text = _("Too many calls: at most %(n)d a minute. Wait %(wait)d s and try again.")
    response = JsonResponse({"error": text % {"n": limit.amount, "wait": wait}, "field": None}, status=429)
    response["Retry-After"] = str(wait)
    return response
