"""Searching events: the index finds exactly what the meaning of a search says, on both databases."""

from __future__ import annotations

import random
from itertools import pairwise
from typing import Any

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from tests import factories
from xqplatform import audit
from xqplatform.accounts.actor import Actor
from xqplatform.audit.models import Event, Indexed
from xqplatform.audit.search import index, store, words
from xqplatform.audit.search.asked import Asked
from xqplatform.audit.search.finding import Search
from xqplatform.audit.search.language import parse
from xqplatform.audit.search.matching import ask
from xqplatform.audit.search.words import Where, document
from xqplatform.audit.vias import VIAS


def find(actor: Actor, text: str) -> list[int]:
    return [event.pk for event in Search(actor, Asked(text, parse(text))).events()]


@pytest.fixture
def made(actor_sre: Actor, actor_dev: Actor, team: Any) -> dict[str, int]:
    place = factories.make_running_place("snow", "production", 1, team=team)
    token = Actor("robot", "api", actor_dev.user, "10.1.2.3", "0123456789abcdef")
    rows = {
        "team": audit.record(actor_sre, "team.create", team, after={"title": "内存不足的团队"}),
        "scale": audit.record(
            token, "service.scale", place, before={"wanted": 4}, after={"wanted": 6}, reason="more load before the open"
        ),
        "deploy": audit.record(
            actor_sre,
            "service.deploy",
            place.instances.get(),
            after={"image": "snow:1445589786_fd63ea39_prod_java8V16", "limits": {"memory": "8g", "swap": False}},
        ),
        "denied": audit.record(actor_dev, "host.manage", factories.make_host("db-17"), denied=True),
    }
    return {name: event.pk for name, event in rows.items()}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("snow", "deploy scale team"),  # the team is called so, too
        ("sno", "deploy scale team"),
        ('"sno"', ""),
        ("now", ""),
        ("who:sara", "deploy team"),
        ("who:sara -team", "deploy"),
        ("action:service.*", "deploy scale"),
        ("action:service.scale", "scale"),
        ("env:production", "deploy scale"),
        ("environment:production service:snow via:api", "scale"),
        ("host:db-17", "denied"),
        ("db-17", "denied"),
        ("db", "denied"),
        ("ip:10.1.2.3", "scale"),
        ("ip:10.1.*", "scale"),
        ("10.1.2.3", "scale"),
        ("10.1.3.2", ""),
        ("request:0123456789abcdef", "scale"),
        ("0123456789ABCDEF", "scale"),
        ("denied:yes", "denied"),
        ("denied:no -who:sara", "scale"),
        ('reason:"more load"', "scale"),
        ('reason:"load more"', ""),
        ('"load before the open"', "scale"),
        ('"load the open before"', ""),
        ('-"more load before"', "deploy denied team"),
        ("before:4 after:6", "scale"),
        ("before:6", ""),
        ("after:8g", "deploy"),
        ("内存", "team"),
        ("存不足", "team"),
        ("足不", ""),
        ("fd63ea39", "deploy"),
        ("1445589786_fd63", "deploy"),
        ("1445589786_fd64", ""),
        ("java8v16", "deploy"),
        ("kind:team", "team"),
        ("object:snow", "deploy scale team"),
        ("-via:cli", "scale"),
        ("???", ""),
    ],
)
def test_what_is_found(made: dict[str, int], actor_sre: Actor, text: str, expected: str) -> None:
    names = {pk: name for name, pk in made.items()}
    assert {names[pk] for pk in find(actor_sre, text)} == set(expected.split())


TEXT = st.text(st.sampled_from("abc内存 .-_"), max_size=14)
EVENT = st.builds(
    Event,
    actor=st.sampled_from(["dan", "sara"]),
    action=st.sampled_from(["service.deploy", "login"]),
    via=st.sampled_from(["api", "page"]),
    ip=st.sampled_from(["", "10.1.2.3", "fe80::1"]),
    object_name=TEXT,
    reason=TEXT,
    after=st.one_of(
        st.none(), st.dictionaries(TEXT, st.one_of(TEXT, st.booleans(), st.lists(TEXT, max_size=2)), max_size=2)
    ),
)
PIECE = st.sampled_from(
    ["ab", "a b", "内", "内存", "a-b", "dan", "action:service.*", "via:api", "reason:ab", "10.1.2.3", "ca.b-c a"]
)


@given(EVENT)
def test_an_event_is_found_by_every_word_that_it_has(event: Event) -> None:
    held = document(event, Where(service="snow"))
    for text in (event.reason, event.object_name):
        for word in text.split():
            if words.split(word):
                assert ask(parse(word.lstrip("-"))).holds(held) or not words.split(word.lstrip("-"))
    phrase = " ".join(event.reason.split())
    if words.split(phrase):
        assert ask(parse(f'"{phrase}"')).holds(held)
        assert not ask(parse(f'-"{phrase}"')).holds(held)


