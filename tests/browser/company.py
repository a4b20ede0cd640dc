"""A small company at work on a fleet of real engines: teams, people, services from small Git repositories, releases."""

from __future__ import annotations

from typing import Any

from tests.bench.platform import Platform, wait_for
from tests.browser import company_data, company_past
from tests.browser.company_rights import rights
from tests.engines.fleet import Fleet

PASSWORD = "correct horse battery"
PEOPLE = [  # username, shown name, role, team
    ("gaolei", "高磊", "sre", ""),
    ("wangfang", "王芳", "developer", "quotes"),
    ("lixiang", "李想", "developer", "community"),
    ("zhaomin", "赵敏", "manager", ""),
]
TEAMS = {"quotes": "行情 Quotes", "community": "社区 Community"}
HOSTS = ["room-a-01", "room-a-02", "cloud-b-01"]
LONGEST = "portfolio-performance-attribution-and-risk-reports"
SERVICES = [  # slug, title, team, instances in production, in pre-release
    ("snow", "Timeline and posts", "community", 6, 2),
    ("stock-quote", "Prices, delayed and live", "quotes", 4, 1),
    (LONGEST, "", "quotes", 2, 1),
]
CONFIG = {"cpus": 0.5, "memory": 96 << 20, "stop_timeout": 3, "env": {"LOG_LEVEL": "info", "CACHE_SYMBOLS": "4096"}}
BROKEN = """\
#!/bin/busybox sh
echo "2026-03-02 09:24:57 INFO  timeline: starting on 0.0.0.0:80"
echo "2026-03-02 09:24:58 INFO  timeline: cache of 4096 symbols"
echo "2026-03-02 09:24:59 ERROR db: password authentication failed for user snow"
exit 1
"""


