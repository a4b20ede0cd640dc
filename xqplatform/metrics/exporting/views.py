"""GET /metrics, with a token of the API whose person may read it."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse

from xqplatform.accounts import tokens
from xqplatform.accounts.rights import require
from xqplatform.errors import Denied
from xqplatform.metrics.exporting import sources
from xqplatform.metrics.exporting.text import CONTENT_TYPE
from xqplatform.web.streaming import made_apart

RIGHT = "metrics.read"


def _refusal(request: HttpRequest) -> HttpResponse | None:
    scheme, _space, token = request.headers.get("Authorization", "").partition(" ")
    actor = tokens.enter(request, token.strip()) if scheme.lower() == "bearer" else None
    if actor is None:
        response = HttpResponse(
            "A valid token is needed: Authorization: Bearer …\n", status=401, content_type="text/plain"
        )
        response["WWW-Authenticate"] = "Bearer"
        return response
    try:
        require(actor, RIGHT)
    except Denied as denied:
        return HttpResponse(f"{denied.message}\n", status=403, content_type="text/plain; charset=utf-8")
    return None


async def metrics(request: HttpRequest) -> HttpResponseBase:
    if request.method not in {"GET", "HEAD"}:
        return HttpResponse(status=405, headers={"Allow": "GET, HEAD"})
    refusal = await sync_to_async(_refusal)(request)
    if refusal is not None:
        return refusal
    zipped = "gzip" in request.headers.get("Accept-Encoding", "")
    data = _zipped(sources.pieces()) if zipped else (piece.encode() for piece in sources.pieces())
    body = made_apart(data if request.method == "GET" else iter(()))
    response = StreamingHttpResponse(body, content_type=CONTENT_TYPE)
    if zipped:
        response["Content-Encoding"] = "gzip"
    response["Vary"] = "Accept-Encoding"
    response["Cache-Control"] = "no-store"
    return response


metrics.login_required = False  # type: ignore[attr-defined]  # it asks for a token itself


def _zipped(pieces: Iterator[str]) -> Iterator[bytes]:
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    for piece in pieces:
        if ready := packer.compress(piece.encode()):
            yield ready
    yield packer.flush()
