from __future__ import annotations

import tarfile
from io import BytesIO
from typing import Any

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from hosts import labels
from hosts.collector import image, placing
from hosts.collector.placing import Decision, Found, decide
from hosts.engine import EngineError
from hosts.helper import NoHelper
from hosts.models import Collector, Host
from tests.factories import make_host


def test_the_first_one_is_made() -> None:
    assert decide("v2", []) == Decision(create=True)


def test_one_that_runs_stays() -> None:
    assert decide("v2", [Found("a", "v2", True)]) == Decision(keep="a")


def test_one_that_stopped_is_started() -> None:
    assert decide("v2", [Found("a", "v2", False)]) == Decision(start="a", keep="a")


def test_another_version_replaces_it() -> None:
    assert decide("v2", [Found("a", "v1", True)]) == Decision(remove=("a",), create=True)


def test_of_two_the_one_that_runs_stays() -> None:
    assert decide("v2", [Found("a", "v2", False), Found("b", "v2", True)]) == Decision(remove=("a",), keep="b")


def test_where_none_shall_be_all_go() -> None:
    assert decide("", [Found("a", "v1", True), Found("b", "", True)]) == Decision(remove=("a", "b"))


found = st.builds(Found, st.text("abcdef", min_size=1, max_size=4), st.sampled_from(["v1", "v2", ""]), st.booleans())


@given(st.lists(found, max_size=6, unique_by=lambda one: one.engine_id), st.sampled_from(["v2", ""]))
def test_afterwards_there_is_one_of_the_right_version(have: list[Found], wanted: str) -> None:
    decision = decide(wanted, have)
    stays = [one for one in have if one.engine_id not in decision.remove]
    assert len(stays) + decision.create == bool(wanted)
    assert all(one.version == wanted and one.engine_id == decision.keep for one in stays)
    assert all(one.running or decision.start == one.engine_id for one in stays)


def entry(**mine: str) -> dict[str, Any]:
    return {"Id": "a", "Labels": {labels.PLATFORM: labels.installation(), **mine}, "State": "running", "Names": ["/x"]}


def test_only_collectors_of_this_platform_count() -> None:
    ours = entry(**{labels.HELPER: "collector", placing.VERSION: "v1"})
    theirs = {**ours, "Labels": {**ours["Labels"], labels.PLATFORM: "another"}}
    assert placing.found_in([ours, theirs, entry(), entry(**{labels.HELPER: "1234"})]) == [Found("a", "v1", True, "x")]


def test_it_may_do_nothing_but_read() -> None:
    for whole in (True, False):
        made = placing.spec("image", "v1", "/var/lib/docker", whole_tree=whole)
        assert made.cap_drop == ("ALL",)
        assert made.cap_add == ()
        assert made.read_only
        assert not made.privileged
        assert made.network == "none"
        assert made.restart_policy == "unless-stopped"
        assert all(":ro" in bind for bind in made.binds)
        assert made.limits.memory == 16 << 20
        assert made.limits.cpu_quota == 20_000
        assert made.log_opts["max-file"] == "2"
        assert labels.is_ours(made.labels)


def test_disks_are_limited_beyond_reach_so_that_the_kernel_counts() -> None:
    assert (
        placing.disks_in("loop0 vda sdab dm-0 nvme0n1 zram0 md1 sr0\nxvda")
        == "/dev/nvme0n1 /dev/sdab /dev/vda /dev/xvda"
    )
    made = placing.spec("image", "v1", "", whole_tree=True, disks="/dev/sda /dev/sdb")
    rates = made.limits.body()["BlkioDeviceWriteBps"]
    assert [one["Path"] for one in rates] == ["/dev/sda", "/dev/sdb"]
    assert rates[0]["Rate"] == 1 << 40
    assert "BlkioDeviceWriteBps" not in placing.spec("image", "v1", "", whole_tree=True).limits.body()


def test_the_image_is_named_by_what_is_in_it() -> None:
    assert image.version(b"one") != image.version(b"another")
    with tarfile.open(fileobj=BytesIO(image.context(b"program"))) as tar:
        assert {"Dockerfile", "busybox", "sh", "collect.sh", "collect.awk"} == set(tar.getnames())
        dockerfile = tar.extractfile("Dockerfile")
        assert dockerfile is not None
        assert b"USER 65534" in dockerfile.read()


