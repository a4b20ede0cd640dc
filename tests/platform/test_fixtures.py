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


def small_run(folder: Path, *options: str, **surroundings: str) -> subprocess.CompletedProcess[str]:
    """A run of pytest on small tests of its own, as scripts/test.py makes them."""
    command = [sys.executable, "-m", "pytest", "-p", "no:django", "-p", "no:cacheprovider"]
    return subprocess.run(
        [*command, "--rootdir", str(folder), "-c", "/dev/null", "-ra", *options],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(BASE), **surroundings},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_last_part_sums_up_the_others(tmp_path: Path) -> None:
    """Two small runs, the second one with processes side by side: its last line counts both, and names what failed first."""
    (tmp_path / "test_first.py").write_text("def test_good(): pass\ndef test_bad(): assert 1 == 2\n")
    (tmp_path / "test_second.py").write_text("def test_good(): pass\n")
    reports, parts = tmp_path / "first.json", ("-p", "tests.parts")
    first = small_run(
        tmp_path, *parts, str(tmp_path / "test_first.py"), f"--reports-to={reports}", "--part=first", "-n1"
    )
    assert first.returncode == 1, first.stdout + first.stderr
    beside = ("-n2", "--dist=load", "--maxschedchunk=1", "--part=second")
    second = small_run(tmp_path, *parts, str(tmp_path / "test_second.py"), f"--reports-of={reports}", *beside)
    assert second.returncode == 0, second.stdout + second.stderr
    lines = second.stdout.strip().splitlines()
    assert "1 failed, 2 passed" in lines[-1]
    assert any(line.startswith("FAILED test_first.py::test_bad [first]") for line in lines)


def test_what_may_take_long_begins_first(tmp_path: Path) -> None:
    mark = "@pytest.mark.timeout({})\ndef test_{}(): pass\n"
    text = "import pytest\ndef test_any(): pass\n" + mark.format(400, "long") + mark.format(900, "longest")
    (tmp_path / "test_them.py").write_text(text)
    done = small_run(tmp_path, "-p", "tests.parts", "--part=real", "-v", str(tmp_path / "test_them.py"))
    names = [line.partition("::")[2].split()[0] for line in done.stdout.splitlines() if " PASSED " in line]
    assert names == ["test_longest", "test_long", "test_any"]


def test_a_second_try_that_hangs_is_ended_as_well(tmp_path: Path) -> None:
    """Each try, and the end of its fixtures, has the test's whole time limit."""
    (tmp_path / "test_them.py").write_text(
        "import time\nimport pytest\n"
        "@pytest.fixture\ndef slow():\n    yield\n    time.sleep(100)\n"
        "@pytest.mark.timeout(1)\ndef test_hangs(slow): time.sleep(100)\n"
        "def test_good(): pass\n"
    )
    done = small_run(tmp_path, "-p", "tests.parts", "--reruns=1", "-n1", str(tmp_path / "test_them.py"))
    assert "1 rerun" in done.stdout.strip().splitlines()[-1], done.stdout
    assert "1 passed" in done.stdout.strip().splitlines()[-1], done.stdout
    assert done.returncode == 1


def test_a_test_that_is_left_out_has_failed_where_a_change_is_judged(tmp_path: Path) -> None:
    """Alone or in a process beside others, by its own words or its mark; what is expected to fail may fail."""
    (tmp_path / "test_them.py").write_text(
        "import pytest\n"
        "def test_leaves(): pytest.skip('needs root')\n"
        "@pytest.mark.skipif(True, reason='needs Linux')\ndef test_marked(): pass\n"
        "@pytest.mark.xfail\ndef test_expected(): assert 0\n"
        "def test_good(): pass\n"
    )
    (tmp_path / "test_whole.py").write_text("import pytest\npytest.importorskip('no_such_module')\n")
    for more in ((), ("-n1",)):
        options = ("-p", "tests.judged", "--continue-on-collection-errors", *more)
        judged = small_run(tmp_path, *options, str(tmp_path), CI="true")
        assert "needs root" in judged.stdout
        assert "needs Linux" in judged.stdout
        assert "no_such_module" in judged.stdout
        found = judged.stdout.strip().splitlines()[-1]
        assert "skipped" not in found
        assert "error" in found
        assert judged.returncode != 0
    free = small_run(tmp_path, "-p", "tests.judged", str(tmp_path), CI="")
    assert free.returncode == 0, free.stdout
    assert "1 passed, 3 skipped, 1 xfailed" in free.stdout.strip().splitlines()[-1]
