"""The tests' own tools: the queue, the broker, the site, and the shared summary."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path

import pytest
from celery import shared_task
from django.db import transaction

from tests.queue import Queue
from tests.site import Site
from xqplatform import live, work

BASE = Path(__file__).resolve().parent.parent.parent
ran: list[int] = []
done = threading.Event()


@shared_task
def note(number: int) -> None:
    ran.append(number)
    done.set()


@pytest.mark.django_db(transaction=True)
def test_tasks_wait_until_the_transaction_commits(enqueued: Queue) -> None:
    ran.clear()
    with transaction.atomic():
        work.enqueue(note, 7)
        assert list(enqueued) == []
    assert list(enqueued) == [(note.name, (7,))]
    assert enqueued.drain() == 1
    assert ran == [7]


def test_a_worker_runs_them_at_once(worker: Queue) -> None:
    done.clear()
    work.enqueue(note, 8)
    assert done.wait(60)


def test_live_versions_grow_with_a_broker(broker: str, transactional_db: None) -> None:
    before = live.clock()
    live.bump("hosts")
    assert live.clock() == before + 1


def test_the_site_answers(live_server_with_worker: Site) -> None:
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(
        live_server_with_worker.url + "/healthz", timeout=60
    ) as page:
        assert page.status == 200


def test_the_last_part_sums_up_the_others(tmp_path: Path) -> None:
    """Two small runs, as scripts/test.py makes them: the second one's last line counts both, and names what failed first."""
    (tmp_path / "test_first.py").write_text("def test_good(): pass\ndef test_bad(): assert 1 == 2\n")
    (tmp_path / "test_second.py").write_text("def test_good(): pass\n")
    reports = tmp_path / "first.json"

    def run(*options: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "pytest", "-p", "tests.parts", "-p", "no:django", "-p", "no:cacheprovider"]
        place = ["--rootdir", str(tmp_path), "-c", "/dev/null", "-ra"]
        return subprocess.run(
            [*command, *place, *options],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(BASE)},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    first = run(str(tmp_path / "test_first.py"), f"--reports-to={reports}", "--part=first", "-n1")
    assert first.returncode == 1, first.stdout + first.stderr
    second = run(str(tmp_path / "test_second.py"), f"--reports-of={reports}")
    assert second.returncode == 0, second.stdout + second.stderr
    lines = second.stdout.strip().splitlines()
    assert "1 failed, 2 passed" in lines[-1]
    assert any(line.startswith("FAILED test_first.py::test_bad [first]") for line in lines)
