"""What forges send: proved, kept once, and built with the right of who set it up."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone
from dulwich.objects import ObjectID
from dulwich.refs import Ref
from dulwich.repo import Repo
from hypothesis import given
from hypothesis import strategies as st

from builds.forges import events, receiving, taking
from builds.models import Build, Forge, ForgeDelivery, Image
from tests.builds.conftest import commit
from tests.forges.calls import ZEROS, push, send, tag
from tests.queue import Queue
from xqplatform.accounts.models import Membership
from xqplatform.audit.models import Event
from xqplatform.notices import sources
from xqplatform.notices.models import Notice

pytestmark = pytest.mark.django_db


def head(forge: Forge, branch: str = "main") -> str:
    return commit(Path(forge.project.repository), {"Dockerfile": (0o100644, b"FROM scratch\n")}, branch)


def only(forge: Forge) -> ForgeDelivery:
    return forge.deliveries.get()


def finish(build: Build, state: str = "succeeded") -> None:
    """The build's end as its runner writes it."""
    Build.objects.filter(pk=build.pk).update(state=state, reason="" if state == "succeeded" else "no Dockerfile")
    build.refresh_from_db()
    if state == "succeeded":
        Image.objects.create(project=build.project, build=build, repository="x", tag=f"t{build.pk}",
                             branch=build.branch, revision=build.revision)  # fmt: skip
    taking.tell(build)


@pytest.mark.parametrize("kind", Forge.Kind.values)
def test_a_push_is_built_by_the_right_of_who_set_it_up(
    make_forge: Callable[..., Forge], enqueued: Queue, kind: str
) -> None:
    forge = make_forge(kind)
    revision = head(forge)
    answer = send(forge, push(revision, kind=kind))
    assert answer.status_code == 202
    taking.go_on(only(forge).pk)
    row = only(forge)
    assert (row.state, row.name, row.sender, row.commits) == ("building", "main", "otto", 1)
    assert row.build is not None
    assert (row.build.revision, row.build.branch, row.build.created_name) == (revision, "main", "dan")
    event = Event.objects.get(action="build.start")
    assert (event.actor, event.via, event.user) == ("dan", "forge", forge.author)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("kind", ["github", "gitlab"])
def test_the_same_event_twenty_times_at_the_same_moment_builds_once(
    make_forge: Callable[..., Forge], enqueued: Queue, kind: str
) -> None:
    forge = make_forge(kind)
    data, codes = push(head(forge), kind=kind), []
    start = threading.Barrier(20)

    def call(n: int) -> None:
        start.wait()
        try:  # some with the same number, some as if each were new
            codes.append(send(forge, data, number=f"delivery-{n % 4}").status_code)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=call, args=(n,)) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(codes) == [200] * 19 + [202]
    row = only(forge)
    assert row.times == 20
    workers = [threading.Thread(target=_worker, args=(row.pk,)) for _ in range(4)]
    for thread in workers:
        thread.start()
    for thread in workers:
        thread.join(60)
    assert Build.objects.count() == 1


def _worker(pk: int) -> None:
    try:
        taking.go_on(pk)
    finally:
        connections.close_all()


def test_a_failed_build_is_not_begun_anew_by_a_repetition(forge: Forge) -> None:
    data = push(head(forge))
    send(forge, data)
    taking.go_on(only(forge).pk)
    finish(Build.objects.get(), "failed")
    taking.go_on(only(forge).pk)
    assert only(forge).state == "failed"
    assert "no Dockerfile" in only(forge).words
    assert send(forge, data).status_code == 200
    assert taking.due() == []
    assert Build.objects.count() == 1


@pytest.mark.parametrize("kind", Forge.Kind.values)
def test_a_forged_signature_begins_nothing(make_forge: Callable[..., Forge], kind: str) -> None:
    forge = make_forge(kind)
    for _ in range(30):
        assert send(forge, push(head(forge), kind=kind), secret="guessed").status_code == 401
    assert forge.deliveries.count() == receiving.MOST_FORGED
    assert set(forge.deliveries.values_list("state", "signed")) == {("refused", False)}
    assert taking.due() == []
    assert send(forge, push(head(forge), kind=kind)).status_code == 202, "what is forged takes nobody's place"


