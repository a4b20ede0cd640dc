"""What an open page listens to: a stream of bumped topics, or the same by asking."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from typing import Any

import redis
import redis.asyncio
from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.views.decorators.http import require_GET
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from xqplatform import live
from xqplatform.accounts import visibility
from xqplatform.accounts.http import actor_of

TOPIC = re.compile(r"[A-Za-z0-9_.:-]{1,120}")
MOST_TOPICS = 200
# Streams that one process keeps open; who comes later asks every few seconds instead.
MOST_STREAMS = 1000
BEAT_SECONDS = 12.0
# A stream ends by itself, so that a page whose person has signed out since does not listen for ever.
MOST_SECONDS = 15 * 60
_open = 0


def _asked(request: HttpRequest) -> tuple[list[str], int]:
    """The topics and the version that the page has seen; nonsense is left out."""
    topics = [t for t in request.GET.get("topics", "").split() if TOPIC.fullmatch(t)][:MOST_TOPICS]
    numbers = [request.GET.get("since", ""), request.headers.get("Last-Event-ID", "")]
    since = max((int(n) for n in numbers if n.isascii() and n.isdecimal() and len(n) < 16), default=0)
    return topics, since


def newer(topics: list[str], since: int, versions: list[Any], clock: int) -> tuple[list[str], int]:
    """Pure: which of the topics were bumped after `since`, and the version that is seen then.

    A clock behind `since` is a broker that lost its memory: then everything counts as changed.
    """
    if since > clock:
        return topics, clock
    found = [(t, int(v)) for t, v in zip(topics, versions, strict=True) if v is not None and int(v) > since]
    return [t for t, _v in found], max([since, *(v for _t, v in found)])


def _event(name: str, data: dict[str, Any]) -> str:
    head = f"id: {data['v']}\n" if "v" in data else ""
    return f"{head}event: {name}\ndata: {json.dumps(data)}\n\n"


async def _listen(topics: list[str], since: int) -> AsyncIterator[str]:
    """Subscribes first and looks at the versions then, so that nothing falls between page and stream."""
    global _open  # noqa: PLW0603  one counter a process
    _open += 1
    # No silent reconnecting: what is published meanwhile would be lost. The page comes again with its `since`.
    client = redis.asyncio.Redis.from_url(
        settings.REDIS_URL, decode_responses=True, socket_connect_timeout=1.0, retry=Retry(NoBackoff(), 0)
    )
    pubsub = client.pubsub(ignore_subscribe_messages=True)
    wanted = set(topics)
    loop = asyncio.get_running_loop()
    end = loop.time() + MOST_SECONDS
    try:
        await pubsub.subscribe(live.CHANNEL)
        clock = int(await client.get(live.CLOCK) or 0)
        versions = await client.hmget(live.VERSIONS, topics)  # type: ignore[misc]
        missed, seen = newer(topics, since, versions, clock)
        yield "retry: 2000\n" + _event("hello", {"clock": clock})
        if missed:
            yield _event("live", {"v": seen, "topics": missed, "reset": since > clock})
        while loop.time() < end:
            message = await pubsub.get_message(timeout=BEAT_SECONDS)
            if message is None:
                yield "event: beat\ndata: {}\n\n"
                continue
            number, _space, names = str(message["data"]).partition(" ")
            heard = [name for name in names.split() if name in wanted]
            # What the look at the versions told already is not told twice.
            if heard and int(number) > seen:
                yield _event("live", {"v": int(number), "topics": heard})
    except (redis.RedisError, OSError):
        # The page notices the end and asks by `versions` until the broker is back.
        return
    finally:
        _open -= 1
        await pubsub.aclose()  # type: ignore[no-untyped-call]
        await client.aclose()


@login_not_required
@require_GET
async def stream(request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
    """Server-sent events of the topics; 401 instead of a redirect, since a script asks."""
    user = await request.auser()
    if not user.is_authenticated:
        return JsonResponse({"error": "signed out"}, status=401)
    topics, since = _asked(request)
    if not topics:
        return JsonResponse({"error": "topics is missing"}, status=400)
    topics = await sync_to_async(visibility.heard)(actor_of(request), topics)
    if not topics:
        return JsonResponse({"error": "no such topics"}, status=404)
    if _open >= MOST_STREAMS:
        return JsonResponse({"error": "too many streams"}, status=503, headers={"Retry-After": "30"})
    response = StreamingHttpResponse(_listen(topics, since), content_type="text/event-stream")
    response["Cache-Control"] = "no-cache, no-transform"
    response["X-Accel-Buffering"] = "no"
    return response


@login_not_required
@require_GET
def versions(request: HttpRequest) -> HttpResponse:
    """The same question asked once: which of the topics are newer than `since`. 503 when the broker is away."""
    if not request.user.is_authenticated:
        return JsonResponse({"error": "signed out"}, status=401)
    topics, since = _asked(request)
    topics = visibility.heard(actor_of(request), topics)
    try:
        client = live.client()
        clock = int(client.get(live.CLOCK) or 0)  # type: ignore[arg-type]
        found = client.hmget(live.VERSIONS, topics) if topics else []
        fresh, seen = newer(topics, since, found, clock)  # type: ignore[arg-type]
    except (redis.RedisError, OSError):
        return JsonResponse({"error": "broker away"}, status=503)
    response = JsonResponse({"v": seen, "topics": fresh, "clock": clock, "reset": since > clock})
    response["Cache-Control"] = "no-store"
    return response
