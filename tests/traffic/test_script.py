"""The script that puts a file in place, run on a real nginx of this machine."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from containers.traffic import script

NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin") or ""
pytestmark = [
    pytest.mark.engine,
    pytest.mark.skipif(not NGINX or os.geteuid() != 0, reason="needs root and nginx (scripts/packages.sh)"),
]


@dataclass
class Nginx:
    folder: Path
    port: int
    process: subprocess.Popen[bytes]

    @property
    def file(self) -> Path:
        return self.folder / "conf.d" / "xq_snow.conf"

    def apply(self, text: str, generation: int) -> script.Answer:
        words = [self.file, generation, len(text.encode()), NGINX, self.folder / "nginx.conf", self.folder / "pid", 5]
        text_of = [str(word) for word in words]
        ran = subprocess.run(
            ["sh", "-c", script.APPLY, "sh", *text_of],
            input=text,
            text=True,
            capture_output=True,
            timeout=60,
            check=False,
        )
        return script.read(ran.returncode, ran.stdout)

    def drain(self, seconds: int) -> str:
        argv = ["sh", "-c", script.DRAIN, "sh", str(self.folder / "pid"), str(seconds)]
        return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False).stdout.strip()

    def get(self) -> str:
        with socket.create_connection(("127.0.0.1", self.port), 5) as sock:
            sock.sendall(b"GET / HTTP/1.0\r\n\r\n")
            return sock.makefile().read()


def answer(text: str, generation: int) -> str:
    """A file that is told by what nginx answers."""
    return f"# generation {generation}\nmap $uri $told {{ default {text}; }}\n"


@pytest.fixture
def nginx(tmp_path: Path) -> Iterator[Nginx]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (tmp_path / "conf.d").mkdir()
    temp = "".join(f"{n}_temp_path {tmp_path}/{n};" for n in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    (tmp_path / "nginx.conf").write_text(
        f"user root; worker_processes 2; pid {tmp_path}/pid; error_log {tmp_path}/error.log; events {{}}\n"
        f"http {{ access_log off; {temp} include {tmp_path}/conf.d/*.conf;\n"
        f"server {{ listen 127.0.0.1:{port}; location / {{ return 200 $told; }} }} }}\n"
    )
    (tmp_path / "conf.d" / "xq_snow.conf").write_text(answer("one", 1))
    process = subprocess.Popen([NGINX, "-c", str(tmp_path / "nginx.conf"), "-g", "daemon off;"])
    made = Nginx(tmp_path, port, process)
    until = time.monotonic() + 30
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text().strip():
        assert time.monotonic() < until
        time.sleep(0.02)
    yield made
    process.terminate()
    process.wait(30)


def test_a_good_file_is_read_at_once(nginx: Nginx) -> None:
    assert "one" in nginx.get()
    assert nginx.apply(answer("two", 2), 2).what == "done"
    assert "two" in nginx.get()
    assert sorted(path.name for path in nginx.file.parent.iterdir()) == ["xq_snow.conf", "xq_snow.conf.lock"]
    assert nginx.drain(10) == "xq-drained"


def test_a_bad_one_leaves_the_old_one(nginx: Nginx) -> None:
    good = nginx.file.read_text()
    found = nginx.apply("# generation 2\nnonsense;\n", 2)
    assert found.what == "failed"
    assert "nonsense" in found.words
    assert nginx.file.read_text() == good
    assert "one" in nginx.get()
    (nginx.file.parent / "zz.conf").write_text("nonsense;\n")  # of somebody else
    assert nginx.apply(answer("two", 3), 3).what == "failed"
    assert nginx.file.read_text() == good


def test_an_older_one_never_replaces_a_newer_one(nginx: Nginx) -> None:
    assert nginx.apply(answer("five", 5), 5).what == "done"
    assert nginx.apply(answer("four", 4), 4).what == "newer"
    assert "five" in nginx.get()


def test_what_broke_off_on_the_way_changes_nothing(nginx: Nginx) -> None:
    good = nginx.file.read_text()
    text = answer("two", 2)
    argv = [str(w) for w in (nginx.file, 2, len(text) + 9, NGINX, nginx.folder / "nginx.conf", nginx.folder / "pid", 5)]
    ran = subprocess.run(
        ["sh", "-c", script.APPLY, "sh", *argv], input=text, text=True, capture_output=True, check=False
    )
    assert script.read(ran.returncode, ran.stdout).what == "failed"
    assert nginx.file.read_text() == good


def test_a_drain_waits_for_requests_that_are_under_way(nginx: Nginx) -> None:
    with socket.create_connection(("127.0.0.1", nginx.port), 5) as sock:
        sock.sendall(b"GET / HTTP/1.0\r\nX-Slow: ")  # a request that has begun
        time.sleep(0.2)  # until a worker has taken it
        assert nginx.apply(answer("two", 2), 2).what == "done"
        assert nginx.drain(1) == "xq-left 1"
        ending = threading.Timer(0.5, lambda: sock.sendall(b"x\r\n\r\n"))
        ending.start()
        assert nginx.drain(20) == "xq-drained"
        assert "one" in sock.makefile().read(), "it ends with what it began with"
    assert "two" in nginx.get()


def test_many_reloads_one_after_the_other_are_seen_through(nginx: Nginx) -> None:
    for generation in range(2, 12):
        assert nginx.apply(answer(f"no{generation}", generation), generation).what == "done"
        assert f"no{generation}" in nginx.get()


def test_an_nginx_that_does_not_run_reads_it_when_it_starts(nginx: Nginx) -> None:
    nginx.process.terminate()
    nginx.process.wait(30)
    assert nginx.apply(answer("two", 2), 2).what == "not-running"
    assert "two" in nginx.file.read_text()
