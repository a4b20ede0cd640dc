"""Answers that are sent while they are made: a page's frame at once, and what stands in it piece by piece."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, TypeVar

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, StreamingHttpResponse
from django.template.loader import render_to_string
from django.utils import timezone, translation
from django.utils.safestring import mark_safe

T = TypeVar("T", str, bytes)
HERE = mark_safe("<!-- what follows is on its way -->")


def page_around(
    request: HttpRequest,
    template: str,
    context: Mapping[str, Any],
    make: Callable[[], Iterator[str]],
    status: int = 200,
) -> StreamingHttpResponse:
    """The template's page; the pieces that `make()` gives (of safe HTML) stand where it has `{{ streamed_here }}`.

    The head goes out before `make` is called. What `make` raises ends the answer: it says in pieces what a person shall know.
    """
    head, mark, tail = render_to_string(template, {**context, "streamed_here": HERE}, request).partition(HERE)
    if not mark:
        raise LookupError(f"{template} has no {{{{ streamed_here }}}}")

    def parts() -> Iterator[str]:
        yield head
        yield from make()
        yield tail

    response = streamed(request, _as_now(parts()), "text/html; charset=utf-8", status)
    response["Cache-Control"] = "no-store"
    response["X-Accel-Buffering"] = "no"
    return response


def streamed(request: HttpRequest, pieces: Iterable[T], content_type: str, status: int = 200) -> StreamingHttpResponse:
    """An answer whose pieces are made while it is sent. An async server would gather a plain iterator whole before it sends the
    first byte."""
    content = made_apart(iter(pieces)) if isinstance(request, ASGIRequest) else pieces
    return StreamingHttpResponse(content, content_type=content_type, status=status)


def in_portions(pieces: Iterable[str], count: int = 500) -> Iterator[str]:
    """So many small pieces joined to one: each piece of an answer costs a change of threads."""
    every = iter(pieces)
    while portion := "".join(islice(every, count)):
        yield portion


async def made_apart(pieces: Iterator[T]) -> AsyncIterator[T]:
    """Each piece is made in a thread, so that other requests go on in between."""
    following = sync_to_async(lambda: next(pieces, None))
    while (piece := await following()) is not None:
        yield piece


def _as_now(pieces: Iterator[str]) -> Iterator[str]:
    """Each piece made in the zone and language of this moment, which end with the view."""
    zone, language = timezone.get_current_timezone(), translation.get_language() or "en"

    def following() -> Iterator[str]:
        while True:
            with timezone.override(zone), translation.override(language):
                piece = next(pieces, None)
            if piece is None:
                return
            yield piece

    return following()
