"""A real nginx on a host of the fleet, in front of a service's instances; and an application that can be stopped in order."""

from __future__ import annotations

import contextlib
import io
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from tests.engines import machine
from tests.engines.images import context
from tests.engines.members import FleetHost

# It ends in order: no new connection is taken, what is under way is finished, then it is over.
MAIN = """#!/bin/sh
httpd -f -p 80 -h /www &
server=$!
ended() {
  kill $server
  while cat /proc/[0-9]*/comm 2>/dev/null | grep -q httpd; do usleep 20000; done
  exit 0
}
trap ended TERM
while :; do wait $server; done
"""
# Some milliseconds of CPU.
BURN = "i=0; while [ $i -lt 4000 ]; do i=$((i+1)); done"
# Does its work in one go, tells what it was given, and notes each POST where it stays.
WORK = """#!/bin/sh
body=
[ "${CONTENT_LENGTH:-0}" -gt 0 ] && body=$(head -c "$CONTENT_LENGTH")
case "$QUERY_STRING" in slow) usleep 700000;; burn) BURN;; esac
[ "$REQUEST_METHOD" = POST ] && [ -d /persist ] && echo "$body" >>/persist/posts
printf 'Content-Type: text/plain\\r\\n\\r\\nTEXT %s\\n' "$body"
"""


def app_image(client: Any, tag: str, text: str, *, interval: int = 5, sick: bool = False) -> str:
    """The application, that answers with `text`; returns the image's id. `sick`: its health check fails."""
    check = "false" if sick else "wget -q -O - http://127.0.0.1/"
    lines = [
        "FROM scratch",
        "COPY root/ /",
        "COPY main /main",
        "COPY index.html /www/index.html",
        "COPY work /www/cgi-bin/work",
        "ENV PATH=/bin",
        'RUN ["/bin/busybox", "chmod", "755", "/main", "/www/cgi-bin/work"]',
        f"HEALTHCHECK --interval={interval}s --timeout=5s --start-period=1s CMD {check}",
        "STOPSIGNAL SIGTERM",
        'CMD ["/main"]',
    ]
    files = {"main": MAIN, "index.html": f"{text}\n", "work": WORK.replace("TEXT", text).replace("BURN", BURN)}
    data = context("\n".join(lines) + "\n", files)
    for line in client.build(
        fileobj=io.BytesIO(data), custom_context=True, tag=tag, rm=True, forcerm=True, decode=True
    ):
        if "error" in line:
            raise RuntimeError(f"building {tag}: {line['error']}")
    return str(client.inspect_image(tag)["Id"])


@dataclass
class FleetNginx:
    """nginx on one host; its files lie in the host's folder, so that the fleet's end is its end."""

    host: FleetHost
    port: int = 8080

    @property
    def folder(self) -> Path:
        return self.host.folder / "nginx"

    @property
    def conf(self) -> Path:
        return self.folder / "nginx.conf"

    @property
    def url(self) -> str:
        return f"http://{self.host.address}:{self.port}"

    def rows(self) -> dict[str, str]:
        """Where its files are, as a Front has it."""
        return {
            "folder": str(self.folder / "upstreams"),
            "conf": str(self.conf),
            "pid": str(self.folder / "nginx.pid"),
            "program": "/usr/sbin/nginx",
        }

    def prepare(self, upstream: str, *, tries_others: bool = False) -> None:
        """nginx tries no request a second time, unless `tries_others`: what an instance does not answer is seen by who asked."""
        next_one = "error timeout" if tries_others else "off"
        (self.folder / "upstreams").mkdir(parents=True, exist_ok=True)
        temp = "\n".join(
            f"  {name}_temp_path {self.folder}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        self.conf.write_text(
            f"user root;\nworker_processes 2;\npid {self.folder}/nginx.pid;\nerror_log {self.folder}/error.log;\n"
            "events { worker_connections 512; }\n"
            f"http {{\n  access_log off;\n{temp}\n  include {self.folder}/upstreams/*.conf;\n"
            f"  server {{\n    listen {self.host.address}:{self.port};\n"
            f"    location / {{ proxy_pass http://{upstream}; proxy_next_upstream {next_one}; proxy_connect_timeout 3s; }}\n"
            "  }\n}\n"
        )

    def start(self) -> None:
        if self._pid is None:
            command = self.host.enter("/usr/sbin/nginx", "-c", self.conf, "-g", "daemon off;")
            machine.spawn(command, self.folder / "out.log", self.folder / "spawned.pid")
        machine.wait_for("nginx answers", self._answers, log=self.folder / "error.log")

    @property
    def _pid(self) -> int | None:
        return machine.pid_in(self.folder / "spawned.pid")

    def _answers(self) -> bool:
        with contextlib.suppress(requests.RequestException):
            return requests.get(self.url, timeout=2).status_code in {200, 502}
        return False

    def stop(self) -> None:
        machine.end(self._pid, signal.SIGTERM)

    def upstreams(self) -> str:
        """All upstream files together."""
        return "\n".join(path.read_text() for path in sorted((self.folder / "upstreams").glob("*.conf")))
