"""Who has which name: containers are told apart by labels, and there is one of each name on an engine."""

from __future__ import annotations

from django.utils.translation import gettext as _

from containers import spec
from containers.ending import StepFailed
from containers.models import Instance
from containers.steps import retiring
from containers.steps.bench import Bench, Json
from hosts import labels
from hosts.engine import EngineError


def runs_beside(bench: Bench, name: str, mark: str) -> bool:
    """What runs still has the name of one that is made beside: its runtime renames nothing that runs, or a process died
    before it did. Then the instance's own name is free for the new one.
    """
    if name == bench.instance.name or bench.inspect(bench.instance.name) is not None:
        return False
    seen = bench.inspect(name) or {}
    marks = (seen.get("Config") or {}).get("Labels") or {}
    mine = labels.is_ours(marks) and marks.get(labels.INSTANCE) == str(bench.instance.pk)
    return mine and marks.get(spec.STEP) != mark and bool((seen.get("State") or {}).get("Running"))


def who_has(bench: Bench, name: str, mark: str) -> str:
    """The name is in use. Ours, of this step: its id (a call got through although its answer was lost, or a dead
    process sent it). A leftover of ours is removed; a foreign container is never touched: StepFailed.
    """
    seen = bench.inspect(name)
    if seen is None:
        bench.patience.sleep(0.5)  # the name is reserved, the container not there yet, or going
        return ""
    marks = (seen.get("Config") or {}).get("Labels") or {}
    instance = marks.get(labels.INSTANCE, "")
    ours = labels.is_ours(marks)
    if ours and instance == str(bench.instance.pk) and marks.get(spec.STEP) == mark:
        return str(seen["Id"])
    stands = instance.isdigit() and Instance.objects.filter(pk=int(instance), removed=None).exists()
    if not ours or (stands and instance != str(bench.instance.pk)):
        words = _("On %(host)s another container has the name %(name)s; rename or remove it.")
        raise StepFailed(words % {"host": bench.host, "name": name})
    retiring.retire(bench, str(seen["Id"]))
    return ""


def take_name(bench: Bench, made: str, mine: Json | None, others: list[Json]) -> None:
    """The new container was made beside the old one under another name."""
    if bench.own_name or (mine is None and not others):
        return
    bench.point("before rename")
    for _attempt in range(5):
        try:
            return bench.patience.call(bench.engine.rename, made, bench.instance.name)
        except EngineError as error:
            if error.kind != "conflict" or who_has(bench, bench.instance.name, str(bench.step.pk)):
                raise
    return None
