"""The test hosts' own sshd, files and `systemctl`: what tests of host operations take for granted."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest

from hosts import shell
from hosts.models import SshAccess
from tests.engines.fleet import Fleet
from tests.engines.images import tiny_image
from tests.factories import make_host

pytestmark = [pytest.mark.engine, pytest.mark.django_db]


def test_each_host_is_a_machine_of_its_own(clean_fleet: Fleet) -> None:
    one, two = clean_fleet.hosts[:2]
    row, other = make_host(one.name), make_host(two.name)
    one.ssh.access(row)
    two.ssh.access(other)
    with shell.connect(row) as sh:
        assert sh.must(["id", "-un"]).out == "root\n"
        assert SshAccess.objects.get(host=row).host_key == one.ssh.host_key
        assert one.address in sh.must(["ip", "-o", "address", "show", "dev", "br0"]).out
        settings = json.loads(sh.read("/etc/docker/daemon.json") or "")
        assert settings["data-root"] == str(one.data_root)
        sh.write("/etc/sysctl.d/90-xq.conf", "net.ipv4.ip_forward = 0\n")
        assert (one.etc / "sysctl.d/90-xq.conf").exists()
        assert sh.must(["docker", "info", "--format", "{{.DockerRootDir}}"]).out.strip() == str(one.data_root)
        sh.must(["sysctl", "-w", "net.ipv4.conf.br0.arp_ignore=1"])
        # What a command leaves in the background holds nobody up.
        assert sh.run(["sh", "-c", "sleep 1000 & echo begun"], timeout=60).out == "begun\n"
    with shell.connect(other) as sh:
        assert sh.read("/etc/sysctl.d/90-xq.conf") is None
        assert sh.must(["sysctl", "-n", "net.ipv4.conf.br0.arp_ignore"]).out == "0\n"
    assert not Path("/etc/sysctl.d/90-xq.conf").exists()
    clean_fleet.clean()
    assert not (one.etc / "sysctl.d/90-xq.conf").exists()


def test_systemctl_restarts_this_engine_with_its_daemon_json(clean_fleet: Fleet) -> None:
    host = clean_fleet.hosts[0]
    row = make_host(host.name)
    host.ssh.access(row)

    def level() -> Any:
        with contextlib.closing(host.local_client()) as client:
            return client.info()["Labels"]

    with contextlib.closing(host.client()) as client:
        tiny_image(client, "ssh-test:1", healthcheck=False)
        made = client.create_container("ssh-test:1", name="lives", command=["sleep", "600"])
        client.start(made["Id"])
    with shell.connect(row) as sh:
        path = "/etc/docker/daemon.json"
        before = json.loads(sh.read(path) or "")
        sh.write(path, json.dumps({**before, "labels": ["new=1"]}))
        sh.must(["systemctl", "restart", "docker"], timeout=120)
        assert level() == ["new=1"]
        with contextlib.closing(host.client()) as client:
            assert client.inspect_container("lives")["State"]["Running"], "it survived"
        assert host.running
        sh.write(path, '{"no-such-setting": 1}')
        ran = sh.run(["systemctl", "restart", "docker"], timeout=120)
        assert ran.code == 1
        assert "no-such-setting" in ran.err
        ran = sh.run(["systemctl", "is-active", "docker"])
        assert (ran.code, ran.out) == (3, "inactive\n")
        assert not host.running
    clean_fleet.clean()
    assert not level()
