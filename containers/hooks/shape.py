"""What a hook is, read from JSON with every mistake named. Pure.

Its signing secret is not part of it: that lies encrypted beside the settings, under the name `secret_key(hook)`.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any
from urllib.parse import urlsplit

from django.utils.translation import gettext as _

from xqplatform.errors import Refused

# In the order in which a release comes by them.
BUILD = ("build.before", "build.after")
WIDE = ("release.before", "batch.before", "batch.after", "release.after")
RUNNING = ("traffic.out", "stop.before", "start.after", "traffic.in")  # a container of the instance runs there
INSTANCE = ("traffic.out", "stop.before", "stop.after", "start.before", "start.after", "traffic.in")
POINTS = (*BUILD, "release.before", "batch.before", *INSTANCE, "batch.after", "release.after")
KINDS = ("command", "host", "http")
FAILURES = ("fail", "hold", "warn")
METHODS = ("POST", "PUT", "GET", "DELETE")
MOST = 30
LONGEST_TIMEOUT = 600.0
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
SECRET = "hook:"  # noqa: S105  what the names of hooks' secrets begin with
Json = dict[str, Any]


def point_words() -> dict[str, Any]:
    """The points in the order in which a release comes by them, for people."""
    return {
        "build.before": _("before a build"),
        "build.after": _("after a build"),
        "release.before": _("before a release"),
        "batch.before": _("before a batch"),
        "traffic.out": _("take out of traffic"),
        "stop.before": _("before an instance stops"),
        "stop.after": _("after an instance stopped"),
        "start.before": _("before an instance starts"),
        "start.after": _("after an instance is well"),
        "traffic.in": _("put back into traffic"),
        "batch.after": _("after a batch"),
        "release.after": _("after a release"),
    }


@dataclass(frozen=True)
class Hook:
    """`timeout`: seconds of one try; `retries`: further tries, at growing pauses; `on_failure`: of the last one."""

    name: str
    at: str
    kind: str
    command: tuple[str, ...] = ()  # kind command: run directly, not by a shell
    host: str = ""  # kind host: its name; empty: the instance's own
    operation: str = ""  # kind host: the name of a reviewed command
    values: Mapping[str, str] = field(default_factory=dict)  # of its parameters; {instance} and others are filled in
    method: str = "POST"
    url: str = ""
    signed: bool = False  # kind http: a secret is stored for it
    timeout: float = 30
    retries: int = 2
    on_failure: str = "fail"

    def to_json(self) -> Json:
        data = asdict(self)
        data["command"], data["values"] = list(self.command), dict(self.values)
        return data

    @property
    def what(self) -> str:
        """What it does, in a line."""
        if self.kind == "command":
            return shlex.join(self.command)
        if self.kind == "host":
            values = " ".join(f"{name}={value}" for name, value in self.values.items())
            return f"{self.operation} {values}".strip() + (f" @ {self.host}" if self.host else "")
        return f"{self.method} {self.url}"


def secret_key(hook: Hook) -> str:
    """Under which name its secret lies beside the settings."""
    return f"{SECRET}{hook.name}"


def at(hooks: Sequence[Hook], point: str) -> list[Hook]:
    """The hooks of a point, in their order."""
    return [hook for hook in hooks if hook.at == point]


def read(data: Any) -> tuple[Hook, ...]:
    """The hooks in a list of objects. Raises Refused with the field («hooks.2.url»)."""
    if data in (None, "", ()):
        return ()
    if not isinstance(data, list | tuple) or len(data) > MOST:
        raise Refused(_("It must be a list of at most %(most)s.") % {"most": MOST}, "hooks", 400)
    found: list[Hook] = []
    for number, entry in enumerate(data, 1):
        try:
            hook = read_one(entry)
            if hook.name in {one.name for one in found}:
                raise Refused(_("There is another hook of this name."), "name", 400)
        except Refused as refused:
            refused.field = f"hooks.{number}.{refused.field}" if refused.field else f"hooks.{number}"
            raise
        found.append(hook)
    return tuple(found)


def read_one(data: Any) -> Hook:
    """One hook. Raises Refused with its field."""
    if not isinstance(data, Mapping):
        raise Refused(_("A hook is an object."), None, 400)
    known = {one.name for one in fields(Hook)}
    if unknown := set(data) - known:
        raise Refused(_("There is no setting «%(name)s».") % {"name": min(map(str, unknown))}, None, 400)
    name = _text(data, "name", 40)
    if not NAME.fullmatch(name):
        raise Refused(_("Small letters, digits and -; at most 40."), "name", 400)
    point, kind = _one_of(data, "at", POINTS), _one_of(data, "kind", KINDS)
    hook = Hook(
        name=name,
        at=point,
        kind=kind,
        **_KINDS[kind](data),
        timeout=_number(data, "timeout", 1, LONGEST_TIMEOUT, 30),
        retries=int(_number(data, "retries", 0, 10, 2)),
        on_failure=_one_of(data, "on_failure", FAILURES, "fail"),
    )
    _fits(hook)
    return hook


def _fits(hook: Hook) -> None:
    """Raises Refused for what cannot be at its point."""
    if hook.kind == "command" and hook.at not in RUNNING:
        words = _("No container runs there: a command can be at «%(points)s».")
        raise Refused(words % {"points": ", ".join(str(point_words()[at]) for at in RUNNING)}, "kind", 400)
    if hook.kind == "host" and not hook.host and hook.at not in INSTANCE:
        raise Refused(_("Name the host: there is no instance whose host it could be."), "host", 400)
    if hook.at == "traffic.out" and hook.on_failure == "warn":
        words = _("An instance that may still get traffic is not stopped: let it fail, or hold.")
        raise Refused(words, "on_failure", 400)


def _command(data: Mapping[str, Any]) -> Json:
    value = data.get("command")
    if isinstance(value, str):
        try:
            value = shlex.split(value)
        except ValueError:
            raise Refused(_("A quote is not closed."), "command", 400) from None
    if not isinstance(value, list | tuple) or not value or len(value) > 60:
        raise Refused(_("Say which command is run."), "command", 400)
    if not all(isinstance(word, str) and "\x00" not in word and len(word) <= 4000 for word in value) or not value[0]:
        raise Refused(_("A command is of words without zero bytes."), "command", 400)
    return {"command": tuple(value)}


def _host(data: Mapping[str, Any]) -> Json:
    operation = _text(data, "operation", 60)
    if not operation:
        raise Refused(_("Say which reviewed command is run."), "operation", 400)
    values = data.get("values") or {}
    if not isinstance(values, Mapping) or len(values) > 20:
        raise Refused(_("It must be an object of names and texts."), "values", 400)
    for key, text in values.items():
        if not isinstance(key, str) or not isinstance(text, str) or "\x00" in text or len(text) > 200:
            raise Refused(_("It must be an object of names and texts."), "values", 400)
    return {"host": _text(data, "host", 100), "operation": operation, "values": dict(values)}


def _http(data: Mapping[str, Any]) -> Json:
    url = _text(data, "url", 1000)
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise Refused(_("This is no address: write https://host/path."), "url", 400) from None
    good = parts.scheme in {"http", "https"} and parts.hostname and port != 0 and url.isascii()
    if not good or re.search(r"[\s\\]|[\x00-\x1f\x7f]", url) or parts.fragment:
        raise Refused(_("This is no address: write https://host/path."), "url", 400)
    if parts.username or parts.password:
        raise Refused(_("No password in an address, everybody may read it: the call is signed instead."), "url", 400)
    signed = data.get("signed", False)
    if not isinstance(signed, bool):
        raise Refused(_("It must be true or false."), "signed", 400)
    return {"url": url, "method": _one_of(data, "method", METHODS, "POST"), "signed": signed}


_KINDS = {"command": _command, "host": _host, "http": _http}


def _text(data: Mapping[str, Any], name: str, longest: int) -> str:
    value = data.get(name) or ""
    if not isinstance(value, str) or len(value) > longest or "\x00" in value:
        raise Refused(_("It must be text of at most %(n)s characters.") % {"n": longest}, name, 400)
    return value.strip()


def _one_of(data: Mapping[str, Any], name: str, choices: Sequence[str], default: str = "") -> str:
    value = data.get(name) or default
    if value not in choices:
        raise Refused(_("Choose one of: %(choices)s.") % {"choices": ", ".join(choices)}, name, 400)
    return str(value)


def _number(data: Mapping[str, Any], name: str, low: float, high: float, default: float) -> float:
    value = data.get(name)
    if value in (None, ""):
        return default
    try:
        if isinstance(value, bool):
            raise ValueError
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise Refused(_("«%(value)s» is not a number.") % {"value": value}, name, 400) from None
    if not low <= number <= high:
        raise Refused(_("It must lie between %(low)g and %(high)g.") % {"low": low, "high": high}, name, 400)
    return number


def pause(failed: int) -> float:
    """Seconds until the next try after so many failed ones: 1, 2, 4 … 30."""
    return float(min(30, 2 ** max(0, failed - 1)))
