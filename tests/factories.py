"""Rows for tests and for the seeding script: each function makes one row with sensible defaults, no engine needed."""

from __future__ import annotations

import hashlib
import itertools
import time
from datetime import timedelta
from typing import Any

from django.utils import timezone

from builds.models import Build, Image, Project
from containers import keeping_logs
from containers.models import (
    ConfigVersion,
    Container,
    Deployment,
    Environment,
    Guardrails,
    Instance,
    KeptLog,
    Service,
    ServiceEnvironment,
    Step,
)
from hosts.engine import LogLine
from hosts.models import Address, Host, HostGroup, Segment
from xqplatform.accounts.models import Membership, Team, User

_numbers = itertools.count(1)
ENVIRONMENTS = [
    ("isolated", "Isolated", "隔离", "purple", False, "sep*"),
    ("pre-release", "Pre-release", "预发布", "cyan", False, "prod"),
    ("grey", "Grey", "灰度", "orange", False, "release*"),
    ("production", "Production", "生产", "red", True, "prod"),
]


def make_team(slug: str = "snow") -> Team:
    return Team.objects.get_or_create(slug=slug, defaults={"title": slug.title()})[0]


def make_user(username: str, role: str = "sre", *teams: Team, password: str = "correct horse") -> User:
    user = User.objects.create_user(username, password=password, role=role, display_name=username.title())
    for team in teams:
        Membership.objects.create(user=user, team=team)
    return user


def make_environments() -> dict[str, Environment]:
    found = {}
    for position, (slug, title, chinese, colour, production, branch) in enumerate(ENVIRONMENTS):
        found[slug], _ = Environment.objects.get_or_create(
            slug=slug,
            defaults={
                "title": title,
                "title_zh": chinese,
                "colour": colour,
                "production": production,
                "branch": branch,
                "position": position,
            },
        )
    # Tests release straight into production; those of guardrails set the rules that they are about.
    Guardrails.objects.get_or_create(environment=found["production"])
    return found


def make_environment(slug: str = "production") -> Environment:
    return make_environments()[slug] if slug in {e[0] for e in ENVIRONMENTS} else Environment.objects.create(slug=slug)


def make_group(slug: str = "room-a") -> HostGroup:
    return HostGroup.objects.get_or_create(slug=slug, defaults={"title": slug.replace("-", " ").title()})[0]


def make_host(name: str = "", **fields: Any) -> Host:
    name = name or f"host-{next(_numbers)}"
    values: dict[str, Any] = {
        "address": "10.9.0.1:2376",
        "state": Host.State.READY,
        "state_since": timezone.now(),
        "seen": timezone.now(),
        "engine_version": "20.10.24",
        "api_version": "1.41",
        "cpus": 16,
        "memory": 64 << 30,
        "group": make_group(),
    }
    return Host.objects.create(name=name, **values | fields)


def make_segment(slug: str = "seg-a", hosts: list[Host] | None = None, cidr: str = "10.1.2.0/24") -> Segment:
    segment, _ = Segment.objects.get_or_create(
        slug=slug, defaults={"cidr": cidr, "gateway": cidr.rsplit(".", 1)[0] + ".1"}
    )
    segment.hosts.add(*(hosts or []))
    return segment


def make_service(slug: str = "", team: Team | None = None, **fields: Any) -> Service:
    slug = slug or f"service-{next(_numbers)}"
    team = team if team is not None else make_team()
    project = Project.objects.create(name=slug, team=team, repository=f"https://git.example/{slug}.git")
    return Service.objects.create(slug=slug, team=team, project=project, **fields)


def make_config(place: ServiceEnvironment, content: dict[str, Any] | None = None, **fields: Any) -> ConfigVersion:
    version = place.configs.count() + 1
    values = {"author": "sara", "reason": "first settings" if version == 1 else "more memory"}
    return ConfigVersion.objects.create(
        place=place, version=version, content=content if content is not None else {}, **values | fields
    )


def make_place(
    service: Service | None = None, environment: Environment | str = "production", **fields: Any
) -> ServiceEnvironment:
    """A service in an environment with a first settings version."""
    service = service or make_service()
    if isinstance(environment, str):
        environment = make_environment(environment)
    place = ServiceEnvironment.objects.create(service=service, environment=environment, **fields)
    place.config = make_config(place)
    place.save(update_fields=["config"])
    return place


def make_build(project: Project, state: str = "succeeded", branch: str = "prod", **fields: Any) -> Build:
    number = next(_numbers)
    revision = hashlib.sha1(f"{project.name}{number}".encode()).hexdigest()
    now = timezone.now()
    values: dict[str, Any] = {
        "revision": revision,
        "commit_author": "Lin Wei",
        "commit_message": f"Quote cache: keep the last price ({number})\n\nMore words.",
        "commit_time": now - timedelta(hours=2),
        "created_name": "dan",
        "started": now - timedelta(minutes=9),
        "finished": now - timedelta(minutes=8),
        "tag": f"{project.name}:{int(now.timestamp()) + number}_{revision[:8]}_{branch}_java8V16",
    }
    return Build.objects.create(project=project, state=state, branch=branch, **values | fields)


