"""The verb of taking something along as a file: page, API and command line call it."""

from __future__ import annotations

from django.db import transaction

from containers.ascode.state import text_of
from containers.models import Environment, Service
from xqplatform import audit
from xqplatform.accounts.actor import Actor


def export(actor: Actor, row: Service | Environment) -> str:
    """The document, which holds no secret; that it was taken along is an event. Empty when the thing is not there any more.

    Whoever calls has found the row among those that the actor may see.
    """
    kind = type(row).__name__
    text = text_of(kind, row.slug)
    if text:
        with transaction.atomic():
            audit.record(actor, "file.export", row, after={"kind": kind, "lines": text.count("\n")})
    return text
