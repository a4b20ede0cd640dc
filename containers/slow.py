"""«Why is it slow?»: what the numbers of an instance, its host and its neighbours say. Pure: evidence in, judgements out.

Each check says what it looked at, from where on it speaks, and why that is the threshold. Without samples it cannot tell.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from xqplatform.metrics import units

BAD, WARN, NOTE, FINE, UNKNOWN = "bad", "warn", "note", "fine", "unknown"
ORDER = (BAD, WARN, NOTE, UNKNOWN, FINE)


@dataclass(frozen=True)
class Threshold:
    """From `value` on a check speaks (from `bad` on it is the likely reason); `source` says where the number is from."""

    value: float
    source: str
    bad: float | None = None

    def judge(self, measured: float) -> str:
        if self.bad is not None and measured >= self.bad:
            return BAD
        return WARN if measured >= self.value else FINE


KUBERNETES = "kubernetes-mixin, CPUThrottlingHigh: 25 % of the periods"
NODE_MIXIN = "node-mixin of the Prometheus node exporter"
CONFORMANCE = "the platform's own conformance profile"
USE = "the USE method: above 70 % queues grow, and bursts inside a mean reach 100 %"

THROTTLED = Threshold(0.05, f"a fifth of the alert of {KUBERNETES}", 0.25)
CPU_PERCENT = Threshold(80, USE, 95)
MEMORY_PERCENT = Threshold(90, "node-mixin, NodeMemoryHighUtilization: 90 %", 97)
FAILCNT = Threshold(0.1, "one allocation in 10 s that had to reclaim first; the kernel counts each", 10)
PIDS = Threshold(0.9, "as for memory: nine tenths of the limit", 0.99)
DISK_LIMIT = Threshold(0.9, "nine tenths of the rate that the settings allow", 0.98)
DROPS = Threshold(0.001, f"0.1 % of the packets, {CONFORMANCE}", 0.01)
CLOSE_WAIT = Threshold(100, "connections that the application did not close; each holds a file")
HOST_CPU = Threshold(80, USE, 95)
HOST_PRESSURE = Threshold(10, "PSI: a tenth of the time something waits", 40)
HOST_MEMORY = Threshold(90, "node-mixin, NodeMemoryHighUtilization: 90 %", 97)
HOST_DISK = Threshold(70, USE, 95)
RETRANSMITTED = Threshold(0.01, f"1 % of the segments, {CONFORMANCE}", 0.05)
CONNTRACK = Threshold(70, f"70 % of the table, {CONFORMANCE}", 95)
NEIGHBOUR_SHARE = 0.25  # of the host's cores, or of its disk bytes: what one neighbour must have to be named
CHANGED = 1.5  # how much more after a release than before, to be told
SMALLEST_CORES, SMALLEST_BYTES = 0.05, 16 << 20  # below, a growth means nothing


@dataclass(frozen=True)
class Stat:
    """A metric over the range: mean and highest. `at`: when it was highest."""

    avg: float
    max: float
    at: float = 0.0


@dataclass(frozen=True)
class Neighbour:
    """Another instance on the same host: its name, its page, and its share of the host."""

    name: str
    url: str
    value: float
    share: float


@dataclass(frozen=True)
class Change:
    """Something that was changed: when, what, by whom; `kind` is release, settings or host."""

    time: float
    kind: str
    words: str
    url: str = ""


@dataclass(frozen=True)
class Growth:
    """A metric's mean before and after the last release."""

    metric: str
    before: float
    after: float
    release: str
    url: str


@dataclass
class Evidence:
    """All that is known. `own` and `host` are metrics by name; what has no samples is not there."""

    own: dict[str, Stat] = field(default_factory=dict)
    host: dict[str, Stat] = field(default_factory=dict)
    cpu_limit: float = 0.0
    memory_limit: float = 0.0
    pids_limit: float = 0.0
    disk_limits: dict[str, float] = field(default_factory=dict)  # blkio.read_bytes → bytes a second
    oom_kills: int = 0
    last_oom: float = 0.0
    restarts: int = 0
    cpu_neighbours: Sequence[Neighbour] = ()
    disk_neighbours: Sequence[Neighbour] = ()
    changes: Sequence[Change] = ()
    growths: Sequence[Growth] = ()
    host_name: str = ""
    host_url: str = ""
    own_url: str = ""


