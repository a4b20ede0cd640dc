"""Data around a release: kept once before the new container starts, put back once where that is wanted."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from containers import holds
from containers.ending import StepFailed
from containers.keeping import scheduling, sweeping
from containers.keeping.models import Restore, Snapshot
from containers.keeping.policies import save_policy
from containers.keeping.releasing import Keeper
from containers.models import Container, Instance, Step
from containers.plan import Policy
from containers.services import steering
from containers.services.planning import plan_for
from hosts.engine import EngineError
from tests.factories import make_deployment, make_image, make_step
from tests.keeping.played import Pool, dies, fails
from xqplatform.audit.models import Event
from xqplatform.errors import Denied

pytestmark = pytest.mark.django_db(transaction=True)
KEEPER = Keeper()


def go_on() -> None:
    pass


@pytest.fixture
def step(instance: Instance) -> Step:
    release = make_deployment(instance.place, "running", image=make_image(instance.place.service.project))
    return make_step(release, instance, "stopping", old_image=instance.place.current_image, image=release.image)


@pytest.fixture
def old(instance: Instance) -> list[str]:
    return list(Container.objects.filter(instance=instance).values_list("engine_id", flat=True))


def save(step: Step, old: list[str]) -> Snapshot:
    KEEPER.save(step, old, go_on)
    return Snapshot.objects.order_by("-pk")[0]


def test_one_before_each_replace_of_a_stateful_instance_that_has_snapshots(step: Step, actor_sre: Any) -> None:
    assert KEEPER.wants(step)
    assert any(isinstance(one, Keeper) for one in holds.KEEPERS)
    step.action = "restart"
    assert not KEEPER.wants(step)
    step.action = "replace"
    step.instance.host.runtime = "docker"
    assert not KEEPER.wants(step)
    step.instance.host.runtime = "lxd"
    save_policy(actor_sre, step.instance.place, {"release": False})
    assert not KEEPER.wants(step)


def test_it_is_taken_once_a_release_and_says_what_ran(step: Step, old: list[str], pool: Pool) -> None:
    row = save(step, old)
    assert (row.state, row.why, row.deployment) == ("ready", "release", step.deployment)
    assert step.old_image is not None
    assert row.manifest["tag"] == step.old_image.tag
    pool.data["xq-vol-store-1"] = "of the new version"
    assert save(step, old) == row  # a further try: what it wrote is not what was before
    assert pool.kept["xq-vol-store-1"] == {row.label: "one"}


def test_whoever_comes_after_a_death_takes_it_anew(step: Step, old: list[str], pool: Pool) -> None:
    pool.wrong["take"] = dies
    with pytest.raises(SystemExit):
        save(step, old)
    pool.wrong.clear()
    sweeping.sweep()
    assert Snapshot.objects.get().state == "taking"  # the release goes on with it
    row = save(step, old)
    assert (row.state, Snapshot.objects.count(), pool.still) == ("ready", 1, set())


def test_where_it_cannot_be_taken_nothing_new_starts(step: Step, old: list[str], pool: Pool) -> None:
    pool.wrong["take"] = fails("no_space", "The disk of store-1 is full")
    with pytest.raises(StepFailed, match="No snapshot before the release: The disk of store-1 is full"):
        save(step, old)
    assert Snapshot.objects.get().state == "failed"
    pool.wrong["take"] = fails("unreachable", "away")
    with pytest.raises(EngineError):
        save(step, old)  # it is tried again as long as the release is patient
    pool.wrong.clear()
    assert save(step, old).state == "ready"
    assert pool.still == set()


def test_the_data_stays_unless_somebody_or_the_policy_says_otherwise(
    step: Step, old: list[str], pool: Pool, actor_sre: Any
) -> None:
    save(step, old)
    assert not KEEPER.goes_back(step)
    save_policy(actor_sre, step.instance.place, {"back": True})
    assert KEEPER.goes_back(step)
    steering.rollback(actor_sre, step.deployment, data_back=False)
    assert not KEEPER.goes_back(step)
    assert Event.objects.get(action="deployment.rollback").after == {"data is put back": False}


def test_it_is_put_back_once_and_what_was_written_since_is_kept(
    step: Step, old: list[str], pool: Pool, actor_sre: Any
) -> None:
    before = save(step, old)
    pool.data["xq-vol-store-1"] = "of the new version"
    steering.rollback(actor_sre, step.deployment, data_back=True)
    pool.wrong["put_back"] = dies
    with pytest.raises(SystemExit):
        KEEPER.put_back(step, go_on)
    pool.wrong.clear()
    assert KEEPER.goes_back(step)
    KEEPER.put_back(step, go_on)
    assert pool.data["xq-vol-store-1"] == "one"
    row = Restore.objects.get()
    assert row.safety is not None
    assert pool.kept["xq-vol-store-1"] == {before.label: "one", row.safety.label: "of the new version"}
    pool.data["xq-vol-store-1"] = "of the old version again"
    assert not KEEPER.goes_back(step)  # a death after that begins the way back anew: the data stays
    scheduling.tidy()
    assert Snapshot.objects.filter(state="ready").count() == 2


def test_a_pool_without_room_for_what_was_written_since_keeps_nobody_from_going_back(
    step: Step, old: list[str], pool: Pool, actor_sre: Any
) -> None:
    save(step, old)
    steering.rollback(actor_sre, step.deployment, data_back=True)
    pool.wrong["take"] = fails("no_space", "full")
    pool.data["xq-vol-store-1"] = "of the new version"
    KEEPER.put_back(step, go_on)
    assert pool.data["xq-vol-store-1"] == "one"
    assert Restore.objects.get().safety is None


def test_where_only_the_newest_is_put_back_it_stays_the_newest(
    step: Step, old: list[str], pool: Pool, actor_sre: Any
) -> None:
    before = save(step, old)
    steering.rollback(actor_sre, step.deployment, data_back=True)
    pool.newest, pool.data["xq-vol-store-1"] = True, "of the new version"
    KEEPER.put_back(step, go_on)
    assert (pool.data["xq-vol-store-1"], list(pool.kept["xq-vol-store-1"])) == ("one", [before.label])
    assert Restore.objects.get().safety is None


def test_who_may_not_put_data_back_may_still_roll_back(
    step: Step, old: list[str], monkeypatch: Any, actor_dev: Any
) -> None:
    from xqplatform.accounts.roles import builtin

    save(step, old)
    held = [
        one.__class__(one.role, one.rights - {"data.restore"}, one.scope, member=one.member) for one in actor_dev.held
    ]
    monkeypatch.setitem(actor_dev.__dict__, "held", tuple(held))
    with pytest.raises(Denied):
        steering.rollback(actor_dev, step.deployment, data_back=True)
    assert steering.rollback(actor_dev, step.deployment).asked == "rollback"
    assert "data.restore" in builtin.DEVELOPER


def test_the_plan_and_the_release_s_page_tell(
    step: Step, old: list[str], client: Client, developer: Any, actor_sre: Any
) -> None:
    place = step.instance.place
    row = save(step, old)
    client.force_login(developer)
    page = client.get(f"/releases/{step.deployment.pk}/").content.decode()
    assert row.label in page
    assert "what was written since then is lost" in page
    assert client.post(f"/releases/{step.deployment.pk}/rollback/", {"data_back": "1"}).status_code == 302
    step.deployment.refresh_from_db()
    assert (step.deployment.asked, step.deployment.data_back) == ("rollback", True)
    type(step.deployment).objects.update(state="rolled_back")

    def told() -> str:
        plan = plan_for(place, "deploy", policy=Policy(), image=place.current_image, config=place.config, wanted=1)
        return " ".join(plan.warnings)

    assert "leaves the data as it is" in told()
    save_policy(actor_sre, place, {"back": True})
    assert "puts it back" in told()
    save_policy(actor_sre, place, {"release": False})
    assert "No snapshot" in told()
