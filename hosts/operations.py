"""What an operation on a host is made of: kinds, registered by name, whose bodies go step by step.

    @operation("daemon.apply", title=_("Apply daemon.json"))
    def apply(run: Run) -> None:
        with shell.connect(run.host, check=run.check) as sh:
            old = run.remember("old", lambda: sh.read(PATH))
            run.on_failure(lambda: sh.write(PATH, old), _("Put the old file back"))
            if run.todo("write"):
                with run.step("write", _("Write the file")):
                    sh.write(PATH, run.params["text"])
            if run.todo("restart"):
                ...

A worker may die at any moment; the next one runs the body again from its start. Therefore: whatever changes something is in a
step behind `todo` and safe to repeat, what must be known later is `remember`ed, and `on_failure` stands before the `if`.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from hosts import known
from hosts.models import Host, HostOperation
from xqplatform import live
from xqplatform.leases import Lease

OUTPUT = 200_000  # characters kept of what an operation says
WORDS = 2_000
LEAVING = threading.Event()  # this worker is told to end: operations rest, the next worker goes on


class Stop(Exception):
    """The body is left, and nothing of it has failed. Never catch it in a body."""


class Cancelled(Stop):
    """Somebody asked for it: what was done is undone."""


class LeaseLost(Stop):
    """Another process carries the operation on, or it is gone: nothing is undone here."""


class Interrupted(Stop):
    """This worker ends: another one carries on where this stopped."""


class Failed(Exception):
    """The operation cannot be done; the words say why and what to do."""


@dataclass(frozen=True)
class Kind:
    """A kind of operation. `describe`: its title, told from the row (else `title`)."""

    name: str
    title: Any
    body: Callable[[Run], None]
    describe: Callable[[HostOperation], str] | None = None
    exclusive: bool = True  # changes the host: one at a time
    ssh: bool = True  # needs an SSH access
    upkeep: bool = False  # of the engine's own settings, packages, certificates: `Traits.upkept`

    def title_of(self, row: HostOperation) -> Any:
        return (self.describe(row) if self.describe else "") or self.title


KINDS: dict[str, Kind] = {}


def operation(
    name: str,
    *,
    title: Any,
    describe: Callable[[HostOperation], str] | None = None,
    exclusive: bool = True,
    ssh: bool = True,
    upkeep: bool = False,
) -> Callable[[Callable[[Run], None]], Callable[[Run], None]]:
    """Registers a body under a name. Its module must be imported by hosts/apps.py (or its own app's `ready`)."""

    def register(body: Callable[[Run], None]) -> Callable[[Run], None]:
        KINDS[name] = Kind(name, title, body, describe, exclusive, ssh, upkeep)
        return body

    return register


class Run:
    """What a body sees of its operation, and the only writer of its row while the lease is this process's."""

    def __init__(self, row: HostOperation, lease: Lease) -> None:
        self.row = row
        self.host: Host = row.host
        self.params: dict[str, Any] = row.params
        self.lease = lease
        self.undo: list[tuple[Callable[[], object], str]] = []
        self.replay: Exception | None = None  # an undo was broken off: steps not done raise this again
        self.cancel_asked = row.ask_cancel
        self._guard = threading.RLock()
        self._waiting = False
        self._secrets: list[str] = []
        self._notes: dict[str, Any] = json.loads(row.notes or "{}")

    # what a body uses

    def say(self, text: object) -> None:
        """Adds to the output, a line at least; it is on the page within a second. Too much is cut, and said so."""
        words = self._clean(str(text))
        if not words.endswith("\n"):
            words += "\n"
        with self._guard:
            room = OUTPUT - len(self.row.output)
            if len(words) > room and not self.row.truncated:
                self.row.truncated = True
                words = words[: max(room, 0)] + "\n" + _("… truncated: what came after is not kept.") + "\n"
            elif self.row.truncated:
                return
            self.row.output += words
            self._waiting = True

    def check(self) -> None:
        """Raises Cancelled, LeaseLost or Interrupted when the body has to stop. Called by each step, and by a shell."""
        if not self.lease.trusted:
            raise LeaseLost
        if LEAVING.is_set():
            raise Interrupted
        if self.cancel_asked and not self.row.undoing:
            raise Cancelled

    def todo(self, name: str) -> bool:
        """Whether the step has still to be done; False when it was done before a restart."""
        found = self._find(name)
        if found is not None and found["state"] == "done":
            return False
        if self.replay is not None:
            raise self.replay
        return True

    @contextlib.contextmanager
    def step(self, name: str, text: object = "") -> Iterator[None]:
        """A step with its state, times and, if it fails, words. `text`: what it does, for people."""
        if self.replay is not None:
            raise self.replay
        self.check()
        entry = self._begin(name, str(text))
        try:
            yield
        except (LeaseLost, Interrupted):
            raise
        except Cancelled:
            self._end(entry, "cancelled", "")
            raise
        except Exception as error:
            self._end(entry, "failed", words_of(error))
            raise
        self._end(entry, "done", entry.get("words", ""))

    def note(self, text: object) -> None:
        """Words beside the step that runs: «2 of 3 answer»."""
        with self._guard:
            for entry in self.row.steps:
                if entry["state"] == "running":
                    entry["words"] = self._clean(str(text))[:WORDS]
            self._waiting = True

    def remember(self, key: str, value: Any) -> Any:
        """The value (or what the callable gives) noted once: after a restart the same again. Kept encrypted; JSON."""
        if key not in self._notes:
            self._notes[key] = value() if callable(value) else value
            self.write(notes=json.dumps(self._notes))
        return self._notes[key]

    def remember_anew(self, key: str, value: Any) -> None:
        """Notes another value for the key."""
        self._notes[key] = value
        self.write(notes=json.dumps(self._notes))

    def on_failure(self, undo: Callable[[], object], words: object = "") -> None:
        """Called, the last one first, when the body fails or is cancelled. Safe to repeat; stands before its step."""
        self.undo.append((undo, str(words)))

    def hide(self, *secrets: str) -> None:
        """These texts never appear in output and words."""
        self._secrets += [secret for secret in secrets if len(secret) >= 4]

    # what the runner uses

    def write(self, **fields: Any) -> None:
        """Changes the row. Raises LeaseLost when it is somebody else's by now, or gone."""
        with self._guard:
            rows = HostOperation.objects.filter(pk=self.row.pk, lease=self.lease.text)
            for name, value in fields.items():
                setattr(self.row, name, value)
            # The field's own way in: an encrypted one is encrypted by update() as well.
            if not rows.update(**fields):
                self.lease.lost()
                raise LeaseLost
        live.bump(f"operation:{self.row.pk}", f"host:{self.row.host_id}")

    def flush(self) -> None:
        """Saves what was said since the last time."""
        with self._guard:
            if self._waiting:
                self._waiting = False
                self.write(output=self.row.output, truncated=self.row.truncated, steps=self.row.steps)

    def _begin(self, name: str, text: str) -> dict[str, Any]:
        with self._guard:
            entry = self._find(name)
            if entry is None:
                entry = {"name": name, "text": text or name}
                self.row.steps.append(entry)
            entry |= {"state": "running", "started": _now(), "ended": None, "words": ""}
            self._waiting = True
            self.flush()
        return entry

    def _end(self, entry: dict[str, Any], state: str, words: str) -> None:
        with self._guard:
            entry |= {"state": state, "ended": _now(), "words": self._clean(words)[:WORDS]}
            self._waiting = True
            self.flush()

    def _find(self, name: str) -> dict[str, Any] | None:
        return next((entry for entry in self.row.steps if entry["name"] == name), None)

    def _clean(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "•••")
        return known.of_host(self.row.host_id)(text.replace("\x00", ""))


def words_of(error: BaseException) -> str:
    """What an exception says to people."""
    known = getattr(error, "words", None) or getattr(error, "message", None)
    if known or isinstance(error, Failed):
        return str(known or error)
    return _("Unexpected, please report it: %(kind)s: %(text)s") % {"kind": type(error).__name__, "text": error}


def _now() -> str:
    return timezone.now().isoformat()