class FakeEngine:
    """Answers what a test wants, and remembers what was asked of it."""

    where = "h1"
    meter: Any = None

    def __init__(self, entries: list[dict[str, Any]] | None = None, error: Exception | None = None) -> None:
        self.entries, self.error, self.calls = entries or [], error, list[str]()

    def list_containers(self, **_: Any) -> list[dict[str, Any]]:
        if self.error and not self.calls:
            raise self.error
        return self.entries

    def has_image(self, _name: str) -> bool:
        return True

    def create(self, spec: Any) -> str:
        self.calls.append(f"create {'whole' if any('rslave' in bind for bind in spec.binds) else 'files'}")
        return "new"

    def start(self, container: str) -> None:
        self.calls.append(f"start {container}")
        if self.calls[-2:] == ["create whole", "start new"]:
            raise EngineError("other", "path / is mounted on / but it is not a shared or slave mount")

    def remove(self, container: str, force: bool = False) -> None:
        self.calls.append(f"remove {container}")


@pytest.fixture
def host(db: None) -> Host:
    host = make_host("h1", cgroup_version="2")
    placing.ensure_rows()
    return host


def looked_after(host: Host, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> Collector:
    monkeypatch.setattr(placing.edge, "connect", lambda _host: engine)
    Collector.objects.filter(host=host).update(tried=None)
    assert placing.look_after(host.pk)
    return Collector.objects.get(host=host)


def test_where_mounts_are_not_shared_single_files_are_mounted(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = FakeEngine()
    row = looked_after(host, engine, monkeypatch)
    assert engine.calls == ["create whole", "start new", "remove new", "create files", "start new"]
    assert (row.state, row.container, row.reason) == ("placed", "new", "")


def test_a_host_that_takes_none_is_asked_itself_and_the_row_says_why(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(_engine: Any) -> str:
        raise NoHelper("h1 is a machine of another kind")

    monkeypatch.setattr(image, "ensure", none)
    row = looked_after(host, FakeEngine(), monkeypatch)
    assert (row.state, row.reason, row.container) == ("fallback", "h1 is a machine of another kind", "")


def test_a_server_that_measures_by_itself_gets_none(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = FakeEngine()
    engine.meter = object()
    row = looked_after(host, engine, monkeypatch)
    assert (row.state, row.reason, engine.calls) == ("server", "", [])
    assert row.read


def test_an_engine_out_of_reach_changes_nothing(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    row = looked_after(host, FakeEngine(error=EngineError("timeout", "late", "It did not answer.")), monkeypatch)
    assert (row.state, row.trouble) == ("waiting", "It did not answer.")


def test_it_is_switched_off(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    Collector.objects.update(way="off", state="placed", container="a")
    engine = FakeEngine([entry(**{labels.HELPER: "collector", placing.VERSION: "v1"})])
    row = looked_after(host, engine, monkeypatch)
    assert engine.calls == ["remove a"]
    assert (row.state, row.container) == ("off", "")
    assert not placing.due().exists()


def test_one_that_cannot_be_removed_does_not_become_measured_another_way(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    Collector.objects.update(way="off", state="off")
    engine = FakeEngine(error=EngineError("conflict", "removal in progress", "It is being removed."))
    row = looked_after(host, engine, monkeypatch)
    assert (row.state, row.trouble) == ("off", "It is being removed.")


def test_two_workers_do_not_place_it_twice(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    looked_after(host, FakeEngine(), monkeypatch)
    assert not placing.look_after(host.pk)


def test_due_is_what_is_new_or_old_or_in_trouble(host: Host) -> None:
    assert placing.due().exists()
    version = placing.version_for(image.wanted_version())
    Collector.objects.update(state="placed", version=version, tried=timezone.now())
    assert not placing.due().exists()
    past = timezone.now() - placing.SOON * 2
    Collector.objects.update(tried=past)
    assert not placing.due().exists()
    for change in ({"version": "older"}, {"trouble": "gone"}, {"way": "off"}, {"way": "ssh"}):
        Collector.objects.update(tried=past, **change)
        assert placing.due().exists(), change
        Collector.objects.update(version=version, trouble="", way="container")
    Host.objects.update(state="unreachable")
    Collector.objects.update(trouble="gone")
    assert not placing.due().exists()
