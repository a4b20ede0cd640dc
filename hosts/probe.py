"""Asks on the wire whether an address is somebody's already: by ARP, from a host of the segment."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from django.utils.translation import gettext as _

from hosts import helper
from hosts.engine import Engine
from hosts.models import Segment

# All addresses at once, each asked three times (packets may be lost), with 0.3 s to answer the last time: a release waits for the
# answers, and on a LAN they come within milliseconds (NetworkManager asks three times within 0.2 s). arping itself counts in
# whole seconds; when it is interrupted it says how often it has asked. So many processes at a time fit in the helper's memory.
SCRIPT = """
card=$1; shift
ask() { for ip in "$@"; do busybox arping -D -f -w 2 -I "$card" "$ip" 2>&1 & asking="$asking $!"; done; }
while [ $# -gt 0 ]; do
  some=; asking=; n=0
  while [ $# -gt 0 ] && [ $n -lt 100 ]; do some="$some $1"; shift; n=$((n + 1)); done
  ask $some; busybox usleep 100000; ask $some; busybox usleep 100000; ask $some; busybox usleep 300000
  kill -INT $asking 2>/dev/null; wait
done
"""
ASKED = re.compile(r"^ARPING (\S+) (?:(?!^ARPING ).)*?^Sent [1-9]\d* probe", re.MULTILINE | re.DOTALL)
ANSWER = re.compile(r"reply from (\S+) \[([0-9A-Fa-f:]{11,17})\]")


def interface(segment: Segment) -> str:
    """The host's card that leads to the segment."""
    if segment.driver == Segment.Driver.MACVLAN and segment.vlan:
        return f"{segment.bridge}.{segment.vlan}"
    return segment.bridge


@contextmanager
def answers(
    engine: Engine, segment: Segment, ips: Iterable[str], begun: Callable[[], object] | None = None
) -> Iterator[dict[str, str]]:
    """Which of the addresses somebody has, with the MAC that answered, asked by one helper within 1 s; it is tidied up when the
    block is left. `begun` is called as soon as it asks.

    Raises NoHelper when it cannot be asked from there, EngineError.
    """
    wanted = sorted(set(ips))
    if not wanted:
        yield {}
        return
    words = ("sh", "-c", SCRIPT, "sh", interface(segment), *wanted)
    with helper.said(engine, words, network="host", begun=begun) as said:
        yield parse(said.output, wanted)


def probe_all(engine: Engine, segment: Segment, ips: Iterable[str]) -> dict[str, str]:
    """The same, with everything tidied up."""
    with answers(engine, segment, ips) as found:
        return found


def probe(engine: Engine, segment: Segment, ip: str) -> str | None:
    """The MAC that answers for the address; None if nobody does. Raises NoHelper, EngineError."""
    return probe_all(engine, segment, [ip]).get(ip)


def parse(output: str, wanted: Iterable[str]) -> dict[str, str]:
    """Address → MAC of arping's lines. Raises NoHelper when one of them was not asked."""
    found = {ip: mac.lower() for ip, mac in ANSWER.findall(output)}
    if not set(wanted) <= {*ASKED.findall(output), *found}:
        said = next((line for line in output.splitlines() if "arping" in line), output[:120])
        raise helper.NoHelper(_("ARP could not be asked: %(text)s") % {"text": said})
    return found


def announce(engine: Engine, container: str, ip: str) -> None:
    """Says on the wire, from inside a running container, that it has the address now.

    Switches and bridges still send its frames to the machine where its MAC was seen last, for minutes if it says
    nothing by itself. Raises NoHelper, EngineError.
    """
    words = ("arping", "-U", "-c", "2", "-w", "2", "-I", "eth0", ip)
    said = helper.run(engine, words, network=f"container:{container}")
    if not re.search(r"^Sent [1-9]", said.output, re.MULTILINE):
        raise helper.NoHelper(_("ARP could not be sent: %(text)s") % {"text": said.output[:120]})
