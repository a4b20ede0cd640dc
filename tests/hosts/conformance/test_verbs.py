"""The verbs: reading and storing, waivers, profiles, fixes; each with its right and its event."""

from __future__ import annotations

import copy
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from hosts.conformance import gather, store
from hosts.models import CheckResult, Host, HostFacts, HostGroup, HostOperation, Profile, SshAccess, Waiver
from hosts.services import conformance
from tests.hosts.conformance.samples import SLUGS, good
from xqplatform.audit.models import Event
from xqplatform.errors import Denied, Refused

pytestmark = pytest.mark.django_db


@pytest.fixture
def host() -> Host:
    group = HostGroup.objects.create(slug="room-a")
    return Host.objects.create(name="h1", address="10.213.3.11:2376", state="ready", group=group)


def bad(**sysctl: str) -> dict[str, Any]:
    found = copy.deepcopy(good())
    found["sysctl"] |= sysctl or {"net.ipv4.ip_forward": "1"}
    return found


def tomorrow() -> Any:
    return timezone.localdate() + timedelta(days=1)


def reads(monkeypatch: pytest.MonkeyPatch, facts: dict[str, Any] | Exception, note: str = "") -> None:
    def read(host: Host) -> Any:
        if isinstance(facts, Exception):
            raise facts
        return facts, note

    monkeypatch.setattr(gather, "read", read)


