"""Rows that the tests of releases stand on."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from builds.models import Image, Project
from containers.models import Container, Environment, Service, ServiceEnvironment
from containers.services import settings as places
from hosts.models import Host, Segment
from xqplatform.accounts.actor import Actor


class World:
    """Two hosts on a segment, a service in one environment, two images; nothing talks to an engine."""

    def __init__(self, hosts: int = 2, wanted: int = 3, segment: bool = True) -> None:
        self.actor = Actor.system("tester")
        self.hosts = [
            Host.objects.create(
                name=f"h{n}", address=f"10.9.0.{n}:2376", state="ready", api_version="1.41", cpus=8, memory=16 << 30
            )
            for n in range(1, hosts + 1)
        ]
        self.environment = Environment.objects.get(slug="isolated")
        self.segment = None
        if segment:
            self.segment = Segment.objects.create(
                slug="seg", cidr="10.9.1.0/24", gateway="10.9.1.1", pool="10.9.1.10-10.9.1.19"
            )
            self.segment.hosts.set(self.hosts)
            self.environment.segment = self.segment
            self.environment.save()
        self.project = Project.objects.create(name="snow")
        self.service = Service.objects.create(slug="snow", project=self.project)
        self.place: ServiceEnvironment = self.service.places.create(environment=self.environment, wanted=wanted)
        self.v1, self.v2 = self.image("v1"), self.image("v2")
        places.save_config(self.actor, self.place, {"memory": "64m", "cpus": 1})

    def image(self, tag: str, **fields: Any) -> Image:
        return Image.objects.create(
            project=self.project, repository="snow", tag=tag, image_id=f"sha256:{tag}", **fields
        )

    def finish(self, deployment: Any) -> None:
        """As if the release had run and succeeded."""
        from containers.finish import finish

        now = timezone.now()
        for step in deployment.steps.all():
            step.state, step.times = "done", {"start": [1, 2]}
            step.save()
            if step.action in {"add", "replace"}:
                Container.objects.filter(instance=step.instance, ended=None).update(ended=now)
                Container.objects.create(
                    instance=step.instance,
                    host=step.instance.host,
                    engine_id=f"c{step.pk}",
                    image=step.image,
                    config=step.config,
                    deployment=deployment,
                    healthy=now,
                )
                step.instance.state = "healthy"
                step.instance.save()
        finish(deployment.pk, "succeeded")


@pytest.fixture
def world(db: None) -> World:
    return World()
