"""Trains over rows: each car is an ordinary release, with all that one has to pass."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from builds import guards
from containers.models import Deployment, Guardrails, Train
from containers.services import beginning, releases, waiting
from containers.trains import running, services
from containers.trains.rows import cars_of
from containers.trains.services import Wanted
from tests import factories
from tests.trains.conftest import Line
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.models import Membership
from xqplatform.audit.models import Event
from xqplatform.errors import Denied, Refused

pytestmark = pytest.mark.django_db


def test_stage_after_stage_to_its_end(line: Line) -> None:
    train = line.begin(1, 1, 2)
    assert line.states(train) == ["running", "running", "new"]
    line.end(train, 0)
    assert line.states(train) == ["good", "running", "new"], "the second stage waits for all of the first"
    line.end(train, 1)
    assert line.states(train) == ["good", "good", "running"]
    line.end(train, 2)
    assert (train.state, train.finished is not None) == ("succeeded", True)
    assert [line.place(n).current_image_id for n in range(3)] == [image.pk for image in line.images]
    row = line.release(train, 2)
    assert row.created_name == line.actor.name
    assert f"#{train.pk}" in row.reason
    assert [e.action for e in Event.objects.filter(object_type="containers.train").order_by("pk")] == [
        "train.create",
        "train.begin",
        "train.finish",
    ]


def test_it_tells_its_train_when_a_release_ends(
    line: Line, enqueued: Any, django_capture_on_commit_callbacks: Any
) -> None:
    train = line.begin(1, 2)
    with django_capture_on_commit_callbacks(execute=True):
        line.finish(line.release(train, 0))
    assert ("containers.tasks.advance_train", (train.pk,)) in [(name, tuple(args)) for name, args, *_ in enqueued]


def test_a_look_again_does_nothing_twice(line: Line) -> None:
    train = line.begin(1, 1, 2)
    assert running.advance(train.pk) == 0
    assert Deployment.objects.count() == 2


def test_a_failed_release_stops_the_train(line: Line) -> None:
    train = line.begin(1, 1, 2)
    line.end(train, 0, "failed")
    assert train.state == "stopping"
    assert "ant/production" in train.why
    line.end(train, 1)
    assert train.state == "failed"
    assert line.states(train) == ["bad", "good", "new"]
    assert line.place(1).current_image == line.images[1], "what was under way was finished, and stays"


def test_a_failed_release_has_its_stage_rolled_back(line: Line) -> None:
    before = [line.place(n).current_image for n in range(3)]
    train = line.begin(1, 2, 2, on_failure="rollback")
    line.end(train, 0)
    line.end(train, 1)
    line.end(train, 2, "rolled_back")
    assert train.state == "rolling_back"
    back = cars_of(train)[1].back
    assert back is not None
    assert (back.image, back.config) == (before[1], line.place(1).current_config)
    back.refresh_from_db()
    assert back.state in Deployment.ACTIVE
    line.finish(back)
    line.go(train)
    assert train.state == "rolled_back"
    assert line.place(0).current_image == line.images[0], "earlier stages stay"
    assert line.place(1).current_image == before[1]


def test_a_release_under_way_of_a_stage_that_goes_back_is_rolled_back_itself(line: Line) -> None:
    train = line.begin(1, 1, on_failure="rollback")
    line.end(train, 0, "failed")
    assert line.release(train, 1).asked == "rollback"
    line.finish(line.release(train, 1), "rolled_back")
    back = cars_of(train)[0].back
    assert back is not None, "what ended on the way left something new"
    line.go(train)
    line.finish(Deployment.objects.get(pk=back.pk))
    line.go(train)
    assert train.state == "rolled_back"


def test_what_somebody_released_since_is_not_brought_back(line: Line) -> None:
    train = line.begin(1, 1, on_failure="rollback")
    line.end(train, 0)
    other = releases.deploy(line.actor, line.place(0), factories.make_image(line.places[0].service.project))
    Deployment.objects.filter(pk=other.pk).update(started=timezone.now())
    line.end(train, 1, "rolled_back")
    assert train.state == "failed"
    assert f"#{other.pk}" in train.why


def test_what_somebody_is_about_to_release_is_not_brought_back_behind_it(line: Line) -> None:
    train = line.begin(1, 1, on_failure="rollback")
    other = waiting.wait(line.actor, line.place(0), factories.make_image(line.places[0].service.project))
    line.finish(line.release(train, 0))
    line.end(train, 1, "rolled_back")
    assert train.state == "failed"
    assert f"#{other.pk}" in train.why


def test_an_image_that_it_is_about_to_release_is_not_discarded(line: Line) -> None:
    train = line.begin(1, 2)
    reason = guards.reason_to_keep(line.images[1])
    assert reason is not None
    assert train.name in reason
    services.abort(line.actor, train)
    line.end(train, 0)
    assert guards.reason_to_keep(line.images[1]) is None


def test_it_may_go_on_without_the_failed_one(line: Line) -> None:
    train = line.begin(1, 2, on_failure="go_on")
    line.end(train, 0, "failed")
    assert line.states(train) == ["bad", "running"]
    line.end(train, 1)
    assert train.state == "failed"


def test_a_release_that_is_refused_has_failed_with_the_reason(line: Line) -> None:
    train = line.save(1, 2)
    Guardrails.objects.filter(environment=line.places[0].environment).update(ticket="OPS-#")
    services.begin(line.actor, train)
    line.go(train)
    assert train.state == "failed"
    assert "OPS-" in train.why
    assert line.states(train) == ["bad", "new"]


def test_it_waits_behind_what_is_under_way_and_for_a_freeze(line: Line) -> None:
    other = releases.deploy(line.actor, line.place(0), line.images[0])
    train = line.begin(1)
    assert line.release(train, 0).state == "waiting", "the queue of its place is never passed by"
    now = timezone.now()
    freeze = line.places[0].environment.freezes.create(
        kind="once", reason="audit", starts=now - timedelta(hours=1), ends=now + timedelta(hours=1)
    )
    line.finish(other)
    line.go(train)
    assert line.release(train, 0).state == "waiting"
    freeze.delete()
    line.go(train)
    assert line.release(train, 0).state == "queued"


def test_the_approvals_of_its_releases_are_asked_for(line: Line) -> None:
    Guardrails.objects.filter(environment=line.places[0].environment).update(approvals=1)
    train = line.begin(1)
    assert line.release(train, 0).state == "waiting"
    assert line.states(train) == ["queued"]


def test_production_waits_until_the_stage_before_has_proved_its_image(team: Any, actor_dev: Actor) -> None:
    """Pre-release first, then production, which asks for ten minutes there: only time stands between them."""
    project = factories.make_running_place("ant", "production", 1, team=team)
    first = factories.make_place(project.service, "pre-release", wanted=1)
    host = project.instances.get().host
    image = factories.make_image(project.service.project)
    rules = Guardrails.objects.get(environment=project.environment)
    rules.proof, rules.proof_minutes = True, 10
    rules.save()
    rules.proof_from.add(first.environment)
    began = timezone.now()
    factories.make_container(factories.make_instance(first, host), image, started=began, healthy=began)
    train = services.save(actor_dev, [Wanted(1, project, image)], name="x")
    services.begin(actor_dev, train)
    running.advance(train.pk)
    beginning.begin(project.pk)
    row = cars_of(train)[0].deployment
    assert row is not None
    assert row.state == "waiting"
    assert row.held_until is not None
    assert abs((row.held_until - began).total_seconds() - 600) < 5


def test_paused_nothing_begins_not_even_what_waits_in_a_queue(line: Line) -> None:
    other = releases.deploy(line.actor, line.place(0), line.images[0])
    train = line.begin(1, 1, 2)
    services.pause(line.actor, train)
    line.finish(other)
    line.end(train, 1)
    assert line.states(train) == ["queued", "good", "new"]
    assert "paused" in line.release(train, 0).held_why
    services.proceed(line.actor, train)
    line.go(train)
    assert line.states(train) == ["running", "good", "new"]
    assert line.release(train, 0).held_why == ""


def test_aborted_what_waits_never_begins_and_what_runs_ends_by_itself(line: Line) -> None:
    other = releases.deploy(line.actor, line.place(0), line.images[0])
    train = line.begin(1, 1, 2)
    services.abort(line.actor, train, "wrong day")
    line.go(train)
    assert (line.release(train, 0).state, line.release(train, 1).state) == ("cancelled", "queued")
    assert train.state == "stopping"
    line.end(train, 1)
    assert train.state == "cancelled"
    assert "wrong day" in train.why
    other.refresh_from_db()
    assert other.state == "queued", "what is not the train's is left alone"


def test_aborted_with_the_way_back(line: Line) -> None:
    before = line.place(0).current_image
    train = line.begin(1, 2)
    line.end(train, 0)
    services.rollback(line.actor, train)
    line.go(train)
    assert line.release(train, 1).asked == "rollback"
    services.abort(line.actor, train)  # and then the way back, too
    line.finish(line.release(train, 1), "rolled_back")
    line.go(train)
    assert train.state == "cancelled"
    assert line.place(0).current_image == line.images[0] != before


def test_the_newest_image_is_settled_when_it_begins(line: Line) -> None:
    train = line.save(1, 2)
    mark = services.mark_of(cars_of(train))
    newer = factories.make_image(line.places[1].service.project)
    with pytest.raises(Refused):
        services.begin(line.actor, train, mark)
    services.begin(line.actor, train, services.mark_of(cars_of(train)))
    latest = factories.make_image(line.places[1].service.project)
    assert [car.image_id for car in cars_of(train)] == [line.images[0].pk, newer.pk]
    assert latest.pk != newer.pk


def test_who_may_not_release_all_of_them_may_nothing(line: Line, actor_manager: Actor, sre: Any) -> None:
    train = line.save(1, 2)
    with pytest.raises(Denied):
        services.begin(actor_manager, train)
    strange = factories.make_running_place("dog", "production", 1, team=factories.make_team("rain"))
    with pytest.raises(Denied):
        services.save(line.actor, [Wanted(1, line.places[0]), Wanted(1, strange)], name="x")
    assert Event.objects.filter(denied=True, action="service.deploy").count() == 2


def test_a_right_that_is_lost_on_the_way_ends_it(line: Line) -> None:
    train = line.begin(1, 2)
    Membership.objects.filter(user=line.actor.user).delete()
    line.end(train, 0)
    assert train.state == "failed"
    assert line.states(train) == ["good", "bad"]


def test_who_began_it_left_the_company(line: Line) -> None:
    train = line.begin(1, 2)
    Train.objects.filter(pk=train.pk).update(begun_by=None)
    line.end(train, 0)
    assert train.state == "failed"
    assert line.actor.name in train.why


def test_a_release_that_somebody_cancels_in_its_queue_has_failed(line: Line) -> None:
    releases.deploy(line.actor, line.place(0), line.images[0])
    train = line.begin(1, 2)
    waiting.cancel(line.actor, line.release(train, 0))
    line.go(train)
    assert train.state == "failed"


def test_clicks_that_come_too_late_are_refused(line: Line) -> None:
    train = line.begin(1)
    line.end(train, 0)
    for verb in (services.pause, services.proceed, services.abort, services.rollback):
        with pytest.raises(Refused):
            verb(line.actor, train)
    with pytest.raises(Refused):
        services.begin(line.actor, train)
    with pytest.raises(Refused):
        services.save(line.actor, [Wanted(1, line.places[0])], train=train, name="x")


def test_a_template_is_run_again(line: Line) -> None:
    train = line.save(2, 1, 2)
    row = services.save_template(line.actor, train, "weekly")
    assert [(place, car["stage"]) for place, car in services.template_cars(row)] == [
        (line.places[1], 1),
        (line.places[0], 2),
        (line.places[2], 2),
    ]
    assert services.save_template(line.actor, line.save(1), "weekly").pk == row.pk
    row.refresh_from_db()
    assert len(row.content["cars"]) == 1
    services.remove_template(line.actor, row)


@pytest.mark.parametrize(
    ("cars", "fields", "field"),
    [
        ([], {}, "cars"),
        ([(0, 0)], {}, "cars"),
        ([(21, 0)], {}, "cars"),
        ([(1, 0), (1, 0)], {}, "cars"),
        ([(1, 0)], {"name": " "}, "name"),
        ([(1, 0)], {"name": "a\0b"}, "name"),
        ([(1, 0)], {"on_failure": "explode"}, "on_failure"),
    ],
)
def test_what_makes_no_sense_is_refused_at_its_field(line: Line, cars: Any, fields: Any, field: str) -> None:
    wanted = [Wanted(stage, line.places[at]) for stage, at in cars]
    with pytest.raises(Refused) as refused:
        services.save(line.actor, wanted, **{"name": "x", **fields})
    assert refused.value.field == field
    assert not Train.objects.exists()