@dataclass(frozen=True)
class Judgement:
    """One check's outcome: a title, a sentence that says what it means and what to do, the numbers, the threshold."""

    code: str
    verdict: str
    title: str
    sentence: str = ""
    evidence: str = ""
    threshold: str = ""
    url: str = ""
    links: tuple[tuple[str, str], ...] = ()

    @property
    def tells(self) -> bool:
        return self.verdict in {BAD, WARN, NOTE}


Check = Callable[[Evidence], Judgement]
CHECKS: list[Check] = []


def check(function: Check) -> Check:
    CHECKS.append(function)
    return function


def judge(evidence: Evidence) -> list[Judgement]:
    """All checks, the likeliest reason first; equals keep the order in which they stand here."""
    found = [one(evidence) for one in CHECKS]
    return sorted(found, key=lambda j: ORDER.index(j.verdict))


def _measured(
    code: str,
    title: str,
    stat: Stat | None,
    limit: Threshold,
    *,
    unit: str,
    words: str,
    url: str = "",
    of: str = "avg",
) -> Judgement:
    """A check of one metric against a threshold."""
    if stat is None:
        return Judgement(code, UNKNOWN, title, _("There are no samples of it in this range."), url=url)
    value = getattr(stat, of)
    verdict = limit.judge(value)
    evidence = _("mean %(avg)s, highest %(max)s") % {
        "avg": units.shown(stat.avg, unit),
        "max": units.shown(stat.max, unit),
    }
    threshold = _("from %(value)s on (%(source)s)") % {
        "value": units.shown(limit.value, unit),
        "source": limit.source,
    }
    return Judgement(code, verdict, title, words if verdict != FINE else "", evidence, threshold, url)


def _own(evidence: Evidence, chart: str) -> str:
    return f"{evidence.own_url}#chart-{chart}" if evidence.own_url else ""


def _host(evidence: Evidence, chart: str) -> str:
    return f"{evidence.host_url}#chart-{chart}" if evidence.host_url else ""


@check
def throttling(e: Evidence) -> Judgement:
    words = _("Its threads could run but had to wait for the next period. Raise the CPU limit, or add instances.")
    if e.cpu_limit:
        words = _("Its threads could run but had to wait: the limit is %(limit)s. Raise it, or add instances.") % {
            "limit": units.shown(e.cpu_limit, "cores")
        }
    title, stat = _("Held back by the CPU limit"), e.own.get("cpu.throttled_time")
    return _measured("throttling", title, stat, THROTTLED, unit="ratio", words=words, url=_own(e, "throttled"))


@check
def cpu_limit(e: Evidence) -> Judgement:
    words = _("It uses nearly all the CPU that it may have. Raise the limit, or add instances.")
    title, stat = _("CPU near its limit"), e.own.get("cpu.percent")
    return _measured("cpu", title, stat, CPU_PERCENT, unit="percent", words=words, url=_own(e, "cpu"))


@check
def out_of_memory(e: Evidence) -> Judgement:
    title, url = _("Killed for lack of memory"), _own(e, "memory")
    if not e.oom_kills:
        return Judgement("oom", FINE, title, evidence=_("no kill in this range"), url=url)
    words = _("The kernel killed a process at the memory limit; requests were lost and it had to start again.")
    if e.memory_limit:
        words = _("%(words)s The limit is %(limit)s.") % {
            "words": words,
            "limit": units.shown(e.memory_limit, "bytes"),
        }
    evidence = ngettext("%(n)d kill", "%(n)d kills", e.oom_kills) % {"n": e.oom_kills}
    return Judgement("oom", BAD, title, words, evidence, _("any kill"), url)


@check
def memory_limit(e: Evidence) -> Judgement:
    words = _("There is hardly room for the file cache: what is read comes from the disk again and again.")
    title, stat = _("Memory near its limit"), e.own.get("memory.percent")
    return _measured("memory", title, stat, MEMORY_PERCENT, unit="percent", words=words, url=_own(e, "memory"))


@check
def reclaim(e: Evidence) -> Judgement:
    words = _("Allocations met the memory limit and had to wait until something was given back.")
    title, stat = _("Waiting for memory at the limit"), e.own.get("memory.failcnt")
    return _measured("reclaim", title, stat, FAILCNT, unit="per s", words=words, url=_own(e, "memory-failcnt"))


@check
def processes(e: Evidence) -> Judgement:
    title, stat = _("Processes near their limit"), e.own.get("processes")
    if not e.pids_limit:
        return Judgement("processes", FINE, title, evidence=_("no limit is set"), url=_own(e, "processes"))
    share = Stat(stat.avg / e.pids_limit, stat.max / e.pids_limit, stat.at) if stat else None
    words = _("New threads and processes are refused when the limit is reached.")
    return _measured("processes", title, share, PIDS, unit="ratio", words=words, url=_own(e, "processes"), of="max")


