"""Calls are heard where somebody listens, with their answers, and in threads that carry the context on."""

from __future__ import annotations

import threading
import time
from contextvars import copy_context

import pytest

from hosts.engine_calls import Call, as_one, heard, tell
from hosts.engine_errors import EngineError


def ask(path: str, status: int = 200, words: str = "") -> None:
    tell("h1", "GET", path, None, began=time.time(), status=status, words=words)


def test_nobody_listens_unless_asked() -> None:
    found: list[Call] = []
    ask("/a")
    with heard(found.append):
        ask("/b", 404, "no such container")
        context = copy_context()
        threads = [threading.Thread(target=context.run, args=(ask, "/c")), threading.Thread(target=ask, args=("/d",))]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
    ask("/e")
    assert [(call.path, call.status, call.words) for call in found] == [
        ("/b", 404, "no such container"),
        ("/c", 200, ""),
    ]


def test_what_takes_several_requests_is_one_call_with_its_end() -> None:
    found: list[Call] = []

    @as_one
    def pull(broken: bool) -> None:
        ask("/images/create")
        ask("/other")
        if broken:
            raise EngineError("registry", "denied")

    with heard(found.append):
        pull(broken=False)
        with pytest.raises(EngineError):
            pull(broken=True)
    assert [(call.path, call.words) for call in found] == [("/images/create", ""), ("/images/create", "denied")]
