"""What tests of files share."""

from __future__ import annotations

from typing import Any

from containers.ascode import applying, drift, rendering, state
from containers.models import AppliedFile

HEAD = "apiVersion: xqplatform/v1\nkind: Service\nname: snow\n"
PRODUCTION = HEAD + "environments:\n  production:\n"


def text_of(kind: str, name: str) -> str:
    now = state.of(kind, name)
    assert now.state is not None
    return rendering.document(kind, name, now.state)


def apply(actor: Any, text: str, **more: Any) -> list[AppliedFile]:
    prune = more.get("prune", False)
    return applying.apply(actor, text, token=applying.preview(actor, text, prune=prune).token, **more)


def drift_of(place: Any) -> Any:
    report = drift.of_service(place.service)
    assert report is not None
    return report.changes
