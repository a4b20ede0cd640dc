"""The example of the documentation is applied as it stands there, and names everything that can be set."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from builds.models import Registry
from containers.ascode import applying, fields, rendering, state
from containers.models import Calendar, Front, Service
from tests import factories

pytestmark = pytest.mark.django_db
DOCS = Path(__file__).resolve().parents[2] / "docs" / "services-as-code.md"


def example() -> str:
    found = re.search(r"```yaml\n(.*?)```", DOCS.read_text(), re.DOTALL)
    assert found is not None
    return found[1]


def test_the_example_is_applied_and_then_nothing_differs(actor_sre: Any, team: Any) -> None:
    factories.make_environments()
    factories.make_segment("seg-a", [factories.make_host()])
    Calendar.objects.create(slug="sse", title="Shanghai")
    Registry.objects.create(name="main", address="127.0.0.1:9")
    Front.objects.create(slug="edge")
    plan = applying.preview(actor_sre, example())
    secrets = dict.fromkeys(plan.needs, "hunter2")
    assert len(secrets) == 4
    applying.apply(actor_sre, example(), token=plan.token, secrets=secrets, reason="the first")
    assert Service.objects.get(slug="quotes").places.get(environment__slug="production").wanted == 4
    assert applying.preview(actor_sre, example()).count == 0
    for kind, name in (("Service", "quotes"), ("Environment", "production")):
        now = state.of(kind, name).state
        assert now is not None
        text = rendering.document(kind, name, now)
        assert "hunter2" not in text
        assert applying.preview(actor_sre, text, prune=True).count == 0


def test_the_example_names_every_setting() -> None:
    """A setting that is added to the platform must be shown here, too."""
    blocks = {"": fields.ENVIRONMENT | fields.SERVICE, "  ": fields.PROJECT | fields.GUARDRAILS}
    blocks |= {"    ": fields.PLACE, "      ": fields.SETTINGS}
    pairs = [(indent, name) for indent, known in blocks.items() for name in known]
    missing = [name for indent, name in pairs if not re.search(rf"^{indent}{name}:", example(), re.MULTILINE)]
    assert missing == []
