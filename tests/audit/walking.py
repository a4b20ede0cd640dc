"""Watches verbs at work: which rows each of them changed for good, and whether an event tells of it."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from types import CodeType, FunctionType
from typing import Any

from django.db import connection

EVENTS = "audit_event"
WRITE = re.compile(r'\s*(?:INSERT(?: OR IGNORE)? INTO|UPDATE|DELETE FROM)\s+"?(\w+)"?', re.IGNORECASE)
POINT = re.compile(r'\s*(SAVEPOINT|ROLLBACK TO SAVEPOINT)\s+"?(\w+)"?', re.IGNORECASE)
HERE = "what is called"


def _door() -> CodeType:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # (as it stands here a text would be called)
        found = compile(f'lambda *args, **more: "{HERE}"(*args, **more)', __name__, "eval").co_consts[0]
    assert isinstance(found, CodeType)
    return found


DOOR = _door()
ROOMS_OF_PAGES = re.compile(r"\.views(_\w+)?(\.|$)")


def found_verbs() -> dict[str, Callable[..., Any]]:
    """Every public function of the platform, pages aside, that is told who acts, wherever it stands."""
    verbs = {}
    for package in ("hosts", "builds", "containers", "xqplatform"):
        root = importlib.import_module(package)
        for found in pkgutil.walk_packages(root.__path__, f"{package}."):
            if ".migrations" in found.name or found.name.endswith("__main__") or ROOMS_OF_PAGES.search(found.name):
                continue
            module = importlib.import_module(found.name)
            for name, thing in vars(module).items():
                if not inspect.isfunction(thing) or thing.__module__ != found.name or name.startswith("_"):
                    continue
                if any(one.annotation == "Actor" for one in inspect.signature(thing).parameters.values()):
                    verbs[f"{found.name}.{name}"] = thing
    return verbs


@dataclass
class Seen:
    """What one call of a verb left: the tables whose rows are others now, and whether an event was written."""

    verb: str
    changed: set[str]
    told: bool


@dataclass
class Walk:
    """While it watches: `log` holds every table written to, without what was rolled back; `seen` every verb that ended.

    `ignored`: tables that may change at any time.
    """

    verbs: dict[str, Callable[..., Any]]
    ignored: frozenset[str]
    log: list[str] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)
    _before: dict[str, list[Any]] = field(default_factory=dict)
    _points: dict[str, int] = field(default_factory=dict)
    _looking: bool = False

    def _execute(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if self._looking:
            return execute(sql, params, many, context)
        if point := POINT.match(sql):
            if point[1].upper() == "SAVEPOINT":
                self._points[point[2]] = len(self.log)
            else:
                del self.log[self._points.get(point[2], 0) :]
        write = WRITE.match(sql)
        if write and write[1].startswith("audit_") and write[1] != EVENTS:
            write = None  # the log's own chain and index
        if write and write[1] not in self.ignored | {EVENTS} and write[1] not in self._before:
            self._before[write[1]] = self._rows(write[1])
        result = execute(sql, params, many, context)
        if write:
            self.log.append(write[1])
        return result

    def _rows(self, table: str) -> list[Any]:
        self._looking = True
        try:
            with connection.cursor() as cursor:
                cursor.execute(f'SELECT * FROM "{table}" ORDER BY 1')
                return list(cursor.fetchall())
        finally:
            self._looking = False

    def told(self, begun: int = 0) -> bool:
        return EVENTS in self.log[begun:]

    def changed(self, begun: int = 0) -> set[str]:
        """Tables written to whose rows are really others: saving what is so already changes nothing."""
        written = set(self.log[begun:]) - self.ignored - {EVENTS}
        return {table for table in written if self._rows(table) != self._before[table]}

    @contextmanager
    def watching(self) -> Iterator[None]:
        """From here on; what was watched before is forgotten, but for `seen`."""
        self.log.clear()
        self._before.clear()
        self._points.clear()
        with connection.execute_wrapper(self._execute), ExitStack() as doors:
            for name, verb in self.verbs.items():
                doors.enter_context(_led_by(inspect.unwrap(verb), name, self._carried_out))
            yield

    def _carried_out(self, name: str, call: Callable[[], Any]) -> Any:
        begun = len(self.log)
        try:
            return call()
        finally:
            told = self.told(begun)
            self.seen.append(Seen(name, set() if told else self.changed(begun), told))


@contextmanager
def _led_by(verb: Any, name: str, lead: Callable[[str, Callable[[], Any]], Any]) -> Iterator[None]:
    """Calls of the function, under whatever name somebody has imported it, go through `lead`.

    Its code is exchanged: a profiler of all calls would take eight times as long. What is awaited or yields is left as it is.
    """
    if verb.__code__.co_flags & (inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR):
        yield
        return
    code = verb.__code__
    real = FunctionType(code, verb.__globals__, verb.__name__, verb.__defaults__, verb.__closure__)
    real.__kwdefaults__ = verb.__kwdefaults__

    def passing(*args: Any, **more: Any) -> Any:
        return lead(name, lambda: real(*args, **more))

    # (The function that is called is a constant of the code: the verb has another closure, or none.)
    consts = tuple(passing if one == HERE else one for one in DOOR.co_consts)
    verb.__signature__ = inspect.signature(verb)
    verb.__code__ = DOOR.replace(co_consts=consts, co_freevars=code.co_freevars)
    try:
        yield
    finally:
        verb.__code__ = code
        del verb.__signature__
