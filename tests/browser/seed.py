"""Fills a database with rows that look like a company at work, without any engine: for looking at pages.

    DJANGO_SETTINGS_MODULE=xqplatform.settings XQ_DATA_DIR=/somewhere python -m tests.browser.seed

People: sara (SRE), dan (developer of «snow»), mia (manager); password «correct horse».
"""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

LOG = """2015-10-23 10:12:01 INFO  quote: starting on 0.0.0.0:8080
2015-10-23 10:12:02 INFO  quote: cache of 4,096 symbols
2015-10-23 10:12:03 ERROR db: \x1b[31mFATAL: password authentication failed for user "snow"\x1b[0m
Traceback (most recent call last):
  File "/app/main.py", line 42, in <module>
    connect(settings.DB)
db.OperationalError: password authentication failed
2015-10-23 10:12:03 INFO  quote: exit 1"""

CONTENT = {
    "cpus": 2,
    "memory": 2 << 30,
    "env": {"LOG_LEVEL": "info", "QUOTE_SOURCE": "tcp://10.1.9.4:7001", "CACHE_SYMBOLS": "4096"},
    "secret_names": ["DB_PASSWORD"],
    "health": {"kind": "http", "port": 8080, "path": "/health"},
}


def people() -> dict[str, Any]:
    from tests.factories import make_team, make_user
    from xqplatform.accounts.models import User

    snow, quotes = make_team("snow"), make_team("quotes")
    if not User.objects.filter(username="sara").exists():
        make_user("sara", "sre")
        make_user("dan", "developer", snow)
        make_user("quinn", "developer", quotes)
        make_user("mia", "manager")
    return {"snow": snow, "quotes": quotes}


def run() -> dict[str, int]:
    """Makes the rows; returns the keys of what the pages show best."""
    import json

    from django.utils import timezone

    from containers.models import Environment
    from tests import factories as f
    from xqplatform import audit
    from xqplatform.accounts.actor import Actor
    from xqplatform.accounts.models import User
    from xqplatform.secrets import encrypt

    teams = people()
    f.make_environments()
    sara = Actor.person(User.objects.get(username="sara"), via="page")
    production = f.make_running_place("snow", "production", 12, teams["snow"])
    place = production
    place.config = f.make_config(place, CONTENT, secrets=encrypt(json.dumps({"DB_PASSWORD": "x"})))
    place.current_config = place.config
    place.save()
    newest = f.make_config(
        place,
        CONTENT | {"memory": 4 << 30, "env": CONTENT["env"] | {"LOG_LEVEL": "debug"}},
        secrets=encrypt(json.dumps({"DB_PASSWORD": "y"})),
        reason="more memory for the open",
    )
    place.config = newest
    place.save()
    audit.record(sara, "service.config", place, after={"memory": "4g"}, reason="more memory", parent=place.service)
    rows = list(place.instances.order_by("number"))
    rows[2].drift = [{"what": "image", "stored": place.current_image.tag, "found": "1445589700_0badcafe_prod_java8V16"}]
    rows[2].drift_since = timezone.now() - timedelta(minutes=4)
    rows[2].save()
    rows[4].state, rows[4].status = "unhealthy", "Up 2 hours (unhealthy)"
    rows[4].save()
    rows[5].state, rows[5].status = "missing", ""
    rows[5].save()
    for row in rows[:3]:
        gone = f.make_container(
            row,
            ended=timezone.now() - timedelta(hours=4),
            started=timezone.now() - timedelta(days=2),
            exit_code=137,
            oom_killed=row.number == 1,
        )
        f.make_kept_log(gone, LOG)
    old = place.current_image
    f.make_deployment(place, "succeeded", kind="scale", old_wanted=8, wanted=12, image=old, reason="open of the market")
    failed = f.make_deployment(
        place,
        "rolled_back",
        image=f.make_image(place.service.project),
        old_image=old,
        config=newest,
        old_config=place.current_config,
        outcome="Instance 3 on run-a1 was not healthy within 60 s: exit code 1. All was rolled back to "
        f"{old.tag} and settings v2.",
    )
    for n, row in enumerate(rows[:6]):
        f.make_step(
            failed,
            row,
            "undone" if n < 3 else "skipped",
            reason="Exited with code 1 after 3 s" if n == 2 else "",
            log=LOG if n == 2 else "",
            times={"stop": [time.time() - 170 + n * 5, time.time() - 168 + n * 5]} if n < 3 else {},
        )
    new = f.make_image(place.service.project)
    active = f.make_deployment(
        place,
        "running",
        image=new,
        old_image=old,
        config=newest,
        old_config=place.current_config,
        pulls={
            "run-a1": {"state": "done", "done": 140 << 20, "total": 140 << 20},
            "run-a2": {"state": "pulling", "done": 61 << 20, "total": 140 << 20},
            "run-b1": {"state": "done", "done": 140 << 20, "total": 140 << 20},
        },
    )
    states = ["done"] * 4 + ["starting", "failed"] + ["waiting"] * 6
    for row, state in zip(rows, states, strict=True):
        f.make_step(
            active,
            row,
            state,
            reason="Not healthy after 60 s: HTTP 503 of /health" if state == "failed" else "",
            log=LOG if state == "failed" else "",
        )
    audit.record(sara, "service.deploy", place, after={"image": new.tag}, reason="Quote cache", parent=place.service)
    audit.record(sara, "deployment.pause", active, reason="looking at #3", parent=place.service)
    audit.record(sara, "deployment.resume", active, parent=place.service)
    for environment, count in (("grey", 2), ("pre-release", 1)):
        f.make_running_place("snow", environment, count, teams["snow"])
    f.make_place(place.service, "isolated")
    for state in ("failed", "running", "queued"):
        f.make_build(place.service.project, state)
    for n, name in enumerate(["quote-gateway", "timeline", "a-service-whose-name-is-as-long-as-names-may-be-xx"]):
        team = teams["quotes"] if n % 2 == 0 else teams["snow"]
        f.make_running_place(name, "production", 3 + n, team)
        f.make_running_place(name, "pre-release", 1, team)
    f.make_service("brand-new", teams["snow"], title="nothing released yet")
    f.make_place(f.make_service("portfolio", teams["quotes"]), Environment.objects.get(slug="production"))
    return {
        "active": active.pk,
        "failed": failed.pk,
        "instance": rows[0].pk,
        "drifted": rows[2].pk,
        "image": new.pk,
    }


if __name__ == "__main__":
    import django

    django.setup()
    print(run())
