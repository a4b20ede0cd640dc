"""Data around a release: a snapshot of an instance before its new container starts, put back on the way back where that is wanted.

The old container has stopped by then, so that the snapshot has all that it ever wrote, and nothing stands still for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from containers.ending import StepFailed
from containers.keeping import edge, restoring, seeing, taking
from containers.keeping.models import Restore, Snapshot
from containers.keeping.policies import policy_of
from containers.keeping.services import snapshots
from containers.models import Deployment, Instance, Service, ServiceEnvironment, Step
from hosts.engine import EngineError
from hosts.operations import Failed
from hosts.runtimes import TRAITS
from hosts.volume_types import Volume, Volumes
from xqplatform.accounts.actor import Actor
from xqplatform.errors import Refused

KINDS = frozenset({Deployment.Kind.DEPLOY, Deployment.Kind.REPAIR})  # changes that replace containers


class Keeper:
    """What `containers.holds.Keeper` promises."""

    def wants(self, step: Step) -> bool:
        return step.action == Step.Action.REPLACE and _keeps(step.instance) and policy_of(step.instance.place).release

    def save(self, step: Step, containers: Sequence[str], check: Callable[[], None]) -> None:
        row = _of(step).exclude(state=Snapshot.State.FAILED).first()
        if row is not None and row.state != Snapshot.State.TAKING:
            return  # it was taken before an earlier try, which may have written since
        volumes = edge.volumes_of(step.instance.host)
        found = taking.of_all(volumes, containers)
        if not found:
            return
        try:
            row = row or snapshots.new(
                Actor.system(step.deployment.created_name), step.instance, Snapshot.Why.RELEASE,
                deployment=step.deployment, ran=(step.old_image, step.old_config),
            )  # fmt: skip
        except Refused as refused:
            raise StepFailed(refused.message) from refused
        _taken(row, volumes, check, found)

    def goes_back(self, step: Step) -> bool:
        if step.action != Step.Action.REPLACE or not _keeps(step.instance):
            return False
        asked = Deployment.objects.values_list("data_back", flat=True).get(pk=step.deployment_id)
        wanted = policy_of(step.instance.place).back if asked is None else asked
        return wanted and _ready(step) is not None and not _restores(step).filter(state=Restore.State.DONE).exists()

    def put_back(self, step: Step, check: Callable[[], None]) -> None:
        snapshot = _ready(step)
        assert snapshot is not None
        volumes = edge.volumes_of(snapshot.host)
        values = {"snapshot": snapshot, "who": step.deployment.created_name, "reason": _("the release goes back")}
        row, _made = Restore.objects.get_or_create(
            instance=step.instance, deployment=step.deployment, state=Restore.State.RUNNING, defaults=values
        )
        if row.safety is None and not row.notes.get("begun"):
            row.safety = self._saved(step, snapshot, volumes, check)
            row.save(update_fields=["safety"])
        restoring.note(row, begun=True)
        restoring.put_back(snapshot, volumes, check)
        restoring.done(row)

    def _saved(self, step: Step, of: Snapshot, volumes: Volumes, check: Callable[[], None]) -> Snapshot | None:
        """What the new version wrote, as a snapshot of its own; a pool that has no room for it, or puts only the newest one back, does not
        keep the release from going back."""
        found = [one for name in of.volumes if (one := volumes.named(name["name"], name["pool"], name["target"]))]
        if any(one.newest for one in found):
            return None  # it would be the newest, and keep the other one from being put back
        begun = Snapshot.objects.filter(instance=step.instance, deployment=step.deployment, why=Snapshot.Why.RESTORE)
        row = begun.filter(state=Snapshot.State.TAKING).first()  # of a worker that died over it
        try:
            row = row or snapshots.new(
                Actor.system(step.deployment.created_name), step.instance, Snapshot.Why.RESTORE,
                deployment=step.deployment, ran=(step.image, step.config),
            )  # fmt: skip
            _taken(row, volumes, check, found)
        except (Refused, StepFailed):
            return None
        return row


def _taken(row: Snapshot, volumes: Volumes, check: Callable[[], None], found: Sequence[Volume]) -> None:
    """Raises StepFailed when it cannot be taken, EngineError when that may pass: then it is taken up again."""
    try:
        taking.take(row, volumes, check, found)
    except Failed as error:
        taking.give_up(row, volumes, str(error))
        raise StepFailed(_("No snapshot before the release: %(why)s") % {"why": error}) from error
    except EngineError as error:
        if error.retry or error.out_of_reach:
            raise
        taking.give_up(row, volumes, error.words)
        raise StepFailed(_("No snapshot before the release: %(why)s") % {"why": error.words}) from error
    taking.ready(row)


def _keeps(instance: Instance) -> bool:
    return instance.place.service.kind == Service.Kind.STATEFUL and TRAITS[instance.host.runtime].keeps


def _of(step: Step) -> QuerySet[Snapshot]:
    rows = Snapshot.objects.filter(instance=step.instance, deployment=step.deployment, why=Snapshot.Why.RELEASE)
    return rows.select_related("instance__place__service__team", "instance__place__environment", "host").order_by("-pk")


def _ready(step: Step) -> Snapshot | None:
    return _of(step).filter(state=Snapshot.State.READY).first()


def _restores(step: Step) -> QuerySet[Restore]:
    return Restore.objects.filter(instance=step.instance, deployment=step.deployment)


def told(place: ServiceEnvironment, kind: str) -> str:
    """What the plan of a change says of it; empty: nothing."""
    if kind not in KINDS or place.service.kind != Service.Kind.STATEFUL:
        return ""
    here = seeing.standing().filter(place=place)
    if not here.exists():
        return ""
    policy = policy_of(place)
    if not policy.release:
        return _("No snapshot of the data is taken before: the rule of this place says so.")
    if policy.back:
        return _(
            "A snapshot of the data is taken before each instance is replaced; a way back puts it back, so that what was "
            "written since is lost."
        )
    return _(
        "A snapshot of the data is taken before each instance is replaced; a way back leaves the data as it is then."
    )


def before(deployment: Deployment) -> list[Snapshot]:
    """The snapshots from before a release, one an instance, that can be put back."""
    rows = Snapshot.objects.filter(deployment=deployment, why=Snapshot.Why.RELEASE, state=Snapshot.State.READY)
    return list(
        rows.select_related("instance__place__service", "instance__place__environment").order_by("instance__number")
    )
