"""The wizard, the release page's buttons, the run page's actions, and who may do them."""

from __future__ import annotations

from html import unescape
from typing import Any

import pytest

from containers.models import Deployment
from tests import factories
from xqplatform.audit.models import Event

RUN = "/services/snow/production/"
HOW = {
    "why": "lunch is over",
    "batch": "50%",
    "pause": "5",
    "order": "stop-first",
    "deadline": "30",
    "on_failure": "stop",
}


@pytest.fixture
def image(place: Any) -> Any:
    return factories.make_image(place.service.project)


def plan_of(client: Any, image: Any, **more: str) -> Any:
    return client.get(f"{RUN}deploy/", {"step": "3", "image": image.pk, **HOW, **more})


def test_three_steps_make_a_release(place: Any, image: Any, as_: Any) -> None:
    dan = as_("dan")
    first = dan.get(f"{RUN}deploy/")
    assert first.context["chosen"] == image
    second = dan.get(f"{RUN}deploy/", {"step": "2", "image": image.pk})
    assert second.context["step"] == 2
    third = plan_of(dan, image)
    assert len(third.context["plan"].entries) == 4
    answer = dan.post(f"{RUN}deploy/", {"image": image.pk, "mark": third.context["mark"], **HOW})
    row = Deployment.objects.get()
    assert answer["Location"] == f"/releases/{row.pk}/"
    assert (row.image, row.reason, row.created_name) == (image, "lunch is over", "dan")
    assert {k: row.policy[k] for k in ("batch", "pause", "deadline", "on_failure")} == {
        "batch": "50%",
        "pause": 5,
        "deadline": 30,
        "on_failure": "stop",
    }
    assert dan.get(answer["Location"]).status_code == 200


def test_going_back_keeps_what_was_typed(place: Any, image: Any, sara: Any) -> None:
    second = sara.get(f"{RUN}deploy/", {"step": "2", "image": image.pk, **HOW})
    assert second.context["form"]["why"].value() == "lunch is over"
    assert second.context["form"]["batch"].value() == "50%"
    first = sara.get(f"{RUN}deploy/", {"step": "1", "image": image.pk, **HOW})
    assert first.context["chosen"] == image
    assert first.context["keep"]["why"] == "lunch is over"


def test_an_empty_why_becomes_the_commits_first_line(place: Any, image: Any, sara: Any) -> None:
    mark = plan_of(sara, image, why="").context["mark"]
    sara.post(f"{RUN}deploy/", HOW | {"image": image.pk, "mark": mark, "why": ""})
    assert Deployment.objects.get().reason.startswith("Quote cache")


def test_a_stale_plan_is_refused_with_the_change_named(place: Any, image: Any, sara: Any) -> None:
    mark = plan_of(sara, image).context["mark"]
    place.config = factories.make_config(place, {"cpus": 1})
    place.save()
    answer = sara.post(f"{RUN}deploy/", {"image": image.pk, "mark": mark, **HOW})
    assert answer.status_code == 409
    assert any("v2" in words for words in answer.context["changed"])
    assert not Deployment.objects.exists()
    answer = sara.post(f"{RUN}deploy/", {"image": image.pk, "mark": answer.context["mark"], **HOW})
    assert answer.status_code == 302


def test_the_second_is_told_who_since_when_and_why(place: Any, image: Any, sara: Any) -> None:
    mark = plan_of(sara, image).context["mark"]
    factories.make_deployment(place, "running", reason="market opens")
    answer = sara.post(f"{RUN}deploy/", {"image": image.pk, "mark": mark, **HOW})
    assert answer.status_code == 409
    page = unescape(answer.content.decode())
    assert "market opens" in page
    assert "dan" in page
    assert Deployment.objects.count() == 1


def test_what_does_not_fit_is_shown_before_anything_happens(place: Any, image: Any, sara: Any) -> None:
    host = place.instances.first().host
    host.state, host.state_reason = "unreachable", "no route to host"
    host.save()
    answer = plan_of(sara, image)
    assert not answer.context["plan"].fits
    assert "no route to host" in unescape(answer.content.decode())
    answer = sara.post(f"{RUN}deploy/", {"image": image.pk, "mark": answer.context["mark"], **HOW})
    assert answer.status_code == 409
    assert not Deployment.objects.exists()


def test_back_to_the_version_before(place: Any, image: Any, sara: Any) -> None:
    old, place.current_image = place.current_image, image
    place.save()
    row = factories.make_deployment(place, old_image=old, old_config=place.config)
    back = sara.get(f"/releases/{row.pk}/").context["back"]
    answer = sara.get(back)
    assert answer.context["image"] == old
    assert answer.context["config_asked"] == place.config
    assert answer.context["plan"].fits