def test_a_replay_with_another_number_and_an_old_event_are_refused(forge: Forge) -> None:
    data = push(head(forge))
    assert send(forge, data, number="a").status_code == 202
    assert send(forge, data, number="b").status_code == 200
    old = push(head(forge), repository={"pushed_at": int(timezone.now().timestamp()) - 4 * 86_400})
    answer = send(forge, old)
    assert answer.status_code == 400
    assert "three days" in answer.json()["words"]
    assert send(forge, push(head(forge), repository={"pushed_at": 4_000_000_000})).status_code == 400
    assert [row.state for row in forge.deliveries.all()] == ["refused", "refused", "received"]


def test_there_and_back_and_there_again_at_gitlab(make_forge: Callable[..., Forge]) -> None:
    forge = make_forge("gitlab")
    first, second = head(forge), head(forge)
    codes = [send(forge, push(one, kind="gitlab")).status_code for one in (first, second, first, first)]
    assert codes == [202, 202, 202, 200]


def test_a_deleted_branch_and_a_push_without_commits(forge: Forge) -> None:
    assert send(forge, push(ZEROS, deleted=True, commits=[], head_commit=None)).status_code == 200
    assert (only(forge).state, only(forge).kind) == ("nothing", "deleted")
    revision = head(forge, "release")
    assert send(forge, push(revision, "release", commits=[])).status_code == 202
    row = forge.deliveries.get(state="received")
    taking.go_on(row.pk)
    assert (Build.objects.get().revision, row.commits) == (revision, 0)


def test_only_branches_and_events_that_are_wanted(forge: Forge, actor_dev: Any) -> None:
    from builds.forges import services

    services.save(actor_dev, forge.project, {"branches": "prod release/*", "tags": ""})
    for data in (push(head(forge)), tag(head(forge))):
        assert send(forge, data).status_code == 200
    assert send(forge, {"zen": "x"}, event="ping").status_code == 200
    assert {row.state for row in forge.deliveries.all()} == {"nothing"}
    assert send(forge, push(head(forge), "release/7")).status_code == 202


def test_a_tag_of_what_was_built_goes_on_with_that_image(forge: Forge) -> None:
    revision = head(forge)
    send(forge, push(revision))
    taking.go_on(only(forge).pk)
    finish(Build.objects.get())
    assert send(forge, tag(revision, tag_object="7" * 40)).status_code == 202
    row = forge.deliveries.get(kind="tag")
    assert row.revision == revision
    taking.go_on(row.pk)
    taking.go_on(row.pk)
    row.refresh_from_db()
    assert (row.state, row.build, Build.objects.count()) == ("done", Build.objects.get(), 1)


def test_a_tag_on_no_branch_any_more_is_built(forge: Forge) -> None:
    revision = head(forge, "release-7")
    with Repo(forge.project.repository) as repo:
        repo.refs[Ref(b"refs/tags/v7")] = ObjectID(revision.encode())
        del repo.refs[Ref(b"refs/heads/release-7")]
    assert send(forge, tag(revision, "v7")).status_code == 202
    taking.go_on(only(forge).pk)
    build = Build.objects.get()
    assert (build.revision, build.branch) == (revision, "v7")


def test_nothing_is_begun_for_who_has_left(forge: Forge, developer: Any) -> None:
    data = push(head(forge))
    send(forge, data)
    developer.is_active = False
    developer.save()
    taking.go_on(only(forge).pk)
    row = only(forge)
    assert row.state == "refused"
    assert "dan" in row.words
    event = Event.objects.get(denied=True)
    assert (event.action, event.actor, event.via) == ("build.start", "dan", "forge")
    told = Notice.objects.get(source="push")
    assert "dan" in sources.words(told).lines[0]
    # Somebody puts it right and has the forge send it again.
    developer.is_active = True
    developer.save()
    assert send(forge, data).status_code == 202
    taking.go_on(row.pk)
    assert Build.objects.count() == 1
    # And who is not even a row any more.
    Membership.objects.all().delete()
    Forge.objects.update(author=None)
    send(forge, push(head(forge)))
    taking.go_on(forge.deliveries.get(state="received").pk)
    assert Build.objects.count() == 1


def test_only_the_newest_commit_of_a_branch_goes_on(forge: Forge, monkeypatch: pytest.MonkeyPatch) -> None:
    from builds.forges import seams

    gone_on: list[str] = []

    def release(row: ForgeDelivery, image: Image) -> list[seams.Began]:
        gone_on.append(row.revision)
        return [seams.Began("released", "/releases/1/")]

    monkeypatch.setattr(seams, "RELEASES", [release])
    first = head(forge)
    send(forge, push(first))
    one = only(forge)
    taking.go_on(one.pk)
    second = head(forge)
    send(forge, push(second))
    two = forge.deliveries.get(state="received")
    taking.go_on(two.pk)
    for build in Build.objects.order_by("pk"):
        finish(build)
    for row in (one, two):
        taking.go_on(row.pk)
        row.refresh_from_db()
    assert gone_on == [second]
    assert "pushed anew" in one.words
    assert two.began == [{"words": "released", "url": "/releases/1/"}]


