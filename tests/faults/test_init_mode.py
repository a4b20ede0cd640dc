"""Init mode on real engines: small machines with the init of busybox and with systemd."""

from __future__ import annotations

import contextlib
import socket
from typing import Any

import pytest

from builds import sample_base
from builds.models import Image
from containers.models import Container, Instance
from containers.services import init_images, releases
from containers.services.settings import save_config
from tests.engines import systemd
from tests.engines.images import rootfs_image, tiny_image
from tests.faults.conftest import CONFIG, Site, wait_for
from xqplatform.errors import Refused

pytestmark = pytest.mark.engine


def image(site: Site, name: str, image_id: str) -> Image:
    """An image that only the first host has."""
    return Image.objects.create(
        project=site.project, repository="machine", tag=name, image_id=image_id, only_on=site.hosts[0]
    )


def settings(site: Site, **more: Any) -> None:
    site.place.wanted = 1
    site.place.save()
    save_config(site.actor, site.place, {**CONFIG, "init": "image", "memory": "128m", "stop_timeout": 60, **more})


def deployed(site: Site, made: Image) -> str:
    """Releases it; the container's id."""
    site.succeeds(releases.deploy(site.actor, site.place, made, policy={"deadline": 90}, reason="a machine"))
    return Container.objects.get(ended=None).engine_id


def said(address: str, port: int, question: bytes = b"") -> bytes:
    """What answers there; nothing while nobody does."""
    with contextlib.suppress(OSError), socket.create_connection((address, port), timeout=5) as connection:
        connection.sendall(question)
        return connection.recv(200)
    return b""


def ends_by_itself(site: Site, engine_id: str) -> int:
    """Stops the instance; its exit code, which is not that of a killed one."""
    site.succeeds(releases.stop(site.actor, site.place, None))
    with contextlib.closing(site.fleet.hosts[0].local_client()) as client:
        state = client.inspect_container(engine_id)["State"]
    assert state["Status"] == "exited"
    assert state["ExitCode"] != 137, "it was killed at the end of its time"
    return int(state["ExitCode"])


@pytest.mark.timeout(400)  # cron looks at its table once a minute
def test_busybox_as_init_with_sshd_cron_and_logrotate(site: Site) -> None:
    with contextlib.closing(site.fleet.hosts[0].local_client()) as client:
        plain = image(site, "plain", tiny_image(client, "machine:plain"))
        base = image(
            site, "base", rootfs_image(client, "machine:base", sample_base.DOCKERFILE, sample_base.root_files())
        )
        settings(site)

        # An image that is no machine is refused by the plan, and each rule that it breaks is named.
        init_images.examine(plain.pk)
        with pytest.raises(Refused) as refused:
            releases.deploy(site.actor, site.place, plain)
        for word in ("/sbin/init", "entrypoint", "CMD", "/etc/rc.local"):
            assert word in refused.value.message

        engine_id = deployed(site, base)
        seen = client.inspect_container(engine_id)
        assert (seen["Path"], seen["Args"]) == ("/sbin/init", [])
        assert not seen["HostConfig"]["Privileged"]
        address = Instance.objects.get().address
        assert address is not None
        assert said(address.ip, 22).startswith(b"SSH-2.0-OpenSSH")

        def inside(command: str) -> str:
            made = client.exec_create(engine_id, ["/bin/sh", "-c", command])
            return str(client.exec_start(made["Id"]).decode())

        # cron starts logrotate, which rotates a log that has grown.
        inside("dd if=/dev/zero of=/var/log/app.log bs=1M count=2")
        wait_for("cron has had the log rotated", lambda: "app.log.1" in inside("ls /var/log"), 180)
        ends_by_itself(site, engine_id)


def test_systemd_as_init(site: Site) -> None:
    with contextlib.closing(site.fleet.hosts[0].local_client()) as client:
        made = image(site, "systemd", rootfs_image(client, "machine:systemd", systemd.DOCKERFILE, systemd.files()))
    settings(site, health={"kind": "none"})
    engine_id = deployed(site, made)
    address = Instance.objects.get().address
    assert address is not None
    wait_for("the start list was run", lambda: said(address.ip, 80, b"GET / HTTP/1.0\r\n\r\n").startswith(b"HTTP/1"))
    assert ends_by_itself(site, engine_id) == 0
