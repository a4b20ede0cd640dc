"""What is decided about system containers without talking to a server."""

from __future__ import annotations

import base64
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hosts.engine import ContainerSpec, EngineError, Limits, NetworkSpec, missing_features
from hosts.engine_body import Healthcheck
from hosts.lxd import making, roots, shape, trust
from hosts.runtimes import TRAITS, unsuited

NETWORK = NetworkSpec("lan", "10.1.2.0/24", "10.1.2.1")


def made(name: str, status: str = "Stopped", **spec: Any) -> dict[str, Any]:
    body = making.create_body(
        ContainerSpec(name, "store:1", network="lan", ip="10.1.2.9", mac="02:42:0a:01:02:09", **spec),
        "f" * 64,
        NETWORK,
        "default",
        {},
    )
    config = body["config"] | {"volatile.uuid": f"id-{name}"}
    return {
        "name": name,
        "status": status,
        "config": config,
        "devices": body["devices"],
        "last_used_at": "2026-01-02T03:04:05Z",
    }


# --- Making and starting ------------------------------------------------------------------------------------------------


def test_what_an_instance_is_made_of() -> None:
    spec = ContainerSpec(
        "store-prod-1", "store:1", env={"A": "b c"}, labels={"xq.service": "store"}, hostname="store-prod-1", network="lan",
        ip="10.1.2.9", mac="02:42:0a:01:02:09", limits=Limits.of(0.5, 1 << 26, 50), binds=("data:/data", "/srv/x:/x:ro"),
        healthcheck=Healthcheck(("CMD", "ok"), interval=2), stop_timeout=7, restart_policy="unless-stopped",
    )  # fmt: skip
    image = {"xq.env": '["A=image", "PATH=/bin"]', "xq.healthcheck": '{"Test": ["CMD", "image"]}'}
    body = making.create_body(spec, "f" * 64, NETWORK, "default", image)
    config = body["config"]
    assert (config["environment.A"], config["environment.PATH"]) == ("b c", "/bin")
    assert config["limits.cpu.allowance"] == "50ms/100ms"
    assert config["limits.memory"] == f"{1 << 26}B"
    assert config["raw.lxc"].splitlines() == [
        "lxc.uts.name = store-prod-1", "lxc.net.0.ipv4.address = 10.1.2.9/24", "lxc.net.0.ipv4.gateway = 10.1.2.1",
    ]  # fmt: skip
    assert body["devices"]["data1"] == {"type": "disk", "source": "data", "path": "/data", "pool": "default"}
    assert body["devices"]["data2"] == {
        "type": "disk",
        "source": "/srv/x",
        "path": "/x",
        "shift": "true",
        "readonly": "true",
    }
    instance = {"name": "store-prod-1", "status": "Stopped", **body, "last_used_at": "1970-01-01T00:00:00Z"}
    seen = shape.inspected(instance)
    assert seen["State"]["Status"] == "created"
    assert seen["Config"]["Labels"] == {"xq.service": "store"}
    assert seen["Config"]["Healthcheck"]["Test"] == ["CMD", "ok"]
    assert seen["NetworkSettings"]["Networks"]["lan"]["IPAMConfig"] == {"IPv4Address": "10.1.2.9"}
    assert seen["HostConfig"]["CpuQuota"] == 50_000
    assert seen["HostConfig"]["Memory"] == 1 << 26


@pytest.mark.parametrize("name", ["1st", "a_b", "-a", "a" * 64, "a.b", ""])
def test_names_that_a_server_does_not_take(name: str) -> None:
    with pytest.raises(EngineError):
        making.create_body(ContainerSpec(name, "x"), "f", None, "default", {})


def test_one_that_replaces_another_takes_its_name_and_its_address() -> None:
    old, new = made("store-1", hostname="store-1"), made("store-1-next", hostname="store-1")
    changes = making.before_start(new, [old, new])
    assert [(one.of, one.name) for one in changes] == [
        ("store-1", ""),
        ("store-1", "store-1-prev"),
        ("store-1-next", "store-1"),
    ]
    assert "hwaddr" not in changes[0].devices["eth0"]

    # Back again: the old one, now under another name and without its address, gets both back.
    old["name"], old["devices"] = "store-1-prev", changes[0].devices
    new["name"] = "store-1"
    back = making.before_start(old, [old, new])
    assert [(one.of, one.name) for one in back] == [
        ("store-1", ""), ("store-1", "store-1-prev1"), ("store-1-prev", ""), ("store-1-prev", "store-1"),
    ]  # fmt: skip
    assert back[2].devices["eth0"]["hwaddr"] == "02:42:0a:01:02:09"


