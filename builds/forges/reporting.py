"""What a forge's row has to say so that commit statuses can be sent there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from django.utils.translation import gettext as _

from builds.forges import dialects
from builds.models import Forge
from xqplatform.errors import Refused


def fill(row: Forge, data: Mapping[str, Any], *, new: bool) -> None:
    """Puts report, api, repository and token (empty: stays) into the row. Raises Refused with the field."""
    before = row.api
    if new or not row.api:
        row.api, row.repository = dialects.guess(row.kind, row.project.repository)
    if data.get("api"):
        row.api = _address(data["api"])
    if data.get("repository"):
        row.repository = _name(data["repository"])
    token = data.get("token") or ""
    if not isinstance(token, str) or len(token) > 500 or (token and not (token.isascii() and token.isprintable())):
        raise Refused(_("This cannot be a token."), "token", 400)
    if token:
        row.token = token.strip()
    elif before and row.api != before:
        row.token = ""  # a token is for the place it was given for
    if "report" in data:
        row.report = data["report"] is True
    for field in ("api", "repository", "token"):
        if row.report and not getattr(row, field):
            raise Refused(_("This is needed to send commit statuses."), field, 400)


def _address(value: Any) -> str:
    words = _("An address such as https://git.example.com/api/v4, without a name and password in it.")
    if not isinstance(value, str) or len(value) > 250 or not value.strip().isprintable():
        raise Refused(words, "api", 400)
    text = value.strip().rstrip("/")
    try:
        parts = urlsplit(text)
        fine = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        fine = False
    if not fine or "@" in parts.netloc or parts.query or parts.fragment or " " in text or not text.isascii():
        raise Refused(words, "api", 400)
    return text


def _name(value: Any) -> str:
    text = value.strip().strip("/") if isinstance(value, str) else ""
    if len(text) > 250 or not dialects.REPOSITORY.fullmatch(text) or any(p in {".", ".."} for p in text.split("/")):
        raise Refused(_("The repository's name there, such as team/service."), "repository", 400)
    return text
