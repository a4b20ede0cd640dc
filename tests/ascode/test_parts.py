"""Parts of a service that are not plain values: what prune takes, gates, pushes, hooks."""

from __future__ import annotations

from typing import Any

import pytest

from builds.forges import services as forges
from containers.ascode import applying, plans
from containers.ascode.source import Wrong
from tests import factories
from tests.ascode.helpers import HEAD, PRODUCTION, apply, drift_of, text_of
from xqplatform.accounts.actor import Actor
from xqplatform.errors import Refused

pytestmark = pytest.mark.django_db


def test_prune_takes_away_what_a_block_does_not_name(actor_sre: Any, place: Any, enqueued: Any) -> None:
    grey = factories.make_running_place("snow", "grey", 1)
    text = PRODUCTION + "    settings:\n      env: {MODE: fast}\n      secrets: {KEY: kept}\n"
    assert applying.preview(actor_sre, text).count == 0
    plan = applying.preview(actor_sre, text, prune=True)
    found = {(c.kind, c.name) for c in plan.targets[0].changes}
    assert ("removed", "environments.grey") in found
    assert ("removed", "environments.production.settings.env.YES") in found
    assert ("changed", "environments.production.settings.memory") in found
    assert not any("secrets" in name for _kind, name in found)
    apply(actor_sre, text, prune=True)
    assert grey.deployments.get().kind == "remove"
    place.refresh_from_db()
    assert place.config.content["hooks"] == []
    assert place.wanted == 2
    assert applying.preview(actor_sre, text, prune=True).count == 0


def test_gates_and_the_forge(actor_sre: Any, place: Any) -> None:
    rules = "rules: [{metric: restarts, compare: bound, limit: 0, broken: roll back}]"
    text = PRODUCTION + f"    gates: {{mode: own, settle: 30, {rules}}}\n"
    apply(actor_sre, text)
    assert place.gates.rules[0]["broken"] == "roll back"
    assert applying.preview(actor_sre, text).count == 0
    apply(actor_sre, PRODUCTION + "    gates: {mode: inherit}\n")
    assert [c.name for c in drift_of(place)] == []
    with pytest.raises(Wrong, match=r"line 6, environments\.production\.gates\.rules\.1\.metric: Instances have no"):
        applying.preview(actor_sre, text.replace("restarts", "nonsense"))
    forge = HEAD + "project: {forge: {kind: github, branches: main}}\n"
    with pytest.raises(Refused, match=r"line 4, snow\.project\.forge: Set up the forge"):
        applying.preview(actor_sre, forge)
    forges.save(actor_sre, place.service.project, {"kind": "gitlab"})
    apply(actor_sre, forge)
    assert text_of("Service", "snow").count("branches: main") == 1
    assert applying.preview(actor_sre, text_of("Service", "snow"), prune=True).count == 0


def test_hooks_keep_their_order_or_take_the_files(actor_sre: Any, place: Any) -> None:
    exported = text_of("Service", "snow")
    start = exported.index("        - name: tell")
    warm = exported.index("        - name: warm")
    end = exported.index("      traffic:")
    text = exported[:start] + exported[warm:end] + exported[start:warm] + exported[end:]
    (target,) = applying.preview(actor_sre, text).targets
    assert [c.name for c in target.changes] == ["environments.production.settings.hooks.(order)"]
    apply(actor_sre, text)
    place.refresh_from_db()
    assert [hook["name"] for hook in place.config.content["hooks"]] == ["warm", "tell"]
    assert plans.make(Actor.system(), text).count == 0


def test_what_pushes_release_is_of_who_applied_it(actor_sre: Any, place: Any) -> None:
    text = PRODUCTION + "    automatic: {enabled: true, branches: 'main   release/*'}\n"
    apply(actor_sre, text)
    assert (place.automatic.branches, place.automatic.author) == ("main release/*", actor_sre.user)
    assert applying.preview(actor_sre, text).count == 0
    with pytest.raises(Refused, match=r"line 6, snow\.environments\.production\.automatic\.branches: Name a branch"):
        applying.preview(actor_sre, PRODUCTION + "    automatic: {enabled: true, branches: ''}\n")
