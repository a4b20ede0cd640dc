"""Log files that an instance wrote to /persist/logs: listed, and their ends read, in a helper container on the host.

The helper has nothing but the instance's own folder (read-only, without a network), so a link that points out of it points at the
helper's own files; links are refused all the same. Everything is limited: files, bytes, lines, time.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from datetime import UTC, datetime

from django.utils.translation import gettext as _

from containers.config import parse
from containers.models import Instance, PersistedFolder
from hosts import helper
from hosts.engine import EngineError, connect
from hosts.models import Host
from xqplatform.errors import Refused

ROOT = "/persist/logs"  # where the helper has it
MOST_FILES = 500
MOST_BYTES = 1 << 20  # of the end of a file
MOST_LINES = 2000
SECONDS = 20.0
LATEST = 2**37  # Unix seconds; a name with a line end in it may claim any time, and years have four digits
ENTRY = re.compile(r"(\d+) (\d+) \./(.+)")
LINK, MISSING = 3, 4  # what the scripts end with
LIST = f"""[ -L {ROOT} ] && exit {LINK}
cd {ROOT} 2>/dev/null || exit {MISSING}
[ "$(busybox readlink -f .)" = {ROOT} ] || exit {LINK}
busybox find . -xdev -type f -exec busybox stat -c '%s %Y %n' {{}} + | busybox head -n {MOST_FILES + 1}"""
TAIL = f"""f="{ROOT}/$1"
[ -e "$f" ] || [ -L "$f" ] || exit {MISSING}
[ "$(busybox readlink -f "$f")" = "$f" ] && [ -f "$f" ] || exit {LINK}
busybox stat -c %s "$f"
case "$f" in *.gz) busybox zcat "$f" ;; *) busybox tail -c {MOST_BYTES} "$f" ;; esac | busybox tail -c {MOST_BYTES} | busybox tail -n "$2" """


@dataclass(frozen=True)
class Folder:
    """A place where an instance's files are: a folder of its address, or its volume."""

    key: str
    host: Host
    bind: str
    words: str


@dataclass(frozen=True)
class File:
    name: str
    size: int
    changed: datetime


@dataclass(frozen=True)
class End:
    """The last lines of a file. `size`: bytes of all of it."""

    size: int
    lines: list[str]
    cut: bool


def folders(instance: Instance) -> list[Folder]:
    """Where files of the instance may be: also where it stood before."""
    rows = PersistedFolder.objects.filter(instance=instance, removed=None).select_related("host").order_by("-id")[:5]
    found = [Folder(f"f{row.pk}", row.host, f"{row.path}:/persist:ro", f"{row.host}: {row.path}/logs") for row in rows]
    current = instance.current
    version = current.config if current is not None else None
    config = parse(version.content) if version is not None else None
    if current is not None and config is not None and config.persist and config.persist_in == "volume":
        volume = f"xq-vol-{instance.name}.persist"
        found.append(Folder("volume", current.host, f"{volume}:/persist:ro", f"{current.host}: {volume}"))
    return found


def folder_of(instance: Instance, key: str) -> Folder:
    """The folder of this key. Raises Refused when it is none of the instance's."""
    for one in folders(instance):
        if one.key == key:
            return one
    raise Refused(_("The instance has no such folder."), "folder", 404)


def files(folder: Folder) -> tuple[list[File], bool]:
    """Its files, the latest changed first, and whether there are more than are listed. Raises Refused with the reason."""
    said = _run(folder, ("sh", "-c", LIST))
    if said.exit == MISSING:
        return [], False
    matches = [match for line in said.output.splitlines() if (match := ENTRY.fullmatch(line))]
    found = [
        File(match[3], int(match[1]), datetime.fromtimestamp(min(int(match[2]), LATEST), UTC))
        for match in matches
        if safe_name(match[3])
    ]
    return sorted(found, key=lambda one: one.changed, reverse=True)[:MOST_FILES], len(matches) > MOST_FILES


def end_of(folder: Folder, name: str, lines: int) -> End:
    """The file's last lines, of its last MOST_BYTES at most. Raises Refused with the reason."""
    if not safe_name(name):
        raise Refused(_("That is no file of the instance's folder."), "name", 400)
    count = max(1, min(lines, MOST_LINES))
    said = _run(folder, ("sh", "-c", TAIL, "sh", name, str(count)))
    if said.exit == MISSING:
        raise Refused(_("There is no such file any more."), "name", 404)
    first, _end, rest = said.output.partition("\n")
    if said.exit or not first.strip().isdigit():
        raise Refused(_("The file cannot be read: %(why)s") % {"why": said.output[-300:]}, "name", 409)
    found = rest.split("\n") if rest else []
    size = int(first)
    return End(size, found[-count:], len(found) >= count or size > MOST_BYTES)


def safe_name(name: str) -> bool:
    """Whether it names something below the folder, in the one way that it can be written. Pure."""
    if not name or len(name) > 1000 or name.startswith("/") or any(ord(sign) < 32 for sign in name):
        return False
    return posixpath.normpath(name) == name and name != "." and not f"{name}/".startswith("../")


def _run(folder: Folder, command: tuple[str, ...]) -> helper.Result:
    try:
        said = helper.run(connect(folder.host), command, binds=[folder.bind], timeout=SECONDS)
    except (EngineError, helper.NoHelper) as error:
        raise Refused(str(getattr(error, "words", "") or error), None, 409) from error
    if said.exit == LINK:
        raise Refused(_("It is a link, or no plain file; links are not followed."), "name", 409)
    return said
