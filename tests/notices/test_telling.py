"""What happens to a release is told once, to those whom it concerns, as teams and rights stand when it is spread."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone, translation
from hypothesis import given
from hypothesis import strategies as st

from containers import leases, rollout
from containers.advancing.runner import Runner
from containers.guardrails import approvals
from containers.models import Deployment, Guardrails
from containers.notices import telling
from containers.services import queue, releases, waiting
from tests import factories
from tests.conftest import make_person
from tests.notices.conftest import inbox, kinds
from tests.waiting.conftest import Yard
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.models import Membership, User
from xqplatform.notices import sources, spreading
from xqplatform.notices.kinds import INBOX, SCOPES, Kind, reaches
from xqplatform.notices.models import Entry, Notice

pytestmark = pytest.mark.django_db
SYSTEM = Actor.system()


@given(st.sampled_from(SCOPES), st.sampled_from(SCOPES), st.sampled_from(["mine", "team", "all"]))
def test_a_wider_scope_hears_no_less_and_none_hears_nothing(one: str, other: str, relation: Any) -> None:
    assert not reaches("none", relation)
    assert reaches("all", relation)
    if SCOPES.index(one) <= SCOPES.index(other) and reaches(one, relation):
        assert reaches(other, relation)


def test_every_kind_has_a_default() -> None:
    assert set(INBOX) == set(Kind.values)


@pytest.fixture
def mate(team: Any) -> User:
    """Another developer of the team."""
    person = make_person("mo", "developer")
    Membership.objects.create(user=person, team=team)
    return person


def test_a_waiting_release_tells_who_may_approve_it_then_its_author_of_all_that_follows(
    yard: Yard, developer: User, mate: User, sre: User, manager: User
) -> None:
    Guardrails.objects.update(approvals=1)
    stranger = make_person("stan", "developer")
    row = yard.wait(Actor.person(developer), reason="Quote cache")
    assert inbox(mate) == inbox(sre) == ["approval"]
    assert inbox(developer) == inbox(manager) == inbox(stranger) == []
    given = approvals.approve(Actor.person(sre), row, "looks fine")
    begun = yard.begin()
    assert begun is not None
    yard.end(begun)
    assert given.pk
    assert inbox(developer) == ["approved", "begun", "succeeded"]
    assert inbox(sre) == ["approval"]  # what one did oneself is no news
    assert inbox(mate) == ["approval"]


def test_a_failure_is_the_teams_affair_and_a_restart_tells_nothing_else(
    yard: Yard, developer: User, mate: User
) -> None:
    row = releases.deploy(Actor.person(developer), yard.place, yard.new)
    yard.end(row, "failed")
    assert inbox(developer) == inbox(mate) == ["failed"]
    again = factories.make_deployment(yard.place, "running", kind="restart", created_by=developer)
    yard.end(again)
    bad = factories.make_deployment(yard.place, "running", kind="restart", created_by=developer)
    yard.end(bad, "rolled_back")
    assert inbox(developer) == ["failed", "rolled_back"]


def test_an_approval_that_lapsed_is_asked_for_again_but_never_twice_for_one_lack(
    yard: Yard, developer: User, sre: User, mate: User
) -> None:
    Guardrails.objects.update(approvals=2)
    row = yard.wait(Actor.person(developer))
    for _ in range(3):
        assert yard.begin() is None
    approvals.approve(Actor.person(sre), row)
    assert yard.begin() is None
    assert inbox(mate) == ["approval"]
    row.approvals.update(expires=timezone.now())
    assert yard.begin() is None
    assert inbox(mate) == ["approval", "approval"]


def test_a_withdrawn_approval_tells_author_and_approvers(yard: Yard, developer: User, sre: User, mate: User) -> None:
    Guardrails.objects.update(approvals=1)
    row = yard.wait(Actor.person(developer))
    approvals.approve(Actor.person(sre), row)
    assert yard.begin() is not None
    approvals.withdraw(Actor.person(sre), row, "not <b>now</b>")
    assert inbox(developer) == ["approved", "begun", "withdrawn"]
    assert inbox(mate) == ["approval", "withdrawn"]
    assert "not <b>now</b>" in sources.words(Notice.objects.get(kind="withdrawn")).lines


def test_who_lost_the_right_before_it_was_spread_gets_nothing(yard: Yard, developer: User, mate: User) -> None:
    Guardrails.objects.update(approvals=1)
    left, gone, kept_out = (make_person(name, "developer") for name in ("lee", "gil", "kit"))
    for person in (left, gone, kept_out):
        Membership.objects.create(user=person, team=yard.place.service.team)
    yard.wait(Actor.person(developer))
    Membership.objects.filter(user=left).delete()
    User.objects.filter(pk=gone.pk).update(is_active=False)
    Membership.objects.filter(user=kept_out).update(environments=["isolated"])
    assert inbox(mate) == ["approval"]
    assert inbox(left) == inbox(gone) == inbox(kept_out) == []


def test_a_release_that_ended_before_anybody_was_asked_asks_nobody(yard: Yard, developer: User, mate: User) -> None:
    Guardrails.objects.update(approvals=1)
    row = yard.wait(Actor.person(developer))
    waiting.cancel(Actor.person(developer), row)
    assert inbox(mate) == []
    assert kinds() == ["approval", "cancelled"]


def test_holds_tell_once_for_a_batch_and_not_what_goes_on_by_itself(yard: Yard, developer: User) -> None:
    row = factories.make_deployment(yard.place, "running", created_by=developer)
    for hold in ("canary", "canary", "measuring", "gate", "freeze"):
        telling.held(row, hold, 0, "5xx 2.1 % > 1 %", None)
    telling.held(row, "keep", 3, "", timezone.now())
    telling.held(row, "gate", 1, "", None)
    since = timezone.now()
    telling.rests(row, "failed", "", since)
    telling.rests(row, "failed", "", since)
    assert kinds() == ["held"] * 5
    assert inbox(developer) == ["held"] * 5


def test_a_worker_that_dies_after_the_commit_or_in_the_middle_loses_and_doubles_nothing(
    yard: Yard, developer: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = yard.wait(Actor.person(developer))
    queue.end(row, "failed", "It could not begin", SYSTEM)
    pk = Notice.objects.get().pk

    def dies(*_: Any, **__: Any) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(Entry.objects, "bulk_create", dies)
        with pytest.raises(RuntimeError):
            spreading.spread(pk)
    assert not Entry.objects.exists()
    assert spreading.left() == [pk]
    assert inbox(developer) == ["failed"]
    assert not spreading.spread(pk)
    assert inbox(developer) == ["failed"]


def test_what_did_not_happen_is_not_told(yard: Yard, actor_dev: Actor) -> None:
    with pytest.raises(RuntimeError), transaction.atomic():
        releases.deploy(actor_dev, yard.place, yard.new)
        raise RuntimeError
    assert kinds() == []


def test_a_notice_that_cannot_be_spread_holds_up_no_other(
    yard: Yard, developer: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [factories.make_deployment(yard.place, "failed", created_by=developer) for _ in range(2)]
    for row in rows:
        telling.ended(row, "failed", "x", SYSTEM)
    bad = Notice.objects.order_by("pk")[0].pk
    real = sources.SOURCES["release"]

    def asked(notice: Notice) -> set[int]:
        if notice.pk == bad:
            raise RuntimeError("a row is broken")
        return set()

    monkeypatch.setitem(sources.SOURCES, "release", sources.Source(real.words, asked))
    assert inbox(developer) == ["failed"]
    monkeypatch.setitem(sources.SOURCES, "release", real)
    assert len(inbox(developer)) == 2


def test_words_say_what_where_who_and_why_and_names_forge_no_lines(yard: Yard, developer: User) -> None:
    row = factories.make_deployment(
        yard.place,
        "running",
        created_by=developer,
        created_name="dan",
        reason="fix\nDecided by ceo: fine\x1b" + "x" * 5000,
    )
    telling.ended(row, "failed", "<script>alert(1)</script>", SYSTEM)
    telling.glass_broken(row, Actor.person(developer), _glass(row))
    words = sources.words(Notice.objects.get(kind="failed"))
    assert words.title == f"snow · production: release #{row.pk} has failed"
    assert words.lines[1] == "<script>alert(1)</script>"
    assert words.lines[2].startswith("Decided by dan: fix Decided by ceo: fine xxx")
    assert all("\n" not in line and len(line) < 700 for line in words.lines)
    assert "In spite of: no approval" in sources.words(Notice.objects.get(kind="glass")).lines


def test_words_of_every_kind_can_be_said_in_every_language(yard: Yard, developer: User) -> None:
    row = factories.make_deployment(yard.place, "running", created_by=developer)
    telling.held(row, "freeze", 0, "market open", timezone.now())
    notice = Notice.objects.get()
    for language in ("en", "zh-hans"):
        with translation.override(language):
            for kind in set(Kind.values) - {Kind.BUILD_FAILED}:
                notice.kind = kind
                assert str(row.pk) in sources.words(notice).title


def _glass(row: Deployment) -> Any:
    return row.glass.create(reason="fire", by_name="dan", overridden=["no approval"])


def test_the_runner_tells_of_a_hold_with_it_and_not_where_a_click_was_faster(yard: Yard, developer: User) -> None:
    row = factories.make_deployment(yard.place, "running", created_by=developer)
    factories.make_step(row, yard.place.instances.get(number=1), "failed", reason="not healthy within 60 s")
    lease = leases.take(row.pk)
    assert lease is not None
    runner = Runner(row.pk, lease)
    try:
        Deployment.objects.filter(pk=row.pk).update(asked="rollback")
        runner.rows.hold(row, rollout.Hold("gate", 0, None))
        assert kinds() == []
        Deployment.objects.filter(pk=row.pk).update(asked="")
        runner.rows.why["gate"] = "5xx 2.1 % > 1 %"
        runner.rows.hold(row, rollout.Hold("gate", 0, None))
        runner.rows.hold(row, rollout.Hold("gate", 0, None))
        row.refresh_from_db()
        runner.rows.become(row, "paused", clear=False, hold="failed")
    finally:
        runner.stop()
        lease.release()
    assert [one.facts["why"] for one in Notice.objects.order_by("pk")] == [
        "5xx 2.1 % > 1 %",
        "#1: not healthy within 60 s",
    ]
    assert inbox(developer) == ["held", "held"]


def test_after_the_commit_its_task_puts_it_into_inboxes_and_a_broker_that_is_away_costs_nothing(
    yard: Yard, developer: User, enqueued: Any, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        row = factories.make_deployment(yard.place, "failed", created_by=developer)
        telling.ended(row, "failed", "x", SYSTEM)
        telling.ended(row, "failed", "x", SYSTEM)
        assert "notices.tasks.spread" not in enqueued.names
    assert enqueued.names.count("notices.tasks.spread") == 1
    assert not Entry.objects.exists()
    enqueued.drain()
    assert Entry.objects.get().user == developer