@given(
    EVENT,
    st.lists(
        st.sampled_from(
            [
                "via:api",
                "via:page",
                "-via:api",
                *(f"-via:{via}" for via in VIAS),
                "who:dan",
                "-who:dan",
                "denied:no",
                "-denied:yes",
                "ab",
                "-ab",
                "!",
            ]
        )
    ),
)
def test_what_is_called_impossible_holds_for_no_event(event: Event, terms: list[str]) -> None:
    wanted = ask(parse(" ".join(terms)))
    assert not (wanted.impossible and wanted.holds(document(event, Where(service="snow"))))


@pytest.mark.parametrize(
    "text", ["via:api via:page", "ab -ab", "who:dan ab who:sara", "!", "ab -denied:no -denied:yes"]
)
def test_contradictions_are_plain(text: str) -> None:
    assert ask(parse(text)).impossible


@given(st.integers(1, 9 << store.LARGE), st.integers(0, 9 << store.LARGE), st.lists(st.integers(0, store.MOST_LARGE)))
def test_blocks_hold_all_ids_once_and_in_order(below: int, above: int, widths: list[int]) -> None:
    width = iter(widths)
    while below > above:
        block, lower = store.window(below, above, next(width, 1))
        held = []
        for mark in block:
            kind, number = mark.split("=")
            bits = store.SMALL if kind == "s" else store.LARGE
            held.append(range(int(number) << bits, int(number) + 1 << bits))
        assert held[0].start == lower < below
        assert all(one.stop == other.start for one, other in pairwise(held))
        assert held[-1].stop >= below > held[-1].start
        below = lower


def test_many_blocks_are_asked_at_once_where_little_is_found() -> None:
    assert store.wide(0, 8192, 51) == store.MOST_LARGE
    assert store.wide(50, 1 << store.LARGE, 1) == 1
    assert store.wide(400, 1 << store.LARGE, 9600) == store.MOST_LARGE
    assert store.wide(5000, 1 << store.LARGE, 10_000) == 2


def test_what_is_rare_is_asked_for_at_once() -> None:
    assert store.at_once(0, 8192, 10**6, 500)
    assert not store.at_once(0, 8192, 10**6, 500_000)
    assert not store.at_once(100, 8192, 10**6, 500)


@pytest.mark.django_db
@pytest.mark.parametrize("rare", [0, 10**9])
def test_the_index_finds_what_the_meaning_says(actor_sre: Actor, monkeypatch: pytest.MonkeyPatch, rare: int) -> None:
    """Random events and searches: both databases give exactly the events of which the pure meaning holds."""
    monkeypatch.setattr(store, "RARE", rare)  # by blocks, and at once
    dice = random.Random(7)
    bits = ["ab", "abc", "b-c", "内存不足", "10.1.2.3", "more memory now", "java8V16", "deployments", "x"]
    documents = {}
    for key in range(1, 400):
        event = Event(
            pk=key * 97, actor=dice.choice(["dan", "sara"]), action=dice.choice(["service.deploy", "login"]),
            via=dice.choice(["api", "page"]), object_name=dice.choice(bits), reason=" ".join(dice.choices(bits, k=3)),
            after={dice.choice(bits): dice.choice(bits)},
        )  # fmt: skip
        index._put([(event, Where(environment=dice.choice(["grey", "production"])))])
        documents[event.pk] = document(event, Where(environment=Indexed.objects.get(pk=event.pk).environment))
    pieces = [
        *bits,
        '"ab abc"',
        '"memory now b"',
        "who:dan",
        "env:grey",
        "action:service.*",
        "deploymentz",
        "after:abc",
        "reason:内存",
    ]
    for _turn in range(150):
        text = " ".join(("-" if dice.random() < 0.3 else "") + dice.choice(pieces) for _ in range(dice.randint(1, 3)))
        wanted = ask(parse(text))
        below, above = dice.choice([None, 20_000]), dice.choice([0, 9000])
        found = list(store.ids(wanted, 10_000, below=below, above=above))
        expected = [
            k for k in sorted(documents, reverse=True) if above <= k < (below or 10**9) and wanted.holds(documents[k])
        ]
        assert found == expected, text
        assert list(store.ids(wanted, 3, below=below, above=above)) == expected[:3]


@pytest.mark.django_db
def test_events_that_came_by_another_way_are_added(made: dict[str, int], actor_sre: Actor) -> None:
    Event.objects.bulk_create(
        [Event(actor="old", via="cli", action="login"), Event(actor="old", via="cli", action="logout")]
    )
    assert find(actor_sre, "who:old") == []
    assert index.catch_up() == 2
    assert index.catch_up() == 0
    assert len(find(actor_sre, "who:old")) == 2


