"""Waves of a base image: what stands on it, what is built in which order, and what became of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st

from builds.models import Blueprint, Build, Image, Project, Wave
from builds.services import waves
from builds.services.reached import places_of
from builds.services.standing import family_of, in_use, standing_on
from builds.waving import Item, decide
from containers.models import Train
from containers.trains import of_wave, services
from containers.trains.rows import cars_of
from tests import factories
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.models import Token, User
from xqplatform.audit.models import Event
from xqplatform.errors import Denied, Refused


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_it_always_ends_and_builds_parents_first(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 7))
    after = [data.draw(st.one_of(st.none(), st.integers(1, n))) if n else None for n in range(count)]
    items = {n + 1: Item(n + 1, after[n]) for n in range(count)}
    state = "building"
    for _n in range(200):
        action = decide(state, list(items.values()))
        if action is None:
            open_ = [pk for pk, item in items.items() if item.build == "open"]
            if state not in {"building", "stopping"}:
                break
            assert open_, "it waits for nothing"
            if state == "building" and data.draw(st.integers(0, 9)) == 0:
                state = "stopping"
            else:
                pk = data.draw(st.sampled_from(open_))
                items[pk] = Item(pk, items[pk].after, data.draw(st.sampled_from(["good", "good", "bad"])))
        elif action.kind == "end":
            state = action.state
        else:
            item = items[action.item]
            assert item.build == "new", "nothing is built twice"
            if action.kind == "build":
                assert state == "building"
                assert item.after is None or items[item.after].build == "good"
            items[item.pk] = Item(item.pk, item.after, "open" if action.kind == "build" else "left")
    assert state in {"succeeded", "failed", "cancelled"}
    assert all(item.build in {"good", "bad", "left"} for item in items.values())
    assert (state == "succeeded") == all(item.build == "good" for item in items.values())


class Tree:
    """java8 ← resin ← the project «ant», which runs in two environments; «bee» stands on java8 itself and runs nowhere."""

    def __init__(self, team: Any) -> None:
        self.java = Blueprint.objects.create(name="java8", base=True, parent_reference="debian:12")
        self.resin = Blueprint.objects.create(name="resin", base=True, parent=self.java)
        self.other = Blueprint.objects.create(name="node", base=True, parent_reference="debian:12")
        self.old = self.base(self.java)
        self.mid = self.base(self.resin, self.old)
        self.production = factories.make_running_place("ant", "production", 2, team=team)
        self.grey = factories.make_place(self.production.service, "grey")
        self.ant = self.stand_on(self.production.current_image, self.mid)
        host = self.production.instances.first().host
        factories.make_container(factories.make_instance(self.grey, host), self.ant)
        bee = factories.make_place(factories.make_service("bee", team))
        self.bee = self.stand_on(factories.make_image(bee.service.project), self.old)
        strange = factories.make_running_place("cat", "production", 1, team=team)
        self.stand_on(strange.current_image, self.base(self.other))
        self.started: list[tuple[str, str]] = []

    def base(self, blueprint: Blueprint, parent: Image | None = None) -> Image:
        digest = f"sha256:{blueprint.name}{blueprint.images.count()}"
        return Image.objects.create(
            blueprint=blueprint, parent=parent, repository=blueprint.name, tag=digest, digest=digest, image_id=digest
        )

    def stand_on(self, image: Image | None, base: Image) -> Image:
        assert image is not None
        image.parent, image.base = base, str(base.blueprint)
        image.save()
        return image

    def start(self, actor: Actor, project: Project, branch: str, revision: str, *, again: bool) -> Build:
        assert again
        self.started.append((project.name, revision))
        return factories.make_build(project, "queued", branch, revision=revision or "f" * 40, started=None)

    def finish(self, wave: Wave, name: str, state: str = "succeeded") -> Image | None:
        """As if the build of this item had ended."""
        item = next(one for one in waves.items_of(wave) if str(one) == name)
        assert item.build is not None
        Build.objects.filter(pk=item.build.pk).update(state=state)
        made = None
        if state == "succeeded":
            digest = f"sha256:new-{item.pk}"
            made = Image.objects.create(
                blueprint=item.blueprint, project=item.project, build=item.build, repository=name, tag=f"new-{item.pk}",
                digest=digest, image_id=digest, branch=item.branch, revision=item.revision,
            )  # fmt: skip
        waves.advance(wave.pk)
        wave.refresh_from_db()
        return made

    def states(self, wave: Wave) -> dict[str, str]:
        return {str(item): waves.standing_of(item) for item in waves.items_of(wave)}


@pytest.fixture
def tree(team: Any, monkeypatch: pytest.MonkeyPatch) -> Tree:
    made = Tree(team)
    monkeypatch.setattr(waves, "start_build", made.start)
    return made


def begin(tree: Tree, actor: Actor, **fields: Any) -> Wave:
    wave = waves.start_wave(actor, tree.java, **fields)
    waves.advance(wave.pk)
    return wave


def test_what_stands_on_it_and_on_which_digest(tree: Tree) -> None:
    rows = standing_on(family_of(tree.java))
    assert {(str(row.image.project), row.base.pk, row.newest) for row in rows} == {
        ("ant", tree.old.pk, True),
        ("bee", tree.old.pk, True),
    }
    tree.base(tree.java)
    (used,) = in_use(standing_on(family_of(tree.java)))
    assert not used.newest
    assert {(use.service, use.environment.slug, len(use.instances)) for use in used.uses} == {
        ("ant", "production", 2),
        ("ant", "grey", 1),
    }


def test_all_is_built_parents_first_at_the_commits_that_run(tree: Tree, actor_sre: Actor) -> None:
    wave = begin(tree, actor_sre)
    assert tree.states(wave) == {"java8": "open", "resin": "new", "ant": "new", "bee": "new"}
    tree.finish(wave, "java8")
    assert tree.states(wave) == {"java8": "good", "resin": "open", "ant": "new", "bee": "open"}
    tree.finish(wave, "resin")
    tree.finish(wave, "bee")
    tree.finish(wave, "ant")
    assert wave.state == "succeeded"
    assert tree.started == [("bee", tree.bee.revision), ("ant", tree.ant.revision)]
    assert waves.advance(wave.pk) == 0
    assert [e.action for e in Event.objects.filter(object_type="builds.wave").order_by("pk")] == [
        "wave.start",
        "wave.finish",
    ]


def test_what_a_failed_parent_means_and_a_further_try(tree: Tree, actor_sre: Actor) -> None:
    wave = begin(tree, actor_sre, with_root=False, source="newest")
    assert tree.states(wave) == {"resin": "open", "ant": "new", "bee": "open"}
    tree.finish(wave, "bee")
    tree.finish(wave, "resin", "failed")
    assert tree.states(wave) == {"resin": "bad", "ant": "left", "bee": "good"}
    assert wave.state == "failed"
    waves.retry_wave(actor_sre, wave)
    waves.advance(wave.pk)
    assert tree.states(wave) == {"resin": "open", "ant": "new", "bee": "good"}
    waves.stop_wave(actor_sre, wave)
    waves.advance(wave.pk)
    tree.finish(wave, "resin")
    assert (wave.state, tree.states(wave)["ant"]) == ("cancelled", "left")


@pytest.mark.parametrize("error", [Refused("The repository did not answer."), OSError("no space left")])
def test_a_build_that_cannot_begin_fails_alone(
    tree: Tree, actor_sre: Actor, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def away(*_args: Any, **_fields: Any) -> Build:
        raise error

    monkeypatch.setattr(waves, "start_build", away)
    wave = begin(tree, actor_sre, with_root=False)
    assert tree.states(wave) == {"resin": "open", "ant": "new", "bee": "bad"}


def test_a_build_that_began_before_its_base_was_there_is_not_taken_for_one_on_it(
    tree: Tree, actor_sre: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    wave = begin(tree, actor_sre)
    project = Project.objects.get(name="bee")
    pushed = factories.make_build(project, "running", "prod", started=timezone.now())
    with monkeypatch.context() as under_way:
        under_way.setattr(waves, "start_build", lambda *_args, **_fields: pushed)
        tree.finish(wave, "java8")
        assert tree.states(wave)["bee"] == "new"
    waves.advance(wave.pk)
    item = next(one for one in waves.items_of(wave) if str(one) == "bee")
    assert item.build not in {None, pushed}


def test_one_wave_at_a_time_and_by_right(tree: Tree, actor_sre: Actor, actor_dev: Actor) -> None:
    wave = begin(tree, actor_sre)
    with pytest.raises(Refused):
        begin(tree, actor_sre)
    for verb in (waves.stop_wave, waves.retry_wave):
        with pytest.raises(Denied):
            verb(actor_dev, wave)
    with pytest.raises(Refused):
        waves.retry_wave(actor_sre, wave)


def test_a_train_takes_along_what_was_built(
    tree: Tree, actor_sre: Actor, client: Client, sre: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    wave = begin(tree, actor_sre, with_root=False)
    tree.finish(wave, "bee")
    new = tree.finish(wave, "resin")
    assert of_wave.cars(wave) == [], "nothing of it that runs is built yet"
    image = tree.finish(wave, "ant")
    assert image is not None
    assert new is not None
    Image.objects.filter(pk=image.pk).update(parent=new)
    Image.objects.filter(pk=new.pk).update(parent=tree.old)
    taken = of_wave.cars(wave)
    assert [(car.stage, car.place.environment.slug, car.image) for car in taken] == [
        (1, "grey", image),
        (2, "production", image),
    ]
    assert {car.stage for car in of_wave.cars(wave, once=True)} == {1}

    client.force_login(sre)
    page = client.get(f"/images/waves/{wave.pk}/").content.decode()
    assert "3 still on the old base" in page
    with monkeypatch.context() as few:
        few.setattr(services, "MOST_CARS", 1)
        assert "Only the first 1 of 2" in client.get(f"/trains/new/?wave={wave.pk}").content.decode()
    form = client.get(f"/trains/new/?wave={wave.pk}")
    data = {f"{row.prefix}-{name}": row.initial.get(name, "") for row in form.context["rows"] for name in row.fields}
    answer = client.post("/trains/new/", data | {"name": "wave", "on_failure": "stop", "wave": wave.pk, "rows": 4})
    train = Train.objects.get(wave=wave)
    assert answer.url == f"/trains/{train.pk}/"
    assert [car.image for car in cars_of(train)] == [image, image]
    assert f"/trains/{train.pk}/" in client.get(f"/images/waves/{wave.pk}/").content.decode()

    # It is released in the first environment: the wave's page knows.
    factories.make_container(tree.grey.instances.get(), image)
    tree.grey.instances.get().containers.filter(image=tree.ant).update(ended=wave.created)
    found = {one.use.environment.slug: (one.state, one.count_old, one.count_new) for one in places_of(wave)}
    assert found == {"grey": ("succeeded", 0, 1), "production": ("pending", 2, 0)}


def test_pages_and_api(tree: Tree, client: Client, sre: User) -> None:
    client.force_login(sre)
    shown = client.get("/images/blueprints/java8/standing/").content.decode()
    assert "3 instances" in shown
    assert "Projects on it that run nowhere: bee" in shown
    assert client.post("/images/blueprints/java8/standing/", {"source": "guess"}).status_code == 400
    api = Client(headers={"Authorization": f"Bearer {Token.make(sre, 'test')[1]}"})
    told = api.get("/api/v1/blueprints/java8/standing").json()
    assert {one["base_digest"] for one in told} == {tree.old.digest}
    body = json.dumps({"with_root": False})
    made = api.post("/api/v1/blueprints/java8/waves", body, content_type="application/json")
    assert made.status_code == 202, made.content
    number = made.json()["id"]
    assert len(api.get(f"/api/v1/waves/{number}").json()["builds"]) == 3
    assert api.post(f"/api/v1/waves/{number}/stop", "{}", content_type="application/json").json()["state"] == "stopping"
    train = json.dumps({"name": "x", "wave": number})
    assert api.post("/api/v1/trains", train, content_type="application/json").status_code == 400, "nothing is built yet"