@pytest.mark.parametrize("verb", ["pause", "cancel", "rollback"])
def test_buttons_of_a_running_release(place: Any, as_: Any, verb: str) -> None:
    row = factories.make_deployment(place, "running")
    for instance in place.instances.all():
        factories.make_step(row, instance, "done" if instance.number == 1 else "waiting")
    dan = as_("dan")
    offered = {b["verb"]: b["text"] for b in dan.get(f"/releases/{row.pk}/").context["buttons"]}
    assert set(offered) == {"pause", "cancel", "rollback"}
    assert "3" in offered["pause"]
    assert dan.post(f"/releases/{row.pk}/{verb}/", {"reason": "hm"}).status_code == 302
    row.refresh_from_db()
    assert row.asked == verb
    assert Event.objects.filter(action=f"deployment.{verb}", reason="hm", actor="dan").exists()


def test_a_paused_release_can_be_resumed(place: Any, sara: Any) -> None:
    row = factories.make_deployment(place, "paused")
    assert "resume" in {b["verb"] for b in sara.get(f"/releases/{row.pk}/").context["buttons"]}
    sara.post(f"/releases/{row.pk}/resume/")
    row.refresh_from_db()
    assert row.asked == "resume"


def test_a_finished_release_has_no_buttons(place: Any, sara: Any) -> None:
    row = factories.make_deployment(place, "succeeded")
    assert sara.get(f"/releases/{row.pk}/").context["buttons"] == []
    answer = sara.post(f"/releases/{row.pk}/pause/", follow=True)
    assert "succeeded" in answer.content.decode()


@pytest.mark.parametrize("verb", ["restart", "stop", "start", "repair"])
def test_ticked_instances(place: Any, as_: Any, verb: str) -> None:
    assert as_("dan").post(f"{RUN}act/", {"do": verb, "instances": ["1", "3"]}).status_code == 302
    row = Deployment.objects.get()
    assert row.kind == verb
    assert sorted(s.instance.number for s in row.steps.all()) == [1, 3]


def test_nothing_ticked_says_so(place: Any, sara: Any) -> None:
    answer = sara.post(f"{RUN}act/", {"do": "stop"}, follow=True)
    assert "Tick the instances first" in answer.content.decode()
    assert not Deployment.objects.exists()


def test_scaling_shows_which_go_first(place: Any, sara: Any) -> None:
    answer = sara.get(f"{RUN}scale/", {"wanted": "1"})
    assert [e.number for e in answer.context["plan"].entries if e.action == "remove"]
    assert "3" in answer.context["sentence"]
    assert not Deployment.objects.exists()
    assert sara.post(f"{RUN}scale/", {"wanted": "1", "reason": "night"}).status_code == 302
    assert Deployment.objects.get().wanted == 1


POSTS = [
    (f"{RUN}act/", {"do": "restart", "instances": "1"}),
    (f"{RUN}scale/", {"wanted": "2"}),
    (f"{RUN}remove/", {"name": "snow/production"}),
    (f"{RUN}settings/", {"cpus": "1"}),
    (f"{RUN}settings/place/", {"branch": "x"}),
    (f"{RUN}deploy/", {"image": "1"}),
    ("/services/snow/remove/", {"name": "snow"}),
    ("/services/snow/change/", {"title": "ours"}),
    ("/services/snow/build/", {"branch": "main"}),
    ("/services/snow/add/", {"environment": "grey"}),
    ("/releases/{release}/pause/", {}),
    ("/releases/{release}/rollback/", {}),
    ("/settings/environments/new/", {"slug": "x"}),
    ("/settings/environments/production/", {"title": "x"}),
    ("/settings/environments/production/remove/", {}),
]


@pytest.mark.parametrize(("path", "data"), POSTS)
@pytest.mark.parametrize("who", ["quinn", "mia"])
def test_others_get_403_and_it_is_recorded(place: Any, as_: Any, who: str, path: str, data: dict[str, str]) -> None:
    release = factories.make_deployment(place, "running") if "releases" in path else None
    answer = as_(who).post(path.format(release=release.pk if release else 0), data)
    assert answer.status_code == 403
    assert Event.objects.filter(denied=True, actor=who, via="page").exists()
    assert Deployment.objects.exclude(pk=release.pk if release else None).count() == 0


def test_a_developer_kept_to_some_environments(place: Any, as_: Any) -> None:
    dan = as_("dan")
    from xqplatform.accounts.models import Membership

    Membership.objects.filter(user__username="dan").update(environments=["grey"])
    assert dan.post(f"{RUN}act/", {"do": "restart", "instances": "1"}).status_code == 403


@pytest.mark.parametrize("path", [f"{RUN}act/", "/services/snow/build/", f"{RUN}deploy/discard/", "/releases/1/pause/"])
def test_no_state_is_changed_by_a_get(place: Any, sara: Any, path: str) -> None:
    assert sara.get(path).status_code == 405