def test_what_another_platform_made_gives_way_to_nobody() -> None:
    new = made("store-1-next", hostname="store-1", labels={"xq.platform": "a", "xq.instance": "1"})
    for labels in ({"xq.platform": "b", "xq.instance": "1"}, {"xq.platform": "a", "xq.instance": "2"}):
        assert making.before_start(new, [made("store-1", hostname="store-1", labels=labels), new]) == []


def test_what_runs_or_is_not_ours_gives_way_to_nobody() -> None:
    new = made("store-1-next", hostname="store-1")
    running = made("store-1", "Running", hostname="store-1")
    foreign = {"name": "store-1", "status": "Stopped", "config": {}, "devices": running["devices"]}
    assert making.before_start(new, [running, new]) == []
    assert making.before_start(new, [foreign, new]) == []


@given(
    st.lists(st.tuples(st.booleans(), st.booleans(), st.sampled_from(["store-1", "store-2"])), max_size=5),
    st.sampled_from(["store-1", "store-2"]),
)
def test_names_stay_unique_and_an_address_has_one_holder(others: list[tuple[bool, bool, str]], wanted: str) -> None:
    """Whatever stands there: the changes, made in their order, never give a name twice, and touch nothing that runs."""
    mine = made("mine", hostname=wanted)
    there: dict[str, dict[str, Any]] = {"mine": mine}
    for number, (runs, named, its) in enumerate(others):
        name = its if named and its not in there else f"other-{number}"
        there[name] = made(name, "Running" if runs else "Stopped", hostname=its)
    for change in making.before_start(mine, list(there.values())):
        one = there[change.of]
        assert one["status"] != "Running"
        if change.name:
            assert change.name not in there
            there[change.name] = there.pop(change.of) | {"name": change.name}
        else:
            one["devices"] = dict(change.devices)
    stopped_holders = [
        one for one in there.values() if one["devices"]["eth0"].get("hwaddr") and one["status"] == "Stopped"
    ]
    assert [one["config"]["volatile.uuid"] for one in stopped_holders] == ["id-mine"]


# --- Reading ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "bytes_"), [("64MiB", 1 << 26), ("1GB", 10**9), ("512", 512), ("50%", 0), ("", 0), ("9" * 5000 + "x", 0)]
)
def test_sizes(text: str, bytes_: int) -> None:
    assert shape.size(text) == bytes_


def test_events_in_the_other_runtime_s_words() -> None:
    said = {"metadata": {"action": "instance-renamed", "context": {"old_name": "a"}}}
    event = shape.event(said, "rename", "id-b", {"xq.service": "s"}, name="b", moment=12.5)
    assert (event["Action"], event["timeNano"]) == ("rename", 12_500_000_000)
    assert event["Actor"] == {"ID": "id-b", "Attributes": {"xq.service": "s", "oldName": "a", "name": "b"}}
    ran = {"metadata": {"action": "instance-exec", "context": {"command": ["ls", "-l"]}}}
    assert shape.event(ran, "exec_create", "id-b", {}, name="b", moment=1)["Action"] == "exec_create: ls -l"
    assert "storage-pool-created" not in shape.ACTIONS


def test_which_services_go_where() -> None:
    assert unsuited("lxd", "stateless", {"lxd"})
    assert not unsuited("lxd", "stateful", {"docker", "lxd"})
    assert unsuited("docker", "stateful", {"docker", "lxd"})
    assert not unsuited("docker", "stateful", {"docker"})
    assert not unsuited("docker", "stateless", {"docker", "lxd"})
    assert {traits.port for traits in TRAITS.values()} == {2376, 8443}


def test_what_a_system_container_has_not() -> None:
    assert missing_features(ContainerSpec("a", "b", read_only=True, command=("x",)), "lxd") != []
    assert missing_features(ContainerSpec("a", "b"), "lxd") == []


