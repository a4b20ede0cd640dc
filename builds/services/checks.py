"""What the verbs of this app share: turning bad input into a refusal with its field."""

from __future__ import annotations

import json
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Model
from django.utils.translation import gettext as _

from xqplatform.errors import Refused


def text(data: dict[str, Any], key: str, *, default: str = "", longest: int = 100_000, strip: bool = True) -> str:
    """A text of the input. Raises Refused (400) for another type, a NUL, or too much of it."""
    value = data.get(key, default)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise Refused(_("This must be a text."), field=key, code=400)
    if "\0" in value:
        raise Refused(_("A NUL character is not allowed here."), field=key, code=400)
    if len(value) > longest:
        raise Refused(_("At most %s characters.") % longest, field=key, code=400)
    return value.strip() if strip else value


def clean(row: Model, exclude: list[str] | None = None) -> None:
    """Runs the row's own checks. Raises Refused (400) with the first problem and its field."""
    # What may be null is for the platform to fill in (since when, whose).
    empty = [f.name for f in row._meta.fields if f.null and getattr(row, f.attname) is None]
    try:
        row.full_clean(exclude=[*(exclude or []), *empty])
    except ValidationError as error:
        field, problems = next(iter(error.error_dict.items()))
        if any(one.code in {"unique", "unique_together"} for one in problems):
            # Whose it is, and what, is not everybody's to know.
            raise Refused(_("This name is taken."), field=None if field == "__all__" else field) from error
        messages = error.message_dict[field]
        raise Refused(messages[0], field=None if field == "__all__" else field, code=400) from error


def string_map(value: Any, key: str) -> dict[str, str]:
    """A mapping of names to texts, from a mapping, from JSON, or from lines `NAME=value`. Raises Refused (400)."""
    if not value:
        return {}
    if isinstance(value, str):
        if value.lstrip().startswith("{"):
            try:
                value = json.loads(value)
            except ValueError:
                raise Refused(_("This is no JSON."), field=key, code=400) from None
        else:
            lines = [line.strip() for line in value.splitlines() if line.strip()]
            if any("=" not in line for line in lines):
                raise Refused(_("Write one NAME=value a line."), field=key, code=400)
            value = dict(line.split("=", 1) for line in lines)
    if not isinstance(value, dict) or len(value) > 200:
        raise Refused(_("Write one NAME=value a line."), field=key, code=400)
    out = {}
    for name, content in value.items():
        if not isinstance(name, str) or not name.isidentifier() or not name.isascii() or len(name) > 100:
            raise Refused(_("«%s» cannot be the name of a build argument.") % str(name)[:60], field=key, code=400)
        if not isinstance(content, str | int | float) or "\0" in str(content) or len(str(content)) > 20_000:
            raise Refused(_("The value of %s must be a text.") % name, field=key, code=400)
        out[name] = str(content)
    return out
