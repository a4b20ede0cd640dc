"""What a check is: a pure look at facts, why it matters, and how it is put right."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from hosts.conformance.models import Profile
from hosts.runtimes import ENGINE
from hosts.runtimes import SERVER as OF_SERVERS

PASSES, FAILS, UNKNOWN = "passes", "fails", "unknown"
ALL = ("run", "build", "registry")
SERVER = (OF_SERVERS,)


@dataclass(frozen=True)
class Verdict:
    """`evidence` is what was read, as the machine says it; `words` what it means, for people."""

    state: str
    evidence: str = ""
    words: str = ""


@dataclass(frozen=True)
class Fix:
    """How a check is put right: files first, then commands (argv each, as root).

    `operation`: another operation does it (daemon.apply, tls.rotate); what stands here is then a preview only.
    `by_hand`: the platform shows it but does not do it, and `words` say why.
    """

    commands: tuple[tuple[str, ...], ...] = ()
    files: tuple[tuple[str, str], ...] = ()  # (path, new text)
    undo_commands: tuple[tuple[str, ...], ...] = ()  # files come back by what they held before
    needs_restart: str = ""  # of what: «engine», «machine»
    words: str = ""
    operation: str = ""
    by_hand: bool = False

    @property
    def can_undo(self) -> bool:
        return not self.by_hand and not self.operation and (bool(self.undo_commands) or not self.commands)


class Missing(Exception):
    """Facts lack what the check needs: it cannot tell."""

    def __init__(self, words: str, evidence: str = "") -> None:
        super().__init__(words)
        self.words, self.evidence = words, evidence


@dataclass
class Reading:
    """Facts as checks see them: whatever lacks or has another shape than it should is Missing, never a guess."""

    facts: Mapping[str, Any]
    needed: set[str] = field(default_factory=set)  # sections that were asked for

    def _find(self, path: Iterable[str]) -> Any:
        here: Any = self.facts
        for number, name in enumerate(path):
            if number == 0:
                self.needed.add(name)
            if not isinstance(here, Mapping) or name not in here:
                return None
            here = here[name]
        return here

    def has(self, *path: str) -> bool:
        return self._find(path) is not None

    def text(self, *path: str) -> str:
        found = self._find(path)
        if not isinstance(found, str):
            raise self.missing(path)
        return found

    def number(self, *path: str) -> float:
        """Also of a text that is a number, as /proc has them."""
        found = self._find(path)
        if isinstance(found, bool) or not isinstance(found, int | float | str):
            raise self.missing(path)
        try:
            number = float(found)
        except ValueError:
            raise self.missing(path) from None
        if not abs(number) < float("inf"):
            raise self.missing(path)
        return number

    def flag(self, *path: str) -> bool:
        found = self._find(path)
        if not isinstance(found, bool):
            raise self.missing(path)
        return found

    def table(self, *path: str) -> Mapping[str, Any]:
        found = self._find(path)
        if not isinstance(found, Mapping):
            raise self.missing(path)
        return found

    def texts(self, *path: str) -> list[str]:
        found = self._find(path)
        if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
            raise self.missing(path)
        return found

    def maybe(self, read: Callable[..., Any], *path: str) -> Any:
        """What one of the methods above reads, or None."""
        try:
            return read(*path)
        except Missing:
            return None

    def missing(self, path: Iterable[str]) -> Missing:
        what = " ".join(path)
        if self.facts.get("source") in ("ssh", "server"):
            return Missing(_("Cannot tell: the host did not say %(what)s.") % {"what": what})
        return Missing(_("Cannot tell: needs SSH access (%(what)s).") % {"what": what})


@dataclass(frozen=True)
class Check:
    """`why` is two sentences. `judge` raises Missing where facts do not suffice. Texts are lazy."""

    slug: str
    title: Any
    why: Any
    judge: Callable[[Reading, Profile], Verdict]
    fix: Callable[[Reading, Profile], Fix | None] | None = None
    roles: tuple[str, ...] = ALL
    short: str = ""  # the head of its column in the matrix
    families: tuple[str, ...] = (ENGINE,)  # `Traits.checks` of the runtimes that it is about

    def evaluate(self, facts: Mapping[str, Any], profile: Profile) -> Verdict:
        """The verdict. Pure, and never raises, whatever the facts are."""
        try:
            return self.judge(Reading(facts), profile)
        except Missing as missing:
            return Verdict(UNKNOWN, missing.evidence, missing.words)

    def propose(self, facts: Mapping[str, Any], profile: Profile) -> Fix | None:
        """The fix for a failing check; None where it passes, cannot tell, or nothing but a person can do it."""
        if self.fix is None or self.evaluate(facts, profile).state != FAILS:
            return None
        try:
            return self.fix(Reading(facts), profile)
        except Missing:
            return None


def tool(read: Reading) -> str:
    """The command line of a server: each kind has its own."""
    return {"incus": "incus"}.get(read.text("server", "brand"), "lxc")


def limit(profile: Profile, name: str) -> float:
    """A limit that is a number; the verb that saves profiles sees to it."""
    return float(profile.limit(name))


def with_line(text: Any, key: str, line: str) -> str:
    """A file of the platform's own with the line that begins with `key` put in its place."""
    rows = [
        row
        for row in (text if isinstance(text, str) else "").splitlines()
        if row.partition("=")[0].strip() != key and row != line
    ]
    head = ["# Kept by the platform: conformance of this host."] if not rows else []
    return "\n".join([*head, *rows, line]) + "\n"
