"""Settings, plan, health and drift: pure functions."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from containers import health, leases, spec
from containers.config import Config, difference, parse
from containers.config_volumes import check_folders
from containers.converge import Seen, Stored, drift
from containers.plan import HostView, InstanceView, Policy, make_plan
from hosts.engine import Limits, create_body
from xqplatform.errors import Refused

HOSTS = [HostView(n, f"h{n}", cpus=8, memory=16 << 30) for n in (1, 2, 3)]


def instances(count: int, **fields: Any) -> list[InstanceView]:
    return [InstanceView(n, n, 1 + n % 3, **fields) for n in range(1, count + 1)]


def plan(**fields: Any) -> Any:
    base: dict[str, Any] = {
        "kind": "deploy", "instances": [], "hosts": HOSTS, "wanted": 3, "config": Config(memory=64 << 20, cpus=1),
        "policy": Policy(), "image": "v2",
    }  # fmt: skip
    return make_plan(**{**base, **fields})


def test_settings_survive_json() -> None:
    config = parse({"memory": "512m", "env": {"A": "1"}, "volumes": [{"source": "data", "target": "/data"}]})
    assert config.memory == 512 << 20
    assert parse(config.to_json()) == config
    assert difference(Config(), parse({"env": {"A": "1"}})) == [("env.A", None, "1")]


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"cpus": "x"}, "cpus"), ({"cpus": float("nan")}, "cpus"), ({"cpus": True}, "cpus"), ({"memory": "1k"}, "memory"),
        ({"memory": []}, "memory"), ({"env": {"1A": "x"}}, "env"), ({"env": {"A": 1}}, "env"), ({"env": 3}, "env"),
        ({"volumes": [{"source": "/etc", "target": "/"}]}, "volumes"), ({"volumes": ["x"]}, "volumes"),
        ({"health": {"kind": "x"}}, "health.kind"), ({"health": {"kind": "http", "path": "/a b"}}, "health.path"),
        ({"health": {"kind": "command"}}, "health.command"), ({"health": 1}, "health"), ({"nope": 1}, "nope"),
        ({"stop_signal": "rm -rf"}, "stop_signal"), ({"restart_policy": "x"}, "restart_policy"),
        ({"tmpfs": ["tmp"]}, "tmpfs"), ({"read_only": "yes"}, "read_only"), ({"pids": 1.5}, "pids"),
        ({"env": {"A": "1"}, "secret_names": ["A"]}, "env"), ([], None), (None, None),
    ],
)  # fmt: skip
def test_nonsense_settings_are_refused_with_their_field(data: Any, field: str | None) -> None:
    with pytest.raises(Refused) as refused:
        parse(data)
    assert refused.value.field == field


@hypothesis_settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from([*Config.__dataclass_fields__, "x"]),
        st.recursive(
            st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
            lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
            max_leaves=4,
        ),
        max_size=4,
    )
)
def test_any_json_is_read_or_refused(data: dict[str, Any]) -> None:
    try:
        config = parse(data)
    except Refused:
        return
    assert parse(config.to_json()) == config


def test_host_folders_lie_below_the_services_own_root() -> None:
    good = parse({"volumes": [{"source": "/data/services/snow/x", "target": "/x"}]})
    check_folders(good.volumes, "snow", ["/data/services"])
    for path in ("/etc", "/data/services/other/x", "/data/services/snow/../other", "/data/services/snow"):
        bad = parse({"volumes": [{"source": path, "target": "/x"}]})
        with pytest.raises(Refused):
            check_folders(bad.volumes, "snow", ["/data/services"])


def test_the_container_says_what_it_is() -> None:
    place = spec.Place("snow", "grey", 3, 77, network="xq-lan", ip="10.0.0.5", mac="02:42:0a:00:00:05")
    config = parse({"health": {"kind": "http", "port": 8080, "path": "/up"}, "secret_names": ["KEY"], "persist": True})
    made = spec.container_spec(
        place, config, {"KEY": "s"}, "img@sha256:1", platform="me", deployment=9, step="12", config_version=4
    )
    body = create_body(made, "1.41")
    assert body["Hostname"] == made.name == "snow-grey-3"
    assert body["Labels"]["xq.step"] == "12"
    assert body["MacAddress"] == "02:42:0a:00:00:05"
    assert body["NetworkingConfig"]["EndpointsConfig"]["xq-lan"]["IPAMConfig"] == {"IPv4Address": "10.0.0.5"}
    assert body["HostConfig"]["Memory"] == body["HostConfig"]["MemorySwap"] == 8 << 30
    assert body["HostConfig"]["CpuQuota"] == 400_000
    assert "xq-vol-snow-grey-3.persist:/persist" in body["HostConfig"]["Binds"]
    assert "8080/up" in body["Healthcheck"]["Test"][1]
    assert "KEY=s" in body["Env"]


def test_a_release_begins_with_one_and_goes_on_in_batches_over_hosts() -> None:
    found = plan(instances=instances(7), wanted=7, policy=Policy(batch=3))
    assert [e.batch for e in found.entries] == [0, 1, 1, 1, 2, 2, 2]
    assert len({e.host for e in found.entries[1:4]}) == 3
    assert found.fits


def test_more_of_what_runs_comes_all_at_once() -> None:
    """Nothing that serves is interrupted and the image is the one that runs: there is no gate to wait at."""
    found = plan(kind="scale", instances=instances(2), wanted=20)
    assert [e.batch for e in found.entries] == [0] * 18
    assert found.batch_size == 18
    some = plan(kind="scale", instances=instances(2), wanted=20, policy=Policy(batch=6))
    assert [e.batch for e in some.entries] == [0] * 6 + [1] * 6 + [2] * 6


def test_what_is_not_healthy_goes_first() -> None:
    some = [InstanceView(1, 1, 1), InstanceView(2, 2, 2), InstanceView(3, 3, 3, healthy=False, running=False)]
    assert plan(instances=some).entries[0].number == 3


def test_new_instances_are_spread_and_avoid_unfit_hosts() -> None:
    hosts = [HOSTS[0], HostView(2, "h2", unfit="cordoned: disk"), HOSTS[2]]
    found = plan(hosts=hosts, wanted=4)
    assert sorted(e.host_name for e in found.entries) == ["h1", "h1", "h3", "h3"]
    none = plan(hosts=[hosts[1]], wanted=1)
    assert "cordoned: disk" in none.refusal()


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"segment": "lan", "free_addresses": 2}, "1 more free address in segment lan"),
        ({"config": Config(memory=100 << 30)}, "memory"),
        ({"config": Config(memory=64 << 20, cpus=300)}, "CPU"),
        ({"hosts": [HostView(1, "h1", missing=("health checks: needs API 1.24",))]}, "health checks"),
        ({"instances": instances(3, address="10.0.0.1"), "policy": Policy(order="start-first")}, "tart-first"),
        ({"instances": instances(3), "only_on": 1}, "another host only"),
        ({"only_on": 9}, "no registry"),
        ({"kind": "restart", "instances": instances(2), "numbers": [7]}, "no instance 7"),
        ({"kind": "scale", "instances": instances(3)}, "already"),
    ],
)
def test_what_does_not_fit_is_said(fields: dict[str, Any], words: str) -> None:
    found = plan(**fields)
    assert not found.fits
    assert words in found.refusal()


def test_sizes_of_batches() -> None:
    assert Policy.parse({"batch": "25%"}).size(10) == 2
    assert Policy.parse({"batch": "1%"}).size(10) == 1
    assert Policy.parse({"batch": "3"}).size(10) == 3


def seen(status: str = "running", check: str | None = None, restarts: int = 0, **state: Any) -> dict[str, Any]:
    test = ["CMD", "x"] if check else []
    health_ = {"Health": {"Status": check, "Log": []}} if check else {}
    return {
        "State": {"Status": status, "Running": status == "running", **health_, **state},
        "Config": {"Healthcheck": {"Test": test}},
        "RestartCount": restarts,
    }


@pytest.mark.parametrize(
    ("what", "ran", "state"),
    [
        (seen(check="healthy"), 0, "healthy"), (seen(check="starting"), 99, "starting"),
        (seen(check="unhealthy"), 9, "starting"), (seen(), 0.2, "starting"), (seen(), 1.5, "healthy"),
        (seen("exited", ExitCode=3), 0, "failed"), (seen("restarting"), 0, "starting"), (seen(restarts=3), 9, "failed"),
    ],
)  # fmt: skip
def test_health(what: dict[str, Any], ran: float, state: str) -> None:
    assert health.judge(what, ran).state == state


def test_an_oom_kill_is_said() -> None:
    assert "memory" in health.judge(seen("exited", OOMKilled=True, ExitCode=137), 0).why


STORED = Stored("running", "abc", frozenset({"sha256:1"}), "v1", Limits.of(1, 64 << 20))


@pytest.mark.parametrize(
    ("found", "what"),
    [
        (None, ["container"]),
        (Seen("abc", "running", "", "sha256:1"), []),
        (Seen("abc", "exited", "", "sha256:1"), ["state"]),
        (Seen("xyz", "running", "", "sha256:2"), ["container", "image"]),
        (Seen("abc", "running", "", "sha256:1", {"Memory": 1, "CpuQuota": 100_000}), ["memory"]),
        (Seen("abc", "running", "", "sha256:1", {"Memory": 64 << 20, "NanoCpus": 2_000_000_000}), ["cpus"]),
    ],
)
def test_drift(found: Seen | None, what: list[str]) -> None:
    assert [one["what"] for one in drift(STORED, found)] == what


def test_a_lease_of_a_dead_process_is_known_at_once() -> None:
    own = leases.own_text()
    assert not leases.is_dead(own)
    machine, _pid, started, token = own.rsplit("/", 3)
    assert leases.is_dead(f"{machine}/999999999/{started}/{token}")
    assert leases.is_dead(f"{machine}/{_pid}/1/{token}")
    assert not leases.is_dead(f"elsewhere/1/2/3/{started}/{token}")
