"""Ends sessions whose time is over, puts the actor on the request, and the person's language and time zone into effect."""

from __future__ import annotations

import zoneinfo
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils import timezone, translation

from xqplatform.accounts.actor import Actor
from xqplatform.accounts.sessions import streams, verbs


class PersonMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        verbs.look(request)
        request.actor = Actor.of_request(request)  # type: ignore[attr-defined]
        user = request.user
        if user.is_authenticated:
            if user.language:
                translation.activate(user.language)
                request.LANGUAGE_CODE = translation.get_language()
            try:
                timezone.activate(zoneinfo.ZoneInfo(user.time_zone))
            except (zoneinfo.ZoneInfoNotFoundError, ValueError):
                timezone.deactivate()
        response = self.get_response(request)
        streams.guard(request, response)
        timezone.deactivate()
        return response
