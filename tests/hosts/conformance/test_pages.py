"""The pages of conformance, as a person sees them."""

from __future__ import annotations

import copy
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from hosts.conformance import store
from hosts.models import CheckResult, Host, HostGroup, HostOperation, Profile, SshAccess, Waiver
from tests.hosts.conformance.samples import good

pytestmark = pytest.mark.django_db


@pytest.fixture
def group() -> HostGroup:
    return HostGroup.objects.create(slug="room-a")


def make(name: str, group: HostGroup | None = None, **changes: Any) -> Host:
    """A host that was read, with parts of its good facts changed."""
    host = Host.objects.create(name=name, address=f"{name}.example:2376", state="ready", group=group)
    facts = copy.deepcopy(good())
    for section, values in changes.items():
        facts[section] = {**facts[section], **values} if isinstance(values, dict) else values
    store.keep(host, facts)
    return host


@pytest.fixture
def page(client: Client, sre: Any) -> Client:
    client.force_login(sre)
    return client


FORWARDS = {"sysctl": {"net.ipv4.ip_forward": "1"}}


def test_a_hosts_page_shows_what_was_read_why_and_how_to_put_it_right(page: Client) -> None:
    host = make("h1", **FORWARDS)
    text = page.get("/hosts/h1/conformance/").content.decode()
    assert "net.ipv4.ip_forward = 1" in text
    assert "With forwarding on, a run host routes" in text
    assert "# sysctl -w net.ipv4.ip_forward=0" in text
    assert "+net.ipv4.ip_forward = 0" in text
    assert text.index('id="ip_forward"') < text.index('id="docker0"')  # failing ones first
    only = page.get("/hosts/h1/conformance/?state=fails").content.decode()
    assert 'id="docker0"' not in only
    assert "All checks" in page.get(f"/hosts/{host.name}/").content.decode()


def test_the_fix_is_applied_from_the_page(page: Client) -> None:
    host = make("h1", **FORWARDS)
    refused = page.post("/hosts/h1/conformance/fix/", {"check": "ip_forward"})
    assert refused.status_code == 409
    SshAccess.objects.create(host=host, user="root", address="h1.example", key="k")
    done = page.post("/hosts/h1/conformance/fix/", {"check": "ip_forward", "reason": "spikes"})
    operation = HostOperation.objects.get()
    assert (operation.kind, operation.reason) == ("conformance.fix", "spikes")
    assert done["Location"] == operation.get_absolute_url()
    assert operation.title in page.get("/hosts/h1/conformance/").content.decode()


def test_a_check_is_waived_and_counts_again(page: Client, group: HostGroup) -> None:
    make("h1", group, **FORWARDS)
    make("h2", group, **FORWARDS)
    day = timezone.localdate() + timedelta(days=5)
    page.post(
        "/hosts/h1/conformance/waive/", {"check": "ip_forward", "reason": "old VPN", "until": str(day), "for": "group"}
    )
    assert Waiver.objects.get().group == group
    text = page.get("/hosts/h2/conformance/").content.decode()
    assert 'data-state="waived"' in text
    assert "old VPN" in text
    assert "old VPN" in page.get("/hosts/conformance/waivers/").content.decode()
    page.post(f"/hosts/conformance/waivers/{Waiver.objects.get().pk}/end/", {"back": "host"})
    assert not Waiver.objects.exists()


def test_a_whole_group_is_waived_from_the_waivers_page(page: Client, group: HostGroup) -> None:
    wrong = page.post(
        "/hosts/conformance/waivers/group/", {"group": "room-a", "check": "swap", "reason": "x", "until": "2001-01-01"}
    )
    assert wrong.status_code == 400
    assert 'value="2001-01-01"' in wrong.content.decode()
    day = timezone.localdate() + timedelta(days=5)
    page.post(
        "/hosts/conformance/waivers/group/", {"group": "room-a", "check": "swap", "reason": "x", "until": str(day)}
    )
    assert Waiver.objects.get().group == group


def names(client: Client, query: str) -> set[str]:
    table = client.get(f"/hosts/conformance/{query}").context["matrix"]
    return {line.host.name for line in table.lines}