@check
def disk_limit(e: Evidence) -> Judgement:
    title, url = _("Disk rates at their limit"), _own(e, "blkio-bytes")
    shares = [
        Stat(stat.avg / limit, stat.max / limit, stat.at)
        for name, limit in e.disk_limits.items()
        if limit and (stat := e.own.get(name)) is not None
    ]
    if not e.disk_limits:
        return Judgement("disk-limit", FINE, title, evidence=_("no limit is set"), url=url)
    words = _("Reads or writes wait because of the disk limits in the settings.")
    worst = max(shares, key=lambda s: s.avg, default=None)
    return _measured("disk-limit", title, worst, DISK_LIMIT, unit="ratio", words=words, url=url)


@check
def restarted(e: Evidence) -> Judgement:
    title, url = _("Restarted"), _own(e, "restarts")
    if not e.restarts:
        return Judgement("restarts", FINE, title, evidence=_("no restart in this range"), url=url)
    words = _("It restarted by itself: while it starts it answers nothing, and its caches are cold. Look at its log.")
    evidence = ngettext("%(n)d restart", "%(n)d restarts", e.restarts) % {"n": e.restarts}
    return Judgement("restarts", WARN, title, words, evidence, _("any restart"), url)


@check
def dropped(e: Evidence) -> Judgement:
    title, url = _("Dropped packets"), _own(e, "net-lost")
    lost = [s.avg for name in ("net.rx_dropped", "net.tx_dropped") if (s := e.own.get(name)) is not None]
    sent = [s.avg for name in ("net.rx_packets", "net.tx_packets") if (s := e.own.get(name)) is not None]
    share = Stat(sum(lost) / sum(sent), sum(lost) / sum(sent)) if lost and sum(sent) > 0 else None
    if lost and share is None:
        share = Stat(0.0, 0.0)
    words = _("Packets to or from it were dropped: each is sent again after 200 ms or more.")
    return _measured("drops", title, share, DROPS, unit="ratio", words=words, url=url)


@check
def unclosed(e: Evidence) -> Judgement:
    words = _("The other side has ended these connections and the application does not close them: often a leak.")
    title, stat = _("Connections in CLOSE_WAIT"), e.own.get("tcp.close_wait")
    return _measured("close-wait", title, stat, CLOSE_WAIT, unit="count", words=words, url=_own(e, "tcp"))


@check
def host_cpu(e: Evidence) -> Judgement:
    """Busy processors of the host, with whoever takes most of them."""
    words = _("All instances on the host compete for its processors.")
    return _neighbours(
        e,
        "host-cpu",
        _("The host's CPU"),
        HOST_CPU,
        metric="cpu.percent",
        words=words,
        neighbours=e.cpu_neighbours,
        chart="cpu",
    )


@check
def host_pressure_cpu(e: Evidence) -> Judgement:
    words = _("Things that could run wait for a processor of the host.")
    title = _("Waiting for the host's CPU")
    return _neighbours(
        e,
        "pressure-cpu",
        title,
        HOST_PRESSURE,
        metric="pressure.cpu",
        words=words,
        neighbours=e.cpu_neighbours,
        chart="pressure",
    )


@check
def host_disk(e: Evidence) -> Judgement:
    words = _("The disk is busy nearly all the time: reads and writes queue.")
    title = _("The host's disks")
    return _neighbours(
        e, "host-disk", title, HOST_DISK, metric="disk.busiest", words=words, neighbours=e.disk_neighbours, chart=""
    )


@check
def host_pressure_io(e: Evidence) -> Judgement:
    words = _("Things on the host wait for its disks.")
    title = _("Waiting for the host's disks")
    return _neighbours(
        e,
        "pressure-io",
        title,
        HOST_PRESSURE,
        metric="pressure.io",
        words=words,
        neighbours=e.disk_neighbours,
        chart="pressure",
    )


