"""The page that gives an instance another address: in numbers, with what is refused, and the same through the API."""

from __future__ import annotations

from typing import Any

from containers.models import Container, Deployment
from tests.containers_pages.test_choosing import free, released, text
from xqplatform.accounts.models import Token, User

__all__ = ["released"]


def test_the_page_says_what_changes_in_numbers_and_does_it(sara: Any, released: Any) -> None:
    one, ip = released.instances.select_related("address").get(number=1), free(released)[4]
    page = f"/instances/{one.pk}/address/"
    assert page in text(sara.get(f"/instances/{one.pk}/"))
    shown = text(sara.get(page))
    assert one.address.ip in shown
    assert one.address.mac in shown
    assert free(released)[0] in shown
    assert "the first free one" in shown
    assert "rests for 30 minutes" in shown
    shown = text(sara.get(f"{page}?address={ip}"))
    assert f"Give #1 the address {ip}" in shown
    done = sara.post(page, {"address": ip, "reason": "the bank's list"})
    row = Deployment.objects.get(kind="address")
    assert done["Location"] == f"/releases/{row.pk}/"
    release = text(sara.get(done["Location"]))
    assert one.address.ip in release
    assert ip in release
    assert "change of address" in release.lower()
    assert "under way" in text(sara.get(page))


def test_what_is_refused_keeps_what_was_typed(sara: Any, released: Any) -> None:
    one, other = released.instances.get(number=1), released.instances.get(number=2).address.ip
    page = f"/instances/{one.pk}/address/"
    refused = sara.post(page, {"address": other, "reason": "so that"})
    assert refused.status_code == 400
    assert f"{other} is held by snow/production/2" in text(refused)
    assert f'value="{other}"' in text(refused)
    assert "so that" in text(refused)
    assert "is not an IPv4 address" in text(sara.get(f"{page}?address=%3Cb%3E"))
    assert "<b>»" not in text(sara.get(f"{page}?address=%3Cb%3E"))


def test_a_folder_is_named_with_where_it_stays(sara: Any, released: Any) -> None:
    config = released.config
    config.content = {**config.content, "persist": True, "persist_in": "folder"}
    config.save()
    Container.objects.update(config=config)
    one = released.instances.select_related("address").get(number=1)
    page = f"/instances/{one.pk}/address/"
    shown = text(sara.get(page))
    assert f"/{one.address.ip}" in shown
    assert "stays where it is, and the instance does not see it any more" in shown
    assert "Confirm that it starts without it" in shown
    assert sara.post(page).status_code == 400
    assert "Confirm that it starts without it" not in text(sara.get(f"{page}?with_data=on"))
    assert sara.post(page, {"with_data": "on"}).status_code == 302


def test_the_api_does_the_same(sara: Any, released: Any) -> None:
    raw = Token.make(User.objects.get(username="sara"), "test")[1]
    headers = {"Authorization": f"Bearer {raw}"}
    one, ip = released.instances.get(number=1), free(released)[1]
    base = f"/api/v1/instances/{one.pk}/address"
    plan = sara.post(f"{base}/preview", {"address": ip}, "application/json", headers=headers).json()
    assert plan["fits"]
    assert plan["entries"][0]["address"] == ip
    bad = sara.post(base, {"address": "1.2.3.4"}, "application/json", headers=headers)
    assert bad.status_code == 409
    done = sara.post(base, {"address": ip, "reason": "list"}, "application/json", headers=headers)
    assert done.status_code == 202
    assert done["Location"] == f"/api/v1/deployments/{Deployment.objects.get(kind='address').pk}"
