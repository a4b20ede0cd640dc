"""The rows of traffic: who is in, and which fronts have still to hear it. Writes stand here, nothing acts outside."""

from __future__ import annotations

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from containers.models import Container, Front, Instance, ServiceEnvironment, Serving, Step, Upstream
from containers.services.settings import topic
from containers.traffic.shape import Traffic
from containers.traffic.wanted import WELL
from xqplatform import live


def ensure(place: ServiceEnvironment, traffic: Traffic) -> None:
    """Rows of what stands: of each host of the front, and of each instance. What runs well and was never spoken of is in."""
    missing = list(place.instances.filter(removed=None, serving=None))
    now = timezone.now()
    with transaction.atomic():
        for one in missing:
            well = one.wanted_state == "running" and one.state in WELL
            Serving.objects.get_or_create(
                instance=one,
                defaults={
                    "state": Serving.State.IN if well else Serving.State.OUT,
                    "since": now,
                    "port": _port_of(place, traffic),
                },
            )
        if traffic.way == "nginx":
            _ensure_upstreams(place, traffic)
        if missing:
            changed(place)


def _ensure_upstreams(place: ServiceEnvironment, traffic: Traffic) -> None:
    front = Front.objects.filter(slug=traffic.front).prefetch_related("hosts").first()
    if front is None:
        return
    known = Upstream.objects.filter(place=place).order_by("id").first()
    if known is not None and (known.port, known.front_id) != (traffic.port, front.pk):
        # Who serves goes on to listen where it did, until a step gives it a container of the new settings.
        Serving.objects.filter(instance__place=place, port=None).update(port=known.port)
    for host in front.hosts.all():
        row, made = Upstream.objects.get_or_create(
            place=place, front=front, host=host, defaults={"port": traffic.port, "wanted": 1}
        )
        if not made and row.port != traffic.port:
            Upstream.objects.filter(pk=row.pk).update(port=traffic.port, wanted=F("wanted") + 1)


def changed(place: ServiceEnvironment) -> None:
    """Every front of the place has something new to hear."""
    Upstream.objects.filter(place=place).update(wanted=F("wanted") + 1)
    live.bump(topic(place))


def _port_of(place: ServiceEnvironment, traffic: Traffic) -> int:
    """Where what stands listens: as fronts know it from before, else as the settings say."""
    known = Upstream.objects.filter(place=place).values_list("port", flat=True).first()
    return known or traffic.port


def ported(instance: Instance, port: int) -> None:
    """The container that serves listens there. Fronts have to hear it if that is news."""
    rows = Serving.objects.filter(instance=instance).exclude(port=port)
    if rows.update(port=port):
        changed(instance.place)


def ports_of_containers(place: ServiceEnvironment) -> None:
    """While nothing is under way: everybody listens where the settings say with which its container stands."""
    found = Container.objects.filter(instance__place=place, instance__removed=None, ended=None).order_by("id")
    traffic = "config__content__traffic"
    ports = {
        pk: port
        for pk, way, port in found.values_list("instance", f"{traffic}__way", f"{traffic}__port")
        if way == "nginx" and port
    }
    for row in Serving.objects.filter(instance__in=ports).select_related("instance__place"):
        if row.port != ports[row.instance_id]:
            ported(row.instance, ports[row.instance_id])


def put(instance: Instance, state: str, step: Step | None) -> None:
    """Notes what is decided of an instance, and that fronts have to hear it if it is something else than before."""
    now = timezone.now()
    with transaction.atomic():
        row, made = Serving.objects.select_for_update().get_or_create(
            instance=instance, defaults={"state": state, "since": now, "step": step}
        )
        before = "" if made else row.state
        if made or before != state:
            Serving.objects.filter(pk=row.pk).update(state=state, since=now, step=step)
        if (before == Serving.State.IN) != (state == Serving.State.IN) or made:
            changed(instance.place)


def state_of(instance: Instance) -> str:
    """in | leaving | out; empty: nobody has said anything yet."""
    return Serving.objects.filter(instance=instance).values_list("state", flat=True).first() or ""


def claimed(instance: Instance, step: Step) -> str:
    """The same, and from now on the step alone says what becomes of it: the sweep's reading of before counts no more."""
    with transaction.atomic():
        row = Serving.objects.select_for_update().filter(instance=instance).first()
        if row is None:
            return ""
        Serving.objects.filter(pk=row.pk).update(step=step)
    return row.state


def put_back(row: Serving) -> bool:
    """Puts an instance in for the sweep, unless a step said something since the row was read."""
    with transaction.atomic():
        same = Serving.objects.filter(pk=row.pk, state=row.state, step=row.step_id, since=row.since)
        if not same.update(state=Serving.State.IN, since=timezone.now(), step=None):
            return False
        changed(row.instance.place)
    return True
