"""Other limits for a container that runs on."""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext as _

from containers import happenings, live_limits, spec
from containers.config import Config
from containers.ending import StepFailed
from containers.models import ConfigVersion, Container
from containers.steps.bench import Bench
from hosts.engine import EngineError


def take(bench: Bench) -> None:
    """The running container takes new limits; nothing is stopped. What the engine refuses leaves the old ones."""
    there = bench.there()
    if there is None:
        raise StepFailed(_("There is no container that could take new limits."))
    old, new = bench.config_of(bench.step.old_config), bench.config_of(bench.step.config)
    bench.point("before limits")
    if new.memory < old.memory and there.get("State") == "running":
        _enough_memory(bench, there["Id"], new)
    with bench.timed("limits", state="starting"):
        warnings = bench.patience.call(bench.engine.update, there["Id"], spec.limits_of(new))
    bench.point("after limits")
    _has_limits(bench, there["Id"], bench.step.config, live_limits.words(live_limits.changes(old, new)))
    files = spec.limits_of(new).cgroup(bench.host.cgroup_version or "1")
    bench.save(log="\n".join([*warnings, *(f"{name} = {value}" for name, value in files.items())]))


def give_back(bench: Bench) -> None:
    there = bench.there()
    if there is None or bench.step.old_config is None:
        return
    bench.patience.call(bench.engine.update, there["Id"], spec.limits_of(bench.config_of(bench.step.old_config)))
    Container.objects.filter(engine_id=there["Id"]).update(config=bench.step.old_config)


def _enough_memory(bench: Bench, engine_id: str, new: Config) -> None:
    try:
        used = bench.patience.call(bench.engine.memory_used, engine_id)
    except EngineError as error:
        if error.out_of_reach:
            raise
        used = None  # it cannot tell: then the engine decides
    why = live_limits.too_small(new, used)
    if why:
        raise StepFailed(why)


def _has_limits(bench: Bench, engine_id: str, version: ConfigVersion | None, words: str) -> None:
    """Said once, also when a dead process got as far as the engine's answer."""
    with transaction.atomic():
        rows = Container.objects.filter(engine_id=engine_id).exclude(config=version)
        row = rows.select_related("instance").first()
        if row is not None and rows.filter(pk=row.pk).update(config=version):
            happenings.limits_changed(row, words)
