"""What a reviewed command is: its words, its typed parameters, and what comes out of them. Pure; no machine, no row."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from xqplatform.errors import Refused

PLACE = re.compile(r"\{([a-z][a-z0-9_]*)\}")
NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
KINDS = ("int", "enum", "regex")
SHELLS = re.compile(
    r"(.*/)?(sh|bash|dash|ash|zsh|ksh|csh|tcsh|fish|eval|python[\d.]*|perl|ruby|awk|gawk|mawk|node|lua)"
)
LONGEST = 200  # characters of a parameter's value


@dataclass(frozen=True)
class Parameter:
    """One parameter: `kind` int (low to high), enum (choices) or regex (the whole value fits the pattern)."""

    name: str
    kind: str
    low: int = 0
    high: int = 0
    choices: tuple[str, ...] = ()
    pattern: str = ""
    default: str = ""

    def check(self, value: str) -> str:
        """The value as the command gets it. Raises Refused at the parameter."""
        value = value.strip() or self.default
        if "\x00" in value or "\n" in value or len(value) > LONGEST:
            raise Refused(_("One line of at most %(n)s characters.") % {"n": LONGEST}, self.name, 400)
        if self.kind == "int":
            if not re.fullmatch(r"-?\d{1,12}", value) or not self.low <= int(value) <= self.high:
                words = _("A whole number from %(low)s to %(high)s.")
                raise Refused(words % {"low": self.low, "high": self.high}, self.name, 400)
            return str(int(value))
        if self.kind == "enum":
            if value not in self.choices:
                raise Refused(_("One of: %(choices)s.") % {"choices": ", ".join(self.choices)}, self.name, 400)
            return value
        if not re.fullmatch(self.pattern, value):
            raise Refused(_("Not of the form %(pattern)s.") % {"pattern": self.pattern}, self.name, 400)
        if value.startswith("-"):
            raise Refused(_("A value must not begin with «-»: the command would take it as an option."), self.name, 400)
        return value

    @property
    def line(self) -> str:
        """As it is written in the form."""
        detail = {"int": f"{self.low}..{self.high}", "enum": "|".join(self.choices), "regex": self.pattern}[self.kind]
        return f"{self.name} {self.kind} {detail}" + (f" ={self.default}" if self.default else "")

    def stored(self) -> dict[str, Any]:
        """As the row keeps it: only what its kind has."""
        kept: dict[str, Any] = {"name": self.name, "kind": self.kind, "default": self.default}
        if self.kind == "int":
            kept |= {"low": self.low, "high": self.high}
        else:
            kept |= {"choices": list(self.choices)} if self.kind == "enum" else {"pattern": self.pattern}
        return kept


def parameters_of(stored: Sequence[Mapping[str, Any]]) -> list[Parameter]:
    """The parameters of a row."""
    return [Parameter(**{**entry, "choices": tuple(entry.get("choices", ()))}) for entry in stored]


def read_parameters(lines: str) -> list[Parameter]:
    """«lines int 1..5000 =200», «unit enum docker|containerd», «name regex [a-z0-9_.-]+», one a line. Raises Refused."""
    found = []
    for number, line in enumerate(lines.splitlines(), 1):
        if not line.strip():
            continue
        name, kind, rest = [*line.strip().split(None, 2), "", ""][:3]
        detail, equals, default = rest.rpartition(" =")
        found.append(_parameter(number, name, kind, detail if equals else rest, default if equals else ""))
    return checked(found)


def _parameter(number: int, name: str, kind: str, detail: str, default: str) -> Parameter:
    detail, default = detail.strip(), default.strip()
    if kind == "int":
        span = re.fullmatch(r"(-?\d{1,12})\.\.(-?\d{1,12})", detail)
        if span is None:
            raise _wrong(number, _("the span is written 1..5000"))
        return Parameter(name, kind, low=int(span[1]), high=int(span[2]), default=default)
    if kind == "enum":
        return Parameter(name, kind, choices=tuple(part for part in detail.split("|") if part), default=default)
    if kind == "regex":
        return Parameter(name, kind, pattern=detail, default=default)
    raise _wrong(number, _("the kind is int, enum or regex"))


def _wrong(number: int, text: str) -> Refused:
    return Refused(_("Line %(n)s: %(text)s.") % {"n": number, "text": text}, "parameters", 400)


def checked(parameters: list[Parameter]) -> list[Parameter]:
    """The same, if each is sound. Raises Refused at `parameters`."""
    for number, one in enumerate(parameters, 1):
        if not NAME.fullmatch(one.name):
            raise _wrong(number, _("a name is of small letters, digits and _"))
        if one.kind not in KINDS:
            raise _wrong(number, _("the kind is int, enum or regex"))
        if one.kind == "int" and one.low > one.high:
            raise _wrong(number, _("the span is empty"))
        if one.kind == "enum" and (not one.choices or any(len(c) > LONGEST or c.startswith("-") for c in one.choices)):
            raise _wrong(number, _("choices are written a|b, and none begins with «-»"))
        if one.kind == "regex":
            try:
                re.compile(one.pattern)
            except re.error as error:
                raise _wrong(number, _("this is no pattern: %(why)s") % {"why": error}) from None
            if not one.pattern or len(one.pattern) > 250:
                raise _wrong(number, _("a pattern has 1 to 250 characters"))
        if one.default:
            one.check(one.default)
    if len({one.name for one in parameters}) != len(parameters):
        raise Refused(_("A name is there twice."), "parameters", 400)
    return parameters


def check_argv(argv: Sequence[str], parameters: Sequence[Parameter]) -> list[str]:
    """The words, if they make a command that no parameter can turn into another one. Raises Refused at `argv`."""
    words = [str(word) for word in argv]
    if not words or not all(words) or len(words) > 60 or any(len(w) > 4000 or "\x00" in w for w in words):
        raise Refused(_("One word a line, at most 60 of them."), "argv", 400)
    if PLACE.search(words[0]):
        raise Refused(_("The program itself cannot be a parameter."), "argv", 400)
    used = {name for word in words for name in PLACE.findall(word)}
    known = {one.name for one in parameters}
    if used - known:
        raise Refused(_("There is no parameter «%(name)s».") % {"name": min(used - known)}, "argv", 400)
    if known - used:
        raise Refused(_("The parameter «%(name)s» is used nowhere.") % {"name": min(known - used)}, "parameters", 400)
    if used and any(SHELLS.fullmatch(word) for word in words):
        text = _("A value inside a script could become a command: a command with parameters runs its program directly.")
        raise Refused(text, "argv", 400)
    return words


def fill(argv: Sequence[str], parameters: Sequence[Parameter], values: Mapping[str, str]) -> list[str]:
    """The words to run: each value stays in its word, whatever is in it. Raises Refused at the parameter."""
    unknown = set(values) - {one.name for one in parameters}
    if unknown:
        raise Refused(_("There is no parameter «%(name)s».") % {"name": min(unknown)}, min(unknown), 400)
    good = {one.name: one.check(str(values.get(one.name, ""))) for one in parameters}
    return [PLACE.sub(lambda found: good[found[1]], word) for word in argv]


_SECRETS = (
    re.compile(
        r"(?i)\b([\w.-]*(?:passw(?:or)?d|secret|token|api[_-]?key|access[_-]?key|credential)s?[\"']?\s*[=:]\s*)(\"[^\"]*\"|'[^']*'|[^\s,;&]+)"
    ),
    re.compile(r"(?i)(\bauthorization:\s*(?:\w+\s+)?)(\S+)"),
    re.compile(r"(://[^/\s:@]*:)([^@\s/]+)(?=@)"),
)
_BEGIN, _END = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"), re.compile(r"-----END [A-Z ]*PRIVATE KEY-----")


class Concealer:
    """Takes what a command says, in pieces as they come, and gives whole lines in which nothing looks like a secret."""

    def __init__(self) -> None:
        self._rest, self._in_key = "", False

    def feed(self, text: str, *, last: bool = False) -> str:
        *lines, self._rest = (self._rest + text).split("\n")
        if last or len(self._rest) > 20_000:
            lines, self._rest = [*lines, self._rest], ""
        kept = [shown for line in lines if (shown := self._line(line)) is not None]
        return "\n".join(kept) + ("\n" if kept else "")

    def _line(self, line: str) -> str | None:
        if self._in_key:
            self._in_key = not _END.search(line)
            return None
        if _BEGIN.search(line):
            self._in_key = not _END.search(line)
            return "••• (private key)"
        for pattern in _SECRETS:
            line = pattern.sub(r"\1•••", line)
        return line


# Shipped as reviewed: they only look.
BUILTIN: list[dict[str, Any]] = [
    {"name": "uptime", "title": gettext_noop("Load and uptime"), "argv": ["uptime"]},
    {"name": "df", "title": gettext_noop("Disk space and inodes"), "argv": ["df", "-hT", "-x", "tmpfs", "-x", "overlay"]},
    {"name": "free", "title": gettext_noop("Memory"), "argv": ["free", "-m"]},
    {"name": "top", "title": gettext_noop("The busiest processes"), "argv": ["ps", "-eo", "pid,user,pcpu,pmem,etime,comm", "--sort=-pcpu"]},
    {"name": "docker-ps", "title": gettext_noop("Containers, as the engine lists them"), "argv": ["docker", "ps", "--all"]},
    {"name": "docker-df", "title": gettext_noop("What the engine keeps on disk"), "argv": ["docker", "system", "df"], "timeout": 60},
    {
        "name": "docker-journal", "title": gettext_noop("Journal of docker"), "timeout": 60, "roles": [],
        "argv": ["journalctl", "--no-pager", "-u", "docker", "-n", "{lines}"],
        "parameters": ["lines int 1..5000 =200"],
    },
    {"name": "dmesg", "title": gettext_noop("What the kernel said lately"), "argv": ["dmesg", "--ctime", "--level=err,warn"]},
    {"name": "ip-addr", "title": gettext_noop("Network interfaces and addresses"), "argv": ["ip", "addr"]},
    {"name": "ip-route", "title": gettext_noop("Routes"), "argv": ["ip", "route"]},
    {"name": "ip-neigh", "title": gettext_noop("Neighbours (ARP)"), "argv": ["ip", "neigh"]},
    {"name": "ss", "title": gettext_noop("Sockets, summed up"), "argv": ["ss", "-s"]},
    {"name": "interface", "title": gettext_noop("Counters of one interface"), "argv": ["ip", "-s", "link", "show", "dev", "{device}"],
     "parameters": ["device regex [A-Za-z0-9_.@-]{1,15} =br0"]},
]  # fmt: skip
