from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return HttpResponse("Not found", status=404)


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return HttpResponse("Forbidden", status=403)


def broken(request: HttpRequest, *args: Any) -> HttpResponse:
    return HttpResponse("Broken", status=500)