class Company:
    """Made by its constructor, on a platform that runs (this process uses its rows); takes about a minute."""

    def __init__(self, site: Platform, fleet: Fleet) -> None:
        site.use_rows()
        from xqplatform.accounts.actor import Actor
        from xqplatform.accounts.models import User

        self.folder = site.folder / "git"
        self.folder.mkdir()
        self.fleet = fleet
        self.admin = Actor.person(User.objects.get(username="admin"), via="page")
        self.teams: dict[str, Any] = {}
        self.actors: dict[str, Actor] = {}
        self.people_by_name: dict[str, Any] = {}
        self.store: Any = None
        self.people()
        self.machines()
        self.services()
        self.rules()
        company_past.before(self)
        company_data.before(self)
        self.releases()
        self.upkeep()
        self.ride()
        self.spread()
        rights(self)
        company_data.after(self)
        company_past.after(self)

    def people(self) -> None:
        from xqplatform.accounts.actor import Actor
        from xqplatform.accounts.services import create_person, create_team

        for slug, title in TEAMS.items():
            self.teams[slug] = create_team(self.admin, slug, title)
        for username, name, role, team in PEOPLE:
            teams: dict[int, list[str]] = {self.teams[team].pk: []} if team else {}
            person = create_person(self.admin, username, PASSWORD, role=role, display_name=name, teams=teams)
            self.people_by_name[username] = person
            self.actors[username] = Actor.person(person, via="page")

    def machines(self) -> None:
        from builds.services.registries import save_registry
        from containers.models import Environment, Guardrails
        from containers.services.catalog import ensure_defaults
        from hosts.models import Host
        from hosts.services.machines import create_host, save_group
        from hosts.services.segments import create_segment

        sre = self.actors["gaolei"]
        room = {"slug": "room-a", "title": "Room A, Beijing", "kind": "room"}
        save_group(sre, room | {"overcommit_cpus": 3, "reserve_memory": 2 << 30})
        save_group(sre, {"slug": "cloud-b", "title": "Cloud B", "kind": "cloud", "overcommit_cpus": 2})
        hosts = []
        for name, host in zip(HOSTS, self.fleet.hosts, strict=True):
            data = {"name": name, "connection": "tcp", "address": f"{host.address}:2376", "role_run": True}
            data |= {"ca": host.ca, "certificate": host.cert, "key": host.key, "group": name[:-3]}
            hosts.append(create_host(sre, data | {"role_build": name == HOSTS[1]}))
        registry = {"name": "main", "address": self.fleet.registry.address, "ca": self.fleet.registry.ca}
        save_registry(sre, None, registry | {"default": True})
        segment = self.fleet.segment
        base = segment.gateway.rpartition(".")[0]
        data = {"slug": "room-a", "title": "Services, Room A", "cidr": segment.cidr, "gateway": segment.gateway}
        data |= {"pool": f"{base}.100-{base}.179", "reserved": f"{base}.150-{base}.155", "bridge": segment.bridge}
        data |= {"dns": f"{base}.2 {base}.3", "search": "."}
        made = create_segment(sre, data | {"hosts": [h.pk for h in hosts]})
        ensure_defaults()
        Environment.objects.update(segment=made)
        # Some of its releases go straight into production, one of them to fail there.
        Guardrails.objects.create(environment=Environment.objects.get(slug="production"))
        wait_for(lambda: Host.objects.filter(state__in=["ready", "degraded"]).count() == len(hosts))

    def services(self) -> None:
        from containers.services.catalog import change_place, create_service
        from containers.services.settings import save_config

        for slug, title, team, wanted, before in SERVICES:
            self.commit(slug, "First version")
            data = {"slug": slug, "title": title, "team": self.teams[team].pk, "instances": wanted}
            data |= {"repository": str(self.folder / slug), "default_branch": "prod"}
            service = create_service(self.admin, data | {"environments": ["pre-release", "production"]})
            for place in service.places.all():
                config = CONFIG | ({"persist": True, "persist_in": "folder"} if slug == "stock-quote" else {})
                save_config(self.developer(team), place, config, "as measured in spring")
                if slug == LONGEST:
                    change_place(self.actors["gaolei"], place, {"placement": {"pack": True}})
                if place.environment.slug == "pre-release":
                    type(place).objects.filter(pk=place.pk).update(wanted=before)

    def spread(self) -> None:
        """What was packed on one host may stand on any: there is something to even out."""
        from containers.models import ServiceEnvironment
        from containers.services.catalog import change_place

        place = ServiceEnvironment.objects.get(service__slug=LONGEST, environment__slug="production")
        change_place(self.actors["gaolei"], place, {"placement": {}})

    def developer(self, team: str) -> Any:
        return self.actors["wangfang" if team == "quotes" else "lixiang"]

    def commit(self, slug: str, message: str, start: str = "") -> None:
        """A commit on the branch `prod` of the service's repository."""
        from dulwich.refs import Ref
        from dulwich.repo import Repo

        from builds import sample

        sample._REF = Ref(b"refs/heads/prod")
        path = self.folder / slug
        good = sample.START
        sample.START = start or good
        try:
            with Repo(str(path)) if path.exists() else Repo.init_bare(str(path), mkdir=True) as repo:
                head = repo.refs[sample._REF] if sample._REF in repo.refs else None  # noqa: SIM401
                number = sum(1 for _ in repo.get_walker(include=[head])) + 1 if head else 1
                sample._commit(repo, str(number), sample.static_busybox(), message, head)
        finally:
            sample.START = good

    def build(self, slug: str) -> Any:
        """Builds the newest commit; the image."""
        from builds.models import Build
        from builds.services.builds import start_build
        from containers.models import Service

        service = Service.objects.get(slug=slug)
        row = start_build(self.developer(service.team.slug), service.project, "prod")
        wait_for(lambda: Build.objects.get(pk=row.pk).state not in Build.ACTIVE)
        row.refresh_from_db()
        if row.state != "succeeded":
            raise RuntimeError(f"Build #{row.pk} {row.state}: {row.reason}")
        return row.image

    def release(self, slug: str, environment: str, image: Any, reason: str, wait: bool = True, **policy: Any) -> Any:
        from containers.models import Deployment, ServiceEnvironment
        from containers.services.releases import deploy

        place = ServiceEnvironment.objects.get(service__slug=slug, environment__slug=environment)
        actor = self.developer(place.service.team.slug)
        how = {"batch": 2, "deadline": 60, "on_failure": "rollback", **policy}
        row = deploy(actor, place, image, policy=how, reason=reason)
        if wait:
            wait_for(lambda: Deployment.objects.get(pk=row.pk).state in Deployment.TERMINAL)
        return row

    def releases(self) -> None:
        from containers.models import ServiceEnvironment
        from containers.services.releases import scale

        for slug, *_ in SERVICES:
            image = self.build(slug)
            self.release(slug, "pre-release", image, "first release")
            self.release(slug, "production", image, "first release")
        self.commit("snow", "Timeline: fetch the avatars in one query")
        second = self.build("snow")
        self.release("snow", "pre-release", second, "avatars in one query")
        self.release("snow", "production", second, "avatars in one query")
        self.commit("snow", "Timeline: read the password from the vault", BROKEN)
        self.failed = self.release("snow", "production", self.build("snow"), "password from the vault")
        self.commit("snow", "Timeline: read the password from the vault, with a default")
        self.newest = self.build("snow")
        place = ServiceEnvironment.objects.get(service__slug=LONGEST, environment__slug="production")
        scale(self.actors["gaolei"], place, 3, "end of the quarter")
        self.commit("stock-quote", "Quote cache: keep the last price over the lunch break")
        self.running = self.release(
            "stock-quote", "production", self.build("stock-quote"), "last price over lunch", False, batch=1, pause=45
        )
        self.switching = self.release(
            "snow", "pre-release", self.newest, "a default for the password", False, batch=1, strategy="blue-green"
        )
        self.stop_one()
        wait_for(lambda: self.switching.steps.filter(state="done").count() == 2)
        wait_for(lambda: self.running.steps.filter(state="done").count() >= 2)

    def ride(self) -> None:
        """A train over two services: first where it is tried out, then in production."""
        from containers.models import ServiceEnvironment
        from containers.trains import services as trains
        from containers.trains.services import Wanted

        def car(stage: int, slug: str, environment: str, **policy: Any) -> Wanted:
            place = ServiceEnvironment.objects.get(service__slug=slug, environment__slug=environment)
            return Wanted(stage, place, policy={"batch": 1, "deadline": 60, "on_failure": "rollback", **policy})

        actor = self.actors["wangfang"]
        cars = [
            car(1, LONGEST, "pre-release"),
            car(1, "stock-quote", "pre-release"),
            car(2, LONGEST, "production", pause=45),
        ]
        self.train = trains.save(actor, cars, name="Quotes: prices over lunch", reason="asked for by the desk")
        trains.begin(actor, self.train)
        wait_for(lambda: self.train.cars.filter(stage=2, deployment__isnull=False).exists())

    def rules(self) -> None:
        """Guardrails of an environment into which nothing of the company goes just now."""
        from datetime import time

        from containers.guardrails.calendars import save_calendar
        from containers.guardrails.services import add_freeze, save_rules
        from containers.models import Calendar, Environment

        sre, grey = self.actors["gaolei"], Environment.objects.get(slug="grey")
        rules = {"proof": True, "proof_from": ["pre-release"], "proof_minutes": 30, "proof_instances": 2}
        rules |= {"reason": True, "ticket": "OPS-#", "most_share": 25, "approvals": 1, "approvals_role": "sre"}
        save_rules(sre, grey, rules, "what the trading desk asked for")
        market = save_calendar(sre, None, {"market": "XSHG"})
        wait_for(lambda: Calendar.objects.get(pk=market.pk).computed is not None)
        add_freeze(sre, grey, {"kind": "market", "calendar": market.slug, "before": 15, "after": 15, "lunch": False})
        weekly = {"days": [4], "start": time(17), "end": time(23, 59), "zone": "Asia/Shanghai"}
        add_freeze(sre, grey, {"kind": "weekly", "reason": "Nobody is called out of the weekend", **weekly})

    def stop_one(self, name: str = "snow") -> None:
        """Somebody stops a container by hand: drift."""
        host = self.fleet.hosts[0]
        client = host.local_client()
        found = client.containers(filters={"label": [f"xq.service={name}", "xq.environment=production"]})
        if found:
            client.stop(found[0]["Id"], timeout=1)

    def upkeep(self) -> None:
        """What an SRE does on machines: SSH access for two of three, a command, a check put right, another one waived."""
        from datetime import date, timedelta

        from containers.models import Instance
        from hosts.models import Host, HostCommand, HostGroup, HostOperation
        from hosts.services import commands, conformance, ssh_access, upkeep

        sre, rows = self.actors["gaolei"], [Host.objects.get(name=name) for name in HOSTS[:2]]
        for row, host in zip(rows, self.fleet.hosts, strict=False):
            host.ssh.access(row)
            ssh_access.test_access(sre, row)
            conformance.check(sre, row)
        first = rows[0]
        wait_for(lambda: conformance.preview_fix(first, "bridge_nf") is not None)
        group = HostGroup.objects.get(slug="room-a")
        until = date.today() + timedelta(days=60)
        conformance.waive(
            sre, group, "netfilter_modules", "Built into this kernel; the next one comes with the new rack", until
        )
        for start in (
            lambda: commands.run_command(sre, HostCommand.objects.get(name="df"), [first], {})[0][0],
            lambda: upkeep.start(sre, first, "daemon.read", {}),
            lambda: conformance.apply_fix(sre, first, "bridge_nf", "frames between the rooms got lost"),
        ):
            operation = start()
            wait_for(lambda pk=operation.pk: HostOperation.objects.get(pk=pk).state not in HostOperation.ACTIVE)  # type: ignore[misc]
        self.fixed = operation
        found = Instance.objects.filter(place__service__slug="stock-quote", place__environment__slug="production")
        self.instance = found.order_by("number")[0]
