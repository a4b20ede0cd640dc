"""Which of an engine's events the platform itself brought about, and what somebody did who brought about the others. Pure.

An engine does not tell whose call an event comes from. Therefore the platform notes its own calls (`own_calls`), and an event is
accounted for by a call of the right kind, to that object, that was under way at the time.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

SLACK = 5.0  # seconds between two clocks, and on an event's way
QUIET = 3.0  # seconds without news of an object until what was heard of it is judged
DYING = 40.0  # a signal was sent: so long its end is waited for
BY_ITSELF = 70.0  # seconds: the longest pause of an engine's restart policy, and a little
OPEN_END = 600.0  # seconds that a call without an end counts as under way: its process may have died
LONG_END = 7200.0  # the same of what takes long

# What each of the platform's calls brings about: «type action».
BRINGS: Mapping[str, frozenset[str]] = {
    "create": frozenset({"container create"}),
    "start": frozenset({"container start"}),
    "stop": frozenset({"container kill", "container die", "container stop"}),
    "restart": frozenset(f"container {word}" for word in ("kill", "die", "stop", "start", "restart")),
    "kill": frozenset({"container kill", "container die", "container stop"}),
    "pause": frozenset({"container pause"}),
    "unpause": frozenset({"container unpause"}),
    "remove": frozenset({"container kill", "container die", "container stop", "container destroy"}),
    "rename": frozenset({"container rename"}),
    "update": frozenset({"container update"}),
    "exec": frozenset({"container exec_create"}),
    "pull": frozenset({"image pull", "image tag", "image untag"}),
    "tag": frozenset({"image tag"}),
    "image.remove": frozenset({"image untag", "image delete"}),
    "network.create": frozenset({"network create"}),
    "network.remove": frozenset({"network destroy", "network remove"}),
}
# By the first an engine makes and removes containers of its own, the second works on the machine itself and may restart all of them.
BUILD, OPERATION = "build", "operation"
WORKS_ON_ALL = frozenset({OPERATION})
# Anonymous volumes come and go with containers, images' tags with pulls: whose target is another one.
FOLLOWS: Mapping[str, frozenset[str]] = {
    "volume create": frozenset({"create", BUILD}),
    "volume destroy": frozenset({"remove", BUILD}),
}


@dataclass(frozen=True)
class Happening:
    """One event. `at`: Unix time by the platform's clock; `mark` is the same whenever the engine tells of it again."""

    kind: str  # container, image, network, volume
    action: str  # its first word: «exec_create»
    id: str
    name: str
    at: float
    mark: str = ""
    detail: str = ""  # the command of an exec, the old name of a rename, the signal of a kill
    ours: bool = False  # the platform made the object
    instance: bool = False  # it is an instance's container

    @property
    def word(self) -> str:
        return f"{self.kind} {self.action}"


@dataclass(frozen=True)
class Own:
    """A call of the platform's. `target`: the object's id or name; empty: any. `ended` is None while it is under way."""

    verb: str
    target: str
    began: float
    ended: float | None = None
    mark: str = ""
    command: str = ""  # of an exec: its `digest`

    def runs_at(self, at: float) -> bool:
        longest = {"pull": LONG_END, BUILD: LONG_END, OPERATION: math.inf}.get(self.verb, OPEN_END)
        end = self.ended if self.ended is not None else self.began + longest
        return self.began - SLACK <= at <= end + SLACK


def is_own(event: Happening, calls: Iterable[Own], used: set[tuple[str, str, int]]) -> bool:
    """Whether a call of the platform's accounts for it.

    One call brings about one event of a kind (a stop: two signals), so what somebody else does a moment later is another's. `used`
    holds what calls have accounted for, and is added to.
    """
    for call in calls:
        if not call.runs_at(event.at) or not _accounts(call, event):
            continue
        if call.verb in {BUILD, OPERATION} or event.kind != "container":
            return True
        for n in range(2 if event.action == "kill" else 1):
            if (call.mark, event.word, n) not in used:
                used.add((call.mark, event.word, n))
                return True
    return False


def _accounts(call: Own, event: Happening) -> bool:
    if call.verb in WORKS_ON_ALL:
        return event.action != "exec_create"
    if call.verb == BUILD:
        return not event.instance
    if event.word in FOLLOWS:
        return call.verb in FOLLOWS[event.word]
    if event.word not in BRINGS.get(call.verb, ()):
        return False
    if call.verb == "exec" and call.command != digest(event.detail):
        return False
    return _same(call.target, event)


def digest(command: str) -> str:
    """Of a command that is compared and not kept."""
    # (Engines put a blank behind a command without arguments.)
    return hashlib.sha256(command.strip().encode()).hexdigest()[:16]


