"""The checks of «Why is it slow?». Pure: evidence in, judgements out.

Each check says what it looked at, from where on it speaks, and why that is the threshold. Without samples it cannot tell.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from containers.slow import BAD, FINE, NOTE, ORDER, UNKNOWN, WARN, Evidence, Judgement, Neighbour, Stat, Threshold
from xqplatform.metrics import units

KUBERNETES = "kubernetes-mixin, CPUThrottlingHigh: 25 % of the periods"
NODE_MIXIN = "node-mixin, NodeMemoryHighUtilization: 90 %"
CONFORMANCE = "the platform's own conformance profile"
USE = "the USE method: above 70 % queues grow, and bursts inside a mean reach 100 %"

THROTTLED = Threshold(0.05, f"a fifth of the alert of {KUBERNETES}", 0.25)
CPU_PERCENT = Threshold(80, USE, 95)
MEMORY_PERCENT = Threshold(90, NODE_MIXIN, 97)
FAILCNT = Threshold(0.1, "one allocation in 10 s that had to reclaim first; the kernel counts each", 10)
PIDS = Threshold(0.9, "as for memory: nine tenths of the limit", 0.99)
DISK_LIMIT = Threshold(0.9, "nine tenths of the rate that the settings allow", 0.98)
DROPS = Threshold(0.001, f"0.1 % of the packets, {CONFORMANCE}", 0.01)
CLOSE_WAIT = Threshold(100, "connections that the application did not close; each holds a file")
HOST_CPU = Threshold(80, USE, 95)
HOST_PRESSURE = Threshold(10, "PSI: a tenth of the time something waits", 40)
HOST_MEMORY = Threshold(90, NODE_MIXIN, 97)
HOST_DISK = Threshold(70, USE, 95)
RETRANSMITTED = Threshold(0.01, f"1 % of the segments, {CONFORMANCE}", 0.05)
CONNTRACK = Threshold(70, f"70 % of the table, {CONFORMANCE}", 95)
NEIGHBOUR_SHARE = 0.25  # of the host's cores, or of its disk bytes: what one neighbour must have to be named
CHANGED = 1.5  # how much more after a release than before, to be told
SMALLEST_CORES, SMALLEST_BYTES = 0.05, 16 << 20  # below, a growth means nothing

Check = Callable[[Evidence], Judgement]


def judge(evidence: Evidence) -> list[Judgement]:
    """All checks, the likeliest reason first; equals keep the order in which they stand in CHECKS."""
    found = [one(evidence) for one in CHECKS]
    return sorted(found, key=lambda j: ORDER.index(j.verdict))


def _own(evidence: Evidence, chart: str) -> str:
    return _chart(evidence.own_url, chart)


def _host(evidence: Evidence, chart: str) -> str:
    return _chart(evidence.host_url, chart)


def _chart(url: str, chart: str) -> str:
    """The chart on its page; the page, where none of its charts is the one."""
    return f"{url}#chart-{chart}" if url and chart else url


@dataclass(frozen=True)
class Metric:
    """A check of one number against a threshold. `words`: what it means; `read`: where it is, when it is not the metric itself."""

    code: str
    title: Any
    words: Any
    metric: str
    limit: Threshold
    unit: str
    chart: str
    host: bool = False  # of the host, not the instance's own
    of: str = "avg"
    read: Callable[[Evidence], Stat | None] | None = None
    crowd: Callable[[Evidence], Sequence[Neighbour]] | None = None  # who may be the reason

    def __call__(self, e: Evidence) -> Judgement:
        title, url = str(self.title), (_host if self.host else _own)(e, self.chart)
        stat = self.read(e) if self.read else (e.host if self.host else e.own).get(self.metric)
        if stat is None:
            return Judgement(self.code, UNKNOWN, title, _("There are no samples of it in this range."), url=url)
        verdict = self.limit.judge(getattr(stat, self.of))
        evidence = _("mean %(avg)s, highest %(max)s") % {
            "avg": units.shown(stat.avg, self.unit),
            "max": units.shown(stat.max, self.unit),
        }
        threshold = _("from %(value)s on (%(source)s)") % {
            "value": units.shown(self.limit.value, self.unit),
            "source": self.limit.source,
        }
        words = str(self.words) if verdict != FINE else ""
        found = Judgement(self.code, verdict, title, words, evidence, threshold, url)
        return _named(found, self.crowd(e)) if self.crowd else found


def _named(found: Judgement, neighbours: Sequence[Neighbour]) -> Judgement:
    """A full host is worse news when somebody can be named who fills it."""
    loud = [n for n in neighbours if n.share >= NEIGHBOUR_SHARE][:3]
    if not found.tells or not loud:
        return found
    names = ", ".join(f"{n.name} ({units.shown(n.share, 'ratio')})" for n in loud)
    sentence = _("%(words)s Most of it is used by %(names)s. Move one of them, or limit it.") % {
        "words": found.sentence,
        "names": names,
    }
    return replace(found, sentence=sentence, links=tuple((n.name, n.url) for n in loud))


# --- Numbers that are put together ---------------------------------------------------------------------------------


def _share_of_processes(e: Evidence) -> Stat | None:
    stat = e.own.get("processes")
    return Stat(stat.avg / e.pids_limit, stat.max / e.pids_limit, stat.at) if stat else None


def _nearest_disk_limit(e: Evidence) -> Stat | None:
    shares = [
        Stat(stat.avg / limit, stat.max / limit, stat.at)
        for name, limit in e.disk_limits.items()
        if limit and (stat := e.own.get(name)) is not None
    ]
    return max(shares, key=lambda s: s.avg, default=None)


def _share_of_drops(e: Evidence) -> Stat | None:
    lost = [s.avg for name in ("net.rx_dropped", "net.tx_dropped") if (s := e.own.get(name)) is not None]
    sent = [s.avg for name in ("net.rx_packets", "net.tx_packets") if (s := e.own.get(name)) is not None]
    if not lost:
        return None
    share = sum(lost) / sum(sent) if sum(sent) > 0 else 0.0
    return Stat(share, share)


def _memory_of_host(e: Evidence) -> Stat | None:
    used, total = e.host.get("memory.used"), e.host.get("memory.total")
    return Stat(100 * used.avg / total.avg, 100 * used.max / total.avg) if used and total and total.avg else None


# --- Checks that are no mere threshold -----------------------------------------------------------------------------


def throttling(e: Evidence) -> Judgement:
    if not e.cpu_limit:
        return HELD_BACK(e)
    words = _("Its threads could run but had to wait: the limit is %(limit)s. Raise it, or add instances.")
    return replace(HELD_BACK, words=words % {"limit": units.shown(e.cpu_limit, "cores")})(e)


def processes(e: Evidence) -> Judgement:
    return PROCESSES(e) if e.pids_limit else _unlimited(PROCESSES, e)


def disk_limit(e: Evidence) -> Judgement:
    return DISK_RATES(e) if e.disk_limits else _unlimited(DISK_RATES, e)


def _unlimited(one: Metric, e: Evidence) -> Judgement:
    return Judgement(one.code, FINE, str(one.title), evidence=_("no limit is set"), url=_own(e, one.chart))


def conntrack(e: Evidence) -> Judgement:
    if e.host and TRACKED.metric not in e.host:
        return Judgement(TRACKED.code, FINE, str(TRACKED.title), evidence=_("the host tracks no connections"))
    return TRACKED(e)


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


def restarted(e: Evidence) -> Judgement:
    title, url = _("Restarted"), _own(e, "restarts")
    if not e.restarts:
        return Judgement("restarts", FINE, title, evidence=_("no restart in this range"), url=url)
    words = _("It restarted by itself: while it starts it answers nothing, and its caches are cold. Look at its log.")
    evidence = ngettext("%(n)d restart", "%(n)d restarts", e.restarts) % {"n": e.restarts}
    return Judgement("restarts", WARN, title, words, evidence, _("any restart"), url)


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


# --- The table -----------------------------------------------------------------------------------------------------

HELD_BACK = Metric(
    "throttling", gettext_lazy("Held back by the CPU limit"),
    gettext_lazy("Its threads could run but had to wait for the next period. Raise the CPU limit, or add instances."),
    "cpu.throttled_time", THROTTLED, "ratio", "throttled",
)  # fmt: skip
PROCESSES = Metric(
    "processes", gettext_lazy("Processes near their limit"),
    gettext_lazy("New threads and processes are refused when the limit is reached."),
    "processes", PIDS, "ratio", "processes", of="max", read=_share_of_processes,
)  # fmt: skip
DISK_RATES = Metric(
    "disk-limit", gettext_lazy("Disk rates at their limit"),
    gettext_lazy("Reads or writes wait because of the disk limits in the settings."),
    "", DISK_LIMIT, "ratio", "blkio-bytes", read=_nearest_disk_limit,
)  # fmt: skip
TRACKED = Metric(
    "conntrack", gettext_lazy("The host's table of connections"),
    gettext_lazy("When the table is full, new connections are dropped without a word."),
    "conntrack.percent", CONNTRACK, "percent", "conntrack", host=True, of="max",
)  # fmt: skip
CHECKS: tuple[Check, ...] = (
    throttling,
    Metric(
        "cpu", gettext_lazy("CPU near its limit"),
        gettext_lazy("It uses nearly all the CPU that it may have. Raise the limit, or add instances."),
        "cpu.percent", CPU_PERCENT, "percent", "cpu",
    ),
    out_of_memory,
    Metric(
        "memory", gettext_lazy("Memory near its limit"),
        gettext_lazy("There is hardly room for the file cache: what is read comes from the disk again and again."),
        "memory.percent", MEMORY_PERCENT, "percent", "memory",
    ),
    Metric(
        "reclaim", gettext_lazy("Waiting for memory at the limit"),
        gettext_lazy("Allocations met the memory limit and had to wait until something was given back."),
        "memory.failcnt", FAILCNT, "per s", "memory-failcnt",
    ),
    processes,
    disk_limit,
    restarted,
    Metric(
        "drops", gettext_lazy("Dropped packets"),
        gettext_lazy("Packets to or from it were dropped: each is sent again after 200 ms or more."),
        "", DROPS, "ratio", "net-lost", read=_share_of_drops,
    ),
    Metric(
        "close-wait", gettext_lazy("Connections in CLOSE_WAIT"),
        gettext_lazy("The other side has ended these connections and the application does not close them: often a leak."),
        "tcp.close_wait", CLOSE_WAIT, "count", "tcp",
    ),
    Metric(
        "host-cpu", gettext_lazy("The host's CPU"),
        gettext_lazy("All instances on the host compete for its processors."),
        "cpu.percent", HOST_CPU, "percent", "cpu", host=True, crowd=lambda e: e.cpu_neighbours,
    ),
    Metric(
        "pressure-cpu", gettext_lazy("Waiting for the host's CPU"),
        gettext_lazy("Things that could run wait for a processor of the host."),
        "pressure.cpu", HOST_PRESSURE, "percent", "pressure", host=True, crowd=lambda e: e.cpu_neighbours,
    ),
    Metric(
        "host-disk", gettext_lazy("The host's disks"),
        gettext_lazy("The disk is busy nearly all the time: reads and writes queue."),
        "disk.busiest", HOST_DISK, "percent", "", host=True, crowd=lambda e: e.disk_neighbours,
    ),
    Metric(
        "pressure-io", gettext_lazy("Waiting for the host's disks"),
        gettext_lazy("Things on the host wait for its disks."),
        "pressure.io", HOST_PRESSURE, "percent", "pressure", host=True, crowd=lambda e: e.disk_neighbours,
    ),
    Metric(
        "host-memory", gettext_lazy("The host's memory"),
        gettext_lazy("The host has hardly memory left for the file cache, and the kernel may kill."),
        "", HOST_MEMORY, "percent", "memory", host=True, read=_memory_of_host,
    ),
    Metric(
        "retransmissions", gettext_lazy("TCP segments sent again"),
        gettext_lazy(
            "TCP segments of the host get lost and are sent again: each costs 200 ms or more. Look at cards and switch."
        ),
        "tcp.retransmit_ratio", RETRANSMITTED, "ratio", "retransmit-ratio", host=True,
    ),
    conntrack,
    grown,
    changed,
)  # fmt: skip
