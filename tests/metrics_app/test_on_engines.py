"""A container on a real engine tells: it serves /metrics at its fixed address, and sends StatsD from there to the platform."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from containers.models import Ear, Endpoint, Instance
from containers.services import settings as places
from containers.told import ears
from tests.faults.conftest import CONFIG, Site, site, wait_for  # noqa: F401
from xqplatform import metrics

TELLING = r"""
n=0
while :; do
  n=$((n+50))
  printf '# TYPE jobs_total counter\njobs_total{kind="a"} %d\njobs_total{kind="b"} 7\n# TYPE depth gauge\ndepth 3\nother 1\n' $n > /www/.new
  [ -e /www/off ] || mv /www/.new /www/metrics
  sleep 1
done &
exec /bin/httpd -f -p 80 -h /www
"""
SEND = "import socket,sys\ns=socket.socket(socket.AF_INET,socket.SOCK_DGRAM)\ns.sendto(sys.argv[3].encode(),(sys.argv[1],int(sys.argv[2])))"


def free_port(host: str) -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
        own.bind((host, 0))
        return int(own.getsockname()[1])


@pytest.fixture
def telling(site: Site, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Any:  # noqa: F811
    """The service runs and tells; this process listens every second."""
    settings.STATSD_HOST = site.fleet.segment.gateway
    settings.STATSD_PORT = free_port(settings.STATSD_HOST)
    monkeypatch.setattr(ears, "tick", lambda: 1.0)
    monkeypatch.setattr(ears, "LOOK", 1.0)
    told = {"port": 80, "keep": ["jobs_total", 'jobs_total{kind="b"}', "depth", "absent"]}
    config = CONFIG | {"command": ["/bin/sh", "-c", TELLING], "metrics": told}
    places.save_config(site.actor, site.place, config)
    site.place.refresh_from_db()
    site.release("v1")
    here = ears.Ears()
    while here.start():
        pass
    yield here
    here.stop()


def has(instance: Instance, name: str) -> Callable[[], float | None]:
    subject = f"instance:{instance.pk}"
    return lambda: metrics.latest([subject], within=5).get(subject, (0.0, {}))[1].get(name)


def test_what_a_container_tells_stands_at_its_instance(telling: Any, site: Site, settings: Any) -> None:  # noqa: F811
    instances = list(Instance.objects.filter(removed=None).order_by("number"))
    assert len(instances) == 3
    for instance in instances:
        rate = wait_for("its counter's rate", has(instance, "app.jobs.rate"))
        assert 20 < rate < 120
        assert has(instance, "app.depth")() == 3
        assert has(instance, "app.jobs.rate[kind=b]")() == 0
    row = Endpoint.objects.get(instance=instances[0])
    assert (row.trouble, row.missing) == ("", ["absent"])

    # From the second one's own network, so from its fixed address.
    one = instances[1]
    host = next(h for h in site.fleet.hosts if h.name == one.host.name)
    engine_id = one.containers.get(ended=None).engine_id
    with contextlib.closing(host.client()) as client:
        pid = client.inspect_container(engine_id)["State"]["Pid"]

        def sent() -> Any:
            into = ["nsenter", "-t", str(pid), "-n", sys.executable, "-c", SEND]
            subprocess.run(
                [*into, settings.STATSD_HOST, str(settings.STATSD_PORT), "hits:5|c\nanswer:20|ms"], check=True
            )
            return has(one, "app.answer_seconds.mean")()

        assert wait_for("what it sent", sent) == pytest.approx(0.02)
        assert has(one, "app.hits.rate")() > 0  # type: ignore[operator]
        assert has(instances[0], "app.hits.rate")() is None
        counts = wait_for("counts", lambda: Ear.objects.get(name="statsd").counts.get("heard"))
        assert counts >= 1

        # It stops to answer: said in words, and a gap instead of the last values.
        order = client.exec_create(engine_id, ["/bin/sh", "-c", "touch /www/off; rm /www/metrics"])
        client.exec_start(order["Id"])
    wait_for("words", lambda: "status 404" in Endpoint.objects.get(instance=one).trouble)
    wait_for("a gap", lambda: has(one, "app.depth")() is None)
    assert has(instances[2], "app.depth")() == 3
