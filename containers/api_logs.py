"""REST API of logs: what containers that went said last."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from ninja import Router, Schema

from containers.keeping_logs import lines_of
from containers.models import KeptLog
from containers.services.log_reading import open_logs
from containers.views.access import actor_of, get_instance
from containers.views.kept_logs import get_kept

router = Router(tags=["logs"])
MOST = 200


class KeptOut(Schema):
    number: int
    instance: int
    container: str
    host: str
    why: str
    deployment: int | None
    taken: datetime
    lines: int
    cut: bool
    first: datetime | None
    last: datetime | None
    problem: str


class LineOut(Schema):
    stream: str
    time: str
    text: str


class KeptFull(KeptOut):
    text: list[LineOut]


def kept_json(row: KeptLog) -> dict[str, Any]:
    names = ("host", "why", "taken", "lines", "cut", "first", "last", "problem")
    return {name: getattr(row, name) for name in names} | {
        "number": row.pk,
        "instance": row.instance_id,
        "container": row.engine_id,
        "deployment": row.deployment_id,
    }


@router.get("/instances/{number}/kept-logs", response=list[KeptOut])
def list_kept(request: HttpRequest, number: int) -> Any:
    """Of which containers of the instance the last lines are kept, the newest first."""
    return [kept_json(row) for row in get_instance(max(0, number)).kept_logs.defer("data")[:MOST]]


@router.get("/kept-logs/{number}", response=KeptFull)
def show_kept(request: HttpRequest, number: int) -> Any:
    """The last lines of a container that went; reading those of a production environment is an event."""
    row = get_kept(max(0, number))
    open_logs(actor_of(request), row.instance.place, "kept", instance=row.instance)
    lines = [{"stream": one.stream, "time": one.timestamp, "text": one.text} for one in lines_of(row)]
    return kept_json(row) | {"text": lines}
