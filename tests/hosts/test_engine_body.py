"""The create call for engines of different ages."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hosts.engine_body import ContainerSpec, Healthcheck, Limits, create_body, missing_features, version_tuple

MAC, IP = "02:42:0a:01:02:03", "10.1.2.3"
VERSIONS = st.integers(24, 60).map(lambda minor: f"1.{minor}")
WORDS = st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=12)
SPECS = st.builds(
    ContainerSpec,
    name=st.just("snow-1"),
    image=st.just("snow:1"),
    command=st.none() | st.lists(WORDS, max_size=3).map(tuple),
    env=st.dictionaries(WORDS, WORDS, max_size=3),
    network=st.sampled_from(["", "xq-prod"]),
    ip=st.sampled_from(["", IP]),
    mac=st.sampled_from(["", MAC]),
    limits=st.builds(Limits, cpu_quota=st.integers(0, 800_000), memory=st.integers(0, 2**40), swap=st.booleans()),
    healthcheck=st.none() | st.builds(Healthcheck, st.just(("CMD", "true")), start_period=st.floats(0, 600)),
    stop_timeout=st.none() | st.integers(0, 600),
    init=st.booleans(),
)


@given(SPECS, VERSIONS)
def test_mac_address_stands_exactly_once(spec: ContainerSpec, version: str) -> None:
    text = json.dumps(create_body(spec, version))
    assert text.count(MAC) == (1 if spec.mac else 0)


@given(SPECS, VERSIONS)
def test_swap_is_off_unless_asked_for(spec: ContainerSpec, version: str) -> None:
    host = create_body(spec, version)["HostConfig"]
    if spec.limits.memory and not spec.limits.swap:
        assert host["MemorySwap"] == host["Memory"]


@given(SPECS)
def test_nothing_is_missing_on_a_current_engine(spec: ContainerSpec) -> None:
    assert missing_features(spec, "1.44") == []


@given(SPECS, VERSIONS)
def test_what_is_left_out_is_said(spec: ContainerSpec, version: str) -> None:
    body, missing = create_body(spec, version), missing_features(spec, version)
    left_out = (
        (spec.stop_timeout is not None and "StopTimeout" not in body)
        or (spec.init and "Init" not in body["HostConfig"])
        or (spec.healthcheck and spec.healthcheck.start_period and "StartPeriod" not in body["Healthcheck"])
    )
    assert bool(left_out) == bool(missing)


@pytest.mark.parametrize(("version", "top"), [("1.24", True), ("1.43", True), ("1.44", False), ("1.51", False)])
def test_mac_address_moves_to_the_endpoint_with_1_44(version: str, top: bool) -> None:
    body = create_body(ContainerSpec("a1", "i", network="n", ip=IP, mac=MAC), version)
    endpoint = body["NetworkingConfig"]["EndpointsConfig"]["n"]
    assert endpoint["IPAMConfig"] == {"IPv4Address": IP}
    assert (body.get("MacAddress") == MAC, endpoint.get("MacAddress") == MAC) == (top, not top)


def test_a_full_spec() -> None:
    spec = ContainerSpec(
        "snow-1",
        "snow@sha256:ab",
        command=("serve",),
        entrypoint=("/sbin/init",),
        env={"A": "1"},
        labels={"xq.service": "snow"},
        hostname="snow-1",
        network="xq-prod",
        dns=("10.0.0.1",),
        dns_search=(".",),
        extra_hosts={"db": "10.0.0.2"},
        limits=Limits.of(4, 8 << 30, 512),
        read_only=True,
        tmpfs={"/tmp": "size=64m"},
        binds=("/persist/10.1.2.3:/persist",),
        healthcheck=Healthcheck(("CMD-SHELL", "true"), interval=1, timeout=2, start_period=3, retries=4),
        stop_signal="SIGQUIT",
        stop_timeout=5,
        restart_policy="on-failure",
        restart_retries=2,
        log_opts={"max-size": "10m"},
        init=True,
    )
    assert create_body(spec, "1.41") == {
        "Image": "snow@sha256:ab",
        "Cmd": ["serve"],
        "Entrypoint": ["/sbin/init"],
        "Env": ["A=1"],
        "Labels": {"xq.service": "snow"},
        "Hostname": "snow-1",
        "StopSignal": "SIGQUIT",
        "StopTimeout": 5,
        "Healthcheck": {
            "Test": ["CMD-SHELL", "true"],
            "Interval": 1_000_000_000,
            "Timeout": 2_000_000_000,
            "StartPeriod": 3_000_000_000,
            "Retries": 4,
        },
        "HostConfig": {
            "CpuPeriod": 100_000,
            "CpuQuota": 400_000,
            "Memory": 8 << 30,
            "MemorySwap": 8 << 30,
            "PidsLimit": 512,
            "Privileged": False,
            "ReadonlyRootfs": True,
            "NetworkMode": "xq-prod",
            "RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 2},
            "LogConfig": {"Type": "json-file", "Config": {"max-size": "10m"}},
            "Init": True,
            "Dns": ["10.0.0.1"],
            "DnsSearch": ["."],
            "ExtraHosts": ["db:10.0.0.2"],
            "Tmpfs": {"/tmp": "size=64m"},
            "Binds": ["/persist/10.1.2.3:/persist"],
        },
    }


def test_an_empty_command_differs_from_none() -> None:
    assert create_body(ContainerSpec("a1", "i", command=()), "1.41")["Cmd"] == []
    assert "Cmd" not in create_body(ContainerSpec("a1", "i"), "1.41")


@pytest.mark.parametrize(("text", "value"), [("1.41", (1, 41)), ("", (0, 0)), ("x.y", (0, 0)), ("2.0", (2, 0))])
def test_versions_compare_as_numbers(text: str, value: tuple[int, int]) -> None:
    assert version_tuple(text) == value
