"""What all tests share: people to act as, a queue instead of workers, and a broker for those that need a real one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from celery.app.task import Task
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from tests.queue import Queue
from tests.site import Site, site

# The engines' fixtures (`fleet`, …), see tests/engines/; and what a skip is where a change is judged.
pytest_plugins = ["tests.engines.fixtures", "tests.judged"]
DATABASE_FIXTURES = {"db", "transactional_db", "live_server", "live_server_with_worker"}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--only-database", action="store_true", help="only tests that use the database")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--only-database"):
        return

    def uses_database(item: Any) -> bool:
        return bool(item.get_closest_marker("django_db") or DATABASE_FIXTURES & set(item.fixturenames))

    config.hook.pytest_deselected(items=[item for item in items if not uses_database(item)])
    items[:] = [item for item in items if uses_database(item)]


@pytest.fixture(autouse=True)
def enqueued(monkeypatch: pytest.MonkeyPatch) -> Iterator[Queue]:
    """Tasks handed to Celery land in this queue (no broker needed): `enqueued.names`, `enqueued.drain()`."""
    queue = Queue()
    monkeypatch.setattr(Task, "apply_async", queue.apply_async)
    yield queue
    queue.stop()


@pytest.fixture(autouse=True)
def engines_forgotten() -> Iterator[None]:
    """An engine that was kept for a host's key is of the last test's host of that key."""
    from hosts import engine

    yield
    with engine._lock:
        engine._engines.clear()


@pytest.fixture(autouse=True)
def calls_forgotten() -> None:
    """Who called how often in the last tests."""
    from xqplatform.web import limits

    limits._counter.storage.reset()


@pytest.fixture(autouse=True)
def metrics_forgotten() -> None:
    """What the store of metrics remembers of its rows is of the last test's database."""
    from xqplatform.metrics import store

    store.forget()


@pytest.fixture(autouse=True)
def secrets_forgotten() -> None:
    """So is what must not be seen."""
    from xqplatform.secrets import known

    known.forget()


@pytest.fixture(autouse=True, scope="session")
def audit_log_may_be_emptied() -> Iterator[None]:
    """Between two tests Django empties all tables, which the audit log's triggers refuse: they go before, and come back after."""
    from django.db import connection

    from xqplatform.audit.chain import triggers

    operations = type(connection.ops)
    flush = operations.execute_sql_flush

    def emptied(self: Any, statements: list[str]) -> None:
        triggers.remove(self.connection)
        try:
            flush(self, statements)
        finally:
            triggers.install(self.connection)

    patch = pytest.MonkeyPatch()
    patch.setattr(operations, "execute_sql_flush", emptied)
    yield
    patch.undo()


@pytest.fixture
def worker(enqueued: Queue, transactional_db: None) -> Iterator[Queue]:
    """Runs enqueued tasks at once in threads, as the worker does. Wait for conditions, not for the queue."""
    enqueued.start(threads=8)
    yield enqueued
    # While the database is still there: tasks that run end, and so do the event streams that they started. Releases let go,
    # as in a worker that is told to end: one that waits for an engine which is not there would hold up the next test.
    from containers.advancing.runner import LEAVING
    from hosts.collector.readers import READERS
    from hosts.watch import WATCH

    READERS.stop()
    LEAVING.set()
    try:
        enqueued.stop()
    finally:
        LEAVING.clear()
    WATCH.stop()


@pytest.fixture(scope="session")
def broker_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An embedded broker for the session, on a Unix socket."""
    from xqplatform.run.broker import temporary_broker

    with temporary_broker() as url:
        yield url


@pytest.fixture
def broker(broker_url: str, settings: Any) -> Iterator[str]:
    """A real, empty broker behind live updates (redis-py's URL)."""
    import redis

    from xqplatform import live

    settings.REDIS_URL = broker_url
    live.client.cache_clear()
    redis.Redis.from_url(broker_url).flushall()
    yield broker_url
    live.client.cache_clear()


@pytest.fixture
def live_server_with_worker(worker: Queue, broker: str) -> Iterator[Site]:
    """The pages on a real port (`.url`), with tasks that run and live updates that arrive."""
    with site() as running:
        yield running


def make_person(username: str, role: str) -> Any:
    from xqplatform.accounts.models import User

    return User.objects.create_user(
        username=username, password="correct horse", role=role, display_name=username.title()
    )


@pytest.fixture
def team(db: None) -> Any:
    from xqplatform.accounts.models import Team

    return Team.objects.create(slug="snow", title="Snow")


@pytest.fixture
def sre(db: None) -> Any:
    """An SRE who is an admin, too, as the first person of an installation is."""
    from xqplatform.accounts.models import Grant

    person = make_person("sara", "sre")
    Grant.objects.create(user=person, role="admin")
    return person


@pytest.fixture
def developer(team: Any) -> Any:
    """A developer in the team «snow», free in all environments."""
    from xqplatform.accounts.models import Membership

    person = make_person("dan", "developer")
    Membership.objects.create(user=person, team=team)
    return person


@pytest.fixture
def manager(db: None) -> Any:
    return make_person("mia", "manager")


@pytest.fixture
def actor_sre(sre: Any) -> Any:
    from xqplatform.accounts.actor import Actor

    return Actor.person(sre)


@pytest.fixture
def actor_dev(developer: Any) -> Any:
    from xqplatform.accounts.actor import Actor

    return Actor.person(developer)


@pytest.fixture
def actor_manager(manager: Any) -> Any:
    from xqplatform.accounts.actor import Actor

    return Actor.person(manager)


# The same examples every time where a change is judged, new ones on a developer's machine; a loaded machine is no failure.
hypothesis_settings.register_profile("calm", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis_settings.register_profile("judge", hypothesis_settings.get_profile("calm"), derandomize=True)
hypothesis_settings.load_profile("judge" if os.environ.get("CI") else "calm")
