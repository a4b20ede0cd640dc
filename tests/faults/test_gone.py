"""A browser that goes away: what the server did for it ends, on the engine and the broker as well; the work goes on."""

from __future__ import annotations

import http.client
import socket
import struct
import threading
from pathlib import Path
from typing import Any

import pytest
import redis
from django.test import Client

from builds import sample
from builds.models import Build, Project
from builds.services.builds import start_build
from containers.logs import seats
from containers.logs.reader import Reader
from containers.models import Deployment
from hosts.models import Host
from tests.builds.conftest import commit
from tests.faults.conftest import Site, wait_for
from tests.site import Site as Server
from xqplatform.live import views as live_views

pytestmark = pytest.mark.engine
SLOW = (
    "FROM scratch\nCOPY busybox /bin/busybox\nCOPY busybox /bin/sh\nENV PATH=/bin\nRUN echo begun && busybox sleep 6\n"
)


class Browser:
    """One page's stream over a real connection."""

    def __init__(self, server: Server, person: Any, path: str) -> None:
        client = Client()
        client.force_login(person)
        cookie = "; ".join(f"{name}={one.value}" for name, one in client.cookies.items())
        self.connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=90)
        self.connection.request("GET", path, headers={"Cookie": cookie, "Accept": "text/event-stream"})
        self.answer = self.connection.getresponse()
        assert self.answer.status == 200, self.answer.read()

    def hears(self, text: str) -> None:
        """Reads on until a line has the text; the connection's own limit is the patience."""
        while text not in (line := self.answer.readline().decode()):
            assert line, f"the stream ended without {text}"

    def leave(self, abruptly: bool) -> None:
        """As a closed tab does (FIN), or as a machine that crashes (RST)."""
        sock = self.connection.sock or self.answer.fp.raw._sock  # type: ignore[attr-defined]
        if abruptly:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.answer.close()
        self.connection.close()


def readers() -> set[threading.Thread]:
    return {one for one in threading.enumerate() if isinstance(one, Reader)}


@pytest.mark.timeout(400)
def test_streams_end_with_their_browsers_and_the_build_goes_on(
    site: Site, live_server_with_worker: Server, broker: str, sre: Any, tmp_path: Path
) -> None:
    server, queue = live_server_with_worker, redis.Redis.from_url(broker)

    def listeners() -> set[str]:
        return {one["id"] for one in queue.client_list(_type="pubsub")}

    site.place.wanted = 1
    site.place.save()
    row = site.deploy("v1")
    site.ended(row, "succeeded")
    Host.objects.update(role_build=True)
    entries = {"Dockerfile": (0o100644, SLOW.encode()), "busybox": (0o100755, sample.static_busybox())}
    commit(tmp_path / "slow.git", entries)
    build = start_build(site.actor, Project.objects.create(name="slow", repository=str(tmp_path / "slow.git")))
    # Other tests of this process may have left some.
    old_readers, old_listeners, old_logs, old_pages = readers(), listeners(), seats.taken()[0], live_views._open
    paths = {
        f"/builds/{build.pk}/log/stream": "begun",
        f"/live/?topics=release:{row.pk}": "hello",
        # Its container says nothing: the reader waits within a read of the engine's answer.
        "/services/snow/isolated/logs/stream/?instance=1": "hello",
    }
    browsers = [(Browser(server, sre, path), text, gone) for path, text in paths.items() for gone in (False, True)]
    for browser, text, _gone in browsers:
        browser.hears(text)
    wait_for("both logs are read", lambda: len(readers() - old_readers) == 2)
    wait_for("four listen to the broker", lambda: len(listeners() - old_listeners) == 4)
    for browser, _text, abruptly in browsers:
        browser.leave(abruptly)
    wait_for("no log is read any more", lambda: not readers() - old_readers)
    wait_for("no stream is open any more", lambda: seats.taken()[0] <= old_logs and live_views._open <= old_pages)
    wait_for("nobody listens to the broker any more", lambda: not listeners() - old_listeners)
    wait_for("the build is over", lambda: not Build.objects.filter(pk=build.pk, state__in=Build.ACTIVE).exists())
    build.refresh_from_db()
    assert build.state == "succeeded", build.reason
    assert build.lines.filter(text="begun").count() == 1
    # And a release that nobody watches any more ends as one that somebody watches.
    second = site.deploy("v2")
    page = Browser(server, sre, f"/live/?topics=release:{second.pk}")
    page.hears("hello")
    page.leave(abruptly=True)
    site.ended(second, "succeeded")
    site.check(1, "v2")
    assert not Deployment.objects.filter(state__in=Deployment.ACTIVE).exists()
