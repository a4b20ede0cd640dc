"""What is said of a place's size: its evidence, its risk, and what a change does, in numbers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from containers.capacity.rightsizing import IDLE, LEAST_DAYS, Limits, Mark, Risk, Wish
from containers.capacity.sizes import Size
from xqplatform.metrics import units

# As filters name them.
TITLES: dict[Mark, Any] = {
    Mark.OOM: gettext_lazy("killed for lack of memory"),
    Mark.THROTTLED: gettext_lazy("throttled"),
    Mark.TIGHT: gettext_lazy("tight"),
    Mark.IDLE: gettext_lazy("idle"),
    Mark.WIDE: gettext_lazy("oversized"),
    Mark.FITS: gettext_lazy("right size"),
    Mark.SHORT: gettext_lazy("too little known"),
}


def cores(value: float | None) -> str:
    return units.shown(value, "cores")


def size(value: float | None) -> str:
    return units.shown(value, "bytes")


def limits(value: Limits) -> str:
    return _("%(cpus)s, %(memory)s") % {"cpus": cores(value.cpus), "memory": size(value.memory)}


def evidence(one: Size, wish: Wish) -> list[tuple[Mark, str]]:
    """A sentence for each mark."""
    return [(mark, _sentence(mark, one, wish)) for mark in one.advice.marks]


def _sentence(mark: Mark, one: Size, wish: Wish) -> str:
    past, now = one.past, one.advice.now
    known = {
        "days": past.days, "range": wish.days, "least": LEAST_DAYS, "cpu": cores(past.cpu), "cpus": cores(now.cpus),
        "memory": size(past.memory), "peak": size(past.peak), "limit": size(now.memory), "idle": cores(IDLE),
        "share": units.shown(past.throttled, "ratio"),
    }  # fmt: skip
    if mark == Mark.OOM:
        text = ngettext(
            "The kernel killed %(n)d time within %(range)s days for lack of memory, at %(limit)s.",
            "The kernel killed %(n)d times within %(range)s days for lack of memory, at %(limit)s.",
            past.ooms,
        )
        return text % (known | {"n": past.ooms})
    used = _("The busiest instance used %(cpu)s of %(cpus)s (p99) and at most %(peak)s of %(limit)s.")
    return {
        Mark.THROTTLED: _("CPU was held back in %(share)s of the time, at %(cpus)s."),
        Mark.TIGHT: used,
        Mark.IDLE: _(
            "On each of %(days)s days every instance used less than %(idle)s for 99 %% of the time (p99: %(cpu)s)."
        ),
        Mark.WIDE: used,
        Mark.FITS: used,
        Mark.SHORT: _("%(days)s of the last %(range)s days were measured; at least %(least)s are needed."),
    }[mark] % known


def risk(found: Risk | None) -> str:
    """What the proposed limits would have done."""
    if found is None or not found.days:
        return _("not known")
    known = {"days": found.days, "cpu": found.cpu, "memory": found.memory, "killed": found.killed}
    if found.killed:
        return _("Memory was higher on %(killed)s of %(days)s days: the kernel would have killed.") % known
    if found.cpu:
        return _("CPU's p99 was higher on %(cpu)s of %(days)s days: it would have been held back.") % known
    return _("On none of %(days)s days CPU's p99 or the highest memory was above.") % known


def level(found: Risk | None) -> str:
    """The risk in a word."""
    if found is None or not found.days:
        return _("not known")
    return {"none": _("no day above"), "some": _("may be slower"), "high": _("may be killed")}[found.level]


def change(one: Size) -> str:
    """What a change of its limits does to one instance."""
    values = {"before": limits(one.advice.now), "after": limits(one.advice.proposed)}
    return _("%(before)s → %(after)s") % values


def reason(one: Size) -> str:
    """As the new version of the settings keeps it."""
    past, now, new = one.past, one.advice.now, one.advice.proposed
    text = "right-sizing: {} and {} → {} and {}; p99 of {} days: {} and {}, highest memory {}"
    return text.format(
        cores(now.cpus), size(now.memory), cores(new.cpus), size(new.memory), past.days, cores(past.cpu),
        size(past.memory), size(past.peak),
    )[:250]  # fmt: skip


def sums(sizes: Iterable[Size]) -> tuple[Limits, Limits]:
    """What lower limits would free, and what higher ones need, over all instances."""
    free_cpus = free_memory = need_cpus = need_memory = 0.0
    for one in sizes:
        saved = one.saved
        free_cpus, need_cpus = free_cpus + max(saved.cpus, 0), need_cpus + max(-saved.cpus, 0)
        free_memory, need_memory = free_memory + max(saved.memory, 0), need_memory + max(-saved.memory, 0)
    return Limits(free_cpus, round(free_memory)), Limits(need_cpus, round(need_memory))


def counts(rows: Sequence[Size]) -> list[tuple[str, Any, int]]:
    """Each mark that some have, with its title and how many."""
    found = [(mark.value, title, sum(mark in one.advice.marks for one in rows)) for mark, title in TITLES.items()]
    return [one for one in found if one[2]]


def measured(wish: Wish) -> tuple[str, str]:
    """What the figures are, and what memory goes by."""
    if wish.below_peak:
        memory = _("Memory may go below the highest that was in use: then the kernel kills.")
    else:
        memory = _("Memory is never proposed below the highest that was in use.")
    return _("A p99 is exceeded in a hundredth of the time, 14 minutes of a day."), memory
