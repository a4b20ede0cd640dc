"""What the engine's daemon is set to: by its command line, its daemon.json, or Docker's own defaults. Pure."""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable
from typing import Any

from django.utils.translation import gettext as _

from hosts import daemon
from hosts.conformance.check import FAILS, PASSES, Fix, Missing, Reading, Verdict
from hosts.conformance.models import Profile

# Docker's own defaults, where neither flag nor file says anything.
DEFAULTS: dict[str, Any] = {
    "iptables": True,
    "ip-forward": True,
    "ip-masq": True,
    "bridge": "",
    "live-restore": False,
    "log-driver": "json-file",
    "log-opts": {},
    "default-ulimits": {},
}
SHORT = {"bridge": "-b"}
REPEATED = {"log-opts": "log-opt", "default-ulimits": "default-ulimit"}  # key of the file → flag


def setting(read: Reading, key: str) -> tuple[Any, str]:
    """The value in force and who says so. Raises Missing where it cannot be known."""
    error = read.maybe(read.text, "daemon_error")
    if error:
        raise Missing(_("Cannot tell: daemon.json is not valid JSON."), error)
    arguments = read.maybe(read.texts, "arguments")
    if arguments is not None:
        given = flag(arguments, key)
        if given is not None:
            return given, _("flag of dockerd")
    file = read.table("daemon")
    if key in file:
        return file[key], read.maybe(read.text, "daemon_path") or "daemon.json"
    if arguments is None:
        # A flag could say otherwise, and the process was not seen.
        raise read.missing(("arguments",))
    return DEFAULTS[key], _("Docker's default")


def flag(arguments: list[str], key: str) -> Any:
    """What the command line says of a setting of daemon.json; None if nothing."""
    names = (f"--{REPEATED.get(key, key)}", SHORT.get(key, "-"))
    found: list[str] = []
    for number, one in enumerate(arguments):
        name, equals, value = one.partition("=")
        if name not in names:
            continue
        if equals:
            found.append(value)
        elif isinstance(DEFAULTS.get(key), bool):
            found.append("true")
        elif number + 1 < len(arguments):
            found.append(arguments[number + 1])
    if not found:
        return None
    if key in REPEATED:
        return dict(part.partition("=")[::2] for part in found)
    return found[-1].lower() in {"true", "1", "t"} if isinstance(DEFAULTS.get(key), bool) else found[-1]


def judge_key(key: str) -> Callable[[Reading, Profile], Verdict]:
    """A check that one setting is as the profile wants it."""

    def judge(read: Reading, profile: Profile) -> Verdict:
        value, source = setting(read, key)
        evidence = f"{key} = {shown(value)} ({source})"
        if key not in profile.daemon:
            return Verdict(PASSES, evidence, _("The profile leaves it open."))
        wanted = profile.daemon[key] if profile.daemon[key] is not None else DEFAULTS[key]
        if value == wanted:
            return Verdict(PASSES, evidence, _("As the profile wants it."))
        return Verdict(FAILS, evidence, _("The profile wants %(value)s.") % {"value": shown(wanted)})

    return judge


def fix_keys(*keys: str) -> Callable[[Reading, Profile], Fix | None]:
    """The preview of a change of daemon.json; the operation daemon.apply does it, with all that the profile wants."""

    def fix(read: Reading, profile: Profile) -> Fix | None:
        arguments = read.maybe(read.texts, "arguments") or []
        flags = [f"--{REPEATED.get(key, key)}" for key in keys if flag(arguments, key) is not None]
        path = read.maybe(read.text, "daemon_path") or "/etc/docker/daemon.json"
        wanted = {key: profile.daemon[key] for key in keys if key in profile.daemon}
        words = _("All of the profile's daemon.json is applied; containers go on running where live-restore is on.")
        if flags:
            # The same setting in both places keeps dockerd from starting at all.
            words = (
                _("The flag %(flag)s of dockerd says it now and goes out of its unit.") % {"flag": ", ".join(flags)}
                + " "
                + words
            )
        return Fix(
            files=((path, daemon.dump(daemon.render(wanted, read.table("daemon")))),),
            needs_restart="engine",
            operation="daemon.apply",
            words=words,
        )

    return fix


def shown(value: Any) -> str:
    return json.dumps(value, sort_keys=True)[:200]


def diff(path: str, old: str | None, new: str) -> str:
    """A unified diff, as `diff -u` prints it."""
    name = path if old is not None else "/dev/null"
    return "\n".join(difflib.unified_diff((old or "").splitlines(), new.splitlines(), name, path, lineterm=""))