def make_image(project: Project, branch: str = "prod", **fields: Any) -> Image:
    build = make_build(project, branch=branch)
    values: dict[str, Any] = {
        "repository": project.name,
        "tag": build.tag.split(":", 1)[1],
        "digest": "sha256:" + hashlib.sha256(build.tag.encode()).hexdigest(),
        "image_id": "sha256:" + hashlib.sha256(build.revision.encode()).hexdigest(),
        "size": 146 << 20,
        "revision": build.revision,
        "base": "java8V16",
        "branch": branch,
    }
    return Image.objects.create(project=project, build=build, **values | fields)


def make_instance(
    place: ServiceEnvironment, host: Host, number: int = 0, segment: Segment | None = None, **fields: Any
) -> Instance:
    number = number or place.instances.filter(removed=None).count() + 1
    address = None
    if segment is not None:
        last = 10 + segment.addresses.count()
        ip = segment.cidr.split("/")[0].rsplit(".", 1)[0] + f".{last}"
        address = Address.objects.create(
            segment=segment,
            ip=ip,
            mac="02:42:" + ":".join(f"{int(o):02x}" for o in ip.split(".")),
            holder=f"{place.service.slug}/{place.environment.slug}/{number}",
            since=timezone.now(),
        )
    values: dict[str, Any] = {"state": "healthy", "status": "Up 4 hours (healthy)", "seen": timezone.now()}
    return Instance.objects.create(place=place, host=host, number=number, address=address, **values | fields)


def make_container(instance: Instance, image: Image | None = None, **fields: Any) -> Container:
    now = timezone.now()
    values: dict[str, Any] = {
        "engine_id": hashlib.sha256(f"c{next(_numbers)}".encode()).hexdigest(),
        "image": image or instance.place.current_image,
        "config": instance.place.current_config or instance.place.config,
        "started": now - timedelta(hours=4),
        "healthy": now - timedelta(hours=4),
    }
    return Container.objects.create(instance=instance, host=instance.host, **values | fields)


def make_kept_log(container: Container, text: str = "started\nended\n", **fields: Any) -> KeptLog:
    """What was kept of a container when it went; its lines a second apart."""
    at = timezone.now() - timedelta(hours=4)
    lines = [
        LogLine("stdout", f"{(at + timedelta(seconds=n)).strftime('%Y-%m-%dT%H:%M:%S')}.000000000Z", line)
        for n, line in enumerate(text.splitlines())
    ]
    values = {"why": "replaced", "taken": timezone.now(), "host": container.host.name, "deployment": None}
    read = keeping_logs.columns(keeping_logs.Said(lines, len(text)))
    return KeptLog.objects.create(
        instance=container.instance, container=container, engine_id=container.engine_id, **values | read | fields
    )


POLICY = {"batch": 2, "pause": 0, "order": "stop-first", "deadline": 60, "on_failure": "rollback"}


def make_deployment(place: ServiceEnvironment, state: str = "succeeded", **fields: Any) -> Deployment:
    """A release of the place; an active one holds the place's lock."""
    now = timezone.now()
    active = state in Deployment.ACTIVE
    values: dict[str, Any] = {
        "image": place.current_image,
        "config": place.config,
        "wanted": place.wanted,
        "old_wanted": place.wanted,
        "policy": dict(POLICY),
        "reason": "Quote cache keeps the last price",
        "created_name": "dan",
        "started": now - timedelta(minutes=3),
        "finished": None if active else now - timedelta(minutes=1),
    }
    deployment = Deployment.objects.create(place=place, state=state, **values | fields)
    if active:
        place.active = deployment
        place.save(update_fields=["active"])
    return deployment


def make_step(deployment: Deployment, instance: Instance, state: str = "done", **fields: Any) -> Step:
    position = deployment.steps.count()
    begin = time.time() - 170 + 20 * position
    times: dict[str, Any] = {}
    if state in {"done", "failed"}:
        times = {
            "stop": [begin, begin + 1.2],
            "create": [begin + 1.2, begin + 1.6],
            "start": [begin + 1.6, begin + 2],
            "healthy": [begin + 2, begin + (6 if state == "done" else 16)],
        }
    elif state == "starting":
        now = time.time()
        times = {
            "stop": [now - 13, now - 12],
            "create": [now - 12, now - 11.6],
            "start": [now - 11.6, now - 11],
            "healthy": [now - 11, None],
        }
    values: dict[str, Any] = {"batch": position // 2, "action": "replace", "times": times}
    return Step.objects.create(
        deployment=deployment, instance=instance, position=position, state=state, **values | fields
    )


def make_running_place(
    slug: str = "snow", environment: str = "production", instances: int = 4, team: Team | None = None, **fields: Any
) -> ServiceEnvironment:
    """A service that runs somewhere: three hosts, a segment, instances with a container each."""
    service = Service.objects.filter(slug=slug).first() or make_service(slug, team=team)
    place = make_place(service, environment, wanted=instances, **fields)
    names = ["run-a1", "run-a2", "run-b1"]
    hosts = [Host.objects.filter(name=n).first() or make_host(n) for n in names]
    segment = make_segment(hosts=hosts)
    place.current_image = make_image(service.project)
    place.current_config = place.config
    place.save()
    for number in range(1, instances + 1):
        instance = make_instance(place, hosts[number % 3], number, segment)
        make_container(instance, place.current_image)
    return place
