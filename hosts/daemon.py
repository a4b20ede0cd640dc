"""A host's daemon.json: what its profile says merged over what is there. Pure: dicts and texts, no machine.

Keys that the profile does not name are kept as they are, also those that nobody here knows.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

Settings = dict[str, Any]

# What the engine takes over on SIGHUP; everything else is read at its start only.
RELOADABLE = frozenset(
    {
        "allow-nondistributable-artifacts", "authorization-plugins", "debug", "default-runtime", "default-shm-size",
        "features", "insecure-registries", "labels", "live-restore", "max-concurrent-downloads",
        "max-concurrent-uploads", "max-download-attempts", "registry-mirrors", "runtimes", "shutdown-timeout",
    }
)  # fmt: skip
# Keys whose values are mappings that are merged key by key.
NESTED = frozenset({"log-opts", "default-ulimits"})
TYPES: dict[str, type | tuple[type, ...]] = {
    "iptables": bool, "ip6tables": bool, "ip-forward": bool, "ip-masq": bool, "live-restore": bool, "tls": bool,
    "tlsverify": bool, "icc": bool, "ipv6": bool, "userland-proxy": bool, "debug": bool, "experimental": bool,
    "bridge": str, "bip": str, "data-root": str, "exec-root": str, "pidfile": str, "log-driver": str, "tlscacert": str,
    "tlscert": str, "tlskey": str, "storage-driver": str, "cgroup-parent": str, "group": str, "containerd": str,
    "mtu": int, "shutdown-timeout": int, "max-concurrent-downloads": int, "max-concurrent-uploads": int,
    "hosts": list, "exec-opts": list, "dns": list, "dns-search": list, "dns-opts": list, "labels": list,
    "insecure-registries": list, "registry-mirrors": list, "storage-opts": list,
    "log-opts": dict, "default-ulimits": dict, "features": dict, "runtimes": dict,
}  # fmt: skip
WORDS = {bool: "true / false", str: "text", int: "number", list: "list", dict: "object"}


def parse(text: str | None) -> Settings:
    """The file's settings; of a missing or empty file: none. Raises ValueError with a sentence that names the line."""
    if not (text or "").strip():
        return {}
    try:
        found = json.loads(text or "")
    except json.JSONDecodeError as error:
        words = _("daemon.json is not valid JSON (line %(line)s, column %(column)s: %(why)s).")
        raise ValueError(words % {"line": error.lineno, "column": error.colno, "why": error.msg}) from error
    if not isinstance(found, dict):
        raise ValueError(_("daemon.json must be one JSON object."))
    return found


def dump(settings: Mapping[str, Any], like: str | None = "") -> str:
    """The file's text, indented as the old one was, so that a diff shows what changes and nothing else."""
    found = re.search(r"^([ \t]+)\S", like or "", re.M)
    return json.dumps(settings, indent=found[1] if found else 2, ensure_ascii=False) + "\n"


def render(profile_values: Mapping[str, Any], current: Mapping[str, Any]) -> Settings:
    """The new settings: the profile's values over the current ones, in the order that was there. None takes a key away."""
    new: Settings = dict(current)
    for key, value in profile_values.items():
        old = new.get(key)
        if value is None:
            new.pop(key, None)
        elif (
            key in NESTED
            and isinstance(value, Mapping)
            and isinstance(old, Mapping)
            and _mergeable(key, current, profile_values)
        ):
            new[key] = {k: v for k, v in {**old, **value}.items() if v is not None}
        elif isinstance(value, Mapping):
            new[key] = {k: v for k, v in value.items() if v is not None}
        else:
            new[key] = value
    return new


def _mergeable(key: str, current: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Options of one log driver mean nothing to another: the engine would not start."""
    driver = wanted.get("log-driver")
    return key != "log-opts" or driver is None or driver == current.get("log-driver", driver)


def mistakes(settings: Mapping[str, Any]) -> list[str]:
    """What the engine would not accept, in sentences; empty when nothing is known to be wrong."""
    found = []
    for key, value in settings.items():
        wanted = TYPES.get(key)
        good = wanted is None or (isinstance(value, wanted) and not (wanted is int and isinstance(value, bool)))
        if not good:
            words = _("«%(key)s» must be of the kind: %(kind)s.")
            found.append(words % {"key": key, "kind": WORDS[wanted]})  # type: ignore[index]
    if settings.get("bip") and settings.get("bridge"):
        found.append(_("«bridge» and «bip» exclude each other."))
    if settings.get("tlsverify") and not all(settings.get(key) for key in ("tlscacert", "tlscert", "tlskey")):
        found.append(_("«tlsverify» needs tlscacert, tlscert and tlskey."))
    hosts = settings.get("hosts")
    if isinstance(hosts, list):
        open_tcp = [host for host in hosts if str(host).startswith("tcp://")]
        if open_tcp and not settings.get("tlsverify"):
            words = _("%(host)s without «tlsverify» would give everybody on the network root on this machine.")
            found.append(words % {"host": open_tcp[0]})
    options = settings.get("log-opts")
    if isinstance(options, dict):
        found += [
            _('«log-opts» %(key)s must be a text, such as "5".') % {"key": key}
            for key, value in options.items()
            if not isinstance(value, str)
        ]
    return found


def changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """The keys that differ."""
    missing = object()
    return sorted(key for key in {*old, *new} if old.get(key, missing) != new.get(key, missing))


def needs_restart(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Whether a change is among them that the engine reads at its start only."""
    return not RELOADABLE.issuperset(changed(old, new))


def diff(old_text: str, new_text: str) -> str:
    """A unified diff; empty when nothing changes."""
    lines = difflib.unified_diff(
        old_text.splitlines(), new_text.splitlines(), "daemon.json", "daemon.json (new)", lineterm=""
    )
    return "\n".join(lines)


def without_flags(exec_start: str, settings: Mapping[str, Any]) -> str | None:
    """The unit's command line without what daemon.json says, or None if it may stay.

    The engine refuses to start when a setting is in both: Debian's unit says «-H fd://», so «hosts» would do it.
    """
    words, kept, skip = exec_start.split(), [], False
    names = {"-H": "hosts", "--host": "hosts", "-D": "debug", "-l": "log-level", "-G": "group"}
    for index, word in enumerate(words):
        if skip:
            skip = False
            continue
        flag, equals, _value = word.partition("=")
        key = names.get(flag) or (flag[2:] if flag.startswith("--") else "")
        if key and key in settings:
            following = words[index + 1] if index + 1 < len(words) else "-"
            skip = not equals and not following.startswith("-") and TYPES.get(key) is not bool
            continue
        kept.append(word)
    return " ".join(kept) if kept != words else None
