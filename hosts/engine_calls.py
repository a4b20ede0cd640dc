"""Who is told of each call to an engine: what was asked, what came back. Nobody, unless somebody listens in this context."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from hosts.engine_errors import EngineError

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Call:
    """One request and its answer. Never its body or headers: environments and registries' passwords are in there.

    `began`: Unix time; `status`: HTTP, 0 when nothing came back; `words`: the engine's (or the connection's) of an error.
    """

    where: str
    method: str
    path: str
    params: Mapping[str, Any]
    status: int
    began: float
    seconds: float
    words: str = ""


Listener = Callable[[Call], None]
LISTENER: ContextVar[Listener | None] = ContextVar("engine_calls", default=None)


@contextmanager
def heard(listener: Listener) -> Iterator[None]:
    """Calls of this thread (or whoever runs in a copy of its context) are told to `listener` meanwhile."""
    token = LISTENER.set(listener)
    try:
        yield
    finally:
        LISTENER.reset(token)


def tell(
    where: str, method: str, path: str, params: Mapping[str, Any] | None, *, began: float, status: int, words: str
) -> None:
    """Tells of a call that has ended just now; costs next to nothing where nobody listens."""
    listener = LISTENER.get()
    if listener is not None:
        listener(Call(where, method, path, params or {}, status, began, time.time() - began, words))


def as_one(function: Callable[P, R]) -> Callable[P, R]:
    """What takes several requests, or an answer that comes in pieces, is told of as one call, at its end."""

    @wraps(function)
    def wrapped(*args: P.args, **options: P.kwargs) -> R:
        listener = LISTENER.get()
        if listener is None:
            return function(*args, **options)
        inner: list[Call] = []
        words = ""
        token = LISTENER.set(inner.append)
        try:
            return function(*args, **options)
        except EngineError as error:
            words = error.message
            raise
        finally:
            LISTENER.reset(token)
            if inner:
                first, last = inner[0], inner[-1]
                took = time.time() - first.began
                listener(replace(first, status=last.status, seconds=took, words=words or last.words))

    return wrapped