def test_a_worker_that_died_is_followed_by_another(forge: Forge, monkeypatch: pytest.MonkeyPatch) -> None:
    send(forge, push(head(forge)))
    row = only(forge)
    with monkeypatch.context() as patch:
        patch.setattr(taking, "start_build", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            taking.go_on(row.pk)
    taking.go_on(row.pk)
    assert taking.due() == []
    assert Build.objects.count() == 0, "the claim still holds"
    ForgeDelivery.objects.update(due=timezone.now() - timedelta(seconds=1))
    assert taking.due() == [row.pk]
    taking.go_on(row.pk)
    assert Build.objects.count() == 1


def test_what_began_something_is_known_for_ever(forge: Forge) -> None:
    data = push(head(forge), repository={})
    send(forge, data)
    taking.go_on(only(forge).pk)
    send(forge, {"zen": "x"}, event="ping")
    send(forge, push(ZEROS, "feature"))
    ForgeDelivery.objects.update(last=timezone.now() - timedelta(days=400))
    taking.tidy()
    deleted, built = forge.deliveries.all()
    assert (deleted.kind, built.state) == ("deleted", "building")
    assert send(forge, data).status_code == 200


def test_too_many_and_too_large(forge: Forge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receiving, "MOST_A_MINUTE", 3)
    codes = [send(forge, push(f"{n:040x}")).status_code for n in range(1, 6)]
    assert codes == [202, 202, 202, 429, 429]
    monkeypatch.setattr(receiving, "LARGEST", 100)
    assert send(forge, push("a" * 40)).status_code == 413


NONSENSE = [
    b"", b"{", b"[]", b"null", b"[" * 50_000, b"\xff\xfe", b'{"ref": 1}', b'{"ref": "refs/heads/"}',
    b'{"ref": "refs/heads/m", "after": "xyz"}', b'{"ref": "refs/heads/m", "after": ' + b"9" * 4300 + b"}",
    json.dumps(push("a" * 40, "a\0b")).encode(), json.dumps(push("a" * 40, "x" * 300)).encode(),
    json.dumps(push("a" * 64)).encode(), b'{"ref": "refs/heads/\\ud800", "after": "' + b"a" * 40 + b'"}',
]  # fmt: skip


def test_nonsense_is_refused_and_never_breaks(forge: Forge, client: Any) -> None:
    for body in NONSENSE:
        assert send(forge, body).status_code == 400, body[:60]
    odd = push("a" * 40, commits="x", sender={"login": {"a": 1}}, repository=[1], pusher=7, deleted="yes")
    assert send(forge, odd).status_code == 202
    assert send(forge, push("b" * 40, sender={"login": "\0\ud800<script>" + "x" * 900})).status_code == 202
    address = f"/forge/{forge.key}/"
    assert client.post(address, {"payload": "{}"}).status_code == 400, "without the header"
    assert client.post(address, b"{}", "application/json", headers={"X-GitHub-Event": "push",
                       "X-Hub-Signature-256": "sha256=\xe9"}).status_code == 401  # fmt: skip
    assert client.post("/forge/nobody-knows/", {}).status_code == 404
    assert client.get(address).status_code == 405
    Forge.objects.update(enabled=False)
    assert send(forge, push("a" * 40)).status_code == 403


@given(st.binary(max_size=200) | st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["ref", "after", "deleted", "commits", "sender", "repository", "pushed_at", "head_commit", "id"]),
        inner, max_size=6), max_leaves=20).map(lambda data: json.dumps(data).encode()),
    st.sampled_from(Forge.Kind.values))  # fmt: skip
def test_reading_says_what_it_is_or_that_it_is_nonsense(body: bytes, kind: str) -> None:
    headers = {events.EVENT[kind]: sorted(events.PUSHES[kind])[0]}
    assert not events.is_signed(kind, "secret", headers, body)
    try:
        found = events.read(kind, headers, body)
    except events.Nonsense:
        return
    assert found.kind in {"push", "tag", "deleted"}
    assert (len(found.revision) == 40) == (found.kind != "deleted")
