"""A page taken along as a PDF: who took it is an event, as of a table."""

from __future__ import annotations

from django.db import transaction
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from xqplatform import audit
from xqplatform.accounts.http import actor_of
from xqplatform.errors import Refused

FORMATS = ("csv", "pdf")


def format_of(request: HttpRequest) -> str:
    """The file that is asked for; empty for the page itself. Raises Refused for another one."""
    found = request.GET.get("format", "")
    if found not in {"", *FORMATS}:
        raise Refused(_("There are the formats csv and pdf."), "format", 400)
    return found


def pdf_response(
    request: HttpRequest, name: str, content: bytes, *, rows: int, obj: Model | None = None
) -> HttpResponse:
    """`rows`: how many lines of figures it has; `obj`: what it is about, where that is one thing."""
    with transaction.atomic():
        after = {"rows": rows, "page": request.path[:200], "search": request.GET.urlencode()[:500]}
        audit.record(actor_of(request), "table.export", obj, name=name, after=after)
    answer = HttpResponse(content, content_type="application/pdf")
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer
