"""What containers see inside: their names, resolver and card; and the resolver written where the engine did not do it.

One privileged helper among a host's processes looks into many containers at once, by their name spaces and `/proc/PID/root`, so
nothing is needed in an image: it works for images without a shell and with a read-only root. (The archive API would tell the
files, not the card; and what it is asked to put onto `/etc/resolv.conf`, a mount of the engine's, it refuses.) The file is
written in place: the engine mounted it, and the container goes on seeing the same one.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence

from hosts import helper
from hosts.engine import Engine
from hosts.inside_types import Asked, Observed

MOST = 100  # containers that one helper looks into
SECONDS = 60.0
MARK = "@@xq"

# Arguments: what makes a line of this very run known from a line that a file has inside; then four a container: its id, its
# first process, the engine's file of its resolver, what shall be in it (empty: as it is).
# A read-only root makes that file's mount read-only, too: the engine's own file is then reached as the engine sees it, by the
# root of the process that holds the container (its shim).
SCRIPT = r"""
key=$1; shift
say() { echo "@@xq $key $*"; }
show() { say "$1"; busybox head -c 65536 "/proc/$pid/root$2" 2>&1; echo; }
while [ $# -ge 4 ]; do
  id=$1; pid=$2; file=$3; wanted=$4; shift 4
  say container "$id"
  busybox grep -q "$id" "/proc/$pid/cgroup" 2>/dev/null || busybox grep -q "$id" "/proc/$pid/mountinfo" 2>/dev/null ||
    { say gone; continue; }
  resolver=/proc/$pid/root/etc/resolv.conf
  if [ -n "$wanted" ] && [ "$(busybox cat "$resolver" 2>/dev/null)" != "$wanted" ]; then
    show before /etc/resolv.conf
    say wrote
    { echo "$wanted" >"$resolver"; } 2>/dev/null
    if [ "$(busybox cat "$resolver")" != "$wanted" ]; then
      parent=$(busybox sed -n 's/^PPid:[^0-9]*//p' "/proc/$pid/status")
      [ -f "/proc/$parent/root$file" ] && echo "$wanted" >"/proc/$parent/root$file"
    fi
    echo
  fi
  show resolver /etc/resolv.conf
  show hosts /etc/hosts
  say hostname; busybox nsenter -t "$pid" -u /bin/busybox hostname 2>&1
  say card; busybox nsenter -t "$pid" -n /bin/busybox ip addr show dev eth0 2>&1
  say route; busybox nsenter -t "$pid" -n /bin/busybox ip route 2>&1
done
say end
"""


def look(engine: Engine, asked: Sequence[Asked]) -> dict[str, Observed]:
    """Engine id → what it sees; who has ended meanwhile is left out. Raises NoHelper, EngineError."""
    if engine.insides is not None:
        return engine.insides.look(asked)
    key = secrets.token_hex(8)
    found: dict[str, Observed] = {}
    for start in range(0, len(asked), MOST):
        words = [
            word
            for one in asked[start : start + MOST]
            for word in (one.engine_id, str(one.pid), one.resolver_path, one.resolver.strip())
        ]
        said = helper.run(engine, ("sh", "-c", SCRIPT, "sh", key, *words), timeout=SECONDS, among_processes=True)
        found |= parse(said.output, key)
    return found


def parse(output: str, key: str) -> dict[str, Observed]:
    """What the script printed. Raises NoHelper when it did not come to its end."""
    found: dict[str, Observed] = {}
    sections: dict[str, list[str]] = {}
    current, part, ended = "", "", False

    def close() -> None:
        if current and "gone" not in sections:
            found[current] = observed(sections)

    for line in output.splitlines():
        if line.startswith(f"{MARK} {key} "):
            part, _space, rest = line.removeprefix(f"{MARK} {key} ").partition(" ")
            if part in {"container", "end"}:
                close()
                sections, current = {}, rest
                ended = part == "end"
            sections.setdefault(part, [])
        else:
            sections.setdefault(part, []).append(line)
    if not ended:
        raise helper.NoHelper(output.strip()[-200:] or "no output")
    return found


def observed(sections: dict[str, list[str]]) -> Observed:
    def text(name: str) -> str:
        return "\n".join(sections.get(name, [])).strip()

    card = text("card")
    mac = re.search(r"link/ether ([0-9a-f:]{17})", card)
    mtu = re.search(r"\bmtu (\d+)", card)
    gateway = re.search(r"^default via (\S+)", text("route"), re.M)
    return Observed(
        hostname=text("hostname"),
        hosts=text("hosts"),
        resolver=text("resolver"),
        before=text("before"),
        wrote="wrote" in sections,
        error=text("wrote"),
        addresses=tuple(re.findall(r"^\s+inet (\S+)/\d+", card, re.M)),
        mac=mac[1] if mac else "",
        mtu=int(mtu[1]) if mtu else 0,
        gateway=gateway[1] if gateway else "",
        card="" if mac else card[:200],
    )
