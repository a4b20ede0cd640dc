"""The answer of page and API to who takes a report along."""

from __future__ import annotations

from django.http import HttpResponse

from xqplatform.audit.reports import services


def answer(content: bytes, month: str, form: services.Form) -> HttpResponse:
    """The file as a download."""
    found = HttpResponse(content, content_type=services.TYPES[form])
    found["Content-Disposition"] = f'attachment; filename="audit-{month}.{form}"'
    return found
