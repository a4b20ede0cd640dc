"""A real registry of the test's own, on a free port of this machine."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import requests

from builds.models import Registry

CONFIG = """
version: 0.1
log: {{level: error}}
storage: {{filesystem: {{rootdirectory: {folder}/data}}, delete: {{enabled: true}}}}
http: {{addr: {address}}}
"""


@dataclass
class Running:
    """Start it and stop it as often as is liked: what it has stays."""

    address: str
    folder: Path
    process: subprocess.Popen[bytes] | None = field(default=None)

    def start(self) -> None:
        config = self.folder / "config.yml"
        config.write_text(CONFIG.format(folder=self.folder, address=self.address))
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(["docker-registry", "serve", str(config)], stdout=log, stderr=log)
        end = time.monotonic() + 30
        while True:
            try:
                assert requests.get(f"http://{self.address}/v2/", timeout=5).ok
                return
            except requests.ConnectionError:
                assert time.monotonic() < end, (self.folder / "log").read_text()
                time.sleep(0.05)

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    folder = tmp_path / "registry"
    folder.mkdir()
    one = Running(address, folder)
    one.start()
    yield one
    one.stop()


@pytest.fixture
def registry(running: Running, db: None) -> Registry:
    return Registry.objects.create(name="main", address=running.address, insecure=True, default=True, state="ready")