def _same(target: str, event: Happening) -> bool:
    if not target:
        return True
    if event.kind == "image":
        # One is called by tag, digest or id; what the engine tells is any of them.
        return target in {event.id, event.name} or _repository(target) == _repository(event.name or event.id)
    short, long = sorted((target, event.id), key=len)
    return target == event.name or (len(short) >= 12 and long.startswith(short))


def _repository(ref: str) -> str:
    name = ref.partition("@")[0]
    head, colon, tag = name.rpartition(":")
    return head if colon and "/" not in tag else name


@dataclass(frozen=True)
class Deed:
    """What somebody did: `action` is the last word of the audit log's «outside.*»."""

    action: str
    kind: str
    id: str
    name: str
    at: float
    detail: str = ""
    ours: bool = False


# Events that are told as the deed of the same meaning.
PLAIN: Mapping[str, str] = {
    "container create": "create",
    "container pause": "pause",
    "container unpause": "unpause",
    "container rename": "rename",
    "container update": "update",
    "container exec_create": "exec",
    "image pull": "image.pull",
    "image tag": "image.tag",
    "image import": "image.load",
    "image load": "image.load",
    "network create": "network.create",
    "network destroy": "network.remove",
    "network remove": "network.remove",
    "volume create": "volume.create",
    "volume destroy": "volume.remove",
}


def deeds(events: Iterable[Happening], died: float | None = None) -> tuple[list[Deed], float | None]:
    """What one object's foreign events, in their order, add up to: a stop is one deed, whatever the engine tells on the way.

    What nobody does is none: an end by itself, a kill by the kernel, and a start by the restart policy. `died`: when the container
    last ended by itself, before and after.
    """
    found: list[Deed] = []
    signal: Happening | None = None  # a kill that nothing has explained yet
    for event in events:
        word = event.word
        if signal is not None and (
            word == "container start" or (word == "container kill" and not _ends(signal.detail))
        ):
            found.append(_deed("kill", signal))
            signal = None
        if word in PLAIN:
            found.append(_deed(PLAIN[word], event))
        elif word == "container kill":
            signal = event
        elif word == "container die":
            died = event.at if signal is None else None
        elif word in {"container stop", "container destroy"}:
            found.append(_deed("stop" if word == "container stop" else "remove", event))
            signal = None
        elif word == "container start":
            if died is None or not 0 <= event.at - died <= BY_ITSELF:
                found.append(_deed("start", event))
            died = None
        elif word == "container restart":
            # The engine tells it last, after the stop and the start that it consists of.
            for part in ("start", "stop"):
                if found and found[-1].action == part and event.at - found[-1].at <= DYING:
                    found.pop()
            found.append(_deed("restart", event))
        elif word in {"image untag", "image delete"} and not (found and found[-1].action == "image.remove"):
            found.append(_deed("image.remove", event))
    if signal is not None:
        found.append(_deed("kill", signal))
    return found, died


def _deed(action: str, event: Happening) -> Deed:
    return Deed(action, event.kind, event.id, event.name, event.at, event.detail, event.ours)


def _ends(signal: str) -> bool:
    return signal in {"", "9", "15", "SIGKILL", "SIGTERM"}


def is_ripe(events: Sequence[Happening], now: float) -> bool:
    """Whether nothing more is to be waited for before one object's events are judged."""
    last = events[-1]
    dies = last.word == "container kill" and _ends(last.detail)
    return now - last.at >= (DYING if dies else QUIET)


# --- Not too many ---------------------------------------------------------------------------------------------------

SINGLES = 5  # deeds of one kind on one host that are told one by one within a minute
MINUTE = 60.0
NAMES = 20  # told of those that are counted


@dataclass(frozen=True)
class Window:
    """Of one action on one host: since when, how many were told one by one, and what is counted."""

    since: float
    singles: int = 0
    more: int = 0
    names: tuple[str, ...] = ()

    @property
    def until(self) -> float:
        return self.since + MINUTE


def admitted(window: Window | None, deed: Deed, now: float) -> tuple[Window, bool]:
    """The window with one more deed in it, and whether it is told by itself. A window that is over must be closed first."""
    window = window or Window(now)
    if window.singles < SINGLES:
        return Window(window.since, window.singles + 1, window.more, window.names), True
    names = (*window.names, deed.name) if len(window.names) < NAMES and deed.name not in window.names else window.names
    return Window(window.since, window.singles, window.more + 1, names), False


# --- Texts ----------------------------------------------------------------------------------------------------------

ODD = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069]")


def plain(text: object, most: int = 200) -> str:
    """Text of an engine as it may stand in the log: no signs that are not seen, and not too long."""
    found = ODD.sub("�", str(text))
    return found if len(found) <= most else found[: most - 1] + "…"
