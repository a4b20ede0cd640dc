"""Choosing addresses in the wizard, on the scale page and through the API: what is typed stays, what is refused says why."""

from __future__ import annotations

from typing import Any

import pytest

from containers.models import Deployment, Instance
from hosts.models import Host
from hosts.services import addresses
from xqplatform.accounts.models import Token, User

HERE = "/services/snow/production/"


@pytest.fixture
def released(place: Any) -> Any:
    from builds.models import Image, Registry

    Image.objects.update(registry=Registry.objects.create(name="main", address="127.0.0.1:9"), digest="sha256:1")
    segment = place.instances.select_related("address__segment")[0].address.segment
    segment.hosts.set(Host.objects.all())
    place.segment = segment
    place.save()
    return type(place).objects.select_related("segment").get(pk=place.pk)


def text(response: Any) -> str:
    return " ".join(response.content.decode().split())


def free(place: Any) -> list[str]:
    return addresses.free_in(place.segment)


def test_the_scale_page_takes_checks_and_keeps_what_is_typed(sara: Any, released: Any) -> None:
    ip, held = free(released)[5], released.instances.get(number=1).address.ip
    page = text(sara.get(f"{HERE}scale/?wanted=6"))
    assert 'name="address_5"' in page
    assert 'name="address_6"' in page
    assert 'name="address_1"' not in page
    assert f'<option value="{ip}">' in page
    typed = {"wanted": "6", "reason": "more load", "address_5": ip, "address_6": held}
    checked = sara.post(f"{HERE}scale/", {**typed, "do": "check"})
    shown = text(checked)
    assert checked.status_code == 200
    assert f"{held} is held by snow/production/1" in shown
    assert f'name="address_5" value="{ip}"' in shown
    assert f'name="address_6" value="{held}"' in shown
    assert "more load" in shown
    refused = sara.post(f"{HERE}scale/", typed)
    assert refused.status_code == 400
    assert f'name="address_5" value="{ip}"' in text(refused)
    assert "is held by" in text(refused)
    assert not Deployment.objects.filter(kind="scale").exists()
    done = sara.post(f"{HERE}scale/", {**typed, "address_6": ""})
    assert done.status_code == 302
    assert Instance.objects.get(place=released, number=5).ip == ip


def test_the_wizards_plan_takes_checks_and_keeps_what_is_typed(sara: Any, released: Any) -> None:
    released.wanted = 5
    released.save()
    ip = free(released)[3]
    image = released.current_image.pk
    page = sara.get(f"{HERE}deploy/?step=3&image={image}")
    assert 'name="address_5"' in text(page)
    mark = page.context["mark"]
    typed = {"image": image, "mark": mark, "address_5": "10.1.1.1"}
    checked = sara.post(f"{HERE}deploy/", {**typed, "do": "check"})
    assert "lies outside" in text(checked)
    assert 'name="address_5" value="10.1.1.1"' in text(checked)
    assert not Deployment.objects.filter(kind="deploy", state="queued").exists()
    refused = sara.post(f"{HERE}deploy/", typed)
    assert refused.status_code == 409
    assert 'name="address_5" value="10.1.1.1"' in text(refused)
    # What one types oneself is no change behind one's back.
    done = sara.post(f"{HERE}deploy/", {**typed, "address_5": ip})
    assert done.status_code == 302, text(done)
    assert Instance.objects.get(place=released, number=5).ip == ip


def test_a_resting_one_asks_for_a_reason_in_the_wizard(sara: Any, released: Any) -> None:
    segment = released.segment
    resting = addresses.allocate(segment, "rain/production/1")
    addresses.release(resting)
    released.wanted = 5
    released.save()
    image = released.current_image.pk
    page = sara.get(f"{HERE}deploy/?step=3&image={image}&address_5={resting.ip}")
    assert "say why" in text(page)
    typed = {"image": image, "mark": page.context["mark"], "address_5": resting.ip}
    assert "rests for" in text(sara.post(f"{HERE}deploy/", typed))
    assert sara.post(f"{HERE}deploy/", {**typed, "why": "rain became snow"}).status_code == 302
    assert Instance.objects.get(place=released, number=5).ip == resting.ip


def test_the_api_chooses_and_refuses(sara: Any, released: Any) -> None:
    raw = Token.make(User.objects.get(username="sara"), "test")[1]
    headers = {"Authorization": f"Bearer {raw}"}
    ip = free(released)[2]
    base = "/api/v1/services/snow/production"
    body = {"instances": 5, "addresses": {"5": ip}}
    plan = sara.post(f"{base}/scale/preview", body, "application/json", headers=headers).json()
    assert plan["fits"]
    assert plan["entries"][0]["address"] == ip
    bad = sara.post(f"{base}/scale", {"instances": 5, "addresses": {"1": ip}}, "application/json", headers=headers)
    assert bad.status_code == 409
    assert "#1" in bad.json()["error"]["message"] if isinstance(bad.json().get("error"), dict) else True
    wrong = sara.post(f"{base}/scale", {"instances": 5, "addresses": {"x": ip}}, "application/json", headers=headers)
    assert wrong.status_code in {400, 422}
    assert sara.post(f"{base}/scale", body, "application/json", headers=headers).status_code == 202
    assert Instance.objects.get(place=released, number=5).ip == ip


def test_a_host_is_typed_checked_kept_and_taken(sara: Any, released: Any) -> None:
    host = Host.objects.order_by("name").last()
    assert host is not None
    page = text(sara.get(f"{HERE}scale/?wanted=5"))
    assert 'name="host_5"' in page
    assert 'name="host_1"' not in page
    assert f'<option value="{host.name}">' in page
    checked = text(sara.post(f"{HERE}scale/", {"wanted": "5", "host_5": "nowhere", "do": "check"}))
    assert "There is no host nowhere" in checked
    assert 'name="host_5" value="nowhere"' in checked
    released.wanted = 5
    released.save()
    image = released.current_image.pk
    shown = sara.get(f"{HERE}deploy/?step=3&image={image}&host_5={host.name}")
    assert f'name="host_5" value="{host.name}"' in text(shown)
    assert "chosen by hand" in text(shown)
    done = sara.post(f"{HERE}deploy/", {"image": image, "mark": shown.context["mark"], "host_5": host.name})
    assert done.status_code == 302, text(done)
    assert Instance.objects.get(place=released, number=5).host == host


def test_the_api_takes_hosts(sara: Any, released: Any) -> None:
    raw = Token.make(User.objects.get(username="sara"), "test")[1]
    headers = {"Authorization": f"Bearer {raw}"}
    host = Host.objects.order_by("name").last()
    assert host is not None
    base = "/api/v1/services/snow/production"
    for bad, code in (("\x00", 400), ("nowhere", 200), ("x" * 5000, 200), (7, 422)):
        body = {"instances": 5, "hosts": {"5": bad}}
        found = sara.post(f"{base}/scale/preview", body, "application/json", headers=headers)
        assert found.status_code == code
        assert not found.json().get("fits")
    body = {"instances": 5, "hosts": {"5": host.name}}
    assert sara.post(f"{base}/scale", body, "application/json", headers=headers).status_code == 202
    assert Instance.objects.get(place=released, number=5).host == host
