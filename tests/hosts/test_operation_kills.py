"""`kill -9` of the worker in the middle of an operation: the next one goes on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from hosts import observe, operation_runner, tasks
from hosts.models import HostOperation
from hosts.services import commands, ssh_access
from tests.engines.machine import wait_for
from tests.factories import make_host
from tests.faults.workers import environment
from tests.hosts.ssh_server import RUN, ssh_server
from xqplatform import leases
from xqplatform.accounts.actor import Actor

PROGRAM = """
import os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "xqplatform.settings"
import django
django.setup()
from hosts import operation_runner
operation_runner.execute(int(sys.argv[1]))
"""


@pytest.mark.django_db(transaction=True)
def test_another_worker_goes_on_after_a_kill(actor_sre: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(observe, "refresh_host", lambda pk: False)
    flag, host = tmp_path / "flag", make_host("run-a1")
    script = f"echo begun; test -e {flag} || exec sleep 300; echo ended"
    command = commands.save_command(
        actor_sre, {"name": "slow", "title": "Slow", "argv": ["sh", "-c", script], "timeout": 200, "looks_only": True}
    )
    command = commands.review(Actor.system(), command, 1)
    with ssh_server(RUN) as server:
        data = {"user": "me", "address": "127.0.0.1", "port": server.port, "key": server.user_key}
        ssh_access.set_access(actor_sre, host, data)
        [row], _ = commands.run_command(actor_sre, command, [host], {})
        argv = [sys.executable, "-c", PROGRAM, str(row.pk)]
        process = subprocess.Popen(argv, env=environment(), cwd=settings.BASE_DIR)
        try:

            def begun() -> bool:
                row.refresh_from_db()
                assert process.poll() is None, f"the worker ended: {row.state} {row.words}"
                return "begun" in row.output

            wait_for("it works", begun, seconds=120)
            assert not operation_runner.execute(row.pk), "a living worker has it"
        finally:
            process.kill()
            process.wait(60)
        row.refresh_from_db()
        assert row.state == "running"
        assert leases.is_dead(row.lease)
        flag.touch()
        assert tasks.resume_operations() == 1
        assert operation_runner.execute(row.pk)
    row.refresh_from_db()
    assert (row.state, row.attempts, row.exit_code) == ("succeeded", 2, 0), row.words
    assert "Taken up again" in row.output
    assert row.output.endswith("ended\n")
    assert HostOperation.objects.count() == 1