def test_a_reading_stores_a_verdict_of_each_check(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    reads(monkeypatch, bad())
    assert store.read_host(host.pk)
    assert set(host.check_results.values_list("check_slug", flat=True)) == set(SLUGS)
    assert conformance.counts(host) == {"passes": len(SLUGS) - 1, "fails": 1, "unknown": 0, "waived": 0}
    row = host.check_results.get(check_slug="ip_forward")
    assert (row.state, row.evidence) == ("fails", "net.ipv4.ip_forward = 1")


def test_since_stays_while_the_state_stays(host: Host) -> None:
    store.keep(host, bad())
    first = host.check_results.get(check_slug="ip_forward")
    store.keep(host, bad())
    again = host.check_results.get(check_slug="ip_forward")
    assert (again.pk, again.since) == (first.pk, first.since)
    assert again.seen > first.seen
    store.keep(host, good())
    assert host.check_results.get(check_slug="ip_forward").since > first.since


def test_a_host_that_is_being_read_is_not_read_twice(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    reads(monkeypatch, good())
    HostFacts.objects.create(host=host, claimed=timezone.now())
    assert not store.read_host(host.pk)
    HostFacts.objects.update(claimed=timezone.now() - store.CLAIM - timedelta(seconds=1))
    assert store.read_host(host.pk)
    assert HostFacts.objects.get().claimed is None


def test_what_was_read_last_counts_for_a_while_and_then_nothing_passes(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.keep(host, good())
    reads(monkeypatch, gather.Unreadable("h1 does not answer."))
    store.read_host(host.pk)
    assert conformance.counts(host)["passes"] == len(SLUGS)
    assert HostFacts.objects.get().note == "h1 does not answer."
    HostFacts.objects.update(taken=timezone.now() - store.STALE - timedelta(seconds=1))
    store.read_host(host.pk)
    assert conformance.counts(host)["unknown"] == len(SLUGS)
    assert "h1 does not answer." in host.check_results.first().words


def test_only_hosts_whose_reading_is_old_are_due(host: Host) -> None:
    assert list(store.due()) == [host]
    HostFacts.objects.create(host=host, tried=timezone.now())
    assert not store.due().exists()
    HostFacts.objects.update(tried=timezone.now() - store.EVERY - timedelta(seconds=1))
    assert store.due().exists()
    Host.objects.update(state="retired")
    assert not store.due().exists()


def test_rates_are_made_of_readings_a_minute_apart(host: Host) -> None:
    first = good()
    del first["before"]
    store.keep(host, first)
    assert host.check_results.get(check_slug="retransmissions").state == "unknown"
    counters = HostFacts.objects.get().counters
    store.keep(host, {**first, "taken": first["taken"] + 10})
    assert HostFacts.objects.get().counters == counters
    store.keep(host, {**first, "taken": first["taken"] + 70})
    assert HostFacts.objects.get().counters["time"] == first["taken"] + 70


def test_passwords_are_not_stored(host: Host) -> None:
    found = good()
    found["daemon"]["proxies"] = {"http-proxy": "http://bob:secret@proxy:3128"}
    store.keep(host, found)
    assert "secret" not in str(HostFacts.objects.get().facts)


def test_a_check_is_asked_for(
    host: Host, actor_dev: Any, enqueued: Any, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        conformance.check(actor_dev, host)
    assert "hosts.tasks.check_conformance" in enqueued.names


def test_a_waiver_shows_a_failing_check_as_waived_until_its_day_is_over(host: Host, actor_sre: Any) -> None:
    store.keep(host, bad())
    row = conformance.waive(actor_sre, host, "ip_forward", "The VPN on it needs this.", tomorrow())
    assert conformance.counts(host) | {"passes": 0} == {"passes": 0, "fails": 0, "unknown": 0, "waived": 1}
    event = Event.objects.get(action="host.waive")
    assert (event.object_name, event.reason) == ("h1", "The VPN on it needs this.")
    Waiver.objects.update(until=timezone.localdate() - timedelta(days=1))
    assert conformance.counts(host)["fails"] == 1
    conformance.unwaive(actor_sre, row)
    assert Event.objects.filter(action="host.unwaive").count() == 1
    assert not Waiver.objects.exists()


def test_a_waiver_of_a_group_counts_for_its_hosts_only(host: Host, actor_sre: Any) -> None:
    store.keep(host, bad())
    other = HostGroup.objects.create(slug="room-b")
    conformance.waive(actor_sre, other, "ip_forward", "why not", tomorrow())
    assert conformance.counts(host)["fails"] == 1
    conformance.waive(actor_sre, host.group, "ip_forward", "why not", tomorrow())
    assert conformance.counts(host)["fails"] == 0


def test_a_second_waiver_replaces_the_first(host: Host, actor_sre: Any) -> None:
    conformance.waive(actor_sre, host, "swap", "one", tomorrow())
    conformance.waive(actor_sre, host, "swap", "two", tomorrow())
    assert Waiver.objects.get().reason == "two"


@pytest.mark.parametrize(
    ("slug", "reason", "days", "field"),
    [("nope", "x", 1, "check"), ("swap", " ", 1, "reason"), ("swap", "x" * 501, 1, "reason"), ("swap", "x", -1, "until"), ("swap", "x", 400, "until")],
)  # fmt: skip
def test_waivers_that_make_no_sense_are_refused(
    host: Host, actor_sre: Any, slug: str, reason: str, days: int, field: str
) -> None:
    with pytest.raises(Refused) as refusal:
        conformance.waive(actor_sre, host, slug, reason, timezone.localdate() + timedelta(days=days))
    assert refusal.value.field == field
    with pytest.raises(Refused):
        conformance.waive(actor_sre, host, "swap", "x", "the 30th")


def test_a_profile_is_saved_and_its_hosts_are_judged_anew(
    host: Host, actor_sre: Any, enqueued: Any, django_capture_on_commit_callbacks: Any
) -> None:
    store.keep(host, bad())
    with django_capture_on_commit_callbacks(execute=True):
        row = conformance.save_profile(actor_sre, {"role": "run", "group": "room-a", "off": ["ip_forward"]})
    assert row.name == "run · room-a"
    assert row.daemon["bridge"] == "none"
    enqueued.drain()
    assert not host.check_results.filter(check_slug="ip_forward").exists()
    assert conformance.hosts_of(row) == [host]
    with django_capture_on_commit_callbacks(execute=True):
        conformance.save_profile(actor_sre, {"off": [], "thresholds": {"free_percent": 15, "bridge": "br9"}}, row)
    enqueued.drain()
    row.refresh_from_db()
    assert row.thresholds == {"bridge": "br9"}  # what is as built in is not stored
    assert host.check_results.get(check_slug="bridge_address").state == "fails"
    with django_capture_on_commit_callbacks(execute=True):
        conformance.remove_profile(actor_sre, row)
    enqueued.drain()
    assert host.check_results.get(check_slug="bridge_address").state == "passes"
    assert [e.action for e in Event.objects.order_by("pk")] == [
        "host.profile.create",
        "host.profile.change",
        "host.profile.remove",
    ]


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"role": "cook"}, "role"),
        ({"role": "run", "group": "nowhere"}, "group"),
        ({"role": "run", "daemon": "{"}, "daemon"),
        ({"role": "run", "daemon": [1]}, "daemon"),
        ({"role": "run", "daemon": {"iptables": "no"}}, "daemon"),
        ({"role": "run", "thresholds": {"free_percent": "much"}}, "thresholds"),
        ({"role": "run", "thresholds": {"colour": 1}}, "thresholds"),
        ({"role": "run", "off": ["nope"]}, "check"),
        ({"role": "run", "name": "x" * 61}, "name"),
        ({"role": "run", "colour": 1}, "colour"),
    ],
)
def test_profiles_that_make_no_sense_are_refused(actor_sre: Any, data: dict[str, Any], field: str) -> None:
    with pytest.raises(Refused) as refusal:
        conformance.save_profile(actor_sre, data)
    assert refusal.value.field == field