@pytest.mark.django_db
def test_what_was_archived_is_found_no_more(made: dict[str, int], actor_sre: Actor) -> None:
    oldest = min(made.values())
    gone = Event(pk=oldest - 1, actor="gone", via="cli", action="service.restart", reason="vanished")
    index._put([(gone, Where())])  # in the index, but not in the log any more
    search = Search(actor_sre, Asked("vanished", parse("vanished")))
    assert (list(search.events()), search.keys(10)) == ([], [])
    assert index.tidy() == 1
    assert index.tidy() == 0
    assert set(Indexed.objects.values_list("pk", flat=True)) == set(made.values())


@pytest.mark.django_db(transaction=True)
def test_an_event_of_a_transaction_that_failed_is_not_found(actor_sre: Actor) -> None:
    from django.db import transaction

    with pytest.raises(ZeroDivisionError), transaction.atomic():
        audit.record(actor_sre, "service.restart", None, reason="vanished")
        raise ZeroDivisionError
    assert find(actor_sre, "vanished") == []


@pytest.mark.django_db
def test_pages_follow_one_another_without_gap(client: Client, sre: Any, actor_sre: Actor) -> None:
    keys = [audit.record(actor_sre, "service.restart", None, reason=f"turn {n}").pk for n in range(120)]
    client.force_login(sre)
    for query in ("", "q=turn"):
        seen: list[int] = []
        before: Any = ""
        while True:
            page = client.get(f"/audit/?{query}&before={before}")
            seen += [event.pk for event in page.context["events"]]
            before = page.context["older"]
            if not before:
                break
        assert seen == keys[::-1]


@pytest.mark.django_db
def test_a_developer_finds_no_more_than_may_be_read(made: dict[str, int], actor_dev: Actor) -> None:
    assert set(find(actor_dev, "-nothing")) == {made["scale"], made["deploy"], made["denied"]}
    assert find(actor_dev, "who:sara") == [made["deploy"]]
    assert find(actor_dev, "action:team.*") == []


@pytest.mark.django_db
def test_what_a_closed_team_owns_is_neither_found_nor_counted(client: Client, actor_sre: Actor, team: Any) -> None:
    from tests.conftest import make_person

    type(team).objects.filter(pk=team.pk).update(closed=True)
    audit.record(actor_sre, "service.scale", factories.make_running_place("snow", "production", 1, team=team))
    client.force_login(make_person("otto", "developer"))
    page = client.get("/audit/?q=scale")
    assert (page.context["events"], page.context["count"], page.context["facets"]) == ([], 0, [])
    assert len(find(actor_sre, "scale")) == 1


@pytest.mark.django_db
def test_errors_stand_beside_the_box_and_what_was_typed_stays(client: Client, sre: Any, made: dict[str, int]) -> None:
    client.force_login(sre)
    page = client.get("/audit/", {"q": 'who:sara "rolled', "since": "soon"}).content.decode()
    assert 'aria-describedby="q_error"' in page
    assert "who:sara &quot;rolled" in page
    assert "«soon»" in page


@pytest.mark.django_db
def test_the_api_speaks_the_same_language(client: Client, sre: Any, made: dict[str, int]) -> None:
    client.force_login(sre)
    found = client.get("/api/v1/audit", {"q": "via:api reason:load"})
    assert [row["id"] for row in found.json()["items"]] == [made["scale"]]
    assert client.get("/api/v1/audit", {"q": 'who:sara "open'}).status_code == 400
    assert client.get("/api/v1/audit", {"q": "a\x00b"}).status_code == 400


@pytest.mark.django_db
def test_htmx_gets_the_rows_only(client: Client, sre: Any, made: dict[str, int]) -> None:
    client.force_login(sre)
    rows = client.get("/audit/?q=snow", HTTP_HX_REQUEST="true", HTTP_HX_TARGET="events").content.decode()
    assert rows.startswith('<div id="events"')
    assert "<html" not in rows
    assert (
        "data-live" not in client.get("/audit/?live=off").content.decode().partition('id="events"')[2].partition(">")[0]
    )


@pytest.mark.parametrize("name", ["o'brien", 'the "old" one', "tab\there", "bell\x07", "\x1c\x7f", "(a) [b] {c} ^~*"])
def test_signs_that_part_tokens_break_no_search(client: Client, sre: Any, actor_sre: Actor, name: str) -> None:
    audit.record(actor_sre, "team.create", None, name=name)
    client.force_login(sre)
    answer = client.get("/api/v1/audit", {"who": name})
    assert answer.status_code == 200
    found = client.get("/api/v1/audit", {"q": "object:«" + name.replace('"', "") + "»"})
    assert found.status_code in (200, 400)
    page = client.get("/audit/", {"who": name, "object": name})
    assert page.status_code in (200, 400)
