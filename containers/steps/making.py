"""The container of a step is made, or found: what a dead process made is adopted."""

from __future__ import annotations

from dataclasses import replace

from django.db import transaction
from django.utils.translation import gettext as _

from builds.models import Image
from containers import images, spec
from containers.config import Config
from containers.ending import StepFailed
from containers.init_mode import Needs, needs, problems
from containers.models import ConfigVersion, Container
from containers.services import persisted
from containers.services.settings import secrets_of
from containers.steps import naming
from containers.steps.bench import Bench, Json
from containers.steps.preparing import prepare
from hosts import labels
from hosts.engine import EngineError


def made(
    bench: Bench,
    mine: Json | None,
    image: Image | None,
    version: ConfigVersion | None,
    mark: str,
    *,
    state: str = "creating",
    beside: bool = False,
) -> str:
    """The id of this step's container, made now unless it is there already."""
    if mine is not None:
        engine_id = str(mine["Id"])
    else:
        if image is None:
            raise StepFailed(_("No release is stored that a container could be made of."))
        with bench.timed("create" if state == "creating" else "", state=state):
            bench.point("before create")
            engine_id = _create(bench, _spec(bench, image, version, mark, beside=beside), image, mark)
            bench.point("after create")
    with transaction.atomic():
        row, _new = Container.objects.get_or_create(
            engine_id=engine_id,
            instance=bench.instance,
            defaults={
                "host": bench.host,
                "image": image,
                "config": version,
                "deployment_id": bench.context.deployment,
            },
        )
        if version is not None:
            persisted.note(row, bench.config_of(version), bench.address)
        bench.save(new_engine_id=engine_id)
    return engine_id


def _create(bench: Bench, wanted: spec.ContainerSpec, image: Image, mark: str) -> str:
    for _attempt in range(10):
        try:
            with bench.context.gate(bench.host.pk):
                return bench.patience.call(bench.engine.create, wanted)
        except EngineError as error:
            if error.kind == "conflict":
                if naming.runs_beside(bench, wanted.name, mark):
                    bench.own_name = True
                    wanted = replace(wanted, name=bench.instance.name)
                    continue
                found = naming.who_has(bench, wanted.name, mark)
                if found:
                    return found
            elif error.kind == "not_found":
                _prepare(bench, image)
            else:
                raise
    raise StepFailed(_("The name %(name)s stays in use on %(host)s.") % {"name": wanted.name, "host": bench.host})


def _prepare(bench: Bench, image: Image) -> None:
    """Again what the engine has lost: the image, the network."""
    prepare(bench.engine, image, bench.segment(), bench.patience)


def _spec(
    bench: Bench, image: Image, version: ConfigVersion | None, mark: str, *, beside: bool = False
) -> spec.ContainerSpec:
    """What the engine is asked for, from the stored rows."""
    config = bench.config_of(version)
    place = replace(place_of(bench), init=_init_needs(bench, config, image))
    return spec.container_spec(
        place,
        config,
        secrets_of(version),
        image.reference,
        platform=labels.installation(),
        deployment=bench.context.deployment,
        step=mark,
        config_version=version.version if version is not None else 0,
        name=f"{place.name}-next" if beside else "",
    )


def place_of(bench: Bench) -> spec.Place:
    """Where the container stands that is made next."""
    address = bench.address
    return spec.Place(
        service=bench.instance.place.service.slug,
        environment=bench.instance.place.environment.slug,
        number=bench.instance.number,
        instance=bench.instance.pk,
        network=address.segment.network_name if address else "",
        ip=address.ip if address else "",
        mac=address.mac if address else "",
        dns=tuple(address.segment.dns) if address else (),
        dns_search=tuple(address.segment.search) if address else (),
        folder=persisted.folder(bench.host, address.ip) if address else "",
    )


def _init_needs(bench: Bench, config: Config, image: Image) -> Needs:
    """What the image's init needs, in init mode. Raises StepFailed for an image that breaks the rules of it."""
    if config.init != "image":
        return Needs()
    if not bench.patience.call(bench.engine.has_image, image.reference):
        _prepare(bench, image)
    facts = bench.patience.call(images.ensure, bench.engine, image)
    if broken := problems(facts):
        raise StepFailed(" ".join(broken))
    return needs(facts.kind, bench.host.cgroup_version, facts.stop_signal)
