"""REST API of logs: followed and read back as JSON lines, what containers that went said last, files of /persist/logs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from ninja import Query, Router, Schema

from containers.keeping_logs import lines_of
from containers.logs import window
from containers.logs.asking import MOST_TAIL, numbers_of, stamp_asked
from containers.logs.filters import filter_of
from containers.logs.levels import parse
from containers.logs.seats import room
from containers.logs.sources import sources_of
from containers.logs.stream import SCANNED, TAIL, Asked, as_json_lines, follow
from containers.models import KeptLog, ServiceEnvironment
from containers.services import log_files
from containers.services.log_reading import open_logs
from containers.views.access import get_instance, get_place
from containers.views.kept_logs import get_kept
from xqplatform.accounts.http import actor_of

router = Router(tags=["logs"])
MOST = 200
JSON_LINES = "application/x-ndjson; charset=utf-8"


class LogsIn(Schema):
    """`q`: a pattern (RE2); `level`: the lowest one; `f`: «name=value» or «name!=value» of JSON and name=value lines."""

    q: str = ""
    level: str = ""
    f: list[str] = []
    instance: list[str] = []
    since: str = ""
    tail: int = TAIL
    follow: bool = False


class LogFileOut(Schema):
    folder: str
    host: str
    name: str
    size: int
    changed: datetime


class EndOut(Schema):
    size: int
    cut: bool
    lines: list[str]


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


class LogLineOut(Schema):
    stream: str
    time: str
    text: str


class KeptFull(KeptOut):
    text: list[LogLineOut]


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
    return [kept_json(row) for row in get_instance(actor_of(request), max(0, number)).kept_logs.defer("data")[:MOST]]


@router.get("/kept-logs/{number}", response=KeptFull)
def show_kept(request: HttpRequest, number: int) -> Any:
    """The last lines of a container that went; reading those of a production environment is an event."""
    row = get_kept(actor_of(request), max(0, number))
    open_logs(actor_of(request), row.instance.place, "kept", instance=row.instance)
    lines = [{"stream": one.stream, "time": one.timestamp, "text": one.text} for one in lines_of(row)]
    return kept_json(row) | {"text": lines}


# --- Lines ----------------------------------------------------------------------------------------------------------


@router.get("/services/{slug}/{environment}/logs")
def read_logs(request: HttpRequest, slug: str, environment: str, asked: Query[LogsIn]) -> HttpResponseBase:
    """JSON lines of all instances (or of those numbers) by time: the last `tail`, or the first from `since` on.

    `follow`: goes on, for 15 minutes; empty lines are beats. Go on with `since=` the time of the last line.
    Reading those of a production environment is an event.
    """
    place = get_place(actor_of(request), slug.replace("\x00", ""), environment.replace("\x00", ""))
    return _answer(request, place, asked, numbers_of(asked.instance))


@router.get("/instances/{number}/logs")
def read_instance_logs(request: HttpRequest, number: int, asked: Query[LogsIn]) -> HttpResponseBase:
    """The same of one instance."""
    one = get_instance(actor_of(request), max(0, number))
    return _answer(request, one.place, asked, frozenset({one.number}))


def _answer(
    request: HttpRequest, place: ServiceEnvironment, asked: LogsIn, numbers: frozenset[int]
) -> HttpResponseBase:
    actor = actor_of(request)
    open_logs(actor, place, "stream" if asked.follow else "page")
    clean = [text.replace("\x00", "") for text in asked.f]
    wanted = filter_of(asked.q.replace("\x00", ""), parse(asked.level), clean)
    since, tail = stamp_asked({"since": asked.since}, "since"), max(1, min(asked.tail, MOST_TAIL))
    if asked.follow:
        person = actor.user.pk if actor.user else 0
        what = Asked(place, numbers, wanted, tail, since=since, overlap=0, person=person)
        return StreamingHttpResponse(_lines(what), content_type=JSON_LINES)
    sources = sources_of(place, numbers)
    with room(actor.user.pk if actor.user else 0, max(1, len(sources)), "read"):
        found = window.after(sources, since, tail, wanted) if since else window.last(sources, tail, wanted, SCANNED)
    text = as_json_lines("lines", found.lines) + "".join(as_json_lines("problem", words) for words in found.problems)
    return HttpResponse(text, content_type=JSON_LINES)


async def _lines(asked: Asked) -> AsyncIterator[str]:
    events = follow(asked)
    try:
        async for name, data in events:
            if text := as_json_lines(name, data):
                yield text
    finally:
        await events.aclose()  # type: ignore[attr-defined]


# --- Files ----------------------------------------------------------------------------------------------------------


@router.get("/instances/{number}/log-files", response=list[LogFileOut])
def list_files(request: HttpRequest, number: int) -> Any:
    """The files that the instance wrote to /persist/logs, also where it stood before; asked of the hosts now."""
    one = get_instance(actor_of(request), max(0, number))
    open_logs(actor_of(request), one.place, "file", instance=one)
    return [
        {"folder": folder.key, "host": folder.host.name, "name": file.name, "size": file.size, "changed": file.changed}
        for folder in log_files.folders(one)
        for file in log_files.files(folder)[0]
    ]


@router.get("/instances/{number}/log-files/tail", response=EndOut)
def tail_file(
    request: HttpRequest, number: int, folder: str, name: str, lines: int = Query(500, ge=1, le=log_files.MOST_LINES)
) -> Any:
    """The last lines of a file, of its last MiB at most."""
    one = get_instance(actor_of(request), max(0, number))
    open_logs(actor_of(request), one.place, "file", instance=one)
    end = log_files.end_of(log_files.folder_of(one, folder), name, lines)
    return {"size": end.size, "cut": end.cut, "lines": end.lines}
