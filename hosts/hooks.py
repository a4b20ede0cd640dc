"""What apps above hear from here: they append a callable in their `AppConfig.ready`.

A hook that raises is logged and hurts neither the watcher nor the other hooks.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from django.db import InterfaceError, OperationalError

if TYPE_CHECKING:
    from django.db.models import Model
    from django.http import HttpRequest

    from hosts.models import Host

log = logging.getLogger(__name__)
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Change:
    """What an engine told of one container within a moment; `actions` maps each event's name to its attributes."""

    engine_id: str
    actions: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


# fn(host_id, changes): after events of containers, when their rows are up to date.
CONTAINER_HOOKS: list[Callable[[int, Sequence[Change]], None]] = []
# fn(host_id, {engine_id: name}) -> {engine_id: instance}: whose containers these are, for the audit log.
CONTAINER_OWNERS: list[Callable[[int, Mapping[str, str]], Mapping[str, Model]]] = []
# fn(host): after each full refresh of a host, reached or not.
HOST_REFRESHED: list[Callable[[Host], None]] = []
# fn(host_id) -> names of services whose containers stand or stood there: what was said on the host may tell of them.
HOST_SERVICES: list[Callable[[int], Collection[str]]] = []
# fn(host_id) -> number of things that stand on the host and forbid its removal.
HOST_USERS: list[Callable[[int], int]] = []
# fn(host or group) -> why it cannot be removed, in words; empty: nothing of ours forbids it.
KEEPS: list[Callable[[Model], str]] = []
# fn(host, reason): begins to move what stands on the host to others; raises Refused. Empty when `users_of` says 0.
DRAIN: list[Callable[[Host, str], object]] = []
# fn(request, host) -> HTML for the host's page: above its containers, and in its box of operations (empty: nothing).
HOST_PANELS: list[Callable[[HttpRequest, Host], str]] = []
HOST_OPERATIONS: list[Callable[[HttpRequest, Host], str]] = []
# fn(host_id, {engine_id: labels}) -> {engine_id: «instance:PK»}: whose measurements a container's are. Who is in none is not stored.
METRIC_SUBJECTS: list[Callable[[int, Mapping[str, Mapping[str, str]]], Mapping[str, str]]] = []
# fn({engine_id: Unix time}) -> when since then the engine was heard to say that the kernel killed there for lack of memory: asked of
# containers that ended, whose own counter went with them.
METRIC_OOMS: list[Callable[[Mapping[str, float]], Mapping[str, Collection[float]]]] = []
# fn([(«instance:PK», engine id's first twelve signs, Unix time)]): containers that were seen to have started anew, each once.
METRIC_RESTARTS: list[Callable[[Sequence[tuple[str, str, float]]], None]] = []


def call(hooks: list[Any], *args: Any) -> None:
    """Calls every hook, whatever the others do."""
    for hook in list(hooks):
        try:
            hook(*args)
        except Exception:
            log.exception("The hook %r failed", hook)


def ask(hooks: Sequence[Callable[..., Answer]], *args: Any) -> list[Answer]:
    """What the hooks say. One that raises says nothing; a database that is away is the caller's affair (OperationalError and
    InterfaceError go through): then the answer is not known yet."""
    found = []
    for hook in list(hooks):
        try:
            found.append(hook(*args))
        except (OperationalError, InterfaceError):
            raise
        except Exception:
            log.exception("The hook %r failed", hook)
    return found


def users_of(host_id: int) -> int:
    """How many instances stand on the host, by what the apps above say."""
    return sum(hook(host_id) for hook in HOST_USERS)