def test_there_is_one_profile_a_role_and_group_and_name(actor_sre: Any) -> None:
    conformance.save_profile(actor_sre, {"role": "run", "name": "a"})
    with pytest.raises(Refused) as twice:
        conformance.save_profile(actor_sre, {"role": "run", "name": "b"})
    assert twice.value.field == "group"
    with pytest.raises(Refused) as named:
        conformance.save_profile(actor_sre, {"role": "build", "name": "a"})
    assert named.value.field == "name"


def test_a_preview_says_what_would_be_done_and_why_it_cannot_be(host: Host) -> None:
    assert conformance.preview_fix(host, "ip_forward") is None
    store.keep(host, {**bad(), "source": "engine"})
    found = conformance.preview_fix(host, "ip_forward")
    assert found is not None
    assert "SSH" in found.blocked
    store.keep(host, bad())
    found = conformance.preview_fix(host, "ip_forward")
    assert found is not None
    assert not found.blocked
    ((path, text),) = found.diffs
    assert path == "/etc/sysctl.d/90-xqplatform.conf"
    assert "+net.ipv4.ip_forward = 0" in text


def test_a_fix_starts_an_operation(host: Host, actor_sre: Any) -> None:
    with pytest.raises(Refused):
        conformance.apply_fix(actor_sre, host, "ip_forward")
    store.keep(host, bad())
    with pytest.raises(Refused, match="SSH"):
        conformance.apply_fix(actor_sre, host, "ip_forward")
    SshAccess.objects.create(host=host, user="root", address="10.213.3.11", key="k")
    row = conformance.apply_fix(actor_sre, host, "ip_forward", "spikes since Monday")
    assert (row.kind, row.params, row.reason) == ("conformance.fix", {"check": "ip_forward"}, "spikes since Monday")
    assert "IP forwarding" in row.title


def test_what_a_person_has_to_do_is_not_applied(host: Host, actor_sre: Any) -> None:
    found = copy.deepcopy(good())
    found["addresses"], found["routes"] = {"eth0": ["10.213.3.11/24"]}, ["eth0"]
    store.keep(host, found)
    with pytest.raises(Refused, match="person"):
        conformance.apply_fix(actor_sre, host, "bridge_address")


def fixed(host: Host, kind: str = "conformance.fix", **params: Any) -> HostOperation:
    undo = {"files": [], "commands": [["sysctl", "-w", "net.ipv4.ip_forward=1"]]}
    return HostOperation.objects.create(
        host=host, kind=kind, state="succeeded", who="sara", params={"check": "ip_forward", "undo": undo, **params}
    )


def test_a_fix_is_taken_back_once(host: Host, actor_sre: Any) -> None:
    SshAccess.objects.create(host=host, user="root", address="10.213.3.11", key="k")
    first = fixed(host)
    second = fixed(host)
    with pytest.raises(Refused):
        conformance.undo_fix(actor_sre, first)
    row = conformance.undo_fix(actor_sre, second)
    assert row.kind == "conformance.undo"
    assert row.params["undo"]["commands"] == [["sysctl", "-w", "net.ipv4.ip_forward=1"]]
    HostOperation.objects.filter(pk=row.pk).update(state="succeeded")
    assert conformance.last_fixes(host) == {}
    with pytest.raises(Refused):
        conformance.undo_fix(actor_sre, second)


@pytest.mark.parametrize("who", ["actor_dev", "actor_manager"])
def test_only_sres_change_anything(host: Host, who: str, request: pytest.FixtureRequest) -> None:
    actor = request.getfixturevalue(who)
    store.keep(host, bad())
    row = Waiver.objects.create(host=host, check_slug="swap", reason="x", until=tomorrow(), who="sara")
    profile = Profile.objects.create(name="run", role="run")
    for act in (
        lambda: conformance.apply_fix(actor, host, "ip_forward"),
        lambda: conformance.undo_fix(actor, fixed(host)),
        lambda: conformance.waive(actor, host, "swap", "x", tomorrow()),
        lambda: conformance.unwaive(actor, row),
        lambda: conformance.save_profile(actor, {"role": "build"}),
        lambda: conformance.remove_profile(actor, profile),
    ):
        with pytest.raises(Denied):
            act()
    assert Event.objects.filter(denied=True).count() == 6
    assert CheckResult.objects.filter(state="waived").count() == 0
