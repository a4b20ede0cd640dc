"""The platform's own log lines and tracebacks: no value that a process had in its hands is in them."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

from builds.models import Project, Registry
from hosts.models import DaemonFile
from tests import factories
from xqplatform.secrets import decrypt, encrypt
from xqplatform.secrets.keys import ring
from xqplatform.secrets.logs import Formatter, Remembered
from xqplatform.secrets.masking import HIDDEN

CANARY = "zebra-canary-of-logs"


@limits(max_examples=50, deadline=None)
@given(st.lists(st.lists(st.integers(0, 60), max_size=9), max_size=12))
def test_whatever_was_learned_when_is_hidden(rounds: list[list[int]]) -> None:
    told = Remembered()
    seen: set[int] = set()
    for numbers in rounds:
        told.learn([f"zebra-canary-{n:02}" for n in numbers])
        seen |= set(numbers)
        assert told(" ".join(f"zebra-canary-{n:02}" for n in sorted(seen))) == " ".join([HIDDEN] * len(seen))


def test_of_very_many_the_oldest_go_until_they_are_used_again() -> None:
    told = Remembered(most=40)
    for n in range(100):
        told.learn([f"zebra-canary-{n:02}"])
        assert told(f"zebra-canary-{n:02}") == HIDDEN
    assert sum(told(f"zebra-canary-{n:02}") == HIDDEN for n in range(100)) <= 40
    told.learn(["zebra-canary-00"])
    assert told("zebra-canary-00") == HIDDEN


@pytest.fixture
def lines() -> Iterator[StringIO]:
    """What a handler of ours writes."""
    told = StringIO()
    handler = logging.StreamHandler(told)
    handler.setFormatter(Formatter("%(levelname)s %(message)s"))
    log = logging.getLogger("zebra")
    log.addHandler(handler)
    yield told
    log.removeHandler(handler)


def test_lines_and_tracebacks_hide_what_was_written_or_read(db: None, lines: StringIO) -> None:
    log = logging.getLogger("zebra")
    Registry.objects.create(name="main", address="127.0.0.1:9", password=f"{CANARY}-1")
    Project.objects.create(name="p", build_secrets=json.dumps({"NPM": f"{CANARY}-2"}))
    token = encrypt(json.dumps({"DB": f"{CANARY}-3"}))
    log.warning("401 for user:%s, %s and %s", f"{CANARY}-1", f"{CANARY}-2", f"{CANARY}-3")
    assert decrypt(token)
    try:
        raise ValueError(f"no such password: {CANARY}-1")
    except ValueError:
        log.exception("it failed")
    said = lines.getvalue()
    assert f"WARNING 401 for user:{HIDDEN}, {HIDDEN} and {HIDDEN}\n" in said
    assert f"ValueError: no such password: {HIDDEN}\n" in said
    assert CANARY not in said


def test_a_value_that_another_process_wrote_is_hidden_by_the_one_that_reads_it(db: None, lines: StringIO) -> None:
    Registry.objects.create(name="main", address="127.0.0.1:9", password="x")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE builds_registry SET password = %s", [ring().encrypt(f"{CANARY}-9")])
    assert Registry.objects.get().password == f"{CANARY}-9"
    logging.getLogger("zebra").warning("so %s", f"{CANARY}-9")
    assert lines.getvalue() == f"WARNING so {HIDDEN}\n"


def test_what_is_encrypted_but_is_no_secret_as_a_whole_stays_readable(db: None, lines: StringIO) -> None:
    DaemonFile.objects.create(
        host=factories.make_host("h1"), text='{"log-driver": "json-file"}', seen="2026-01-01T00:00Z"
    )
    logging.getLogger("zebra").warning("json-file")
    assert lines.getvalue() == "WARNING json-file\n"


WORKER = """
import logging, os, sys, threading
from xqplatform.celery import app
import django
django.setup()
app.log.setup("INFO")
from celery.utils.log import get_task_logger
word = os.environ["WORD"]
logging.getLogger("celery.app.trace").error("in a task: %s", word)
get_task_logger("hosts").error("from a task: %s", word)
try:
    raise ValueError(word)
except ValueError:
    logging.getLogger("celery.worker").exception("broken off")
thread = threading.Thread(target=lambda: int(word))
thread.start()
thread.join()
raise RuntimeError(word)
"""


def test_a_worker_of_its_own_tells_nothing_wherever_a_mistake_comes_out(tmp_path: Path) -> None:
    word = "zebra-canary-of-the-environment-which-is-long-enough"
    given = {"XQ_SECRET_KEY": word, "WORD": word, "XQ_DATA_DIR": str(tmp_path)}
    env = {**os.environ, **given, "DJANGO_SETTINGS_MODULE": "xqplatform.settings"}
    ran = subprocess.run(
        [sys.executable, "-c", WORKER],
        check=False,
        env=env,
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
        timeout=120,
    )
    said = ran.stdout + ran.stderr
    assert word not in said
    for words in ("in a task: •••", "from a task: •••", "ValueError: •••", "RuntimeError: •••", "with base 10: '•••'"):
        assert words in said, said
