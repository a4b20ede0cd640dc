"""What alerts know of hosts: which there are, and the states that rules may be made of."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from hosts.conformance import matrix
from hosts.conformance.checks import BY_SLUG
from hosts.models import CheckResult, Collector, Host, HostChange, HostGroup, HostOperation, SeenCertificate
from xqplatform.alerts import sources, subjects
from xqplatform.alerts.sources import Found, History, Was

SILENT_AFTER = 120.0  # seconds; where the engine is asked instead of a collector, samples come once a minute


def busy() -> set[int]:
    """Hosts on which an operation that changes them is under way."""
    rows = HostOperation.objects.filter(state__in=HostOperation.ACTIVE, exclusive=True)
    return set(rows.values_list("host_id", flat=True))


def held(pk: int, draining: bool, operated: set[int]) -> str:
    """Why nobody is told of alerts there now."""
    if draining:
        return _("Its host is being drained.")
    return _("An operation on its host is under way.") if pk in operated else ""


def _hosts() -> Iterator[subjects.About]:
    operated = busy()
    rows = Host.objects.exclude(state=Host.State.RETIRED).values_list("pk", "name", "group__slug", "draining")
    for pk, name, group, draining in rows:
        yield subjects.About(
            f"host:{pk}", name, f"/hosts/{name}/", host=name, group=group or "", held=held(pk, draining, operated)
        )


def _unreachable(now: float) -> Iterator[Found]:
    rows = Host.objects.filter(state=Host.State.UNREACHABLE).values_list("pk", "state_since", "state_reason")
    for pk, since, reason in rows:
        yield Found(f"host:{pk}", since.timestamp() if since else None, reason)


def _was_unreachable(of: Sequence[str], start: float, end: float) -> Iterator[Was]:
    """From the changes of state. The last one before `start` says what was then."""
    pks = [subjects.number(one) for one in of]
    rows = HostChange.objects.filter(host__in=pks, time__lte=datetime.fromtimestamp(end, UTC)).order_by("time", "pk")
    since: dict[int, float] = {}
    for pk, new, moment in rows.values_list("host_id", "new", "time"):
        if new == Host.State.UNREACHABLE:
            since.setdefault(pk, moment.timestamp())
        elif pk in since:
            began = since.pop(pk)
            if moment.timestamp() >= start:
                yield Was(f"host:{pk}", began, moment.timestamp())
    for pk, began in since.items():
        yield Was(f"host:{pk}", began, None)


def _certificates(now: float) -> Iterator[Found]:
    """The days until the end of each, of several in one use the fewest."""
    today = datetime.fromtimestamp(now, UTC)
    nearest: dict[tuple[int, str], SeenCertificate] = {}
    for row in SeenCertificate.objects.exclude(host__state=Host.State.RETIRED).order_by("-not_after"):
        nearest[row.host_id, row.kind] = row
    for (pk, _kind), row in nearest.items():
        words = _("The certificate «%(subject)s» ends on %(day)s.") % {
            "subject": row.subject,
            "day": f"{row.not_after:%Y-%m-%d}",
        }
        days = (row.not_after - today).total_seconds() / 86400
        yield Found(f"host:{pk}", None, words, device=row.get_kind_display(), value=days)


def _conformance(now: float) -> Iterator[Found]:
    failing = matrix.hosts_by_state()
    checks: dict[int, list[str]] = defaultdict(list)
    for slug, check in BY_SLUG.items():
        for pk in failing.get(slug, ()):
            checks[pk].append(str(check.title))
    rows = CheckResult.objects.filter(host__in=checks, state="fails").values_list("host_id", "since")
    since: dict[int, float] = {}
    for pk, moment in rows:
        since[pk] = min(moment.timestamp(), since.get(pk, now))
    for pk, titles in checks.items():
        yield Found(f"host:{pk}", since.get(pk), "; ".join(titles))


def _clocks(now: float) -> Iterator[Found]:
    rows = Host.objects.filter(state__in=Host.ANSWERING).exclude(clock_skew=None)
    for pk, seconds in rows.values_list("pk", "clock_skew"):
        skew = seconds or 0.0
        ahead, behind = (
            _("Its clock is %(n).1f s ahead of the platform's."),
            _("Its clock is %(n).1f s behind the platform's."),
        )
        words = (ahead if skew > 0 else behind) % {"n": abs(skew)}
        yield Found(f"host:{pk}", None, words, value=abs(skew))


def _samples(now: float) -> Iterator[Found]:
    """Hosts that answer, are to be measured, and of which no sample came lately. Its time counts from when we see that."""
    rows = Collector.objects.exclude(way=Collector.Way.OFF).filter(host__state__in=Host.ANSWERING)
    for pk, last, reason, trouble in rows.values_list("host_id", "last_sample", "reason", "trouble"):
        if last is None or now - last > SILENT_AFTER:
            words = trouble or reason or _("No sample comes from its collector.")
            yield Found(f"host:{pk}", None, words)


def register() -> None:
    subjects.register("host", gettext_lazy("Host"), _hosts)
    subjects.GROUPS.append(lambda: HostGroup.objects.values_list("slug", flat=True))
    sources.register(
        "host.unreachable",
        gettext_lazy("Host unreachable"),
        "host",
        _unreachable,
        inhibits=True,
        history=History(_was_unreachable),
    )
    sources.register("host.samples", gettext_lazy("Host without samples"), "host", _samples)
    sources.register(
        "host.certificate", gettext_lazy("Days until a certificate ends"), "host", _certificates, unit="days"
    )
    sources.register("host.conformance", gettext_lazy("A check of conformance fails"), "host", _conformance)
    sources.register("host.clock", gettext_lazy("Seconds that the clock is off"), "host", _clocks, unit="seconds")