def test_the_matrix_is_filtered_on_the_server(page: Client, group: HostGroup) -> None:
    make("h1", group, **FORWARDS)
    make("h2", swaps=["/dev/vda2"])
    Host.objects.create(name="h3", address="h3.example:2376", role_run=False, role_build=True)
    assert names(page, "") == {"h1", "h2", "h3"}
    assert names(page, "?group=room-a") == {"h1"}
    assert names(page, "?role=build") == {"h3"}
    assert names(page, "?state=fails") == {"h1", "h2"}
    assert names(page, "?check=swap") == {"h2"}
    assert names(page, "?q=h1") == {"h1"}
    assert names(page, "?state=nonsense&check=1") == {"h1", "h2", "h3"}


def test_the_matrix_sums_each_check_and_says_each_cell(page: Client) -> None:
    make("h1", **FORWARDS)
    make("h2", **FORWARDS)
    response = page.get("/hosts/conformance/")
    sums = {column.check.slug: column.counts for column in response.context["matrix"].columns}
    assert sums["ip_forward"] == {"fails": 2, "unknown": 0, "waived": 0, "passes": 0}
    text = response.content.decode()
    assert "h1 · ip_forward · fails: This host forwards packets" in text
    assert '<use href="#cf-fails"/>' in text
    csv = b"".join(page.get("/hosts/conformance/?format=csv").streaming_content).decode()  # type: ignore[attr-defined]
    assert "h1,fails," in csv


def test_the_matrix_of_200_hosts_takes_few_queries(page: Client, django_assert_max_num_queries: Any) -> None:
    now = timezone.now()
    hosts = Host.objects.bulk_create(
        Host(name=f"h{n:03}", address=f"10.9.{n // 250}.{n % 250}:2376", state="ready") for n in range(200)
    )
    CheckResult.objects.bulk_create(
        CheckResult(host=host, check_slug=slug, state="fails" if host.pk % 7 == 0 else "passes", seen=now, since=now)
        for host in hosts
        for slug in ("swap", "clock", "docker0")
    )
    with django_assert_max_num_queries(25):
        assert len(page.get("/hosts/conformance/").context["matrix"].lines) == 200


def test_a_profile_is_made_from_the_built_in_one(page: Client, group: HostGroup) -> None:
    assert "built in" in page.get("/hosts/conformance/profiles/").content.decode()
    form = page.get("/hosts/conformance/profiles/new/?role=run").context["form"]
    data = {
        "role": "run",
        "group": "room-a",
        "daemon": form["daemon"].initial,
        "off": ["swap"],
        "limit_free_percent": "25",
    }
    wrong = page.post("/hosts/conformance/profiles/new/", {**data, "limit_free_percent": "much", "daemon": '{"a": 1'})
    assert wrong.status_code == 400
    assert "{&quot;a&quot;: 1" in wrong.content.decode()
    assert page.post("/hosts/conformance/profiles/new/", data).status_code == 302
    row = Profile.objects.get()
    assert (row.group, row.thresholds, row.off) == (group, {"free_percent": 25}, ["swap"])
    assert row.daemon["bridge"] == "none"
    assert (
        page.post(
            f"/hosts/conformance/profiles/{row.pk}/", {**data, "off": [], "limit_filesystems": "ext4 xfs btrfs"}
        ).status_code
        == 302
    )
    row.refresh_from_db()
    assert row.thresholds["filesystems"] == ["ext4", "xfs", "btrfs"]
    page.post(f"/hosts/conformance/profiles/{row.pk}/", {"remove": "1"})
    assert not Profile.objects.exists()


def test_home_counts_what_fails_for_those_who_care_for_hosts(page: Client, developer: Any) -> None:
    make("h1", swaps=["/dev/vda2"], **FORWARDS)
    assert page.get("/").context["unshaped"] == {"checks": 2, "hosts": 1}
    page.force_login(developer)
    assert page.get("/").context["unshaped"] == {}


def test_what_a_machine_says_is_text_on_the_pages(page: Client) -> None:
    make("h1", swaps=["<script>alert(1)</script>"])
    CheckResult.objects.filter(check_slug="swap").update(words='"><script>alert(2)</script>')
    for url in ("/hosts/conformance/", "/hosts/h1/conformance/"):
        assert "<script>alert" not in page.get(url).content.decode()
