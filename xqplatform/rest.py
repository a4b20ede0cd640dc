"""What the routers of all apps share: the shape of errors and of «accepted, look here»."""

from __future__ import annotations

import json
import math
from typing import Any

from django.http import HttpRequest
from django.utils.datastructures import MultiValueDict
from django.utils.translation import gettext as _
from ninja import Schema, Status
from ninja.parser import Parser

from xqplatform.errors import Refused

BIGGEST = 2**63 - 1  # what a column of the database holds


class ErrorOut(Schema):
    """Every error: the reason in a sentence, and the field that it is about (null: none in particular)."""

    error: str
    field: str | None = None


class AcceptedOut(Schema):
    """Long work goes on after the answer; `url` is where the API shows it, `page` where a person does."""

    id: int
    state: str
    url: str
    page: str


def accepted(row: Any, url: str, page: str) -> Status[dict[str, Any]]:
    """202 with the way to the row that the work writes into. Declare it as `response={202: AcceptedOut}`."""
    return Status(202, {"id": row.pk, "state": str(row.state), "url": url, "page": page})


def check(value: Any, field: str | None = None, depth: int = 0) -> None:
    """Raises Refused (400) for what no column takes: NUL characters, half surrogates, numbers that are too large."""
    if depth > 50:
        raise Refused(_("The body is nested too deeply."), field, 400)
    if isinstance(value, str):
        if "\x00" in value:
            raise Refused(_("NUL characters are not allowed."), field, 400)
        if any("\ud800" <= c <= "\udfff" for c in value):
            raise Refused(_("This is not valid Unicode."), field, 400)
    elif isinstance(value, bool) or value is None:
        return
    elif isinstance(value, int):
        if abs(value) > BIGGEST:
            raise Refused(_("This number is too large."), field, 400)
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise Refused(_("This is not a finite number."), field, 400)
    elif isinstance(value, dict):
        for key, item in value.items():
            check(key, None, depth + 1)
            check(item, f"{field}.{key}" if field else str(key), depth + 1)
    elif isinstance(value, list):
        for item in value:
            check(item, field, depth + 1)


TYPES = {"application/json", "application/merge-patch+json"}


class StrictParser(Parser):
    """JSON that the database can hold; says what is wrong with any other."""

    def parse_body(self, request: HttpRequest) -> Any:
        if not request.body.strip():
            return {}  # a call without a body says nothing; where fields are needed, they are then missing
        if request.content_type not in TYPES:
            words = _("The body's type is «%(type)s»: send application/json.")
            raise Refused(words % {"type": (request.content_type or "")[:60]}, None, 415)
        try:
            data = json.loads(request.body)
        except (ValueError, RecursionError) as error:
            raise Refused(_("The body is not valid JSON: %(error)s") % {"error": error}, None, 400) from error
        check(data)
        return data

    def parse_querydict(self, data: MultiValueDict, list_fields: list[str], request: HttpRequest) -> Any:
        found = super().parse_querydict(data, list_fields, request)
        check(found)
        return found
