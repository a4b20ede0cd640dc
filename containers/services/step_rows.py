"""The plan of a change as rows: its steps, and the instances that it makes."""

from __future__ import annotations

from builds.models import Image
from containers.models import ConfigVersion, Container, Deployment, Instance, ServiceEnvironment, Step
from containers.plan import Plan
from containers.services.planning import segment_of, standing
from hosts.models import Host
from hosts.services import addresses as ledger
from hosts.services.many_addresses import allocate_all


def save_steps(row: Deployment, plan: Plan, image: Image | None, config: ConfigVersion | None) -> None:
    """The plan as rows: a step an instance, and the instances that it makes."""
    place = row.place
    instances = {one.pk: one for one in standing(place)}
    running = running_of(list(instances.values()))
    made = _make_instances(place, plan)
    steps: list[Step] = []
    for entry in plan.entries:
        if entry.problem:
            continue  # left out, as the policy says
        if entry.instance is None:
            instance = made[entry.number]
        else:
            instance = instances[entry.instance]
        now = running.get(instance.pk)
        step = Step(
            deployment=row,
            instance=instance,
            position=len(steps),
            batch=entry.batch,
            action=entry.action,
            image=image,
            config=config,
            old_wanted_state=instance.wanted_state,
        )
        if now is not None:
            step.old_engine_id, step.old_image, step.old_config = now.engine_id, now.image, now.config
        if row.kind == "limits":
            step.image = now.image if now is not None else image
        if row.kind in {"repair", "start"} and now is not None and now.image is not None:
            step.image, step.config = now.image, now.config
        steps.append(step)
    Step.objects.bulk_create(steps)


def _make_instances(place: ServiceEnvironment, plan: Plan) -> dict[int, Instance]:
    """The plan's new instances by number, with their addresses: chosen ones first, so that nobody gets them by chance."""
    segment = segment_of(place)
    new = [entry for entry in plan.entries if entry.instance is None and not entry.problem]
    hosts = Host.objects.in_bulk([entry.host for entry in new])
    made = {e.number: Instance(place=place, number=e.number, host=hosts[e.host], state="missing") for e in new}
    if segment is not None:
        for entry in new:
            if entry.chosen:
                holder = holder_of(made[entry.number])
                made[entry.number].address = ledger.allocate(segment, holder, chosen=entry.chosen, over=True)
        others = {number: holder_of(one) for number, one in made.items() if one.address is None}
        given = allocate_all(segment, list(others.values()))
        for number, holder in others.items():
            made[number].address = given[holder]
    for one in made.values():
        one.ip = one.address.ip if one.address is not None else ""
    Instance.objects.bulk_create(made.values())
    return made


def running_of(instances: list[Instance]) -> dict[int, Container]:
    """Of each instance what one goes back to: of the containers that were ever well the one that stands, else the one that
    stood last; where none was well the newest.

    Neither the newest nor the newest that was well: one that got well and was taken back since (by a hook, a gate, a click) is
    newer than the old one that serves again.
    """
    rows = list(Container.objects.filter(instance__in=instances).select_related("image", "config").order_by("id"))
    newest = {row.instance_id: row for row in rows}
    well = [row for row in rows if row.healthy is not None]
    for row in sorted(well, key=lambda row: (row.ended is None, row.ended or row.created, row.pk)):
        newest[row.instance_id] = row
    return newest


def holder_of(instance: Instance) -> str:
    """The instance's name in the ledger of addresses."""
    return f"{instance.place.service.slug}/{instance.place.environment.slug}/{instance.number}"