# --- Trust --------------------------------------------------------------------------------------------------------------


def test_tokens_and_fingerprints() -> None:
    text = base64.b64encode(
        json.dumps({"fingerprint": "AB" * 32, "addresses": ["1.2.3.4:8443"], "secret": "s"}).encode()
    ).decode()
    token = trust.token_of(f" {text[:20]}\n{text[20:]} ")
    assert token is not None
    assert (token.text, token.fingerprint, token.addresses) == (text, "ab" * 32, ("1.2.3.4:8443",))
    assert trust.plain_fingerprint("SHA256: AB:CD 12") == "abcd12"


@given(st.text(max_size=50))
def test_what_is_no_token_is_a_password(text: str) -> None:
    assert trust.token_of(text) is None
    assert set(trust.plain_fingerprint(text)) <= set("0123456789abcdef")


# --- Images -------------------------------------------------------------------------------------------------------------


def layer(path: Path, *entries: tuple[str, str | None]) -> Path:
    """A layer: files with their text, folders (None), hard links («=target»)."""
    with tarfile.open(path, "w:gz") as tar:
        for name, text in entries:
            one = tarfile.TarInfo(name)
            if text is None:
                one.type, one.mode = tarfile.DIRTYPE, 0o755
                tar.addfile(one)
            elif text.startswith("="):
                one.type, one.linkname = tarfile.LNKTYPE, text[1:]
                tar.addfile(one)
            else:
                one.size, one.mode = len(text), 0o755
                tar.addfile(one, io.BytesIO(text.encode()))
    return path


def written(folder: Path, *files: Path, most: int = 1 << 20) -> dict[str, str]:
    out = folder / "out.tar"
    roots.write(roots.Layers(files, {}), b"{}", out, most)
    with tarfile.open(out) as tar:
        names = [one.name for one in tar]
        assert len(names) == len(set(names)), "nothing is in it twice"
        found = {}
        for one in tar:
            file = tar.extractfile(one) if one.isreg() or one.islnk() else None
            found[one.name] = file.read().decode() if file is not None else ""
        return found


def test_layers_lie_upon_one_another(tmp_path: Path) -> None:
    low = layer(
        tmp_path / "1", ("sbin/", None), ("sbin/init", "old"), ("etc/", None), ("etc/a", "1"), ("etc/b", "2"), ("old/", None),
        ("old/x", "3"), ("new/", None), ("new/y", "4"), ("first", "same"), ("second", "=first"),
    )  # fmt: skip
    high = layer(
        tmp_path / "2", ("sbin/init", "new"), ("etc/.wh.a", ""), (".wh.old", ""), ("new/", None), ("new/.wh..wh..opq", ""),
        ("new/z", "5"), ("first", "changed"),
    )  # fmt: skip
    found = written(tmp_path, low, high)
    assert {name: text for name, text in found.items() if text and name != "metadata.yaml"} == {
        "rootfs/sbin/init": "new", "rootfs/etc/b": "2", "rootfs/new/z": "5", "rootfs/first": "changed", "rootfs/second": "same",
    }  # fmt: skip


@pytest.mark.parametrize("name", ["../x", "a/../../x", "/../x"])
def test_nothing_leads_out_of_the_root(tmp_path: Path, name: str) -> None:
    with pytest.raises(roots.Unusable):
        written(tmp_path, layer(tmp_path / "1", ("sbin/init", "x"), (name, "y")))


def test_bad_images(tmp_path: Path) -> None:
    with pytest.raises(roots.Unusable, match="init"):
        written(tmp_path, layer(tmp_path / "1", ("bin/sh", "x")))
    with pytest.raises(roots.Unusable, match="room"):
        written(tmp_path, layer(tmp_path / "2", ("sbin/init", "x" * 5000)), most=4000)
    (tmp_path / "3").write_bytes(b"no tar at all")
    with pytest.raises(roots.Unusable, match="cannot be read"):
        written(tmp_path, tmp_path / "3")
    with pytest.raises(roots.Unusable, match="aarch64"):
        roots.metadata("x", {"architecture": "arm64"}, "x86_64")
    assert json.loads(roots.metadata("x", {"architecture": "amd64"}, "x86_64"))["properties"]["xq.reference"] == "x"