def _neighbours(
    e: Evidence,
    code: str,
    title: str,
    limit: Threshold,
    *,
    metric: str,
    words: str,
    neighbours: Sequence[Neighbour],
    chart: str,
) -> Judgement:
    """A full host is worse news when somebody can be named who fills it."""
    found = _measured(code, title, e.host.get(metric), limit, unit="percent", words=words, url=_host(e, chart))
    loud = [n for n in neighbours if n.share >= NEIGHBOUR_SHARE]
    if not found.tells or not loud:
        return found
    names = ", ".join(f"{n.name} ({units.shown(n.share, 'ratio')})" for n in loud[:3])
    sentence = _("%(words)s Most of it is used by %(names)s. Move one of them, or limit it.") % {
        "words": found.sentence,
        "names": names,
    }
    return Judgement(
        code, found.verdict, title, sentence, found.evidence, found.threshold, found.url, tuple((n.name, n.url) for n in loud[:3])
    )  # fmt: skip


@check
def host_memory(e: Evidence) -> Judgement:
    words = _("The host has hardly memory left for the file cache, and the kernel may kill.")
    used, total = e.host.get("memory.used"), e.host.get("memory.total")
    share = Stat(100 * used.avg / total.avg, 100 * used.max / total.avg) if used and total and total.avg else None
    return _measured(
        "host-memory", _("The host's memory"), share, HOST_MEMORY, unit="percent", words=words, url=_host(e, "memory")
    )


@check
def retransmissions(e: Evidence) -> Judgement:
    words = _(
        "TCP segments of the host get lost and are sent again: each costs 200 ms or more. Look at cards and switch."
    )
    title, stat = _("TCP segments sent again"), e.host.get("tcp.retransmit_ratio")
    return _measured(
        "retransmissions", title, stat, RETRANSMITTED, unit="ratio", words=words, url=_host(e, "retransmit-ratio")
    )


@check
def conntrack(e: Evidence) -> Judgement:
    words = _("When the table is full, new connections are dropped without a word.")
    title, stat = _("The host's table of connections"), e.host.get("conntrack.percent")
    if stat is None and e.host:
        return Judgement("conntrack", FINE, title, evidence=_("the host tracks no connections"))
    return _measured(
        "conntrack", title, stat, CONNTRACK, unit="percent", words=words, url=_host(e, "conntrack"), of="max"
    )


@check
def grown(e: Evidence) -> Judgement:
    """What a release made more expensive."""
    title = _("More than before the last release")
    smallest = {"cpu.cores": SMALLEST_CORES, "memory.working_set": SMALLEST_BYTES}
    unit = {"cpu.cores": "cores", "memory.working_set": "bytes"}
    words = {"cpu.cores": _("CPU"), "memory.working_set": _("memory")}
    worse = [g for g in e.growths if g.after >= CHANGED * g.before and g.after >= smallest.get(g.metric, 0.0)]
    if not e.growths:
        return Judgement("growth", FINE, title, evidence=_("no release in this range"))
    told = "; ".join(
        _("%(what)s: %(before)s before, %(after)s after")
        % {
            "what": words.get(g.metric, g.metric),
            "before": units.shown(g.before, unit.get(g.metric, "")),
            "after": units.shown(g.after, unit.get(g.metric, "")),
        }
        for g in (worse or e.growths)
    )
    release = e.growths[0]
    limit = _("from %(n)g times as much on") % {"n": CHANGED}
    if not worse:
        return Judgement("growth", FINE, title, evidence=told, threshold=limit, url=release.url)
    sentence = _("Since %(release)s it needs clearly more. Compare what that release changed, or roll it back.") % {
        "release": release.release
    }
    return Judgement("growth", WARN, title, sentence, told, limit, release.url)


@check
def changed(e: Evidence) -> Judgement:
    """What happened lately is no fault, but the first thing that people ask."""
    title = _("What changed lately")
    if not e.changes:
        return Judgement("changes", FINE, title, evidence=_("nothing in this range"))
    n = len(e.changes)
    words = ngettext(
        "%(n)d change in this range; see the list below.", "%(n)d changes in this range; see the list below.", n
    )
    return Judgement("changes", NOTE, title, words % {"n": n}, e.changes[0].words)


def busiest(host: Mapping[str, Stat]) -> Stat | None:
    """Of the host's disks, the one that had least rest."""
    busy = [stat for name, stat in host.items() if name.startswith("disk.busy[")]
    return max(busy, key=lambda s: s.avg, default=None)


def stat(points: Iterable[Any]) -> Stat | None:
    """Mean and highest of a series; None without a point."""
    total, count, top, at = 0.0, 0, float("-inf"), 0.0
    for point in points:
        total += point.avg * point.count
        count += point.count
        if point.max > top:
            top, at = point.max, point.time
    return Stat(total / count, top, at) if count else None
